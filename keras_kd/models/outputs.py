"""Does a network give logits or probabilities? Asked of the user, and checked here."""

import keras
import numpy as np

from keras_kd.backend.keras_private import made_by
from keras_kd.models.foreign.layer import answering_in
from keras_kd.utils.errors import UserError


def check_from_logits(role, network, from_logits):
    """Raises `UserError` if the network's output is not what `from_logits` says.

    Args:
        role: "student" or "teacher", for the error.
        network: a built `keras.Model` with one output (batch, classes).
        from_logits: True where the output is said to be logits, False where probabilities.
    """
    gives = what_it_gives(network)
    if gives not in (None, "logits", "probabilities"):
        raise UserError(
            f"{role}: {network.name!r} ends in {gives}; expected logits or the probabilities of a softmax: "
            "give its last layer no activation, or a softmax"
        )
    if gives == "probabilities" and from_logits:
        raise UserError(
            f"{role}: {network.name!r} gives probabilities (its output is a softmax), but from_logits is true; "
            f"set from_logits to false for the {role}, or remove the softmax"
        )
    if gives == "logits" and not from_logits:
        raise UserError(
            f"{role}: {network.name!r} gives logits (its output is no softmax), but from_logits is false; "
            f"set from_logits to true for the {role}"
        )


def what_it_gives(network):
    """What a network's output is: "logits", "probabilities", the name of another activation, or None: not known."""
    stored = [one for one in answering_in(network) if one.splits is not None]
    if stored:
        return stored[0].gives()
    return last_activation(network) or observed(network)


def last_activation(network):
    """ "probabilities" or "logits" where the last operation of a functional model tells, else None."""
    if not isinstance(network, keras.Sequential | keras.Model) or not getattr(network, "outputs", None):
        return None
    last = network.layers[-1] if isinstance(network, keras.Sequential) else last_operation(network)
    if isinstance(last, keras.Model):
        return last_activation(last)
    if isinstance(last, keras.layers.Softmax):
        return "probabilities"
    activation = getattr(last, "activation", None)
    if activation is keras.activations.softmax:
        return "probabilities"
    if isinstance(last, keras.layers.Dense | keras.layers.Activation):
        # Logarithms of probabilities are logits less the same number for every class: their softmax is the same.
        logits = activation in (keras.activations.linear, keras.activations.log_softmax)
        return "logits" if logits else activation.__name__
    return None


def last_operation(network):
    """The operation that makes a functional model's output."""
    return made_by(network.outputs[0]).operation


def observed(network):
    """What the output on random images looks like: rows that sum to one are probabilities; None if it can't run."""
    try:
        shape = [4, *(32 if size is None else size for size in network.input_shape[1:])]
        images = np.random.default_rng(0).uniform(0, 1, shape).astype("float32")
        output = keras.ops.convert_to_numpy(network(images, training=False)).astype("float32")
    except (AttributeError, TypeError, ValueError):
        return None
    sums_to_one = output.ndim == 2 and np.allclose(output.sum(-1), 1, atol=1e-2) and output.min() >= 0
    return "probabilities" if sums_to_one else "logits"
