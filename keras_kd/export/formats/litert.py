"""LiteRT's `.tflite` files: in float32, with weights in float16 or int8, and in full int8."""

import contextlib
import os
from functools import partial
from pathlib import Path

import numpy as np

from keras_kd.export.formats.format import Format, in_batches
from keras_kd.export.formats.litert_metadata import describe
from keras_kd.export.formats.quantisable import quantisable
from keras_kd.export.formats.saved_model import signature
from keras_kd.utils.lazy import keras


def write(model, file, request, precision="float32"):
    """Writes a model as a `.tflite` file; as of `Format`.

    Args:
        model, file, request: as of `Format`.
        precision: "float32", "float16" and "dynamic" (weights in float16 and in int8), "int8", or "int8_float" (full
            int8 whose input and output are floats).
    """
    from tensorflow import float16, int8, lite, uint8

    options = {}
    if precision != "float32":
        options["optimizations"] = [lite.Optimize.DEFAULT]
    if precision == "float16":
        options["target_spec"] = {"supported_types": [float16]}
    if precision in ("int8", "int8_float"):
        kind = np.dtype(keras.tree.flatten(model.inputs)[0].dtype).type
        options["representative_dataset"] = lambda: _representative(request.calibration_images, kind)
        options["target_spec"] = {"supported_ops": [lite.OpsSet.TFLITE_BUILTINS_INT8]}
    if precision == "int8":
        options["inference_input_type"] = uint8 if request.inputs == "uint8" else int8
        options["inference_output_type"] = int8
    if request.litert_batch is not None:
        model = of_batch(model, request.litert_batch)
    with quantisable() if precision in ("int8", "int8_float") else contextlib.nullcontext():
        # Keras before 3.15 takes no Path here.
        model.export(str(file), format="litert", input_signature=signature(model, request), verbose=False, **options)
    describe(file, request)


def of_batch(model, size):
    """A model of one input that takes so many images and no other number.

    What reads its shape from the images then finds it when the file is made, and not each time that it is run.

    Args:
        model: a built `keras.Model`.
        size: images at once.
    """
    given = keras.tree.flatten(model.inputs)[0]
    images = keras.Input(batch_shape=(size, *given.shape[1:]), dtype=given.dtype, name=given.name)
    return keras.Model(images, model(images, training=False), name=model.name)


def _representative(images, kind=np.float32):
    """One image a batch."""
    for image in spanning(images).astype(kind):
        yield [image[None]]


def spanning(images):
    """Images in float32 that reach both ends of 0..255, so that the int8 input is exactly pixel - 128.

    Example:
        >>> spanning(np.array([3, 250], "uint8")), spanning(np.array([0, 1], "uint8"))
        (array([  0., 255.], dtype=float32), array([0., 1.], dtype=float32))
    """
    images = images.astype("float32")
    # Images that are nowhere near are a mistake, such as pixels in 0..1, that must not be hidden from the gate.
    if np.ptp(images) > 200:
        images.flat[images.argmin()], images.flat[images.argmax()] = 0, 255
    return images


def outside_builtins(file):
    """Name the operators of a `.tflite` file that LiteRT has not built in: Flex (TensorFlow) and custom ones.

    Args:
        file: path of the `.tflite` file.

    Returns:
        A sorted list of names; empty for a file that runs everywhere.

    Example:
        >>> outside_builtins("runs/a/student.tflite")  # doctest: +SKIP
        []
    """
    return sorted(placed_outside(file))


def placed_outside(file):
    """{name: path of a value that it gives} of the operators of a `.tflite` file that LiteRT has not built in."""
    from ai_edge_litert.schema_py_generated import Model

    model = Model.GetRootAs(Path(file).read_bytes(), 0)
    codes = [model.OperatorCodes(index).CustomCode() for index in range(model.OperatorCodesLength())]
    found = {}
    for graph in (model.Subgraphs(index) for index in range(model.SubgraphsLength())):
        for operator in (graph.Operators(index) for index in range(graph.OperatorsLength())):
            code = codes[operator.OpcodeIndex()]
            if code:
                found.setdefault(code.decode(), graph.Tensors(operator.Outputs(0)).Name().decode())
    return found


def run(file, images):
    """The (dequantised) outputs of a `.tflite` file, and how it takes its input; as of `Format`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), num_threads=os.cpu_count())
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
    takes, in_int8 = given["dtype"], told["dtype"] == np.int8

    def run_batch(batch):
        interpreter.resize_tensor_input(given["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], quantised(batch, given))
        interpreter.invoke()
        return interpreter.get_tensor(told["index"])

    # A device runs one image at a time; larger batches stand for that only where they say the same.
    few = images[:8]
    singly = in_batches(run_batch, few, 1)
    try:
        rounding = 0 if in_int8 else 1e-4
        any_batch = bool(np.allclose(run_batch(few), singly, rtol=rounding, atol=rounding))
    except (RuntimeError, ValueError):
        any_batch = False
    logits = in_batches(run_batch, images, 100 if any_batch else 1)
    size = int(given["shape_signature"][0])
    about = {"any_batch": any_batch, "batch": size if size > 0 else None, "inputs": np.dtype(takes).name}
    if in_int8:
        logits = dequantised(logits, told)
        about |= dict(zip(("input_scale", "input_zero_point"), given["quantization"], strict=True))
    return logits, about


def quantised(pixels, about):
    """Pixels as a tensor of a `.tflite` file takes them; `about` are its details.

    Example:
        >>> quantised(np.array([0, 255], "uint8"), {"dtype": np.int8, "quantization": (1.0, -128)})
        array([-128,  127], dtype=int8)
    """
    values, (scale, zero_point) = pixels.astype("float32"), about["quantization"]
    if about["dtype"] != np.float32 and scale:
        limits = np.iinfo(about["dtype"])
        values = np.clip(np.round(values / scale) + zero_point, limits.min, limits.max)
    return values.astype(about["dtype"])


def dequantised(tensor, about):
    """A tensor of a `.tflite` file in float32, where it is quantised.

    Example:
        >>> dequantised(np.array([-128, 127], "int8"), {"quantization": (1.0, -128)})
        array([  0., 255.], dtype=float32)
    """
    scale, zero_point = about["quantization"]
    if tensor.dtype in (np.int8, np.uint8) and scale:
        return (tensor.astype("float32") - zero_point) * scale
    return tensor


def _format(file, precision, gates, **properties):
    needs = (("ai_edge_litert", "ai_edge_litert"),)
    return Format(file, partial(write, precision=precision), run, gates, needs, outside=outside_builtins, **properties)


FORMATS = {
    "litert_float32": _format("student.tflite", "float32", "float32"),
    "litert_float16": _format("student_float16.tflite", "float16", "float16"),
    "litert_dynamic": _format("student_dynamic.tflite", "dynamic", "int8"),
    "litert_int8": _format("student_int8.tflite", "int8", "int8", calibrated=True, takes_pixels=True),
    "litert_int8_float": _format("student_int8_float.tflite", "int8_float", "int8", calibrated=True),
}
