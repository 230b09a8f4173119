"""Settings of `fit` are Keras's own: on labels alone a Distiller ends where a plain model does."""

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.utils.class_weight import compute_class_weight

from keras_kd import KD, Distiller, UserError
from keras_kd.recipe.load import load
from keras_kd.recipe.schema_fit import FitSpec, weights_of_classes
from keras_kd.training.averaged_weights import EvaluateAverages, averaged
from keras_kd.training.early_stopping import judged
from keras_kd.training.label_loss import SmoothedCrossEntropy
from keras_kd.workflows.run.build import optimizer
from keras_kd.workflows.run.class_weight import with_class_weights
from keras_kd.workflows.run.feed import rate_of

GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.normal(size=(32, 6)).astype("float32"), np.arange(32) % 3
HELD_OUT = GENERATOR.normal(size=(12, 6)).astype("float32"), np.arange(12) % 3
SPARSE = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
WEIGHTS = {0: 0.2, 1: 3.0, 2: 1.0}


def network(seed=1):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])


def fitted(model, y=Y, epochs=3, **options):
    """(the weights after some epochs, the history)."""
    history = model.fit(X, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **options).history
    network = model.student if isinstance(model, Distiller) else model
    return [np.asarray(weight) for weight in network.get_weights()], history


def plain(y=Y, compiled=SPARSE, rate=0.05, momentum=0.9, ema=None, **options):
    model = network()
    averages = {"use_ema": True, "ema_momentum": ema} if ema else {}
    model.compile(keras.optimizers.SGD(rate, momentum=momentum, **averages), **compiled)
    return fitted(model, y, **options)


def distilled(fit=None, compiled=None, terms=(), teacher=None, made=None, **options):
    distiller = Distiller(network(), teacher, terms, label_weight=1.0, **made or {})
    spec = FitSpec(epochs=3, learning_rate=0.05, **fit or {})
    distiller.compile(optimizer(spec), **compiled or {})
    return fitted(distiller, **options)


def close(ours, theirs, besides=None):
    """Whether two trainings ended at the same weights, and not where one without the setting does."""
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6, rtol=1e-5)
    if besides is not None:
        assert any(np.abs(one - other).max() > 1e-4 for one, other in zip(ours, besides, strict=True))


@pytest.fixture(scope="module")
def untouched():
    return plain()[0]


def test_label_smoothing_is_that_of_keras(untouched):
    categorical = {"loss": keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)}
    theirs, their_history = plain(np.eye(3, dtype="float32")[Y], categorical, validation_data=rows_of(HELD_OUT))
    ours, history = distilled(compiled={"loss": SmoothedCrossEntropy(0.2)}, validation_data=HELD_OUT)
    close(ours, theirs, untouched)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[name], their_history[name], rtol=1e-5)


def rows_of(data):
    return data[0], np.eye(3, dtype="float32")[data[1]]


def test_label_smoothing_takes_rows_and_columns_of_labels_and_probabilities():
    output = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]], "float32")
    loss = SmoothedCrossEntropy(0.3, from_logits=False)
    values = [loss.call(ops.convert_to_tensor(y), ops.convert_to_tensor(output)) for y in ([1, 0], [[1], [0]])]
    values.append(loss.call(ops.convert_to_tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), ops.convert_to_tensor(output)))
    smoothed = 0.7 * np.eye(3)[[1, 0]] + 0.1
    for one in values:
        np.testing.assert_allclose(ops.convert_to_numpy(one), -(smoothed * np.log(output)).sum(-1), rtol=1e-5)
    again = SmoothedCrossEntropy.from_config(loss.get_config())
    assert (again.smoothing, again.from_logits) == (0.3, False)
    with pytest.raises(UserError, match=r"SmoothedCrossEntropy\(from_logits=False\), but the student's"):
        Distiller(network()).compile("sgd", loss=loss)


def test_label_smoothing_leaves_the_terms_alone():
    term = [KD(temperature=2.0)]
    ours = distilled(compiled={"loss": SmoothedCrossEntropy(0.2)}, terms=term, teacher=network(2))[1]
    theirs = distilled(terms=term, teacher=network(2))[1]
    assert ours["kd_loss"][0] != theirs["kd_loss"][0]  # steps differ from the second on
    first = [
        distilled(compiled=one, terms=term, teacher=network(2), epochs=1, steps_per_epoch=1)[1]["kd_loss"]
        for one in ({"loss": SmoothedCrossEntropy(0.2)}, {})
    ]
    np.testing.assert_allclose(*first)


def test_class_weights_are_those_of_keras(untouched):
    theirs, their_history = plain(class_weight=WEIGHTS, validation_data=HELD_OUT)
    ours, history = distilled(made={"class_weight": list(WEIGHTS.values())}, validation_data=HELD_OUT)
    close(ours, theirs, untouched)
    for name in ("loss", "val_loss"):  # validation images count alike, as in Keras
        np.testing.assert_allclose(history[name], their_history[name], rtol=1e-5)


def test_class_weights_of_rows_of_classes_are_those_of_keras():
    mixed = (0.8 * np.eye(3)[Y] + 0.2 * np.eye(3)[(Y + 1) % 3]).astype("float32")
    theirs = plain(mixed, {"loss": keras.losses.CategoricalCrossentropy(from_logits=True)}, class_weight=WEIGHTS)
    close(distilled(made={"class_weight": list(WEIGHTS.values())}, y=mixed)[0], theirs[0])


def test_class_weights_weigh_labels_alone_and_those_of_fit_all():
    term, made = [KD(temperature=2.0)], {"class_weight": list(WEIGHTS.values())}
    whole = {"terms": term, "teacher": network(2), "epochs": 1, "steps_per_epoch": 1}
    free, own = distilled(**whole)[1], distilled(made=made, **whole)[1]
    of_fit = distilled(class_weight=WEIGHTS, **whole)[1]
    assert own["kd_loss"] == free["kd_loss"] and own["label_loss"] != free["label_loss"]
    np.testing.assert_allclose(of_fit["label_loss"], own["label_loss"], rtol=1e-6)
    assert abs(of_fit["kd_loss"][0] - free["kd_loss"][0]) > 1e-3


@pytest.mark.parametrize(
    "weights, said", [([1, 2], "expected 3 numbers"), ([1, 2, -1], "0 or more"), ([1, 2, np.nan], "0 or more")]
)
def test_class_weights_that_fit_no_classes(weights, said):
    with pytest.raises(UserError, match=f"class_weight: .*{said}"):
        Distiller(network(), class_weight=weights)


def test_averages_are_those_of_keras(untouched):
    theirs, their_history = plain(ema=0.8, validation_data=HELD_OUT, callbacks=[keras.callbacks.SwapEMAWeights()])
    ours, history = distilled({"ema": 0.8}, validation_data=HELD_OUT, callbacks=[EvaluateAverages()])
    close(ours, theirs, untouched)
    np.testing.assert_allclose(history["val_loss"], their_history["val_loss"], rtol=1e-5)


def test_the_weights_are_the_same_after_their_averages_were_looked_at():
    model = network()
    model.compile(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9), **SPARSE)
    model.train_on_batch(X, Y)
    model.train_on_batch(X, Y)
    before = [one.copy() for one in model.get_weights()]
    with averaged(model):
        within = model.get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))
    assert any(np.abs(one - other).max() > 1e-4 for one, other in zip(before, within, strict=True))


def test_a_warm_up_is_a_schedule_of_keras():
    """Without momentum: that of `keras_kd.SGD` is PyTorch's, which a new rate changes otherwise."""
    fit = FitSpec(epochs=3, learning_rate=0.05, warmup_epochs=2)
    rates = [rate_of(fit, epoch) for epoch in range(3)]
    assert rates == pytest.approx([0.05 / 3, 0.1 / 3, 0.05])
    # Four steps an epoch; Keras takes the value of a boundary up to it.
    theirs, _ = plain(rate=keras.optimizers.schedules.PiecewiseConstantDecay([3, 7], rates), momentum=0.0)
    ours, _ = distilled(
        {"momentum": 0.0}, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: rate_of(fit, epoch))]
    )
    close(ours, theirs, plain(momentum=0.0)[0])


@pytest.mark.parametrize("monitor", ["val_accuracy", "val_loss"])
def test_a_training_ends_where_that_of_keras_does(monitor):
    """Of many drawn trainings: the epoch after which it ends, and that whose weights are kept."""
    ended = set()
    for number in range(200):
        generator = np.random.default_rng(number)
        values = generator.integers(0, 6, 12) / 8  # exact in float32, in which Keras compares
        patience, least = int(generator.integers(0, 5)), float(generator.choice([0.0, 0.125, 0.25]))
        own = keras.callbacks.EarlyStopping(
            monitor,
            patience=patience,
            min_delta=least,
            restore_best_weights=True,
            mode="max" if "acc" in monitor else "min",
        )
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        own.set_model(model)
        own.on_train_begin()
        model.stop_training, rows = False, []
        for epoch, value in enumerate(values):
            rows.append({"epoch": epoch + 1, monitor: value})
            own.on_epoch_end(epoch, {monitor: value})
            if model.stop_training:
                break
        found = judged(rows, monitor, patience, least)
        assert found == (own.best_epoch + 1, len(rows) if model.stop_training else None), (number, rows, patience)
        assert judged(rows[:-1], monitor, patience, least).stopped is None
        ended.add(found.stopped)
    assert len(ended) > 5  # at many epochs, and some not at all


def test_early_stopping_of_keras_stops_a_distiller_as_a_plain_model():
    def stopping():
        return keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)

    other = HELD_OUT[0], (HELD_OUT[1] + 1) % 3  # gets worse as the student learns
    theirs, their_history = plain(epochs=9, validation_data=other, callbacks=[stopping()])
    ours, history = distilled(epochs=9, validation_data=other, callbacks=[stopping()])
    assert len(history["val_loss"]) == len(their_history["val_loss"]) < 9
    close(ours, theirs)
    # And so does that of a recipe, which keeps the same epoch.
    rows = [{"epoch": epoch, "val_loss": value} for epoch, value in enumerate(history["val_loss"], 1)]
    found = judged(rows, "val_loss", patience=1)
    assert found.stopped == len(rows)
    close(ours, distilled(epochs=found.best)[0])


def test_balanced_weights_are_those_of_scikit_learn():
    labels = np.array([0] * 7 + [1] * 2 + [3] * 5)
    recipe = load("digits", ["fit.class_weight=balanced"])
    found = with_class_weights(recipe, ("a", "b", "c", "d"), labels).fit.class_weight
    present = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    assert found == pytest.approx([*present[:2], 1.0, present[2]])  # a class without images weighs nothing


def test_weights_by_class():
    recipe = load("digits", ["fit.class_weight={cat: 2, '2': 0.5}"])
    assert with_class_weights(recipe, ("dog", "cat", "bird")).fit.class_weight == (1.0, 2.0, 0.5)
    with pytest.raises(UserError, match=r"fit.class_weight: found no class 'cat'.*did you mean 'cats'"):
        with_class_weights(recipe, ("dog", "cats", "bird"))
    with pytest.raises(UserError, match="fit.class_weight: found no class '2'; expected a name, or a number below 2"):
        with_class_weights(recipe, ("dog", "cat"))
    listed = load("digits", ["fit.class_weight=[1, 2]"])
    with pytest.raises(UserError, match="fit.class_weight: found 2 weights; expected 3"):
        with_class_weights(listed, ("dog", "cat", "bird"))


@pytest.mark.parametrize(
    "value, said",
    [("equal", "balanced, a list"), ([], "balanced, a list"), ([1, -1], "0 or more"), ([1, "2"], "a number, not text"),
     ({"a": 0}, "above 0"), ({"1": 1, 1: 2}, "each class once"), ([True], "a number"), (3, "balanced, a list")],
)  # fmt: skip
def test_weights_that_can_be_none(value, said):
    with pytest.raises(ValueError, match=said):
        weights_of_classes(value)


@pytest.mark.parametrize(
    "settings, said",
    [
        (["fit.early_stopping=true"], "fit.early_stopping: is judged by validation images and there are none"),
        (["fit.early_stopping={patience: -1}", "data.validation=50"], "fit.early_stopping.patience: is -1"),
        (["fit.early_stopping={monitor: loss}", "data.validation=50"], "fit.early_stopping.monitor: is 'loss'"),
        (["fit.early_stopping=3", "data.validation=50"], "expected true, or fields"),
        (["fit.early_stopping=true", "data.validation=50", "fit.checkpoints=[1]"], "fit.checkpoints: cannot be with"),
        (["fit.early_stopping=true", "data.validation=50", "meta=true"], "fit.early_stopping: cannot be with meta"),
        (["fit.ema=0.9", "meta=true"], "fit.ema: cannot be with meta: the teacher is taught by trials"),
        (["fit.ema=0.9", "selection=bandit", "data.validation=50"], "fit.ema: cannot be with selection"),
        (["fit.ema=1"], "fit.ema: is 1; expected less than 1"),
        (["fit.class_weight=[1, 2]", "label_weight=0"], "fit.class_weight: is of the label loss and"),
        (["fit.label_smoothing=0.1", "label_weight=0"], "fit.label_smoothing: is of the label loss and"),
        (["fit.label_smoothing=1"], "fit.label_smoothing: is 1; expected less than 1"),
        (["fit.class_weight=equal"], "fit.class_weight: is 'equal'; expected balanced, a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_together_is_said(settings, said, tmp_path):
    (tmp_path / "teacher.yaml").write_text("data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    (tmp_path / "mine.yaml").write_text(
        "data: digits\nteacher: teacher.yaml\nstudent: digits_tiny\nterms: [{method: kd}]\nfit: {epochs: 4}\n"
    )
    with pytest.raises(UserError) as error:
        load(tmp_path / "mine.yaml", settings)
    assert said in str(error.value)


@pytest.mark.parametrize("field, value", [("ema", 0.9), ("class_weight", "balanced"), ("label_smoothing", 0.1)])
def test_networks_that_cooperate_have_none_of_them(field, value, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "data: digits\nstudent: digits_tiny\npeers: [digits_tiny]\ncooperative: true\n"
        f"fit: {{epochs: 4, {field}: {value}}}\n"
    )
    with pytest.raises(UserError, match=f"fit.{field}: cannot be with cooperative"):
        load(tmp_path / "mine.yaml")
