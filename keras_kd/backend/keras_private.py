"""All that keras_kd uses of Keras without being promised it: names that begin with an underscore occur here alone.

`tests/test_keras_private.py` says for each whether the installed Keras has it and does what is needed.
"""

import contextlib
from typing import NamedTuple

from keras_kd.utils.lazy import keras


def flat_layers(layer):
    """A layer and every layer inside it, however deep, in Keras's own order."""
    return list(layer._flatten_layers())


def own_trainable_variables(layer):
    """The trainable variables of a layer itself, without those of the layers inside it."""
    return list(layer._trainable_variables)


def overridden_losses(model):
    """The losses that Keras's stateless call set in place of those that the layers added; empty outside of one."""
    return model._losses_override


def additional_loss(model, loss):
    """A loss that a layer added, reduced and scaled as Keras's own training step does (over replicas)."""
    return model._aggregate_additional_loss(loss)


def compiled_metrics(model):
    """The metrics given to `compile`, as the one object that Keras keeps them in; None without."""
    return model._compile_metrics


def variable_index(optimizer, variable):
    """The place of a variable in an optimizer's own lists, such as its momenta."""
    return optimizer._get_variable_index(variable)


def moving_averages(optimizer):
    """[(variable, its moving average)] of an optimizer that is built and has `use_ema`; empty of any other.

    Args:
        optimizer: a Keras optimizer; one that scales the loss has another within.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    if optimizer is None or not optimizer.use_ema or not optimizer.built:
        return []
    pairs = zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
    return [(variable, average) for variable, average in pairs if average is not None]


class Made(NamedTuple):
    """What a symbolic tensor came from."""

    operation: object
    inputs: list  # the tensors that went in
    index: int  # which of the operation's outputs it is


def made_by(tensor):
    """What a symbolic tensor came from: a `Made`."""
    operation, node, index = tensor._keras_history
    return Made(operation, operation._inbound_nodes[node].input_tensors, index)


def runs_its_graph(model):
    """Whether a model runs the graph that it was made of, so that its symbolic tensors have the shapes of a run."""
    own = type(model).call.__qualname__ in ("Functional.call", "Sequential.call")
    return own and bool(getattr(model, "outputs", None))


def only_output(layer):
    """The symbolic output of a layer that was called once and gives one tensor; None of any other."""
    nodes = layer._inbound_nodes
    return nodes[0].outputs[0] if len(nodes) == 1 and len(nodes[0].outputs) == 1 else None


def count_of_outputs(operation):
    """How many tensors a layer or an operation gives that was called on symbolic ones."""
    return len(operation._inbound_nodes[0].outputs)


def operation_name(operation):
    """The name of an operation of `keras.ops`, such as "Add": their classes are not public. None of anything else."""
    kind = type(operation)
    return kind.__name__ if kind.__module__.startswith("keras.src.ops.") else None


def of_applications(layer):
    """The name of a layer that `keras.applications` has for itself, such as "LayerScale"; None of anything else."""
    kind = type(layer)
    return kind.__name__ if kind.__module__.startswith("keras.src.applications.") else None


def run_through(model, given, call):
    """The outputs of a functional model on tensors, `call(layer, *given, **options)` in place of each layer's call.

    Args:
        model: a functional `keras.Model`, not a sequential one.
        given: a list of tensors or symbolic tensors, one an input.
        call: a function.

    Returns:
        The structure of the model's outputs.
    """
    return model._run_through_graph(given, operation_fn=lambda layer: layer, call_fn=call)


def prepared_tf2onnx():
    """The module `tf2onnx`, with what Keras mends in it for NumPy 2."""
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    patch_tf2onnx()
    import tf2onnx

    return tf2onnx


@contextlib.contextmanager
def calling(layers):
    """Within the block each layer's `call` is replaced; afterwards it is what it was.

    Args:
        layers: [(layer, function that is given the layer's own `call` and gives what stands in for it)].
    """
    replaced = []
    try:
        for layer, stand_in in layers:
            replaced.append((layer, layer.__dict__.get("call")))
            # Past Keras's attribute tracking: this is not state of the layer, and it goes again below.
            object.__setattr__(layer, "call", stand_in(layer.call))
        yield
    finally:
        for layer, before in reversed(replaced):
            if before is None:
                layer.__dict__.pop("call", None)
            else:
                object.__setattr__(layer, "call", before)
