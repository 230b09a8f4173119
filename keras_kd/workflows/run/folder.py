"""The files of a run, and whether they are of this recipe."""

import csv
import json
import re
from pathlib import Path

from pydantic import ValidationError

import keras_kd
from keras_kd.bank.folder import is_bank
from keras_kd.export.formats import FILES as EXPORTED
from keras_kd.recipe.folders import BANKS, INSIDE, OTHERS, RunFolder
from keras_kd.recipe.load import load
from keras_kd.recipe.old_names import RESOLVED
from keras_kd.recipe.yaml_reader import read_yaml
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.report.report import Report
from keras_kd.report.soundness import EDITABLE, changed_in, refuse_lost
from keras_kd.utils.account import CHANGED, changes, has_account, log_changed, read_account
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.formatting import listed
from keras_kd.utils.ownership import held, refuse_before
from keras_kd.utils.paths import same_place
from keras_kd.utils.steps import during

# What a recipe says that changes nothing of one trained student.
AFTER_TRAINING = ("export", "search", "baseline", "evidence", "seeds", "modules")


def hold_run(files, recipe=None, *, wait=False, log=True, restart=False):
    """Holds a run folder; see `keras_kd.utils.ownership.held`.

    Args:
        files: the `RunFolder`.
        recipe: the `Recipe` that is to be run in it; without one the folder has to hold a run.
        wait, log, restart: as of `held`.
    """
    if recipe is None and not is_run(files.path):
        raise UserError(f"{files.path}: no run of keras-kd; `keras-kd distill RECIPE` makes one")
    names = [file.relative_to(files.path).as_posix() for file in files.of(recipe)] if recipe else []
    return held(files.path, "run", names=names, earlier=of_earlier_version, wait=wait, log=log, restart=restart)


def may_hold(files, recipe, restart):
    """Refuses a folder that `hold_run` would refuse, or that holds a run of other settings; holds and makes nothing.

    Args:
        files, recipe, restart: as of `hold_run`.

    Raises:
        UserError: names what is in the way.
    """
    names = [file.relative_to(files.path).as_posix() for file in files.of(recipe)]
    refuse_before(files.path, "run", names=names, earlier=of_earlier_version, restart=restart)
    if not restart:
        same_recipe(files, recipe)


def is_run(folder):
    """Whether a folder holds a run, whole or not, of this version or an earlier one."""
    known = read_account(folder)["kind"] if has_account(folder) else None
    return known == "run" or (known is None and of_earlier_version(folder) is not None)


def of_earlier_version(folder):
    """The names of what an earlier version of keras_kd made in a run folder; None where it made none."""
    folder, files = Path(folder), RunFolder(Path(folder))
    try:
        with open(files.recipe, encoding="utf-8") as file:
            if not file.readline().startswith(RESOLVED):
                return None
    except (OSError, UnicodeDecodeError):
        return None
    report = _report_of_earlier_version(files)
    if report is None and not files.state.is_file():
        return None  # a recipe that somebody put there
    places = [folder / one for one in (".", *INSIDE) if not (folder / one).is_symlink()]
    found = [path for place in places for path in sorted(place.glob("*"))]
    names = [path.relative_to(folder).as_posix() for path in found if path.is_file() and not path.is_symlink()]
    return [name for name in names if _is_of_earlier_version(files, name, report or {})]


def _report_of_earlier_version(files):
    """The report of a run that an earlier version finished, or None: it is of the student and the recipe next to it."""
    try:
        report = json.loads(files.report.read_text(encoding="utf-8"))
        (here, _), there = read_yaml(files.recipe.read_text(encoding="utf-8")), report["settings"]
        same = all(here.get(key) == there.get(key) for key in ("student", "terms", "seed", "label_weight"))
        return report if same and files.student.stat().st_size == report["cost"]["file_bytes"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_of_earlier_version(files, name, report):
    """Whether a file of a run that an earlier version began was made by it, by its name and how it begins."""
    exports = {one["file"] for one in report.get("exports", []) if one.get("passed")}
    if name in EXPORTED.values() or name.startswith("saved_model/"):
        return name.split("/")[0] in exports and (name in EXPORTED.values() or bool(re.fullmatch(OTHERS, name)))
    known = {
        files.history: "epoch,",
        files.text: f"# {report.get('recipe')}",
        files.card: f"# {report.get('recipe')}",
        files.report_page: "<!doctype html>",
        files.example: '"""Runs student',
        files.bench: "[",
        files.bank: "{",
        files.teacher: "{",
    }
    begins = {file.relative_to(files.path).as_posix(): words for file, words in known.items()}
    if name in begins:
        with open(files.path / name, "rb") as file:
            return file.read(200).decode("utf-8", "replace").lstrip().lower().startswith(begins[name].lower())
    if name == files.delivered.name:
        return (report.get("delivered") or {}).get("file") == name
    if name == files.int8_student.name:
        return any(one.get("made_of") == name for one in report.get("exports", []))
    known = {file.relative_to(files.path).as_posix() for file in files.always}
    return name in known or re.fullmatch(OTHERS, name) is not None


def read_report(folder):
    """The report of a finished run; None where there is none, or not as it was written: it is then measured again."""
    file = RunFolder(Path(folder)).report
    if changes(folder, [file.name]).get(file.name) == CHANGED:
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not {"student", "time", "settings"} <= set(found):
        return None
    try:
        return Report(**found)
    except ValidationError:
        return None


def is_whole(files):
    """Whether a run has come to its end, so that nothing of it is still to be made."""
    report = read_report(files.path)
    if report is None or not files.student.exists() or not files.card.exists():
        return False
    exported = report.exports is not None and report.settings.get("export") is not None
    delivered = report.export_note is not None or exported
    return delivered and not (files.state.exists() or files.filling.exists())


def read_history(files):
    """The epochs' figures, as far as they can be read; none where they are not as they were written."""
    if changes(files.path, [files.history.name]).get(files.history.name) == CHANGED:
        return []
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
    with atomic_write(files.recipe) as temporary:
        header = f"{RESOLVED} {keras_kd.__version__}: every default filled, paths relative to this file.\n"
        body = write_yaml(recipe.dump(files.path))
        temporary.write_text(header + body, encoding="utf-8")


def same_recipe(files, recipe):
    """Refuses a folder that holds a run of another recipe; what is exported may change."""
    if not files.recipe.exists() or not (files.student.exists() or files.state.exists()):
        return
    refuse_lost(files.path)
    found = differences(load(files.recipe, notes=[]), recipe)
    if found:
        shown = listed(found, between="; ")
        raise UserError(
            f"{files.path}: holds a run of other settings ({shown}); give another --out, or --restart to throw it away"
        )


@during("comparing the files of the run with its account")
def mend(files, owned):
    """Sees that a finished run is as it was written; what can be made again of the rest is set aside, so that it is.

    Args:
        files: the `RunFolder`.
        owned: as which it is held.

    Raises:
        UserError: what cannot be made again was changed.
    """
    refuse_lost(files.path)
    found = changed_in(files.path)
    for name in dict.fromkeys("saved_model" if one.startswith("saved_model/") else one for one in found):
        path = files.path / name
        if name in EDITABLE:
            log_changed(path, "it is left as it is; delete it to have it made again")
        else:
            again = "`keras-kd bench` measures again" if name == files.bench.name else "it is made again"
            log_changed(path, f"it is kept as {owned.set_aside(path)}, and {again}")
    for name, text in (owned.kept("texts") or {}).items():
        if not (files.path / name).exists():
            with atomic_write(files.path / name) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="")


def same_inputs(owned, now, fix=None):
    """Refuses a run that was begun with other networks, images, labels or code than are there now under their names.

    Args:
        owned: the run's folder, as it is held.
        now: {what it is: digest}, of what is known now.
        fix: what is to be done; that of `distill` by default.

    Raises:
        UserError: names each that is another.
    """
    then = owned.kept("inputs") or {}
    other = [
        f"{what} (sha256 {then[what][:8]}... then, {digest[:8]}... now)"
        for what, digest in now.items()
        if then.get(what) not in (None, digest)
    ]
    if other:
        fix = fix or "give another --out to keep both, --restart to throw this run away, or put back what was there"
        raise UserError(f"{owned.folder}: was begun with other content of {'; '.join(other)}; {fix}")


def differences(there, here):
    """["fit.epochs is 3 there, 240 here", ...] of two recipes, exports apart."""
    one, other = (_flat(of_training(recipe)) for recipe in (there, here))
    return [
        f"{key} is {one.get(key)} there, {other.get(key)} here"
        for key in sorted({*one, *other})
        if not (same_place(one.get(key), other.get(key)) or _moved(one.get(key), other.get(key)))
    ]


def _moved(there, here):
    """Whether two values are one file's path, which leads nowhere since the run was moved; its content is compared."""
    if not isinstance(there, str) or not isinstance(here, str) or Path(there).name != Path(here).name:
        return False
    return there.startswith((".", "/")) and not Path(there).exists() and Path(here).exists()


def of_training(recipe):
    """A recipe without what does not change its student: what comes after training, when a bank is filled."""
    plain = {key: value for key, value in recipe.dump().items() if key not in AFTER_TRAINING}
    bank = {key: value for key, value in plain["bank"].items() if key != "folder"}
    plain["bank"] = {**bank, "mode": "live" if recipe.bank.mode == "live" else "not live"}
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
        if (place.name == BANKS and place == Path(folder)) or any(map(is_bank, place.glob("*"))):
            raise UserError(f"{folder}: {place} is where banks lie; give another --out, or the recipe another name")
