"""The place of a class among the logits of an image."""

import numpy as np


def rank(logits, chosen):
    """How many classes come before the chosen one; of equal logits the smaller index comes first, as in `argmax`.

    Args:
        logits: float64 array (images, classes).
        chosen: int array (images,), the class of each image.

    Returns:
        int array (images,), each 0..classes - 1; `classes` for images whose logits hold NaN, so that they count as
        wrong whatever is asked.

    Example:
        >>> rank(np.array([[2.0, 1.0, 2.0], [np.nan, 0.0, 0.0]]), np.array([2, 0])).tolist()
        [1, 3]
    """
    own = np.take_along_axis(logits, chosen[:, None], 1)
    smaller_index = np.arange(logits.shape[1]) < chosen[:, None]
    before = (logits > own) | ((logits == own) & smaller_index)
    return np.where(np.isnan(logits).any(1), logits.shape[1], before.sum(1))
