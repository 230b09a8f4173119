"""The layer that a name in an exported graph belongs to: converters name operators by their path, users know layers."""

import re

from keras_kd.backend.keras_private import flat_layers


def layer_of(path, model):
    """The innermost layer of a model on a path of TensorFlow, in words; the path itself where none is on it.

    Args:
        path: such as "student_1/resnet_1/conv_2/Conv2D": a number is added to a name that occurs again.
        model: a `keras.Model`.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="logits")])
        >>> layer_of("model_1/logits_1/MatMul", model)
        "layer 'logits' (Dense)"
        >>> layer_of("some/Erf", model)
        "'some/Erf'"
    """
    kinds = {layer.name: type(layer).__name__ for layer in flat_layers(model) if layer is not model}
    for part in reversed(re.split(r"[/;:]", path)):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in kinds:
                return f"layer {name!r} ({kinds[name]})"
    return repr(path)
