"""A network cut at some of its layers, each part of which runs by itself."""

import contextlib

import keras
from keras import ops

from keras_kd.backend.keras_private import calling, count_of_outputs, flat_layers
from keras_kd.models.graph import is_graph, through
from keras_kd.models.outputs import what_it_gives
from keras_kd.models.taps import find_layer
from keras_kd.models.wrappers.softened import as_logits
from keras_kd.utils.errors import UserError

ABSENT = object()  # stands for what a part of a network does not compute


class Stages(keras.layers.Layer):
    """Runs a network from one of its layers on, to a later one or to its logits; gradients pass to what it is given.

    It is a layer, so that a method's adapters may hold it, but it has no weights: those are the network's, which are
    trained, saved and exported once, as the network's own. Nothing that a run would change of them is kept (moving
    statistics of batch normalisation, seeds of dropout): the network's own run alone moves them.

    Args:
        role: "student", "teacher": named in errors.
        network: a built functional or sequential `keras.Model`; models inside it are gone into.
        cuts: names of layers, or paths to layers of models inside ("backbone/stage1"), in the order of the network.
            All that follows each must come from it alone.

    Raises:
        UserError: no such layer, or the network cannot be cut there; says where it can.

    Example:
        >>> import numpy as np
        >>> network = keras.Sequential(
        ...     [keras.Input((2,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(4, name="b")])
        >>> stages, x = Stages("teacher", network, ["a"]), np.ones((1, 2), "float32")
        >>> halfway = stages(x, until="a", training=False)
        >>> bool(np.allclose(stages(halfway, after="a", training=False), network(x)))
        True
    """

    def __init__(self, role, network, cuts):
        super().__init__(dtype="float32", autocast=False, name=f"{role}_stages")
        if not is_graph(network):
            raise UserError(
                f"{role}: {network.name!r} is no functional or sequential model, so it cannot be cut into stages; "
                "build it with keras.Model(inputs, outputs)"
            )
        layers = {cut: find_layer(role, network, cut) for cut in cuts}
        if len(layers) < len(cuts):
            raise UserError(f"{role}: found the cuts {', '.join(cuts)}; expected each layer once")
        following = _check_cuts(role, network, layers)
        from_logits = what_it_gives(network) != "probabilities"
        # In a function: in an attribute Keras would find the weights, and train and save them once more.
        self._parts = lambda: (network, layers, following, from_logits)
        self.built = True

    def call(self, x, after=None, until=None, training=False, batch_statistics=False):
        """What the network makes of a tensor.

        Args:
            x: float tensor: what the layer `after` gives, or the network's images.
            after: one of the cuts; None begins with the images.
            until: a later cut, whose output is given; None goes on to the logits.
            training: whether the layers run as in training.
            batch_statistics: whether batch normalisations use those of the batch, the layers running otherwise as
                `training` says; frozen ones too.

        Returns:
            A float32 tensor; logits (batch, classes) where `until` is None, of probabilities the logarithm.

        Raises:
            UserError: no such part of the network.
        """
        network, layers, following, from_logits = self._parts()
        order = [None, *layers, None]
        if after not in order or until not in order[order.index(after) + 1 :]:
            raise UserError(
                f"{self.name}: found after={after!r}, until={until!r}; expected one of {', '.join(layers)} and a later "
                "one, or None for the images and for the logits"
            )
        part = [layer for layer in following[after] if not (until and layer in following[until])]
        inside = [one for layer in part for one in flat_layers(layer)] if batch_statistics else []
        by_batch = [(one, _by_batch(one)) for one in inside if isinstance(one, keras.layers.BatchNormalization)]
        with forgetting(*part), calling(by_batch):
            output = _run(network, x, layers.get(after), layers.get(until), training)
        return ops.cast(output, "float32") if until else as_logits(output, from_logits)


@contextlib.contextmanager
def forgetting(*layers):
    """Within the block the layers' variables have their values, and what is assigned to them is forgotten afterwards.

    Args:
        *layers: Keras layers or models.

    Example:
        >>> import numpy as np
        >>> layer = keras.layers.BatchNormalization()
        >>> layer.build((None, 1))
        >>> with forgetting(layer):
        ...     _ = layer(np.array([[2.0], [4.0]], "float32"), training=True)
        >>> float(layer.moving_mean[0])
        0.0
    """
    variables = [variable for layer in layers for variable in layer.variables]
    with keras.StatelessScope(state_mapping=[(variable, variable.value) for variable in variables]):
        yield


def _by_batch(layer):
    """What stands in for a batch normalisation's call: the statistics of the batch, whether or not it is trained."""

    def replaced(call):
        def normalized(inputs, training=None, mask=None):
            x = ops.cast(inputs, "float32")
            axis = layer.axis % len(x.shape)
            mean, variance = ops.moments(x, axes=[one for one in range(len(x.shape)) if one != axis])
            scale, offset = layer.gamma if layer.scale else None, layer.beta if layer.center else None
            given = [None if one is None else ops.cast(one, "float32") for one in (offset, scale)]
            x = ops.batch_normalization(x, mean, variance, axis, *given, epsilon=layer.epsilon)
            return ops.cast(x, layer.compute_dtype)

        return normalized

    return replaced


def _run(network, x, first, last, training):
    """The output of the layer `last` (None: of the network) where `first` (None: the images) gives x."""
    found = []

    def call(layer, *given, **options):
        if layer is first:
            return x
        if found or _any_absent(given, options):
            return _absent(layer)
        if "training" in options:  # said in the network itself; Keras's own run overrides it, too
            options["training"] = training
        value = layer(*given, **options)
        if layer is last:
            found.append(value)
            return _absent(layer)
        return value

    output = through(network, x if first is None else ABSENT, call, whole=[one for one in (first, last) if one])
    return found[0] if last is not None else output


def _absent(layer):
    return [ABSENT] * count_of_outputs(layer)


def _any_absent(given, options):
    return any(one is ABSENT for one in keras.tree.flatten((given, options)))


def _check_cuts(role, network, layers):
    """{cut: the layers that run after it, None: all}, where each cut is passed once, in order, by all that follows.

    Raises:
        UserError: a cut is not.
    """
    following = {None: [one for one in flat_layers(network) if not is_graph(one)]}
    for number, cut in enumerate(layers):
        order, following[cut], bypassed = _walk_from(network, layers, cut)
        if cut not in order:
            raise UserError(
                f"{role}: {network.name!r} cannot be cut at {cut!r}, which is inside a model that is no functional or "
                "sequential one, or runs nowhere; name a layer outside of it"
            )
        if order.count(cut) > 1 or bypassed:
            why = "runs in several places" if order.count(cut) > 1 else f"is passed by on a way to {bypassed!r}"
            raise UserError(
                f"{role}: {network.name!r} cannot be cut at {cut!r}, which {why}; name a layer that all passes once, "
                "such as the last one of a block"
            )
        before = [one for one in list(layers)[number + 1 :] if one not in order]
        if before:
            raise UserError(
                f"{role}: {before[0]!r} does not come after {cut!r} in {network.name!r}; name the cuts from "
                "first to last"
            )
    return following


def _walk_from(network, layers, cut):
    """From a cut on: the cuts that are met, all layers that run, and the one at which something passed the cut by."""
    names = {id(layer): name for name, layer in layers.items()}
    present, order, ran, bypassed = object(), [], [], []

    def call(layer, *given, **options):
        name = names.get(id(layer))
        parts = keras.tree.flatten((given, options))
        here = any(one is present for one in parts)
        if name == cut or (here and name):
            order.append(name)
        if here and isinstance(layer, keras.layers.Layer):
            ran.append(layer)
        if here and any(one is ABSENT for one in parts):
            bypassed.append(layer.name)
        return [present if here or name == cut else ABSENT] * count_of_outputs(layer)

    output = through(network, ABSENT, call, whole=list(layers.values()))
    if cut in order and output is not present:
        bypassed.append(network.name)
    return order, ran, bypassed[0] if bypassed else None
