"""Small networks and data for tests."""

import contextlib
import sys
from types import SimpleNamespace
from unittest import mock

import keras
import numpy as np

from keras_kd import backend


def cnn(width, classes=5, name="cnn", dropout=0.0, activation=None, regularizer=None, shape=(8, 8, 1), dtype=None):
    """A small CNN with BatchNorm; its last feature map is the layer `map`."""
    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(width, 3, use_bias=False, kernel_regularizer=regularizer, dtype=dtype)(inputs)
    x = keras.layers.BatchNormalization(dtype=dtype)(x)
    x = keras.layers.ReLU(name="map", dtype=dtype)(x)
    if dropout:
        x = keras.layers.Dropout(dropout, dtype=dtype)(x)
    x = keras.layers.GlobalAveragePooling2D(dtype=dtype)(x)
    outputs = keras.layers.Dense(classes, activation=activation, name="logits", dtype=dtype)(x)
    return keras.Model(inputs, outputs, name=name)


@contextlib.contextmanager
def weights_by_numpy():
    """Within it weights begin as NumPy draws them: JAX compiles a random initializer anew for every shape.

    For tests that ask for shapes, names or whether something changes; how weights begin is tested without it.
    """
    generator = np.random.default_rng(0)

    def normal(self, shape, dtype=None, **options):
        return _tensor(generator.standard_normal(shape, "float32") * np.sqrt(2 / np.prod(shape[:-1])), dtype)

    kinds = {
        **dict.fromkeys(("RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"), normal),
        "Zeros": _filled(0),
        "Ones": _filled(1),
    }
    with contextlib.ExitStack() as stack:
        for kind, drawn in kinds.items():
            stack.enter_context(mock.patch.object(getattr(keras.initializers, kind), "__call__", drawn))
        yield


class NumbersByNumPy:
    """What initializers draw from in place of the backend's numbers; a seed decides them as it decides the others."""

    def __init__(self, backends):
        self._backends = backends

    def __getattr__(self, name):
        return getattr(self._backends, name)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return self._drawn(
            "normal", lambda draw: draw.standard_normal(shape, "float32"), mean, stddev, shape, dtype, seed
        )

    def uniform(self, shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        if not isinstance(seed, int):
            return self._backends.uniform(shape, minval, maxval, dtype=dtype, seed=seed)
        return _tensor(np.random.default_rng(seed).uniform(minval, maxval, shape), dtype)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        def within_two(draw):
            values = np.asarray(draw.standard_normal(shape, "float32"))
            while (far := np.abs(values) > 2).any():
                values[far] = draw.standard_normal(far.sum(), "float32")
            return values

        return self._drawn("truncated_normal", within_two, mean, stddev, shape, dtype, seed)

    def _drawn(self, name, standard, mean, stddev, shape, dtype, seed):
        # A generator with a state of its own moves on as it does in a traced step.
        if not isinstance(seed, int):
            return getattr(self._backends, name)(shape, mean, stddev, dtype=dtype, seed=seed)
        return _tensor(mean + stddev * standard(np.random.default_rng(seed)), dtype)


def _tensor(values, dtype):
    # JAX compiles how it takes an array whose dtype is not said.
    return keras.ops.convert_to_tensor(np.asarray(values, "float32"), dtype or keras.config.floatx())


def _filled(value):
    return lambda self, shape, dtype=None, **options: _tensor(np.full(shape, value), dtype)


RANDOM = sys.modules[keras.initializers.RandomNormal.__module__]
OWN = SimpleNamespace(
    random=RANDOM.random, zeros=keras.initializers.Zeros.__call__, ones=keras.initializers.Ones.__call__
)


def numbers_by_numpy(wanted):
    """From here on initializers take their numbers from NumPy, or again from the backend."""
    RANDOM.random = NumbersByNumPy(OWN.random) if wanted else OWN.random
    keras.initializers.Zeros.__call__ = _filled(0) if wanted else OWN.zeros
    keras.initializers.Ones.__call__ = _filled(1) if wanted else OWN.ones


def outputs_of(model, x, training=False):
    """What a model gives: compiled whole where each of its operations would be; no state moves there."""
    if not backend.COMPILES_BY_SHAPE:
        return model(x, training=training)

    @backend.compiled
    def run(trainable, fixed, x):
        return model.stateless_call(trainable, fixed, x, training=training)[0]

    values_of = [[one.value for one in kind] for kind in (model.trainable_variables, model.non_trainable_variables)]
    return run(*values_of, x)


def compiled_with_state(function, variables):
    """A function of tensors that moves the variables: compiled whole where each of its operations would be."""
    if not backend.COMPILES_BY_SHAPE:
        return function

    @backend.compiled
    def run(state, *given):
        with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))) as scope:
            found = function(*given)
        return found, [scope.get_current_value(variable) for variable in variables]

    def call(*given):
        found, after = run([variable.value for variable in variables], *given)
        for variable, value in zip(variables, after, strict=True):
            variable.assign(value)
        return found

    return call


def images(count=32, classes=5, shape=(8, 8, 1), seed=0):
    """(float32 images (count, *shape), int32 labels (count,))."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, *shape)).astype("float32"), (np.arange(count) % classes).astype("int32")


def values(model):
    """Copies of all variables of a model."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]


def same(before, model):
    """Whether no variable of a model has changed, to the bit."""
    return all(np.array_equal(old, new) for old, new in zip(before, values(model), strict=True))


@keras.saving.register_keras_serializable(package="tests")
class CountingLayer(keras.layers.Layer):
    """Passes its input on and counts, in a variable, how often it ran."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x):
        self.count.assign_add(1.0)
        return x


def kd_by_hand(teacher_logits, student_logits, temperature):
    """Temperature-scaled KL of each example, in NumPy float64: (batch,)."""

    def log_softmax(z):
        z = z - z.max(-1, keepdims=True)
        return z - np.log(np.exp(z).sum(-1, keepdims=True))

    teacher = log_softmax(np.asarray(teacher_logits, "float64") / temperature)
    student = log_softmax(np.asarray(student_logits, "float64") / temperature)
    return temperature**2 * (np.exp(teacher) * (teacher - student)).sum(-1)


def cross_entropy_by_hand(logits, labels):
    """Cross-entropy of each example, in NumPy float64: (batch,)."""
    z = np.asarray(logits, "float64")
    z = z - z.max(-1, keepdims=True)
    return np.log(np.exp(z).sum(-1)) - z[np.arange(len(labels)), labels]
