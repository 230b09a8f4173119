"""The weights of an ensemble's members, fitted on images that none of them was trained on."""

import numpy as np

from keras_kd.utils.errors import UserError

TOLERANCE = 1e-9
STEPS = 20_000


def fit_ensemble_weights(members, labels):
    """The weights w that minimise the mean of -log sum_m w_m p_m(label), by expectation maximisation.

    The problem is convex, so the result does not depend on where it starts; it starts at equal weights and stops where
    no weights can be better by more than 1e-9 nats per image, or after 20,000 steps.

    Args:
        members: logits (images, classes) of each member, the same images in the same order.
        labels: integers, (images,).

    Returns:
        float64 (members,), 0 or more, summing to 1.

    Raises:
        UserError: shapes or labels that do not fit, or logits that are not finite.

    Source:
        Dempster, Laird, Rubin 1977, section 4.3 (finite mixtures), of known components. As a weighted ensemble of
        teachers: Ganta, Das Gupta, Sheng 2022, arXiv:2206.12005, who search the weights by differential evolution.

    Example:
        >>> right, wrong = np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 0.0]])
        >>> fit_ensemble_weights([right, wrong], [0, 1]).round(6).tolist()
        [1.0, 0.0]
    """
    labels = np.asarray(labels)
    own = np.stack([own_log_probability(logits, labels) for logits in members])
    # An image's factor cancels in the step, so the largest member is 1 and nothing underflows.
    likelihood = np.exp(own - own.max(0))
    weights = np.full(len(likelihood), 1 / len(likelihood))
    for _ in range(STEPS):
        # By concavity max(gain) - 1 bounds what is still to be won, in nats per image.
        gain = (likelihood / (weights @ likelihood)).mean(1)
        if gain.max() - 1 < TOLERANCE:
            break
        weights = weights * gain
        weights /= weights.sum()
    return weights


def own_log_probability(logits, labels):
    """The log-probability that logits give to each image's own label, in float64: (images,).

    Args:
        logits: (images, classes).
        labels: integers, (images,).

    Raises:
        UserError: shapes or labels that do not fit, or logits that are not finite.

    Example:
        >>> own_log_probability([[0.0, 0.0]], [1]).round(4).tolist()
        [-0.6931]
    """
    logits, labels = np.asarray(logits, "float64"), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu" or not len(labels):
        raise UserError(
            f"held-out logits: found {logits.shape} with labels of {labels.shape}; expected (images, classes) and "
            "whole numbers (images,)"
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise UserError(
            f"held-out labels: found {labels.min()} to {labels.max()} for {logits.shape[1]} classes; a teacher of "
            "other classes needs a class_map"
        )
    if not np.isfinite(logits).all():
        raise UserError("held-out logits: found values that are not finite; the teacher cannot be fitted")
    shifted = logits - logits.max(1, keepdims=True)
    return shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(1))
