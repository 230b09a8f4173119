"""Distances between distributions that are given as logits, over all classes or some of them."""

from keras_kd.utils.lazy import ops

# Stands for minus infinity, whose gradients would not be finite.
NEVER = -1e30


def kl_divergence(target_logits, logits, kept=None):
    """KL(softmax(target_logits) || softmax(logits)), from log-softmax, so finite for logits of any size.

    Args:
        target_logits: float tensor (batch, classes).
        logits: float tensor (batch, classes).
        kept: bool tensor (batch, classes): the classes that both are restricted to; None for all. An example that keeps
            none gives 0.

    Returns:
        float tensor (batch,), each 0 or more.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[2.0, 1.0, 0.0]], "float32")
        >>> float(kl_divergence(logits, logits + 5.0)[0])
        0.0
    """
    if kept is None:
        log_target, log_probability = ops.log_softmax(target_logits, axis=-1), ops.log_softmax(logits, axis=-1)
        target = ops.exp(log_target)
    else:
        log_target, log_probability = log_softmax_over(target_logits, kept), log_softmax_over(logits, kept)
        target = ops.where(kept, ops.exp(log_target), 0.0)
    return ops.sum(target * (log_target - log_probability), axis=-1)


def log_sum_over(logits, kept):
    """log sum exp of the kept logits of each row; -1e30 where none is kept.

    Args:
        logits: float tensor (batch, classes).
        kept: bool tensor (batch, classes).

    Returns:
        float tensor (batch, 1).

    Example:
        >>> import numpy as np
        >>> float(log_sum_over(np.array([[2.0, 1.0, 9.0]], "float32"), np.array([[True, False, False]]))[0, 0])
        2.0
    """
    return ops.logsumexp(ops.where(kept, logits, NEVER), axis=-1, keepdims=True)


def log_softmax_over(logits, kept):
    """Log-softmax over the kept classes of each row; 0 at the others.

    Args:
        logits: float tensor (batch, classes).
        kept: bool tensor (batch, classes).

    Returns:
        float tensor (batch, classes).

    Example:
        >>> import numpy as np
        >>> found = log_softmax_over(np.array([[2.0, 2.0, 9.0]], "float32"), np.array([[True, True, False]]))
        >>> [round(float(one), 4) for one in found[0]]
        [-0.6931, -0.6931, 0.0]
    """
    return ops.where(kept, logits - log_sum_over(logits, kept), 0.0)


def one_against_rest(logits, chosen):
    """Logits of two outcomes, "a chosen class" and "any other", whose softmax is their probability.

    Args:
        logits: float tensor (batch, classes).
        chosen: bool tensor (batch, classes).

    Returns:
        float tensor (batch, 2).

    Example:
        >>> import numpy as np
        >>> probability = np.array([[0.7, 0.2, 0.1]], "float32")
        >>> pair = one_against_rest(np.log(probability), np.array([[True, False, False]]))
        >>> [round(float(one), 4) for one in np.exp(pair)[0]]
        [0.7, 0.3]
    """
    rest = ops.logical_not(chosen)
    return ops.concatenate([log_sum_over(logits, chosen), log_sum_over(logits, rest)], axis=-1)


def log_mixture(first, second, share):
    """log(share * exp(first) + (1 - share) * exp(second)), finite for log-probabilities of any size.

    Args:
        first, second: float tensors (batch, classes), log-probabilities.
        share: of the first, 0..1, a number or a tensor.

    Example:
        >>> import numpy as np
        >>> half = np.log(np.array([[0.5, 0.5]], "float32"))
        >>> [round(float(one), 4) for one in np.exp(log_mixture(half, np.log([[0.9, 0.1]]).astype("float32"), 0.5))[0]]
        [0.7, 0.3]
    """
    shares = ops.cast(ops.stack([share, 1 - share]), "float32")
    # Of a share of 0 next to nothing: its logarithm would be no number.
    log_shares = ops.log(ops.maximum(shares, 1e-30))
    return ops.logaddexp(first + log_shares[0], second + log_shares[1])


def is_class(labels, classes):
    """Which class is the label, as a bool tensor (batch, classes).

    Args:
        labels: int tensor (batch,).
        classes: how many there are.

    Example:
        >>> [[bool(one) for one in row] for row in is_class([1, 0], classes=2)]
        [[False, True], [True, False]]
    """
    return ops.one_hot(ops.cast(labels, "int32"), classes, dtype="bool")


def cross_entropy(logits, chosen):
    """-log softmax(logits) at the chosen class of each row.

    Args:
        logits: float tensor (batch, classes).
        chosen: bool tensor (batch, classes), one class per row.

    Returns:
        float tensor (batch,).

    Example:
        >>> import numpy as np
        >>> round(float(cross_entropy(np.zeros((1, 4), "float32"), is_class([2], 4))[0]), 4)
        1.3863
    """
    return -ops.sum(ops.where(chosen, ops.log_softmax(logits, axis=-1), 0.0), axis=-1)
