"""Which kind of foreign network a name means, by the text, and of a folder by what lies in it."""

import os

from keras_kd.utils.paths import ends_in

ENDINGS = {"onnx": (".onnx",), "litert": (".tflite",), "stored": (".npz", ".npy")}
SAVED_MODEL = "saved_model.pb"
FOREIGN = (*ENDINGS, "saved_model")
# What each is called in a sentence.
CALLED = {
    "onnx": "an ONNX file",
    "litert": "a LiteRT file",
    "stored": "a file of stored answers",
    "saved_model": "a SavedModel",
    "function": "a function",
}


def foreign_kind(name):
    """The kind of foreign network that a name means: one of `FOREIGN`, or None.

    Args:
        name: as a recipe gives it; a SavedModel is its folder, which must be there, or the saved_model.pb in it.

    Example:
        >>> foreign_kind("teacher.onnx"), foreign_kind("exported/saved_model.pb"), foreign_kind("teacher.keras")
        ('onnx', 'saved_model', None)
    """
    name = os.fspath(name)
    for kind, endings in ENDINGS.items():
        if ends_in(name, endings):
            return kind
    if os.path.basename(name) == SAVED_MODEL or ("\0" not in name and os.path.isfile(os.path.join(name, SAVED_MODEL))):
        return "saved_model"
    return None
