"""A teacher that is a function from a batch of images to a row each: another library, a service, a person."""

import hashlib
import inspect
import json
import os
from pathlib import Path

from keras_kd.models.foreign.answering import Answering, in_layout
from keras_kd.models.zoo.arguments import check_arguments
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import sha256


class Function(Answering):
    """A function `predict(images, **arguments)` that gives an array (n, classes), or a tensor of any library.

    It is known by the source of its module and of the modules beside it, by its arguments, and by the bytes of the
    files that those name: what else it reads, such as a service, is not seen.

    Args:
        name: "package.module:function"; the module may lie in the current folder.
        arguments: a dict of keyword arguments for it.
        layout: "channels_first" where it takes (n, channels, height, width).

    Raises:
        UserError: no such function, or it takes no batch of images.
    """

    def __init__(self, name, arguments=None, layout=None):
        self._function, self._arguments = foreign_code.named(name), arguments or {}
        self._layout = layout or "channels_last"
        if not callable(self._function):
            function = name.partition(":")[2]
            raise UserError(f"{name}: found no function {function!r} in its module; expected one of a batch of images")
        with foreign_code.guarded(name, "reading its arguments"):
            required = required_arguments(self._function)
            first = list(inspect.signature(self._function).parameters)[:1]
            check_arguments(name, self._function, arguments, first)
        left = [one for one in required[1:] if one not in self._arguments]
        if not first or left:
            fix = f"give teacher.arguments: {{{left[0]}: ...}}" if left else "give it a parameter"
            if left and len(required) == 2:
                fix += f", or write teacher: {name}, where it builds a keras.Model"
            raise UserError(f"{name}: takes ({', '.join(required)}); expected a batch of images alone: {fix}")
        super().__init__(name, self._digest(name))

    def ask(self, images):
        with foreign_code.importable(foreign_code.current_folder()):
            with foreign_code.guarded(self.name, f"the call on images of {images.shape}"):
                found = self._function(in_layout(images, self._layout), **self._arguments)
                detach = getattr(found, "detach", None)
                # A tensor of PyTorch may lie on an accelerator and be part of a gradient.
                return found if detach is None else detach().cpu().numpy()

    def _digest(self, name):
        parts = [name.partition(":")[2], self._layout, json.dumps(self._arguments, sort_keys=True, default=str)]
        parts += [f"{Path(one).name} {sha256(one)}" for one in foreign_code.files_of(name)]
        values = [one for one in self._arguments.values() if isinstance(one, str)]
        parts += [sha256(one) for one in values if os.path.isfile(one)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def required_arguments(function):
    """The names of the parameters that a call must give.

    Example:
        >>> required_arguments(lambda images, width=1, *rest: None)
        ['images']
    """
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return [one.name for one in parameters if one.kind in named and one.default is one.empty]
