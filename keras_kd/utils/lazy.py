"""Modules that are imported at their first use, so that reading a recipe costs no Keras import."""

import importlib
import importlib.util


class LazyModule:
    """Stands for a module and imports it when an attribute is first asked for.

    Example:
        >>> json = LazyModule("json")
        >>> json.dumps([1])
        '[1]'
    """

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        return getattr(importlib.import_module(self._name), attribute)


def installed(name):
    """Whether a package can be imported, found out without importing it.

    Example:
        >>> installed("json"), installed("no_such_package")
        (True, False)
    """
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


keras = LazyModule("keras")
ops = LazyModule("keras.ops")
