"""The last layer of a network apart from the rest, so that it can be read at some classes alone."""

from typing import NamedTuple

import keras

from keras_kd.backend.keras_private import only_output, runs_its_graph
from keras_kd.utils.errors import UserError


class Headless(NamedTuple):
    """A network up to its last layer, and that layer."""

    features: keras.Model  # gives (batch, size)
    head: keras.layers.Dense


def without_head(role, network):
    """A network whose last layer is a Dense one, apart from that layer; both share its weights.

    Args:
        role: "student" or "teacher", named in errors.
        network: a built functional or sequential `keras.Model`.

    Raises:
        UserError: its output is not that of a Dense layer without an activation.

    Example:
        >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1000)])
        >>> apart = without_head("student", network)
        >>> apart.features.output.shape, apart.head.units
        ((None, 8), 1000)
    """
    last = network.layers[-1] if runs_its_graph(network) and network.layers else None
    found = type(last).__name__ if last is not None else "no graph of layers"
    if isinstance(last, keras.layers.Dense) and last.activation is not keras.activations.linear:
        found = f"a Dense layer with {last.activation.__name__}"
    elif isinstance(last, keras.layers.Dense):
        output = only_output(last)
        if output is not None and len(network.outputs) == 1 and network.outputs[0] is output:
            return Headless(keras.Model(network.inputs, last.input, name=f"{network.name}_features"), last)
        found = "a Dense layer whose output is not the network's"
    raise UserError(
        f"{role}: {network.name!r} ends with {found}; expected a Dense layer without an activation, of which some "
        "classes can be computed alone: rebuild it so, or use Distiller with the method dis"
    )
