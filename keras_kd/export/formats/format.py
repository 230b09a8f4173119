"""What a format of exported files says of itself, and what its writer is given."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_kd.data.sources.decode import RESIZE


class Request(NamedTuple):
    """What a file is written for.

    Args:
        image_shape: (height, width, channels).
        inputs: "float32" or "uint8", what the file takes.
        outputs: "logits" or "probabilities", the name of what it gives.
        calibration_images: uint8, (n, height, width, channels); None where no format asks for them.
        litert_batch: images at once of a LiteRT file: 1, or None for any number.
        class_names: one per class, for what a file says of itself; may be empty.
        resize: how images came to their size, one of `keras_kd.data.sources.decode.RESIZED`.
    """

    image_shape: tuple
    inputs: str = "float32"
    outputs: str = "logits"
    calibration_images: np.ndarray | None = None
    litert_batch: int | None = None
    class_names: tuple = ()
    resize: str = RESIZE


def none_outside(file):
    """No operator of a file is outside what its runtime has built in."""
    return []


class Format(NamedTuple):
    """One format of exported files.

    `write` and `run` are called in the process that runs TensorFlow; they import what they need themselves, since
    the table is read where neither Keras nor TensorFlow may be imported.

    Args:
        file: name of the file, or of the folder, in the run.
        write: `write(model, file, request)` writes a built `keras.Model` of float32 or uint8 images, "images", to
            a path; request is a `Request`. What it raises is told as the reason why there is no file.
        run: `run(file, images)` gives (float32 outputs (n, classes), what was seen of the file) of uint8 images
            (n, height, width, channels). The second is a dict of "any_batch" (several images at once give what one
            at a time gives), "inputs" (name of the dtype), and what else there is to tell.
        gates: which limits of `keras_kd.export.gates.GATES` hold: "float32", "float16" or "int8".
        needs: (module, package) of what must be installed in addition to TensorFlow.
        calibrated: the ranges of the activations are measured on calibration images: full int8.
        takes_pixels: the file takes uint8 pixels without a layer that casts them.
        outside: `outside(file)` names the operators that the runtime has not built in; a file with one is refused.

    Example:
        >>> Format("student.none", write=print, run=print, gates="float32").needs
        ()
    """

    file: str
    write: Callable
    run: Callable
    gates: str
    needs: tuple = ()
    calibrated: bool = False
    takes_pixels: bool = False
    outside: Callable = none_outside


def in_batches(run, images, size):
    """The outputs of a function of a batch, of images that are given to it so many at once.

    Example:
        >>> in_batches(lambda batch: 2 * batch, np.arange(3), 2).tolist()
        [0, 2, 4]
    """
    return np.concatenate([run(images[start : start + size]) for start in range(0, len(images), size)])
