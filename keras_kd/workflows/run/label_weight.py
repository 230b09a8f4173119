"""`label_weight: auto`: how much labels and terms weigh, as the teacher's accuracy on validation images has it."""

from keras_kd.methods.find import find
from keras_kd.models.network import logits_of
from keras_kd.recipe.schema_types import AUTO
from keras_kd.training.schedules import Schedule
from keras_kd.training.trust import trust_as_a_whole
from keras_kd.utils.errors import UserError

# Of a teacher that is not there yet, as far as a recipe is tried without one.
ASSUMED = 0.5


def with_measured_weights(recipe, dataset, teacher):
    """The recipe with numbers in place of `label_weight: auto`, and what was measured for it.

    Args:
        recipe: a `Recipe`.
        dataset: its data, with validation images where it says auto.
        teacher: its `Network`.

    Returns:
        (`Recipe`, dict of `keras_kd.training.trust.trust_as_a_whole`), or (the recipe as it is, None) where it says a
        number.

    Raises:
        UserError: the teacher has other classes than the data.
    """
    if recipe.label_weight != AUTO:
        return recipe, None
    check_held_out(recipe, dataset)
    logits, _ = logits_of(teacher, dataset.validation.images)
    if logits.shape[1] != dataset.classes:
        raise UserError(
            f"label_weight: is auto, and {teacher.name} has {logits.shape[1]} classes where the data have "
            f"{dataset.classes}, so its accuracy is not known; give a number, such as label_weight: 0.5"
        )
    measured = trust_as_a_whole(logits, dataset.validation.labels)
    return _weighed(recipe, measured["label_weight"], measured["trust"]), measured


def check_held_out(recipe, dataset):
    """Sees that there are images to judge by, where the recipe has its teacher, choices of terms or epochs judged.

    Raises:
        UserError: there are none.
    """
    if recipe.label_weight == AUTO and not dataset.validation:
        raise UserError(
            "label_weight: auto is measured on validation images and there are none; set data.validation, or give a "
            "number, such as label_weight: 0.5"
        )
    if recipe.fit.early_stopping is not None and not dataset.validation:
        raise UserError(
            "fit.early_stopping: is judged by validation images and there are none; set data.validation, or drop it"
        )
    if recipe.selection is not None and not dataset.validation:
        raise UserError(
            "selection: is rewarded on validation images and there are none; set data.validation, or drop selection"
        )


def with_assumed_weights(recipe):
    """The recipe with a number in place of `label_weight: auto`, to be tried without its teacher's word."""
    return recipe if recipe.label_weight != AUTO else _weighed(recipe, ASSUMED, ASSUMED)


def _weighed(recipe, label_weight, trust):
    # What reads no teacher is worth the same whatever the teacher is.
    terms = tuple(
        term.model_copy(update={"weight": _times(term.weight, trust)}) if "teacher" in find(term.method).roles else term
        for term in recipe.terms
    )
    return recipe.model_copy(update={"label_weight": label_weight, "terms": terms})


def _times(weight, factor):
    if isinstance(weight, Schedule):
        ends = {"start_value": factor * weight.start_value, "end_value": factor * weight.end_value}
        return weight.model_copy(update=ends)
    return factor * weight


def in_words(measured):
    """What was measured, as a line.

    Example:
        >>> in_words({"label_weight": 0.1, "trust": 1.0, "teacher_accuracy": 1.0, "images": 50})
        'label_weight auto: 0.1, and the terms by 1, as the teacher is right on 100.0 % of 50 validation images'
    """
    return (
        f"label_weight auto: {measured['label_weight']:.3g}, and the terms by {measured['trust']:.3g}, as the teacher "
        f"is right on {100 * measured['teacher_accuracy']:.1f} % of {measured['images']} validation images"
    )
