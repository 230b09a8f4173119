"""The channels of a network: which weights each goes through, which belong together, and which have to stay.

Every value of every tensor carries the label of its channel. A layer that makes channels makes labels, an addition says
that those of both sides are the same, and whatever only moves values moves their labels. One walk through the graph
leaves the labels along each axis of each weight; to remove channels is to take their labels out of all of these.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from keras_kd.backend.keras_private import flat_layers, own_trainable_variables, run_through
from keras_kd.models.cost import macs
from keras_kd.models.graph import is_graph
from keras_kd.models.pruning import weighted, weightless
from keras_kd.models.pruning.labels import Labels, spread
from keras_kd.models.pruning.weighted import OUT, mixes
from keras_kd.models.saved import LAMBDA
from keras_kd.models.taps import find_layer
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


@dataclass(eq=False)
class Value:
    """A tensor on the walk."""

    labels: np.ndarray
    spec: object  # a `keras.KerasTensor`


@dataclass(eq=False)
class Call:
    """One call of a layer or an operation on the walk."""

    layer: object
    given: tuple
    options: dict
    inputs: list  # of `Value`s
    outputs: list  # of `keras.KerasTensor`s

    @property
    def labels(self):
        """Of each tensor that goes in."""
        return [one.labels for one in self.inputs]

    @property
    def shapes(self):
        """Of one example of each tensor that comes out."""
        return [example_shape(one) for one in self.outputs]


@dataclass(eq=False)
class Part:
    """What pruning means for one layer.

    Args:
        layer: a layer or an operation.
        path: its name, or its path through nested models.
        axes: {id of a weight: {axis: (labels, role)}}.
        settings: {field of its configuration: function of `stays` that gives its new value}.
        work: [(factor, labels that it reads or None, labels that it makes)]: factor x kept x kept multiply-accumulates.
        made: the labels that it makes, the same at each of its calls.
        gave: what a layer gave at its last call that is written into its configuration.
    """

    layer: object
    path: str
    axes: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    work: list = field(default_factory=list)
    made: np.ndarray | None = None
    gave: np.ndarray | None = None


class Channels:
    """The channels of a functional or sequential model.

    Args:
        model: a built `keras.Model`; it stays as it is.
        keep: names or paths of layers whose channels all stay.
        input_shape: of one example, where the model leaves dimensions open; its work is counted for it.

    Attributes:
        parts: the `Part` of each layer, in the order of the walk.
        root: int (labels,): the label that stands for each.
        groups: [int (n,)]: labels that can go; those of a group are made by the same layers, and rounded together.
        reasons: {label that has to stay: why}.

    Raises:
        UserError: the model's calls cannot be read, or there is no layer that `keep` names.

    Example:
        >>> from keras_kd.models import build
        >>> channels = Channels(build("digits_tiny", (8, 8, 1), 10))
        >>> [len(group) for group in channels.groups]
        [8, 16]
    """

    def __init__(self, model, keep=(), input_shape=None):
        self.model, self.input_shape = model, input_shape
        self.parts, self._by_id, self.blocks = [], {}, []
        self._labels, self._frozen, self._given = Labels(), [], {}
        self._keep = {id(find_layer("keep", model, path)): path for path in keep}
        if not is_graph(model):
            refuse_graph(model, model.name)
        values = [self._input(tensor) for tensor in model.inputs]
        for value in values:
            self.freeze(value.labels, "an input of the network")
        for value in self._walk(model, values, ""):
            self.freeze(value.labels, "an output of the network")
        self._settle()

    # What handlers of layers use.

    def new(self, part, number, activation=None):
        """The labels that a layer makes, (number,): the same ones when it is called again."""
        if part.made is None:
            part.made = self._labels.new(number)
            mixing = mixes(activation)
            if mixing:
                self.freeze(part.made, f"activation {mixing} of {part.path!r}")
        return part.made

    def unite(self, one, other):
        """The labels of two arrays are the same, place by place."""
        self._labels.unite(one, other)

    def differ(self, array, axis):
        """Whether labels differ along an axis."""
        return self._labels.differ(array, axis)

    def along(self, array, axis=-1):
        """The labels along an axis, (n,)."""
        return self._labels.along(array, axis)

    def as_block(self, array):
        """An array of which any part that is kept is a block."""
        return self._labels.as_block(array)

    def freeze(self, array, why):
        """These labels have to stay."""
        self._frozen.append((np.unique(array), why))

    def through(self, part, variable, axis, labels, role):
        """The labels along an axis of a weight, and how they go through it; None is no weight."""
        if variable is None:
            return
        axes = part.axes.setdefault(id(variable), {})
        axis %= len(variable.shape)
        if axis in axes:
            self.unite(axes[axis][0], labels)
        else:
            axes[axis] = labels, role

    def count(self, labels, stays):
        """How many of the labels are kept."""
        return int(stays[self.root[labels]].sum())

    def stop(self, part, call, why):
        """Nothing goes that touches a call of which `why` is all that is known; gives labels of what comes out."""
        for labels in call.labels:
            self.freeze(labels, why)
        outputs = [spread(self._labels.new(shape[-1] if shape else 1), shape) for shape in call.shapes]
        for labels in outputs:
            self.freeze(labels, why)
        return outputs

    # The walk.

    def _input(self, tensor):
        shape = tuple(tensor.shape)
        if self.input_shape is not None and len(shape) == len(self.input_shape) + 1:
            shape = (shape[0], *self.input_shape)
        spec = keras.KerasTensor(shape, tensor.dtype)
        shape = example_shape(spec)
        return Value(spread(self._labels.new(shape[-1] if shape else 1), shape), spec)

    def _walk(self, model, values, prefix):
        self._given.setdefault(id(model), [value.labels for value in values])
        for labels, value in zip(self._given[id(model)], values, strict=True):
            self.unite(labels, value.labels)

        def call(layer, *given, **options):
            return self._visit(layer, given, options, prefix)

        graph = keras.Model(model.inputs, model.outputs) if isinstance(model, keras.Sequential) else model
        return keras.tree.flatten(run_through(graph, values, call))

    def _visit(self, layer, given, options, prefix):
        inputs = [one for one in keras.tree.flatten((given, options)) if isinstance(one, Value)]
        path = prefix + layer.name
        if is_graph(layer):
            values = self._walk(layer, inputs, f"{path}/")
        elif isinstance(layer, keras.Model | keras.layers.Lambda):
            refuse_graph(layer, path)
        else:
            values = self._call(layer, given, options, inputs, path)
        if id(layer) in self._keep:
            for value in values:
                self.freeze(value.labels, f"keep: {self._keep[id(layer)]}")
        return values if len(values) > 1 else values[0]

    def _call(self, layer, given, options, inputs, path):
        specs = keras.tree.map_structure(lambda one: one.spec if isinstance(one, Value) else one, (given, options))
        outputs = keras.tree.flatten(layer.compute_output_spec(*specs[0], **specs[1]))
        call = Call(layer, given, options, inputs, outputs)
        part = self._by_id.get(id(layer))
        if part is None:
            part = self._by_id[id(layer)] = Part(layer, path)
            self.parts.append(part)
        handler = weighted.handler_of(layer) or weightless.handler_of(layer) or _unknown
        found = handler(self, part, call)
        return [Value(labels, spec) for labels, spec in zip(found, outputs, strict=True)]

    def inputs_of(self, model):
        """The labels of each input of a nested model, as it was first called."""
        return self._given[id(model)]

    def part_of(self, layer):
        """The `Part` of a layer, or None of one that is never called."""
        return self._by_id.get(id(layer))

    # What was found.

    def _settle(self):
        self.root = self._labels.resolve(np.arange(self._labels.count))
        self.reasons = {}
        for labels, why in self._frozen:
            for label in np.unique(self.root[labels]):
                self.reasons.setdefault(int(label), why)
        makers, used = defaultdict(list), set()
        for number, part in enumerate(self.parts):
            for axes in part.axes.values():
                for labels, role in axes.values():
                    found = np.unique(self.root[labels]).tolist()
                    used.update(found)
                    for label in found if role == OUT else ():
                        makers[label].append(number)
        for number, block in enumerate(self.blocks, len(self.parts)):
            for label in np.unique(self.root[block]).tolist():
                makers[label].append(number)
        groups = defaultdict(list)
        for label in sorted(used - self.reasons.keys()):
            groups[tuple(sorted(set(makers[label])))].append(label)
        self.groups = [np.array(group) for group in groups.values()]
        self.all = np.ones(len(self.root), bool)
        self._fixed = 0
        if self.input_shape is not None or all(None not in tensor.shape[1:] for tensor in self.model.inputs):
            self._fixed = macs(self.model, self.input_shape) - self._counted(self.all)
        self._variables = {id(v): v for layer in flat_layers(self.model) for v in own_trainable_variables(layer)}

    def macs(self, stays):
        """The multiply-accumulates of one example with the labels that stay; `stays` is bool (labels,), by root.

        Raises:
            UserError: the model leaves a dimension of its input open, and no `input_shape` was given.
        """
        if self.input_shape is None and any(None in tensor.shape[1:] for tensor in self.model.inputs):
            macs(self.model)  # which says so
        return round(self._fixed + self._counted(stays))

    def _counted(self, stays):
        total = 0.0
        for part in self.parts:
            for factor, into, out in part.work:
                total += factor * (1 if into is None else self.count(into, stays)) * self.count(out, stays)
        return total

    def parameters(self, stays):
        """The number of parameters that training can change with the labels that stay, as `cost.parameters` counts."""
        axes = {key: found for part in self.parts for key, found in part.axes.items()}
        total = 0
        for key, variable in self._variables.items():
            sizes = list(variable.shape)
            for axis, (labels, _) in axes.get(key, {}).items():
                sizes[axis] = self.count(labels, stays)
            total += math.prod(sizes)
        return total

    def work_of_each(self):
        """float64 (labels,): the multiply-accumulates that go with each label alone, all others staying."""
        work = np.zeros(len(self.root))
        for part in self.parts:
            for factor, into, out in part.work:
                np.add.at(work, self.root[out], factor * (1 if into is None else len(into)))
                if into is not None:
                    np.add.at(work, self.root[into], factor * len(out))
        return work

    def channels_of_each(self, group):
        """How many channels of the layers that make a group go with each of its labels."""
        for part in self.parts:
            if part.made is not None:
                count = int((self.root[part.made] == group[0]).sum())
                if count:
                    return count
        return 1


def _unknown(channels, part, call):
    what = f"{part.path!r} ({type(call.layer).__name__})"
    return channels.stop(part, call, f"{what} is no layer whose channels are known")


def example_shape(tensor):
    """The shape of one example of a tensor, 1 where it is open."""
    return tuple(1 if size is None else size for size in tensor.shape[1:])


def refuse_graph(layer, path):
    """Says of a model, or of a layer of it, that no walk leads through it.

    Raises:
        UserError: always.
    """
    if isinstance(layer, keras.layers.Lambda):
        raise UserError(f"layer {path!r} (Lambda) {LAMBDA}")
    raise UserError(
        f"{path}: found {type(layer).__name__}, a model with a call of its own, which cannot be read; "
        "expected a functional or sequential one; build it with keras.Model(inputs, outputs)"
    )
