"""Is it the published protocol? A PyTorch loop with its settings next to keras_kd, on the same data with one teacher.

    pip install -e '.[benchmarks]'
    python benchmarks/against_reference.py [--quick] [--json] [--seeds 7] [--jobs 1] [--folder saved_models/...]

Twenty classes of CIFAR-100 with 250 training images each. keras_kd trains a resnet20; its weights are carried over to
PyTorch, where it must say the same. Then a resnet8 is trained by every row of `torch_protocol.ROWS`, on both sides by
the same settings, as often as there are seeds; the seeds of the two sides have nothing in common but their number.
keras_kd's students come from its recipes, with `--set`. Before that the losses are compared on the same signals, and
the first two steps from the same weights on the same batches, next to what rounding alone does to them.

`--exchange start,order,views` runs PyTorch's side with keras_kd's own start, order or views in place of its own, for as
many seeds as `--exchanged` and the rows that `--rows` say. With all three a row is the same training to rounding, CRD
but for what it draws and where its embeddings begin. `no decay of norms` and `all negatives` (those of CRD, drawn as
keras_kd draws them) can be named there too: neither is the published way.

Every process has one thread. A finished run is kept in a file; killed, it goes on with the same command.
"""

import csv
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from measuring import RESULTS, finish, options
from reference_table import compared, table_of

# One thread a process, before any library reads it: CPU seconds are then those of the work.
for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ[threads] = "1"

ROOT = RESULTS.parent.parent
FULL = {
    "teacher": "resnet20",
    "student": "resnet8",
    "classes": 20,
    "images_a_class": 250,
    "test_images_a_class": 100,
    "teacher_epochs": 16,
    "teacher_drops": [10, 14],
    "epochs": 6,
    "drops": [4],
    "batch": 64,
    "rate": 0.05,
    "decay": 5e-4,
    # Of CRD: as many for an image as 16,384 are for 50,000.
    "negatives": 1638,
}
QUICK = {
    **FULL,
    "images_a_class": 7,
    "test_images_a_class": 5,
    "teacher_epochs": 1,
    "teacher_drops": [],
    "epochs": 1,
    "drops": [],
    "negatives": 46,
}
# Name of a row: (recipe, what is set of it).
RECIPES = {
    "alone": ("resnet20_alone", {}),
    "kd": ("resnet56_to_resnet20", {}),
    "at": ("at", {}),
    "sp": ("sp", {}),
    "crd": ("crd", {"terms.0.negatives": "negatives"}),
    "rkd": ("rkd", {}),
}
# What may lie between the two sides: of logits, of losses relative to them, of first steps over what rounding does.
LOGITS_ALIKE, LOSSES_ALIKE, TIMES_ROUNDING = 1e-4, 1e-5, 10


class Work:
    """The folder of a measurement: its data, its teacher, and a file for each finished run.

    Args:
        folder: where it lies.
        settings: `FULL` or `QUICK`.
    """

    def __init__(self, folder, settings):
        self.folder, self.settings = Path(folder).resolve(), settings
        self.data, self.teacher = self.folder / "data.npz", self.folder / "teacher.npz"

    def kept(self, side, row, seed):
        return self.folder / "runs" / f"{side}-{row}-seed{seed}.json"

    def keep(self, side, row, seed, found):
        path = self.kept(side, row, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        _part_of(path).write_text(json.dumps(found))
        _part_of(path).replace(path)

    def missing(self, side, seed, rows=RECIPES):
        """Those rows of a side and a seed that are not finished."""
        return [row for row in rows if not self.kept(side, row, seed).exists()]

    def runs(self, side, row):
        """{seed: what was found} of the finished runs."""
        paths = sorted(self.folder.glob(f"runs/{side}-{row}-seed*.json"))
        return {int(path.stem.rpartition("seed")[2]): json.loads(path.read_text()) for path in paths}

    def arrays(self):
        """Data, and what a network makes of pixels."""
        with np.load(self.data) as data, np.load(self.teacher) as teacher:
            return {**data, "scale": teacher["scale"], "offset": teacher["offset"]}

    def weights(self):
        """The teacher's, as `torch_networks.carry` takes them."""
        with np.load(self.teacher) as kept:
            return {name: kept[name] for name in kept.files if "/" in name}


def prepare(work):
    """The data, and the teacher as keras_kd trains it, with what it says of the test images."""
    from torch_networks import weights_of

    from keras_kd import data

    settings, whole, arrays = work.settings, data.load("cifar100"), {}
    work.folder.mkdir(parents=True, exist_ok=True)
    for split, part in (("train", whole.train), ("test", whole.test)):
        labels = np.asarray(part.labels)
        most = settings["images_a_class" if split == "train" else "test_images_a_class"]
        chosen = np.concatenate([np.flatnonzero(labels == one)[:most] for one in range(settings["classes"])])
        arrays[f"x_{split}"] = np.asarray(part.images[np.sort(chosen)])
        arrays[f"y_{split}"] = labels[np.sort(chosen)]
    _write(work.data, arrays)
    fit = {"fit.epochs": settings["teacher_epochs"], "fit.drops": settings["teacher_drops"]}
    ran = _trained(work, "resnet56", {"student": settings["teacher"], **fit}, "teacher", 0)
    rescaling = ran["model"].get_layer("normalize")
    kept = {"scale": np.asarray(rescaling.scale), "offset": np.asarray(rescaling.offset), "logits": ran["logits"]}
    _write(work.teacher, {**kept, "top1": ran["top1"], "cpu_seconds": ran["cpu_seconds"], **weights_of(ran["model"])})


def _write(path, arrays):
    """Arrays in a file that is there as a whole or not at all."""
    with open(_part_of(path), "wb") as file:
        np.savez(file, **arrays)
    _part_of(path).replace(path)


def _part_of(path):
    """Where a file is written before it is whole: a place of this process alone."""
    return path.with_suffix(f".{os.getpid()}.part")


def _trained(work, recipe, settings, folder, seed):
    """A recipe's student, trained: what it gets right, its losses, its CPU seconds, its network."""
    from keras_kd.models.network import logits_of
    from keras_kd.recipe.folders import RunFolder
    from keras_kd.recipe.load import load
    from keras_kd.workflows.run.build import build_student
    from keras_kd.workflows.run.context import RunContext
    from keras_kd.workflows.run.folder import hold_run
    from keras_kd.workflows.run.load_teacher import load_teacher
    from keras_kd.workflows.run.measure import load_student
    from keras_kd.workflows.run.open_run import load_data
    from keras_kd.workflows.run.train import train

    asked, clock = work.settings, time.process_time()
    fit = {"batch_size": asked["batch"], "learning_rate": asked["rate"], "l2": asked["decay"]}
    settings = {"data.name": work.data, **{f"fit.{key}": value for key, value in fit.items()}, **settings}
    settings = {**settings, "bank.folder": work.folder / "bank", "export.formats": "[]", "seed": seed}
    recipe = load(recipe, [f"{key}={value}" for key, value in settings.items()])
    files, dataset = RunFolder(work.folder / folder), load_data(recipe)
    teacher = load_teacher(recipe, dataset, files.path) if recipe.teacher else None
    with hold_run(files, recipe, wait=True, log=False):
        train(RunContext(recipe, dataset, files, folder, True), teacher, begin=lambda: None, anew=True)
        student = load_student(recipe, dataset, files)
        logits = logits_of(student, dataset.test.images)[0]
        with open(files.history, newline="") as file:
            history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return {
        "top1": float(np.mean(logits.argmax(1) == dataset.test.labels)),
        "history": history,
        "cpu_seconds": time.process_time() - clock,
        "logits": logits,
        "model": student.model,
        "start": lambda: build_student(recipe, dataset).model,
        "bank": files.bank.exists(),
    }


def ours(work, seed):
    """keras_kd's students of a seed; the weights with which they began are kept for exchanges."""
    from torch_networks import weights_of

    for row in work.missing("ours", seed):
        recipe, more = RECIPES[row]
        fit = {"student": work.settings["student"], "fit.epochs": work.settings["epochs"]}
        fit["fit.drops"] = work.settings["drops"]
        fit.update({path: work.settings[name] for path, name in more.items()})
        if row != "alone":
            fit["teacher"] = work.folder / "teacher" / "student.keras"
        ran = _trained(work, recipe, fit, f"{row}-seed{seed}", seed)
        if row == "alone":
            _write(work.folder / f"start-seed{seed}.npz", weights_of(ran["start"]()))
        last = ran["history"][-1]
        term = next((value for name, value in last.items() if name == f"{row}_loss"), 0.0)
        found = {
            "top1": ran["top1"],
            "label_loss": last.get("label_loss", last["loss"]),
            "term_loss": term,
            "loss": last["loss"],
            "history": [one.get("label_loss", one["loss"]) for one in ran["history"]],
            "cpu_seconds": ran["cpu_seconds"],
            "bank": ran["bank"],
        }
        work.keep("ours", row, seed, found)


def reference(work, seed, exchanged=(), rows=RECIPES):
    """PyTorch's students of a seed, side by side on the same batches."""
    from torch_networks import carry, network
    from torch_protocol import train

    side = "+".join(["reference", *exchanged])
    rows = work.missing(side, seed, rows)
    if not rows:
        return
    teacher = carry(work.weights(), network(work.settings["teacher"], work.settings["classes"]))
    start = None
    if "start" in exchanged:
        with np.load(work.folder / f"start-seed{seed}.npz") as kept:
            start = {name: kept[name] for name in kept.files}
    found, seconds = train(rows, work.arrays(), teacher, work.settings, seed, exchanged, start)
    for row, one in found.items():
        work.keep(side, row, seed, {**one, "cpu_seconds": seconds / len(found)})


def same(work):
    """How far apart PyTorch's teacher, losses and first steps are from keras_kd's on the same images, by name."""
    from loss_check import losses_apart
    from step_check import steps_apart
    from torch_networks import carry, network
    from torch_protocol import logits_of

    arrays, weights, settings = work.arrays(), work.weights(), work.settings
    teacher = carry(weights, network(settings["teacher"], settings["classes"]))
    with np.load(work.teacher) as kept:
        apart = float(np.abs(logits_of(teacher, arrays, arrays["x_test"]) - kept["logits"]).max())
    assert apart < LOGITS_ALIKE, f"the teacher's weights were carried over wrongly: logits are {apart} apart"
    losses = losses_apart(teacher, arrays, settings)
    assert max(losses.values()) < LOSSES_ALIKE, f"the losses are not the same: {losses}"
    steps = steps_apart(teacher, weights, arrays, settings, _methods(settings))
    far = {row: one for row, one in steps.items() if one["trained"] > TIMES_ROUNDING * one["rounding"]}
    assert not far, f"the first steps differ by more than rounding: {far}"
    (work.folder / "same.json").write_text(json.dumps({"teacher_logits": apart, "losses": losses, "steps": steps}))


def _methods(settings):
    """{row: the method of its recipe, None of the student alone}; the recipe's weights must be those of `ROWS`."""
    from torch_protocol import ROWS

    from keras_kd.methods.find import make
    from keras_kd.recipe.load import load

    found = {}
    for row, (name, more) in RECIPES.items():
        recipe = load(name, [f"{path}={settings[key]}" for path, key in more.items()])
        weights = (recipe.label_weight, sum(term.weight for term in recipe.terms))
        assert weights == ROWS[row][:2], f"{name} weighs labels and term by {weights}, PyTorch by {ROWS[row][:2]}"
        found[row] = make(recipe.terms[0]) if recipe.terms else None
    return found


def main():
    chosen = options(
        __doc__,
        seeds=(int, 7, "students of each row on each side; 0 writes down those that are there"),
        exchange=(str, "", "what PyTorch takes from keras_kd, by commas"),
        exchanged=(int, 0, "seeds with that"),
        rows=(str, ",".join(RECIPES), "the rows with that, by commas; all by default"),
        jobs=(int, 1, "processes at once"),
        folder=(str, None, "where finished runs are kept"),
        stage=(str, None, "of the script's own processes: one part of the work"),
        seed=(int, 0, "of that part"),
    )
    try:
        import torch
    except ImportError:
        sys.exit(
            "PyTorch is not installed, and it is what keras_kd is compared with; "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu"
        )
    settings = QUICK if chosen.quick else FULL
    folder = chosen.folder or ROOT / "saved_models" / f"against_reference{'_quick' if chosen.quick else ''}"
    work, exchanged = Work(folder, settings), tuple(one for one in chosen.exchange.split(",") if one)
    if chosen.stage:
        parts = {"prepare": prepare, "same": same, "ours": lambda work: ours(work, chosen.seed)}
        parts["reference"] = lambda work: reference(work, chosen.seed)
        parts["exchanged"] = lambda work: reference(work, chosen.seed, exchanged, chosen.rows.split(","))
        parts[chosen.stage](work)
        return
    seeds = 1 if chosen.quick else chosen.seeds
    _run_all(work, seeds, exchanged and max(chosen.exchanged, 1), chosen)
    result = compared(work, list(RECIPES))
    result["pytorch"] = {"version": torch.__version__, "threads": 1}
    finish("against_reference", result, table_of(result), chosen, by_backend=False)


def _run_all(work, seeds, seeds_exchanged, chosen):
    """Runs what is missing, seed by seed, so that what is there is even."""
    if not work.teacher.exists():
        _spawn(work, "prepare", 0, chosen)
    if not (work.folder / "same.json").exists():
        _spawn(work, "same", 0, chosen)
    parts = [(side, seed) for seed in range(seeds) for side in ("ours", "reference") if work.missing(side, seed)]
    with ThreadPoolExecutor(max(1, chosen.jobs)) as pool:
        list(pool.map(lambda part: _spawn(work, *part, chosen), parts))
        list(pool.map(lambda seed: _spawn(work, "exchanged", seed, chosen), range(seeds_exchanged or 0)))


def _spawn(work, stage, seed, chosen):
    """One part in a process of its own."""
    print(f"{stage}, seed {seed}", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--stage", stage, "--seed", str(seed), "--folder", str(work.folder)]
    command += ["--quick"] if chosen.quick else []
    command += ["--exchange", chosen.exchange, "--rows", chosen.rows] if chosen.exchange else []
    done = subprocess.run(command, cwd=ROOT)
    if done.returncode:
        sys.exit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
