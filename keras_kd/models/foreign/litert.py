"""A teacher that is a LiteRT (`.tflite`) file."""

import os

import numpy as np

from keras_kd.models.foreign.answering import Answering, channels_last, chosen_output, in_layout, in_parts, layout_of
from keras_kd.models.foreign.kinds import digest_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.quiet import quiet_start

# Images at once: what an interpreter keeps of a batch grows with it.
BATCH = 50


class LiteRT(Answering):
    """The network of a `.tflite` file of one image input; int8 and uint8 are quantised and dequantised.

    Args:
        path, image_shape, output, layout, written: as of `keras_kd.models.foreign.onnx.Onnx`.

    Raises:
        UserError: the file is no network of one image input.
    """

    def __init__(self, path, image_shape, *, output=None, layout=None, written=None):
        from ai_edge_litert.interpreter import Interpreter

        name = written or path
        try:
            with quiet_start():
                self._interpreter = Interpreter(model_path=str(path), num_threads=os.cpu_count())
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{name}: found no readable LiteRT network: {described(error)}; export it again") from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1 or len(inputs[0]["shape"]) != 4:
            shown = ", ".join(f"{one['name']} {list(one['shape'])}" for one in inputs)
            raise UserError(f"{name}: has the inputs {shown}; expected one of images, with four dimensions")
        self._input = inputs[0]
        batch, *takes = [int(size) if size > 0 else None for size in self._input["shape_signature"]]
        self._any_batch, self._batch = batch is None, batch or BATCH
        self._takes = [int(size) for size in self._input["shape"][1:]]
        self._layout = layout_of(name, layout, takes, image_shape)
        if None in takes:
            sizes = in_layout(np.zeros((1, *image_shape), "bool"), self._layout).shape[1:]
            self._takes = [other if one is None else one for one, other in zip(takes, sizes, strict=True)]
        outputs = {one["name"]: one for one in self._interpreter.get_output_details()}
        shapes = {one: _open(told["shape_signature"]) for one, told in outputs.items()}
        chosen = chosen_output(name, output, shapes)
        self._output = outputs[chosen]
        classes = shapes[chosen][-1] if len(shapes[chosen]) == 2 else None
        digest = digest_of(path, chosen, self._layout)
        super().__init__(name, digest, channels_last(takes, self._layout), classes)

    def ask(self, images):
        return in_parts(self._ask_batch, in_layout(images, self._layout), self._batch)

    def _ask_batch(self, batch):
        run, place = self._interpreter, self._input["index"]
        if self._any_batch and list(run.get_input_details()[0]["shape"]) != [len(batch), *self._takes]:
            run.resize_tensor_input(place, [len(batch), *self._takes])
            run.allocate_tensors()
        run.set_tensor(place, quantised(batch, self._input))
        run.invoke()
        return dequantised(run.get_tensor(self._output["index"]), self._output)


def _open(shape):
    """A shape with None where it is left open."""
    return tuple(int(size) if size > 0 else None for size in shape)


def quantised(values, about):
    """Values as a tensor of a file takes them; whole numbers without a scale are pixels as they are.

    Args:
        values: float array.
        about: "dtype" and "quantization", (scale, zero point), of the tensor.

    Example:
        >>> quantised(np.array([0.0, 1.0]), {"dtype": np.int8, "quantization": (1 / 255, -128)})
        array([-128,  127], dtype=int8)
    """
    (scale, zero_point), dtype = about["quantization"], np.dtype(about["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    steps = values / scale + zero_point if scale else values
    return np.clip(np.round(steps), limits.min, limits.max).astype(dtype)


def dequantised(tensor, about):
    """A tensor of a file as float32; `about` as of `quantised`.

    Example:
        >>> dequantised(np.array([0, 255], "uint8"), {"quantization": (1 / 255, 0)})
        array([0., 1.], dtype=float32)
    """
    scale, zero_point = about["quantization"]
    if tensor.dtype.kind in "iu" and scale:
        return ((tensor.astype("float32") - zero_point) * scale).astype("float32")
    return tensor.astype("float32")
