"""Modules that are imported at their first use, so that reading a recipe costs no Keras import."""

import importlib


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


keras = LazyModule("keras")
ops = LazyModule("keras.ops")
