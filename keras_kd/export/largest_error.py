"""Which layer an int8 file is furthest off at: said where the file is kept out."""

import numpy as np

from keras_kd.export.formats.litert import dequantised, quantised, write


def worst_tensor(file, model, images, work, request):
    """The layer of an int8 file whose output is furthest from the float32 file's, in words; None if not to be told.

    Args:
        file: the `.tflite` file.
        model: the `keras.Model` that it was written of.
        images: a few, uint8 (n, height, width, channels).
        work: a folder, for the float32 file.
        request: as of `keras_kd.export.formats.format.Format`.
    """
    plain = work / "compared.tflite"
    try:
        write(model, plain, request)
        exact, found = (_tensors(one, images) for one in (plain, file))
    except Exception:
        return None
    errors = {}
    for name in exact.keys() & found.keys():
        if exact[name].shape == found[name].shape:
            size = float(np.sqrt(np.mean(exact[name] ** 2)))
            if size > 0 and np.isfinite(size):
                errors[name] = float(np.sqrt(np.mean((found[name] - exact[name]) ** 2))) / size
    if not errors:
        return None
    worst = max(errors, key=errors.get)
    # Of an operation that is made of several layers LiteRT joins the names; the last of a path is the layer's.
    layer = worst.split(";")[0].removeprefix("StatefulPartitionedCall_1:0") or "the output"
    return f"{'/'.join(layer.split('/')[-2:])}: {100 * errors[worst]:.3g} % of its size"


def _tensors(file, images):
    """{name: dequantised float32 values} of what the operators of a `.tflite` file give, one image at a time."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), experimental_preserve_all_tensors=True)
    (given,) = interpreter.get_input_details()
    interpreter.allocate_tensors()
    made = {int(index) for op in interpreter._get_ops_details() for index in op["outputs"]}
    found = {}
    for image in images.astype("float32"):
        interpreter.set_tensor(given["index"], quantised(image[None], given))
        interpreter.invoke()
        for about in interpreter.get_tensor_details():
            if about["index"] in made:
                tensor = dequantised(interpreter.get_tensor(about["index"]), about)
                if tensor.dtype == np.float32:
                    found.setdefault(about["name"], []).append(tensor)
    return {name: np.concatenate(parts) for name, parts in found.items()}
