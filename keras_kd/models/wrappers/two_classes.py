"""A network of one unit as one of two classes: what it says of the second class, and what is left for the first."""

import keras

from keras_kd.models.outputs import last_activation
from keras_kd.utils.errors import UserError


def two_classes(name, network, from_logits=None):
    """A functional network of two outputs around one of one unit, such as a sigmoid.

    A sigmoid p becomes the probabilities (1 - p, p), a unit without activation z the logits (0, z), which are the same
    two classes: the unit is about the second one, as Keras's binary cross-entropy has it.

    Args:
        name: of the network, for errors.
        network: a built `keras.Model` of one image input, (batch, 1) out.
        from_logits: whether the unit gives logits, where its last layer does not tell.

    Returns:
        A `keras.Model` on the same images, (batch, 2) out.

    Raises:
        UserError: the unit has another activation, or a softmax, which says 1 whatever it sees.

    Example:
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
        >>> two_classes("t.keras", network).output_shape
        (None, 2)
    """
    gives = last_activation(network)
    if gives == "probabilities":
        raise UserError(
            f"{name}: ends in a softmax over one unit, which is 1 whatever it sees; expected a sigmoid, or two units"
        )
    if gives not in (None, "logits", "sigmoid"):
        raise UserError(f"{name}: its one unit ends in {gives}; expected a sigmoid or no activation, or two units")
    logits = gives == "logits" or (gives is None and from_logits is not False)
    image = keras.Input(network.input_shape[1:], dtype=network.inputs[0].dtype)
    unit = network(image)
    scale, offset = (0.0, 0.0) if logits else (-1.0, 1.0)
    first = keras.layers.Rescaling(scale, offset, dtype="float32", name="first_class")(unit)
    pair = keras.layers.Concatenate(name="two_classes", dtype="float32")([first, unit])
    return keras.Model(image, pair, name=f"{network.name}_of_two_classes")
