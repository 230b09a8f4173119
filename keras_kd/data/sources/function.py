"""A Python function of the user's that makes the arrays."""

import inspect
import re
from collections.abc import Mapping

from keras_kd.data.sources.arrays import from_arrays
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError

FORM = {"package.module:function": "a function that returns such arrays in a dict"}
IS_PATH = False


def means(name):
    """Whether a name means this source."""
    return re.fullmatch(r"[^\W\d][\w.]*:[^\W\d]\w*", name) is not None


def load(name, options=DEFAULTS):
    """A source out of what a function returns.

    Args:
        name: `package.module:function`; modules in the current folder are found too.
        options: `SourceOptions`; the function is given image_size, data_dir and seed if it names them.

    Raises:
        UserError: there is no such function, it fails, or it returns something else than the arrays of an .npz file.

    Example:
        >>> import numpy as np, sys, types
        >>> pets = {"x_train": np.zeros((2, 4, 4), "uint8"), "y_train": [0, 1]}
        >>> sys.modules["my_data"] = types.SimpleNamespace(pets=lambda seed: pets)
        >>> load("my_data:pets")
        Source(train=Split(2 images of 4x4x1), test=None, class_names=('0', '1'), validation=None, notes=())
    """
    module_name, _, function_name = name.partition(":")
    function = foreign_code.named(name)
    if not callable(function):
        raise UserError(f"{name}: found no function {function_name!r} in {module_name}; expected one; correct the name")
    # What it imports only now lies next to it as well.
    with foreign_code.importable(foreign_code.current_folder()):
        offered = {"data_dir": options.data_dir, "image_size": options.image_size, "seed": options.seed}
        arrays = _call(name, function, offered)
    if not isinstance(arrays, Mapping):
        raise UserError(
            f"{name}: found {type(arrays).__name__} returned; expected a dict with x_train, y_train and, as you have "
            "them, x_test, y_test, label_names"
        )
    return from_arrays(name, arrays)


def _call(name, function, offered):
    with foreign_code.guarded(name, "reading its arguments"):
        parameters = inspect.signature(function).parameters.values()
    needed = [
        one.name
        for one in parameters
        if one.default is one.empty
        and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        and one.name not in offered
    ]
    if needed:
        raise UserError(
            f"{name}: found a function that needs {', '.join(needed)}; expected one that takes no more than "
            f"{', '.join(sorted(offered))}; give its arguments defaults"
        )
    with foreign_code.guarded(name, "calling it", fix="expected a dict of arrays; correct the function"):
        return function(**{one.name: offered[one.name] for one in parameters if one.name in offered})
