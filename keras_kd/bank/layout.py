"""How what a teacher says of a view is laid out in a row: formats, shapes, bytes."""

import math

import keras

from keras_kd.bank.formats import Format
from keras_kd.models.taps import LOGITS


def layout_of(format, tap, shape, kept):
    """The `Format` of a signal: topk is for logits, what else is read is then float16."""
    written = format if tap == LOGITS or format != "topk" else "float16"
    return Format(written, math.prod(shape), kept)


def row_bytes(format, tap, shape, kept=10):
    """Bytes of a signal of one view, its check number included.

    Example:
        >>> row_bytes("float16", "logits", (100,))
        204
    """
    return layout_of(format, tap, shape, kept).row_bytes + 4


def signal_shapes(tapped, image_shape):
    """{tap: shape of one example's values} of a `Tapped` network."""
    signals = tapped.specs(keras.KerasTensor((None, *image_shape)))
    return {tap: tuple(one.shape[1:]) for tap, one in signals.items()}
