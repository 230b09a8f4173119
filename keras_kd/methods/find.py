"""A method by the name that a recipe gives: one of the table, or a class of the user's own."""

import contextlib
import re

from keras_kd.methods import METHODS, Method
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.quiet import quiet_start
from keras_kd.utils.suggest import did_you_mean

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
    check_name(name)
    if name in METHODS:
        return METHODS[name]
    module_name, _, class_name = name.partition(":")
    # What a user's module imports (Keras, as a rule) starts with notes on a screen that is not for them.
    with quiet_start():
        found = foreign_code.named(name)
    if found is None:
        expected = f"expected class {class_name}(Method)"
        hint = did_you_mean(class_name, _methods_in(name), as_written=True, before="", otherwise=expected)
        raise UserError(f"{name}: found no class {class_name!r} in {module_name!r}; {hint}")
    if not isinstance(found, type) or not issubclass(found, Method):
        raise UserError(f"{name}: found no method; expected a subclass of keras_kd.Method: class {class_name}(Method)")
    if found.loss is Method.loss:
        raise UserError(f"{name}: found a method without a loss; define loss(self, signals, labels, adapters)")
    return found


def check_name(name):
    """Refuses what can be the name of no method; runs no code.

    Args:
        name: as of `find`.

    Raises:
        UserError: it is neither of `METHODS` nor a "package.module:Class" of the user's.

    Example:
        >>> check_name("mine:Mine")
    """
    if name in METHODS:
        return
    if not re.fullmatch(CLASS, name):
        raise UserError(f"no method {name!r}; expected a name of `keras-kd list methods`, or package.module:Class")
    foreign_code.check_name(name)


def make(term):
    """The method of a term of a recipe, with its settings.

    Args:
        term: has a `method`, as of `find`, and `settings`, a dict.

    Raises:
        UserError: as of `find`; or it is the user's own and cannot be made.
    """
    kind = find(term.method)
    with guarding(kind, "making it", term.method):
        return kind(**term.settings)


def guarding(method, doing, name=None):
    """In the block a method, or its class, does something: an error of the user's own is told in one line.

    In a method of ours it is a fault of this program, and is let through.

    Args:
        method: a `Method`, or a subclass of it.
        doing: what, such as "taps()".
        name: how the error begins; the method's own by default.

    Example:
        >>> from keras_kd.methods import KD
        >>> with guarding(KD(), "taps()"):
        ...     KD().taps("student")
        ()
    """
    kind = method if isinstance(method, type) else type(method)
    if kind.__module__.partition(".")[0] == "keras_kd":
        return contextlib.nullcontext()
    return foreign_code.guarded(name or method.name, doing)


def _methods_in(name):
    members = vars(foreign_code.import_module_of(name)).items()
    return [one for one, value in members if isinstance(value, type) and issubclass(value, Method)]
