"""The files of a run, and whether they are of this recipe."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

import keras_kd
from keras_kd.bank.folder import is_bank
from keras_kd.banking import FOLDER
from keras_kd.errors import UserError
from keras_kd.files import whole
from keras_kd.paths import same_place
from keras_kd.predictions_file import NAME as PREDICTIONS
from keras_kd.recipe import load

# What a recipe says that changes nothing of one trained student.
AFTER_TRAINING = ("export", "search", "baseline", "evidence", "seeds")


@dataclass(frozen=True)
class RunFolder:
    """The files of a run."""

    path: Path

    recipe = property(lambda self: self.path / "recipe.yaml")
    student = property(lambda self: self.path / "student.keras")
    state = property(lambda self: self.path / "training_state.npz")
    history = property(lambda self: self.path / "history.csv")
    tensorboard = property(lambda self: self.path / "tensorboard")
    report = property(lambda self: self.path / "report.json")
    report_page = property(lambda self: self.path / "report.html")
    predictions = property(lambda self: self.path / PREDICTIONS)
    teacher = property(lambda self: self.path / "teacher.json")
    bank = property(lambda self: self.path / "bank.json")
    int8_student = property(lambda self: self.path / "student_int8.keras")
    best_validation = property(lambda self: self.path / "checkpoints" / "best_validation.keras")

    def checkpoint(self, epoch):
        """The student as it was after an epoch."""
        return self.path / "checkpoints" / f"epoch_{epoch:04d}.keras"


def read_report(folder):
    """The report of a finished run, or None where there is none that can be read: the run is then measured again."""
    try:
        found = json.loads(RunFolder(Path(folder)).report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"student", "time", "settings"} <= set(found) else None


def read_history(files):
    """The epochs' figures, as far as they can be read."""
    try:
        with open(files.history, newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if is_number(row.get("seconds"))]
    except (OSError, ValueError, csv.Error):
        return []


def is_number(text):
    """Whether a text is a number, 0 or above."""
    try:
        return float(text) >= 0
    except (TypeError, ValueError):
        return False


def keep_recipe(files, recipe):
    """Writes the resolved recipe of a run."""
    with whole(files.recipe) as temporary:
        header = f"# Resolved by keras-kd {keras_kd.__version__}: every default filled, paths relative to this file.\n"
        body = yaml.safe_dump(recipe.dump(files.path), sort_keys=False, default_flow_style=None, width=100)
        temporary.write_text(header + body, encoding="utf-8")


def same_recipe(files, recipe):
    """Refuses a folder that holds a run of another recipe; what is exported may change."""
    if not files.recipe.exists() or not (files.student.exists() or files.state.exists()):
        return
    found = differences(load(files.recipe, notes=[]), recipe)
    if found:
        shown = "; ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise UserError(
            f"{files.path}: holds a run of other settings ({shown}); give another --out, or --restart to throw it away"
        )


def differences(there, here):
    """["fit.epochs is 3 there, 240 here", ...] of two recipes, exports apart."""
    one, other = (_flat(of_training(recipe)) for recipe in (there, here))
    return [
        f"{key} is {one.get(key)} there, {other.get(key)} here"
        for key in sorted({*one, *other})
        if not same_place(one.get(key), other.get(key))
    ]


def of_training(recipe):
    """A recipe without what does not change its student: what comes after training, when a bank is filled."""
    plain = {key: value for key, value in recipe.dump().items() if key not in AFTER_TRAINING}
    plain["bank"] = {**plain["bank"], "mode": "live" if recipe.bank.mode == "live" else "not live"}
    return plain


def _flat(plain, prefix=""):
    if isinstance(plain, dict):
        items = plain.items()
    elif isinstance(plain, list) and plain and isinstance(plain[0], dict):
        items = enumerate(plain)
    else:
        return {prefix: plain}
    flat = {}
    for key, value in items:
        flat.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def no_banks_here(folder):
    """Refuses to run where banks lie: `--restart` would throw them away."""
    for place in (Path(folder), Path(folder).absolute().parent):
        if place.name == FOLDER and (place == Path(folder) or any(map(is_bank, place.glob("*")))):
            raise UserError(f"{folder}: {place} is where banks lie; give another --out, or the recipe another name")


def empty(folder):
    """Throws away what is in a run folder, or in that of a search, but for its lock.

    Args:
        folder: which is locked.
    """
    for entry in folder.iterdir():
        if entry.name == ".lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
