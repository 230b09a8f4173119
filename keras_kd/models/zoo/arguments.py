"""What a recipe may set of a network, checked."""

import inspect

from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import did_you_mean


def check_arguments(name, function, arguments, filled=()):
    """Raise `UserError` for arguments that a function does not take.

    Args:
        name: of the network, for the error.
        function: what will be called.
        arguments: a dict of keyword arguments, or None.
        filled: names of parameters that the caller gives itself.

    Example:
        >>> check_arguments("net", lambda classes, width=1: None, {"widht": 2}, filled=("classes",))
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: net: arguments: found 'widht'; it takes no such argument; did you mean 'width'?
    """
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    accepted = [p.name for p in parameters if p.kind in named and p.name not in filled]
    for argument in arguments or {}:
        if argument not in accepted:
            takes = f"it takes {', '.join(accepted) or 'none'}"
            fix = did_you_mean(argument, accepted, as_written=True, before="", otherwise=takes)
            raise UserError(f"{name}: arguments: found {argument!r}; it takes no such argument; {fix}")


def scaled(channels, width_multiplier):
    """Numbers of channels, each times the multiplier, and at least 1.

    Args:
        channels: whole numbers.
        width_multiplier: a number above 0.

    Returns:
        A list of ints.

    Raises:
        UserError: the multiplier is not such a number.

    Example:
        >>> scaled((16, 32), 0.5)
        [8, 16]
    """
    if isinstance(width_multiplier, bool) or not isinstance(width_multiplier, int | float) or not width_multiplier > 0:
        raise UserError(f"arguments: width_multiplier: found {width_multiplier!r}; expected a number above 0")
    return [max(1, round(width_multiplier * number)) for number in channels]
