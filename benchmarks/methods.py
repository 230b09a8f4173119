"""Methods side by side on a pair small enough for two CPU cores: ResNet-20 to ResNet-8 on a part of CIFAR-100.

    python benchmarks/methods.py [--quick] [--json] [--backend jax]

The images are those of the first 20 classes, at half their size (16x16). Every method's recipe for ResNet-56 to
ResNet-20 is run with its published weights on the small pair: same images, epochs, batches, learning rates and seeds
for all, the student alone among them. The teacher is trained once. Killed, it goes on with the same command.
"""

import os
from pathlib import Path

import numpy as np
from measuring import finish, options

ROOT = Path(__file__).parent.parent
FIT = {"fit.batch_size": 64, "fit.learning_rate": 0.05, "fit.l2": 5e-4, "fit.drops": "[]", "fit.decay": "cosine"}
CLASSES = 20
# (training images, test images, teacher's epochs, student's epochs, seeds)
FULL = (10_000, 2_000, 12, 5, 3)
QUICK = (320, 320, 1, 1, 2)
# Recipe, and what in it counts in epochs and so is shortened with the training.
METHODS = {
    "resnet20_alone": {},
    "label_smoothing": {},
    "resnet56_to_resnet20": {},
    "dkd": {"terms.0.weight": "{end_value: 1, duration: 1}"},
    "dist": {},
    "logit_standardization": {},
    "fitnet": {},
    "at": {},
    # Its loss grows with the inverse of a map's places, and there are a quarter of them here.
    "at_quarter": {"terms.0.weight": 250},
    "sp": {},
    "rkd": {},
    "vid": {},
    "crd": {},
    "fcfd": {"terms.0.feature_weight": "{end_value: 0.02, duration: 1}"},
    "mgd": {},
}
RECIPES = {"at_quarter": "at"}
SHOWN = {"resnet20_alone": "student alone", "resnet56_to_resnet20": "kd", "at_quarter": "at, a quarter weight"}


def half_size():
    """The first classes of CIFAR-100, each image averaged down to 16x16: what `data.name` of the runs names."""
    from keras_kd import data

    whole, arrays = data.load("cifar100"), {}
    for split, part in (("train", whole.train), ("test", whole.test)):
        chosen = np.flatnonzero(np.asarray(part.labels) < CLASSES)
        images = np.asarray(part.images[chosen]).reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))
        arrays[f"x_{split}"] = np.round(images).astype("uint8")
        arrays[f"y_{split}"] = np.asarray(part.labels)[chosen]
    return arrays


def run(name, settings, folder, seed):
    """The report of one run."""
    from keras_kd.recipe.load import load
    from keras_kd.workflows.run.distill import distill

    recipe = load(
        RECIPES.get(name, name), [f"{key}={value}" for key, value in {**FIT, **settings, "seed": seed}.items()]
    )
    return distill(recipe, folder, name=name)


def main():
    chosen = options(__doc__)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    os.chdir(Path(__file__).parent)  # `methods:half_size` is found here
    images, test_images, taught, learned, seeds = QUICK if chosen.quick else FULL
    base = ROOT / "saved_models" / f"methods-{'quick-' if chosen.quick else ''}{backend}"
    common = {
        "data": f"{{name: 'methods:half_size', views: crop_flip, train_images: {images}, test_images: {test_images}}}",
        "export.formats": "[]",
    }
    teacher_settings = {**common, "student": "resnet20", "fit.epochs": taught}
    teacher = run("resnet56", teacher_settings, base / "teacher", seed=0)
    student = {**common, "student": "resnet8", "fit.epochs": learned}
    measured = {}
    for seed in range(seeds):
        for name, own in METHODS.items():
            settings = {**student, **own}
            if name not in ("resnet20_alone", "label_smoothing"):
                settings["teacher"] = str(base / "teacher" / "student.keras")
            measured.setdefault(name, []).append(run(name, settings, base / f"{name}-seed{seed}", seed))
    alone = np.array([one["student"]["top1"] for one in measured["resnet20_alone"]])
    rows = [f"{'':<22} {'top-1':>14} {'over alone':>16} {'agreement':>10} {'seconds':>8}"]
    summary = {}
    for name, reports in measured.items():
        top1 = np.array([one["student"]["top1"] for one in reports])
        agreement = [one["fidelity"]["agreement"] for one in reports if one.get("fidelity")]
        seconds = float(np.median([one["time"]["seconds"]["training"] for one in reports]))
        gain = top1 - alone
        summary[SHOWN.get(name, name)] = {
            "recipe": RECIPES.get(name, name),
            "settings": METHODS[name],
            "top1": {"mean": float(top1.mean()), "std": float(top1.std(ddof=1)), "each": top1.tolist()},
            "over_alone": {"mean": float(gain.mean()), "std": float(gain.std(ddof=1)), "each": gain.tolist()},
            "agreement": float(np.mean(agreement)) if agreement else None,
            "training_seconds": seconds,
        }
        difference = "-" if name == "resnet20_alone" else f"{100 * gain.mean():+.2f} +- {100 * gain.std(ddof=1):.2f}"
        rows.append(
            f"{SHOWN.get(name, name):<22} {100 * top1.mean():>6.2f} +- {100 * top1.std(ddof=1):.2f} {difference:>16} "
            f"{f'{100 * np.mean(agreement):.2f}' if agreement else '-':>10} {seconds:>8.0f}"
        )
    rows.append(
        f"teacher {100 * teacher['student']['top1']:.2f} (resnet20, {taught} epochs); {images} images, "
        f"{learned} epochs, {seeds} seeds, mean +- standard deviation; differences are paired by seed"
    )
    result = {
        "pair": "resnet20 to resnet8",
        "data": f"CIFAR-100, first {CLASSES} classes, 16x16; {images} training and {test_images} test images",
        "teacher": {"top1": teacher["student"]["top1"], "epochs": taught},
        "epochs": learned,
        "seeds": seeds,
        "settings": FIT,
        "methods": summary,
        "note": "pair, budget and teacher far smaller than the published ones; published weights, unless a row says so",
    }
    finish("methods", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
