"""How fast an exported file is, how large, how much memory it takes: each measured in a process of its own."""

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from keras_kd.models.saved import known_modules
from keras_kd.utils import child_process
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import bytes_on_disk, fault_of_the_machine
from keras_kd.utils.formatting import DASH, count, milliseconds, plural, size
from keras_kd.utils.lazy import installed
from keras_kd.utils.table import apart, folded, in_blocks
from keras_kd.utils.timing import latency_of, times_of

# What lies in a run and is neither its student nor made of it.
NOT_DELIVERED = ("taught_teacher.keras",)
KINDS = {".keras": "keras", ".tflite": "litert", ".onnx": "onnx"}
NEEDS = {"keras": "keras", "saved_model": "tensorflow", "litert": "ai_edge_litert", "onnx": "onnxruntime"}


def kind_of(file):
    """What runs a file: "keras", "saved_model", "litert" or "onnx".

    Raises:
        UserError: there is none, or nothing here runs it.

    Example:
        >>> kind_of("no.tflite")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: no.tflite: no such file
    """
    file = Path(file)
    if not file.exists():
        raise UserError(f"{file}: no such file")
    kind = KINDS.get(file.suffix.lower()) if file.is_file() else None
    kind = "saved_model" if (file / "saved_model.pb").exists() else kind
    if kind is None:
        raise UserError(
            f"{file}: found no model; expected a .keras, .tflite or .onnx file, or the folder of a SavedModel"
        )
    if not installed(NEEDS[kind]):
        raise UserError(f"{file}: {NEEDS[kind]}, which runs it, is not installed; pip install {NEEDS[kind]}")
    return kind


def files_in(run):
    """The files of a run folder that can be measured: the student and its exports.

    Args:
        run: a folder.
    """
    found = [
        path
        for path in sorted(Path(run).iterdir())
        if (path.suffix.lower() in KINDS and path.name not in NOT_DELIVERED) or (path / "saved_model.pb").exists()
    ]
    return sorted(found, key=lambda path: path.name != "student.keras")


def measure(file, *, runs=50, warm_up=10, threads=1, batches=(1, 8, 32), image_size=None):
    """Measures a file in a process of its own.

    Args:
        file: a `.keras`, `.tflite` or `.onnx` file, or the folder of a SavedModel.
        runs: how many are timed.
        warm_up: how many come before.
        threads: that it may use; None for the runtime's own choice.
        batches: images at once, for the throughput.
        image_size: (height, width), where the file leaves them open.

    Returns:
        dict of "file", "kind", "bytes", "parameters" and "macs" (.keras only, else None), "load_seconds",
        "latency_ms" ("median", "p90", "n", "warm_up") of one image, "images_a_second" by batch (None where the file
        takes no such batch), "peak_bytes" (above what the runtime takes before the file is loaded), "threads",
        "image_shape", and "device", on which it was measured.

    Raises:
        UserError: the file cannot be run.
    """
    kind, file = kind_of(file), Path(file)
    job = {
        "file": str(file.absolute()),
        "kind": kind,
        "runs": runs,
        "warm_up": warm_up,
        "threads": threads,
        "batches": list(batches),
        "image_size": image_size,
        "modules": known_modules(),
    }
    environment = child_process.environment(TF_CPP_MIN_LOG_LEVEL="3")
    if threads is not None:
        environment.update(OMP_NUM_THREADS=str(threads), TF_NUM_INTRAOP_THREADS=str(threads))
    done = subprocess.run(
        child_process.command("keras_kd.export.latency"),
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=environment,
    )
    try:
        measured = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"{file}: cannot be run: its process ended with {done.returncode}: {last}") from None
    if "error" in measured:
        raise UserError(f"{file}: {measured['error']}")
    return {"file": str(file), "kind": kind, "bytes": bytes_on_disk(file), "threads": threads, **measured}


def cells_of(rows):
    """The table of measured files: (header, rows of texts); `rows` are of `measure`."""
    batches = _batches(rows)
    header = ["file", "size", "median", "p90", *(f"x{batch}" for batch in batches)]
    table = []
    for row, name in zip(rows, apart([row["file"] for row in rows]), strict=True):
        latency, speeds = row["latency_ms"], row["images_a_second"]
        cells = [name, size(row["bytes"]), milliseconds(latency["median"]), milliseconds(latency["p90"])]
        cells += [DASH if speeds.get(batch) is None else f"{round(speeds[batch]):,}" for batch in batches]
        cells += [size(row["peak_bytes"], "bank"), milliseconds(1e3 * row["load_seconds"])]
        cells += [DASH if row["parameters"] is None else f"{row['parameters']:,}"]
        table.append([*cells, DASH if row["macs"] is None else count(row["macs"])])
    return [*header, "memory", "load", "parameters", "MACs"], table


def _batches(rows):
    return list(dict.fromkeys(batch for row in rows for batch in row["images_a_second"]))


def format_text(rows, width=None):
    """The table of measured files, as lines.

    Args:
        rows: of `measure`.
        width: letters in a line; None for any.
    """
    header, table = cells_of(rows)
    lines = in_blocks([header, *table], width, right=range(1, len(header)))
    batches = _batches(rows)
    first = rows[0]
    threads = "the runtime's own number of threads" if first["threads"] is None else plural(first["threads"], "thread")
    timed = first["latency_ms"]
    said = (
        f"one image, median and 90th percentile of {timed['n']} runs after {timed['warm_up']} to warm up, {threads}; "
        f"x{batches[-1]}: images a second, {batches[-1]} at once; memory: the peak above the runtime's own"
    )
    return [*lines, *folded(said, width).splitlines()]


# The process that measures.


def _main():
    job = json.loads(sys.stdin.read())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not the answer
    try:
        found = _measured(job)
    except UserError as error:
        found = {"error": str(error)}
    except Exception as error:
        found = {"error": f"cannot be run: {type(error).__name__}: {_last_line(error)}"}
    print(json.dumps(found), file=answers, flush=True)


def _last_line(error):
    return (str(error).strip().splitlines() or ["no message"])[-1][:300]


def cpu():
    """The CPU that files are measured on, in words."""
    return f"{os.cpu_count()} CPU cores, {platform.platform()}"


def one_image(file, image, *, seconds=1.0):
    """How long one image takes through an exported file in this process, one thread where the runtime can be told.

    Args:
        file: as of `measure`, and no `.keras`.
        image: uint8 (height, width, channels).
        seconds: about how long measuring may take.

    Returns:
        dict as of `keras_kd.utils.timing.latency_of`, and "threads".
    """
    threads = None if kind_of(file) == "saved_model" else 1
    run, dtype = opened(file, threads)
    given = image[None].astype("int16") - 128 if dtype == np.int8 else image[None]
    return {**latency_of(run, given.astype(dtype), seconds=seconds), "threads": threads}


def opened(file, threads=1):
    """(a function of a batch of images, the dtype that it takes) of an exported file in this process.

    Args:
        file: as of `one_image`.
        threads: that it may use; None for the runtime's own choice.
    """
    run, _, dtype, _ = _loading(kind_of(file))({"file": str(file), "threads": threads})()
    return run, dtype


def _loading(kind):
    return {"keras": _keras, "saved_model": _saved_model, "litert": _litert, "onnx": _onnx}[kind]


def _measured(job):
    load = _loading(job["kind"])(job)  # imports the runtime
    before = _peak_bytes()
    begun = time.perf_counter()
    run, shape, dtype, about = load()
    if None in shape[1:]:
        if job["image_size"] is None:
            raise UserError(f"takes images of {shape[1:]}; give --image-size")
        shape = (shape[0], *job["image_size"], shape[-1])
    generator = np.random.default_rng(0)

    def images(count):
        found = generator.integers(0, 256, (count, *shape[1:]))
        return (found - 128 if dtype == np.int8 else found).astype(dtype)

    one = images(1)
    run(one)
    loaded = time.perf_counter() - begun
    latency = latency_of(run, one, runs=job["runs"], warm_up=job["warm_up"])
    speeds = {}
    for batch in job["batches"]:
        try:
            many = images(batch)
            times = times_of(run, many, warm_up=2, runs=max(3, job["runs"] // 5))
            speeds[batch] = batch / float(np.median(times))
        except Exception as error:
            if fault_of_the_machine(error) is not None:
                raise
            speeds[batch] = None  # it takes another number of images
    return {
        "load_seconds": round(loaded, 4),
        "latency_ms": latency,
        "images_a_second": {batch: None if one is None else round(one, 1) for batch, one in speeds.items()},
        "peak_bytes": max(0, _peak_bytes() - before),
        "image_shape": list(shape[1:]),
        "device": cpu(),
        "parameters": about.get("parameters"),
        "macs": about.get("macs"),
    }


def _peak_bytes():
    # What Linux counts otherwise begins with the peak of the process that began this one.
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _keras(job):
    import keras

    from keras_kd import backend
    from keras_kd.models import cost as bench
    from keras_kd.models.saved import know, load_saved

    def load():
        for module, folder in job["modules"]:
            know(module, folder=folder)
        model = load_saved(job["file"])
        forward = backend.inference(model)
        shape = tuple(model.inputs[0].shape)
        about = {"parameters": bench.parameters(model)}
        if None not in shape[1:]:
            about["macs"] = bench.macs(model)
        return lambda batch: np.asarray(keras.ops.convert_to_numpy(forward(batch))), shape, np.float32, about

    return load


def _saved_model(job):
    from keras_kd.export.formats.saved_model import open_saved_model

    return lambda: (*open_saved_model(job["file"]), {})


def _litert(job):
    from ai_edge_litert.interpreter import Interpreter

    def load():
        interpreter = Interpreter(model_path=job["file"], num_threads=job["threads"])
        (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.allocate_tensors()
        seen = [1]

        def run(batch):
            if len(batch) != seen[0]:
                interpreter.resize_tensor_input(given["index"], batch.shape)
                interpreter.allocate_tensors()
                seen[0] = len(batch)
            interpreter.set_tensor(given["index"], batch)
            interpreter.invoke()
            return interpreter.get_tensor(told["index"])

        return run, tuple(given["shape_signature"].tolist()), given["dtype"], {}

    return load


def _onnx(job):
    import onnxruntime

    def load():
        options = onnxruntime.SessionOptions()
        if job["threads"] is not None:
            options.intra_op_num_threads = job["threads"]
        session = onnxruntime.InferenceSession(job["file"], options, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        shape = tuple(side if isinstance(side, int) else None for side in given.shape)
        dtype = np.uint8 if "uint8" in given.type else np.float32
        return lambda batch: session.run(None, {given.name: batch})[0], shape, dtype, {}

    return load


if __name__ == "__main__":
    _main()
