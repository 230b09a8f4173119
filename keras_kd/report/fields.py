"""Reading a report that may lack anything: what is not there is None."""

import json


def plain(report):
    """A report as JSON has it: lists for arrays, None for numbers that are not finite.

    Args:
        report: a dict.

    Example:
        >>> import numpy as np
        >>> plain({"a": np.array([1.0, np.nan]), 2: (float("inf"), np.int64(3))})
        {'a': [1.0, None], '2': [None, 3]}
    """
    return json.loads(json.dumps(report, default=_listed), parse_constant=lambda name: None)


def _listed(value):
    """A NumPy array or number as Python's own; of anything else its text."""
    try:
        return value.tolist()
    except AttributeError:
        return str(value)


def dig(report, *names):
    """What stands in nested dicts, or None.

    Example:
        >>> dig({"a": {"b": 1}}, "a", "b"), dig({"a": None}, "a", "b"), dig({}, "a")
        (1, None, None)
    """
    for name in names:
        if not isinstance(report, dict):
            return None
        report = report.get(name)
    return report


def parts(report, *names):
    """A nested dict, empty where there is none; those of its values that are None are left out."""
    found = dig(report, *names)
    return {name: value for name, value in found.items() if value is not None} if isinstance(found, dict) else {}


def entries(report, *names):
    """A nested list, empty where there is none; those of its entries that are None are left out."""
    found = dig(report, *names)
    return [one for one in found if one is not None] if isinstance(found, list) else []


def class_name(report, number):
    """What a class is called; its number where it has no name.

    Example:
        >>> class_name({"class_names": ["cat"]}, 0), class_name({"class_names": ["cat"]}, 1)
        ('cat', '1')
    """
    names = dig(report, "class_names") or []
    return str(names[number]) if number is not None and number < len(names) else str(number)
