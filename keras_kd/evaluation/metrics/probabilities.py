"""Probabilities of logits, and odds of them, without overflow and without the difference of nearly equal numbers."""

import numpy as np

from keras_kd.evaluation.metrics.checked import checked


def log_softmax(logits):
    """The logarithms of the predicted probabilities.

    Args:
        logits: float64 array (images, classes).

    Returns:
        float64 array (images, classes), each 0 or less; NaN for images whose logits hold NaN.

    Example:
        >>> log_softmax(np.array([[1e4, 0.0]])).tolist()
        [[0.0, -10000.0]]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = logits - logits.max(1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def confidence(logits):
    """The largest predicted probability of each image.

    Args:
        logits: float64 array (images, classes).

    Returns:
        float64 array (images,), each 1 / classes..1; NaN for images whose logits hold NaN.

    Example:
        >>> confidence(np.zeros((1, 4))).tolist()
        [0.25]
    """
    with np.errstate(invalid="ignore"):
        # As an exponential of its logarithm it would miss the edge of a bin by a rounding error.
        return 1 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)


def label_probability(logits, labels):
    """The predicted probability of each image's label.

    Args:
        logits: (images, classes).
        labels: integers, (images,).

    Returns:
        float64 array (images,), each 0..1; NaN for images whose logits hold NaN.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> label_probability([[0.0, 0.0]], [1]).tolist()
        [0.5]
    """
    logits, labels = checked(logits, labels)
    return np.exp(log_softmax(logits)[np.arange(len(labels)), labels])


def log_odds(logits, chosen):
    """log(p / (1 - p)) of the probability p of one class per image.

    It is the class's logit minus the log-sum-exp of the others, so a p that rounds to 1 keeps its odds.

    Args:
        logits: float64 array (images, classes).
        chosen: int array (images,), the class of each image.

    Returns:
        float64 array (images,); infinite where p is 0 or 1, NaN for images whose logits hold NaN.

    Example:
        >>> log_odds(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([0, 1])).tolist()
        [10000.0, 0.0]
    """
    images = np.arange(len(logits))
    others = logits.copy()
    others[images, chosen] = -np.inf
    largest = others.max(1)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return logits[images, chosen] - shift - np.log(np.exp(others - shift[:, None]).sum(1))
