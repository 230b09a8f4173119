"""Which class a network of two features names at each point of a part of the plane."""

import numpy as np

SIZE = 48


def decision_surface(said, low, high, size=SIZE):
    """The classes that a network names on a grid.

    Args:
        said: gives, of float32 points (n, 2), their probabilities or logits (n, classes).
        low, high: the corners of the grid, two numbers each.
        size: points of the grid along a side, 2 or more.

    Returns:
        A list of `size` lists of `size` class numbers, the second feature rising with the rows, the first within them.

    Example:
        >>> decision_surface(lambda x: np.stack([x[:, 0], 1 - x[:, 0]], axis=1), (0, 0), (1, 1), size=3)
        [[1, 0, 0], [1, 0, 0], [1, 0, 0]]
    """
    across, up = (np.linspace(low[axis], high[axis], size, dtype="float32") for axis in (0, 1))
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    return np.asarray(said(points)).argmax(1).reshape(size, size).tolist()
