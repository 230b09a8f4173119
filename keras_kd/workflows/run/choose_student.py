"""Which student is exported where the better of two is asked for: the distilled one, or that on labels alone."""

import os
import shutil

from keras_kd.recipe.folders import RunFolder
from keras_kd.report.report import Delivered
from keras_kd.report.soundness import PUT_BACK
from keras_kd.training.early_stopping import kept_row
from keras_kd.utils.account import verified
from keras_kd.utils.files import atomic_write
from keras_kd.workflows.run.baseline import LABELS, baselines_of
from keras_kd.workflows.run.folder import is_number, is_whole, read_history, read_report


def choose(context, report, owned):
    """Chooses the student that is exported and says so in the report; one on labels alone is copied into the run.

    Where the run of the student on labels alone is not there, as of a run that was moved, it stays with what was chosen
    before.

    Args:
        context: the `RunContext`.
        report: the `keras_kd.Report` of the distilled student.
        owned: as which the folder is held.
    """
    recipe, files = context.recipe, context.files
    if recipe.export.deliver != "best":
        report.forget("delivered")
        owned.remove(files.delivered)
        return
    other = RunFolder(baselines_of(recipe, recipe, files.path)[LABELS][1])
    alone = read_report(other.path) if is_whole(other) else None
    if alone is None:
        return
    judged_on, ours, theirs = _accuracies(files, report, other, alone, recipe.fit.early_stopping)
    said = {"run": os.path.relpath(other.path, files.path), "judged_on": judged_on}
    said |= {"distilled": ours, "labels_alone": theirs}
    if theirs > ours:
        with atomic_write(files.delivered) as temporary:
            shutil.copyfile(verified(other.student, PUT_BACK), temporary)
        said |= {"learned_from": LABELS, "file": files.delivered.name, "figures": _figures(alone)}
    else:
        owned.remove(files.delivered)
        said |= {"learned_from": "the teacher", "file": files.student.name}
    report.delivered = Delivered(**said)


def delivered_file(files, report):
    """The Keras file that is exported."""
    return files.path / report.delivered.file if report.delivered else files.student


def is_on_labels_alone(report):
    """Whether what is delivered is the student on labels alone."""
    return bool(report.delivered) and report.delivered.learned_from == LABELS


def _accuracies(files, report, other, alone, stopping):
    """(the images that decide, the accuracy of the distilled student on them, that of the other)."""
    kept = [kept_row(read_history(one), stopping).get("val_accuracy") for one in (files, other)]
    if all(map(is_number, kept)):
        return "validation images", *map(float, kept)
    return "test images", report.student.top1, alone.student.top1


def _figures(alone):
    found = alone.as_json()
    return {name: found[name] for name in ("student", "calibration", "per_class", "cost") if found.get(name)}
