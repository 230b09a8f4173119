"""The gradients of a network's loss with respect to its weights, whether they are frozen or not."""

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.models.graph import gives_probabilities
from keras_kd.utils.errors import UserError


def weight_gradients(model, images, labels=None, *, seed=0, batch_size=64):
    """Yields the gradients of the mean cross-entropy of a batch, batch after batch.

    Args:
        model: a `keras.Model` with one output (batch, classes), logits or a softmax; it runs in inference mode.
        images: (n, ...) as the model takes them.
        labels: whole numbers (n,); None draws each from what the model says of its image.
        seed: of what is drawn.
        batch_size: images of a batch; a last one that is smaller is left out, unless it is the only one.

    Returns:
        Of each batch {id of a weight: gradient as a NumPy array}.

    Raises:
        UserError: the model has other outputs.
    """
    if len(model.outputs) != 1 or len(model.inputs) != 1 or len(model.outputs[0].shape) != 2:
        raise UserError(
            f"criterion taylor: {model.name} has not one input and one output (batch, classes); take another criterion"
        )
    probabilities = gives_probabilities(model)
    weights = [weight for weight in model.weights if weight.dtype.startswith(("float", "bfloat"))]

    def log_probabilities(images):
        output = ops.cast(model(images, training=False), "float32")
        return ops.log(ops.maximum(output, keras.config.epsilon())) if probabilities else ops.log_softmax(output)

    def loss(values, batch):
        with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            said = log_probabilities(batch[0])
        return -ops.mean(ops.sum(said * batch[1], -1))

    gradients_of, random = backend.value_and_gradients(loss), np.random.default_rng(seed)
    values = [ops.convert_to_tensor(weight) for weight in weights]
    classes = model.outputs[0].shape[-1]
    batch_size = min(batch_size, len(images))
    for start in range(0, len(images) - batch_size + 1, batch_size):
        batch = np.asarray(images[start : start + batch_size], "float32")
        if labels is None:
            said = np.exp(ops.convert_to_numpy(log_probabilities(batch)).astype("float64"))
            chosen = (said.cumsum(-1) < random.random((len(said), 1)) * said.sum(-1, keepdims=True)).sum(-1)
        else:
            chosen = np.asarray(labels[start : start + batch_size])
        rows = np.eye(classes, dtype="float32")[np.minimum(chosen, classes - 1)]
        found = gradients_of(values, (batch, rows))[1]
        yield {id(w): ops.convert_to_numpy(one).astype("float64") for w, one in zip(weights, found, strict=True)}
