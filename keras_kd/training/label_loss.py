"""The loss on labels, as Keras losses that give one value per example."""

import keras
import numpy as np
from keras import ops

from keras_kd.data.epochs import Epochs
from keras_kd.data.rounds import Rounds
from keras_kd.utils.errors import UserError


class BatchMean(keras.losses.Loss):
    """The mean of given values over the batch, scaled as Keras scales losses over replicas."""

    def call(self, y_true, y_pred):
        return y_pred


def as_label_loss(loss, from_logits):
    """The label loss as a Keras loss that gives one value per example; None is chosen by the labels' shape."""
    if loss is None:
        return None
    by_name = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    }
    if loss in by_name:
        return by_name[loss](from_logits=from_logits)
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        return FunctionLoss(loss)
    said = getattr(loss, "from_logits", from_logits)
    if isinstance(loss, (*by_name.values(), SmoothedCrossEntropy)) and said != from_logits:
        raise UserError(
            f"compile: {type(loss).__name__}(from_logits={said}), but the student's from_logits is {from_logits}; "
            "give both the same"
        )
    if loss.reduction == "sum":
        raise UserError(
            "compile: the label loss is summed over the batch; the terms are means: use its default reduction"
        )
    return loss


class FunctionLoss(keras.losses.Loss):
    """A loss given as a function of (y_true, y_pred)."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)


@keras.saving.register_keras_serializable(package="keras_kd")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy with smoothed labels, of whole numbers too, which Keras's own smooths as rows of classes alone.

    Of a label 1 - smoothing stays with its class and smoothing / classes goes to every class.

    Args:
        smoothing: the share that is spread, 0 or more and below 1.
        from_logits: whether outputs are logits.

    Source:
        Szegedy et al. 2016, arXiv:1512.00567, section 7; `keras.losses.CategoricalCrossentropy(label_smoothing=...)`.

    Example:
        >>> loss = SmoothedCrossEntropy(0.1)
        >>> round(float(loss(np.array([0]), np.array([[2.0, 0.0, 0.0, 0.0]], "float32"))), 4)
        0.4908
    """

    def __init__(self, smoothing, from_logits=True, name="smoothed_cross_entropy", **options):
        super().__init__(name=name, **options)
        self.smoothing, self.from_logits = float(smoothing), bool(from_logits)

    def call(self, y_true, y_pred):
        rows = len(y_true.shape) == 2 and y_true.shape[-1] != 1
        y_true = y_true if rows else ops.one_hot(whole_number_labels(y_true), y_pred.shape[-1])
        own = keras.losses.CategoricalCrossentropy(from_logits=self.from_logits, label_smoothing=self.smoothing)
        return own.call(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing, "from_logits": self.from_logits}


def weighted_mean(values, sample_weight):
    """The mean over the batch of values of its examples, weighed by `sample_weight`."""
    if sample_weight is None or not len(values.shape):
        return ops.mean(values)
    return ops.mean(values * ops.reshape(ops.cast(sample_weight, values.dtype), (-1,)))


def cross_entropy(y, output, from_logits):
    """Cross-entropy for the kind of labels given: one row of classes an example, or whole numbers."""
    one_hot = len(y.shape) == 2 and y.shape[-1] == output.shape[-1] and output.shape[-1] > 1
    kind = keras.losses.CategoricalCrossentropy if one_hot else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=from_logits)


def like_a_batch(x, labels):
    """The `KerasTensor` of a batch of labels; None where they come with the batches."""
    if isinstance(x, Rounds):
        return keras.KerasTensor((None, *np.shape(x[0][1])[1:]))
    if isinstance(x, Epochs):
        return keras.KerasTensor((None,))
    return None if labels is None else keras.KerasTensor((None, *labels.shape[1:]))


def whole_number_labels(y):
    """Labels as whole numbers, (batch,), of whole numbers or one-hot rows."""
    y = ops.convert_to_tensor(y)
    if len(y.shape) == 2:
        y = ops.argmax(y, axis=-1) if y.shape[-1] != 1 else ops.squeeze(y, axis=-1)
    return ops.cast(y, "int32")
