"""Values as JSON has them."""

import math


def json_safe(value):
    """What JSON has of a value: lists for arrays, tuples and sets, texts for keys, None for what is not finite.

    Args:
        value: nested dicts and lists of anything; arrays give their numbers, of what JSON does not know the text is
            taken.

    Example:
        >>> import numpy as np
        >>> json_safe({"a": np.array([1.0, np.nan]), 2: (float("inf"), np.int64(3))})
        {'a': [1.0, None], '2': [None, 3]}
    """
    if isinstance(value, dict):
        return {str(key): json_safe(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set):
        return [json_safe(entry) for entry in value]
    plain = getattr(value, "as_json", None)  # of a report
    if plain is not None:
        return plain()
    tolist = getattr(value, "tolist", None)  # of arrays and numbers of NumPy and its like
    if tolist is not None:
        return json_safe(tolist())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
