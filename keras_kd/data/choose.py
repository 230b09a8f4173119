"""Which images a subset holds: a rule in whole numbers, the same on every machine for ever.

Within a class the images are put in an order that a hash of (seed, purpose, position) decides. Subsets are beginnings of
that order, so 100 images are among the 200 that the same seed chooses.
"""

import numpy as np

from keras_kd.data.views import scramble

TRAIN_IMAGES, TEST_IMAGES, VALIDATION, TEST_FRACTION = 11, 12, 13, 14


def balanced(labels, count, seed, purpose):
    """Chooses images so that the classes are as equal in number as they can be.

    Args:
        labels: int array (n,).
        count: how many to choose, 0 .. n.
        seed: whole number.
        purpose: one of the constants above; choices for different purposes are independent.

    Returns:
        int64 array (count,) of positions, ascending.

    Example:
        >>> balanced(np.array([0, 0, 0, 0, 1, 1, 2]), 5, seed=0, purpose=TRAIN_IMAGES).tolist()
        [1, 2, 4, 5, 6]
    """
    rank, _, mixed = _ranks(labels, seed, purpose)
    return np.sort(np.lexsort((mixed, rank))[:count])


def proportional(labels, count, seed, purpose):
    """Chooses images so that every class gives the same share of its own; arguments as for `balanced`.

    Example:
        >>> proportional(np.array([0, 0, 0, 0, 1, 1, 2]), 3, seed=0, purpose=VALIDATION).tolist()
        [1, 3, 4]
    """
    rank, size, mixed = _ranks(labels, seed, purpose)
    return np.sort(np.lexsort((mixed, (rank + 0.5) / size))[:count])


def _ranks(labels, seed, purpose):
    """Of each image: its place in its class, the size of its class, and the hash that breaks ties."""
    labels = np.asarray(labels)
    mixed = scramble(seed, purpose, np.arange(len(labels)))
    order = np.lexsort((mixed, labels))
    sizes = np.bincount(labels)
    begins = np.cumsum(sizes) - sizes
    rank = np.empty(len(labels), "int64")
    rank[order] = np.arange(len(labels)) - begins[labels[order]]
    return rank, sizes[labels], mixed
