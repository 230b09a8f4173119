"""The moving averages of the weights that an optimizer with `use_ema` keeps, in the place of the weights."""

from contextlib import contextmanager

import keras

from keras_kd.backend.keras_private import moving_averages


@contextmanager
def averaged(model):
    """Within it the weights of a compiled model are the averages; after it they are what they were, to the bit.

    Keras's `SwapEMAWeights` adds and subtracts, on TensorFlow, and so leaves other weights behind.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(use_ema=True))
        >>> with averaged(model):
        ...     len(moving_averages(model.optimizer))  # made with its first step
        0
    """
    pairs = moving_averages(model.optimizer)
    before = [keras.ops.convert_to_numpy(variable).copy() for variable, _ in pairs]
    for variable, average in pairs:
        # By way of NumPy: on JAX two variables of one array could not both be given to a step.
        variable.assign(keras.ops.convert_to_numpy(average).copy())
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, before, strict=True):
            variable.assign(value)


class EvaluateAverages(keras.callbacks.Callback):
    """Has the averages validated in the place of the weights; nothing where the optimizer keeps none."""

    def __init__(self):
        super().__init__()
        self.within = None

    def on_test_begin(self, logs=None):
        self.within = averaged(self.model)
        self.within.__enter__()

    def on_test_end(self, logs=None):
        if self.within is not None:
            self.within.__exit__(None, None, None)
            self.within = None
