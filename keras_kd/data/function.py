"""A Python function of the user's that makes the arrays."""

import importlib
import inspect
import os
import sys
from collections.abc import Mapping

from keras_kd.data.arrays import from_arrays
from keras_kd.errors import UserError


def load(name, **offered):
    """A source out of what a function returns.

    Args:
        name: `package.module:function`; modules in the current folder are found too.
        offered: arguments for the function; it is given those that it names.

    Raises:
        UserError: there is no such function, it fails, or it returns something else than the arrays of an .npz file.

    Example:
        >>> import numpy as np, types
        >>> pets = {"x_train": np.zeros((2, 4, 4), "uint8"), "y_train": [0, 1]}
        >>> sys.modules["my_data"] = types.SimpleNamespace(pets=lambda seed: pets)
        >>> load("my_data:pets", seed=0, image_size=None)
        Source(train=Split(2 images of 4x4x1), test=None, class_names=('0', '1'))
    """
    module_name, _, function_name = name.partition(":")
    # A console script does not see the folder it is started in, where such a module usually lies.
    here = os.getcwd()
    sys.path.append(here)
    try:
        function = getattr(_module(name, module_name), function_name, None)
        if not callable(function):
            raise UserError(
                f"{name}: found no function {function_name!r} in {module_name}; expected one; correct the name"
            )
        arrays = _call(name, function, offered)
    finally:
        sys.path.remove(here)
    if not isinstance(arrays, Mapping):
        raise UserError(
            f"{name}: found {type(arrays).__name__} returned; expected a dict with x_train, y_train and, as you have "
            "them, x_test, y_test, label_names"
        )
    return from_arrays(name, arrays)


def _module(name, module_name):
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # whatever a module may do while it is imported
        raise UserError(
            f"{name}: importing {module_name} failed ({_line(error)}); expected a module that imports; run where it "
            "lies or install it"
        ) from error


def _call(name, function, offered):
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
    try:
        return function(**{one.name: offered[one.name] for one in parameters if one.name in offered})
    except UserError:
        raise
    except Exception as error:  # the function is the user's own
        raise UserError(
            f"{name}: calling it failed ({_line(error)}); expected a dict of arrays; correct the function"
        ) from error


def _line(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]
