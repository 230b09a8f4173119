"""A step of images along a gradient, as far as a gap that is to be closed asks for."""

from keras_kd.utils.lazy import ops


def walk_step(moved, gradient, far, clip):
    """Images moved along their gradients, each by a distance of its own, and brought back into a range.

    Args:
        moved: float32 tensor (n, height, width, channels).
        gradient: like `moved`; its length does not count.
        far: float32 tensor (n,), how far each image goes, in the Euclidean norm of its pixels; 0 stays.
        clip: (smallest, largest) value of a pixel.

    Returns:
        A tensor like `moved`.

    Source:
        The step of Heo et al. 2019, arXiv:1805.05532.

    Example:
        >>> import numpy as np
        >>> image, gradient = np.zeros((1, 1, 2, 1), "float32"), np.full((1, 1, 2, 1), 3.0, "float32")
        >>> far = np.array([2.0], "float32")
        >>> np.asarray(walk_step(image, gradient, far, clip=(0.0, 1.0))).ravel().tolist()
        [1.0, 1.0]
    """
    length = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3), keepdims=True))
    return ops.clip(moved + far[:, None, None, None] * gradient / ops.maximum(length, 1e-20), *clip)
