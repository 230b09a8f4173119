"""Accuracy on whole-number labels and on rows of classes alike: mixed images have rows, validation images numbers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_kd")
class Accuracy(keras.metrics.MeanMetricWrapper):
    """The share of examples whose largest output is their label; of a row of classes the label is its largest.

    Keras's "accuracy" settles on one kind of labels at its first batch; this one looks at every batch.

    Args:
        name: of the figure in the logs.

    Example:
        >>> metric = Accuracy()
        >>> metric.update_state([1, 0], [[0.1, 0.9], [0.2, 0.8]])
        >>> metric.update_state([[0.7, 0.3]], [[0.6, 0.4]])
        >>> round(float(metric.result()), 3)
        0.667
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(_right, name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def _right(labels, output):
    labels, output = ops.convert_to_tensor(labels), ops.convert_to_tensor(output)
    if len(labels.shape) == 2:
        labels = labels[:, 0] if labels.shape[-1] == 1 else ops.argmax(labels, axis=-1)
    return ops.cast(ops.equal(ops.cast(labels, "int32"), ops.cast(ops.argmax(output, axis=-1), "int32")), "float32")
