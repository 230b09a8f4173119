"""resnet56_to_resnet20 on the real CIFAR-100, shrunk to what two CPU cores do: shortened runs, not results.

    python benchmarks/shortened.py [--quick] [--json] [--backend jax]

Three runs through the command line itself: the teacher, the student with it, the same student on labels alone with the
same budget. One seed, a fraction of the images and of the epochs: it shows that the recipe is real and what a step
costs, not how good a method is. Killed, it goes on with the same command.
"""

import json
import os
from pathlib import Path

from measuring import distill, finish, options

ROOT = Path(__file__).parent.parent
# What is shrunk: (training images, test images, teacher's epochs and drops, student's epochs and drops).
SETTINGS = {
    "tensorflow": (10_000, 10_000, (10, [6, 8, 9]), (20, [12, 15, 18])),
    "jax": (2_000, 2_000, (3, [2]), (4, [3])),
    "quick": (256, 256, (1, []), (1, [])),
}


def settings(images, test_images, epochs, drops):
    fields = {
        "data.train_images": images,
        "data.test_images": test_images,
        "fit.epochs": epochs,
        "fit.drops": json.dumps(drops),
    }
    return [f"{name}={value}" for name, value in fields.items()]


def main():
    chosen = options(__doc__)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    images, test_images, taught, learned = SETTINGS["quick" if chosen.quick else backend]
    folder = ROOT / "saved_models" / f"shortened-{'quick-' if chosen.quick else ''}{backend}"
    alone = ["teacher=null", "terms=[]", "label_weight=1", "export.formats=[]"]
    student = settings(images, test_images, *learned)
    runs = {
        "teacher": distill("resnet56", folder / "resnet56", settings(images, test_images, *taught)),
        "distilled": distill("resnet56_to_resnet20", folder / "resnet56_to_resnet20", student),
        "student_alone": distill("resnet56_to_resnet20", folder / "resnet20_alone", student + alone),
    }
    rows = [f"{'':<14} {'top-1':>7} {'agreement':>10} {'epochs':>7} {'minutes':>8}"]
    for name, one in runs.items():
        found = one["report"]
        agreement = found["fidelity"]["agreement"] if found.get("fidelity") else None
        rows.append(
            f"{name:<14} {100 * found['student']['top1']:>7.2f} "
            f"{'-' if agreement is None else f'{100 * agreement:.2f}':>10} {found['epochs']:>7} "
            f"{found['time']['seconds']['training'] / 60:>8.1f}"
        )
    rows.append("shortened runs, one seed: no verdict about any method")
    result = {
        "shortened": True,
        "seeds": 1,
        "note": f"{images} of 50,000 images; {learned[0]} of 240 epochs (teacher {taught[0]}); one seed: no verdict",
        "runs": runs,
    }
    finish("shortened", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
