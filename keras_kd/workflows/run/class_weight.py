"""`fit.class_weight`: what an example of each class counts in the label loss."""

import numpy as np

from keras_kd.recipe.schema_fit import BALANCED
from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import did_you_mean


def with_class_weights(recipe, class_names, labels=None):
    """The recipe with a number for every class in place of what `fit.class_weight` says.

    Args:
        recipe: a `Recipe`.
        class_names: one per class, of which one is looked for before its number; where they are not known, the numbers.
        labels: int array (n,), of the training images, which `balanced` counts; where they are not known all are 1.

    Returns:
        A `Recipe`; `balanced` is images / (classes x images of the class), over the classes that have images.

    Raises:
        UserError: it has not a weight for each class, or names one that there is not.

    Source:
        `balanced` is that of `sklearn.utils.class_weight.compute_class_weight`.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> recipe = load("digits", ["fit.class_weight=balanced"])
        >>> weights = with_class_weights(recipe, ("cat", "dog"), np.array([0, 0, 0, 1])).fit.class_weight
        >>> [round(one, 3) for one in weights]
        [0.667, 2.0]
    """
    if recipe.fit.class_weight is None:
        return recipe
    found = tuple(map(float, _weights(recipe.fit.class_weight, tuple(map(str, class_names)), labels)))
    return recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"class_weight": found})})


def _weights(asked, class_names, labels):
    """float array (classes,)."""
    classes = len(class_names)
    found = np.ones(classes)
    if asked == BALANCED:
        counts = np.zeros(0) if labels is None else np.bincount(labels, minlength=classes)
        seen = np.flatnonzero(counts)
        found[seen] = counts.sum() / (len(seen) * counts[seen]) if len(seen) else 1.0
    elif isinstance(asked, dict):
        for name, weight in asked.items():
            found[_class(name, class_names)] = weight
    elif len(asked) != classes:
        raise UserError(f"fit.class_weight: found {len(asked)} weights; expected {classes}, one for each class")
    else:
        found[:] = asked
    return found


def _class(name, class_names):
    """The number of a class, by its name or by that number."""
    if name in class_names:
        return class_names.index(name)
    if name.isdecimal() and int(name) < len(class_names):
        return int(name)
    hint = did_you_mean(name, class_names) or f"; expected a name, or a number below {len(class_names)}"
    raise UserError(f"fit.class_weight: found no class {name!r}{hint}")
