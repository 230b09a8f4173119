"""ONNX, written by tf2onnx and run by onnxruntime.

Keras's own ONNX export fails for whole families of networks; what it lacks is made up for here. The student is traced
for inference, every tensor that it holds becomes a constant, a function that is compiled for itself (a grouped
convolution) becomes part of the graph, and TensorFlow operators that tf2onnx does not know are put together of those
of ONNX (`HANDLERS`). What is then still missing is told with the layer that needs it.
"""

import logging

import numpy as np

from keras_kd.backend.keras_private import prepared_tf2onnx
from keras_kd.export.formats.format import Format, in_batches
from keras_kd.export.formats.layer_names import layer_of
from keras_kd.export.formats.saved_model import signature
from keras_kd.utils.errors import UserError


def write(model, file, request):
    """Writes a model as ONNX; as of `Format`.

    Raises:
        UserError: tf2onnx cannot convert an operator; its layer is named.
    """
    tf2onnx = prepared_tf2onnx()
    traced = _frozen(model, request)
    (given,), (told,) = traced.inputs, traced.outputs
    told_by_tf2onnx = _Faults()
    logger = logging.getLogger("tf2onnx.tfonnx")
    logger.addHandler(told_by_tf2onnx)
    try:
        made, _ = tf2onnx.convert.from_graph_def(
            traced.graph.as_graph_def(add_shapes=True),
            input_names=[given.name],
            output_names=[told.name],
            tensors_to_rename={given.name: "images", told.name: request.outputs},
            custom_op_handlers={name: (handler, []) for name, handler in HANDLERS.items()},
        )
    finally:
        logger.removeHandler(told_by_tf2onnx)
    if told_by_tf2onnx.found:
        raise UserError(_told(told_by_tf2onnx.found, model))
    with open(file, "wb") as opened:
        opened.write(made.SerializeToString())


def _frozen(model, request):
    """A model as a graph of TensorFlow that computes its inference and has one input and no variable."""
    import tensorflow
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    (spec,) = signature(model, request)
    infer = tensorflow.function(lambda images: model(images, training=False))
    before = tensorflow.config.functions_run_eagerly()
    # Functions in the model (Keras compiles a grouped convolution) are then part of its graph; tf2onnx takes none.
    tensorflow.config.run_functions_eagerly(True)
    try:
        traced = infer.get_concrete_function(tensorflow.TensorSpec(spec.shape, spec.dtype, name=spec.name))
    finally:
        tensorflow.config.run_functions_eagerly(before)
    return convert_variables_to_constants_v2(traced, lower_control_flow=False, aggressive_inlining=True)


class _Faults(logging.Handler):
    """Gathers (operator, name of its node) of what tf2onnx says that it cannot convert; it goes on all the same."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.found = []

    def emit(self, record):
        if record.msg.startswith("Tensorflow op"):
            node, operator = record.args
            self.found.append((operator, node))
        elif record.msg.startswith("Failed to convert node"):
            node = record.args[0]
            reason = f" ({str(record.exc_info[1]).splitlines()[0][:200]})" if record.exc_info else ""
            self.found.append((f"{node.split('/')[-1]}{reason}", node))


def _told(found, model):
    each = dict.fromkeys(f"{operator} of {layer_of(node, model)}" for operator, node in found)
    return f"tf2onnx cannot convert {', '.join(each)}; replace the layers, or leave the format out"


def _one_minus(inner):
    """A handler that makes 1 - inner(x) of a node."""

    def handle(graph, node, name, arguments):
        _with_one(graph, node, inner, lambda value, one: ("Sub", [one, value]))

    return handle


def _minus_one(inner):
    """A handler that makes inner(x) - 1 of a node."""

    def handle(graph, node, name, arguments):
        _with_one(graph, node, inner, lambda value, one: ("Sub", [value, one]))

    return handle


def _with_one(graph, node, inner, joined):
    """Puts an operator `inner` in the place of a node, and after it what `joined` makes of its value and a one."""
    from tf2onnx.utils import make_name, map_onnx_to_numpy_type

    about = {"shapes": [graph.get_shape(node.output[0])], "dtypes": [graph.get_dtype(node.output[0])]}
    one = np.ones((), map_onnx_to_numpy_type(about["dtypes"][0]))
    graph.remove_node(node.name)
    value = graph.make_node(inner, node.input, name=make_name(node.name), **about).output[0]
    operator, inputs = joined(value, graph.make_const(make_name("one"), one).output[0])
    graph.make_node(operator, inputs, name=node.name, outputs=node.output, **about)


def _refused(graph, node, name, arguments):
    raise ValueError("tf2onnx makes another operator of it")


# Erfc is that of an exact GELU, Expm1 that of CELU. Of a ResizeArea tf2onnx makes one that takes the nearest pixel.
HANDLERS = {"Erfc": _one_minus("Erf"), "Expm1": _minus_one("Exp"), "ResizeArea": _refused}


def run(file, images):
    """The outputs of an ONNX file; as of `Format`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = "uint8" if "uint8" in given.type else "float32"
    found = in_batches(lambda batch: session.run(None, {given.name: batch.astype(kind)})[0], images, 100)
    return found, {"any_batch": not isinstance(given.shape[0], int), "inputs": kind}


NEEDS = (("tf2onnx", "tf2onnx"), ("onnxruntime", "onnxruntime"))
FORMATS = {"onnx": Format("student.onnx", write, run, gates="float32", needs=NEEDS)}
