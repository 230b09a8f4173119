"""A published network as one of the zoo: its weights carried over, each to the layer that it was of."""

import numpy as np

from keras_kd.backend.keras_private import made_by
from keras_kd.models.published.checkpoint import read_checkpoint
from keras_kd.models.published.names import THEIR_NAMES, layer_of, our_name, patterns_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras
from keras_kd.utils.suggest import did_you_mean

# What the reference protocol subtracts and divides by on CIFAR-100, in units of 0..1.
MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
IMAGE = (32, 32, 3)
NORMALISATION = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def import_published(name, path, *, image_shape=IMAGE, mean=MEAN, std=STD):
    """The network of a PyTorch checkpoint of the reference protocol, for the published teachers; needs no PyTorch.

    Args:
        name: of the network, as the zoo or the protocol has it: "resnet56", "wrn_40_2", "ResNet50", "MobileNetV2".
        path: of the checkpoint; nothing in it is run.
        image_shape: (height, width, channels) of the images that it was trained on.
        mean, std: that it was trained with, in units of 0..1, one a channel; those of the protocol on CIFAR-100.

    Returns:
        A `keras.Model` from pixels 0..255 to logits, which gives what the PyTorch network gives.

    Raises:
        UserError: no such network, or a checkpoint that does not fit: the first layer, and both shapes.

    Source:
        HobbitLong/RepDistiller (Tian et al., arXiv:1910.10699): names of layers, normalisation.

    Example:
        >>> import_published("resnet56", "ckpt_epoch_240.pth")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: ckpt_epoch_240.pth: no such file; expected a checkpoint of PyTorch
    """
    from keras_kd.models.by_name import build
    from keras_kd.models.zoo import MODELS

    ours = our_name(name)
    patterns = patterns_of(ours) if ours in MODELS else None
    if patterns is None:
        known = [one for one in MODELS if patterns_of(one)]
        listed = f"; expected one of {', '.join(known)}"
        raise UserError(f"{name}: no published network{did_you_mean(name, [*known, *THEIR_NAMES], otherwise=listed)}")
    given, left = _by_layer(read_checkpoint(path), patterns)
    if "weight" not in given.get("logits", {}):
        raise UserError(f"{path}: has no classifier that {ours} would have; is it of another network?")
    model = build(ours, image_shape, len(given["logits"]["weight"]), mean=mean, std=std)
    if left:
        raise UserError(f"{path}: layer {left[0]!r} is none of {ours}; is it of another network?")
    _carry(model, given, path, ours)
    return model


def _by_layer(state, patterns):
    """({our layer: {part: array}}, [their layers that have none here])."""
    given, left = {}, []
    for key, array in state.items():
        module, _, part = key.rpartition(".")
        if part == "num_batches_tracked":
            continue
        layer = layer_of(module, patterns)
        if layer is None:
            left.append(module)
        else:
            given.setdefault(layer, {})[part] = array
    return given, left


def _carry(model, given, path, name):
    """Gives the layers of a network their weights; each array is used, and each weight set."""
    layers, used = {layer.name: layer for layer in model.layers}, set()
    for layer in layers.values():
        if not layer.weights:
            continue
        theirs, place = _of_layer(layer, given, layers)
        if theirs is None:
            raise UserError(f"{path}: has nothing for layer {layer.name!r} of {name}; is it of another network?")
        used.add(theirs)
        for variable in layer.weights:
            value = _value(layer, variable, given[theirs], place)
            if value is None or value.shape != tuple(variable.shape):
                found = "none" if value is None else "x".join(map(str, value.shape))
                expected = "x".join(map(str, variable.shape))
                raise UserError(
                    f"{path}: {variable.name} of layer {layer.name!r} is {found}, and {expected} in {name}; is it of "
                    "another network, or of other images?"
                )
            variable.assign(value)
    extra = sorted(set(given) - used)
    if extra:
        raise UserError(f"{path}: has layer {extra[0]!r} besides those of {name}; is it of another network?")


def _of_layer(layer, given, layers):
    """(the name under which a layer's arrays are given, (which part of how many of its groups))."""
    if layer.name in given:
        return layer.name, (0, 1)
    # Here a grouped convolution is as many layers as it has groups.
    base, _, number = layer.name.rpartition("_")
    if number.isdigit() and base in given and base in layers and isinstance(layer, keras.layers.Conv2D):
        return base, (int(number) - 1, sum(one.rpartition("_")[0] == base for one in layers))
    # The normalisation that ends a block without a sum carries the name of the block, or of its stage.
    ended = f"{_before(layer).removesuffix('_conv')}_bn"
    return (ended, (0, 1)) if ended in given else (None, None)


def _before(layer):
    """The name of the layer whose output a normalisation takes; "" of any other."""
    return made_by(layer.input).operation.name if isinstance(layer, keras.layers.BatchNormalization) else ""


def _value(layer, variable, arrays, place):
    """What a variable is given, laid out as Keras does; None where there is nothing for it."""
    if isinstance(layer, keras.layers.BatchNormalization):
        part = next((theirs for theirs, ours in NORMALISATION.items() if ours == variable.name), None)
        return arrays.get(part)
    if variable.name == "bias":
        return arrays.get("bias")
    array = arrays.get("weight")
    if array is None:
        return None
    if array.ndim == 2:
        return array.T
    if array.ndim != 4:
        return array
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return np.transpose(array, (2, 3, 0, 1))
    number, groups = place
    size = len(array) // groups
    return np.transpose(array[number * size : (number + 1) * size], (2, 3, 1, 0))
