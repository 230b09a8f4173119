"""A teacher whose confidence is what it is worth: its logits divided by a temperature fitted on held-out images."""

import math

from keras_kd.models.wrappers.softened import as_logits, with_output
from keras_kd.utils.errors import UserError


def calibrated(model, temperature, *, from_logits=True, name=None):
    """A network with its logits divided by a temperature.

    Args:
        model: a built `keras.Model` from images to (batch, classes).
        temperature: above 0, as `keras_kd.evaluation.metrics.temperature.fit_temperature` finds it.
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
