"""From `student.keras` to the files that are deployed, each behind a gate that compares it with Keras.

TensorFlow runs in a process of its own (`python -m keras_kd.export.export`), so a student trained on any backend is
exported alike, and the caller may have imported whatever it likes. The upper half of this file is the
caller's side; the lower half, from `_serve` on, is that process.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np

from keras_kd.utils import child_process, foreign_code
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.files import fault_of_the_machine
from keras_kd.utils.lazy import installed, keras
from keras_kd.utils.ownership import WORKPLACE, held

FILES = {
    "saved_model": "saved_model",
    "litert_float32": "student.tflite",
    "litert_float16": "student_float16.tflite",
    "litert_dynamic": "student_dynamic.tflite",
    "litert_int8": "student_int8.tflite",
    "litert_int8_float": "student_int8_float.tflite",
    "onnx": "student.onnx",
}
FORMATS = tuple(FILES)
DEFAULTS = ("saved_model", "litert_float32", "litert_int8")
INPUTS, OUTPUTS = ("float32", "uint8"), ("logits", "probabilities")
CALIBRATED = ("litert_int8", "litert_int8_float")
# What a format needs beside TensorFlow: (module, package).
NEEDS = {"onnx": (("tf2onnx", "tf2onnx"), ("onnxruntime", "onnxruntime"))}
GATES = {
    "images": 1000,  # at most so many test images, evenly spaced over the test set
    "float32_max_difference": 1e-3,  # of a logit, times max(1, largest |logit| of Keras)
    "float32_agreement": 0.999,  # top class as Keras; unless 1 is asked for, one image may differ
    "float16_max_difference": 2e-2,  # as float32_max_difference, of litert_float16
    "float16_agreement": 0.99,
    "int8_accuracy_drop": 0.02,
    "int8_agreement": 0.90,  # the int8 gates are those of litert_dynamic, too
}
_MEASURED = (
    "bytes", "max_difference", "mean_difference", "agreement", "accuracy", "keras_accuracy", "accuracy_drop",
    "images", "input_scale", "input_zero_point", "any_batch", "inputs", "outputs", "made_of", "circumstance",
)  # fmt: skip


def export(
    student_file,
    folder,
    *,
    formats=DEFAULTS,
    inputs="float32",
    outputs="logits",
    from_logits=True,
    calibration_images,
    test_images,
    test_labels,
    gates=None,
    int8_student=None,
    quiet=False,
):
    """Export a saved student, and keep only the files that do what the Keras model does.

    A file is built and measured in a hidden folder inside `folder` and renamed into place when it passes its
    gate. A file that fails stays out, and an older export under its name goes too, since it is not of this
    student. Whatever precision the student was trained in, its exports compute in float32 (or int8), and are
    compared with the Keras model computing in float32.

    Args:
        student_file: a `.keras` file that takes pixels 0..255 in float32, (batch, height, width, channels),
            and gives logits, (batch, classes).
        folder: where the exported files go; made if missing. One export at a time may run in it.
        formats: some of `FORMATS`.
        inputs: "float32", or "uint8" for files that take the pixels as images have them.
        outputs: "logits", or "probabilities" for files that end with a softmax.
        from_logits: whether the student gives logits. Files of one that gives probabilities give them, whatever
            `outputs` says.
        calibration_images: uint8, (n, height, width, channels): a few hundred training images, on which the
            ranges of the int8 activations are measured. May be None without formats of full int8.
        test_images: uint8, (n, height, width, channels); what the gates measure on.
        test_labels: integers, (n,).
        gates: overrides of `GATES`, by name.
        int8_student: a `.keras` file that was trained for int8 (`keras_kd.workflows.run.int8`): the files of full int8
            are made of it. They are compared with its simulation in int8, and their accuracy with the student's.
        quiet: do not print a line per file.

    Returns:
        A list with a dict per format, in the order of `formats`: "file", "format", "bytes", "max_difference"
        and "mean_difference" (of logits, against Keras), "agreement" (share of images with the top class of
        Keras), "accuracy", "keras_accuracy", "accuracy_drop", "images", "flex_ops" (operators that LiteRT has
        not built in), "input_scale" and "input_zero_point" (int8 only; 1 and -128 mean that pixel - 128 is
        exact), "inputs" and "outputs" (what goes in and comes out), "any_batch" (several images at once give what
        one at a time gives), "made_of" (the file it was converted from), "circumstance" (what of the machine, not of
        the student, kept it from being made: it is worth another try), "passed", "failures" (texts) and "seconds".
        What could not be measured is None.

    Raises:
        UserError: an argument cannot be used, the student cannot be read, no TensorFlow, the disk is full.
        GateError: files failed their gates; its `exports` is the list above, of all formats.

    Example:
        >>> export("runs/a/student.keras", "runs/a", calibration_images=train_images[:300],
        ...        test_images=test_images, test_labels=test_labels)  # doctest: +SKIP
        saved_model: 0.13 MB, 100.0 % of 1000 images as Keras, accuracy 0.8130 (Keras 0.8130)
        student.tflite: 0.02 MB, 100.0 % of 1000 images as Keras, accuracy 0.8130 (Keras 0.8130)
        student_int8.tflite: 0.01 MB, 98.3 % of 1000 images as Keras, accuracy 0.8010 (Keras 0.8130)
        >>> GATES["int8_accuracy_drop"]
        0.02
    """
    student_file, folder = Path(student_file).absolute(), Path(folder).absolute()
    formats = tuple(dict.fromkeys(formats))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"formats: found '{unknown[0]}'; expected some of {', '.join(FORMATS)}")
    for name, value, allowed in (("inputs", inputs, INPUTS), ("outputs", outputs, OUTPUTS)):
        if value not in allowed:
            raise UserError(f"{name}: found {value!r}; expected {' or '.join(allowed)}")
    gates = GATES | _checked_gates(gates or {})
    job = {"student_file": str(student_file), "modules": _custom_modules(student_file), "gates": gates}
    job |= {"inputs": inputs, "outputs": outputs if from_logits else "probabilities"}
    job["softmax"] = from_logits and outputs == "probabilities"
    job["folder"] = str(folder)
    job["int8_student"] = str(Path(int8_student).absolute()) if int8_student else None
    arrays = {"test_images": test_images, "test_labels": test_labels}
    if set(formats) & set(CALIBRATED):
        arrays["calibration_images"] = calibration_images
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    _check_arrays(arrays)
    _check_installed(formats)

    # Evenly spaced, because the test images of a folder come sorted by class.
    count = min(gates["images"], len(test_images))
    chosen = np.linspace(0, len(test_images) - 1, count).round().astype(int)
    arrays |= {name: arrays[name][chosen] for name in ("test_images", "test_labels")}

    results = []
    with held(folder, "exports") as owned, _workplace(owned) as work:
        for name in formats:
            owned.check(folder / FILES[name])
        for name, array in arrays.items():
            np.save(work / f"{name}.npy", array)
        (work / "job.json").write_text(json.dumps(job))
        with contextlib.closing(_built(work, student_file, formats)) as built:
            for result in built:
                _publish(work, owned, result)
                results.append(result)
                if not quiet:
                    print(_line(result), flush=True)

    failed = [result for result in results if not result["passed"]]
    if failed:
        lines = [f"{folder / result['file']}: kept out: {'; '.join(result['failures'])}" for result in failed]
        raise GateError("\n".join(lines), exports=results)
    return results


def _checked_gates(gates):
    for name, value in gates.items():
        if name not in GATES:
            raise UserError(f"export.gates.{name}: no such gate; expected some of {', '.join(GATES)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"export.gates.{name}: found {value!r}; expected a number, such as {GATES[name]}")
        if name == "images" and (value < 1 or not isinstance(value, int)):
            raise UserError(f"export.gates.images: found {value!r}; expected a whole number from 1 up")
    return gates


def _custom_modules(student_file):
    """[(module, the folder that it came from)] of layers that are not Keras' own, where the caller imported them.

    Keras imports none of them.
    """
    if not student_file.is_file():
        raise UserError(f"{student_file}: no such file; expected a student saved by Keras; train it first")
    try:
        config = zipfile.ZipFile(student_file).read("config.json").decode()
    except (zipfile.BadZipFile, KeyError) as error:
        cure = "expected one written by `model.save('student.keras')`; train the student again"
        raise UserError(f"{student_file}: found no Keras file; {cure}") from error
    named = set(re.findall(r'"module": "([\w.]+)"', config))
    theirs = sorted(m for m in named & sys.modules.keys() if m.split(".")[0] not in ("keras", "builtins", "__main__"))
    return [(module, foreign_code.folder_of(module)) for module in theirs]


def _check_arrays(arrays):
    labels = arrays["test_labels"]
    shape = arrays["test_images"].shape
    for name in arrays.keys() - {"test_labels"}:
        found = arrays[name]
        if found.dtype != np.uint8 or found.ndim != 4 or not len(found) or found.shape[1:] != shape[1:]:
            raise UserError(
                f"{name}: found {found.dtype} of shape {found.shape}; expected uint8 pixels (n, height, "
                "width, channels), at least one image, calibration and test images of one size"
            )
    if labels.shape != shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"test_labels: found {labels.dtype} of shape {labels.shape}; expected one integer for each of "
            f"{shape[0]} test images"
        )


def missing_here(formats):
    """What is to be said where a package that some formats need is not installed; None where all are."""
    needed = {"tensorflow": list(formats)} if formats else {}
    litert = [name for name in formats if name.startswith("litert")]
    needed |= {"ai_edge_litert": litert} if litert else {}
    needed |= {package: [name] for name in formats for _, package in NEEDS.get(name, ())}
    modules = {package: module for needs in NEEDS.values() for module, package in needs}
    for package, wanting in needed.items():
        if not installed(modules.get(package, package)):
            return (
                f"{package} is not installed here; {', '.join(wanting)} need{'s' * (len(wanting) == 1)} it; install "
                "it, or run `keras-kd export RUN` on a machine that has it"
            )
    return None


def _check_installed(formats):
    missing = missing_here(formats)
    if missing:
        raise UserError(f"export: {missing}")


@contextlib.contextmanager
def _workplace(owned):
    """A hidden folder inside the one that is held, so that publishing is a rename; gone afterwards, come what may."""
    work = owned.workplace / f"{WORKPLACE}{secrets.token_hex(16)}"
    try:
        work.mkdir()
        yield work
    except OSError as error:
        raise MachineError(
            _not_written(owned.folder, fault_of_the_machine(error) or error.strerror or error)
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _not_written(folder, reason):
    return f"{folder}: the export cannot be written: {reason}; cure that and give the same command again"


def _publish(work, owned, result):
    new, target = work / result["file"], owned.folder / result["file"]
    if not result["passed"] or target.is_dir():
        # A file is replaced in one step; a folder takes two, as none can be renamed onto a filled one.
        _taken_away(owned, target)
    if result["passed"]:
        files = [one for one in new.rglob("*") if one.is_file()] if new.is_dir() else [new]
        places = [target / file.relative_to(new) for file in files]
        for place in places:
            owned.guard(place)
        owned.claim(*places)
        for place, file in zip(places, files, strict=True):
            owned.seal(place, file)
        new.replace(target)
        owned.named(*places)


def _taken_away(owned, target):
    """Removes an export of before; what somebody put into it stays, and is in the way."""
    stays = owned.remove(target)
    if stays:
        raise UserError(
            f"{target}: holds what keras-kd did not make ({', '.join(stays[:3])}); it is left as it is: move it away"
        )


def _built(work, student_file, formats):
    """Yield a result per format; one that takes the process down with it has failed, and the rest go on."""
    remaining = list(formats)
    while remaining:
        loaded = False
        with _tensorflow_process(work, remaining) as process:
            for message in map(json.loads, process.stdout):
                if "error" in message:
                    raise (MachineError if message.get("of_the_machine") else UserError)(message["error"])
                loaded = True
                if "result" in message:
                    remaining.pop(0)
                    yield message["result"]
            stopped = f"its TensorFlow process stopped (exit code {process.wait()})"
        log = (work / "log.txt").read_text(errors="replace").strip().splitlines()
        last = " | ".join(line.strip() for line in log[-3:]) or "it said nothing"
        fault = _fault_in(process.returncode, log)
        if not loaded:
            kind = UserError if fault is None else MachineError
            raise kind(f"{student_file}: cannot be exported: {stopped}: {last if fault is None else fault}")
        if remaining:
            reason = last if fault is None else f"{fault}; the same command tries it again"
            yield _result(remaining.pop(0), failures=[f"cannot be converted: {stopped}: {reason}"], circumstance=fault)


# What ends a process from outside: the user, the system for want of memory, a limit.
_FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGXFSZ", "SIGBUS")


def _fault_in(code, log):
    """What of the machine ended a process, by its exit code and its last lines; None where it did so itself."""
    try:
        name = signal.Signals(-code).name if code < 0 else None
    except ValueError:
        name = None
    if name in _FROM_OUTSIDE:
        return f"it was ended from outside by {name}" + (", often for want of memory" if name == "SIGKILL" else "")
    return fault_of_the_machine("\n".join(log[-20:]))


@contextlib.contextmanager
def _tensorflow_process(work, formats):
    environment = child_process.environment(
        KERAS_BACKEND="tensorflow",
        TF_CPP_MIN_LOG_LEVEL="3",
        # The trainer may hold the GPU, whose TF32 would also blur the comparison.
        CUDA_VISIBLE_DEVICES="-1",
        # The converter's own temporary files go where they are cleaned up.
        TMPDIR=str(work),
    )
    with open(work / "log.txt", "w") as log:
        process = subprocess.Popen(
            child_process.command("keras_kd.export.export", work, *formats),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def _result(name, failures=(), flex_ops=(), seconds=0.0, **measured):
    return {
        "file": FILES[name],
        "format": name,
        **dict.fromkeys(_MEASURED),
        **measured,
        "flex_ops": list(flex_ops),
        "passed": not failures,
        "failures": list(failures),
        "seconds": round(seconds, 2),
    }


def _line(result):
    if result["agreement"] is None:
        return f"{result['file']}: kept out: {'; '.join(result['failures'])}"
    kept_out = "" if result["passed"] else "kept out, "
    return (
        f"{result['file']}: {kept_out}{result['bytes'] / 1e6:.2f} MB, {100 * result['agreement']:.1f} % of "
        f"{result['images']} images as Keras, accuracy {result['accuracy']:.4f} "
        f"(Keras {result['keras_accuracy']:.4f})"
    )


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
    images, labels = arrays["test_images"], arrays["test_labels"]
    try:
        student = _load(job["student_file"], job["modules"])
        logits = _keras_logits(job["student_file"], student, images)
    except UserError as error:
        return answer(error=str(error))
    answer(loaded=True)
    tuned = None
    for name in formats:
        started = time.perf_counter()
        file, fields = work / FILES[name], {}
        source, expected, made_of = student, logits, job["student_file"]
        try:
            if job["int8_student"] and name in CALIBRATED:
                made_of = job["int8_student"]
                tuned = tuned or _in_simulation(made_of, job["modules"], arrays["calibration_images"], images)
                source, expected = tuned
            deployed = _deployed(name, source, images.shape[1:], job["inputs"], job["softmax"])
            _convert(name, deployed, file, images.shape[1:], arrays.get("calibration_images"), job)
            fields = _measure(name, file, expected, images, labels, job)
            fields["made_of"] = Path(made_of).name
            if source is not student and not fields["flex_ops"]:
                fields["keras_accuracy"] = float(np.mean(logits.argmax(-1) == labels))
                fields["accuracy_drop"] = fields["keras_accuracy"] - fields["accuracy"]
            failures = _failures(name, fields, np.abs(logits).max(), job["gates"])
            if failures and name in CALIBRATED and not fields["flex_ops"]:
                worst = _worst_tensor(file, deployed, images[:8], work, job)
                failures += [f"the largest error of a layer is in {worst}"] if worst else []
        except Exception as error:
            fault = fault_of_the_machine(error)
            if fault is not None:
                return answer(error=_not_written(job["folder"], fault), of_the_machine=True)
            failures = [f"cannot be {'run' if file.exists() else 'converted'}: {_reason(error)}"]
            if isinstance(error, ImportError):
                fields["circumstance"] = f"a library cannot be imported here: {_reason(error)}"
        answer(result=_result(name, failures, seconds=time.perf_counter() - started, **fields))


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
            f"{student_file}: Keras cannot load it: {_reason(error)}; expected Keras' own layers, or "
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
            f"{student_file}: does not take test images of {images.shape[1:]}: {_reason(error)}; expected "
            "images of the data it was trained on"
        ) from error
    if getattr(logits, "ndim", None) != 2:
        found = getattr(logits, "shape", type(logits).__name__)
        raise UserError(f"{student_file}: gives {found}; expected one tensor of logits, (batch, classes)")
    return logits


def _deployed(name, student, image_shape, inputs, softmax):
    """The student with what is baked in: pixels as they are stored, a softmax, a named output."""
    # LiteRT's own int8 takes uint8 pixels without a layer of ours.
    as_pixels = inputs == "uint8" and name != "litert_int8"
    image = keras.Input(image_shape, dtype="uint8" if as_pixels else "float32", name="images")
    x = keras.ops.cast(image, "float32") if as_pixels else image
    x = student(x)
    if softmax:
        x = keras.layers.Softmax(name="probabilities")(x)
    return keras.Model(image, x, name="student")


def _convert(name, student, file, image_shape, calibration_images, job):
    dtype = keras.tree.flatten(student.inputs)[0].dtype
    signature = [keras.InputSpec(shape=(None, *image_shape), dtype=dtype, name="images")]
    if name == "saved_model":
        archive = keras.export.ExportArchive()
        archive.track(student)

        def serve(images):
            return {job["outputs"]: student(images, training=False)}

        archive.add_endpoint("serving_default", serve, input_signature=signature)
        archive.write_out(str(file), verbose=False)
        return
    if name == "onnx":
        return student.export(str(file), format="onnx", input_signature=signature, verbose=False)
    from tensorflow import float16, int8, lite, uint8

    options = {}
    if name != "litert_float32":
        options["optimizations"] = [lite.Optimize.DEFAULT]
    if name == "litert_float16":
        options["target_spec"] = {"supported_types": [float16]}
    if name in CALIBRATED:
        kind = np.dtype(dtype).type
        options["representative_dataset"] = lambda: _representative(calibration_images, kind)
        options["target_spec"] = {"supported_ops": [lite.OpsSet.TFLITE_BUILTINS_INT8]}
    if name == "litert_int8":
        options["inference_input_type"] = uint8 if job["inputs"] == "uint8" else int8
        options["inference_output_type"] = int8
    # Keras before 3.15 takes no Path there.
    student.export(str(file), format="litert", input_signature=signature, verbose=False, **options)


def _representative(images, kind=np.float32):
    """One image a batch."""
    for image in spanning(images).astype(kind):
        yield [image[None]]


def spanning(images):
    """Images in float32 that reach both ends of 0..255, so that the int8 input is exactly pixel - 128."""
    images = images.astype("float32")
    # Images that are nowhere near are a mistake, such as pixels in 0..1, that must not be hidden from the gate.
    if np.ptp(images) > 200:
        images.flat[images.argmin()], images.flat[images.argmax()] = 0, 255
    return images


def _softmax(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def _measure(name, file, logits, images, labels, job):
    fields = {"flex_ops": [], "images": len(images), "bytes": _bytes(file), "outputs": job["outputs"]}
    logits = _softmax(logits) if job["softmax"] else logits
    if name == "saved_model":
        found, about = _saved_model_logits(file, images)
    elif name == "onnx":
        found, about = _onnx_logits(file, images)
    else:
        fields["flex_ops"] = outside_builtins(file)
        if fields["flex_ops"]:
            return fields  # and the runtime would refuse it
        found, about = _litert_logits(file, images)
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


def _bytes(file):
    files = file.rglob("*") if file.is_dir() else [file]
    return sum(f.stat().st_size for f in files if f.is_file())


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


def _saved_model_logits(file, images):
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


def _onnx_logits(file, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = "uint8" if "uint8" in given.type else "float32"
    found = _in_batches(lambda batch: session.run(None, {given.name: batch.astype(kind)})[0], images, 100)
    return found, {"any_batch": not isinstance(given.shape[0], int), "inputs": kind}


def _litert_logits(file, images):
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


def _worst_tensor(file, student, images, work, job):
    """The layer of an int8 file whose output is furthest from the float32 file's, in words; None if not to be told."""
    plain = work / "compared.tflite"
    try:
        _convert("litert_float32", student, plain, images.shape[1:], None, job)
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


def _failures(name, fields, largest_logit, gates):
    if fields["flex_ops"]:
        names = ", ".join(fields["flex_ops"])
        return [f"needs operators that LiteRT has not built in: {names}; replace the layers that use them"]
    if name in (*CALIBRATED, "litert_dynamic"):
        checks = [
            ("int8_accuracy_drop", fields["accuracy_drop"], "at most"),
            ("int8_agreement", fields["agreement"], "at least"),
        ]
    else:
        kind = "float16" if name == "litert_float16" else "float32"
        largest = 1.0 if fields["outputs"] == "probabilities" else max(1.0, largest_logit)
        checks = [
            (f"{kind}_max_difference", fields["max_difference"] / largest, "at most"),
            (f"{kind}_agreement", fields["agreement"], "at least"),
        ]
    failures = []
    for gate, measured, bound in checks:
        allowed = gates[gate]
        # Written so that not-a-number fails; 1e-9 because 0.95 - 0.93 is a little more than 0.02.
        passed = measured <= allowed + 1e-9 if bound == "at most" else measured >= allowed - 1e-9
        if gate == "float32_agreement" and allowed < 1 and round((1 - measured) * fields["images"]) <= 1:
            passed = True
        if not passed:
            failures.append(
                f"{gate} is {measured:.4g}, expected {bound} {allowed:.4g} (recipe field export.gates.{gate})"
            )
    return failures


def _reason(error):
    """The one line of a converter's or loader's error that says what is wrong."""
    refused = dict.fromkeys(re.findall(r"'tf\.\w+' op is [^\n]*", str(error)))
    if refused:
        return ", ".join(refused)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300] if lines else 'no message'}"


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
