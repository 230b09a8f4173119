"""Values as JSON has them."""

import json
import math

from keras_kd.utils.formatting import HARMFUL


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


def json_text(value, indent=2):
    """Plain values as JSON that people can read: letters of all languages stay, what a terminal would obey does not.

    Example:
        >>> json_text({"class": "Kätzchen\\x9b"}, None) == '{"class": "Kätzchen' + chr(92) + 'u009b"}'
        True
    """
    text = json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False)
    # Line breaks are those between values: inside of texts they are written out already.
    return HARMFUL.sub(lambda one: one[0] if one[0] == "\n" else f"\\u{ord(one[0]):04x}", text)
