"""The precision that a network computes in, changed where it was saved or built in another."""

import re

import keras

from keras_kd.backend.keras_private import flat_layers
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.screen import print_note_once

# Names of policies as layers write them.
POLICY = re.compile(r"^(mixed_)?b?float(16|32)$")


def in_precision(name, network, precision):
    """A network that computes in a precision: the one that is given, or the same layers and weights built in it.

    One that is built in that precision in part is left as it is: a last layer in float32, say.

    Args:
        name: of the network, for errors.
        network: a built `keras.Model`.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".

    Raises:
        UserError: the network cannot be built anew in that precision.

    Example:
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> in_precision("x.keras", network, "mixed_bfloat16").layers[0].compute_dtype
        'bfloat16'
    """
    found = policies(network)
    if not found or found == {precision} or (precision != "float32" and found == {precision, "float32"}):
        return network
    try:
        config = keras.saving.serialize_keras_object(network)
        changed = keras.saving.deserialize_keras_object(_with_policy(config, precision))
        if not changed.built:
            changed.build(network.input_shape)
        changed.set_weights([keras.ops.convert_to_numpy(keras.ops.cast(one, "float32")) for one in network.weights])
    except Exception as error:
        raise UserError(
            f"{name}: computes in {', '.join(sorted(found))} and cannot be built anew for fit.precision {precision}: "
            f"{described(error)}; set fit.precision to what it computes in, or build it in that precision"
        ) from error
    if policies(changed) - {precision}:
        raise UserError(
            f"{name}: computes in {', '.join(sorted(found))}, whatever its policy says, and fit.precision is "
            f"{precision}; set fit.precision to what it computes in, or have its layers follow their dtype"
        )
    if found != {"float32"}:
        print_note_once(
            f"{name}: was built in {', '.join(sorted(found))}, and is trained in fit.precision: {precision}"
        )
    return changed


def policies(network):
    """The names of the policies of the layers that compute: those with weights.

    Example:
        >>> policies(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, dtype="float16")]))
        {'float16'}
    """
    layers = [one for one in flat_layers(network) if not isinstance(one, keras.Model) and one.weights]
    return {one.dtype_policy.name for one in layers if POLICY.match(one.dtype_policy.name)}


def _with_policy(part, precision):
    """The plain data of a network with the policy of every layer in place of its own."""
    if isinstance(part, list):
        return [_with_policy(one, precision) for one in part]
    if not isinstance(part, dict):
        return part
    if part.get("class_name") == "DTypePolicy":
        return {**part, "config": {"name": precision}}
    changed = {key: _with_policy(value, precision) for key, value in part.items()}
    settings = changed.get("config")
    if isinstance(settings, dict) and isinstance(settings.get("dtype"), str) and "class_name" in changed:
        # An input keeps the type that it takes.
        if changed["class_name"] != "InputLayer" and POLICY.match(settings["dtype"]):
            changed["config"] = {**settings, "dtype": precision}
    return changed
