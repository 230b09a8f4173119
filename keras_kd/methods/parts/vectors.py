"""Features as vectors: one per example, of unit length."""

from keras_kd.utils.lazy import ops

# Of the squared length; PyTorch's `normalize` stops at a length of 1e-12.
SMALLEST = 1e-24


def flat(features):
    """Features of any shape as one vector an example.

    Args:
        features: float tensor (batch, ...), all but the batch known.

    Returns:
        float tensor (batch, n).

    Example:
        >>> import numpy as np
        >>> tuple(flat(np.ones((2, 4, 4, 3), "float32")).shape)
        (2, 48)
    """
    size = 1
    for length in features.shape[1:]:
        size *= length
    return ops.reshape(features, (-1, size))


def unit_length(vectors, axis=-1):
    """Vectors divided by their Euclidean length; a vector of zeros stays zeros, and its gradient is zero.

    Args:
        vectors: float tensor.
        axis: along which a vector lies.

    Returns:
        float tensor of the same shape.

    Example:
        >>> import numpy as np
        >>> np.asarray(unit_length(np.array([[0.0, 4.0], [0.0, 0.0]], "float32"))).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    square = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    some = square > SMALLEST
    # The inner `where` keeps the root's infinite slope at zero out of the gradient.
    return ops.where(some, vectors / ops.sqrt(ops.where(some, square, 1.0)), 0.0)


def largest_one(features, axis):
    """Features divided by their largest magnitude, which counts as a constant in the gradient.

    For what does not depend on the size of its input: powers of large features then stay finite.

    Args:
        features: float tensor.
        axis: axis or axes over which the magnitude is sought.

    Returns:
        float tensor of the same shape, within -1 .. 1.

    Example:
        >>> import numpy as np
        >>> np.asarray(largest_one(np.array([[1e20, -2e20], [0.0, 0.0]], "float32"), axis=1)).tolist()
        [[0.5, -1.0], [0.0, 0.0]]
    """
    largest = ops.stop_gradient(ops.max(ops.abs(features), axis=axis, keepdims=True))
    return features / ops.where(largest > 0, largest, 1.0)
