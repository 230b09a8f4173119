"""A teacher that is a SavedModel folder, run by TensorFlow whatever backend trains."""

from pathlib import Path

from keras_kd.backend.saved_model import open_saved_model
from keras_kd.models.foreign.answering import Answering, channels_last, chosen_output, in_layout, in_parts, layout_of
from keras_kd.models.foreign.kinds import SAVED_MODEL, digest_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.lazy import installed

# Images at once, of a signature that takes any number.
BATCH = 250


class SavedModel(Answering):
    """The serving signature of a SavedModel: one image input, one output that teaches.

    A SavedModel is a program that TensorFlow runs: take it only from whom code would be taken.

    Args:
        path: the folder, or the saved_model.pb in it.
        image_shape, output, layout, written: as of `keras_kd.models.foreign.onnx.Onnx`.

    Raises:
        UserError: TensorFlow is not installed, or there is no such signature.
    """

    def __init__(self, path, image_shape, *, output=None, layout=None, written=None):
        name = written or path
        folder = Path(path).parent if Path(path).name == SAVED_MODEL else Path(path)
        if not installed("tensorflow"):
            raise UserError(f"{name}: needs TensorFlow; install it: pip install tensorflow")
        try:
            self._served = open_saved_model(folder)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        except Exception as error:  # of TensorFlow's own kinds
            raise UserError(f"{name}: found no readable SavedModel: {described(error)}; export it again") from error
        batch, *takes = self._served.takes
        self._batch, self._layout = batch or BATCH, layout_of(name, layout, takes, image_shape)
        self._fixed = batch is not None
        self._output = chosen_output(name, output, self._served.gives)
        shape = self._served.gives[self._output]
        classes = shape[-1] if len(shape) == 2 else None
        super().__init__(
            name, digest_of(folder, self._output, self._layout), channels_last(takes, self._layout), classes
        )

    def ask(self, images):
        images = in_layout(images, self._layout)
        size = self._batch if self._fixed or len(images) > self._batch else None
        return in_parts(lambda batch: self._served.run(batch)[self._output], images, size)
