"""What the choice of terms in a recipe needs, and what it cannot be combined with."""

from keras_kd.data import is_path
from keras_kd.recipe.schema_types import AUTO
from keras_kd.training.schedules import Schedule
from keras_kd.training.selection import NO_FURTHER


def selection_errors(recipe):
    """What of a recipe cannot be together with its `selection`: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
    """
    selection = recipe.selection
    if selection is None:
        return []
    errors, where = [], ("selection",)
    if not recipe.terms:
        errors.append((where, "there are no terms to choose from; give terms: [{method: kd}, ...], or drop it"))
    # Of a folder or a file it is known once it is read whether it has a split for validation.
    if not recipe.data.validation and not is_path(recipe.data.name):
        errors.append((where, "is rewarded on validation images and there are none; set data.validation, or drop it"))
    if recipe.meta is not None:
        errors.append((where, "and meta exclude each other: each asks for trainings of its own; keep one"))
    weight = recipe.label_weight
    if weight != AUTO and not (min(weight.values()) if isinstance(weight, Schedule) else weight):
        what = "is 0 in some epoch, and where no term is chosen the student learns from labels alone"
        errors.append((("label_weight",), f"{what}; give a number above 0, or drop selection"))
    for field, of_bandit in NO_FURTHER.items():
        if selection.policy == "bandit" and getattr(selection, field) not in (None, of_bandit):
            errors.append(((*where, field), "is of policy: actor_critic; take it, or leave it out"))
    epochs = recipe.fit.epochs
    if selection.unit == "epochs" and 2 * selection.interval > epochs:
        what = f"is {selection.interval} of {epochs} epochs; expected two intervals or more, as the first is not learnt"
        errors.append(((*where, "interval"), f"{what} from; lower it, or take unit: steps"))
    return errors
