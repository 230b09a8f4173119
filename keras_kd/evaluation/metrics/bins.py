"""Bins of equal width of a probability."""

import numpy as np

from keras_kd.utils.errors import UserError

BINS = 15


def checked_bins(bins):
    """A number of bins, or an error.

    Args:
        bins: an integer, at least 1.

    Returns:
        `bins`.

    Raises:
        UserError: anything else.

    Example:
        >>> checked_bins(0)
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: bins: found 0; expected an integer of at least 1
    """
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise UserError(f"bins: found {bins!r}; expected an integer of at least 1")
    return bins


def bin_of(probability, bins):
    """The bin of each probability: bin i is (i / bins, (i + 1) / bins], and 0 is in the first.

    Args:
        probability: float64 array (n,), each 0..1.
        bins: at least 1.

    Returns:
        int array (n,), each 0..bins - 1.

    Example:
        >>> bin_of(np.array([0.0, 0.5, 0.51, 1.0]), 2).tolist()
        [0, 0, 1, 1]
    """
    # Against the edges themselves: a product with `bins` rounds a probability on an edge into the next bin.
    place = np.searchsorted(np.arange(bins + 1) / bins, probability, side="left")
    return np.clip(place - 1, 0, bins - 1)
