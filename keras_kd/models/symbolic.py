"""A function run on symbolic tensors: shapes and mistakes are known before any image is read."""

import keras


class Probe(keras.layers.Layer):
    """Runs a function on symbolic tensors, through the public way to do so."""

    def __init__(self, function):
        super().__init__(dtype="float32", autocast=False)
        self.function = function
        self.built = True

    def call(self, inputs):
        return self.function(inputs)
