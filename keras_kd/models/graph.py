"""Finding one's way in the graph of a functional model."""

from keras_kd.backend.keras_private import made_by, run_through, runs_its_graph
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


def is_graph(layer):
    """Whether a layer is a model that runs the graph that it was made of, functional or sequential.

    Example:
        >>> import keras
        >>> is_graph(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])), is_graph(keras.layers.Dense(3))
        (True, False)
    """
    return isinstance(layer, keras.Model) and runs_its_graph(layer)


def through(model, given, call, whole=()):
    """The output of a functional model, `call` in place of the call of each layer, inside of the models in it, too.

    Args:
        model: a functional or sequential `keras.Model` of one output.
        given: what goes in: a tensor, a symbolic one, or anything that `call` can work with.
        call: `call(layer, *given, **options)` gives what stands for the layer's output.
        whole: models inside that are called as layers are, and not gone into.

    Returns:
        What stands for the model's output.

    Example:
        >>> import keras
        >>> inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])
        >>> outer = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="b")])
        >>> through(outer, "image", lambda layer, before, **options: f"{layer.name}({before})")
        'b(a(image))'
    """

    def inside(layer, *given, **options):
        if not is_graph(layer) or layer in whole:
            return call(layer, *given, **options)
        return _outputs(layer, keras.tree.flatten(given), inside)

    (output,) = keras.tree.flatten(_outputs(model, [given], inside))
    return output


def _outputs(model, given, call):
    if isinstance(model, keras.Sequential):
        (output,) = run_through(keras.Model(model.inputs, model.outputs), given, call)
        return output
    return run_through(model, given, call)


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
