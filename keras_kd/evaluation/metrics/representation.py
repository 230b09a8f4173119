"""How alike the representations of two networks are."""

import math

import numpy as np

from keras_kd.utils.errors import UserError


def linear_cka(one, other):
    """How alike two representations of the same images are, up to rotation and scale: linear centred kernel alignment.

    No matrix that is made has more numbers than n * n or d * e, whichever is less.

    Args:
        one: float array (n, d), features of n images; maps (n, height, width, channels) are flattened.
        other: float array (n, e), of the same images.

    Returns:
        float in 0..1; 1 for features that differ by rotation, scale and shift alone. NaN where the features of either
        are the same for all images, or not finite.

    Raises:
        UserError: features of no images, or of unlike numbers of images.

    Source:
        Kornblith et al., Similarity of Neural Network Representations Revisited, arXiv:1905.00414.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(16, 4))
        >>> round(linear_cka(features, 3 * features[:, ::-1] + 1), 6)
        1.0
    """
    one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    if not one.ndim or not other.ndim or not one.size or not other.size or len(one) != len(other):
        raise UserError(
            f"features: found {one.shape} and {other.shape}; expected (images, ...) twice, of the same images"
        )
    x, y = (features.reshape(len(features), -1) for features in (one, other))
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        return math.nan
    # Less its mean a constant can leave a rounding error, which would pass for variance.
    if not np.ptp(x, axis=0).any() or not np.ptp(y, axis=0).any():
        return math.nan
    x, y = x - x.mean(0), y - y.mean(0)
    return float(_overlap(x, y) / (math.sqrt(_overlap(x, x)) * math.sqrt(_overlap(y, y))))


def _overlap(x, y):
    """The squared Frobenius norm of y^T x, of the features or of the images' Gram matrices, whichever are smaller."""
    if x.shape[1] * y.shape[1] <= len(x) ** 2:
        return np.linalg.norm(y.T @ x) ** 2
    gram = x @ x.T
    return np.vdot(gram, gram if x is y else y @ y.T)
