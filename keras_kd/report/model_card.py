"""What goes with a student to the person who deploys it: a model card, and an example that runs the file alone."""

from string import Template

from keras_kd.data.sources.decode import RESIZE, RESIZED, as_program
from keras_kd.report.blocks import SHORTENED
from keras_kd.report.costs import Cost, Export
from keras_kd.report.fields import entries, get_path
from keras_kd.report.in_brief import accuracy_of, in_brief
from keras_kd.report.markdown_table import code, words
from keras_kd.report.report import Calibration, Data
from keras_kd.utils.formatting import DASH, bare_percent, count, milliseconds, plural, size

# What only its owner knows; marked so that nobody takes it for filled.
TO_FILL = "**to be filled in**"
LOADING = {
    "keras": """import keras, numpy as np
model = keras.saving.load_model("{file}")
images = np.zeros((1, {shape}), "float32")  # pixels 0..255
logits = model.predict(images)
print(logits.argmax(-1))""",
    "saved_model": """import numpy as np, tensorflow as tf
loaded = tf.saved_model.load("saved_model")
serve = loaded.signatures["serving_default"]
{outputs} = serve(images=tf.zeros((1, {shape}), tf.{dtype}))["{outputs}"]  # pixels 0..255
print({outputs}.numpy().argmax(-1))""",
    "onnx": """import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("{file}")
images = np.zeros((1, {shape}), "{dtype}")  # pixels 0..255
(found,) = session.run(None, {{session.get_inputs()[0].name: images}})
print(found.argmax(-1))""",
    "litert": """import numpy as np
from ai_edge_litert.interpreter import Interpreter
model = Interpreter("{file}"); model.allocate_tensors()
model.set_tensor(model.get_input_details()[0]["index"], np.zeros((1, {shape}), "{dtype}"))  # {pixels}
model.invoke(); print(model.get_tensor(model.get_output_details()[0]["index"]).argmax(-1))""",
}
EXAMPLE = Template('''"""Runs $file on an image, with nothing but ai_edge_litert, numpy and Pillow:

    pip install ai-edge-litert numpy pillow
    python run.py image.png

`read` gives the pixels of a file, to the bit, as training takes them from a folder of images.
"""

import functools
import sys
from pathlib import Path

$decoding


CLASSES = $classes
HEIGHT, WIDTH, CHANNELS = $shape


@functools.cache
def load():
    """The model, ready to run."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(Path(__file__).parent.parent / "$file"))
    model.allocate_tensors()
    return model


def predict(pixels):
    """Probabilities of the classes for one image, uint8 (height, width, channels)."""
    model = load()
    (given,), (output,) = model.get_input_details(), model.get_output_details()
    values, (scale, zero_point) = pixels.astype("float32")[None], given["quantization"]
    if given["dtype"] != np.float32 and scale:
        limits = np.iinfo(given["dtype"])
        values = np.clip(np.round(values / scale) + zero_point, limits.min, limits.max)
    model.set_tensor(given["index"], values.astype(given["dtype"]))
    model.invoke()
    found, (scale, zero_point) = model.get_tensor(output["index"])[0], output["quantization"]
    found = (found.astype("float32") - zero_point) * scale if scale else found
    $to_probabilities


if __name__ == "__main__":
    if len(sys.argv) > 1:
        try:
            pixels = read(sys.argv[1], (HEIGHT, WIDTH), CHANNELS)
        except Exception as error:
            sys.exit(f"{sys.argv[1]!r}: found no readable image ({error}); expected a jpg, png, bmp, gif, webp or tif")
    else:
        pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, CHANNELS), dtype="uint8")
    probabilities = predict(pixels)
    for index in probabilities.argsort()[::-1][:5]:
        print(f"{100 * probabilities[index]:6.2f} %  {CLASSES[index]}")
''')


def example(report, shape):
    """The text of `example/run.py`, or None where no LiteRT file was delivered.

    Args:
        report: a `keras_kd.Report`.
        shape: (height, width, channels) of an image.
    """
    files = [one for one in _passed(report) if one.format.startswith("litert")]
    if not files:
        return None
    file = next((one for one in files if one.format == "litert_float32"), files[0])
    soft = "return found" if file.outputs == "probabilities" else (
        "found = np.exp(found - found.max())\n    return found / found.sum()"
    )  # fmt: skip
    names = list(report.class_names or [])
    return EXAMPLE.substitute(
        file=file.file,
        classes=repr(names),
        shape=repr(tuple(shape)),
        to_probabilities=soft,
        decoding=as_program(how_resized(report)),
    )


def card(report, shape, bench=None):
    """The model card of a student, in Markdown.

    Args:
        report: a `keras_kd.Report`.
        shape: (height, width, channels) of an image.
        bench: what `keras-kd bench` measured of its files, a list of dicts, or None.

    Returns:
        A str.
    """
    plain = report.as_json()
    said = SHORTENED if report.smoke else in_brief(plain)
    report = _without_results(report) if report.smoke else report
    report = _of_what_is_delivered(report)
    student, teacher, data = report.student, report.teacher, report.data or Data()
    pixels = "x".join(map(str, shape))
    what = f"{code(student.name)}, an image classifier for {data.classes} classes, on images of {pixels} pixels"
    taught = f", distilled from {words(teacher.name)}" if teacher else ""
    lines = [f"# {words(report.recipe or student.name)}", ""]
    lines += [words(said), ""] if said else []
    lines += [f"{what}{taught}.", ""]
    lines += ["| | |", "|---|---|", *(_row(*one) for one in _figures(report, data))]
    worst = _worst_classes(report)
    if worst:
        lines += ["", f"Weakest classes: {words(worst)}."]
    lines += ["", "## Limits", ""]
    lines += [
        f"- It knows {data.classes} classes and no other: whatever it is shown, it answers with one of them.",
        "- It takes images as it was trained on: same size and channels, pixels 0..255, not normalised by the caller.",
        "- It was measured on the data's own test images; other cameras, light or noise were not tried.",
        f"- {TO_FILL}: where it must not be used.",
    ]
    lines += ["", "## Files", "", *_files(report, bench), "", "## How to load it", ""]
    for one in [Export(format="keras", file=_keras_file(report)), *_passed(report)]:
        lines += [f"`{one.file}`:", "", "```python", _loading(one, shape), "```", ""]
    lines += _images(report, shape)
    if any(one.format == "saved_model" for one in _passed(report)):
        lines += _server(report, shape)
    return "\n".join(lines).rstrip() + "\n"


def _without_results(report):
    """The report of a shortened run without what would be taken for results: how right and how sure it is."""
    plain = report.as_json()
    unknown = ("top1", "top5", "accuracy", "agreement")
    for part in (plain.get("student"), plain.get("teacher"), *(plain.get("exports") or ())):
        if part:
            part.update({name: None for name in unknown if name in part})
    return type(report)(**{**plain, "calibration": None, "per_class": None, "delivered": None})


def _of_what_is_delivered(report):
    """The report with the figures of the student that is delivered, where it is not the distilled one."""
    if not report.delivered or not report.delivered.figures:
        return report
    plain = report.as_json()
    figures = {name: {**(plain.get(name) or {}), **one} for name, one in _dicts(report.delivered.figures)}
    per_class = report.delivered.figures.get("per_class")
    return type(report)(**{**plain, "teacher": None, "per_class": per_class, **figures})


def _dicts(figures):
    return [(name, one) for name, one in figures.items() if isinstance(one, dict)]


def _keras_file(report):
    return report.delivered.file if report.delivered and report.delivered.file else "student.keras"


def _row(name, text):
    return f"| {name} | {text.replace('|', chr(92) + '|')} |"


def _figures(report, data):
    """The rows of the card's first table: (name, text)."""
    student, teacher, cost = report.student, report.teacher, report.cost or Cost()
    calibration = report.calibration or Calibration()
    top1, top5 = bare_percent(student.top1), bare_percent(student.top5)
    tested = "?" if data.test is None else f"{data.test:,}"
    top = f"{top1} top-1, {top5} top-5 on {tested} test images"
    yield "accuracy", "a shortened run: none that is a result" if report.smoke else f"{top}; {_evidence(report)}"
    if teacher and teacher.top1 is not None:
        taught = report.taught_teacher
        after = f"; {bare_percent(taught.top1)} after it was taught to teach" if taught else ""
        yield "its teacher", f"{bare_percent(teacher.top1)} top-1{after}"
    if calibration.ece is not None:
        yield "calibration", f"ECE {calibration.ece:.4f} ({calibration.bins} bins), NLL {calibration.nll:.4f}"
    if cost.parameters:
        yield "size", f"{cost.parameters:,} parameters, {count(cost.macs)} multiply-accumulates per image"
    yield "trained on", f"{words(data.name)}, {data.train or 0:,} images, with the recipe in `recipe.yaml`"
    for name in ("licence of the student", "licence of the data", "intended use", "contact"):
        yield name, TO_FILL


def _evidence(report):
    """On what the accuracy stands: this run alone, or several seeds of it."""
    _, shown, evidence = accuracy_of(report.as_json()) or (None, None, "one run")
    if evidence == "one run":
        return f"one run, seed {report.seed}: no spread is known"
    return f"this run, seed {report.seed}; {shown} over {evidence}"


def _passed(report):
    return [one for one in report.exports or [] if one.passed]


def _files(report, bench):
    exports = _passed(report)
    yield "| file | size | top-1 | agreement with Keras | takes | gives |"
    yield "|---|---|---|---|---|---|"
    file_bytes = size((report.cost or Cost()).file_bytes, "card", nothing=DASH)
    asked = (report.settings or {}).get("student") or {}
    gives = "logits" if asked.get("from_logits", True) else "probabilities"
    top1 = bare_percent(report.student.top1)
    yield f"| `{_keras_file(report)}` | {file_bytes} | {top1} | | float32 pixels | {gives} |"
    for one in exports:
        of_file = size(one.bytes, "card", nothing=DASH)
        as_keras = f"{bare_percent(one.accuracy)} | {bare_percent(one.agreement)}"
        gives = one.outputs or "logits"
        yield f"| `{one.file}` | {of_file} | {as_keras} | {one.inputs or 'float32'} pixels | {gives} |"
    if report.taught_teacher and report.taught_teacher.file:
        top1 = bare_percent(report.taught_teacher.top1)
        yield f"| `{report.taught_teacher.file}`, the teacher as it was taught | | {top1} | | float32 pixels | |"
    if exports:
        yield ""
        yield f"Top-1 and agreement of the exported files on {exports[0].images:,} test images, in percent."
    if any(one.format.startswith("litert") and one.batch == 1 for one in exports):
        yield "The LiteRT files take one image at a time, and hold `labels.txt` and metadata (`unzip -l`)."
    tuned = [one for one in exports if one.made_of == "student_int8.keras"]
    if tuned:
        names = " and ".join(f"`{one.file}`" for one in tuned)
        yield f"{names}: of `student_int8.keras`, trained for int8; the agreement is that with its simulation in int8."
    yield ""
    if bench:
        yield from _latencies(bench)
    else:
        yield _latencies_of_the_run(report)


def _latencies(bench):
    yield "| file | one image, median | 90th percentile | images a second, best batch | memory |"
    yield "|---|---|---|---|---|"
    for one in bench:
        speeds = [speed for speed in one["images_a_second"].values() if speed]
        name, latency = str(one["file"]).rstrip("/").rpartition("/")[2], one["latency_ms"]
        yield (
            f"| {code(name)} | {milliseconds(latency['median'])} | {milliseconds(latency['p90'])} | "
            f"{format(round(max(speeds)), ',') if speeds else '-'} | {size(one['peak_bytes'], 'bank')} |"
        )
    first = bench[0]
    threads = plural(first["threads"], "thread") if first["threads"] else "the runtime's own number of threads"
    yield ""
    runs = f"{first['latency_ms']['n']} runs after {first['latency_ms']['warm_up']}"
    yield f"{runs}, {threads}, on {words(first['device'])}."


def _latencies_of_the_run(report):
    """What the run itself measured: the median of one image at a time, on the machine that made the files."""
    plain = report.as_json()
    known = [(_keras_file(report), get_path(plain, "latency", "student", "median"))]
    known += [(one["file"], get_path(one, "latency", "median")) for one in entries(plain, "exports") if one["passed"]]
    shown = [f"{code(name)} {milliseconds(median)}" for name, median in known if median]
    if not shown:
        return "Latency was not measured; `keras-kd bench` of this folder does, and fills it in."
    teacher = get_path(plain, "latency", "teacher", "median")
    other = f"; the teacher in Keras {milliseconds(teacher)}" if teacher else ""
    return (
        f"One image, median, on the machine that made the files: {', '.join(shown)}{other}. `keras-kd bench` of this "
        "folder measures them where it is run, and fills it in."
    )


def _loading(one, shape):
    kind = "litert" if one.format.startswith("litert") else one.format
    dtype = one.inputs or "float32"
    pixels = "pixels - 128" if dtype == "int8" else "pixels 0..255"
    shown = ", ".join(map(str, shape))
    return LOADING[kind].format(file=one.file, shape=shown, dtype=dtype, pixels=pixels, outputs=one.outputs or "logits")


def how_resized(report):
    """How the images that a report is of came to their size, and those in the field have to."""
    return (report.data and report.data.resize) or RESIZE


def _images(report, shape):
    (height, width, channels), how = shape, how_resized(report)
    return [
        "## How an image becomes pixels",
        "",
        f'`read("image.jpg", ({height}, {width}), {channels})` gives the pixels of a file, to the bit, as training '
        f"takes them from a folder of images: upright, in RGB, what is transparent on white, resized {RESIZED[how]} "
        f"(`data.resize: {how}`).",
        "",
        "```python",
        as_program(how),
        "```",
        "",
    ]


def _server(report, shape):
    one = next(one for one in _passed(report) if one.format == "saved_model")
    dtype, shown = one.inputs or "float32", ", ".join(map(str, (1, *shape)))
    body = f"json.dumps({{'inputs': {{'images': np.zeros(({shown}), '{dtype}').tolist()}}}})"
    classes, gives = (report.data or Data()).classes, one.outputs or "logits"
    return [
        "Behind TensorFlow Serving's REST interface:",
        "",
        "```",
        "docker run -p 8501:8501 -v $PWD/saved_model:/models/student/1 -e MODEL_NAME=student tensorflow/serving",
        f'python -c "import json, numpy as np; print({body})" \\',
        "    | curl -d @- http://localhost:8501/v1/models/student:predict",
        "```",
        "",
        f"`images` is a list of images, height x width x channels each; it answers with {classes} {gives} per image.",
    ]


def _worst_classes(report):
    scores = [(score, index) for index, score in enumerate(report.per_class or []) if score is not None]
    names = report.class_names or []
    shown = [
        f"{names[index] if index < len(names) else index} {bare_percent(score)}" for score, index in sorted(scores)[:5]
    ]
    return ", ".join(shown)
