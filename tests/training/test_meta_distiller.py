"""A Distiller whose teacher learns to teach. The values of a round are held in tests/methods/test_golden.py."""

import keras
import numpy as np
import pytest
from keras import ops
from networks import cnn, images, same, values

from keras_kd import AT, CTKD, DKD, DML, KD, Distiller, HardLabels, Meta, MetaDistiller, Rounds, Schedule, SimKD, Term
from keras_kd.data.epochs import Epochs
from keras_kd.data.rounds import ArrayEpochs, HeldOut
from keras_kd.data.views import family
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.training.checkpoint import load_state, save_state
from keras_kd.utils.errors import NonFiniteLoss, UserError

X, Y = images(56)
TRAIN, HELD = (X[:40], Y[:40]), (X[40:], Y[40:])


def made(meta=None, terms=None, seed=0, dropout=0.0, **options):
    """(distiller, its student, its teacher); equal seeds begin alike."""
    keras.utils.set_random_seed(seed)
    student, teacher = cnn(3, dropout=dropout, name="student"), cnn(6, name="teacher")
    terms = [KD(temperature=2.0)] if terms is None else terms
    return MetaDistiller(student, teacher, terms, meta, **{"label_weight": 0.2, **options}), student, teacher


def compiled(distiller, **options):
    distiller.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), **options)
    return distiller


def close(one, other, **tolerance):
    return all(np.allclose(a, b, **tolerance) for a, b in zip(one, other, strict=True))


def fitted(distiller, epochs=2, **options):
    return distiller.fit(*TRAIN, held_out=HELD, batch_size=16, epochs=epochs, verbose=0, **options).history


@pytest.mark.parametrize("batches, steps", [(1, 1), pytest.param(2, 2, marks=pytest.mark.slow)])
def test_a_teacher_that_is_moved_by_nothing_teaches_as_one_that_stays(batches, steps):
    """What a trial changes (weights, batch statistics, the optimizer) is forgotten."""
    meta = Meta(teacher_learning_rate=1e-30, teacher_l2=0.0, batches=batches)
    distiller, student, teacher = made(meta)
    before = values(teacher)
    history = fitted(compiled(distiller, steps_per_execution=steps), shuffle=False)
    assert close(before, values(teacher), rtol=0, atol=1e-20) and all(one > 0 for one in history["held_out_loss"])
    keras.utils.set_random_seed(0)
    other, fixed = cnn(3, name="student"), cnn(6, name="teacher")
    plain = compiled(Distiller(other, fixed, [KD(temperature=2.0)], label_weight=0.2))
    # The last round of an epoch, of 8 images, is cut into as many batches as any other.
    sizes = [16, 16, 8] if batches == 1 else [16, 16, 4, 4]
    ends = np.cumsum([0, *sizes])
    parts = [(TRAIN[0][a:b], TRAIN[1][a:b]) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    for _ in range(2):
        for x, y in parts:
            plain.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    assert close(values(other), values(student), rtol=2e-5, atol=2e-6)


def test_in_epochs_without_a_rate_the_teacher_stays_and_no_trial_is_made():
    meta = Meta(teacher_learning_rate=Schedule(end_value=0.5, delay=1, stop_after=2))
    distiller, _, teacher = made(meta)
    compiled(distiller)
    seen = [values(teacher)]
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(values(teacher)))
    history = fitted(distiller, epochs=3, callbacks=[keep])
    moved = [any((a != b).any() for a, b in zip(*pair, strict=True)) for pair in zip(seen, seen[1:], strict=False)]
    assert moved == [False, True, False]
    assert [one > 0 for one in history["held_out_loss"]] == moved


def test_rates_fall_as_they_are_told():
    meta = Meta(trial_step_size=0.5, teacher_learning_rate=Schedule(end_value=0.2, delay=1), fall=lambda e: 0.1**e)
    assert meta.rates(0) == (0.5, 0.0)
    np.testing.assert_allclose(meta.rates(1), (0.05, 0.02))


@pytest.mark.both_backends
def test_the_gradient_of_the_teacher_is_that_of_the_held_out_loss():
    """By differences: through two trial steps of a student with batch normalisation in training mode."""
    meta = Meta(trial_step_size=1.0, batches=2)
    distiller, _, teacher = made(meta, terms=[Term(DKD(), 1.0)])
    compiled(distiller)
    batches = [(X[:8], Y[:8], None), (X[8:16], Y[8:16], None)]
    held_out = [(X[16:24], Y[16:24]), (X[24:32], Y[24:32])]
    _, gradients = distiller.teacher_gradients(batches, held_out)
    kernel = teacher.get_layer("logits").kernel
    place = [one is kernel for one in teacher.trainable_variables].index(True)
    start, direction = ops.convert_to_numpy(kernel), np.random.default_rng(1).normal(size=kernel.shape)

    def loss(step):
        kernel.assign(start + step * direction)
        return float(distiller.teacher_gradients(batches, held_out)[0])

    found = (loss(0.01) - loss(-0.01)) / 0.02
    expected = float(np.sum(ops.convert_to_numpy(gradients[place]) * direction))
    assert abs(expected) > 1e-5
    np.testing.assert_allclose(found, expected, rtol=3e-2)


@pytest.mark.both_backends
def test_the_teacher_is_in_inference_mode_and_its_statistics_stay():
    distiller, _, teacher = made(Meta(teacher_learning_rate=0.5))
    before = {one.path: ops.convert_to_numpy(one) for one in teacher.variables}
    fitted(compiled(distiller))
    moved = {one.path for one in teacher.variables if (ops.convert_to_numpy(one) != before[one.path]).any()}
    assert moved == {one.path for one in teacher.trainable_variables}


@pytest.mark.slow
def test_a_long_gradient_is_shortened_to_its_bound():
    settings = {"teacher_learning_rate": 1.0, "teacher_momentum": 0.0, "teacher_l2": 0.0}
    moves = {}
    for bound in (None, 1e-3, 1e6):
        distiller, _, teacher = made(Meta(**settings, teacher_gradient_norm=bound))
        before = values(teacher)
        compiled(distiller).fit(X[:16], Y[:16], held_out=HELD, batch_size=16, shuffle=False, verbose=0)
        moves[bound] = [a - b for a, b in zip(values(teacher), before, strict=True)]
    length = np.sqrt(sum((one**2).sum() for one in moves[1e-3]))
    np.testing.assert_allclose(length, 1e-3, rtol=1e-3)
    assert close(moves[None], moves[1e6], rtol=1e-3, atol=1e-7)


def test_teaching_makes_the_trial_better():
    """Many steps of the teacher on one trial bring the held-out loss down."""
    meta = Meta(trial_step_size=1.0, teacher_learning_rate=0.5, teacher_l2=0.0)
    distiller, _, teacher = made(meta, label_weight=0.0)
    compiled(distiller)
    batches, held_out = [(X[:32], Y[:32], None)], [HELD]
    losses = []
    for _ in range(15):
        loss, gradients = distiller.teacher_gradients(batches, held_out)
        losses.append(float(loss))
        distiller.teacher_optimizer.apply(gradients, teacher.trainable_variables)
    assert losses[-1] < losses[0] - 0.002


def test_weights_of_examples_count_in_the_trial():
    """Without batch normalisation an example of weight 0 is none; the mean is over all that there are."""

    def plain(width, name):
        layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(width, activation="tanh")]
        return keras.Sequential([*layers, keras.layers.Dense(5)], name=name)

    keras.utils.set_random_seed(0)
    distiller = compiled(MetaDistiller(plain(4, "student"), plain(8, "teacher"), [KD()], label_weight=0.2))
    weight = np.repeat([2.0, 0.0], 8).astype("float32")
    weighed = distiller.teacher_gradients([(X[:16], Y[:16], weight)], [HELD])
    halved = distiller.teacher_gradients([(X[:8], Y[:8], None)], [HELD])
    np.testing.assert_allclose(float(weighed[0]), float(halved[0]), rtol=1e-5)
    assert close(*([ops.convert_to_numpy(one) for one in each[1]] for each in (weighed, halved)), rtol=1e-3, atol=1e-8)


def rounds(resident, views, seed=3, batches=2):
    """(`Rounds` of 30 images in rounds of 16, their renderer)."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), "uint8")
    labels, sent = (np.arange(40) % 5).astype("int32"), None if resident else pixels[:30]
    train = Epochs(sent, labels[:30], views, 16, seed, image_shape=(8, 8, 1), classes=5)
    renderer = ViewRenderer(views, pixels[:30] if resident else None)
    return Rounds(train, HeldOut(pixels[30:], labels[30:], 8, seed, views), batches), renderer


@pytest.mark.parametrize(
    "resident, name", [(False, "crop_flip"), pytest.param(True, "crop_flip_mixup", marks=pytest.mark.slow)]
)
def test_views_mixed_or_not_reach_every_part_of_a_round(resident, name):
    data, renderer = rounds(resident, family(name))
    distiller, _, teacher = made(Meta(batches=2, held_out_batches=2), views=renderer)
    before = values(teacher)
    history = compiled(distiller).fit(data, epochs=2, verbose=0).history
    assert not same(before, teacher)
    assert np.isfinite(history["held_out_loss"]).all() and np.isfinite(history["loss"]).all()


@pytest.mark.slow
def test_the_state_has_all_that_moves(tmp_path):
    """Saved after an epoch and put into networks of another start, training goes on with the same weights."""

    def run(seed, epochs, initial=0, state=None):
        data, renderer = rounds(True, family("crop_flip"))
        distiller, student, teacher = made(Meta(batches=2), seed=seed, dropout=0.3, views=renderer)
        compiled(distiller)
        if state is not None:
            load_state(distiller, state)
        distiller.fit(data, epochs=epochs, initial_epoch=initial, verbose=0)
        return distiller, student, teacher

    _, student, teacher = run(0, 3)
    first, _, _ = run(0, 1)
    save_state(first, [{"epoch": 1}], tmp_path / "state.npz")
    _, again, taught = run(7, 3, 1, tmp_path / "state.npz")
    assert same(values(student), again) and same(values(teacher), taught)


@pytest.mark.both_backends
def test_weights_are_saved_with_the_teacher(tmp_path):
    distiller, student, teacher = made()
    fitted(compiled(distiller), epochs=1)
    distiller.save_weights(tmp_path / "a.weights.h5")
    other, empty, untaught = made(seed=5)
    compiled(other).optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "a.weights.h5")
    assert same(values(student), empty) and same(values(teacher), untaught)


def test_evaluate_and_predict_are_the_students_and_change_nothing():
    distiller, student, teacher = made()
    compiled(distiller, metrics=["accuracy"])
    before = values(student), values(teacher)
    said = distiller.evaluate(*HELD, verbose=0, return_dict=True)
    np.testing.assert_allclose(distiller.predict(X[:8], verbose=0), ops.convert_to_numpy(student(X[:8])), rtol=1e-5)
    assert same(before[0], student) and same(before[1], teacher)
    assert sorted(said) == ["accuracy", "loss"]


def test_a_teacher_that_is_lost_is_told_with_what_may_help():
    from keras_kd.training.callbacks import StopOnNonFinite

    meta = Meta(trial_step_size=1e6, teacher_learning_rate=1e6, teacher_gradient_norm=None)
    distiller, _, _ = made(meta)
    with pytest.raises(NonFiniteLoss, match="trial_step_size or teacher_learning_rate"):
        fitted(compiled(distiller), epochs=6, callbacks=[StopOnNonFinite()])


NONE_OF_LOGITS = "give terms of logits, such as KD\\(\\), DKD\\(\\) or DIST\\(\\), or train with a Distiller"


@pytest.mark.parametrize(
    "options, said",
    [
        (
            {"terms": [AT(student_taps=["map"], teacher_taps=["map"])]},
            f"AT reads map and not only logits; {NONE_OF_LOGITS}",
        ),
        ({"terms": [KD(), CTKD()]}, f"CTKD changes more in a step than the student; {NONE_OF_LOGITS}"),
        ({"terms": [SimKD(student_tap="map", teacher_tap="map")]}, "SimKD reads projected, map"),
        ({"terms": [HardLabels()]}, "HardLabels passes no gradient to them"),
        ({"terms": []}, "no term passes no gradient"),
        ({"terms": [DML()], "peers": [cnn(3)]}, "peers cannot be given: a trial is of the student alone"),
        ({"banked": True}, "banked cannot be given: a bank holds what a teacher said before it was taught"),
        ({"examples": 40}, "examples cannot be given"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_combined_is_refused_by_name(options, said):
    with pytest.raises(UserError, match=said):
        made(**options)


def test_teachers_that_cannot_learn_are_refused():
    still = cnn(6, name="still")
    still.trainable = False
    for student, teacher, said in (
        (cnn(3), None, "found no teacher to be taught"),
        (cnn(3), still, "the teacher 'still' has no trainable weight"),
        (cnn(3, dtype="mixed_float16"), cnn(6), "the student computes in float16"),
    ):
        with pytest.raises(UserError, match=said):
            MetaDistiller(student, teacher, [KD()])


@pytest.mark.parametrize(
    "fields",
    [
        {"batches": 0},
        {"held_out_batches": 1.5},
        {"trial_step_size": 0},
        {"trial_step_size": -1},
        {"teacher_learning_rate": -0.1},
        {"teacher_momentum": 1.0},
        {"teacher_l2": -1},
        {"teacher_gradient_norm": 0},
    ],
    ids=str,
)
def test_numbers_out_of_range_are_refused_by_name(fields):
    with pytest.raises(UserError, match=f"^Meta: {next(iter(fields))} is "):
        Meta(**fields)


@pytest.mark.parametrize(
    "given, said",
    [
        ({"x": X, "y": Y}, "found no held-out examples"),
        ({"x": X, "held_out": HELD}, "expected arrays of both, or keras_kd.Rounds as x"),
        ({"x": X, "y": Y + 9, "held_out": HELD}, r"found label 13; expected 0\.\.4"),
        ({"x": X, "y": Y, "held_out": (X, Y + 9)}, r"found label 13; expected 0\.\.4"),
        ({"x": X[:-1], "y": Y, "held_out": HELD}, "found 55, 56 examples"),
        ({"x": X, "y": Y, "held_out": (X[:, 1:], Y)}, r"held_out has examples of shape .*; expected .*, that of x"),
        ({"x": X, "y": Y, "held_out": (X[:0], Y[:0])}, "found 0 images and 0 labels"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_data_that_are_no_rounds_are_refused(given, said):
    distiller, _, _ = made()
    with pytest.raises(UserError, match=said):
        compiled(distiller).fit(**given, verbose=0)


def test_rounds_must_be_those_of_the_settings():
    distiller, _, _ = made()
    data = Rounds(ArrayEpochs(*TRAIN, batch_size=16), HeldOut(*HELD, size=8), batches=2)
    with pytest.raises(UserError, match=r"found Rounds of 2 batches and Meta\(batches=1\)"):
        compiled(distiller).fit(data, verbose=0)
    with pytest.raises(UserError, match="give x alone"):
        compiled(distiller).fit(data, held_out=HELD, verbose=0)
