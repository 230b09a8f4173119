"""Which kind of foreign network a name means, by the text, and of a folder by what lies in it."""

import hashlib
import os
from pathlib import Path

from keras_kd.utils.files import sha256
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


def sha256_of(name):
    """Hex sha256 of all that a foreign network is: its file with the weights that lie beside it, or its folder.

    Args:
        name: a path that `foreign_kind` knows.

    Returns:
        None where nothing is there.
    """
    path = Path(name)
    if path.name == SAVED_MODEL:
        path = path.parent
    if path.is_dir():
        files = [path / SAVED_MODEL, *sorted((path / "variables").glob("*")), *sorted((path / "assets").glob("*"))]
    else:
        # Large ONNX networks keep their weights in a file beside them.
        files = [
            path,
            path.with_name(f"{path.name}.data"),
            path.with_suffix(".data"),
            path.with_name(f"{path.name}_data"),
        ]
    found = [f"{one.name} {sha256(one)}" for one in files if one.is_file()]
    return hashlib.sha256("\n".join(found).encode()).hexdigest() if found else None


def digest_of(name, *more):
    """Hex sha256 of a foreign network and of how it is asked: its output, its layout."""
    return hashlib.sha256(" ".join([str(sha256_of(name)), *more]).encode()).hexdigest()
