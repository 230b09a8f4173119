"""Average pooling of maps to any size, as PyTorch's `adaptive_avg_pool2d` does it."""

import numpy as np

from keras_kd.utils.lazy import ops


def adaptive_average_pool(maps, height, width):
    """Maps averaged down to height x width; sizes need not divide.

    Cell i of m is the mean of the rows floor(i n / m) .. ceil((i + 1) n / m) of n, so neighbouring windows overlap
    where m does not divide n.

    Args:
        maps: float tensor (batch, h, w, channels); h and w are known.
        height, width: whole numbers from 1 up.

    Returns:
        float tensor (batch, height, width, channels).

    Example:
        >>> import numpy as np
        >>> maps = np.arange(3, dtype="float32").reshape(1, 3, 1, 1)
        >>> np.asarray(adaptive_average_pool(maps, 2, 1))[0, :, 0, 0].tolist()
        [0.5, 1.5]
    """
    _, h, w, _ = maps.shape
    if h != height:
        maps = ops.einsum("bhwc,ih->biwc", maps, ops.convert_to_tensor(_windows(h, height)))
    if w != width:
        maps = ops.einsum("bhwc,iw->bhic", maps, ops.convert_to_tensor(_windows(w, width)))
    return maps


def same_size(one, other):
    """Two lots of maps, the larger averaged down to the height and the width of the smaller.

    Args:
        one, other: float tensors (batch, h, w, channels); channels may differ.

    Returns:
        The two, of one height and one width.

    Example:
        >>> import numpy as np
        >>> one, other = same_size(np.ones((2, 7, 4, 8), "float32"), np.ones((2, 4, 4, 16), "float32"))
        >>> tuple(one.shape), tuple(other.shape)
        ((2, 4, 4, 8), (2, 4, 4, 16))
    """
    height, width = (min(one.shape[axis], other.shape[axis]) for axis in (1, 2))
    return adaptive_average_pool(one, height, width), adaptive_average_pool(other, height, width)


def _windows(size, cells):
    """The matrix (cells, size) that averages."""
    matrix = np.zeros((cells, size), "float32")
    for cell in range(cells):
        first, end = cell * size // cells, -(-(cell + 1) * size // cells)
        matrix[cell, first:end] = 1 / (end - first)
    return matrix
