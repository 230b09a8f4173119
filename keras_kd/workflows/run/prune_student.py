"""A student that is made from its teacher: which channels go, the smaller network, and what the report says of both."""

import json
from pathlib import Path

import numpy as np

from keras_kd.models.by_name import know_module_of
from keras_kd.models.network import Network
from keras_kd.models.precision import in_precision
from keras_kd.models.pruning.channels import Channels
from keras_kd.models.pruning.criteria import IMAGES, criterion_of
from keras_kd.models.pruning.plan import Plan, prune
from keras_kd.recipe.load import load_teacher_recipe
from keras_kd.recipe.pruning import student_name
from keras_kd.report.report import Pruning
from keras_kd.report.soundness import PUT_BACK
from keras_kd.utils.account import verified
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write

OWN_FIELDS = ("criterion", "keep", "macs", "parameters", "minimum", "round_to")


def plan_of(recipe, dataset, teacher, removed=None):
    """The `Plan` by which the student of a recipe is made from its teacher.

    Args:
        recipe: a `Recipe` with `student.prune`.
        dataset: its data; a `Description`, which has no images, gives a criterion that takes some noise instead.
        teacher: its `Network`.
        removed: what an earlier plan of the same teacher removed, to be removed again.

    Raises:
        UserError: the teacher cannot be made so small, or its calls cannot be read.
    """
    spec = recipe.student.prune
    if teacher is None:
        raise UserError(
            "student.prune: the teacher that the student is made from is not there; train it, or put it back"
        )
    if teacher.from_logits != recipe.student.from_logits:
        gives = "logits" if teacher.from_logits else "probabilities"
        raise UserError(
            f"student.from_logits: is {str(recipe.student.from_logits).lower()}, and the teacher that the student is "
            f"made from gives {gives}; set student.from_logits: {str(teacher.from_logits).lower()}"
        )
    try:
        if removed is not None:
            return Plan.of(Channels(teacher.model, spec.keep), removed)
        given = {name: getattr(spec, name) for name in OWN_FIELDS}
        if criterion_of(spec.criterion).takes_images:
            given["images"], given["labels"] = _examples(recipe, dataset)
        return prune(teacher.model, seed=recipe.seed, **given)
    except UserError as error:
        raise UserError(f"student.prune: {str(error).removeprefix('prune: ')}") from None


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


def removed_before(files):
    """What the plan of a run removed that is gone on with, or None: no rounding of a gradient may change it."""
    if not (files.state.exists() and files.pruning.exists()):
        return None
    return json.loads(verified(files.pruning, PUT_BACK).read_text(encoding="utf-8"))["removed"]


def keep_plan(files, recipe, plan):
    """Keeps with a run what was removed, for the report and for a run that goes on."""
    said = {
        "criterion": recipe.student.prune.criterion,
        "macs": plan.macs,
        "parameters": plan.parameters,
        "layers": [vars(row) for row in plan.rows],
    }
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
