"""A student that is made from its teacher: which channels go, the smaller network, and what the report says of both."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_kd.models.by_name import know_module_of
from keras_kd.models.network import Network
from keras_kd.models.precision import in_precision
from keras_kd.models.pruning.channels import Channels
from keras_kd.models.pruning.criteria import IMAGES, criterion_of
from keras_kd.models.pruning.plan import Plan, Pruner
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.load import load_teacher_recipe
from keras_kd.recipe.pruning import student_name
from keras_kd.recipe.schema_pruning import MEASURED
from keras_kd.report.report import Pruning
from keras_kd.report.soundness import PUT_BACK
from keras_kd.utils.account import verified
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.steps import step
from keras_kd.workflows.run.measured_plans import MeasuredPlans
from keras_kd.workflows.run.measured_target import Asked, guessed, reach, told

OWN_FIELDS = ("criterion", "keep", "minimum", "round_to")
WHERE = "student.prune"


class Kept(NamedTuple):
    """What a run keeps of how its student was made.

    Args:
        removed: labels of channels, of `Plan.removed`.
        measured: of `Plan.measured`.
        found: {"macs" or "parameters": the share} that a measured target came to, or None.
    """

    removed: list
    measured: dict | None = None
    found: dict | None = None


def plan_of(recipe, dataset, teacher, before=None, *, source=None, measures=False, log=None):
    """The `Plan` by which the student of a recipe is made from its teacher.

    Args:
        recipe: a `Recipe` with `student.prune`.
        dataset: its data; a `Description`, which has no images, gives a criterion that takes some noise instead.
        teacher: its `Network`.
        before: `Kept` of an earlier plan of the same network, which is made again.
        source: the `Network` that is pruned, where that is the student of the step before; the teacher by default.
        measures: whether files are made and timed; without, a target that is measured is guessed.
        log: called with a line of what was measured.

    Raises:
        UserError: the teacher cannot be made so small, or its calls cannot be read.
    """
    spec = recipe.student.prune
    if teacher is None:
        raise UserError(f"{WHERE}: the teacher that the student is made from is not there; train it, or put it back")
    if teacher.from_logits != recipe.student.from_logits:
        gives = "logits" if teacher.from_logits else "probabilities"
        raise UserError(
            f"student.from_logits: is {str(recipe.student.from_logits).lower()}, and the teacher that the student is "
            f"made from gives {gives}; set student.from_logits: {str(teacher.from_logits).lower()}"
        )
    try:
        if source is not None:
            return _further(recipe, dataset, teacher, before, source, measures)
        if before is not None:
            plan = Plan.of(Channels(teacher.model, spec.keep), before.removed)
            plan.measured, plan.found = before.measured, before.found
            return plan
        given = _given(recipe, dataset)
        pruner = Pruner(teacher.model, **given)
        if measures and spec.measured_format:
            return _measured_plan(recipe, dataset, teacher, pruner, log)
        return (
            guessed(pruner, Asked(*spec.target), spec.measured_format)
            if spec.is_measured
            else pruner.plan(*spec.target)
        )
    except UserError as error:
        raise UserError(f"{WHERE}: {str(error).removeprefix('prune: ').removeprefix(f'{WHERE}: ')}") from None


def _given(recipe, dataset):
    """What a `Pruner` of the student of a recipe is given."""
    spec = recipe.student.prune
    given = {**{name: getattr(spec, name) for name in OWN_FIELDS}, "seed": recipe.seed}
    if criterion_of(spec.criterion).takes_images:
        given["images"], given["labels"] = _examples(recipe, dataset)
    return given


def _further(recipe, dataset, teacher, before, source, measures):
    """The plan of a further step: of the student of the step before, told as what is left of the teacher."""
    spec, whole = recipe.student.prune, Channels(teacher.model)
    if before is not None:
        plan = Plan.of(Channels(source.model, spec.keep), before.removed)
        plan.measured = before.measured
    else:
        name, share = spec.target
        pruner = Pruner(source.model, **_given(recipe, dataset))
        of_all, now = (getattr(one, name)(one.all) for one in (whole, pruner.channels))
        plan = pruner.plan(name, min(share * of_all / now, 1.0))
        if measures and spec.measured_format:
            given = {"inputs": recipe.export.inputs, "pruned": source.model}
            shown = dataset.image_shape, dataset.train.images
            with MeasuredPlans(spec.measured_format, teacher.model, *shown, **given) as measure:
                plan.measured = measure(plan)
    was = {row.layer: row.before for row in Plan(whole, whole.all).rows}
    plan.rows = tuple(replace(row, before=was.get(row.layer, row.before)) for row in plan.rows)
    plan.macs = whole.macs(whole.all), plan.macs[1]
    plan.parameters = whole.parameters(whole.all), plan.parameters[1]
    return plan


def _measured_plan(recipe, dataset, teacher, pruner, log):
    """The plan whose exported file is as it is asked for; where a share is asked for, its file is measured too."""
    spec, begun = recipe.student.prune, time.monotonic()
    images = dataset.train.images
    given = {"images": images, "inputs": recipe.export.inputs}
    with MeasuredPlans(spec.measured_format, teacher.model, dataset.image_shape, **given) as measure:
        if not spec.is_measured:
            plan = pruner.plan(*spec.target)
            step("measuring its file next to the teacher's")
            plan.measured = measure(plan)
            return plan
        asked = Asked(*spec.target)
        found = reach(pruner, asked, measure, WHERE)
    if log is not None:
        log(told(found, asked, time.monotonic() - begun))
    found.plan.found = {asked.searched: found.share}
    return found.plan


def _examples(recipe, dataset):
    """(images, labels) of the training images, drawn by the recipe's seed."""
    train, random = getattr(dataset, "train", None), np.random.default_rng(recipe.seed)
    if train is None:
        return random.uniform(0, 255, (64, *dataset.image_shape)).astype("float32"), None
    chosen = np.sort(random.permutation(len(train))[:IMAGES])
    return np.asarray(train.images[chosen]).astype("float32"), np.asarray(train.labels)[chosen]


def student_of(recipe, dataset, plan):
    """The untrained student of a plan, as a `Network`."""
    name = student_name(recipe)
    model = in_precision(f"student {name}", plan.model(), recipe.fit.precision)
    return Network(name, model, recipe.student.from_logits, mean=dataset.mean, std=dataset.std)


def kept_before(files):
    """`Kept` of a run that is gone on with, or None: no rounding of a gradient may change its student."""
    return _kept(files) if files.state.exists() else None


def _kept(files):
    if not files.pruning.exists():
        return None
    said = json.loads(verified(files.pruning, PUT_BACK).read_text(encoding="utf-8"))
    return Kept(said["removed"], said.get("measured"), said.get("found"))


def as_found(recipe, folder):
    """The recipe with the share that the run in a folder measured in place of its target: other seeds, and the student
    on labels alone, are the same student; without such a run, or such a target, the recipe itself.

    Args:
        recipe: a `Recipe`.
        folder: of the run.
    """
    spec = recipe.student.prune
    kept = _kept(RunFolder(Path(folder))) if spec is not None and spec.is_measured else None
    if kept is None or kept.found is None:
        return recipe
    share = spec.model_copy(update={**dict.fromkeys(MEASURED), "format": None, **kept.found})
    return recipe.model_copy(update={"student": recipe.student.model_copy(update={"prune": share})})


def keep_plan(files, recipe, plan):
    """Keeps with a run what was removed, for the report and for a run that goes on."""
    said = {
        "criterion": recipe.student.prune.criterion,
        "macs": plan.macs,
        "parameters": plan.parameters,
        "layers": [vars(row) for row in plan.rows],
        "measured": plan.measured,
        "found": plan.found,
    }
    said = {name: value for name, value in said.items() if value is not None}
    with atomic_write(files.pruning) as temporary:
        temporary.write_text(json.dumps({**said, "removed": plan.removed}), encoding="utf-8")


def measured(files):
    """What was removed, for the report; None of a run whose student is built.

    Args:
        files: the `RunFolder`.

    Raises:
        UserError: the file is not as the run made it.
    """
    if not files.pruning.exists():
        return None
    found = json.loads(verified(files.pruning, PUT_BACK).read_text(encoding="utf-8"))
    found.pop("removed")
    return Pruning(**found)


def know_student_of(recipe):
    """Makes the module known whose function builds the student of a recipe, or what the student is made from.

    Args:
        recipe: a `Recipe`.

    Raises:
        UserError: it cannot be imported here.
    """
    if recipe.student.prune is None:
        know_module_of(recipe.student.model)
    elif not recipe.teacher.is_recipe:
        know_module_of(recipe.teacher.model)
    elif Path(recipe.teacher.model).exists():
        know_student_of(load_teacher_recipe(recipe.teacher))
