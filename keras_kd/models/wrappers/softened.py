"""What wrapped networks share: their outputs as float32 log-probabilities, and their layers under the old names."""

from keras_kd.models.graph import reserve_names
from keras_kd.utils.lazy import keras, ops


def log_probabilities(output, from_logits=True):
    """The float32 log-probabilities of a network's output, safe for logits of any size.

    Args:
        output: a Keras tensor (batch, classes).
        from_logits: whether it is logits; of probabilities the logarithm is taken, with a floor of 1e-14.

    Returns:
        A Keras tensor (batch, classes).

    Example:
        >>> import numpy as np
        >>> [round(float(p), 2) for p in np.exp(log_probabilities(np.array([[1e4, 1e4]])))[0]]
        [0.5, 0.5]
    """
    return ops.log_softmax(as_logits(output, from_logits), axis=-1)


def as_logits(output, from_logits=True):
    """A network's output as float32 logits; of probabilities the logarithm, with a floor of 1e-14.

    Args:
        output: a Keras tensor (batch, classes).
        from_logits: whether it is logits already.

    Example:
        >>> import numpy as np
        >>> [round(float(one), 2) for one in as_logits(np.array([[1.0, 0.5]]), from_logits=False)[0]]
        [0.0, -0.69]
    """
    output = ops.cast(output, "float32")
    return output if from_logits else ops.log(ops.maximum(output, keras.config.epsilon() ** 2))


def with_output(model, change, name):
    """A model like another, its output changed; its layers keep their names, so taps stay as they were.

    Args:
        model: a built `keras.Model` of one input and one output.
        change: a function from Keras tensor to Keras tensor.
        name: of the new model.

    Returns:
        A functional `keras.Model`. The layers of a model that is not functional are tapped by path: "<model>/<layer>".

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="logits")])
        >>> [layer.name for layer in with_output(model, lambda x: 2 * x, "doubled").layers][1]
        'logits'
    """
    if getattr(model, "outputs", None):
        reserve_names(model)
        return keras.Model(model.inputs[0], change(model.outputs[0]), name=name)
    image = keras.Input(model.input_shape[1:])
    return keras.Model(image, change(model(image)), name=name)
