"""What pydantic says of a field, in our words."""

import re

from keras_kd.utils.suggest import did_you_mean, found_as


class SaidError(ValueError):
    """An error of settings that says by itself what was found; raised in a validator."""


def expectation(error):
    """What was found and what was expected.

    Args:
        error: one of those of pydantic's `ValidationError.errors()`.

    Example:
        >>> expectation({"type": "less_than_equal", "input": 1.5, "ctx": {"le": 1}})
        'is 1.5; expected 1 or less'
    """
    got, context = error["input"], error.get("ctx", {})
    found = f"is {found_as(got)}; expected"
    match error["type"]:
        case "literal_error":
            options = re.findall(r"'([^']*)'", context["expected"])
            return f"{found} {_options(options)}{did_you_mean(got, options)}"
        case "greater_than":
            return f"{found} more than {_bound(context['gt'])}"
        case "greater_than_equal":
            return f"{found} {_bound(context['ge'])} or more"
        case "less_than":
            return f"{found} less than {_bound(context['lt'])}"
        case "less_than_equal":
            return f"{found} {_bound(context['le'])} or less"
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            large = isinstance(got, float) and got.is_integer()
            return f"{found} a whole number{' of at most 18 digits' if large else ''}"
        case "float_parsing" | "float_type":
            return f"{found} a number"
        case "finite_number":
            return f"{found} a finite number"
        case "bool_parsing" | "bool_type":
            return f"{found} true or false"
        case "string_type":
            return f"{found} text"
        case "tuple_type" | "list_type":
            return f"{found} a list: [...]"
        case "string_too_short":
            return f"{found} a name"
        case "too_short" | "too_long":
            what = "entries" if isinstance(got, dict) else "items"
            least, most = context.get("min_length"), context.get("max_length")
            bound = f"at most {most}" if least is None else f"{least} or more"
            return f"is {found_as(got) if got else 'empty'}; expected {bound} {what}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{found} fields: {{name: value, ...}}"
        case "value_error" if isinstance(context.get("error"), SaidError):
            return str(context["error"])
        case "value_error":
            return f"{found} {error['msg'].removeprefix('Value error, ')}"
    return f"is {found_as(got)}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _bound(value):
    return f"{value:,.0f}" if 10**5 <= abs(value) < 10**16 else f"{value:g}"


def _options(options):
    return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
