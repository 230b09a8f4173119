"""Methods side by side on a pair small enough for two CPU cores: ResNet-20 to ResNet-8 on a part of CIFAR-100.

    python benchmarks/methods.py [--quick] [--json] [--backend jax]

The images are those of the first 20 classes, at half their size (16x16); the teacher learns from three quarters of them
and the students from the others, so that it has not seen what three methods hold out. Every recipe of
`recipes/methods/` that fits the pair (see `method_rows.py`) is run on it with its published weights: same images,
epochs, batches, learning rates and seeds for all, the student alone among them. Then what an epoch costs is timed with
the bank where the runs had none, and without where they had one, with one seed. All of it runs on one thread, whose CPU
seconds are counted: a core shared with others changes them little. Killed, it goes on with the same command.
"""

import gc
import json
import os
import sys
from pathlib import Path

import numpy as np
from measuring import finish, options, spread
from method_rows import CLASSES, COMPARED_WITH, GROUPED, GROUPS, LEFT_OUT, TIMED, rows_of

ROOT = Path(__file__).parent.parent
FIT = {
    "fit.batch_size": 64,
    "fit.learning_rate": 0.05,
    "fit.l2": 5e-4,
    "fit.nesterov": "false",
    "fit.drops": "[]",
    "fit.decay": "cosine",
    "export.formats": "[]",
}
# Test images of all classes, epochs of the teachers, of the students and of a timing, seeds.
FULL = {"tested": 2_000, "taught": 20, "epochs": 5, "timed": 2, "seeds": 3}
QUICK = {"tested": 200, "taught": 1, "epochs": 2, "timed": 2, "seeds": 2}
# Of four images of a class one is a student's.
STUDENTS = 4


def _half_size(chosen_of):
    """The first classes of CIFAR-100, each image averaged down to 16x16; `chosen_of` says which training images."""
    from keras_kd import data

    whole, arrays = data.load("cifar100"), {}
    for split, part in (("train", whole.train), ("test", whole.test)):
        chosen = np.flatnonzero(np.asarray(part.labels) < CLASSES)
        chosen = chosen[chosen_of(np.asarray(part.labels)[chosen])] if split == "train" else chosen
        images = np.asarray(part.images[chosen]).reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))
        arrays[f"x_{split}"] = np.round(images).astype("uint8")
        arrays[f"y_{split}"] = np.asarray(part.labels)[chosen]
    return arrays


def _number_in_class(labels):
    """How many images of its class are before each image."""
    numbers = np.empty(len(labels), int)
    for one in np.unique(labels):
        (there,) = np.nonzero(labels == one)
        numbers[there] = np.arange(len(there))
    return numbers


def half_size():
    """All images: what `data.name` of other benchmarks names."""
    return _half_size(lambda labels: np.ones(len(labels), bool))


def for_teachers():
    """The images that teachers learn from."""
    return _half_size(lambda labels: _number_in_class(labels) % STUDENTS > 0)


def for_students():
    """The images that students learn from."""
    return _half_size(lambda labels: _number_in_class(labels) % STUDENTS == 0)


class Runs:
    """Trainings of recipes under one folder, each with what came of it; one that is there is not run again.

    Args:
        base: the folder.
        budget: `FULL` or `QUICK`.
        train: whether what is missing is run; else it is None.
    """

    def __init__(self, base, budget, train=True):
        self.base, self.budget, self.train = base, budget, train
        self.teachers, self.datasets, self.said = {}, {}, {}

    def run(self, recipe, settings, folder, seed, teacher=None):
        """{"top1", "agreement", "cpu": of `EpochClock`, "bank": its summary or None} of a training, also in a file.

        Where it cannot be, {"refused": why}.

        Args:
            recipe: its name.
            settings: what is set of it.
            folder: the name of its folder.
            seed: of its training.
            teacher: the kind of its teacher, of `self.teachers`, or None.
        """
        from keras_kd.utils.errors import UserError

        kept = self.base / "results" / f"{folder}.json"
        if not kept.exists():
            if not self.train:
                return None
            settings = {**FIT, **settings, "seed": seed}
            if teacher:
                settings["teacher"] = self.file_of(teacher)
            try:
                found = self._trained(recipe, [f"{key}={value}" for key, value in settings.items()], folder, teacher)
            except UserError as error:
                found = {"refused": str(error)}
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found))
        return json.loads(kept.read_text())

    def _trained(self, recipe, settings, folder, kind):
        from keras_kd.models.network import logits_of
        from keras_kd.recipe.folders import RunFolder
        from keras_kd.recipe.load import load
        from keras_kd.workflows.run.context import RunContext
        from keras_kd.workflows.run.folder import hold_run
        from keras_kd.workflows.run.load_teacher import load_teacher
        from keras_kd.workflows.run.measure import load_student
        from keras_kd.workflows.run.train import train

        print(folder, file=sys.stderr, flush=True)
        recipe, files = load(recipe, settings), RunFolder(self.base / folder)
        dataset = self.dataset(recipe)
        if kind and kind not in self.teachers:
            self.teachers[kind] = load_teacher(recipe, dataset, files.path)
        teacher = self.teachers.get(kind)
        with EpochClock() as clock, hold_run(files, recipe, wait=True, log=False):
            # Of a run that was killed the seconds are not known: it begins again.
            train(RunContext(recipe, dataset, files, folder, True), teacher, begin=lambda: None, anew=True)
            right = logits_of(load_student(recipe, dataset, files), dataset.test.images)[0].argmax(-1)
        if kind and kind not in self.said:
            self.said[kind] = logits_of(teacher, dataset.test.images)[0].argmax(-1)
        gc.collect()
        return {
            "top1": float(np.mean(right == dataset.test.labels)),
            "agreement": float(np.mean(right == self.said[kind])) if kind else None,
            "cpu": clock.seconds(),
            "bank": json.loads(files.bank.read_text()) if files.bank.exists() else None,
        }

    def dataset(self, recipe):
        """The data of a recipe; equal data are read once."""
        from keras_kd.workflows.run.open_run import load_data

        # Where the teacher is taught, images are held out for it.
        key = recipe.data.model_dump_json(), recipe.meta and recipe.meta.held_out
        if key not in self.datasets:
            self.datasets[key] = load_data(recipe)
        return self.datasets[key]

    def data(self, who, grouped, held_out=False):
        """`data` of a recipe, as text."""
        tested = self.budget["tested"]
        groups = f", classes: {sum(GROUPS, [])}, groups: {GROUPS}" if grouped else ""
        aside = ", validation: 0.1" if held_out else ""
        return f"{{name: 'methods:for_{who}', views: crop_flip, test_images: {tested}{groups}{aside}}}"

    def file_of(self, kind):
        """Where a kind of teacher is."""
        return str(self.base / f"teacher-{kind}" / "student.keras")

    def teacher(self, kind):
        """{"top1", "epoch_seconds"} of a kind of teacher."""
        settings = {"data": self.data("teachers", kind in GROUPED), "student": "resnet20"}
        settings["fit.epochs"] = self.budget["taught"]
        recipe = "subclass_teacher" if kind == "subclasses" else "resnet56"
        ran = self.run(recipe, settings, f"teacher-{kind}", 0)
        return {"recipe": recipe, "top1": ran["top1"], "epoch_seconds": epoch_of(ran)}

    def student(self, row, seed, way=None):
        """A run of a row; `way` is (a name, other settings of its bank), for which few epochs do."""
        settings = {"data": self.data("students", row.in_groups, row.held_out), "student": "resnet8", **row.settings}
        settings.update({"fit.epochs": self.budget["timed" if way else "epochs"], "bank.folder": self.base / "bank"})
        folder = f"{row.slug}-seed{seed}{f'-{way[0]}' if way else ''}"
        return self.run(row.recipe, {**settings, **(way[1] if way else {})}, folder, seed, row.teacher)


class EpochClock:
    """CPU seconds of each epoch of the training inside, without those in which a bank asks the teacher."""

    def __enter__(self):
        import time

        from keras_kd.bank.bank import Bank
        from keras_kd.workflows.run.train import Record

        self.asking, self.views, self.marks = 0.0, 0, []
        self._before = (Record, Record.on_epoch_end, Bank, Bank.fill)
        end, fill = Record.on_epoch_end, Bank.fill

        def ended(record, *arguments, **named):
            end(record, *arguments, **named)
            self.marks.append((time.process_time(), self.asking))

        def filled(bank, *arguments, **named):
            begun, before = time.process_time(), bank.computed
            fill(bank, *arguments, **named)
            self.asking += time.process_time() - begun
            self.views += bank.computed - before

        Record.on_epoch_end, Bank.fill = ended, filled
        return self

    def __exit__(self, *error):
        record, end, bank, fill = self._before
        record.on_epoch_end, bank.fill = end, fill

    def seconds(self):
        """{"epochs": of each from the second on, as the first has what is compiled once in it, "asking" and "views": of
        all epochs}."""
        whole = np.diff(np.array(self.marks), axis=0)
        own = (whole[:, 0] - whole[:, 1]).tolist() if len(whole) else []
        return {"epochs": own, "asking": self.asking, "views": self.views}


def epoch_of(ran):
    """The CPU seconds of an epoch of a run, the median."""
    return float(np.median(ran["cpu"]["epochs"])) if ran["cpu"]["epochs"] else None


def timed_otherwise(runs, rows, first, ran):
    """Times rows of `TIMED` with a bank where there was none, and without where there was one.

    The student alone is timed among them, again and again.

    Returns:
        {name: (way, CPU seconds of an epoch over the student alone's or None, what refuses it)}.
    """
    found, times = {}, {name: [] for name in COMPARED_WITH}
    for number, (name, row) in enumerate((name, rows[name]) for name in TIMED if name in rows):
        if number % 4 == 0:
            base = runs.student(first[row.alone], 0, (f"{row.slug}-timed", {}))
            times[row.alone] += [epoch_of(base)] if base else []
        banked = ran[name][0]["bank"] is not None
        way = ("live", {"bank.mode": "live"}) if banked else ("maps", {"bank.mode": "ahead", "bank.maps": "true"})
        timed = runs.student(row, 0, way)
        if timed:
            found[name] = (way[0], None if "refused" in timed else epoch_of(timed), timed.get("refused"))
    typical = {name: np.median(some) for name, some in times.items() if some}
    return {
        name: (way, seconds and float(seconds / typical[rows[name].alone]), refused)
        for name, (way, seconds, refused) in found.items()
    }


def of_row(row, ran, alone, other):
    """What the file says of a row.

    Args:
        row: of `rows_of`.
        ran: its runs, one a seed.
        alone: those of the student alone on the same data.
        other: of `timed_otherwise`, or None.
    """
    top1 = np.array([one["top1"] for one in ran])
    gain = top1 - [one["top1"] for one in alone]
    agreement = [one["agreement"] for one in ran if one["agreement"] is not None]
    bank = [one["bank"] for one in ran if one["bank"]]
    ratio = [epoch_of(one) / epoch_of(base) for one, base in zip(ran, alone, strict=True)]
    said = {
        "recipe": row.recipe,
        "settings": row.settings,
        "teacher": row.teacher,
        "compared_with": row.alone,
        "top1": {"mean": float(top1.mean()), "std": float(top1.std(ddof=1)), "each": top1.tolist()},
        "over_alone": {"mean": float(gain.mean()), "std": float(gain.std(ddof=1)), "each": gain.tolist()},
        "agreement": float(np.mean(agreement)) if agreement else None,
        "cpu": {
            "way": "bank" if bank else "no teacher" if row.teacher is None else "live",
            "epoch_seconds": float(np.median([epoch_of(one) for one in ran])),
            "over_alone": spread(ratio),
        },
    }
    if bank:
        said["asked"] = {
            "views": sum(one["cpu"]["views"] for one in ran),
            "cpu_seconds": sum(one["cpu"]["asking"] for one in ran),
        }
    if other is not None:
        said["cpu_otherwise"] = dict(zip(("way", "over_alone", "refused"), other, strict=True))
    return said


def table_of(result):
    """The rows for a person to read."""
    lines = [f"{'':<36} {'top-1':>14} {'over alone':>16} {'agreement':>10} {'CPU':>6} {'otherwise':>12}"]
    for name, one in result["methods"].items():
        top1, gain = one["top1"], one["over_alone"]
        agreement = "-" if one["agreement"] is None else f"{100 * one['agreement']:.1f}"
        other = one.get("cpu_otherwise") or {}
        otherwise = f"{other['way']} {other['over_alone']:.2f}" if other.get("over_alone") else "-"
        lines.append(
            f"{name:<36} {100 * top1['mean']:>6.2f} +- {100 * top1['std']:.2f} "
            f"{100 * gain['mean']:>+8.2f} +- {100 * gain['std']:.2f} {agreement:>10} "
            f"{one['cpu']['over_alone']['median']:>6.2f} {otherwise:>12}"
        )
    taught = ", ".join(f"{name} {100 * one['top1']:.2f}" for name, one in result["teachers"].items())
    lines.append(f"teachers: {taught}; mean +- standard deviation; differences are paired by seed")
    return "\n".join(lines)


def main():
    chosen = options(__doc__, have=(int, 0, "1: trains nothing, and writes the rows that have all of their runs"))
    # One thread: the CPU seconds then are those of the work, and not of threads that wait for each other.
    for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[threads] = "1"
    os.chdir(Path(__file__).parent)  # `methods:half_size` is found here
    backend, budget = os.environ.get("KERAS_BACKEND", "tensorflow"), QUICK if chosen.quick else FULL
    runs = Runs(ROOT / "saved_models" / f"methods-{'quick-' if chosen.quick else ''}{backend}", budget, not chosen.have)
    teachers = {kind: runs.teacher(kind) for kind in ("plain", *GROUPED)}
    parts, summary, left_out = rows_of(budget["epochs"]), {}, dict(LEFT_OUT)
    for rows in parts:
        found, refused = _of_part(runs, rows, parts[0])
        summary.update(found)
        left_out.update(refused)
        result = {
            "pair": "resnet20 to resnet8",
            "data": f"CIFAR-100, first {CLASSES} classes, 16x16; a quarter of the training images are the students', "
            f"three quarters the teacher's; {budget['tested']} test images; groups: {GROUPS}, half as many images",
            "teachers": teachers,
            "budget": budget,
            "settings": FIT,
            "threads": 1,
            "methods": summary,
            "not_run": [name for part in parts for name in part if name not in {**summary, **left_out}],
            "left_out": left_out,
            "note": "pair, budget and teacher far smaller than the published ones; published weights, unless said",
        }
        # After each part, so that one that is stopped leaves those before.
        finish("methods", result, table_of(result), chosen)


def _of_part(runs, rows, first):
    """({name: of `of_row`} of some rows, {name: why it cannot be}); `first` are those with the student alone."""
    ran = {}
    for seed in range(runs.budget["seeds"]):
        # In another order with each seed, so that a machine that becomes slower does not always meet the same rows.
        for name in np.random.default_rng(seed).permutation(list(rows)):
            ran.setdefault(name, []).append(runs.student(rows[name], seed))
    alone = {name: [runs.student(first[name], seed) for seed in range(runs.budget["seeds"])] for name in COMPARED_WITH}
    refused = {name: found[0]["refused"] for name, found in ran.items() if found[0] and "refused" in found[0]}
    whole = [name for name, row in rows.items() if all(ran[name]) and all(alone[row.alone])]
    rows = {name: rows[name] for name in whole if name not in refused}
    otherwise = timed_otherwise(runs, rows, first, ran)
    found = {name: of_row(row, ran[name], alone[row.alone], otherwise.get(name)) for name, row in rows.items()}
    return found, refused


if __name__ == "__main__":
    main()
