"""Networks of which a part runs outside of the backend, and which are therefore never compiled."""

import keras

from keras_kd.backend.keras_private import flat_layers


def runs_on_host(network):
    """Whether a layer of a network, however deep, says `runs_on_host`.

    Example:
        >>> runs_on_host(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
        False
    """
    return any(getattr(layer, "runs_on_host", False) for layer in flat_layers(network))


def run_eagerly(network):
    """The network in inference mode as a function of a batch, operation by operation."""

    def call(batch):
        return network(keras.tree.map_structure(keras.ops.convert_to_tensor, batch), training=False)

    return call
