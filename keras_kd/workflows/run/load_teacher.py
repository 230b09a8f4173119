"""The teacher of a recipe, of files and of runs that are there; nothing is trained here."""

import os
from pathlib import Path

from keras_kd import models
from keras_kd.models.network import Network, use_views
from keras_kd.recipe.folders import RunFolder, generation_folder
from keras_kd.recipe.load import load
from keras_kd.report.soundness import PUT_BACK
from keras_kd.utils.account import verified
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import sha256
from keras_kd.utils.steps import during
from keras_kd.workflows.run.folder import differences, read_report
from keras_kd.workflows.run.inputs import independent_of, teacher_run
from keras_kd.workflows.run.prune_student import know_student_of
from keras_kd.workflows.run.teachers import assemble, check_alike, saw_held_out


@during("reading the teacher")
def load_teacher(recipe, dataset, folder, *, smoke=False):
    """The teacher as a `Network`, or None. Those that are recipes are the students of their runs, next to `folder`.

    Args:
        recipe: a `Recipe`; of several generations, the student of the one before the last is the teacher.
        dataset: its data.
        folder: of the run.
        smoke: teachers that are recipes are shrunk as well.

    Raises:
        UserError: a run is missing; see `keras_kd.workflows.run.distill.trained_teacher`.
    """
    folder = Path(folder)
    if recipe.generations > 1:
        run = RunFolder(generation_folder(folder, recipe.generations - 1))
        if not run.student.exists() or read_report(run.path) is None:
            raise UserError(f"{run.path}: the generation before is missing; `keras-kd distill` of the recipe makes it")
        return _student_of(run, run.student, f"generation {recipe.generations - 1}", dataset, folder)
    if recipe.teacher is None:
        return None
    return _network_of(recipe, recipe.teacher, dataset, folder, smoke, memory=RunFolder(folder).teacher)


def load_independent_teacher(recipe, dataset, folder, *, smoke=False):
    """The network that fidelity is compared with, as a `Network`, or None; arguments as of `load_teacher`."""
    spec = independent_of(recipe)
    return None if spec is None else _network_of(recipe, spec, dataset, Path(folder), smoke)


def _network_of(recipe, teacher, dataset, folder, smoke, memory=None):
    """The `Network` of a `TeacherSpec`; the runs of its recipes are there."""

    def of_recipe(spec, seen):
        one = teacher_run(spec, folder, smoke)
        taught, run = one.recipe, one.files
        check_alike(recipe.model_copy(update={"teacher": teacher}), taught.data, spec.model)
        if not run.student.exists() or read_report(run.path) is None:
            how = "of the recipe that it teaches" if spec.settings else spec.model
            raise UserError(
                f"{run.path}: the run of the teacher is not there; put it back, or train it: `keras-kd distill {how}`"
            )
        file, name = run.student, run.path.name.removesuffix("-smoke")
        if spec.epoch not in (None, read_report(run.path).epochs):
            file, name = run.checkpoint(spec.epoch), f"{name} epoch {spec.epoch}"
        if not file.exists():
            seed = "" if spec.seed is None else f" --seed {spec.seed}"
            raise UserError(
                f"{file}: the finished run kept no epoch {spec.epoch}; "
                f"`keras-kd distill {spec.model}{seed} --restart` trains it again and keeps it"
            )
        network = _student_of(run, file, name, seen, folder, taught)
        network.source["trained_on_held_out"] = saw_held_out(recipe.data, taught.data)
        return network

    network = assemble(teacher, dataset, of_recipe, memory)
    use_views(network, recipe.data.family)
    return network


def _kept_epoch(report):
    """The epoch whose weights the student of a run has."""
    return report.early_stopping.kept_epoch if report.early_stopping else report.epochs


def _student_of(run, file, name, seen, folder, taught=None):
    """The student of a finished run as a teacher; `file` is it, or one of its checkpoints."""
    verified(file, PUT_BACK)
    report, used = read_report(run.path), load(run.recipe, notes=[])
    know_student_of(used)
    model = models.build(str(file), seen.image_shape, seen.classes, pixels="pixels")
    last = file == run.student
    source = {
        "run": os.path.relpath(run.path, folder),
        "file": os.path.relpath(file, run.path),
        "sha256": sha256(file),
        "epoch": _kept_epoch(report) if last else int(file.stem.removeprefix("epoch_")),
        "epochs": report.epochs,
        "seed": report.seed,
        "top1": report.student.top1 if last else None,
        "seconds": report.time.seconds["total"],
        "differs_from_recipe": differences(used, taught) if taught else [],
    }
    return Network(f"{name} ({report.student.name})", model, used.student.from_logits, source)
