"""What a person may give as a size, a share or a list of numbers, checked."""

import math
import numbers

from keras_kd.data.sources.decode import RESIZED
from keras_kd.utils.errors import UserError


def is_whole(value):
    """Whether a value is a whole number, 3.0 as well as 3.

    Example:
        >>> is_whole(3.0), is_whole(3.5), is_whole(True)
        (True, False, False)
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and value == int(value)


def how_of(resize):
    """How images are resized, as it was given.

    Raises:
        UserError: there is no such way.
    """
    if resize not in RESIZED:
        raise UserError(f"resize: found {resize!r:.40}; expected one of {', '.join(RESIZED)}; correct it")
    return resize


def size_of(image_size):
    """(height, width) of pixels out of one number or two; None stays.

    Raises:
        UserError: it is no size.

    Example:
        >>> size_of(32), size_of([24, 32])
        ((32, 32), (24, 32))
    """
    if image_size is None:
        return None
    sides = tuple(image_size) if isinstance(image_size, list | tuple) else (image_size, image_size)
    if len(sides) != 2 or not all(is_whole(side) and side >= 1 for side in sides):
        raise UserError(
            f"image_size: found {image_size!r}; expected a whole number of pixels or (height, width); correct it"
        )
    return tuple(map(int, sides))


def share_of(where, value, total, counts=False):
    """How many of `total` images a fraction, or where `counts` a number of images, means; at least one stays.

    Raises:
        UserError: it is no such number; `where` names it.

    Example:
        >>> share_of("validation", 0.25, 40), share_of("validation", 10, 40, counts=True)
        (10, 10)
    """
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if number and 0 < value < 1 and total > 1:
        return min(max(1, round(value * total)), total - 1)
    if counts and number and is_whole(value) and 1 <= value < total:
        return int(value)
    also = f", or a whole number 1..{total - 1}" if counts else ""
    shown = int(value) if is_whole(value) else value
    raise UserError(f"{where}: found {shown!r}; expected a fraction between 0 and 1{also}; correct it")


def per_channel(where, value, channels):
    """A tuple of floats, one a channel, each in 0..1 and those of `std` above 0; None stays.

    Raises:
        UserError: it is no such list; `where`, "mean" or "std", names it.

    Example:
        >>> per_channel("mean", [0.5, 0, 1], 3)
        (0.5, 0.0, 1.0)
    """
    if value is None:
        return None
    numeric = isinstance(value, list | tuple) and all(isinstance(one, numbers.Real) for one in value)
    if not numeric or len(value) != channels:
        raise UserError(f"{where}: found {value!r}; expected a list of {channels}, one number a channel; correct it")
    low = 0 if where == "mean" else math.ulp(0)
    if not all(low <= one <= 1 for one in value):
        above = "0..1" if where == "mean" else "above 0 and at most 1"
        raise UserError(f"{where}: found {value!r}; expected numbers {above}; divide those of pixels 0..255 by 255")
    return tuple(map(float, value))
