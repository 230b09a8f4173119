"""Numbers that somebody gives: as numbers, since a text of digits is text, by YAML 1.2 and in Python."""

import math


def plain_number(value):
    """What was given, where it may be a number; what a number is made of all else, pydantic says.

    Args:
        value: of a field that is a number.

    Raises:
        ValueError: it is true or false, or text that pydantic would take for a number; the message is what was
            expected.

    Example:
        >>> plain_number(3), plain_number("auto")
        (3, 'auto')
        >>> plain_number("1_000")
        Traceback (most recent call last):
        ValueError: a number, not text: write 1000
    """
    if isinstance(value, bool):
        raise ValueError("a number")
    if isinstance(value, str):
        number = _number_in(value)
        if number is not None:
            raise ValueError(f"a number, not text: write {number}{' without quotes' if number == value else ''}")
    return value


def _number_in(text):
    """The number that a text holds, as it is written without quotes; None if it holds none."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    written = text.strip().replace("_", "")
    return written if written.isascii() and len(written) <= 30 else f"{number:g}"
