"""Which images a subset holds: a rule in whole numbers, the same on every machine for ever.

Within a class the images are put in an order that a hash of (seed, purpose, position) decides. Subsets are beginnings
of that order, so 100 images are among the 200 that the same seed chooses.
"""

import numpy as np

from keras_kd.utils.hashing import hash_uint

TRAIN_IMAGES, TEST_IMAGES, VALIDATION, TEST_FRACTION = 11, 12, 13, 14
IMBALANCE, LABEL_NOISE, LABEL_NOISE_TARGETS = 15, 16, 17
HELD_OUT, FOLDS = 18, 19


def balanced(labels, count, seed, purpose):
    """Chooses images so that the classes are as equal in number as they can be.

    Args:
        labels: int array (n,), 0 or more.
        count: how many to choose, 0 .. n.
        seed: whole number.
        purpose: one of the constants above; choices for different purposes are independent.

    Returns:
        int array (count,) of positions, ascending.

    Example:
        >>> balanced(np.array([0, 0, 0, 0, 1, 1, 2]), 5, seed=0, purpose=TRAIN_IMAGES).tolist()
        [1, 2, 4, 5, 6]
    """
    mixed = hash_uint(seed, purpose, np.arange(len(labels)))
    return np.sort(np.lexsort((mixed, place_in_class(labels, mixed)))[:count])


def proportional(labels, count, seed, purpose):
    """Chooses images so that every class gives the same share of its own; arguments as for `balanced`.

    Example:
        >>> proportional(np.array([0, 0, 0, 0, 1, 1, 2]), 3, seed=0, purpose=VALIDATION).tolist()
        [2, 3, 5]
    """
    mixed = hash_uint(seed, purpose, np.arange(len(labels)))
    share = (place_in_class(labels, mixed) + 0.5) / np.bincount(labels)[labels]
    return np.sort(np.lexsort((mixed, share))[:count])


def others(index, count):
    """The positions 0 .. count - 1 that are not in `index`, ascending.

    Example:
        >>> others([1, 2], 5).tolist()
        [0, 3, 4]
    """
    return np.setdiff1d(np.arange(count), index)


def place_in_class(labels, order_by=None):
    """How many images of its class come before each image.

    Args:
        labels: int array (n,), 0 or more.
        order_by: array (n,) that orders the images of a class; their positions if None.

    Returns:
        int array (n,).

    Example:
        >>> place_in_class(np.array([1, 0, 1, 1, 0])).tolist()
        [0, 0, 1, 2, 1]
    """
    labels = np.asarray(labels)
    order = np.lexsort((np.arange(len(labels)) if order_by is None else order_by, labels))
    sizes = np.bincount(labels)
    place = np.empty(len(labels), "int64")
    place[order] = np.arange(len(labels)) - (np.cumsum(sizes) - sizes)[labels[order]]
    return place
