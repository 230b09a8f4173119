"""The smaller network: every layer made anew from its configuration, with the parts of its weights that stay."""

import numpy as np

from keras_kd.backend.keras_private import flat_layers, made_by, run_through
from keras_kd.models.graph import is_graph
from keras_kd.models.pruning.labels import kept_sizes
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.lazy import keras, ops


def shrunk(channels, stays):
    """The network without the channels that go.

    Args:
        channels: its `Channels`.
        stays: bool (labels,), by root: which are kept.

    Returns:
        A functional or sequential `keras.Model` that shares nothing with the one of `channels`, with its names of
        layers; everything in it may be trained, and it is not compiled.

    Raises:
        UserError: a layer cannot be made anew from its configuration.
    """
    anew = _Anew(channels, stays)
    model = anew.model(channels.model, fresh_inputs=False)
    for part in channels.parts:
        for weight, smaller in zip(_weights(part.layer), _weights(anew.layer(part.layer, part.path)), strict=True):
            values = ops.convert_to_numpy(weight)
            for axis, (labels, _) in part.axes.get(id(weight), {}).items():
                values = np.compress(stays[channels.root[labels]], values, axis)
            if tuple(values.shape) != tuple(smaller.shape):
                raise UserError(
                    f"{part.path}: its weight {weight.path} would be {tuple(values.shape)}, and has "
                    f"{tuple(smaller.shape)} in the layer made anew; keep its channels: keep=[{part.path!r}]"
                )
            smaller.assign(values)
    for layer in flat_layers(model):
        # On a model alone it does not reach layers that were made frozen.
        layer.trainable = True
    return model


def masked(channels, stays):
    """The whole network, with zero for each weight that reads a channel that goes: what `shrunk` must equal.

    Args:
        channels, stays: as of `shrunk`.
    """
    everything = np.ones_like(stays)
    model = _Anew(channels, everything)
    whole = model.model(channels.model, fresh_inputs=False)
    for part in channels.parts:
        for weight, other in zip(_weights(part.layer), _weights(model.layer(part.layer, part.path)), strict=True):
            values = np.array(ops.convert_to_numpy(weight))
            for axis, (labels, role) in part.axes.get(id(weight), {}).items():
                if role == "in":
                    index = [slice(None)] * values.ndim
                    index[axis] = ~stays[channels.root[labels]]
                    values[tuple(index)] = 0
            other.assign(values)
    return whole


def _weights(layer):
    return getattr(layer, "weights", [])


class _Anew:
    """Layers and models made anew, each once."""

    def __init__(self, channels, stays):
        self._channels, self._stays, self._made = channels, stays, {}

    def model(self, model, fresh_inputs=True, path=""):
        """A model made anew; `fresh_inputs`: what goes in is smaller too."""
        if id(model) in self._made:
            return self._made[id(model)]
        sizes = [self._input_shape(model, number, fresh_inputs) for number in range(len(model.inputs))]
        inputs = [self._input(tensor, size) for tensor, size in zip(model.inputs, sizes, strict=True)]
        if isinstance(model, keras.Sequential):
            made = self._sequential(model, inputs, path)
        else:

            def call(layer, *given, **options):
                return self.layer(layer, path + layer.name)(*given, **options)

            outputs = run_through(model, inputs, call)
            made = keras.Model(keras.tree.pack_sequence_as(model.input, inputs), outputs, name=model.name)
        self._made[id(model)] = made
        return made

    def _sequential(self, model, inputs, path):
        layers = [self.layer(layer, path + layer.name) for layer in model.layers]
        return keras.Sequential([made_by(inputs[0]).operation, *layers], name=model.name)

    def _input_shape(self, model, number, fresh):
        shape = tuple(model.inputs[number].shape)
        if not fresh:
            return shape
        labels = self._channels.inputs_of(model)[number]
        sizes = kept_sizes(labels, self._stays[self._channels.root])
        return (shape[0], *(None if one is None else size for one, size in zip(shape[1:], sizes, strict=True)))

    def _input(self, tensor, shape):
        layer = made_by(tensor).operation
        return keras.layers.InputLayer.from_config({**layer.get_config(), "batch_shape": shape}).output

    def layer(self, layer, path):
        """A layer or an operation made anew, smaller where its channels are fewer."""
        if id(layer) in self._made:
            return self._made[id(layer)]
        if is_graph(layer):
            return self.model(layer, path=f"{path}/")
        part = self._channels.part_of(layer)
        settings = {name: value(self._stays) for name, value in part.settings.items()} if part is not None else {}
        if not isinstance(layer, keras.layers.Layer) and not settings:
            made = layer  # an operation has no weights: both networks may use it
        else:
            made = self._from_config(layer, path, settings)
        self._made[id(layer)] = made
        return made

    def _from_config(self, layer, path, settings):
        try:
            return type(layer).from_config({**layer.get_config(), **settings})
        except Exception as error:
            raise UserError(
                f"{path}: {type(layer).__name__} cannot be made anew from its get_config(): {described(error)}; "
                "give it a get_config() of all that its __init__ takes"
            ) from error
