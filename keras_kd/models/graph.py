"""Finding one's way in the graph of a functional model."""

from keras_kd.backend.keras_private import made_by
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def output_of(method, role, network, tap):
    """The symbolic output of a layer of a functional model, from which the model can be built on.

    Args:
        method, role: named in errors.
        network: a `keras.Model`.
        tap: the name of one of its own layers.

    Raises:
        UserError: the model is not functional, or it has no such layer that runs once.

    Example:
        >>> import keras
        >>> network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
        >>> output_of("one", "student", network, "a").shape
        (None, 3)
    """
    if not getattr(network, "outputs", None):
        raise UserError(
            f"{method}: {role}: {network.name!r} is no functional or sequential model, so its layers cannot be joined "
            "anew; build it with keras.Model(inputs, outputs)"
        )
    layer = {layer.name: layer for layer in network.layers}.get(tap)
    if layer is None:
        raise UserError(
            f"{method}: {role}: no layer {tap!r} in {network.name!r} itself; its layers: "
            f"{', '.join(layer.name for layer in network.layers)}"
        )
    try:
        output = layer.output
    except AttributeError:
        output = None
    if not isinstance(output, keras.KerasTensor):
        raise UserError(
            f"{method}: {role}: layer {tap!r} of {network.name!r} does not give one tensor in one place; name a layer "
            "that does"
        )
    return output


def source(tensor):
    """(layer, input tensors) that a symbolic tensor came from, inside of nested models.

    Example:
        >>> import keras
        >>> inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])
        >>> outer = keras.Sequential([keras.Input((4,)), inner])
        >>> source(outer.outputs[0])[0].name
        'a'
    """
    while True:
        made = made_by(tensor)
        if not (isinstance(made.operation, keras.Model) and getattr(made.operation, "outputs", None)):
            return made.operation, made.inputs
        tensor = made.operation.outputs[made.index]


def gives_probabilities(network):
    """Whether the last layer of a functional model is a softmax.

    Example:
        >>> import keras
        >>> gives_probabilities(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]))
        True
    """
    last, _ = source(network.outputs[0])
    return isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax


# Keras's own counting never comes to numbers of more digits.
DIGITS = 4


def reserve_names(model):
    """Keras gives none of this network's names to what is made from now on, so that both can be in one network.

    Keras counts the names that it makes up, but not those that come out of a file, and refuses two of one name.

    Args:
        model: a functional `keras.Model`.

    Example:
        >>> import keras
        >>> image = keras.Input((2,))
        >>> model = keras.Model(image, keras.layers.Dense(2, name="reserved")(image))
        >>> reserve_names(model)
        >>> keras.backend.get_uid("reserved") > 1
        True
    """
    for operation in getattr(model, "operations", model.layers):
        prefix, _, number = operation.name.rpartition("_")
        if not (prefix and number.isdecimal()):
            prefix, number = operation.name, "0"
        while len(number) <= DIGITS and keras.backend.get_uid(prefix) <= int(number):
            pass
