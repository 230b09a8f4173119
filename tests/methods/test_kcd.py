"""Channels are matched once, as an epoch begins, and stay so."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_kd import KCD, Distiller
from keras_kd.methods.parts.channel_matching import ChannelMatching
from keras_kd.training.checkpoint import load_state, save_state
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_note_once

DENSE = {"method": "fitnet", "student_tap": "hidden", "teacher_tap": "hidden", "regressor": False}


def network(width, seed):
    image = keras.Input((6,))
    hidden = keras.layers.Dense(width, name="hidden", kernel_initializer=keras.initializers.RandomNormal(seed=seed))
    return keras.Model(image, keras.layers.Dense(3)(hidden(image)))


def distiller(widths=(4, 7)):
    keras.utils.set_random_seed(0)
    made = Distiller(network(widths[0], 1), network(widths[1], 2), terms=[KCD(inner=DENSE, match_after=2)])
    made.compile(optimizer=keras.optimizers.SGD(0.01))
    return made


def data():
    return np.random.default_rng(0).normal(size=(24, 6)).astype("float32"), np.arange(24) % 3


def indices(made):
    matching = made.adapters["0"]["matching_0"]
    return [ops.convert_to_numpy(one).astype(int).tolist() for one in (matching.student_index, matching.teacher_index)]


def test_until_the_channels_are_matched_the_loss_is_zero():
    made = distiller()
    history = made.fit(*data(), epochs=3, batch_size=8, shuffle=False, verbose=0).history["kcd_loss"]
    assert history[:2] == [0, 0] and history[2] > 0
    student, teacher = indices(made)
    assert student == [0, 1, 2, 3] and len(set(teacher)) == 4


def test_a_student_of_more_channels_is_matched_the_other_way_round():
    made = distiller((7, 4))
    made.fit(*data(), epochs=3, batch_size=8, verbose=0)
    student, teacher = indices(made)
    assert len(set(student)) == 4 and sorted(teacher) == [0, 1, 2, 3]


@pytest.mark.parametrize("epochs", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_resumed_training_has_the_same_matching(tmp_path, epochs):
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    whole, first, second = distiller(), distiller(), distiller()
    whole.fit(*data(), epochs=4, **options)
    first.fit(*data(), epochs=epochs, **options)
    save_state(first, [], tmp_path / "state.npz")
    load_state(second, tmp_path / "state.npz")
    second.fit(*data(), epochs=4, initial_epoch=epochs, **options)
    assert indices(second) == indices(whole)
    for one, other in zip(second.student.get_weights(), whole.student.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_add_up_and_a_constant_channel_correlates_with_none():
    generator = np.random.default_rng(1)
    student, teacher = (generator.normal(3, 1, size=(60, count)).astype("float32") for count in (3, 4))
    student[:, 1] = 5.0
    matching = ChannelMatching(3, 4)
    matching.gathers(True)
    for start in range(0, 60, 20):
        matching.add(student[start : start + 20], teacher[start : start + 20])
    found = matching.correlation()
    np.testing.assert_array_equal(found[1], 0)
    expected = np.corrcoef(student[:, [0, 2]].T, teacher.T)[:2, 2:]
    np.testing.assert_allclose(found[[0, 2]], expected, atol=1e-5)


@pytest.mark.parametrize(
    "inner, message",
    [
        ("nothing", "KCD: inner: no method 'nothing'"),
        ("kd", "KCD: inner: kd does not compare layers in pairs"),
        ("crd", "crd"),
        ({}, "KCD: inner: method is required; give one such as {method: fsp}"),
        (3, "KCD: inner: is 3; expected a method with its settings"),
        ({"method": "fitnet", "weight": 3}, "KCD: inner: weight: no such field; it is of the term"),
        ({"method": "fitnet", "student_tp": "a"}, "no such setting 'student_tp'; did you mean 'student_tap'?"),
    ],
)
def test_an_inner_method_that_cannot_be_is_refused(inner, message):
    with pytest.raises(ValueError, match=message):
        KCD(inner=inner)


def test_layers_of_another_kind_are_refused():
    with pytest.raises(UserError, match="no layer 'stage3'"):
        Distiller(network(4, 1), network(4, 2), terms=[KCD()])


def test_a_training_that_ends_before_it_teaches_is_told(capsys):
    print_note_once.cache_clear()
    distiller().fit(*data(), epochs=2, batch_size=8, verbose=0)
    assert "fit: kcd: match_after is 2 and the training ends after epoch 2; until then" in capsys.readouterr().err
    distiller().fit(*data(), epochs=3, batch_size=8, verbose=0)
    assert "kcd" not in capsys.readouterr().err
