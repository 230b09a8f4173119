"""Exported files run as those who deploy them run them: SavedModel, ONNX, LiteRT."""

import os
from pathlib import Path

import numpy as np


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
    from ai_edge_litert.schema_py_generated import Model

    model = Model.GetRootAs(Path(file).read_bytes(), 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    return sorted({code.CustomCode().decode() for code in codes if code.CustomCode()})


def saved_model_logits(file, images):
    """(what a SavedModel gives, how it takes its input)."""
    run, shape, dtype = open_saved_model(file)
    return _in_batches(run, images, 100), {"any_batch": shape[0] is None, "inputs": dtype.name}


def open_saved_model(file):
    """(function of a batch of images, shape of the batch, its dtype) of a SavedModel's serving signature.

    Args:
        file: its folder.
    """
    import tensorflow

    loaded = tensorflow.saved_model.load(str(file))
    signature = loaded.signatures["serving_default"]
    ((name, spec),) = signature.structured_input_signature[1].items()

    def run(batch):
        (logits,) = signature(**{name: tensorflow.constant(batch, spec.dtype)}).values()
        return logits.numpy()

    run.loaded = loaded  # a signature alone does not keep its variables alive
    return run, tuple(spec.shape), np.dtype(spec.dtype.as_numpy_dtype)


def onnx_logits(file, images):
    """(what an ONNX file gives, how it takes its input)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = "uint8" if "uint8" in given.type else "float32"
    found = _in_batches(lambda batch: session.run(None, {given.name: batch.astype(kind)})[0], images, 100)
    return found, {"any_batch": not isinstance(given.shape[0], int), "inputs": kind}


def litert_logits(file, images):
    """The (dequantised) logits of a `.tflite` file, and how it takes its input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), num_threads=os.cpu_count())
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
    takes, quantised = given["dtype"], told["dtype"] == np.int8

    def run(batch):
        interpreter.resize_tensor_input(given["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], _quantised(batch, given))
        interpreter.invoke()
        return interpreter.get_tensor(told["index"])

    # A device runs one image at a time; larger batches stand for that only where they say the same.
    few = images[:8]
    singly = _in_batches(run, few, 1)
    try:
        rounding = 0 if quantised else 1e-4
        any_batch = bool(np.allclose(run(few), singly, rtol=rounding, atol=rounding))
    except (RuntimeError, ValueError):
        any_batch = False
    logits = _in_batches(run, images, 100 if any_batch else 1)
    about = {"any_batch": any_batch, "inputs": np.dtype(takes).name}
    if quantised:
        logits = _dequantised(logits, told)
        about |= dict(zip(("input_scale", "input_zero_point"), given["quantization"], strict=True))
    return logits, about


def litert_tensors(file, images):
    """{name: dequantised float32 values} of what the operators of a `.tflite` file give, one image at a time."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), experimental_preserve_all_tensors=True)
    (given,) = interpreter.get_input_details()
    interpreter.allocate_tensors()
    made = {int(index) for op in interpreter._get_ops_details() for index in op["outputs"]}
    found = {}
    for image in images.astype("float32"):
        interpreter.set_tensor(given["index"], _quantised(image[None], given))
        interpreter.invoke()
        for about in interpreter.get_tensor_details():
            if about["index"] in made:
                tensor = _dequantised(interpreter.get_tensor(about["index"]), about)
                if tensor.dtype == np.float32:
                    found.setdefault(about["name"], []).append(tensor)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _quantised(pixels, about):
    """Pixels as a tensor of a `.tflite` file takes them; `about` are its details."""
    values, (scale, zero_point) = pixels.astype("float32"), about["quantization"]
    if about["dtype"] != np.float32 and scale:
        limits = np.iinfo(about["dtype"])
        values = np.clip(np.round(values / scale) + zero_point, limits.min, limits.max)
    return values.astype(about["dtype"])


def _dequantised(tensor, about):
    """A tensor of a `.tflite` file in float32, where it is quantised."""
    scale, zero_point = about["quantization"]
    if tensor.dtype in (np.int8, np.uint8) and scale:
        return (tensor.astype("float32") - zero_point) * scale
    return tensor


def _in_batches(run, images, size):
    return np.concatenate([run(images[start : start + size]) for start in range(0, len(images), size)])
