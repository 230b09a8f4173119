"""Which pixels a model expects, by itself: those under which its first batch normalisation sees what it saw before.

A model that is always right is as right, and surer, of pixels that are far too large: labels alone do not tell.
"""

import keras
import numpy as np

from keras_kd.backend.keras_private import flat_layers
from keras_kd.workflows.doctor.measures import scalings

LOOKED_AT = 200  # images
# So much nearer to the statistics of training than the next best it has to be.
CLEAR = 0.6


def settings_by_statistics(model, spec, dataset):
    """The fields of a teacher that say which pixels it takes; None where its statistics do not tell.

    Args:
        model: as it was saved.
        spec: a `MemberSpec` of it.
        dataset: images, with their mean and deviation.

    Returns:
        dict, such as {"pixels": "unit"}.
    """
    if any(isinstance(one, keras.layers.Rescaling | keras.layers.Normalization) for one in flat_layers(model)):
        return {"pixels": "pixels"}
    first = next((one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)), None)
    if first is None:
        return None
    given, others = scalings(spec, dataset)
    known = [one for one in (given, *others) if one.settings is not None]
    images = dataset.train.images[np.linspace(0, len(dataset.train) - 1, LOOKED_AT).astype(int)]
    reads = keras.Model(model.inputs, first.input)
    far = sorted((_distance(reads, first, one.of(images)), number) for number, one in enumerate(known))
    return known[far[0][1]].settings if far[0][0] < CLEAR * far[1][0] else None


CANNOT_TELL = (
    "which pixels it takes cannot be told without labels; give --pixels pixels (0..255), unit (0..1), symmetric "
    "(-1..1) or standard, or sort some images into folders of their classes"
)


def _distance(reads, layer, pixels):
    """How far what a layer sees is from what it saw in training, in deviations and in logarithms of variance."""
    seen = keras.ops.convert_to_numpy(reads.predict(pixels.astype("float32"), verbose=0)).astype("float64")
    axes = tuple(range(seen.ndim - 1))
    mean, variance = (keras.ops.convert_to_numpy(one) for one in (layer.moving_mean, layer.moving_variance))
    shift = np.abs(seen.mean(axes) - mean) / np.sqrt(variance + 1e-12)
    stretch = np.abs(np.log((seen.var(axes) + 1e-12) / (variance + 1e-12)))
    return float(shift.mean() + stretch.mean())
