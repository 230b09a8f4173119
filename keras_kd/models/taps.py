"""Reading a network's inner signals while it runs once."""

import keras
from keras import ops

from keras_kd.backend.keras_private import calling, flat_layers, only_output, runs_its_graph
from keras_kd.models.proposed_taps import proposed_taps
from keras_kd.models.symbolic import SymbolicCall
from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import did_you_mean

LOGITS = "logits"


class Tapped:
    """A network in a role, and the layers of it whose outputs are wanted in addition to its logits.

    A tap is a layer's name; for a layer of a nested model, the path to it: "backbone/stage1". The network runs once and
    the layers' outputs are taken as they pass, so functional, sequential, nested and subclassed models all work.

    Args:
        role: "student", "teacher", ...: named in errors.
        network: a built `keras.Model`.
        taps: layer names or paths.
        from_logits: whether the network's output is logits (else probabilities).

    Raises:
        UserError: no such layer, or its output was not seen in a forward pass.
    """

    def __init__(self, role, network, taps, from_logits):
        self.role, self.network, self.from_logits = role, network, from_logits
        self.layers = {tap: find_layer(role, network, tap) for tap in taps if tap != LOGITS}

    def run(self, images, training):
        """(output, signals): the network's own output, and float32 {"logits": ..., tap: ...}."""
        seen = {}
        with calling([(layer, _recording(tap, seen)) for tap, layer in self.layers.items()]):
            output = self.network(images, training=training)
        for tap in self.layers:
            if tap not in seen:
                raise UserError(
                    f"{self.role}: layer {tap!r} does not run in a forward pass of {self.network.name!r}; "
                    "name a layer that does"
                )
        signals = {tap: ops.cast(value, "float32") for tap, value in seen.items()}
        if not isinstance(output, dict | list | tuple):
            signals[LOGITS] = self.logits(output)
        return output, signals

    def specs(self, images):
        """The signals of a run on symbolic tensors; where the network has them already, without that run."""
        known = self._known_specs(images)
        if known is not None:
            return known
        return SymbolicCall(lambda images: self.run(images, training=False)[1])(images)

    def _known_specs(self, images):
        network = self.network
        if not (runs_its_graph(network) and len(network.inputs) == len(network.outputs) == 1):
            return None
        own = network.layers
        if isinstance(network, keras.Sequential):
            # Of models inside, only a run tells whether they give a dict.
            output = None if isinstance(own[-1], keras.Model) else network.outputs[0]
        else:
            output = network.output
        if not isinstance(output, keras.KerasTensor) or not isinstance(images, keras.KerasTensor):
            return None
        outputs = {tap: only_output(layer) if layer in own else None for tap, layer in self.layers.items()}
        if any(one is None for one in outputs.values()) or tuple(images.shape) != tuple(network.inputs[0].shape):
            return None
        outputs[LOGITS] = output
        return {tap: keras.KerasTensor(one.shape, "float32") for tap, one in outputs.items()}

    def logits(self, output):
        """The output as float32 logits; of probabilities the logarithm, which softmax turns back into them."""
        output = ops.cast(output, "float32")
        if self.from_logits:
            return output
        return ops.log(ops.maximum(output, keras.config.epsilon() ** 2))


def _recording(tap, seen):
    return _telling(lambda value: seen.update({tap: value}))


def _telling(tell):
    """What stands in for a layer's call, and tells what it gives."""

    def recording(call):
        def recorded(*arguments, **options):
            value = call(*arguments, **options)
            tell(value)
            return value

        return recorded

    return recording


def recorded_run(network, images):
    """(output, [(layer, what it gave)]) of a network in inference mode, in the order in which its layers ran.

    Args:
        network: a built `keras.Model`.
        images: a batch that it takes.

    Example:
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="a")])
        >>> [layer.name for layer, _ in recorded_run(network, ops.ones((1, 2)))[1]]
        ['a']
    """
    seen = []
    layers = dict.fromkeys(one for one in flat_layers(network) if not isinstance(one, keras.Model))
    stand_ins = [(layer, _telling(lambda value, layer=layer: seen.append((layer, value)))) for layer in layers]
    with calling(stand_ins):
        return network(images, training=False), seen


def find_layer(role, network, path):
    """The layer of a network by name, or by the path through nested models."""
    layer = network
    for name in path.split("/"):
        layer = {child.name: child for child in getattr(layer, "layers", ())}.get(name)
        if layer is None:
            break
    if layer is None:
        paths = layer_paths(network)
        inside = next((f"; did you mean {one!r}?" for one in paths if one.endswith(f"/{path}")), None)
        ends = proposed_taps(network)
        stages = f"; its stages end in {', '.join(ends)}, which may be named instead" if ends else ""
        every = f"{stages}; its layers: {', '.join(paths)}"
        hint = did_you_mean(path, paths, as_written=True, otherwise=inside or every)
        raise UserError(f"{role}: no layer {path!r} in {network.name!r}{hint}")
    return layer


def layer_paths(network, prefix=""):
    """The paths of all layers of a network, nested models included."""
    paths = []
    for layer in getattr(network, "layers", ()):
        paths.append(prefix + layer.name)
        paths.extend(layer_paths(layer, f"{prefix}{layer.name}/"))
    return paths
