"""Whether a network is the same once it is saved and loaded, as whoever gets its file will load it."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from keras_kd.backend.keras_private import flat_layers
from keras_kd.models.saved import faults_of, foreign_in, load_saved
from keras_kd.models.taps import recorded_run
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.quiet import quiet_start

IMAGES = 2
FIX = "what is saved must be enough to build it again"


def check_read_back(name, network):
    """Saves a network, loads it with what is registered with Keras alone, and compares weights and outputs.

    Args:
        name: of the network, which each line of an error begins with.
        network: a built `keras.Model`; layers that count their calls have counted some more.

    Raises:
        UserError: every fault that is found, a line each, with its layer and what to do.

    Example:
        >>> from keras_kd.models import build
        >>> check_read_back("digits_tiny", build("digits_tiny", (8, 8, 1), 10))
    """
    with tempfile.TemporaryDirectory() as folder:
        faults = _faults(network, Path(folder) / "student.keras")
    if faults:
        raise UserError("\n".join(f"{name}: cannot be read back from its file: {fault}" for fault in faults))


def _faults(network, file):
    try:
        with quiet_start():
            network.save(file)
    except Exception as error:
        return _of_layers(network, lambda saved: None) or [f"model.save fails with {_reason(error)}; {FIX}"]
    found = faults_of(foreign_in(keras.saving.serialize_keras_object(network)), registered=True)
    if found:
        return found
    try:
        loaded = load_saved(file, registered=True)
    except UserError as error:
        reason = str(error).removeprefix(f"{file}: ")
        return _of_layers(network, keras.saving.deserialize_keras_object) or [f"{reason} ({FIX})"]
    return _different_weights(network, loaded) or _different_outputs(network, loaded)


def _of_layers(network, build):
    """What is wrong with each layer by itself, saved and given to `build`."""
    faults = []
    for layer in flat_layers(network):
        if layer is network or (isinstance(layer, keras.Model) and layer.layers):
            continue
        try:
            saved = keras.saving.serialize_keras_object(layer)
            foreign = faults_of(foreign_in(saved), registered=True)
            faults += foreign
            if not foreign:
                build(saved)
        except Exception as error:
            faults.append(f"layer {layer.name!r} ({_class(layer)}): {_reason(error)}; correct its get_config: {FIX}")
    return list(dict.fromkeys(faults))


def _reason(error):
    """An error, or what Keras says led to it, on one line."""
    return described(error.__cause__ or error.__context__ or error)


def _class(layer):
    return f"{type(layer).__module__}.{type(layer).__name__}"


def _different_weights(network, loaded):
    """The layers whose weights are others, or gone, in the loaded network."""
    there = loaded.weights
    if len(there) != len(network.weights):
        wrong = [
            f"{mine.name!r} ({_class(mine)})"
            for mine, its in zip(flat_layers(network), flat_layers(loaded), strict=False)
            if type(mine) is type(its) and len(mine.weights) != len(its.weights) and not _inner(mine)
        ]
        which = f" of {', '.join(wrong)}" if wrong else ""
        return [
            f"{len(network.weights)} weights{which} were saved and {len(there)} come back; make them in build() or "
            "__init__(), not in the first call"
        ]
    for mine, its in zip(network.weights, there, strict=True):
        if tuple(mine.shape) != tuple(its.shape) or not np.array_equal(*map(_numbers, (mine, its)), equal_nan=True):
            return [
                f"{mine.path} comes back with other values; make it in build() or __init__(), not in the first call"
            ]
    return []


def _inner(layer):
    """Whether layers inside a layer can say more."""
    return isinstance(layer, keras.Model)


def _numbers(variable):
    found = keras.ops.convert_to_numpy(variable)
    return found if found.dtype.kind in "fiub" else found.astype("float32")


def _different_outputs(network, loaded):
    """What is to be said where the loaded network gives other outputs of the same images."""
    images = _images(network)
    if images is None:
        return []
    mine, of_mine = recorded_run(network, images)
    its, of_its = recorded_run(loaded, images)
    if _alike(mine, its) or not _alike(mine, recorded_run(network, images)[0]):
        return []  # one that draws random numbers can be compared with nothing
    pairs = zip(of_mine, of_its, strict=False)
    first = next((layer for (layer, one), (_, other) in pairs if not _alike(one, other)), None)
    where = "" if first is None else f", first in layer {first.name!r} ({_class(first)})"
    return [f"it comes back with other outputs{where}; put all that it is made with into get_config"]


def _images(network):
    try:
        given = network.inputs
        if len(given) != 1:
            return None
        shape = [IMAGES, *(32 if size is None else size for size in given[0].shape[1:])]
    except (AttributeError, TypeError):
        return None
    return np.random.default_rng(0).uniform(0, 255, shape).astype(given[0].dtype)


def _alike(one, other):
    one, other = keras.tree.flatten(one), keras.tree.flatten(other)
    return len(one) == len(other) and all(map(_close, one, other))


def _close(one, other):
    one, other = (keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for value in (one, other))
    if one.shape != other.shape:
        return False
    scale = max(1.0, float(np.abs(one[np.isfinite(one)]).max(initial=0.0)))
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-4 * scale, equal_nan=True))
