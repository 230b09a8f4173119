"""Networks in whole-model `.h5` files, the kind that Keras wrote before `.keras`."""

import json

from keras_kd.models.saved import in_small_letters
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.lazy import keras
from keras_kd.utils.quiet import quiet_start


def load_h5(file, path, objects):
    """The network of an `.h5` file, uncompiled. Lambda layers are not run.

    Args:
        file: a path that is there.
        path: the path as its user wrote it, for errors.
        objects: {name: class or function} of the user's own that it may hold.

    Raises:
        UserError: it holds weights alone, Python code or layers that are not known here, or is damaged.
    """
    config = _config(file, path)
    if "Lambda" in _class_names(config):
        raise UserError(
            f"{path}: holds a Lambda layer, Python code, which is not run from a file; replace it by a layer of its "
            "own, or by keras.ops"
        )
    try:
        with (
            foreign_code.unended(path),
            foreign_code.importable(*foreign_code.folders_used()),
            quiet_start(),
            in_small_letters(file) as named,
        ):
            return keras.saving.load_model(named, custom_objects=objects, compile=False)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{path}: cannot be loaded: {described(error)}; if a layer is your own, name the module that defines it: "
            "--module MODULE, or modules: [MODULE] in a recipe; else save the network again as .keras"
        ) from error


def _config(file, path):
    """The plain data of the network in a file."""
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            found = opened.attrs.get("model_config")
    except OSError:
        raise UserError(f"{path}: found no readable HDF5 file; save the network again as .keras") from None
    if found is None:
        raise UserError(
            f"{path}: holds weights and no network; expected a file of model.save: build the network, load_weights of "
            "this file, and save it as .keras"
        )
    return json.loads(found)


def _class_names(part):
    """The names of all classes in plain data."""
    if isinstance(part, list):
        return set().union(*map(_class_names, part))
    if not isinstance(part, dict):
        return set()
    own = {part["class_name"]} if isinstance(part.get("class_name"), str) else set()
    return own.union(*map(_class_names, part.values()))
