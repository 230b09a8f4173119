"""The values that layers trained with the student begin with."""

from keras_kd.utils.lazy import keras


def uniform(inputs):
    """An initializer as PyTorch begins layers, kernels and biases alike: uniform within 1 / sqrt(inputs).

    Args:
        inputs: how many values each output is the sum of.

    Returns:
        A Keras initializer; a new one for each weight, since one gives the same values for the same shape.

    Example:
        >>> uniform(16).maxval
        0.25
    """
    limit = inputs**-0.5
    return keras.initializers.RandomUniform(-limit, limit)
