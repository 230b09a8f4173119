"""Ensembles of teachers: the mean before or after the temperature, through the public model and KD."""

import keras
import numpy as np
from keras import ops

from keras_kd import METHODS
from keras_kd.evaluation.metrics.ensemble_weights import fit_ensemble_weights, own_log_probability
from keras_kd.models.wrappers.ensemble import ensemble


class _Says(keras.layers.Layer):
    """A member that says what it is given: one slice of the input."""

    def __init__(self, number, **options):
        super().__init__(**options)
        self.number = number

    def call(self, x):
        return x[..., self.number]


def _teacher_logits(inputs, **options):
    logits = [
        inputs[f"teacher_logits_{number}"] for number in range(len(inputs)) if f"teacher_logits_{number}" in inputs
    ]
    stacked = ops.stack([ops.convert_to_tensor(one) for one in logits], axis=-1)
    image = keras.Input(stacked.shape[1:])
    members = [keras.Model(image, _Says(number)(image)) for number in range(len(logits))]
    return ensemble(members, **options)(stacked)


def _kd(inputs, teacher_logits, temperature):
    signals = {"student": {"logits": inputs["student_logits"]}, "teacher": {"logits": teacher_logits}}
    return ops.mean(METHODS["kd"](temperature=temperature).loss(signals, None, {}))


def mean_then_temperature(inputs, hyperparameters):
    """gnosis takes the cross-entropy: KD and the teacher's entropy, which no student changes."""
    temperature = hyperparameters["temperature"]
    teacher_logits = _teacher_logits(inputs)
    softened = ops.log_softmax(teacher_logits / temperature)
    entropy = -ops.mean(ops.sum(ops.exp(softened) * softened, -1))
    return _kd(inputs, teacher_logits, temperature) + temperature**2 * entropy


def temperature_then_mean(inputs, hyperparameters):
    temperature = hyperparameters["temperature"]
    return _kd(inputs, _teacher_logits(inputs, mean="softened", temperature=temperature), temperature)


def weighted(inputs, hyperparameters):
    """The members' logits are stacked; the label part is of the case."""
    temperature, alpha = hyperparameters["temperature"], hyperparameters["alpha"]
    members = {f"teacher_logits_{number}": one for number, one in enumerate(inputs["teacher_logits"])}
    weights = [float(one) for one in inputs["weights"]]
    teacher = _teacher_logits(members, mean="softened", temperature=temperature, weights=weights)
    student = inputs["student_logits"]
    labelled = keras.losses.sparse_categorical_crossentropy(inputs["labels"], student, from_logits=True)
    return alpha * _kd(inputs, teacher, temperature) + (1 - alpha) * ops.mean(labelled)


def fitted_weights(inputs, hyperparameters):
    """The loss of a case is the least held-out one."""
    members, labels = list(inputs["assistant_logits"]), inputs["labels"]
    own = np.stack([own_log_probability(logits, labels) for logits in members])
    weights = fit_ensemble_weights(members, labels)
    return ops.convert_to_tensor(-np.log(weights @ np.exp(own)).mean(), "float32")


ADAPTERS = {
    "weighted_ensemble": weighted,
    "ensemble_weights": fitted_weights,
    "ensemble_gnosis": mean_then_temperature,
    "ensemble_mean_softened": temperature_then_mean,
}
