"""What a training step may hold in addition to a student and a teacher: schedules, peers, trust by class, images made
in the step, a student that its method rebuilds, memories and random draws."""

from typing import ClassVar

import keras
import numpy as np
import pytest
from keras import ops
from networks import cnn, cross_entropy_by_hand, images, kd_by_hand, outputs_of, same, values

from keras_kd import KD, ONE, Distiller, LabelSmoothing, Method, Schedule, Term
from keras_kd.backend import input_gradient
from keras_kd.data.epochs import Epochs
from keras_kd.data.views.crop_flip import VIEWS
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.training.trust import trust_by_class
from keras_kd.utils.errors import UserError


def fitted(distiller, epochs=1, count=16, learning_rate=0.0, x=None, **options):
    """The history of a distiller trained on a few images; without a learning rate nothing moves but statistics."""
    pixels, labels = images(count)
    distiller.compile(optimizer=keras.optimizers.SGD(learning_rate))
    inputs = pixels if x is None else x
    return distiller.fit(inputs, labels, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **options).history


# Schedules.


@pytest.mark.parametrize(
    "schedule, expected",
    [
        (Schedule(end_value=2.0), [2, 2, 2]),
        (Schedule(end_value=1.0, duration=20), [0.05, 0.1, 0.15]),
        (Schedule(end_value=1.0, delay=2), [0, 0, 1, 1]),
        (Schedule(end_value=0.9, stop_after=2), [0.9, 0.9, 0, 0]),
        (Schedule(start_value=4.0, end_value=1.0, duration=3), [3, 2, 1, 1]),
        (Schedule(start_value=4.0, end_value=1.0, delay=1, duration=2), [4, 2.5, 1, 1]),
        (Schedule(start_value=1.0, end_value=0.0, duration=2, shape="cosine"), [0.5, 0, 0]),
        (Schedule(end_value=1.0, duration=2, shape="sigmoid"), [np.exp(-1.25), 1, 1]),
    ],
)
def test_values_of_schedules(schedule, expected):
    np.testing.assert_allclose([schedule.at(epoch) for epoch in range(len(expected))], expected, atol=1e-12)


def test_weights_and_settings_follow_the_epoch():
    student, teacher = cnn(2), cnn(4)
    term = Term(
        KD(),
        weight=Schedule(end_value=0.5, delay=1),
        schedules={"temperature": Schedule(start_value=2.0, end_value=4.0, duration=2)},
    )
    distiller = Distiller(student, teacher, terms=[term], label_weight=Schedule(end_value=1.0, stop_after=2))
    history = fitted(distiller, epochs=3)
    np.testing.assert_allclose(
        history["loss"],
        [
            label_weight * label + weight * kd
            for label_weight, weight, label, kd in zip(
                [1, 1, 0], [0, 0.5, 0.5], history["label_loss"], history["kd_loss"], strict=True
            )
        ],
        rtol=1e-5,
    )
    pixels, _ = images(16)
    said = ops.convert_to_numpy(outputs_of(teacher, pixels))
    batches = [slice(0, 8), slice(8, 16)]
    spoken = np.concatenate(
        [ops.convert_to_numpy(outputs_of(student, pixels[part], training=True)) for part in batches]
    )
    by_hand = [kd_by_hand(said, spoken, temperature).mean() for temperature in (3.0, 4.0, 4.0)]
    np.testing.assert_allclose(history["kd_loss"], by_hand, rtol=1e-4)


def test_a_resumed_run_has_the_numbers_of_its_epoch():
    whole = fitted(Distiller(cnn(2), cnn(4), terms=[Term(KD(), Schedule(end_value=1.0, duration=4))]), epochs=4)
    distiller = Distiller(cnn(2), cnn(4), terms=[Term(KD(), Schedule(end_value=1.0, duration=4))])
    part = fitted(distiller, epochs=4, initial_epoch=3)
    assert len(whole["loss"]) == 4
    np.testing.assert_allclose(part["loss"][0], part["label_loss"][0] + part["kd_loss"][0], rtol=1e-5)


@pytest.mark.parametrize(
    "term, message",
    [
        (lambda: Term(KD(), weight=Schedule(start_value=1.0, end_value=-1.0, duration=2)), "expected 0 or more"),
        (lambda: Term(KD(), schedules={"temprature": Schedule(end_value=1.0)}), "expected one of its numbers"),
        (lambda: Term(KD(), schedules={"temperature": 3.0}), "expected one of its numbers"),
        (
            lambda: Term(KD(), schedules={"temperature": Schedule(end_value=0.0)}),
            "epoch temperature of KD is 0.0; expected",
        ),
    ],
)
def test_schedules_that_cannot_be(term, message):
    with pytest.raises(UserError, match=message):
        term()


# Trust by class.


def test_trust_weighs_label_and_term_by_class():
    student, teacher, trust = cnn(2), cnn(4), np.linspace(0, 1, 5)
    distiller = Distiller(student, teacher, terms=[Term(KD(temperature=2.0), 1.0)], trust=trust)
    history = fitted(distiller, count=8)
    pixels, labels = images(8)
    spoken = ops.convert_to_numpy(outputs_of(student, pixels, training=True))
    label = ((1 - trust[labels]) * cross_entropy_by_hand(spoken, labels)).mean()
    term = (trust[labels] * kd_by_hand(ops.convert_to_numpy(outputs_of(teacher, pixels)), spoken, 2.0)).mean()
    np.testing.assert_allclose(history["label_loss"], [label], rtol=1e-4)
    np.testing.assert_allclose(history["loss"], [label + term], rtol=1e-4)


@pytest.mark.parametrize("trust", [[0.5] * 4, [2.0] * 5, [-0.1] * 5])
def test_trust_that_cannot_be(trust):
    with pytest.raises(UserError, match="expected 5 numbers in 0..1, one per class"):
        Distiller(cnn(2), cnn(4), terms=[KD()], trust=trust)


def test_trust_is_what_the_teacher_achieves_on_each_class():
    logits = np.log([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1]])
    labels = np.array([0, 0, 1, 1])
    np.testing.assert_allclose(trust_by_class(logits, labels, weight=0.8), [0.4, 0.8, 0.6], rtol=1e-6)
    np.testing.assert_allclose(trust_by_class(logits, labels, measure="margin"), [0.2, 0.5, 0.35], rtol=1e-6)


# Methods of the tests' own, each using one of the services.


class ToPeers(Method):
    """Squared distance to the mean of the peers."""

    roles: ClassVar = ("student", "peer")

    def loss(self, signals, labels, adapters):
        peers = [one["logits"] for role, one in signals.items() if role.startswith("peer_")]
        return ops.mean((signals["student"]["logits"] - sum(peers) / len(peers)) ** 2, axis=-1)


def test_peers_train_and_are_dropped():
    student, peers = cnn(2), [cnn(3, name="one"), cnn(4, name="two")]
    distiller = Distiller(student, terms=[ToPeers()], peers=peers)
    before = [values(peer) for peer in peers]
    history = fitted(distiller, learning_rate=0.1)
    assert not any(same(old, peer) for old, peer in zip(before, peers, strict=True))
    assert sorted(history) == ["label_loss", "loss", "topeers_loss"]
    assert distiller.student is student and len(distiller.state()) > len(student.variables) + len(peers[0].variables)
    with pytest.raises(UserError, match=r"ToPeers needs a peer; none was given; give peers=\[\.\.\.\]"):
        Distiller(student, terms=[ToPeers()])


class Remembering(Method):
    """Counts, in a memory of the size of the training set, how often each example was seen."""

    def taps(self, role):
        return ("index",) if role == "data" else ()

    def check(self, specs):
        if specs["data"]["examples"] is None:
            raise UserError("remembering: needs examples")

    def adapters(self, specs, networks):
        memory = keras.layers.Layer()
        memory.seen = memory.add_weight(shape=(specs["data"]["examples"],), initializer="zeros", trainable=False)
        memory.built = True
        return {"memory": memory}

    def loss(self, signals, labels, adapters):
        index, seen = signals["data"]["index"], adapters["memory"].seen
        seen.assign(seen + ops.sum(ops.one_hot(index, seen.shape[0]), axis=0))
        return ops.zeros_like(index, "float32")


def test_a_method_may_remember_each_example():
    pixels = np.random.default_rng(0).integers(0, 255, (16, 8, 8, 1)).astype("uint8")
    views = ViewRenderer(VIEWS["none"], pixels)
    distiller = Distiller(cnn(2), cnn(4), terms=[Remembering()], views=views, examples=16)
    x = {"index": np.arange(16, dtype="int32"), "view": np.zeros(16, "int32")}
    fitted(distiller, epochs=3, x=x)
    np.testing.assert_array_equal(ops.convert_to_numpy(distiller.adapters["0"]["memory"].seen), [3] * 16)
    with pytest.raises(UserError, match="remembering: needs examples"):
        Distiller(cnn(2), cnn(4), terms=[Remembering()])


class Attacking(Method):
    """Compares the networks on images moved along the teacher's gradient and some noise."""

    def adapters(self, specs, networks):
        draws = keras.layers.Layer()
        draws.seeds = keras.random.SeedGenerator(1)
        draws.last = draws.add_weight(shape=(), initializer="zeros", trainable=False)
        draws.built = True
        return {"draws": draws}

    def extra_images(self, images, labels, run, adapters):
        gradient = input_gradient(lambda moved: run("teacher", moved)[:, 0], images)
        noise = keras.random.uniform((), seed=adapters["draws"].seeds)
        adapters["draws"].last.assign(noise)
        return (images + gradient + noise)[:4], ops.ones(4)

    def loss(self, signals, labels, adapters):
        apart = ops.mean((signals["student"]["extra"] - signals["teacher"]["extra"]) ** 2, axis=-1)
        weight = signals["data"]["extra_weight"]
        return ops.sum(weight * apart) / ops.sum(weight)


def test_a_method_may_make_images_in_the_step():
    student, teacher = cnn(2), cnn(4)
    distiller = Distiller(student, teacher, terms=[Attacking()])
    before, draws = values(teacher), []
    log = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: draws.append(
            float(ops.convert_to_numpy(distiller.adapters["0"]["draws"].last))
        )
    )
    history = fitted(distiller, epochs=3, count=8, callbacks=[log])
    assert same(before, teacher)
    assert len(set(draws)) == 3, "the random draws of a step must move on"
    assert all(value > 0 for value in history["attacking_loss"])


def test_the_gradient_of_the_input():
    x = ops.convert_to_tensor(np.array([[1.0, 2.0], [3.0, 4.0]], "float32"))
    found = ops.convert_to_numpy(input_gradient(lambda moved: ops.sum(moved**2, axis=-1), x))
    np.testing.assert_allclose(found, [[2, 4], [6, 8]])


class Rebuilding(Method):
    """Puts a head of its own on the student."""

    def student(self, student, networks):
        outputs = keras.layers.Dense(networks["teacher"].output.shape[-1], name="head")(student.get_layer("map").output)
        return keras.Model(student.input, keras.layers.GlobalAveragePooling2D()(outputs), name="rebuilt")

    def loss(self, signals, labels, adapters):
        return ops.mean((signals["student"]["logits"] - signals["teacher"]["logits"]) ** 2, axis=-1)


def test_a_method_may_rebuild_the_student(tmp_path):
    distiller = Distiller(cnn(2, classes=3), cnn(4), terms=[Rebuilding()])
    fitted(distiller, learning_rate=0.1)
    assert distiller.student.name == "rebuilt"
    distiller.save(tmp_path / "student.keras")
    pixels, _ = images(8)
    loaded = keras.models.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(outputs_of(loaded, pixels)), ops.convert_to_numpy(outputs_of(distiller.student, pixels))
    )


# Memory.


def test_training_keeps_the_memory_of_a_step(monkeypatch):
    from keras_kd import backend

    asked = []
    monkeypatch.setattr(backend, "keep_memory", lambda: asked.append("kept"))
    fitted(Distiller(cnn(2), label_weight=1.0))
    assert asked == ["kept"]


def test_memory_can_be_asked_for_more_than_once():
    from keras_kd import backend

    assert backend.keep_memory() is None
    assert backend.keep_memory() is None


# What cannot be is said at once.


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"trust": "accuracy"}, "trust: found .* 'accuracy'; expected 5 numbers in 0..1, one per class"),
        ({"teacher": None, "terms": [LabelSmoothing()], "trust": [0.5] * 3}, "trust: there is no teacher to trust"),
        ({"peers": [cnn(2, name="peer")]}, "peers: no term reads them; add one that does, such as DML"),
    ],
)
def test_what_nothing_reads_is_refused(options, expected):
    with pytest.raises(UserError, match=expected):
        Distiller(cnn(2), **{"teacher": cnn(4), "terms": [KD()], **options})


def test_a_number_that_must_be_whole_cannot_follow_the_epoch():
    with pytest.raises(UserError, match="schedules of ONE: found branches=.*expected one of its numbers that need not"):
        Term(ONE(), schedules={"branches": Schedule(end_value=3.0)})


class Failing(Method):
    def loss(self, signals, labels, adapters):
        return signals["student"]["logits"][:, 0] / (1 // 0)


def test_what_fails_in_a_method_of_ones_own_is_named():
    with pytest.raises(UserError, match="failing: cannot work on .*: ZeroDivisionError: "):
        Distiller(cnn(2), cnn(4), terms=[Failing()])


# Several steps in one call.


def dropping(seed=4):
    """A network whose training draws random numbers and moves statistics."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3), keras.layers.BatchNormalization()]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.5, seed=seed), keras.layers.Dense(5)]
    return keras.Sequential(layers)


class Calls(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(batch)


@pytest.mark.parametrize("count", [*(pytest.param(one, marks=pytest.mark.slow) for one in (2, 3, 100)), 4])
def test_several_steps_in_one_call_are_the_same_steps(count):
    pixels, labels = np.random.default_rng(0).integers(0, 256, (45, 8, 8, 1), dtype="uint8"), np.arange(45) % 4

    def trained(steps_per_execution):
        student, calls = dropping(), Calls()
        distiller = Distiller(student, cnn(4, shape=(8, 8, 1)), [KD()], 0.5, views=ViewRenderer(VIEWS["flip"], pixels))
        distiller.compile(
            optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
            metrics=["accuracy"],
            steps_per_execution=steps_per_execution,
        )
        # Six steps, the last of five images.
        epochs = Epochs(None, labels, VIEWS["flip"], batch_size=8)
        history = distiller.fit(epochs, epochs=2, shuffle=False, verbose=0, callbacks=[calls]).history
        return history, values(student), len(calls.ends)

    (one, weights, six), (several, same_weights, calls) = trained(1), trained(count)
    assert (six, calls) == (12, 2 * -(-6 // count))
    assert one.keys() == several.keys()
    for name in one:
        np.testing.assert_allclose(several[name], one[name], rtol=1e-5)
    for new, old in zip(same_weights, weights, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="how JAX runs several steps")
def test_on_jax_several_steps_are_one_compiled_call(monkeypatch):
    pixels, labels = images(32)
    distiller = Distiller(cnn(2), cnn(4), [KD()])
    distiller.compile(optimizer="sgd", steps_per_execution=4)
    traced = []
    step = distiller.train_step
    monkeypatch.setattr(distiller, "train_step", lambda *given: traced.append(1) or step(*given))
    distiller.fit(pixels, labels, batch_size=4, epochs=3, shuffle=False, verbose=0)
    # A loop of eight steps traces its body a few times and never again; a step by itself is not compiled at all.
    before = len(traced)
    distiller.fit(pixels, labels, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert 0 < before < 8 and len(traced) == before


@pytest.mark.parametrize("labels_of", ["numbers", "columns", "one hot", "epochs"])
def test_a_step_is_traced_once_metrics_and_all(labels_of, monkeypatch):
    pixels, labels = images(32)
    whole = (pixels * 255).astype("uint8")
    views = ViewRenderer(VIEWS["none"], whole) if labels_of == "epochs" else None
    distiller = Distiller(cnn(2), cnn(4), [KD()], views=views)
    distiller.compile(optimizer="sgd", metrics=["accuracy"])
    traced = []
    step = distiller.train_step
    monkeypatch.setattr(distiller, "train_step", lambda *given: traced.append(1) or step(*given))
    given = {"numbers": labels, "columns": labels[:, None], "one hot": np.eye(distiller.classes)[labels]}
    if labels_of == "epochs":
        history = distiller.fit(Epochs(None, labels, VIEWS["none"], 8), verbose=0).history
    else:
        history = distiller.fit(pixels, given[labels_of], batch_size=8, verbose=0).history
    assert len(traced) == 1 and 0 <= history["accuracy"][0] <= 1
