"""Networks in `.keras` and `.h5` files, and the modules of a person's own whose classes they hold: the one place that
loads them.

A file says of a class where it was defined, but that module is never imported because a file names it: only what the
person names is, by `know`.
"""

import contextlib
import importlib.metadata
import json
import shutil
import sys
import tempfile
import types
import zipfile
from pathlib import Path
from typing import NamedTuple

from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described
from keras_kd.utils.lazy import keras
from keras_kd.utils.paths import H5, KERAS, ends_in
from keras_kd.utils.quiet import quiet_start, without

LAMBDA = "holds Python code, which is not run from a file; replace it by a layer of its own, or by keras.ops"

NOWHERE = (None, "builtins", "__main__")  # what a file gives for a module that can be imported nowhere

_known = {}


class Foreign(NamedTuple):
    """A class or function that a saved network names and that is not Keras's."""

    layer: str  # the name of the layer that it is, or is part of
    name: str  # of the class or function
    registered: str  # as which Keras looks it up
    module: str | None  # in which it was defined, where the file says so
    is_code: bool = False  # a Lambda, or a lambda

    def __str__(self):
        where = f"{self.module}." if self.module not in NOWHERE else ""
        return f"layer {self.layer!r} ({where}{self.name})"


def know(*modules, folder=None):
    """Imports modules whose classes and functions saved networks may hold, here and in the processes begun from here.

    Args:
        *modules: names, such as "my_layers"; looked for in the current folder first.
        folder: where they are looked for instead.

    Raises:
        UserError: there is no such module, or it fails.

    Example:
        >>> know("keras_kd.models.saved")
        >>> [module for module, folder in known_modules() if module.startswith("keras_kd")]
        ['keras_kd.models.saved']
    """
    if modules:
        # They import Keras, whose backend would write its start-up notes on the screen.
        with quiet_start(), without("sklearn", "matplotlib"):
            keras.backend.backend()
    for module in modules:
        foreign_code.import_module_of(module, folder)
        _known.pop(module, None)
        _known[module] = foreign_code.folder_of(module)


def modules_in(path):
    """[(module, folder)] of the modules in use here that define what a `.keras` file holds, for another process.

    Args:
        path: of the file; one that is none holds nothing.
    """
    found = {}
    for one in foreign_in(_config(Path(path))):
        there = keras.saving.get_registered_object(one.registered) or _in_known(one)
        module = one.module if there is None else there.__module__
        if module in sys.modules and module not in NOWHERE:
            found[module] = foreign_code.folder_of(module)
    return sorted(found.items())


def known_modules():
    """[(module, the folder that it came from)] of what `know` was given, for another process."""
    return list(_known.items())


def load_saved(path, *, registered=False, written=None):
    """The network of a `.keras` file, uncompiled. Lambda layers are not run, and no module that it names is imported.

    Args:
        path: of the file.
        registered: takes only classes that are registered with Keras, as whoever gets the file will; otherwise those
            of known modules too.
        written: the path as its user wrote it, for errors; by default as it is.

    Raises:
        UserError: there is no such file, it is damaged, or it holds what is not known here: which layers.

    Example:
        >>> load_saved("teacher.keras")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: teacher.keras: no such file; expected a network saved by \
model.save('teacher.keras')
    """
    file, path = Path(path), written or path
    if not file.exists():
        raise UserError(f"{path}: no such file; expected a network saved by model.save('{file.name}')")
    if ends_in(file, H5):
        from keras_kd.models.h5 import load_h5

        return load_h5(file, path, {} if registered else _all_known())
    if file.is_file() and not zipfile.is_zipfile(file):
        raise UserError(
            f"{path}: found no whole Keras 3 model; expected a file of model.save; save it, or copy it, again"
        )
    try:
        own = {} if registered else _own_objects(foreign_in(_config(file)))
        # On JAX Keras imports TensorFlow here, where it is installed, with its start-up notes. What layers of the
        # user's import as they are made lies next to them, if there are any.
        with (
            foreign_code.unended(path),
            foreign_code.importable(*foreign_code.folders_used()),
            quiet_start(),
            in_small_letters(file) as named,
        ):
            return keras.saving.load_model(named, custom_objects=own, compile=False)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: {_load_failure(file, error, registered)}") from error


@contextlib.contextmanager
def in_small_letters(file):
    """A path of a saved network with its ending as Keras wants it; a copy for as long as the block, if need be.

    Args:
        file: a path that ends in `.keras` or `.h5` in letters of any size.
    """
    file = Path(file)
    if file.suffix == file.suffix.lower() or not ends_in(file, KERAS):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        yield shutil.copyfile(file, Path(folder) / f"{file.stem}{file.suffix.lower()}")


def foreign_in(config):
    """What is not Keras's own in the plain data of a saved network: [`Foreign`], each once.

    Args:
        config: of a `.keras` file's config.json; None has nothing.

    Example:
        >>> layer = {"class_name": "Mine", "module": "nets", "registered_name": "nets>Mine", "config": {"name": "a"}}
        >>> [str(one) for one in foreign_in({"layers": [layer]})]
        ["layer 'a' (nets.Mine)"]
    """
    found = {}

    def walk(part, layer):
        if isinstance(part, list):
            for one in part:
                walk(one, layer)
        if not isinstance(part, dict):
            return
        settings = part.get("config")
        if "class_name" in part and isinstance(settings, dict) and isinstance(settings.get("name"), str):
            layer = settings["name"]
        one = _foreign(part, layer)
        if one is not None:
            found.setdefault(one)
            if one.is_code:
                return
        # How it was compiled is left where it is: a file is loaded without.
        for key, value in part.items():
            if key not in ("compile_config", "build_config"):
                walk(value, layer)

    walk(config, "")
    return list(found)


def _foreign(part, layer):
    """The `Foreign` that a part of a configuration names itself, or None."""
    name, module = part.get("class_name"), part.get("module")
    if name == "__lambda__" or (name == "Lambda" and module == "keras.layers"):
        return Foreign(layer, "Lambda", "Lambda", None, is_code=True)
    if not isinstance(name, str) or "config" not in part or "registered_name" not in part:
        return None
    if name == "function":
        name = part["config"]
        return None if not isinstance(name, str) or _is_function_of_keras(name) else Foreign(layer, name, name, module)
    if module is not None and module.split(".")[0] in ("keras", "builtins", "keras_hub"):
        return None
    return Foreign(layer, name, part["registered_name"] or name, module)


def _is_function_of_keras(name):
    rooms = (keras.activations, keras.losses, keras.metrics, keras.ops, keras.initializers)
    return any(name in vars(room) for room in rooms)


def is_registered(one):
    """Whether Keras finds a `Foreign` by itself, once its module is imported."""
    return keras.saving.get_registered_object(one.registered) is not None


def _own_objects(foreign):
    """{name: class or function} of what known modules hold and have not registered."""
    return {one.registered: _in_known(one) for one in foreign if not is_registered(one) and _in_known(one) is not None}


def _all_known():
    """{name: class or function} of all that known modules hold: an `.h5` file says of none where it was defined."""
    found = {}
    for module in _known:
        things = vars(sys.modules[module]).items() if module in sys.modules else ()
        found.update((name, one) for name, one in things if isinstance(one, type | types.FunctionType))
    return found


def _in_known(one):
    """The class or function of a known module that a `Foreign` means, or None."""
    own = [one.module] if one.module in _known else []
    for module in [*own, *reversed(_known)]:
        found = vars(sys.modules[module]).get(one.name) if module in sys.modules else None
        if isinstance(found, type | types.FunctionType):
            return found
    return None


def _config(file):
    """The plain data of a `.keras` file; None where it has none."""
    try:
        with zipfile.ZipFile(file) as archive:
            return json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def faults_of(foreign, registered=False):
    """What a `Foreign` each is that cannot be loaded, with its cure: a list of texts.

    Args:
        foreign: of `foreign_in`.
        registered: as of `load_saved`.
    """
    faults, unknown = [], {}
    for one in foreign:
        if one.is_code:
            faults.append(f"layer {one.layer!r} (Lambda) {LAMBDA}")
        elif is_registered(one) or (not registered and _in_known(one) is not None):
            continue
        elif registered:
            faults.append(f"{one} is not registered with Keras; {_register(one)}")
        else:
            unknown.setdefault(one.module if one.module not in NOWHERE else "", []).append(one)
    # A function says not where it was defined: as a rule where the classes next to it were.
    unsaid = unknown.pop("", [])
    if unsaid:
        unknown.setdefault(next(iter(unknown), "MODULE"), []).extend(unsaid)
    for module, ones in unknown.items():
        names = ", ".join(dict.fromkeys(repr(one.name) for one in ones))
        layers = ", ".join(dict.fromkeys(repr(one.layer) for one in ones))
        given = f"; {module} was named, and has none of that name" if module in _known else ""
        faults.append(
            f"holds {names}, which this Python does not know (layer {layers}{given}); give --module {module}, or "
            f"modules: [{module}] in a recipe: the module that defines it"
        )
    return faults


def _register(one):
    what = "function" if one.module == "builtins" else "class"
    package = one.module.split(".")[0] if one.module not in NOWHERE else "mine"
    return f'put @keras.saving.register_keras_serializable("{package}") above the {what}'


def _load_failure(file, error, registered):
    faults = faults_of(foreign_in(_config(file)), registered)
    if faults:
        return "; ".join(faults)
    if "lambda" in str(error).lower():
        return LAMBDA
    return f"found no readable Keras 3 model: {described(error)}; save it again with model.save{_other_version(file)}"


def _other_version(file):
    """What is added where a file is of another version of Keras than this one."""
    try:
        with zipfile.ZipFile(file) as archive:
            there = json.loads(archive.read("metadata.json"))["keras_version"]
        here = importlib.metadata.version("keras")
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, importlib.metadata.PackageNotFoundError):
        return ""
    return "" if there == here else f" of Keras {here}, which is here: it was saved by Keras {there}"
