"""The margins that a recipe asks to have measured: numbers in place of `margins: teacher` and `margins: classes`."""

import numpy as np

from keras_kd.models.network import logits_of
from keras_kd.training.margins import margins_of_classes, margins_of_teacher
from keras_kd.utils.errors import UserError

FIELD = "margins"


def with_measured_margins(recipe, dataset, teacher):
    """The recipe with numbers where a term's margins are to be measured.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        teacher: its `Network`, or None.

    Raises:
        UserError: there are no validation images, the teacher was trained on them or has other classes.
    """

    def measured(how):
        if how == "classes":
            return margins_of_classes(np.bincount(dataset.train.labels, minlength=dataset.classes))
        if teacher is None or not dataset.validation:
            raise UserError("ada_margin: margins: teacher needs a teacher and validation images; set data.validation")
        sources = [teacher.source or {}, *(teacher.source or {}).get("members", ())]
        if any(one.get("trained_on_held_out") for one in sources):
            raise UserError(
                f"ada_margin: margins: {teacher.name} was trained on the validation images, on which its margins are "
                "all large; give its recipe the same data"
            )
        logits, _ = logits_of(teacher, dataset.validation.images)
        if logits.shape[1] != dataset.classes:
            raise UserError(
                f"ada_margin: margins: {teacher.name} has {logits.shape[1]} classes, the data {dataset.classes}; "
                "expected the same: give it a class_map"
            )
        return margins_of_teacher(logits, dataset.validation.labels)

    return _with_margins(recipe, measured)


def with_assumed_margins(recipe, classes):
    """The recipe with margins of 0 where they are to be measured, to be tried without its teacher's word."""
    return _with_margins(recipe, lambda how: np.zeros((classes, classes)))


def margins_asked(recipe):
    """Which margins the terms of a recipe have measured: some of "teacher", "classes"."""
    return {how for term in recipe.terms if isinstance(how := term.settings.get(FIELD), str)}


def _with_margins(recipe, measured):
    if not margins_asked(recipe):
        return recipe
    terms = tuple(
        term.model_copy(update={"settings": {**term.settings, FIELD: measured(how).tolist()}})
        if isinstance(how := term.settings.get(FIELD), str)
        else term
        for term in recipe.terms
    )
    return recipe.model_copy(update={"terms": terms})
