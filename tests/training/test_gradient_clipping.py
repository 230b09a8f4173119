"""`fit.clip_norm` is Keras's own clipping by the norm of all gradients, with every optimizer, in a Distiller too."""

import keras
import numpy as np
import pytest

from keras_kd import KD, Distiller
from keras_kd.recipe.schema_fit import FitSpec
from keras_kd.workflows.run.build import optimizer

GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.normal(size=(32, 6)).astype("float32") * 20, np.arange(32) % 3
# Keras's own optimizer of each kind, clipped.
KERAS = {
    "sgd": lambda clip: keras.optimizers.SGD(0.05, momentum=0.9, global_clipnorm=clip),
    "adam": lambda clip: keras.optimizers.Adam(0.05, global_clipnorm=clip),
    "adamw": lambda clip: keras.optimizers.AdamW(0.05, weight_decay=0.01, global_clipnorm=clip),
}


def network(seed=1):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])


def weights_after(model, epochs=3):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return [np.asarray(weight) for weight in model.get_weights()]


def plain(kind, clip):
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=KERAS[kind](clip), loss=loss)
    return weights_after(model)


def distilled(kind, clip, terms=(), teacher=None):
    student = network()
    distiller = Distiller(student, teacher, terms, label_weight=1.0)
    decay = {"weight_decay": 0.01} if kind == "adamw" else {}
    fit = FitSpec(epochs=3, optimizer=kind, learning_rate=0.05, clip_norm=clip, **decay)
    distiller.compile(optimizer=optimizer(fit))
    distiller.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return [np.asarray(weight) for weight in student.get_weights()]


@pytest.mark.parametrize("kind", KERAS)
def test_a_student_on_labels_alone_is_that_of_keras(kind):
    ours, theirs, free = distilled(kind, 0.5), plain(kind, 0.5), plain(kind, None)
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-6, rtol=1e-5)
    # And clipping changed something.
    assert any(np.abs(mine - unclipped).max() > 1e-4 for mine, unclipped in zip(ours, free, strict=True))


def test_a_first_step_with_a_teacher_is_no_longer_than_the_norm():
    student, teacher = network(), network(2)
    before = [np.asarray(weight) for weight in student.get_weights()]
    distiller = Distiller(student, teacher, [KD(temperature=2.0)], label_weight=0.5)
    distiller.compile(optimizer=optimizer(FitSpec(epochs=1, learning_rate=1.0, momentum=0.0, clip_norm=0.01)))
    distiller.fit(X, Y, batch_size=32, epochs=1, verbose=0)
    moved = [np.asarray(after) - was for after, was in zip(student.get_weights(), before, strict=True)]
    assert np.sqrt(sum(float((one**2).sum()) for one in moved)) == pytest.approx(0.01, rel=1e-3)
