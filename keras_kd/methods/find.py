"""A method by the name that a recipe gives: one of the table, or a class of the user's own."""

import difflib
import importlib
import re

from keras_kd.errors import UserError
from keras_kd.methods import METHODS, Method
from keras_kd.models.load import current_folder_importable
from keras_kd.quiet import quiet_start

CLASS = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def find(name):
    """The class of a method.

    Args:
        name: a name of `METHODS`; or "package.module:Class", a `Method` of the user's own, in a module that can be
            imported from the current folder too.

    Returns:
        A subclass of `Method`.

    Raises:
        UserError: there is no such method, module or class, the module fails, or the class is no method.

    Example:
        >>> find("kd")
        <class 'keras_kd.methods.kd.KD'>
        >>> find("keras_kd.methods.kd:KD")
        <class 'keras_kd.methods.kd.KD'>
    """
    if name in METHODS:
        return METHODS[name]
    if not re.fullmatch(CLASS, name):
        raise UserError(f"no method {name!r}; expected a name of `keras-kd list methods`, or package.module:Class")
    module_name, _, class_name = name.partition(":")
    found = getattr(_imported(name, module_name), class_name, None)
    if found is None:
        close = difflib.get_close_matches(class_name, _methods_in(module_name), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected class {class_name}(Method)"
        raise UserError(f"{name}: found no class {class_name!r} in {module_name!r}; {hint}")
    if not isinstance(found, type) or not issubclass(found, Method):
        raise UserError(f"{name}: found no method; expected a subclass of keras_kd.Method: class {class_name}(Method)")
    if found.loss is Method.loss:
        raise UserError(f"{name}: found a method without a loss; define loss(self, signals, labels, glue)")
    return found


def _imported(name, module_name):
    # What a user's module imports (Keras, as a rule) starts with notes on a screen that is not for them.
    with current_folder_importable(), quiet_start():
        try:
            return importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            cure = "run from the folder that holds it, or install it"
            raise UserError(f"{name}: no module {error.name!r} can be imported; {cure}") from error
        except Exception as error:  # whatever a module may do while it is imported
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"{name}: importing {module_name!r} fails with {type(error).__name__}: {reason}; correct it"
            ) from error


def _methods_in(module_name):
    members = vars(importlib.import_module(module_name)).items()
    return [one for one, value in members if isinstance(value, type) and issubclass(value, Method)]
