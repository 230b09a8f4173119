"""SampledDistiller: all classes are the Distiller's training, few cost no logits, and what it cannot do is named."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_kd import DIS, KD, Distiller, SampledDistiller, Schedule, Term
from keras_kd.methods.logit_method import LogitMethod
from keras_kd.utils.errors import UserError

CLASSES = 300


def network(width, classes=CLASSES, activation=None, bias=True, normalized=True):
    layers = [keras.Input((6,)), keras.layers.Dense(width, activation="relu")]
    layers += [keras.layers.BatchNormalization()] if normalized else []
    return keras.Sequential([*layers, keras.layers.Dense(classes, activation=activation, use_bias=bias)])


def data(examples=32):
    generator = np.random.default_rng(0)
    return generator.normal(size=(examples, 6)).astype("float32"), generator.integers(0, CLASSES, examples)


def distilled(method, train=True, label_weight=0.1, bias=True, **options):
    """(distiller, its history) of two epochs of one batch, always from the same weights."""
    keras.utils.set_random_seed(0)
    student, teacher = network(8, bias=bias), network(16)
    kind = Distiller if type(method) is KD else SampledDistiller
    distiller = kind(student, teacher, method, label_weight=label_weight, **options)
    distiller.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
    x, y = data()
    return distiller, distiller.fit(x, y, epochs=2, batch_size=32, shuffle=False, verbose=0).history if train else None


@pytest.mark.both_backends
@pytest.mark.parametrize("bias", [True, False])
def test_all_classes_are_the_training_of_kd(bias):
    (sampled, of_sampled), (dense, of_dense) = (
        distilled(method, bias=bias) for method in (DIS(temperature=2.0, samples=CLASSES), KD(temperature=2.0))
    )
    np.testing.assert_allclose(of_sampled["dis_loss"], of_dense["kd_loss"], rtol=1e-4)
    for name in ("label_loss", "loss"):
        np.testing.assert_allclose(of_sampled[name], of_dense[name], rtol=1e-5)
    for one, other in zip(sampled.student.get_weights(), dense.student.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def shapes_in_a_step(distiller):
    """The shapes of all that a layer computes or a loss is given in a training step."""
    shapes, x, y = [], *data(8)
    call, logsumexp, matmul = keras.layers.Dense.call, ops.logsumexp, ops.matmul

    def told(function):
        def run(*given, **options):
            found = function(*given, **options)
            shapes.append(tuple(found.shape))
            return found

        return run

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keras.layers.Dense, "call", told(call))
        patched.setattr(ops, "logsumexp", told(logsumexp))
        patched.setattr(ops, "matmul", told(matmul))
        distiller.fit(x, y, batch_size=8, verbose=0)
    return shapes


def test_a_step_makes_no_logits_of_all_classes():
    distiller, _ = distilled(DIS(samples=20), train=False)
    shapes = shapes_in_a_step(distiller)
    assert (8, 28) in shapes and not [shape for shape in shapes if CLASSES in shape], shapes
    # The same look sees those of a step that makes them.
    dense, _ = distilled(KD(), train=False)
    assert [shape for shape in shapes_in_a_step(dense) if CLASSES in shape]


@pytest.mark.slow
@pytest.mark.parametrize("proposal", ["rank", "uniform"])
def test_few_classes_teach_and_nothing_of_the_teacher_moves(proposal):
    keras.utils.set_random_seed(1)
    student, teacher = (network(32, normalized=False) for _ in range(2))
    x, y = data(64)
    teacher.compile(optimizer=keras.optimizers.Adam(0.03), loss=cross_entropy())
    teacher.fit(x, y, epochs=30, batch_size=64, verbose=0)
    before = [value.copy() for value in teacher.get_weights()]
    distiller = SampledDistiller(student, teacher, DIS(temperature=2.0, samples=60, proposal=proposal))
    distiller.compile(optimizer=keras.optimizers.Adam(0.03), metrics=["accuracy"])
    history = distiller.fit(
        x, y, epochs=30, batch_size=64, validation_data=(x, y), validation_freq=29, verbose=0
    ).history
    assert sorted(history) == ["dis_loss", "label_loss", "loss", "val_accuracy", "val_loss"]
    assert history["val_accuracy"][-1] > 0.4  # of 300 classes
    assert np.isfinite(history["loss"]).all()
    for one, other in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    differences = np.asarray(distiller.adapters["0"]["sampler"].difference)
    assert bool(differences.any()) == (proposal == "rank")


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_evaluate_and_what_is_saved_are_the_student_alone(tmp_path):
    distiller, _ = distilled(DIS(samples=20))
    x, y = data()
    logits = distiller.predict(x, verbose=0)
    np.testing.assert_allclose(distiller.evaluate(x, y, verbose=0), cross_entropy()(y, logits), rtol=1e-5)
    distiller.save(tmp_path / "student.keras")
    loaded = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), logits, rtol=1e-5, atol=1e-6)


@pytest.mark.both_backends
def test_it_goes_on_from_where_it_was_saved(tmp_path):
    x, y = data()
    first, _ = distilled(DIS(samples=20))
    first.save_weights(tmp_path / "state.weights.h5")
    second, _ = distilled(DIS(samples=20), train=False)
    second.fit(x, y, verbose=0)
    second.load_weights(tmp_path / "state.weights.h5")
    for one in (first, second):
        one.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    for one, other in zip(first.student.get_weights(), second.student.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_may_be_missing_and_numbers_may_be_scheduled():
    distiller, _ = distilled(DIS(samples=20), train=False, label_weight=0)
    assert sorted(distiller.fit(data()[0], verbose=0).history) == ["dis_loss", "label_loss", "loss"]
    term = Term(
        DIS(samples=20), weight=2.0, schedules={"temperature": Schedule(start_value=4.0, end_value=1.0, duration=2)}
    )
    history = distilled(term, label_weight=Schedule(start_value=1.0, end_value=0.0, duration=2))[1]
    assert history["loss"][1] < history["loss"][0]


def test_the_weight_of_an_example_is_that_of_its_losses():
    x, y = data()
    histories = []
    for weights in (np.ones(32), np.where(np.arange(32) < 16, 2.0, 0.0)):
        distiller, _ = distilled(DIS(samples=CLASSES), train=False)
        histories.append(distiller.fit(x, y, sample_weight=weights, batch_size=32, verbose=0).history)
    distiller, _ = distilled(DIS(samples=CLASSES), train=False)
    half = distiller.fit(x[:16], y[:16], batch_size=16, verbose=0).history
    # Batch normalisation sees all of a batch, whatever it weighs.
    assert abs(histories[1]["loss"][0] - half["loss"][0]) < 0.05 * half["loss"][0]
    assert histories[1]["loss"][0] != histories[0]["loss"][0]


def functional(layer):
    inputs = keras.Input((6,))
    return keras.Model(inputs, layer(keras.layers.Dense(CLASSES)(inputs)), name="given")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SampledDistiller(functional(keras.layers.Activation("relu")), network(8)),
            "student: 'given' ends with Activation; expected a Dense layer without an activation, of which some "
            "classes can be computed alone: rebuild it so, or use Distiller with the method dis",
        ),
        (lambda: SampledDistiller(network(8), functional(lambda x: x * 1.0)), "teacher: 'given' ends with "),
        (
            lambda: SampledDistiller(network(8), network(8, activation="softmax")),
            "ends with a Dense layer with softmax",
        ),
        (lambda: SampledDistiller("resnet20", network(8)), "student: 'resnet20' is no keras.Model"),
        (lambda: SampledDistiller(network(8), network(8, 200)), "dis: the teacher gives 200 classes, the student 300"),
        (lambda: SampledDistiller(network(8), None), "teacher: found none; give one"),
        (lambda: SampledDistiller(network(8), network(8), KD()), "term: found KD; expected DIS, the only method"),
        (
            lambda: SampledDistiller(network(8), network(8), DIS(standardize=True)),
            "term: standardize and target of DIS need all logits; leave them out, or use Distiller",
        ),
        (lambda: SampledDistiller(network(8), network(8), DIS(target={"topk": 5})), "term: standardize and target"),
        (lambda: SampledDistiller(network(8), network(8), DIS(samples=301)), "dis: samples is 301"),
        (lambda: distilled(DIS(), train=False)[0].compile(loss="mse"), "compile: found a loss; the label loss is the"),
        (lambda: distilled(DIS(), train=False)[0].fit(data()[0]), "fit: label_weight is not 0 but no labels"),
        (
            lambda: distilled(DIS(), train=False)[0].fit(data()[0], np.eye(CLASSES)[data()[1]], verbose=0),
            r"fit: found labels of shape \((None|32), 300\); expected whole numbers",
        ),
        (lambda: distilled(DIS(), train=False)[0].fit(data()[0], data()[1] + 300), "fit: found label"),
    ],
)
def test_what_it_cannot_do_is_named(make, message):
    with pytest.raises(UserError, match=message if "\\" in message else None) as error:
        make()
    assert "\\" in message or message in str(error.value)


def test_metrics_are_said_to_be_those_of_validation(capsys):
    from keras_kd.utils import screen

    screen.print_note_once.cache_clear()
    distilled(DIS(), train=False)[0].compile(metrics=["accuracy"])
    assert capsys.readouterr().err == (
        "compile: metrics need the logits of all classes; they are computed in evaluate and on validation "
        "data, not in training steps\n"
    )


def test_the_method_is_dis_and_draws_for_the_whole_batch():
    distiller, _ = distilled(DIS(samples=20), train=False)
    assert isinstance(distiller.terms[0].method, LogitMethod) and distiller.terms[0].method.name == "dis"
    assert [tuple(one.shape) for one in distiller.adapters["0"]["sampler"].variables] == [(CLASSES,), (2,)]
