"""Whole numbers mixed well, the same on every machine for ever: what is drawn at random without a generator."""

import numpy as np


def hash_uint(*parts):
    """A well mixed uint64 of whole numbers: splitmix64's finaliser, once a part.

    Args:
        parts: whole numbers or int arrays that broadcast with each other.

    Returns:
        A uint64, or an array of the shape that the parts broadcast to.

    Example:
        >>> int(hash_uint(0, 1)), hash_uint(0, np.arange(2)).shape
        (6728581669027343264, (2,))
    """
    with np.errstate(over="ignore"):
        state = np.uint64(0x9E3779B97F4A7C15)
        for part in parts:
            state = (state ^ np.asarray(part).astype("uint64")) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
        return state
