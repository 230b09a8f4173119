"""What a converter's, a loader's or a runtime's error says, in one line, with the layer where it is known."""

import re

from keras_kd.export.formats.layer_names import layer_of
from keras_kd.export.formats.litert import placed_outside
from keras_kd.utils.errors import UserError

# LiteRT's converter: where an operator is, "Erf:", "path/of/it@function", and then what is wrong with it.
REFUSED = re.compile(r"""(?:"\w+:", "(?P<path>[^"@]+)@[^\n]*?)?(?P<what>'tf\.\w+' op is [^\n]*)""")


def reason_of(error, model=None):
    """The one line of an error that says what is wrong.

    Args:
        error: an exception.
        model: the `keras.Model` that was to be exported: its layers are named.

    Example:
        >>> reason_of(ValueError("what is wrong\\n"))
        'ValueError: what is wrong'
        >>> reason_of(RuntimeError("x.cc: error: 'tf.Erf' op is neither a custom op nor a flex op"))
        "'tf.Erf' op is neither a custom op nor a flex op"
    """
    refused = dict.fromkeys(_refused(one, model) for one in REFUSED.finditer(str(error)))
    if refused:
        return ", ".join(refused)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, UserError):
        return " ".join(lines)
    return f"{type(error).__name__}: {lines[-1][:300] if lines else 'no message'}"


def _refused(match, model):
    if model is None or not match["path"]:
        return match["what"]
    return f"{match['what']} ({layer_of(match['path'], model)})"


def where_outside(file, model):
    """The layers whose operators LiteRT has not built in, in words.

    Args:
        file: a `.tflite` file.
        model: the `keras.Model` that it was made of.
    """
    return ", ".join(dict.fromkeys(layer_of(path, model) for path in placed_outside(file).values()))
