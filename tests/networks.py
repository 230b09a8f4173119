"""Small networks and data for tests."""

import contextlib
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
        return (generator.standard_normal(shape, "float32") * np.sqrt(2 / np.prod(shape[:-1]))).astype("float32")

    def filled(value):
        return lambda self, shape, dtype=None, **options: np.full(shape, value, "float32")

    kinds = {
        **dict.fromkeys(("RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"), normal),
        "Zeros": filled(0),
        "Ones": filled(1),
    }
    with contextlib.ExitStack() as stack:
        for kind, drawn in kinds.items():
            stack.enter_context(mock.patch.object(getattr(keras.initializers, kind), "__call__", drawn))
        yield


def outputs_of(model, x):
    """What a model gives in inference mode: compiled whole where each of its operations would be."""
    return backend.inference(model)(x) if backend.COMPILES_BY_SHAPE else model(x)


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
