"""Stops a training whose loss or whose weights are no longer numbers."""

import math

import keras
import numpy as np

from keras_kd.training.first_source import LOWER, first_source, weights_of_student
from keras_kd.utils.errors import NonFiniteLoss


class StopOnNonFinite(keras.callbacks.Callback):
    """Raises `NonFiniteLoss` at the first step whose loss is NaN or infinite, naming the parts that are.

    So it does at the end of an epoch for what is trained: a ReLU may make 0 of NaN (oneDNN's does), which hides from
    the loss that the weights before it are lost.

    Example:
        >>> from keras_kd.training.callbacks import StopOnNonFinite
        >>> StopOnNonFinite().on_train_batch_end(0, {"loss": 1.0})
    """

    def __init__(self):
        super().__init__()
        self.epoch, self.begun_with = 0, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.begun_with = epoch, weights_of_student(self.model)

    def on_train_batch_end(self, batch, logs=None):
        logs = logs or {}
        if math.isfinite(float(logs.get("loss", 0.0))):
            return
        parts = [name.removesuffix("_loss") for name, value in logs.items() if name.endswith("_loss")]
        broken = [part for part in parts if not math.isfinite(float(logs[f"{part}_loss"]))]
        value = float(logs["loss"])
        where, fix = first_source(self.model, broken, self.begun_with)
        raise NonFiniteLoss(
            f"the loss is {value} at epoch {self.epoch + 1}, step {batch + 1}"
            f" (from: {', '.join(broken) or 'the regularisers'}){where}; {fix}"
        )

    def on_epoch_end(self, epoch, logs=None):
        for one in self.model.variables:
            if not np.isfinite(keras.ops.convert_to_numpy(one)).all():
                raise NonFiniteLoss(f"{one.path} holds nan or inf after epoch {epoch + 1}; {LOWER}")


class SetEpoch(keras.callbacks.Callback):
    """Sets the scheduled numbers as each epoch begins."""

    def __init__(self, distiller):
        super().__init__()
        self.distiller = distiller

    def on_epoch_begin(self, epoch, logs=None):
        self.distiller.set_epoch(epoch)


class BeginEpoch(keras.callbacks.Callback):
    """Has the data laid out as each epoch begins."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.begin(epoch)


def listed(callbacks):
    """The callbacks that `fit` is given, as a list.

    Args:
        callbacks: one, several in any structure, a `keras.callbacks.CallbackList`, or None.

    Example:
        >>> len(listed(keras.callbacks.CallbackList([SetEpoch(None)]))), listed(None)
        (1, [])
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return keras.tree.flatten(callbacks or [])
