"""The true class probabilities of images, and how alike classes are, where the source knows them."""

import numpy as np

from keras_kd.data.groups import group_numbers
from keras_kd.data.sources import SOURCES, kind


def true_probabilities(name, images, *, classes=None, groups=None):
    """p(class given image), where it is known.

    Args:
        name: of the data, as of `keras_kd.data.load`.
        images: uint8 array (n, height, width, channels), as `load` gives them.
        classes, groups: as of `load`. Of some classes it is the probability given that it is one of them.

    Returns:
        float64 array (n, classes) whose rows sum to 1, or None where the source does not know. Of labels in which noise
        was planted it is that of the true ones.

    Example:
        >>> from keras_kd.data.load import load
        >>> two = load("known_probabilities", classes=[0, 1])
        >>> true_probabilities("known_probabilities", two.test.images, classes=[0, 1]).shape == (len(two.test), 2)
        True
        >>> true_probabilities("digits", two.test.images) is None
        True
    """
    known = getattr(SOURCES[kind(name)], "probabilities", None)
    if known is None:
        return None
    found = known(images, name)
    if classes is not None:
        found = found[:, list(classes)]
        found = found / found.sum(1, keepdims=True)
    if groups is not None:
        number = np.asarray(group_numbers(groups, found.shape[1]))
        found = np.stack([found[:, number == group].sum(1) for group in range(len(groups))], 1)
    return found


def true_relations(name, *, classes=None, groups=None):
    """How alike two classes are, where it is known.

    Args:
        name, classes, groups: as of `true_probabilities`.

    Returns:
        float64 array (classes, classes) of cosines, or None where the source does not know, or where `groups` make
        other classes of its own.

    Example:
        >>> true_relations("known_probabilities", classes=[0, 1, 3]).round(3)[0].tolist()
        [1.0, 0.855, 0.0]
        >>> true_relations("digits") is None
        True
    """
    known = getattr(SOURCES[kind(name)], "relations", None)
    if known is None or groups is not None:
        return None
    found = known(name)
    # A zero with a sign would be told as -0.0.
    return (found if classes is None else found[np.ix_(classes, classes)]).round(12) + 0.0
