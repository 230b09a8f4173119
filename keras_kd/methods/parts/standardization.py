"""Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge Distillation. CVPR 2024, arXiv:2403.01427."""

from keras_kd.utils.lazy import ops


def standardized(logits):
    """The z-score of each row: (z - mean) / (std + 1e-7), with the unbiased standard deviation.

    A temperature then means the same for every example and both networks, and only the relations between the classes
    count, not how large a network's logits are. A row of equal logits gives zeros.

    Args:
        logits: float tensor (batch, classes), two classes or more.

    Returns:
        float tensor (batch, classes).

    Example:
        >>> import numpy as np
        >>> [round(float(one), 4) for one in standardized(np.array([[3.0, 2.0, 1.0]], "float32"))[0]]
        [1.0, 0.0, -1.0]
    """
    # A compiler may work out a mean twice and round it twice: next to 1e-7 the difference is large. Of equal logits
    # nothing is left to round.
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    centred = logits - ops.mean(logits, axis=-1, keepdims=True)
    variance = ops.sum(ops.square(centred), axis=-1, keepdims=True) / (logits.shape[-1] - 1)
    # The square root has no finite gradient at 0.
    varies = variance > 0
    deviation = ops.where(varies, ops.sqrt(ops.where(varies, variance, 1.0)), 0.0)
    return centred / (deviation + 1e-7)
