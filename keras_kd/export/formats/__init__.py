"""The table of formats that a student is exported in.

A new format is one file in this folder, with `write`, `run` and a `FORMATS` of its own (see `onnx.py`, the shortest,
and `keras_kd.export.formats.format.Format` for what each is given and gives), and its line in `TABLE`. The recipe, the
command line and the process that exports read the table. For `keras-kd bench` to run the file, it needs a line in
`keras_kd.export.latency`; for the model card to show how it is run, one in `keras_kd.report.model_card`.

Keras and what runs the files are imported inside the functions: the table is read by `keras-kd validate`, too.
"""

from keras_kd.export.formats import litert, onnx, saved_model
from keras_kd.export.formats.litert import spanning
from keras_kd.utils.lazy import installed

__all__ = [
    "CALIBRATED",
    "DEFAULTS",
    "FILES",
    "FORMATS",
    "INPUTS",
    "MEASURABLE",
    "OUTPUTS",
    "TABLE",
    "missing_here",
    "spanning",
]

TABLE = {**saved_model.FORMATS, **litert.FORMATS, **onnx.FORMATS}

FILES = {name: one.file for name, one in TABLE.items()}
FORMATS = tuple(TABLE)
CALIBRATED = tuple(name for name, one in TABLE.items() if one.calibrated)
# What one image at a time on one thread is timed in; a SavedModel takes the threads that it likes.
MEASURABLE = tuple(name for name in FORMATS if name != "saved_model")
DEFAULTS = ("saved_model", "litert_float32", "litert_int8")
INPUTS, OUTPUTS = ("float32", "uint8"), ("logits", "probabilities")


def missing_here(formats):
    """What is to be said where a package that some formats need is not installed; None where all are.

    Args:
        formats: names, of `FORMATS`.

    Example:
        >>> missing_here([]) is None
        True
    """
    needed = {"tensorflow": ("tensorflow", list(formats))} if formats else {}
    for name in (name for name in FORMATS if name in formats):
        for module, package in TABLE[name].needs:
            needed[package] = module, [one for one in formats if (module, package) in TABLE[one].needs]
    absent = {package: wanting for package, (module, wanting) in needed.items() if not installed(module)}
    for package, wanting in absent.items():
        return (
            f"{package} is not installed here; {', '.join(wanting)} need{'s' * (len(wanting) == 1)} it; `pip install "
            f"{' '.join(absent)}`, or run `keras-kd export RUN` on a machine that has it"
        )
    return None
