"""What every network here begins with: pixels 0..255 come in, and are normalised inside."""

import numpy as np

from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def image_input(image_shape):
    """The input of a network: float32 pixels 0..255 of shape (batch, height, width, channels)."""
    return keras.Input(tuple(image_shape), name="image")


def normalize(image, mean=None, std=None):
    """Pixels 0..255 to (pixels / 255 - mean) / std, by channel.

    Args:
        image: a Keras tensor (batch, height, width, channels).
        mean, std: a number, or one a channel, in units of 0..1; None is 0 and 1. A channel that never varies (std 0)
            is only shifted.

    Returns:
        A Keras tensor like `image`, out of a Rescaling layer named "normalize".

    Raises:
        UserError: as many numbers as channels were expected.
    """
    channels = image.shape[-1]
    mean, std = _by_channel("mean", mean, 0.0, channels), _by_channel("std", std, 1.0, channels)
    std = np.where(std == 0, 1.0, std)
    layer = keras.layers.Rescaling((1 / (255 * std)).tolist(), (-mean / std).tolist(), name="normalize")
    return layer(image)


def _by_channel(name, value, default, channels):
    numbers = np.asarray(default if value is None else value, dtype="float64").reshape(-1)
    if numbers.size not in (1, channels):
        raise UserError(
            f"{name}: found {numbers.size} numbers for {channels} channels; expected one number, or one a channel"
        )
    return np.broadcast_to(numbers, channels)
