"""A student is simulated in int8 as LiteRT will compute it, and trained for it where its file loses too much."""

import json
import shutil

import keras
import numpy as np
import pytest
from keras import ops
from reports import undescribed

from keras_kd.export.export import export
from keras_kd.export.int8_folding import folded
from keras_kd.export.int8_layers import FakeQuantize, rounded_kernel
from keras_kd.export.int8_simulation import Simulation
from keras_kd.models import build
from keras_kd.models.wrappers.softened import with_output
from keras_kd.recipe.load import load
from keras_kd.utils.errors import GateError, UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.ownership import held
from keras_kd.workflows.run import deliver as deliver
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.evaluate import evaluate as evaluate_run
from keras_kd.workflows.run.export import export as export_run

pytestmark = pytest.mark.usefixtures("forked")


def pixels(shape, count=16, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype="uint8")
    images.flat[0], images.flat[1] = 0, 255
    return images


def lived_in(model, seed=0):
    """The model with normalisations as training leaves them, and not as they begin."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(generator.normal(0, 0.3, layer.moving_mean.shape))
            layer.moving_variance.assign(generator.uniform(0.5, 2, layer.moving_variance.shape))
            if layer.scale:
                layer.gamma.assign(generator.uniform(0.5, 1.5, layer.gamma.shape))
            if layer.center:
                layer.beta.assign(generator.normal(0, 0.3, layer.beta.shape))
    return model


def said_by(model, images):
    """What a network says, without the graph that `predict` would trace on TensorFlow to run it once."""
    if keras.backend.backend() == "tensorflow":
        return ops.convert_to_numpy(model(images, training=False))
    return model.predict(images, verbose=0)


def small(kind):
    """Networks that have each of the operations that the zoo has, small enough for a test."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = image = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 64, -2.0)(x)
    if kind == "residual":
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(x)))
        inner = layers.BatchNormalization(center=False)(layers.Conv2D(8, 3, padding="same")(x))
        # Named as Keras names an addition: the simulation must not have one of its own.
        x = layers.Activation("relu")(layers.Add(name="add")([x, inner]))
    elif kind == "depthwise":
        x = layers.ReLU(max_value=6)(layers.BatchNormalization()(layers.Conv2D(8, 1)(x)))
        x = layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2, use_bias=False)(x)
        x = layers.ReLU(max_value=6)(layers.BatchNormalization(scale=False)(x))
        x = layers.Conv2D(8, 1, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
    elif kind == "normalisation first":
        x = layers.Conv2D(8, 3)(layers.ReLU()(layers.BatchNormalization()(x)))
    elif kind == "layers called twice":
        convolution, normalisation = layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()
        x = normalisation(convolution(normalisation(convolution(x))))
    elif kind == "one normalisation of two":
        normalisation = layers.BatchNormalization()
        x = layers.Add()([normalisation(layers.Conv2D(4, 3)(x)), normalisation(layers.Conv2D(4, 3)(x))])
    elif kind == "one read twice":
        x = layers.Conv2D(8, 3, padding="same")(x)
        x = layers.Concatenate()([layers.BatchNormalization()(x), x])
        x = layers.MaxPooling2D()(x)
    elif kind == "numbers meet values":
        x = layers.Conv2D(8, 3, padding="same")(x)
        x = x * (layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)) - np.linspace(0, 1, 8, dtype="float32")
    elif kind == "swish and excitation":
        x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 2.0, 1.0])(x)
        x = layers.Conv2D(8, 3, padding="same", activation="swish")(x)
        gate = layers.Dense(8, activation="sigmoid")(layers.Dense(4, "swish")(layers.GlobalAveragePooling2D()(x)))
        x = x * layers.Reshape((1, 1, 8))(gate)
    elif kind == "separable":
        x = layers.BatchNormalization()(layers.SeparableConv2D(8, 3, padding="same", use_bias=False)(x))
        y = layers.ReLU()(x)
        x = layers.Concatenate()([layers.AveragePooling2D(3, 1, "same")(x), x + y, y])
    elif kind == "models inside":
        inner = lived_in(
            keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()])
        )
        between = keras.Input((8, 8, 3))
        outer = keras.Model(between, layers.ReLU()(inner(between)), name="outer")
        # One is called twice, and both have layers of the same names as the network.
        x = layers.Conv2D(3, 1, name=inner.layers[0].name)(outer(inner(x)))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.5)(x)
    return lived_in(keras.Model(image, layers.Dense(5, name="logits")(x)))


KINDS = (
    "residual", "depthwise", "normalisation first", "one read twice", "layers called twice", "one normalisation of two",
    "numbers meet values", "swish and excitation", "separable", "models inside",
)  # fmt: skip


FILES_OF = ("residual", "depthwise", "normalisation first", "numbers meet values", "separable")


@pytest.mark.parametrize("kind", KINDS)
def test_folding_changes_nothing_that_a_network_says(kind):
    model, images = small(kind), pixels((8, 8, 3)).astype("float32")
    before = said_by(model, images)
    np.testing.assert_allclose(said_by(folded(model), images), before, atol=1e-5)
    np.testing.assert_array_equal(said_by(model, images), before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulation_is_near_what_it_simulates(kind):
    model, images = small(kind), pixels((8, 8, 3), 32)
    said = said_by(model, images.astype("float32"))
    in_int8 = said_by(Simulation(model, images).network, images.astype("float32"))
    assert 0 < np.abs(in_int8 - said).mean() < 0.05 * np.ptp(said)


def test_a_network_that_learnt_its_normalisation_from_images_is_simulated_with_it():
    normalization = keras.layers.Normalization()
    normalization.adapt(pixels((4, 4, 3)).astype("float32"))
    model = keras.Sequential([keras.Input((4, 4, 3)), normalization, keras.layers.Flatten(), keras.layers.Dense(2)])
    images = pixels((4, 4, 3)).astype("float32")
    np.testing.assert_allclose(said_by(folded(model), images), said_by(model, images), atol=1e-5)


@pytest.mark.one_backend
def test_layers_whose_insides_are_not_followed_are_told():
    layers = keras.layers
    image = keras.Input((4, 4, 1))
    x = layers.LayerNormalization(name="normal")(layers.Conv2D(4, 3)(image))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.PReLU(name="slope")(x))))
    found = Simulation(model, pixels((4, 4, 1))).not_followed
    assert found == (("normal", "LayerNormalization"), ("slope", "PReLU"))
    assert Simulation(small("swish and excitation"), pixels((8, 8, 3))).not_followed == ()


def test_a_value_that_is_read_by_name_is_a_reader():
    layers = keras.layers
    image = keras.Input((6, 6, 1))
    x = layers.Dense(4)(layers.Reshape((6, 6))(image))
    normal = layers.BatchNormalization()(x)
    model = lived_in(keras.Model(image, layers.Flatten()(layers.MultiHeadAttention(2, 4)(normal, value=x))))
    images = pixels((6, 6, 1)).astype("float32") / 255
    np.testing.assert_allclose(said_by(folded(model), images), said_by(model, images), atol=1e-4)


@pytest.mark.parametrize(("kind", "left"), list(zip(KINDS, (0, 0, 1, 1, 1, 1, 0, 0, 0, 1), strict=True)))
def test_a_normalisation_is_folded_where_it_is_the_only_one_that_reads_a_convolution(kind, left):
    found = [layer for layer in folded(small(kind)).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(found) == left


def test_a_sequential_network_is_folded_alike():
    layers = keras.layers
    model = lived_in(
        keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten()])
    )
    images = pixels((6, 6, 1)).astype("float32")
    np.testing.assert_allclose(said_by(folded(model), images), said_by(model, images), rtol=1e-4, atol=1e-3)


def test_values_are_rounded_to_the_256_that_hold_zero():
    layer = FakeQuantize()
    layer.set_range(-1.0, 3.0)
    values = np.linspace(-2, 4, 1001).astype("float32")
    found = ops.convert_to_numpy(layer(values))
    scale = 4 / 255
    assert len(np.unique(found)) == 256 and 0.0 in found
    np.testing.assert_allclose(found, np.clip(np.round(values / scale), -64, 191) * scale, atol=scale * 1.01)
    inside = (values > -1) & (values < 3)
    assert np.abs(found - values)[inside].max() <= scale / 2 + 1e-6


def test_a_range_that_is_positive_or_negative_is_widened_to_zero():
    layer = FakeQuantize()
    for least, largest in ((2.0, 5.0), (-5.0, -2.0), (0.0, 0.0)):
        layer.set_range(least, largest)
        assert float(ops.convert_to_numpy(layer(np.zeros(1, "float32")))[0]) == 0.0


def test_the_gradient_passes_within_the_range_alone():
    from keras_kd import backend

    layer = FakeQuantize()
    layer.set_range(0.0, 1.0)
    gradient = backend.input_gradient(layer, ops.convert_to_tensor(np.array([-0.5, 0.3, 0.7, 1.5], "float32")))
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), [0, 1, 1, 0])


def test_each_output_channel_of_a_kernel_has_its_own_scale():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype("float32") * np.logspace(-3, 2, 6)
    found = ops.convert_to_numpy(rounded_kernel(kernel.astype("float32"), (0, 1, 2)))
    scale = np.abs(kernel).max((0, 1, 2)) / 127
    assert np.all(np.abs(found - kernel) <= scale / 2 * 1.001)
    assert all(len(np.unique(found[..., channel])) > 30 for channel in range(6))


@pytest.mark.one_backend
def test_names_out_of_a_file_are_given_to_nothing_else(tmp_path):
    """Keras counts the names that it makes up, but not those that it reads."""
    keras.backend.clear_session()
    image = keras.Input((4, 4, 3))
    x = keras.layers.Activation("swish")(image)
    x = x * keras.ops.sigmoid(x)
    student = lived_in(
        keras.Model(image, keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(x + keras.ops.log(x * x))))
    )
    student.save(tmp_path / "student.keras")
    keras.backend.clear_session()
    read = keras.models.load_model(tmp_path / "student.keras")
    assert {"multiply", "sigmoid", "log"} <= {one.name for one in read.operations}
    Simulation(read, pixels((4, 4, 3), 8))
    assert with_output(read, lambda output: keras.ops.log(output) * 2, "sharper").name == "sharper"


@pytest.mark.slow
@pytest.mark.one_backend
@pytest.mark.parametrize("kind", ["swish and excitation", *FILES_OF])
def test_the_exported_file_says_what_the_simulation_says(kind, tmp_path):
    """Within one of the 256 steps of an output, where float32 is several away."""
    student, images = small(kind), pixels((8, 8, 3), 64)
    said, _ = exported_and_simulated(student, images, tmp_path)
    assert said["agreement"] >= 0.95 and said["mean_difference"] <= said["step"]


@pytest.mark.slow
@pytest.mark.parametrize("name, size", [("resnet8", 16), ("mobilenetv2_half", 16), ("preresnet20", 32)])
def test_the_file_of_each_family_says_what_the_simulation_says(name, size, tmp_path):
    keras.utils.set_random_seed(0)
    student = lived_in(build(name, (size, size, 3), 10, mean=(0.5,) * 3, std=(0.25,) * 3))
    said, _ = exported_and_simulated(student, pixels((size, size, 3), 32), tmp_path)
    assert said["mean_difference"] <= said["step"]


def exported_and_simulated(student, images, folder):
    """How far an int8 file is from the simulation, and the simulation."""
    simulation = Simulation(student, images)
    student.save(folder / "student.keras")
    simulation.plain.save(folder / "student_int8.keras")
    (found,) = export(
        folder / "student.keras",
        folder,
        formats=["litert_int8"],
        calibration_images=images,
        test_images=images,
        test_labels=np.zeros(len(images), int),
        gates={"int8_accuracy_drop": 1.0, "int8_agreement": 0.0},
        int8_student=folder / "student_int8.keras",
        quiet=True,
    )
    assert found["made_of"] == "student_int8.keras"
    logits = simulation.network.predict(images.astype("float32"), verbose=0)
    return {**found, "step": np.ptp(logits) / 255}, simulation


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            lambda: keras.Sequential([keras.Input((4, 4, 1)), code_inside()]),
            "has a model inside, 'own', that is",
        ),
        (lambda: two_outputs(), "has 1 input and 2 outputs; expected one of each"),
        (lambda: subclassed(), "is no functional model"),
        (
            lambda: keras.Sequential([keras.Input((4, 4, 1)), Scaled(2.0, name="scaled")]),
            "layer 'scaled' (Scaled) cannot",
        ),
    ],
)
def test_a_network_that_cannot_be_simulated_is_refused_by_name(model, told):
    with pytest.raises(UserError, match="int8: ") as error:
        Simulation(model(), np.zeros((2, 4, 4, 1), "uint8"))
    assert told in str(error.value) and "\n" not in str(error.value)


class Scaled(keras.layers.Layer):
    """Its config is not what it was made of."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return keras.ops.mean(x, axis=(1, 2)) * self.factor

    def get_config(self):
        return {**super().get_config(), "by": self.factor}


def code_inside():
    own = subclassed(name="own")
    own(np.zeros((1, 4, 4, 1), "float32"))
    return own


def two_outputs():
    image = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(image)
    return keras.Model(image, [keras.layers.Dense(3)(flat), keras.layers.Dense(3)(flat)])


def subclassed(**options):
    class Own(keras.Model):
        def call(self, images):
            return images

        def compute_output_shape(self, shape):
            return shape

    return Own(**options)


# The whole way.


@pytest.fixture(scope="module")
def corrupted(made_once):
    """A finished run of the digits whose student has one channel that is 120 times as large as the others.

    In float32 it says what it said. In int8 its other channels share the few values that the large one leaves.
    """

    def fill(place):
        folder = place / "digits"
        settings = ["fit.epochs=30", "teacher=null", "terms=[]", "label_weight=1", "export.formats=[]"]
        settings += ["export.gates.int8_accuracy_drop=0.08"]
        run.distill(load("digits", settings), folder, name="digits", quiet=True)
        student = keras.models.load_model(folder / "student.keras", compile=False)
        normalisation, after = student.get_layer("stage1_1_bn"), student.get_layer("stage2_1_conv")
        for variable in (normalisation.gamma, normalisation.beta):
            values = np.array(variable)
            values[0] *= 120
            variable.assign(values)
        kernel = np.array(after.kernel)
        kernel[:, :, 0] /= 120
        after.kernel.assign(kernel)
        with held(folder, "run"), atomic_write(folder / "student.keras") as temporary:
            student.save(temporary)

    return made_once("corrupted", fill)[0] / "digits"


def exported_again(corrupted, folder, epochs):
    shutil.copytree(corrupted, folder)
    text = (folder / "recipe.yaml").read_text()
    usual = "{epochs: 2, learning_rate: 0.0001}"
    assert usual in text
    # An epoch of the digits is a dozen steps.
    with held(folder, "run"), atomic_write(folder / "recipe.yaml") as temporary:
        temporary.write_text(text.replace(usual, f"{{epochs: {epochs}, learning_rate: 0.003}}"))
    return export_run(folder, formats=["litert_int8"], quiet=True)


@pytest.fixture(scope="module")
def tuned(corrupted, made_once):
    """That run after an export in which its student was trained for int8, and what the export returned."""

    def fill(place):
        found = exported_again(corrupted, place / "digits", epochs=20)
        assert undescribed(found) == []
        return {name: found.as_json()[name] for name in ("exports", "int8_fine_tuning")}

    place, found = made_once("tuned", fill)
    return place / "digits", found


@pytest.mark.slow
def test_a_student_that_loses_too_much_in_int8_is_kept_out_without_fine_tuning(corrupted, tmp_path):
    with pytest.raises(GateError, match="int8_a"):
        exported_again(corrupted, tmp_path / "run", epochs=0)
    assert not (tmp_path / "run" / "student_int8.tflite").exists()
    assert not (tmp_path / "run" / "student_int8.keras").exists()


@pytest.mark.slow
def test_a_student_that_loses_too_much_in_int8_is_trained_for_it(tuned):
    folder, found = tuned
    (one,), training = found["exports"], found["int8_fine_tuning"]
    before = training["before"]["litert_int8"]
    assert one["passed"] and one["made_of"] == "student_int8.keras"
    assert one["accuracy"] > before["accuracy"] and one["accuracy_drop"] <= 0.08
    assert one["agreement"] > max(before["agreement"], 0.95)
    assert training["loss"][-1] < training["loss"][0] and training["epochs"] == 20
    assert json.loads((folder / "report.json").read_text())["int8_fine_tuning"] == training
    assert "trained for int8" in (folder / "model_card.md").read_text()
    assert "its quantisation simulated" in (folder / "report.md").read_text()
    keras.models.load_model(folder / "student_int8.keras")


@pytest.mark.slow
def test_a_fine_tuning_that_is_killed_or_fails_leaves_no_claim_of_files_that_are_gone(tuned, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(tuned[0], folder)

    def killed(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(deliver, "fine_tune", killed)
    with pytest.raises(KeyboardInterrupt):
        export_run(folder, quiet=True, formats=["litert_int8"])
    monkeypatch.undo()
    assert named(folder) == []
    # Another format alone does not make the run whole.
    export_run(folder, quiet=True, formats=["litert_float16"])
    assert named(folder) == ["student_float16.tflite"]
    recipe = load(folder / "recipe.yaml", ["export.formats=[litert_int8, litert_float32]"])
    run.distill(recipe, folder, name="digits", quiet=True)
    assert named(folder) == ["student.tflite", "student_float16.tflite", "student_int8.tflite"]

    # A rate at which nothing is learnt costs the int8 file alone, and says so.
    worse = load(
        folder / "recipe.yaml",
        ["export.formats=[litert_int8, litert_float32]", "export.int8_fine_tuning.learning_rate=1e9"],
    )
    with pytest.raises(GateError, match="not trained for int8: the loss is .*lower export.int8_fine_tuning.learning_"):
        run.distill(worse, folder, name="digits", quiet=True)
    assert (
        named(folder) == ["student.tflite", "student_float16.tflite"] and not (folder / "student_int8.keras").exists()
    )
    with pytest.raises(GateError):
        run.distill(worse, folder, name="digits", quiet=True)


def named(folder):
    """The files that passed by the report, which are all there, as they are in the card."""
    found = json.loads((folder / "report.json").read_text())
    passed = sorted(one["file"] for one in found["exports"] if one["passed"])
    assert all((folder / file).exists() for file in passed)
    return passed


@pytest.mark.slow
def test_another_format_leaves_what_is_known_of_the_others(tuned, tmp_path):
    folder, before = tmp_path / "run", tuned[1]
    shutil.copytree(tuned[0], folder)
    found = export_run(folder, formats=["litert_float16"], quiet=True)
    assert named(folder) == ["student_float16.tflite", "student_int8.tflite"]
    assert found["int8_fine_tuning"] == before["int8_fine_tuning"] and (folder / "student_int8.keras").exists()
    card = (folder / "model_card.md").read_text()
    assert "student_float16.tflite" in card and "student_int8.tflite" in card
    assert evaluate_run(folder)["int8_fine_tuning"] == before["int8_fine_tuning"]
