"""Keyword arguments that a recipe gives to the function that builds a network."""

import difflib
import inspect

from keras_kd.errors import UserError


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
        keras_kd.errors.UserError: net: arguments: found 'widht'; it takes no such argument; did you mean 'width'?
    """
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    accepted = [p.name for p in parameters if p.kind in named and p.name not in filled]
    for argument in arguments or {}:
        if argument not in accepted:
            close = difflib.get_close_matches(str(argument), accepted, n=1)
            cure = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(accepted) or 'none'}"
            raise UserError(f"{name}: arguments: found {argument!r}; it takes no such argument; {cure}")
