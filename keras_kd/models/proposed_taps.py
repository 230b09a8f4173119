"""Which layers of a network of one's own a method may read: where its stages end."""

import keras

from keras_kd.backend.keras_private import only_output

# Layers that give what the layer before them gives, seen otherwise.
PASSING = (keras.layers.Dropout, keras.layers.ZeroPadding2D, keras.layers.Reshape, keras.layers.Permute)
MOST = 6


def proposed_taps(network, prefix=""):
    """The paths of layers that end a stage: the last of each size of maps, and what is pooled of them.

    Args:
        network: a built `keras.Model`.
        prefix: of the paths, for a model inside another.

    Returns:
        A list of paths, at most `MOST`, those nearest to the output; empty where a network shows no sizes.

    Example:
        >>> from keras_kd.models import build
        >>> proposed_taps(build("resnet8", (32, 32, 3), 10))
        ['stage1', 'stage2', 'stage3', 'pooled']
    """
    ends = {}
    for layer in getattr(network, "layers", ())[:-1]:
        inside = proposed_taps(layer, f"{prefix}{layer.name}/") if isinstance(layer, keras.Model) else []
        if inside:
            ends.update((f"inside {one}", one) for one in inside)
            continue
        output = None if isinstance(layer, (keras.layers.InputLayer, *PASSING)) else only_output(layer)
        shape = tuple(getattr(output, "shape", ()))
        if len(shape) == 4 and shape[1] != 1:
            ends.pop(shape[1:3], None)
            ends[shape[1:3]] = prefix + layer.name
        elif len(shape) == 2 and not isinstance(layer, keras.layers.Flatten):
            ends.pop("pooled", None)
            ends["pooled"] = prefix + layer.name
    return list(ends.values())[-MOST:]
