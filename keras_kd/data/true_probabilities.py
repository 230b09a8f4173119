"""The true class probabilities of images, where the source knows them."""

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
    found = known(images)
    if classes is not None:
        found = found[:, list(classes)]
        found = found / found.sum(1, keepdims=True)
    if groups is not None:
        number = np.asarray(group_numbers(groups, found.shape[1]))
        found = np.stack([found[:, number == group].sum(1) for group in range(len(groups))], 1)
    return found
