"""How far the predicted probabilities can be believed."""

import math

import numpy as np

from keras_kd.evaluation.metrics.bins import BINS, bin_of, checked_bins
from keras_kd.evaluation.metrics.checked import checked
from keras_kd.evaluation.metrics.predictions import accuracy
from keras_kd.evaluation.metrics.probabilities import confidence, log_softmax
from keras_kd.evaluation.metrics.ranks import rank


def calibration(logits, labels, bins=BINS):
    """How far the predicted probabilities can be believed.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        bins: number of equal-width bins of the confidence, (i / bins, (i + 1) / bins], and of bins of equal mass.

    Returns:
        A dict: "ece", the expected calibration error, sum over bins of share |accuracy - confidence|; "nll", the mean
        negative log-likelihood of the labels in nats; "brier", the mean over images of the sum over classes of
        (probability - label)^2, in 0..2; "adaptive_ece", see `adaptive_calibration_error`; "over_confidence", see
        `over_confidence`; "bins". The two errors and "over_confidence" are NaN where logits hold NaN.

    Raises:
        UserError: shapes, labels or bins that do not fit.

    Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599 (ECE).

    Example:
        >>> {name: round(value, 4) for name, value in calibration([[0.0, 0.0]], [0]).items()}
        {'ece': 0.5, 'nll': 0.6931, 'brier': 0.5, 'adaptive_ece': 0.5, 'over_confidence': -0.5, 'bins': 15}
    """
    logits, labels = checked(logits, labels)
    counts, accuracies, confidences = reliability(logits, labels, bins)
    ece = np.sum(counts / len(labels) * np.abs(accuracies - confidences))
    log_probabilities, own = log_softmax(logits), (np.arange(len(labels)), labels)
    miss = np.exp(log_probabilities)
    miss[own] -= 1
    return {
        "ece": float(ece) if counts.sum() == len(labels) else math.nan,
        "nll": float(-log_probabilities[own].mean()),
        "brier": float((miss**2).sum(1).mean()),
        "adaptive_ece": adaptive_calibration_error(logits, labels, bins),
        "over_confidence": over_confidence(logits, labels),
        "bins": bins,
    }


def reliability(logits, labels, bins=BINS):
    """The reliability diagram: what a confidence is worth.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        bins: number of equal-width bins, (i / bins, (i + 1) / bins], of the largest probability.

    Returns:
        Three arrays of shape (bins,): the number of images, their accuracy and their mean confidence; 0 where a bin is
        empty. Images whose logits hold NaN are in no bin.

    Raises:
        UserError: shapes, labels or bins that do not fit.

    Example:
        >>> reliability([[0.0, 0.0], [5.0, 0.0]], [0, 0], bins=2)[0].tolist()
        [1, 1]
    """
    logits, labels = checked(logits, labels)
    sure = confidence(logits)
    known = ~np.isnan(sure)
    sure, correct = sure[known], (rank(logits, labels) < 1)[known]
    place = bin_of(sure, checked_bins(bins))
    counts = np.bincount(place, minlength=bins)
    share = np.maximum(counts, 1)
    accuracies = np.bincount(place, weights=correct, minlength=bins) / share
    confidences = np.bincount(place, weights=sure, minlength=bins) / share
    return counts, accuracies, confidences


def adaptive_calibration_error(logits, labels, bins=BINS):
    """The calibration error over bins of equal mass: each has as many images as the next, or one more.

    Bins of equal width are nearly all empty for a confident network; these are not. Of the confidence alone, the
    largest probability: the top-label version, not the mean over all classes.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        bins: number of bins of the images sorted by confidence, the first ones larger; equal confidences stay in the
            order of the images.

    Returns:
        A float in 0..1, the sum over bins of share |accuracy - mean confidence|; NaN where logits hold NaN.

    Raises:
        UserError: shapes, labels or bins that do not fit.

    Source:
        Nguyen and O'Connor 2015, arXiv:1508.05154 (bins of equal mass); Nixon et al. 2019, Measuring Calibration in
        Deep Learning, arXiv:1904.01685 (adaptive calibration error).

    Example:
        >>> round(adaptive_calibration_error([[0.0, 0.0], [0.0, 0.0], [9.0, 0.0]], [0, 1, 0], bins=2), 4)
        0.0
    """
    logits, labels = checked(logits, labels)
    sure = confidence(logits)
    if np.isnan(sure).any():
        return math.nan
    excess = sure - (rank(logits, labels) < 1)
    parts = np.array_split(excess[np.argsort(sure, kind="stable")], checked_bins(bins))
    return float(sum(abs(part.sum()) for part in parts) / len(labels))


def over_confidence(logits, labels):
    """How overconfident a network is: its mean confidence minus its accuracy.

    Args:
        logits: (images, classes).
        labels: integers, (images,).

    Returns:
        A float in -1..1; above 0 the network is too sure, below 0 not sure enough. NaN where logits hold NaN.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> over_confidence([[0.0, 0.0], [0.0, 0.0]], [1, 1])
        0.5
    """
    logits, labels = checked(logits, labels)
    return float(confidence(logits).mean() - accuracy(logits, labels))
