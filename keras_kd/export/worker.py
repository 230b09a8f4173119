"""The process that runs TensorFlow: builds the files of some formats and measures each against Keras.

It is started by `keras_kd.export.export` as `python -m keras_kd.export.worker FOLDER FORMAT...`. The folder holds
`job.json` and the images; the answers are JSON lines on standard output: {"loaded": true}, then {"result": ...} for
each format, or {"error": text} and the end.
"""

import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np

from keras_kd.backend.keras_private import calling, flat_layers
from keras_kd.export.formats import TABLE
from keras_kd.export.formats.format import Request
from keras_kd.export.formats.litert import spanning
from keras_kd.export.gates import failures
from keras_kd.export.largest_error import worst_tensor
from keras_kd.export.latency import one_image
from keras_kd.export.reasons import reason_of, where_outside
from keras_kd.export.result import not_written, result_of
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import MachineError, UserError
from keras_kd.utils.files import bytes_on_disk, fault_of_the_machine
from keras_kd.utils.lazy import keras


def serve(work, formats):
    """Builds and measures the formats' files.

    Args:
        work: the folder of the job.
        formats: names, of `keras_kd.export.formats.FORMATS`.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what TensorFlow and Keras print joins the log

    def answer(**message):
        print(json.dumps(message), file=answers, flush=True)

    threading.Thread(target=_stop_with_caller, daemon=True).start()
    try:
        job = Job(Path(work))
    except UserError as error:
        return answer(error=str(error))
    answer(loaded=True)
    for name in formats:
        try:
            answer(result=job.result(name))
        except MachineError as error:
            return answer(error=str(error), of_the_machine=True)


class Job:
    """A student, its images and its logits, for all formats.

    Args:
        work: the folder with `job.json` and the arrays; the files are built in it.

    Raises:
        UserError: the student cannot be loaded, or does not take the images.
    """

    def __init__(self, work):
        self.work = work
        self.settings = json.loads((work / "job.json").read_text())
        arrays = {file.stem: np.load(file) for file in work.glob("*.npy")}
        self.images, self.labels = arrays["test_images"], arrays["test_labels"]
        self.request = Request(
            self.images.shape[1:],
            self.settings["inputs"],
            self.settings["outputs"],
            arrays.get("calibration_images"),
            self.settings["litert_batch"],
            tuple(self.settings["class_names"]),
            self.settings["resize"],
        )
        self.student = load(self.settings["student_file"], self.settings["modules"])
        self.logits = _keras_logits(self.settings["student_file"], self.student, self.images)
        self._tuned = None

    def result(self, name):
        """Builds, measures and judges the file of a format; a dict as of `keras_kd.export.export.export`.

        Raises:
            MachineError: the disk is full, or the like.
        """
        started = time.perf_counter()
        file, fields = self.work / TABLE[name].file, {}
        try:
            source, expected, made_of = self._source(name)
            made = deployed(name, source, self.request, self.settings["softmax"])
            with never_drawing(self.student):
                TABLE[name].write(made, file, self.request)
            fields = measured(name, file, expected, self.images, self.labels, self.settings)
            fields["latency"] = None if fields["flex_ops"] else one_image(file, self.images[0])
            fields["made_of"] = Path(made_of).name
            if source is not self.student and not fields["flex_ops"]:
                fields["keras_accuracy"] = float(np.mean(self.logits.argmax(-1) == self.labels))
                fields["accuracy_drop"] = fields["keras_accuracy"] - fields["accuracy"]
            failed = failures(name, fields, np.abs(self.logits).max(), self.settings["gates"])
            if fields["flex_ops"]:
                failed += [f"they are in {where_outside(file, self.student)}"]
            if failed and TABLE[name].calibrated and not fields["flex_ops"]:
                worst = worst_tensor(file, made, self.images[:8], self.work, self.request)
                failed += [f"the largest error of a layer is in {worst}"] if worst else []
        except Exception as error:
            fault = fault_of_the_machine(error)
            if fault is not None:
                raise MachineError(not_written(self.settings["folder"], fault)) from error
            failed = [f"cannot be {'run' if file.exists() else 'converted'}: {reason_of(error, self.student)}"]
            if isinstance(error, ImportError):
                fields["circumstance"] = f"a library cannot be imported here: {reason_of(error)}"
        return result_of(name, failed, seconds=time.perf_counter() - started, **fields)

    def _source(self, name):
        """(network, the logits that are expected of its file, where it came from) of a format."""
        made_of = self.settings["int8_student"]
        if not (made_of and TABLE[name].calibrated):
            return self.student, self.logits, self.settings["student_file"]
        if self._tuned is None:
            calibration = self.request.calibration_images
            self._tuned = _in_simulation(made_of, self.settings["modules"], calibration, self.images)
        return *self._tuned, made_of


def _in_simulation(file, modules, calibration_images, images):
    """(model, the logits that it has of images in simulated int8) of a student that was trained for int8."""
    from keras_kd.export.int8_simulation import Simulation

    model = load(file, modules)
    return model, _keras_logits(file, Simulation(model, spanning(calibration_images)).network, images)


def _stop_with_caller():
    os.read(0, 1)  # returns when the caller is gone, however that came about
    os._exit(1)


def load(student_file, modules):
    """A saved student, computing in float32 whatever it was trained in.

    Args:
        student_file: a `.keras` file.
        modules: [(module, folder)] of layers that are not Keras' own.

    Raises:
        UserError: it cannot be loaded.
    """
    keras.config.set_dtype_policy("float32")
    try:
        for module, folder in modules:
            foreign_code.import_module_of(module, folder)
        student = keras.saving.load_model(student_file, compile=False)
        # LiteRT lacks bfloat16, so a student trained in half precision is rebuilt to compute in float32.
        config = student.to_json()
        in_float32 = re.sub(r'"(mixed_)?b?float16"', '"float32"', config)
        if in_float32 != config:
            weights = [np.asarray(weight, "float32") for weight in student.get_weights()]
            student = keras.models.model_from_json(in_float32)
            student.set_weights(weights)
    except Exception as error:
        raise UserError(
            f"{student_file}: Keras cannot load it: {reason_of(error)}; expected Keras' own layers, or "
            "ones registered with Keras in an importable module"
        ) from error
    if not student.built:
        raise UserError(f"{student_file}: holds a model without weights; expected a built one; train it first")
    return student


def _keras_logits(student_file, student, images):
    try:
        logits = student.predict(images.astype("float32"), batch_size=100, verbose=0)
    except ValueError as error:
        raise UserError(
            f"{student_file}: does not take test images of {images.shape[1:]}: {reason_of(error)}; expected "
            "images of the data it was trained on"
        ) from error
    if getattr(logits, "ndim", None) != 2:
        found = getattr(logits, "shape", type(logits).__name__)
        raise UserError(f"{student_file}: gives {found}; expected one tensor of logits, (batch, classes)")
    return logits


def deployed(name, student, request, softmax):
    """The student with what is baked in: pixels as they are stored, a softmax, a named output.

    Args:
        name: of the format.
        student: a built `keras.Model` of one image tensor.
        request: a `Request`.
        softmax: whether the file ends with one.
    """
    as_pixels = request.inputs == "uint8" and not TABLE[name].takes_pixels
    image = keras.Input(request.image_shape, dtype="uint8" if as_pixels else "float32", name="images")
    x = keras.ops.cast(image, "float32") if as_pixels else image
    x = student(x, training=False)
    if softmax:
        x = keras.layers.Softmax(name="probabilities")(x)
    return keras.Model(image, x, name="student")


def measured(name, file, logits, images, labels, settings):
    """What a file does compared with what is expected of it; a dict, of which `failures` judges.

    Args:
        name: the format's.
        file: its path.
        logits: (n, classes), what is expected.
        images: uint8, (n, height, width, channels).
        labels: integers, (n,).
        settings: a dict of "outputs" and "softmax".
    """
    fields = {"flex_ops": [], "images": len(images), "bytes": bytes_on_disk(file), "outputs": settings["outputs"]}
    logits = _softmax(logits) if settings["softmax"] else logits
    fields["flex_ops"] = TABLE[name].outside(file)
    if fields["flex_ops"]:
        return fields  # and the runtime would refuse it
    found, about = TABLE[name].run(file, images)
    difference = np.abs(found - logits)
    accuracy, keras_accuracy = (float(np.mean(x.argmax(-1) == labels)) for x in (found, logits))
    fields |= about
    return fields | {
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "agreement": float(np.mean(found.argmax(-1) == logits.argmax(-1))),
        "accuracy": accuracy,
        "keras_accuracy": keras_accuracy,
        "accuracy_drop": keras_accuracy - accuracy,
    }


# Keras's augmentations that change nothing in inference and yet move their random state.
DRAWING = (
    "MixUp", "CutMix", "RandomSharpness", "RandomHue", "RandomSaturation", "RandomGrayscale", "RandomPosterization"
)  # fmt: skip


def never_drawing(model):
    """Within it the augmentations of a model that draw numbers even in inference, for nothing, do not."""
    kinds = tuple(getattr(keras.layers, name) for name in DRAWING)
    return calling([(one, lambda call: _as_given) for one in flat_layers(model) if isinstance(one, kinds)])


def _as_given(images, *given, **options):
    return images


def _softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
