"""The process in which TensorFlow makes and measures the files: `python -m keras_kd.export.worker FOLDER FORMATS`."""

import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np

from keras_kd.export.formats import CALIBRATED, FILES, convert, deployed, not_written, result_of, spanning
from keras_kd.export.gates import gate_failures, measure_file, worst_tensor
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import fault_of_the_machine
from keras_kd.utils.lazy import keras


def _serve(work, formats):
    """Build and measure the formats' files in the folder `work`; the answers are JSON lines on standard output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what TensorFlow and Keras print joins the log

    def answer(**message):
        print(json.dumps(message), file=answers, flush=True)

    threading.Thread(target=_stop_with_caller, daemon=True).start()
    work = Path(work)
    job = json.loads((work / "job.json").read_text())
    arrays = {file.stem: np.load(file) for file in work.glob("*.npy")}
    try:
        student = _load(job["student_file"], job["modules"])
        logits = _keras_logits(job["student_file"], student, arrays["test_images"])
    except UserError as error:
        return answer(error=str(error))
    answer(loaded=True)
    made_for = _Students(job, arrays, student, logits)
    for name in formats:
        started = time.perf_counter()
        file, fields = work / FILES[name], {}
        try:
            failures = _made_and_measured(name, file, made_for, work, fields)
        except Exception as error:
            fault = fault_of_the_machine(error)
            if fault is not None:
                return answer(error=not_written(job["folder"], fault), of_the_machine=True)
            failures = [f"cannot be {'run' if file.exists() else 'converted'}: {reason_of(error)}"]
            if isinstance(error, ImportError):
                fields["circumstance"] = f"a library cannot be imported here: {reason_of(error)}"
        answer(result=result_of(name, failures, seconds=time.perf_counter() - started, **fields))


class _Students:
    """The students that files are made of: the one that was trained, and one trained for int8, loaded when needed."""

    def __init__(self, job, arrays, student, logits):
        self.job, self.arrays = job, arrays
        self.student, self.logits = student, logits
        self._for_int8 = None

    def of(self, name):
        """(model, logits that its file must give, the file that the model is in) of a format."""
        if not (self.job["int8_student"] and name in CALIBRATED):
            return self.student, self.logits, self.job["student_file"]
        made_of = self.job["int8_student"]
        if self._for_int8 is None:
            images = self.arrays["calibration_images"], self.arrays["test_images"]
            self._for_int8 = _in_simulation(made_of, self.job["modules"], *images)
        return *self._for_int8, made_of


def _made_and_measured(name, file, students, work, fields):
    """Writes the file of a format and puts what it measures into `fields`; gives the gates that it fails, in words."""
    job, arrays = students.job, students.arrays
    images, labels = arrays["test_images"], arrays["test_labels"]
    source, expected, made_of = students.of(name)
    made = deployed(name, source, images.shape[1:], job["inputs"], job["softmax"])
    convert(name, made, file, images.shape[1:], arrays.get("calibration_images"), job)
    fields |= measure_file(name, file, expected, images, labels, job)
    fields["made_of"] = Path(made_of).name
    if source is not students.student and not fields["flex_ops"]:
        fields["keras_accuracy"] = float(np.mean(students.logits.argmax(-1) == labels))
        fields["accuracy_drop"] = fields["keras_accuracy"] - fields["accuracy"]
    failures = gate_failures(name, fields, np.abs(students.logits).max(), job["gates"])
    if failures and name in CALIBRATED and not fields["flex_ops"]:
        worst = worst_tensor(file, made, images[:8], work, job)
        failures += [f"the largest error of a layer is in {worst}"] if worst else []
    return failures


def _in_simulation(file, modules, calibration_images, images):
    """(model, the logits that it has of images in simulated int8) of a student that was trained for int8."""
    from keras_kd.export.int8_simulation import Simulation

    model = _load(file, modules)
    return model, _keras_logits(file, Simulation(model, spanning(calibration_images)).network, images)


def _stop_with_caller():
    os.read(0, 1)  # returns when the caller is gone, however that came about
    os._exit(1)


def _load(student_file, modules):
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


def reason_of(error):
    """The one line of a converter's or loader's error that says what is wrong."""
    refused = dict.fromkeys(re.findall(r"'tf\.\w+' op is [^\n]*", str(error)))
    if refused:
        return ", ".join(refused)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300] if lines else 'no message'}"


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
