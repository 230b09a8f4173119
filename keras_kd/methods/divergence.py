"""Distances between distributions that are given as logits."""

from keras_kd.lazy import ops


def kl_divergence(target_logits, logits):
    """KL(softmax(target_logits) || softmax(logits)), from log-softmax, so finite for logits of any size.

    Args:
        target_logits: float tensor (batch, classes).
        logits: float tensor (batch, classes).

    Returns:
        float tensor (batch,), each 0 or more.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[2.0, 1.0, 0.0]], "float32")
        >>> float(kl_divergence(logits, logits + 5.0)[0])
        0.0
    """
    log_target = ops.log_softmax(target_logits, axis=-1)
    log_probability = ops.log_softmax(logits, axis=-1)
    return ops.sum(ops.exp(log_target) * (log_target - log_probability), axis=-1)
