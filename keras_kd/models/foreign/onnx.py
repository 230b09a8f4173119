"""A teacher that is an ONNX file, run by ONNX Runtime."""

from keras_kd.models.foreign.answering import Answering, channels_last, chosen_output, in_layout, in_parts, layout_of
from keras_kd.models.foreign.kinds import digest_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.lazy import installed


class Onnx(Answering):
    """The network of an ONNX file of one image input, channels first or last; it runs on the CPU.

    Args:
        path: of the file; weights that lie beside it are found by ONNX Runtime.
        image_shape: (height, width, channels) of the images that it will be shown.
        output: the name of the output that teaches, where there are several.
        layout: "channels_first" or "channels_last", where the shape of its input does not tell.
        written: the path as its user wrote it.

    Raises:
        UserError: ONNX Runtime is not installed, or the file is no network of one image input.
    """

    def __init__(self, path, image_shape, *, output=None, layout=None, written=None):
        name = written or path
        if not installed("onnxruntime"):
            raise UserError(f"{name}: needs onnxruntime; install it: pip install 'keras-kd[onnx]'")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of ONNX Runtime's own kinds
            raise UserError(f"{name}: found no readable ONNX network: {described(error)}; export it again") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            shown = ", ".join(f"{one.name} {list(one.shape)}" for one in inputs)
            raise UserError(f"{name}: has the inputs {shown}; expected one of images, with four dimensions")
        self._input = inputs[0]
        batch, *takes = [size if isinstance(size, int) and size > 0 else None for size in self._input.shape]
        self._batch, self._layout = batch, layout_of(name, layout, takes, image_shape)
        shapes = {
            one.name: tuple(size if isinstance(size, int) else None for size in one.shape)
            for one in self._session.get_outputs()
        }
        self._output = chosen_output(name, output, shapes)
        shape = shapes[self._output]
        classes = shape[-1] if len(shape) == 2 else None
        super().__init__(name, digest_of(path, self._output, self._layout), channels_last(takes, self._layout), classes)

    def ask(self, images):
        images = in_layout(images, self._layout).astype(_DTYPES.get(self._input.type, "float32"))
        return in_parts(
            lambda batch: self._session.run([self._output], {self._input.name: batch})[0], images, self._batch
        )


_DTYPES = {"tensor(uint8)": "uint8", "tensor(float16)": "float16", "tensor(double)": "float64"}
