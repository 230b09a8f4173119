"""Two replicas make the same update, and say the same figures, as one."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

CODE = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from networks import images
from keras_kd import KD, SGD, Distiller

def network(width, seed):
    keras.utils.set_random_seed(seed)
    hidden = keras.layers.Dense(width, "relu", kernel_regularizer="l2")
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), hidden]
    return keras.Sequential([*layers, keras.layers.Dense(5)])

x, y = images(32)
weights = np.linspace(0, 2, 32).astype("float32")
results = []
for replicas in (1, 2):
    with tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(replicas)]).scope():
        distiller = Distiller(network(4, 0), network(8, 1), [KD()], 0.1)
        distiller.compile(SGD(0.1, 0.9, 5e-4), metrics=["accuracy"])
    stream = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(16)
    history = distiller.fit(stream, epochs=2, shuffle=False, verbose=0).history
    results.append((history, distiller.student.get_weights()))
(one, one_weights), (two, two_weights) = results
assert set(one) == {"accuracy", "kd_loss", "label_loss", "loss"}
for name in one:
    np.testing.assert_allclose(one[name], two[name], rtol=1e-5, err_msg=name)
for a, b in zip(one_weights, two_weights):
    np.testing.assert_allclose(a, b, atol=1e-6)
print("equal")
"""

TAUGHT = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from networks import cnn, images
from keras_kd import KD, MetaDistiller, UserError

x, y = images(32)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    distiller = MetaDistiller(cnn(2), cnn(4, name="teacher"), [KD()])
    distiller.compile("sgd")
try:
    distiller.fit(x[:16], y[:16], held_out=(x[16:], y[16:]), batch_size=8, verbose=0)
except UserError as error:
    print(error)
"""


def said_by(code):
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    return done.stdout.strip() or done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="MirroredStrategy is TensorFlow's")
def test_one_and_two_replicas_agree():
    assert said_by(CODE) == "equal"


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="MirroredStrategy is TensorFlow's")
def test_a_teacher_is_not_taught_by_several_replicas():
    assert "MetaDistiller: found 2 replicas; expected one" in said_by(TAUGHT)
