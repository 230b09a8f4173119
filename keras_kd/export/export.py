"""From `student.keras` to the files that are deployed, each behind a gate that compares it with Keras.

TensorFlow runs in a process of its own (`python -m keras_kd.export.worker`), so a student trained on any backend is
exported alike, and the caller may have imported whatever it likes. This is the caller's side.
"""

import contextlib
import json
import re
import secrets
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from keras_kd.data.sources.decode import RESIZE
from keras_kd.export.formats import CALIBRATED, DEFAULTS, FILES, FORMATS, INPUTS, OUTPUTS, missing_here
from keras_kd.export.gates import GATES, checked_gates
from keras_kd.export.result import line_of, not_written, result_of
from keras_kd.models.saved import modules_in
from keras_kd.utils import child_process, foreign_code
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.files import fault_of_the_machine
from keras_kd.utils.ownership import WORKPLACE, held
from keras_kd.utils.steps import step


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
    litert_batch=1,
    class_names=(),
    resize=RESIZE,
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
        litert_batch: 1 for LiteRT files of one image at a time, all of whose shapes are known when they are made; None
            for files of any number.
        class_names: one per class: `labels.txt` inside of LiteRT files.
        resize: how images came to their size (`keras_kd.data.load`), which those files say.
        quiet: do not print a line per file.

    Returns:
        A list with a dict per format, in the order of `formats`: "file", "format", "bytes", "max_difference"
        and "mean_difference" (of logits, against Keras), "agreement" (share of images with the top class of
        Keras), "accuracy", "keras_accuracy", "accuracy_drop", "images", "flex_ops" (operators that LiteRT has
        not built in), "input_scale" and "input_zero_point" (int8 only; 1 and -128 mean that pixel - 128 is
        exact), "inputs" and "outputs" (what goes in and comes out), "batch" (images at once that a LiteRT file
        was made for, None for any), "any_batch" (several images at once give what
        one at a time gives), "latency" (of one image, see `keras_kd.export.latency.one_image`), "made_of" (the
        file it was converted from), "circumstance" (what of the machine, not of the student, kept it from being made:
        it is worth another try), "passed", "failures" (texts) and "seconds".
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
    _check_choices(formats, inputs, outputs)
    gates = GATES | checked_gates(gates or {})
    job = {"student_file": str(student_file), "modules": custom_modules(student_file), "gates": gates}
    job |= {"inputs": inputs, "outputs": outputs if from_logits else "probabilities"}
    job["softmax"] = from_logits and outputs == "probabilities"
    job |= {"folder": str(folder), "litert_batch": litert_batch, "class_names": list(class_names), "resize": resize}
    job["int8_student"] = str(Path(int8_student).absolute()) if int8_student else None
    arrays = {"test_images": test_images, "test_labels": test_labels}
    if set(formats) & set(CALIBRATED):
        arrays["calibration_images"] = calibration_images
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    _check_arrays(arrays)
    _check_installed(formats)

    arrays |= _evenly_spaced(arrays, gates["images"])

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
                    print(line_of(result), flush=True)

    failed = [result for result in results if not result["passed"]]
    if failed:
        lines = [f"{folder / result['file']}: kept out: {'; '.join(result['failures'])}" for result in failed]
        raise GateError("\n".join(lines), exports=results)
    return results


def _check_choices(formats, inputs, outputs):
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"formats: found '{unknown[0]}'; expected some of {', '.join(FORMATS)}")
    for name, value, allowed in (("inputs", inputs, INPUTS), ("outputs", outputs, OUTPUTS)):
        if value not in allowed:
            raise UserError(f"{name}: found {value!r}; expected {' or '.join(allowed)}")


def _evenly_spaced(arrays, count):
    """So many test images and labels."""
    # Evenly spaced, because the test images of a folder come sorted by class.
    images = len(arrays["test_images"])
    chosen = np.linspace(0, images - 1, min(count, images)).round().astype(int)
    return {name: arrays[name][chosen] for name in ("test_images", "test_labels")}


def custom_modules(student_file):
    """[(module, the folder that it came from)] of layers that are not Keras' own, where the caller imported them.

    Keras imports none of them.

    Args:
        student_file: a `Path`.

    Raises:
        UserError: it is no file of Keras.
    """
    if not student_file.is_file():
        raise UserError(f"{student_file}: no such file; expected a student saved by Keras; train it first")
    try:
        config = zipfile.ZipFile(student_file).read("config.json").decode()
    except (zipfile.BadZipFile, KeyError) as error:
        fix = "expected one written by `model.save('student.keras')`; train the student again"
        raise UserError(f"{student_file}: found no Keras file; {fix}") from error
    named = set(re.findall(r'"module": "([\w.]+)"', config))
    theirs = sorted(m for m in named & sys.modules.keys() if m.split(".")[0] not in ("keras", "builtins", "__main__"))
    return list(dict([*((one, foreign_code.folder_of(one)) for one in theirs), *modules_in(student_file)]).items())


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
        raise MachineError(not_written(owned.folder, fault_of_the_machine(error) or error.strerror or error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


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
        step(f"exporting {remaining[0]}")
        with tensorflow_process("keras_kd.export.worker", work, *remaining) as process:
            for message in map(json.loads, process.stdout):
                if "error" in message:
                    raise (MachineError if message.get("of_the_machine") else UserError)(message["error"])
                loaded = True
                if "result" in message:
                    remaining.pop(0)
                    yield message["result"]
                    if remaining:
                        step(f"exporting {remaining[0]}")
            stopped = f"its TensorFlow process stopped (exit code {process.wait()})"
        log = (work / "log.txt").read_text(errors="replace").strip().splitlines()
        last = " | ".join(line.strip() for line in log[-3:]) or "it said nothing"
        fault = _fault_in(process.returncode, log)
        if not loaded:
            kind = UserError if fault is None else MachineError
            raise kind(f"{student_file}: cannot be exported: {stopped}: {last if fault is None else fault}")
        if remaining:
            reason = last if fault is None else f"{fault}; the same command tries it again"
            yield result_of(
                remaining.pop(0), failures=[f"cannot be converted: {stopped}: {reason}"], circumstance=fault
            )


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
def tensorflow_process(module, work, *arguments):
    """A process that runs TensorFlow on the CPU, its output in `work/log.txt`; ended as the block is.

    Args:
        module: that it runs.
        work: its folder, its first argument.
        *arguments: further ones.
    """
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
            child_process.command(module, work, *arguments),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
