"""A function run on symbolic tensors: shapes and mistakes are known before any image is read."""

import re

import keras

from keras_kd.utils.errors import UserError


class SymbolicCall(keras.layers.Layer):
    """Runs a function on symbolic tensors, through the public way to do so."""

    def __init__(self, function):
        super().__init__(dtype="float32", autocast=False)
        self.function = function
        self.built = True

    def call(self, inputs):
        return self.function(inputs)


def cause_of(error):
    """What a failed symbolic run says, without what Keras puts around it."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Exception encountered when calling SymbolicCall")]
    text = lines[0] if lines and not lines[0].startswith("Arguments received by") else ""
    named = isinstance(error, UserError | ValueError) and text
    return text if named else f"{type(error).__name__}{': ' if text else ''}{text}"
