"""The Distiller as a user meets it; the first ten are what `keras.distillation.Distiller` gets wrong."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import pytest
from keras import ops
from networks import CountingLayer, cnn, cross_entropy_by_hand, images, kd_by_hand, outputs_of, same, values

from keras_kd import KD, SGD, Distiller, Method, Term, UserError


def predictions(model, x):
    return ops.convert_to_numpy(outputs_of(model, x))


def losses_of_one_step(distiller, x, y, **options):
    """The logs of one step that changes nothing: learning rate 0."""
    distiller.compile(optimizer=keras.optimizers.SGD(0.0))
    return {key: v[0] for key, v in distiller.fit(x, y, batch_size=len(x), verbose=0, **options).history.items()}


def plain(width, name, classes=5, **options):
    """A network whose output does not depend on `training`: no BatchNorm, no dropout."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(width, activation="relu", **options)]
    return keras.Sequential([*layers, keras.layers.Dense(classes)], name=name)


# Ten that the incumbent fails.


def test_1_one_student_forward_a_step():
    inputs = keras.Input((8, 8, 1))
    counting = CountingLayer()
    outputs = keras.layers.Dense(5)(keras.layers.Flatten()(counting(inputs)))
    student = keras.Model(inputs, outputs)
    distiller = Distiller(student, cnn(8), terms=[KD(), KD(temperature=2.0)])
    distiller.compile(optimizer="sgd")
    x, y = images(32)
    distiller.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert float(ops.convert_to_numpy(counting.count)) == 2 * 4


def test_2_evaluate_and_predict_change_no_weight():
    student, teacher = cnn(4, dropout=0.5), cnn(8, name="teacher")
    distiller = Distiller(student, teacher, terms=[KD()])
    distiller.compile(optimizer="sgd", metrics=["accuracy"])
    x, y = images()
    before, before_teacher = values(student), values(teacher)
    first = distiller.evaluate(x, y, verbose=0)
    assert distiller.evaluate(x, y, verbose=0) == first
    distiller.predict(x, verbose=0)
    assert same(before, student) and same(before_teacher, teacher)


def test_3_sample_weights_count_in_every_term():
    student, teacher = plain(4, "student"), plain(8, "teacher")
    x, y = images(16)
    weights = np.linspace(0, 3, 16).astype("float32")
    kd = kd_by_hand(predictions(teacher, x), predictions(student, x), 4.0)
    ce = cross_entropy_by_hand(predictions(student, x), y)
    distiller = Distiller(student, teacher, terms=[Term(KD(temperature=4.0), 0.9)], label_weight=0.1)
    logs = losses_of_one_step(distiller, x, y, sample_weight=weights)
    np.testing.assert_allclose(logs["kd_loss"], (weights * kd).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["label_loss"], (weights * ce).mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], (weights * (0.1 * ce + 0.9 * kd)).mean(), rtol=1e-5)
    only = np.eye(16, dtype="float32")[5]
    logs = losses_of_one_step(distiller, x, y, sample_weight=only)
    np.testing.assert_allclose(logs["loss"], (0.1 * ce + 0.9 * kd)[5] / 16, rtol=1e-5)
    assert losses_of_one_step(distiller, x, y, sample_weight=0 * only)["loss"] == 0


def test_3_class_weights_count_in_every_term():
    student, teacher = plain(4, "student"), plain(8, "teacher")
    x, y = images(16)
    by_class = {0: 0.0, 1: 2.0, 2: 1.0, 3: 0.5, 4: 4.0}
    weights = np.array([by_class[label] for label in y])
    distiller = Distiller(student, teacher, terms=[Term(KD(temperature=4.0), 0.9)], label_weight=0.1)
    kd = kd_by_hand(predictions(teacher, x), predictions(student, x), 4.0)
    ce = cross_entropy_by_hand(predictions(student, x), y)
    logs = losses_of_one_step(distiller, x, y, class_weight=by_class)
    np.testing.assert_allclose(logs["loss"], (weights * (0.1 * ce + 0.9 * kd)).mean(), rtol=1e-5)


def test_4_the_students_regularisers_count_and_the_teachers_do_not():
    x, y = images(16)
    student = plain(4, "student", kernel_regularizer=keras.regularizers.L2(0.1))
    teacher = plain(8, "teacher", kernel_regularizer=keras.regularizers.L2(0.1))
    penalty = 0.1 * np.square(ops.convert_to_numpy(student.layers[1].kernel)).sum()
    distiller = Distiller(student, teacher, terms=[Term(KD(), 0.9)], label_weight=0.1)
    logs = losses_of_one_step(distiller, x, y)
    np.testing.assert_allclose(logs["loss"] - 0.1 * logs["label_loss"] - 0.9 * logs["kd_loss"], penalty, rtol=1e-4)


def test_4_activity_regularisers_count():
    x, y = images(16)
    student = plain(4, "student", activity_regularizer=keras.regularizers.L2(0.1))
    logs = losses_of_one_step(Distiller(student, plain(8, "t"), terms=[Term(KD(), 0.9)], label_weight=0.1), x, y)
    assert logs["loss"] - 0.1 * logs["label_loss"] - 0.9 * logs["kd_loss"] > 1e-4


def test_5_the_default_loss_is_right():
    student, teacher = plain(4, "student"), plain(8, "teacher")
    x, y = images(16)
    distiller = Distiller(student, teacher, terms=[KD()], label_weight=0.1)
    logs = losses_of_one_step(distiller, 30 * x, y)
    by_hand = kd_by_hand(predictions(teacher, 30 * x), predictions(student, 30 * x), 4.0).mean()
    np.testing.assert_allclose(logs["kd_loss"], by_hand, rtol=1e-5)
    bias = student.layers[-1].bias
    bias.assign(bias + 100.0)
    np.testing.assert_allclose(losses_of_one_step(distiller, 30 * x, y)["kd_loss"], by_hand, rtol=1e-4)


def test_6_the_teacher_never_moves():
    student, teacher = cnn(4), cnn(8, name="teacher", dropout=0.5, regularizer="l2")
    before = values(teacher)
    distiller = Distiller(student, teacher, terms=[KD()])
    distiller.compile(optimizer=keras.optimizers.SGD(0.5, weight_decay=0.1))
    x, y = images()
    history = distiller.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    assert same(before, teacher)
    assert teacher.trainable and teacher.trainable_variables, "the user's teacher is left as it was given"
    assert history["kd_loss"][0] > 0


def test_7_what_is_saved_is_the_student_alone(tmp_path):
    student, teacher = cnn(4), cnn(64, name="teacher")
    distiller = Distiller(student, teacher, terms=[KD()])
    distiller.compile(optimizer="adam")
    x, y = images()
    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"))
    weights = keras.callbacks.ModelCheckpoint(str(tmp_path / "best.weights.h5"), save_weights_only=True)
    distiller.fit(x, y, verbose=0, callbacks=[checkpoint, weights])
    distiller.save(tmp_path / "saved.keras")
    student.save(tmp_path / "student.keras")
    largest = 1.1 * (tmp_path / "student.keras").stat().st_size
    assert (tmp_path / "best.keras").stat().st_size < largest
    assert (tmp_path / "saved.keras").stat().st_size < largest
    with zipfile.ZipFile(tmp_path / "saved.keras") as archive:
        assert "keras_kd" not in archive.read("config.json").decode()
    import h5py

    names = []
    with h5py.File(tmp_path / "best.weights.h5") as file:
        file.visit(names.append)
    assert not [name for name in names if "teacher" in name]


@pytest.mark.one_backend
@pytest.mark.slow
def test_7_the_saved_student_loads_without_keras_kd(tmp_path):
    distiller = Distiller(cnn(4), cnn(8, name="teacher"), terms=[KD()])
    distiller.save(tmp_path / "saved.keras")
    code = "import sys, keras; keras.saving.load_model(sys.argv[1]); print('keras_kd' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path / "saved.keras")], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_8_reload_and_go_on(tmp_path):
    x, y = images()
    teacher = cnn(8, name="teacher")

    def begin(student):
        distiller = Distiller(student, teacher, terms=[KD()])
        distiller.compile(optimizer=SGD(0.05, momentum=0.9), metrics=["accuracy"])
        return distiller

    straight = begin(cnn(4))
    start = straight.student.get_weights()
    straight.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    first = begin(cnn(4))
    first.student.set_weights(start)
    first.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    first.save_weights(tmp_path / "half.weights.h5")
    second = begin(cnn(4))
    second.optimizer.build(second.trainable_variables)
    second.load_weights(tmp_path / "half.weights.h5")
    second.fit(x, y, batch_size=8, epochs=2, initial_epoch=1, shuffle=False, verbose=0)
    for one, other in zip(straight.student.get_weights(), second.student.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    loaded = begin(keras.saving.load_model(_saved(second, tmp_path)))
    np.testing.assert_allclose(loaded.evaluate(x, y, verbose=0), second.evaluate(x, y, verbose=0), rtol=1e-5)
    loaded.fit(x, y, verbose=0)


def _saved(distiller, folder):
    path = Path(folder, "again.keras")
    distiller.save(path)
    return path


def test_8_backup_and_restore(tmp_path):
    x, y = images()
    distiller = Distiller(cnn(4), cnn(8, name="teacher"), terms=[KD()])
    distiller.compile(optimizer="adam")

    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distiller.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(str(tmp_path)), Killed()])
    history = distiller.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(str(tmp_path))])
    assert history.epoch == [1, 2]


class MapEnergy(Method):
    """A feature method of a user's own: mean squared difference of two layers' outputs."""

    tap: str = "map"
    default_weight: ClassVar[float] = 10.0

    def taps(self, role):
        return (self.tap,)

    def loss(self, signals, labels, adapters):
        difference = signals["student"][self.tap] - signals["teacher"][self.tap]
        return ops.mean(ops.square(difference), axis=(1, 2, 3))


def test_9_wrong_widths_are_named_before_any_data():
    with pytest.raises(UserError) as error:
        Distiller(cnn(4), cnn(8, name="teacher"), terms=[MapEnergy()])
    assert "mapenergy: cannot work on student logits (None, 5), student map (None, 6, 6, 4), " in str(error.value)
    assert "teacher map (None, 6, 6, 8)" in str(error.value)
    with pytest.raises(UserError) as error:
        Distiller(cnn(4, classes=5), cnn(8, classes=7), terms=[KD()])
    assert str(error.value) == (
        "kd: the teacher gives 7 classes, the student 5; both must name the same classes in the same order: "
        "give the student's last layer as many units as the teacher's"
    )
    with pytest.raises(UserError, match=r"teacher: takes images of \(9, 9, 1\), the student of \(8, 8, 1\)"):
        Distiller(cnn(4), cnn(8, shape=(9, 9, 1)), terms=[KD()])
    with pytest.raises(UserError, match=r"student: no layer 'mapp' in 'cnn'; did you mean 'map'\?"):
        Distiller(cnn(4), cnn(4), terms=[MapEnergy(tap="mapp")])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_10_mixed_precision_student_with_float32_teacher(policy):
    student, teacher = cnn(4, dtype=policy), cnn(4, name="teacher")
    distiller = Distiller(student, teacher, terms=[KD(), MapEnergy()])
    distiller.compile(optimizer=SGD(0.05, momentum=0.9), metrics=["accuracy"])
    x, y = images()
    before = values(student)
    history = distiller.fit(x, y, epochs=2, verbose=0).history
    assert all(np.isfinite(value).all() for value in history.values())
    assert not same(before, student)
    scaled = isinstance(distiller.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")


# The rest of the contract.


def test_taps_reach_nested_and_subclassed_models():
    def nested(name):
        inputs = keras.Input((8, 8, 1))
        return keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(body(name)(inputs))), name=name)

    def body(name):
        inputs = keras.Input((8, 8, 1))
        return keras.Model(inputs, keras.layers.Conv2D(4, 3, name="deep")(inputs), name="backbone")

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.backbone = body("inner")
            self.head = keras.layers.Dense(5)

        def call(self, x, training=None):
            x = self.backbone(x)
            return self.head(ops.reshape(x, (-1, 6 * 6 * 4)))

    teacher = Subclassed()
    x, y = images()
    teacher(x)
    distiller = Distiller(nested("student"), teacher, terms=[MapEnergy(tap="backbone/deep")])
    distiller.compile(optimizer="sgd")
    logs = distiller.fit(x, y, batch_size=32, verbose=0).history
    assert logs["mapenergy_loss"][0] > 0


def test_probabilities_must_be_declared_and_then_work():
    soft = cnn(8, activation="softmax", name="soft")
    with pytest.raises(UserError, match="teacher: 'soft' gives probabilities .* set from_logits to false"):
        Distiller(cnn(4), soft, terms=[KD()])
    with pytest.raises(UserError, match="student: 'cnn' gives logits .* set from_logits to true"):
        Distiller(cnn(4), soft, terms=[KD()], from_logits=False)
    hard = cnn(8, name="hard")
    hard.set_weights(soft.get_weights())
    student = cnn(4)
    x, y = images()
    one = losses_of_one_step(Distiller(student, soft, [KD()], from_logits={"student": True, "teacher": False}), x, y)
    student.set_weights(student.get_weights())
    other = losses_of_one_step(Distiller(student, hard, [KD()]), x, y)
    np.testing.assert_allclose(one["kd_loss"], other["kd_loss"], rtol=1e-3)


def test_a_softmax_that_no_layer_shows_is_seen_in_the_numbers():
    inputs = keras.Input((8, 8, 1))
    hidden = keras.Model(inputs, ops.exp(ops.log_softmax(cnn(4)(inputs))), name="hidden")
    with pytest.raises(UserError, match="'hidden' gives probabilities"):
        Distiller(cnn(4), hidden, terms=[KD()])


@pytest.mark.one_backend
def test_one_hot_labels_column_labels_and_datasets_give_one_result():
    x, y = images(16)
    results = []
    student, teacher = plain(4, "student"), plain(8, "teacher")
    for labels in (y, y[:, None], np.eye(5, dtype="float32")[y]):
        results.append(losses_of_one_step(Distiller(student, teacher, [KD()], 0.1), x, labels)["loss"])
    import tensorflow as tf

    distiller = Distiller(student, teacher, [KD()], 0.1)
    distiller.compile(optimizer=keras.optimizers.SGD(0.0))
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    results.append(distiller.fit(stream, verbose=0).history["loss"][0])
    np.testing.assert_allclose(results, results[0], rtol=1e-6)


@pytest.mark.parametrize("together", [1, 2])
def test_a_stream_of_unknown_length_ends_where_it_ends(together):
    import tensorflow as tf

    x, y = images(20)
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    unknown = stream.filter(lambda x, y: True)
    assert unknown.cardinality() == tf.data.UNKNOWN_CARDINALITY
    losses, steps = [], []
    for given in (stream, unknown):
        keras.utils.set_random_seed(0)
        distiller = Distiller(plain(4, "student"), plain(8, "teacher"), [KD()], 0.1)
        distiller.compile(optimizer=keras.optimizers.SGD(0.1), steps_per_execution=together)
        losses.append(distiller.fit(given, epochs=2, verbose=0).history["loss"])
        steps.append(int(distiller.optimizer.iterations))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert steps == [6, 6]


def test_evaluate_is_the_students_own_loss():
    x, y = images()
    student = cnn(4, regularizer="l2")
    distiller = Distiller(student, cnn(8), [KD()], 0.1)
    distiller.compile(optimizer="sgd", metrics=["accuracy"])
    student.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    ours, own = (model.evaluate(x, y, verbose=0, return_dict=True) for model in (distiller, student))
    assert set(ours) == {"loss", "accuracy"}
    np.testing.assert_allclose([ours["loss"], ours["accuracy"]], [own["loss"], own["accuracy"]], rtol=1e-5)


def test_callbacks_and_validation(tmp_path):
    x, y = images()
    distiller = Distiller(cnn(4), cnn(8), [KD()])
    distiller.compile(optimizer="sgd", metrics=["accuracy"], steps_per_execution=2)
    history = distiller.fit(
        x,
        y,
        batch_size=8,
        epochs=3,
        validation_data=(x, y),
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_accuracy", patience=5),
            keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
            keras.callbacks.ReduceLROnPlateau("val_loss"),
            keras.callbacks.TerminateOnNaN(),
        ],
    ).history
    assert {"val_loss", "val_accuracy", "kd_loss", "label_loss"} <= set(history)
    assert "val_kd_loss" not in history


def test_labels_are_not_needed_without_a_label_weight():
    x, y = images()
    distiller = Distiller(cnn(4), cnn(8), [KD()], label_weight=0.0)
    distiller.compile(optimizer="sgd")
    assert distiller.fit(x, verbose=0).history["kd_loss"][0] > 0
    distiller.compile(optimizer="sgd", metrics=["accuracy"])
    with pytest.raises(UserError, match="metrics were compiled but no labels were given"):
        distiller.fit(x, verbose=0)
    distiller = Distiller(cnn(4), cnn(8), [KD()], label_weight=0.1)
    distiller.compile(optimizer="sgd", metrics=["accuracy"])
    with pytest.raises(UserError, match="label_weight is not 0 but no labels were given"):
        distiller.fit(x, verbose=0)


def test_a_student_alone_learns_from_labels():
    x, y = images()
    student = plain(4, "student")
    logs = losses_of_one_step(Distiller(student), x, y)
    np.testing.assert_allclose(logs["loss"], cross_entropy_by_hand(predictions(student, x), y).mean(), rtol=1e-5)


def two_outputs():
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    outputs = {"a": keras.layers.Dense(5)(flat), "b": keras.layers.Dense(5)(flat)}
    return keras.Model(inputs, outputs, name="two")


@pytest.mark.parametrize("shift, label", [(-1, -1), (5, 9)])
def test_labels_out_of_range_are_named(shift, label):
    x, y = images()
    distiller = Distiller(cnn(4), cnn(8), [KD()])
    distiller.compile(optimizer="sgd")
    with pytest.raises(UserError, match=f"fit: found label {label}; expected 0..4, the student's classes"):
        distiller.fit(x, y + shift, verbose=0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Distiller(cnn(4), cnn(4), ["kd"]), "terms: 'kd' is no method; give a keras_kd method such as"),
        (lambda: Distiller(cnn(4), None, [KD()]), "terms: KD needs a teacher; none was given"),
        (lambda: Distiller(cnn(4), cnn(4), [KD()], label_weight=-1), "label_weight is -1; expected"),
        (lambda: Distiller(cnn(4), label_weight=0), "nothing to learn from: label_weight is 0"),
        (lambda: Distiller(cnn(4), cnn(4), KD(), label_weight=None), "label_weight is None; expected"),
        (
            lambda: Distiller(cnn(4, classes=1)),
            "student: 'cnn' gives (None, 1); expected (batch, classes), two classes",
        ),
        (lambda: Distiller(cnn(4, activation="sigmoid")), "student: 'cnn' ends in sigmoid; expected logits or the"),
        (lambda: Distiller(cnn(4), from_logits={"techer": False}), "from_logits: found {'techer': False}; expected"),
        (lambda: Distiller(cnn(4), from_logits="no"), "from_logits: found 'no'; expected true or false"),
        (lambda: Distiller(two_outputs()), "student: 'two' gives several outputs; expected one tensor"),
        (lambda: Distiller("resnet20"), "student: 'resnet20' is no keras.Model"),
        (lambda: Term(KD(), -0.5), "terms: the weight of KD is -0.5; expected 0 or more"),
    ],
)
def test_arguments_that_cannot_work_are_named(make, message):
    with pytest.raises(UserError) as error:
        make()
    assert str(error.value).startswith(message)


@pytest.mark.one_backend
def test_logarithms_of_probabilities_teach_as_logits_do():
    student, plain, logarithms = cnn(3), cnn(4), cnn(4, activation="log_softmax")
    logarithms.set_weights(plain.get_weights())
    losses = []
    for teacher in (plain, logarithms):
        distiller = Distiller(student, teacher, [KD(temperature=3.0)], label_weight=0.1)
        distiller.compile(keras.optimizers.SGD(0.0))
        losses.append(distiller.fit(*images(16), verbose=0).history["kd_loss"][0])
    assert losses[0] > 0 and losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_teacher_and_student_must_be_two_objects():
    network = cnn(4)
    with pytest.raises(UserError, match="the same object"):
        Distiller(network, network, [KD()])


def test_a_label_loss_that_contradicts_from_logits_is_refused():
    distiller = Distiller(cnn(4), cnn(4), [KD()])
    with pytest.raises(UserError, match=r"SparseCategoricalCrossentropy\(from_logits=False\)"):
        distiller.compile(loss=keras.losses.SparseCategoricalCrossentropy())
