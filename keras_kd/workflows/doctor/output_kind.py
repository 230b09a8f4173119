"""What a network really gives, seen in the numbers: logits, probabilities, or neither."""

import numpy as np

from keras_kd.evaluation.metrics.probabilities import log_softmax

# Sums of a softmax in half precision are this near to 1.
SUMS = 0.01
SMALLEST = 1e-14


def output_kind(output):
    """What the rows of an output are.

    Args:
        output: float array (images, classes), a network's own, nothing done to it.

    Returns:
        (kind, figures): "logits"; "probabilities", 0 or more and summing to 1; "scaled probabilities", 0 or more and
        all summing to one other number; "sigmoids", all in 0..1 with sums that differ; "not finite". The figures are
        the smallest and the largest number, and the least and the largest sum of a row.

    Example:
        >>> output_kind(np.array([[0.9, 0.1], [0.2, 0.8]]))[0], output_kind(np.array([[2.0, -1.0], [0.5, 1.0]]))[0]
        ('probabilities', 'logits')
    """
    output = np.asarray(output, "float64")
    if not np.isfinite(output).all():
        return "not finite", {"images_not_finite": int((~np.isfinite(output)).any(1).sum())}
    sums = output.sum(1)
    figures = {
        "smallest": float(output.min()),
        "largest": float(output.max()),
        "least_sum": float(sums.min()),
        "largest_sum": float(sums.max()),
    }
    # A network that says the same of every image cannot be told from its numbers, but for a sum of exactly 1.
    varies = float(np.ptp(output, axis=0).max()) > 1e-6 * max(abs(output).max(), 1e-30)
    if output.min() < -1e-6:
        return "logits", figures
    if np.abs(sums - 1).max() <= SUMS:
        return "probabilities", figures
    if varies and sums.min() > 0 and np.ptp(sums) <= SUMS * sums.mean():
        return "scaled probabilities", figures
    if varies and output.max() <= 1 and output.max() > 0.5:
        return "sigmoids", figures
    return "logits", figures


def class_probabilities(output, kind, groups=None):
    """The probabilities of the data's classes, at temperature 1.

    Args:
        output: float array (images, classes of the network).
        kind: of `output_kind`.
        groups: for each class of the data the network's classes, see
            `keras_kd.models.wrappers.class_map.checked_groups`; None where the network's classes are the data's.

    Returns:
        float64 array (images, classes), rows that sum to 1.

    Example:
        >>> class_probabilities(np.array([[0.2, 0.3, 0.5]]), "probabilities", [[2], [0, 1]]).tolist()
        [[0.5, 0.5]]
    """
    output = np.nan_to_num(np.asarray(output, "float64"), nan=0.0, posinf=0.0, neginf=0.0)
    if kind in ("probabilities", "scaled probabilities", "sigmoids"):
        found = np.maximum(output, SMALLEST)
    else:
        found = np.exp(log_softmax(output))
    if groups is not None:
        found = np.stack([found[:, group].sum(1) if group else np.zeros(len(found)) for group in groups], axis=1)
    found = np.maximum(found, SMALLEST)
    return found / found.sum(1, keepdims=True)
