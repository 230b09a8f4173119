"""Temperature scaling: its fit, and what is left of a network's miscalibration when its sharpness is set right."""

import math

import numpy as np

from keras_kd.evaluation.metrics.bins import BINS
from keras_kd.evaluation.metrics.calibration import calibration
from keras_kd.evaluation.metrics.checked import checked
from keras_kd.evaluation.metrics.ensemble_weights import own_log_probability
from keras_kd.utils.errors import UserError

COLDEST, HOTTEST = 0.01, 100.0


def fit_temperature(logits, labels):
    """The temperature T that minimises the mean of -log softmax(logits / T)[label], in float64.

    The loss is convex in 1 / T, so it has one minimum in log T, which Brent's method finds between 0.01 and 100.
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
    from scipy.optimize import minimize_scalar

    logits = np.asarray(logits, "float64")

    def loss(log_temperature):
        return -own_log_probability(logits / math.exp(log_temperature), labels).mean()

    ends = math.log(COLDEST), math.log(HOTTEST)
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10})
    # The search never reaches an end; where the loss is flat the coldest of equals counts.
    return math.exp(min((ends[0], float(found.x), 0.0, ends[1]), key=loss))


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


def scaled_calibration(logits, labels, held_out_logits=None, held_out_labels=None, bins=BINS):
    """The calibration of a network whose logits are divided by a temperature that never saw the image's own label.

    Two networks of unlike sharpness can be compared so: what remains is what one number cannot mend.

    Without held-out images the temperature is cross-fitted: the images are sorted by label, every other one goes into
    the second half, and each half is divided by the temperature fitted on the other half. The temperature lies in
    0.01..100, see `fit_temperature`; it is 0.01 where every image of the fit is right. Images
    whose logits are not finite are left out of the fit.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        held_out_logits: (other images, classes), of images in neither training nor test set, or None.
        held_out_labels: integers, (other images,), or None.
        bins: as in `calibration`.

    Returns:
        The dict of `calibration`, after "temperature", cross-fitted the geometric mean of the halves' two; and
        "fitted_on", "validation" or "the other half of the test images". With no finite image to fit on the
        temperature is 1 and "fitted_on" None.

    Raises:
        UserError: shapes, labels or bins that do not fit, or one of the two held-out arrays without the other.

    Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599, section 4.2.

    Example:
        >>> logits = np.log([[0.9, 0.1]] * 8)  # says 0.9, is right in 6 of 8
        >>> scaled = scaled_calibration(logits, [0, 0, 0, 0, 0, 0, 1, 1])
        >>> round(scaled["temperature"], 3), round(scaled["ece"], 6), scaled["fitted_on"]
        (2.0, 0.0, 'the other half of the test images')
    """
    logits, labels = checked(logits, labels)
    if (held_out_logits is None) != (held_out_labels is None):
        missing = "logits" if held_out_logits is None else "labels"
        raise UserError(f"held-out images: found no {missing}; expected logits and labels; give both or neither")
    if held_out_logits is not None:
        held_out_logits, held_out_labels = checked(held_out_logits, held_out_labels)
        if held_out_logits.shape[1] != logits.shape[1]:
            raise UserError(
                f"held-out logits: found {held_out_logits.shape[1]} classes; expected {logits.shape[1]}, as of the "
                "test images; take both from the same network"
            )
        fitted = [_fitted(held_out_logits, held_out_labels)]
        temperatures, where = np.full(len(labels), fitted[0] or 1.0), "validation"
    else:
        half = np.empty(len(labels), "int64")
        half[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % 2
        fitted = [_fitted(logits[half != which], labels[half != which]) for which in range(2) if (half == which).any()]
        temperatures = np.array([temperature or 1.0 for temperature in fitted])[half]
        where = "the other half of the test images"
    return {
        "temperature": math.exp(np.mean([math.log(temperature or 1.0) for temperature in fitted])),
        "fitted_on": where if any(fitted) else None,
        **calibration(logits / temperatures[:, None], labels, bins),
    }


def _fitted(logits, labels):
    """The temperature of the images whose logits are finite, None where there is none."""
    finite = np.isfinite(logits).all(1)
    return fit_temperature(logits[finite], labels[finite]) if finite.any() else None
