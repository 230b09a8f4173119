"""A SavedModel's serving signature, run by TensorFlow under any backend."""

from typing import Any, NamedTuple

from keras_kd.utils.errors import UserError
from keras_kd.utils.quiet import quiet_start

SERVING = "serving_default"


class Served(NamedTuple):
    """A signature: the shape that it takes, {output: shape} that it gives, and what runs it on an array."""

    takes: tuple
    gives: dict
    run: Any


def open_saved_model(folder):
    """The serving signature of a SavedModel, as a `Served`.

    Args:
        folder: in which its saved_model.pb lies.

    Raises:
        UserError: it has no serving signature of one input with four dimensions.
    """
    with quiet_start():
        import tensorflow

        loaded = tensorflow.saved_model.load(str(folder))
    signatures = loaded.signatures
    if SERVING not in signatures:
        there = ", ".join(signatures) or "none"
        raise UserError(f"has no signature {SERVING!r} (it has {there}); export it again, as model.export(...) does")
    served = signatures[SERVING]
    inputs = served.structured_input_signature[1]
    if len(inputs) != 1 or next(iter(inputs.values())).shape.rank != 4:
        shown = ", ".join(f"{name} {list(spec.shape.as_list())}" for name, spec in inputs.items())
        raise UserError(f"has the inputs {shown}; expected one of images, with four dimensions")
    ((name, spec),) = inputs.items()

    def run(batch):
        given = {name: tensorflow.cast(tensorflow.constant(batch), spec.dtype)}
        return {output: value.numpy() for output, value in served(**given).items()}

    run.loaded = loaded  # a signature alone does not keep its variables alive
    gives = {output: tuple(value.shape.as_list()) for output, value in served.structured_outputs.items()}
    return Served(tuple(spec.shape.as_list()), gives, run)
