"""A teacher whose confidence is what it is worth: its logits divided by a temperature fitted on held-out images."""

import math

import numpy as np

from keras_kd.models.wrappers.ensemble_weights import own_log_probability
from keras_kd.models.wrappers.softened import as_logits, with_output
from keras_kd.utils.errors import UserError

COLDEST, HOTTEST = 0.01, 100.0
STEPS = 100


def calibrated(model, temperature, *, from_logits=True, name=None):
    """A network with its logits divided by a temperature.

    Args:
        model: a built `keras.Model` from images to (batch, classes).
        temperature: above 0, as `fit_temperature` finds it.
        from_logits: whether the model gives logits; of probabilities the logarithm is taken, with a floor of 1e-14.
        name: of the new model; the old one's by default.

    Returns:
        A functional `keras.Model` to float32 logits, its layers under their old names.

    Raises:
        UserError: the temperature is no number above 0.

    Source:
        Guo et al. 2017, arXiv:1706.04599, section 4.2; for teachers Yang and Song 2021, arXiv:2111.01684.

    Example:
        >>> from keras_kd.models import build
        >>> calibrated(build("digits_tiny", (8, 8, 1), 10), 1.5).get_layer("stage2").name
        'stage2'
    """
    if not 0 < temperature < math.inf:
        raise UserError(f"{name or model.name}: temperature: found {temperature}; expected a number above 0")
    return with_output(model, lambda output: as_logits(output, from_logits) / float(temperature), name or model.name)


def fit_temperature(logits, labels):
    """The temperature T that minimises the mean of -log softmax(logits / T)[label], in float64.

    The loss is convex in 1 / T, so it has one minimum in log T; a golden-section search between 0.01 and 100 finds it.
    Where every image is right the loss falls for ever as T falls, and 0.01 is the answer.

    Args:
        logits: (images, classes), of images that the network was not trained on.
        labels: integers, (images,).

    Returns:
        A float; its loss is never above that of T = 1.

    Raises:
        UserError: shapes or labels that do not fit, or logits that are not finite.

    Source:
        Guo et al. 2017, arXiv:1706.04599, equation 9.

    Example:
        >>> logits = np.log(np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]]))  # says 0.9, is right in 3 of 4
        >>> round(fit_temperature(logits, [0, 0, 0, 0]), 3)
        2.0
    """
    logits = np.asarray(logits, "float64")

    def loss(log_temperature):
        return -own_log_probability(logits / math.exp(log_temperature), labels).mean()

    golden = (math.sqrt(5) - 1) / 2
    low, high = math.log(COLDEST), math.log(HOTTEST)
    left, right = high - golden * (high - low), low + golden * (high - low)
    left_loss, right_loss = loss(left), loss(right)
    for _ in range(STEPS):
        if high - low < 1e-10:
            break
        if left_loss <= right_loss:
            high, right, right_loss = right, left, left_loss
            left = high - golden * (high - low)
            left_loss = loss(left)
        else:
            low, left, left_loss = left, right, right_loss
            right = low + golden * (high - low)
            right_loss = loss(right)
    best = min((low, high, (low + high) / 2, 0.0, math.log(COLDEST), math.log(HOTTEST)), key=loss)
    return math.exp(best)


def negative_log_likelihood(logits, labels):
    """The mean of -log softmax(logits)[label], in float64.

    Args:
        logits: (images, classes).
        labels: integers, (images,).

    Raises:
        UserError: shapes or labels that do not fit, or logits that are not finite.

    Example:
        >>> round(negative_log_likelihood([[0.0, 0.0]], [1]), 4)
        0.6931
    """
    return float(-own_log_probability(logits, labels).mean())
