"""A network as LiteRT's converter sees it: no models inside, each layer one operation, computed in float32."""

import keras

from keras_kd.models.graph import is_graph, through
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import plural

WEIGHTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
# Layers that end with an activation which is a layer of its own here.
ENDING = (*WEIGHTED, keras.layers.SeparableConv2D)


def elementary(model):
    """A copy of a network of one layer an operation.

    The layers of models inside it, however deep, become its own; a separable convolution becomes its two; an activation
    that is part of a layer becomes a layer.

    Args:
        model: as of `keras_kd.export.int8_simulation.Simulation`.

    Returns:
        A functional `keras.Model` of one input, "images", with weights of its own, that says what `model` says in
        inference.

    Example:
        >>> inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu", name="a")], name="inside")
        >>> outer = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="b")])
        >>> [layer.name for layer in elementary(outer).layers]
        ['images', 'a', 'a_activation', 'b']
    """
    _check(model)
    copies = _Copies()
    image = keras.Input(model.inputs[0].shape[1:], dtype="float32", name="images")
    made = keras.Model(image, through(model, image, copies.call), name=model.name)
    copies.take_weights()
    return made


class _Copies:
    """The copies of a network's layers: one of each, however often it is called."""

    def __init__(self):
        self._made = {}  # the parts of each layer, by its id
        self._kept = []  # the layers themselves, so that no two have one id
        self._names = {"images"}

    def call(self, layer, *given, **options):
        options.pop("training", None)
        if isinstance(layer, keras.layers.InputLayer):
            return layer(*given)
        if isinstance(layer, keras.layers.Dropout):
            return given[0]
        if id(layer) not in self._made:
            try:
                self._made[id(layer)] = self._parts(layer)
            except Exception as error:  # whatever a layer of somebody's own says of a config that is not whole
                why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                raise UserError(
                    f"int8: layer {layer.name!r} ({type(layer).__name__}) cannot be made again from its get_config "
                    f"({why[:200]}); correct its get_config, or leave int8_fine_tuning out"
                ) from error
            self._kept.append(layer)
        first, *rest = self._made[id(layer)]
        value = first(*given, **options)
        for part in rest:
            value = part(value)
        return value

    def take_weights(self):
        """Gives the copies, which are built by now, the weights of the layers."""
        for layer in self._kept:
            parts = self._made[id(layer)]
            weights = layer.get_weights() if isinstance(layer, keras.layers.Layer) else []
            if isinstance(layer, keras.layers.SeparableConv2D):
                parts[0].set_weights(weights[:1])
                parts[1].set_weights(weights[1:])
            elif weights:
                parts[0].set_weights(weights)
                if isinstance(layer, keras.layers.Normalization):
                    parts[0].finalize_state()  # it computes with tensors that are made of its weights

    def _parts(self, layer):
        config = {**layer.get_config(), "name": self._name(layer.name)}
        if not isinstance(layer, keras.layers.Layer):
            # An operation of the network's own may be called in several networks; two of one name may not meet in one.
            return [layer if config["name"] == layer.name else type(layer).from_config(config)]
        config["dtype"] = "float32"
        ends = type(layer) in ENDING and layer.activation is not keras.activations.linear
        activation = layer.activation if ends else None
        if ends:
            config["activation"] = "linear"
        separable = type(layer) is keras.layers.SeparableConv2D
        parts = self._two(layer, config) if separable else [type(layer).from_config(config)]
        if ends:
            name = self._name(f"{layer.name}_activation")
            parts.append(keras.layers.Activation(activation, dtype="float32", name=name))
        return parts

    def _two(self, layer, config):
        """A separable convolution as the two that it is."""
        depthwise = keras.layers.DepthwiseConv2D(
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            depth_multiplier=layer.depth_multiplier,
            dilation_rate=layer.dilation_rate,
            use_bias=False,
            dtype="float32",
            name=self._name(f"{layer.name}_depthwise"),
        )
        pointwise = keras.layers.Conv2D(layer.filters, 1, use_bias=layer.use_bias, dtype="float32", name=config["name"])
        return [depthwise, pointwise]

    def _name(self, name):
        """A name that no other has."""
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name}_in_{number}"
        self._names.add(found)
        return found


def _check(model):
    what = f"int8: {getattr(model, 'name', model)!r}"
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise UserError(f"{what} is no functional model; int8 is simulated of models of Keras's own layers")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(
            f"{what} has {plural(len(model.inputs), 'input')} and {plural(len(model.outputs), 'output')}; expected "
            "one of each"
        )
    _check_layers(what, model)


def _check_layers(what, model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            if not is_graph(layer):
                raise UserError(f"{what} has a model inside, {layer.name!r}, that is not made of layers: it runs code")
            _check_layers(what, layer)
        elif getattr(layer, "data_format", "channels_last") != "channels_last":
            raise UserError(f"{what}: {layer.name!r} is {layer.data_format}; expected channels_last")
