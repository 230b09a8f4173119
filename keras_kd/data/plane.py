"""Two classes in the plane, for networks that see a part of it: vectors of two features."""

import numpy as np


def moons(examples, noise=0.15, seed=0):
    """Two half circles that reach into each other, a class each.

    Args:
        examples: how many, 2 or more; as many of each class, one more of the first where they are odd.
        noise: standard deviation added to both features, 0 or more.
        seed: whole number; decides the noise, the places and the order.

    Returns:
        (x float32 (n, 2), about -1.5..2.5 and -1..1.5; y int32 (n,)).

    Example:
        >>> x, y = moons(10)
        >>> x.shape, y.tolist().count(0)
        ((10, 2), 5)
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(examples) % 2).astype("int32")
    angle = np.pi * rng.random(examples)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.where(y[:, None] == 0, upper, lower) + noise * rng.standard_normal((examples, 2))
    return x.astype("float32"), y


def rings(examples, noise=0.1, seed=0):
    """Two circles, one in the other, a class each; arguments and what it returns as of `moons`, x about -1.3..1.3.

    Example:
        >>> x, y = rings(10, noise=0.0)
        >>> np.linalg.norm(x[y == 1], axis=1).round(2).tolist()
        [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(examples) % 2).astype("int32")
    angle, radius = 2 * np.pi * rng.random(examples), np.where(y == 0, 1.0, 0.5)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (x + noise * rng.standard_normal((examples, 2))).astype("float32"), y


def without(x, y, hidden):
    """Examples without those that are hidden: (x, y).

    Args:
        x, y: arrays (n, ...) and (n,).
        hidden: bool array (n,).

    Example:
        >>> x, y = moons(10)
        >>> len(without(x, y, hidden=y == 1)[1])
        5
    """
    return x[~hidden], y[~hidden]
