"""Modules that have moved and names that have changed: found under their old names for one release."""

import importlib
import sys
import warnings


def moved(old, new):
    """Puts a module in the place of its old name, with a note that names the new one.

    Args:
        old, new: dotted names of the module, before and now.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True):
        ...     moved("keras_kd.of_before", "keras_kd.utils.errors")
        >>> import keras_kd.utils.errors
        >>> sys.modules.pop("keras_kd.of_before") is keras_kd.utils.errors
        True
    """
    # Past the module of the old name, which calls this, to the import that asked for it.
    warnings.warn(f"{old} is now {new}; import from there", FutureWarning, stacklevel=3)
    sys.modules[old] = importlib.import_module(new)


def renamed(old, new, level=3):
    """Says that a name has changed; a `FutureWarning`, which Python shows wherever it comes from.

    Args:
        old, new: the name, or several in words, before and now.
        level: of the caller that the warning shows, as `warnings.warn` counts them from here.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     renamed("ByEpoch", "Schedule")
        >>> str(caught[0].message)
        'use Schedule instead of ByEpoch; the old works for one release'
    """
    warnings.warn(f"use {new} instead of {old}; the old works for one release", FutureWarning, stacklevel=level)
