"""The networks a recipe can name: the right architecture, pixels in, logits out, and errors that help."""

import os
import subprocess
import sys
import textwrap
import zipfile

import keras
import numpy as np
import pytest
from networks import outputs_of, weights_by_numpy

from keras_kd.models import APPLICATIONS, MODELS, build, kind
from keras_kd.models import cost as bench
from keras_kd.models.zoo.applications import prepared
from keras_kd.utils.errors import UserError

# Of RepDistiller's networks with 100 classes; batch normalisation's gamma and beta count, its statistics do not.
PARAMETERS = {
    "resnet8": 83_892,
    "resnet14": 181_108,
    "resnet20": 278_324,
    "resnet32": 472_756,
    "resnet44": 667_188,
    "resnet56": 861_620,
    "resnet110": 1_736_564,
    "resnet8x4": 1_233_540,
    "resnet32x4": 7_433_860,
    "resnet50_cifar": 23_705_252,
}


def numpy_of(value):
    return keras.ops.convert_to_numpy(value)


def random_pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


# The names


@pytest.mark.one_backend
def test_names_are_known_without_importing_keras():
    code = "import sys, keras_kd.models; print(sorted({'keras', 'tensorflow', 'jax'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_application_names_are_those_of_keras():
    assert set(APPLICATIONS) == {
        name for name in dir(keras.applications) if callable(getattr(keras.applications, name))
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet20", "zoo"),
        ("digits_tiny", "zoo"),
        ("ResNet50", "application"),
        ("resnet50", "application"),
        ("MOBILENETV2", "application"),
        ("runs/a/student.keras", "file"),
        ("C:\\runs\\student.keras", "file"),
        ("my.networks:tiny", "function"),
        ("resnet21", None),
        ("ResNet20", None),
        ("", None),
    ],
)
def test_kind_by_the_name_alone(name, expected):
    assert kind(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet25", "did you mean 'resnet"),
        ("mobilnetv2", "did you mean 'MobileNetV2'"),
        ("ResNet20", "did you mean"),
        ("nonsense", "expected one of resnet8"),
    ],
)
def test_unknown_name_gets_a_suggestion(name, expected):
    with pytest.raises(UserError, match=expected):
        build(name, (32, 32, 3), 10)


# The zoo


@pytest.mark.one_backend
@pytest.mark.parametrize("name", PARAMETERS)
def test_resnets_have_the_published_number_of_parameters(name):
    with weights_by_numpy():
        model = build(name, (32, 32, 3), 100)
    assert bench.parameters(model) == PARAMETERS[name]
    assert model.name == name


def test_the_table_covers_every_resnet():
    assert set(PARAMETERS) == {name for name in MODELS if name.startswith("resnet")}


@pytest.mark.parametrize(
    ("name", "channels"),
    [("resnet8", (16, 16, 32, 64)), ("resnet20", (16, 16, 32, 64)), ("resnet8x4", (32, 64, 128, 256))],
)
def test_resnet_taps(name, channels):
    with weights_by_numpy():
        model = build(name, (32, 32, 3), 100)
    sizes = (32, 32, 16, 8)
    for tap, size, number in zip(("stem", "stage1", "stage2", "stage3"), sizes, channels, strict=True):
        assert isinstance(model.get_layer(tap), keras.layers.ReLU)
        assert model.get_layer(tap).output.shape == (None, size, size, number)
    assert model.get_layer("pooled").output.shape == (None, channels[-1])
    assert model.get_layer("logits").output.shape == (None, 100)
    assert model.layers[-1].name == "logits"


@pytest.mark.parametrize(("name", "stage2"), [("digits_cnn", 32), ("digits_tiny", 16)])
def test_digits_taps(name, stage2):
    model = build(name, (8, 8, 1), 10)
    assert model.get_layer("stage1").output.shape == (None, 8, 8, stage2 // 2)
    assert model.get_layer("stage2").output.shape == (None, 4, 4, stage2)
    assert model.get_layer("pooled").output.shape == (None, stage2)


def test_the_small_digits_network_is_ten_times_smaller():
    teacher, student = (bench.parameters(build(name, (8, 8, 1), 10)) for name in ("digits_cnn", "digits_tiny"))
    assert student <= 2_000 and teacher >= 10 * student


@pytest.mark.parametrize("name", ["resnet8", "resnet8x4", "resnet20", "digits_cnn", "digits_tiny"])
@pytest.mark.parametrize("image_shape", [(33, 17, 1), (9, 28, 4)])
def test_zoo_takes_other_images(name, image_shape):
    with weights_by_numpy():
        assert build(name, image_shape, 7).output_shape == (None, 7)


@pytest.mark.parametrize("name", ["resnet8", "digits_tiny"])
def test_zoo_takes_pixels_and_gives_logits(name):
    mean, std = [0.5, 0.25, 0.125], [0.25, 0.5, 1.0]
    model = build(name, (8, 8, 3), 4, mean=mean, std=std)
    pixels = random_pixels((5, 8, 8, 3))
    normalized = keras.Model(model.input, model.get_layer("normalize").output)(pixels)
    np.testing.assert_allclose(numpy_of(normalized), (pixels / 255 - mean) / std, atol=1e-5)

    assert model.input.name == "image" and model.input.dtype == "float32"
    assert model.get_layer("logits").activation is keras.activations.linear
    assert np.abs(numpy_of(model(pixels)).sum(-1) - 1).max() > 1e-3


def test_normalisation_has_a_default_and_survives_a_constant_channel():
    pixels = random_pixels((2, 8, 8, 3))

    def normalized(**statistics):
        model = build("digits_tiny", (8, 8, 3), 4, **statistics)
        return numpy_of(keras.Model(model.input, model.get_layer("normalize").output)(pixels))

    np.testing.assert_allclose(normalized(), pixels / 255, atol=1e-6)
    np.testing.assert_allclose(normalized(mean=0.5, std=0.5), pixels / 127.5 - 1, atol=1e-6)
    assert np.isfinite(normalized(mean=[0, 0, 0.5], std=[1, 1, 0])).all()
    with pytest.raises(UserError, match="found 2 numbers for 3 channels"):
        normalized(mean=[0.5, 0.5])


def test_convolutions_with_strides_are_padded_on_both_sides():
    """As in PyTorch: with the kernel's first entry alone, an output pixel is the input pixel up and left of it."""
    model = build("resnet8", (8, 8, 3), 10)
    layer = model.get_layer("stage2_block1_1_conv")
    kernel = np.zeros(layer.kernel.shape, "float32")
    kernel[0, 0, 0, 0] = 1
    layer.kernel.assign(kernel)
    signals = keras.Model(model.input, [model.get_layer("stage1").output, layer.output])(random_pixels((1, 8, 8, 3)))
    before, after = (numpy_of(signal)[0, :, :, 0] for signal in signals)
    assert after.shape == (4, 4) and np.abs(before).max() > 0
    np.testing.assert_array_equal(after[0], 0)
    np.testing.assert_array_equal(after[:, 0], 0)
    np.testing.assert_allclose(after[1:, 1:], before[1:-1:2, 1:-1:2], rtol=1e-6)


def test_resnet_starts_as_in_pytorch():
    keras.utils.set_random_seed(0)
    model = build("resnet32x4", (32, 32, 3), 100)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
            kernel = numpy_of(layer.kernel)
            expected = np.sqrt(2 / (kernel.shape[0] * kernel.shape[1] * kernel.shape[3]))
            # Six standard errors of a standard deviation.
            assert abs(kernel.std() / expected - 1) < 6 / np.sqrt(2 * kernel.size)
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    twins = [numpy_of(model.get_layer(f"stage3_block{block}_2_conv").kernel) for block in (1, 2)]
    assert np.abs(twins[0] - twins[1]).max() > 0
    for weights in model.get_layer("logits").get_weights():
        assert np.abs(weights).max() <= 1 / 16 and weights.std() == pytest.approx(1 / 16 / np.sqrt(3), rel=0.2)


@pytest.mark.one_backend
def test_the_seed_decides_the_weights(own_numbers):
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return build("resnet8", (8, 8, 1), 3).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(3), weights(3), strict=True))
    assert not np.array_equal(weights(3)[0], weights(4)[0])


def test_mixed_precision_leaves_logits_in_float32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build("resnet8", (8, 8, 3), 10)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("stage1").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


def test_width_multiplier():
    assert (
        build("resnet8", (8, 8, 3), 10, arguments={"width_multiplier": 0.5}).get_layer("pooled").output.shape[1] == 32
    )
    assert (
        build("digits_tiny", (8, 8, 1), 10, arguments={"width_multiplier": 0.01}).get_layer("stage1").output.shape[3]
        == 1
    )


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("resnet20", {"arguments": {"width_multiplyer": 2}}, "did you mean 'width_multiplier'"),
        ("resnet20", {"arguments": {"depth": 8}}, "found 'depth'; it takes no such argument"),
        ("resnet20", {"arguments": {"width_multiplier": "wide"}}, "found 'wide'; expected a number above 0"),
        ("resnet20", {"arguments": {"width_multiplier": 0}}, "found 0; expected a number above 0"),
        ("resnet20", {"weights": "imagenet"}, "leave it out"),
        ("resnet20", {"pixels": "unit"}, "leave it out"),
        ("MobileNetV2", {"pixels": "unit"}, "leave it out"),
        ("MobileNetV2", {"weights": "imagnet"}, "found weights 'imagnet'"),
        ("MobileNetV2", {"arguments": {"alhpa": 0.5}}, "did you mean 'alpha'"),
        ("MobileNetV2", {"arguments": {"include_top": False}}, "found 'include_top'"),
        ("MobileNetV2", {"weights": "imagenet", "arguments": {"alpha": 0.33}}, "MobileNetV2: .*alpha"),
    ],
)
def test_settings_that_do_not_fit(name, options, expected):
    with pytest.raises(UserError, match=expected) as caught:
        build(name, (32, 32, 3), 10, **options)
    assert "\n" not in str(caught.value)


def test_digits_need_eight_pixels():
    with pytest.raises(UserError, match=r"digits_tiny: found images of \(7, 8, 1\); expected at least 8x8"):
        build("digits_tiny", (7, 8, 1), 10)


# keras.applications


FAMILIES = {
    "ConvNeXtTiny": "convnext",
    "DenseNet121": "densenet",
    "EfficientNetB0": "efficientnet",
    "EfficientNetV2B0": "efficientnet_v2",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Small": "mobilenet_v3",
    "NASNetMobile": "nasnet",
    "ResNet50": "resnet",
    "ResNet50V2": "resnet_v2",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_pixels_are_prepared_as_the_family_wants_them(name):
    pixels = random_pixels((2, 5, 6, 3))
    expected = getattr(keras.applications, FAMILIES[name]).preprocess_input(pixels.copy())
    image = keras.Input((5, 6, 3))
    found = numpy_of(keras.Model(image, prepared(image, APPLICATIONS[name].pixels))(pixels))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # Networks with a normalisation of their own get pixels as they are; no other network may.
    assert (APPLICATIONS[name].pixels == "included") == np.array_equal(expected, pixels)


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_application_normalises_once(name):
    with weights_by_numpy():
        model = build(name.lower(), (32, 48, 3), 7, arguments={"alpha": 0.35})
    assert (model.name, model.output_shape) == (name, (None, 7))
    assert [isinstance(layer, keras.layers.Rescaling) for layer in model.layers].count(True) == 1
    white = np.full((1, 32, 48, 3), 255, "float32")
    np.testing.assert_allclose(numpy_of(keras.Model(model.input, model.layers[1].output)(white)), 1, atol=1e-6)


def test_pretrained_application_gets_a_new_classifier(monkeypatch):
    """Without a network to fetch weights from: the function of Keras is asked for the right thing."""
    asked = {}

    def mobilenet(*, alpha=1.0, **options):
        asked.update(options, alpha=alpha)
        return keras.applications.MobileNet(**{**options, "weights": None})

    monkeypatch.setattr(keras.applications, "MobileNetV2", mobilenet)
    with weights_by_numpy():
        model = build("MobileNetV2", (32, 32, 3), 10, weights="imagenet")
    assert (asked["weights"], asked["include_top"]) == ("imagenet", False)
    assert (model.layers[-1].name, model.output_shape) == ("logits", (None, 10))
    with weights_by_numpy():
        build("MobileNetV2", (224, 224, 3), 1000, weights="imagenet")
    assert asked["include_top"] and asked["classifier_activation"] is None


def test_weights_that_cannot_be_fetched(monkeypatch):
    def offline(**options):
        raise Exception(
            "URL fetch failure on https://weights: None -- [Errno -3] Temporary failure\nin name resolution"
        )

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    with pytest.raises(
        UserError, match="^VGG16: its weights could not be fetched .*; connect to the internet"
    ) as caught:
        build("VGG16", (32, 32, 3), 10, weights="imagenet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "image_shape", "weights", "expected"),
    [
        ("MobileNetV2", (28, 28, 3), None, "found images of 28x28; expected at least 32x32"),
        ("Xception", (71, 70, 3), None, "found images of 71x70; expected at least 71x71"),
        ("VGG16", (32, 32, 1), None, "found images of 1 channels; expected 3"),
        ("MobileNetV2", (32, 32, 1), "imagenet", r"expected 3 \(or 1, without pretrained weights\)"),
        ("MobileNetV2", (32, 32, 4), None, "found images of 4 channels"),
    ],
)
def test_application_and_images_that_do_not_fit(name, image_shape, weights, expected):
    with pytest.raises(UserError, match=expected):
        build(name, image_shape, 10, weights=weights)


def test_application_on_gray_images():
    with weights_by_numpy():
        assert build("MobileNetV3Small", (32, 32, 1), 10).output_shape == (None, 10)


@pytest.mark.slow
# The two largest are tried in benchmarks/families.py alone.
@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("InceptionResNetV2", "NASNetMobile")])
def test_every_family_equals_keras_and_can_be_reloaded(name, tmp_path):
    model = build(name, (75, 75, 3), 7)
    reference = getattr(keras.applications, name)(
        weights=None, input_shape=(75, 75, 3), classes=7, classifier_activation=None
    )
    pixels = random_pixels((2, 75, 75, 3))
    expected_input = getattr(keras.applications, FAMILIES[name]).preprocess_input(pixels.copy())
    reference.set_weights(model.get_weights())
    found, expected = numpy_of(model(pixels)), numpy_of(reference(expected_input))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy_of(reloaded(pixels)), found)


# Saved networks outlive this package


@pytest.mark.slow
def test_saved_networks_load_without_keras_kd(tmp_path):
    pixels = random_pixels((3, 32, 32, 3))
    np.save(tmp_path / "pixels.npy", pixels)
    image = keras.Input((32, 32, 3))
    models = {
        "resnet8": build("resnet8", (32, 32, 3), 100, mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.2]),
        # What networks like ResNet50 begin with: the one operation here that is not a layer.
        "caffe": keras.Model(image, prepared(image, "caffe")),
    }
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    code = """
        import sys
        sys.modules["keras_kd"] = None
        import keras, numpy as np
        for name in ("resnet8", "caffe"):
            model = keras.saving.load_model(name + ".keras", safe_mode=True)
            np.save(name + ".npy", model.predict_on_batch(np.load("pixels.npy")))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, env=dict(os.environ), check=True)
    for name, model in models.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), outputs_of(model, pixels), rtol=1e-5, atol=1e-5)


# Files


def dense_model(image_shape=(8, 8, 1), classes=3, first=None, **options):
    """A small network; `first` is a layer put in front."""
    inputs = keras.Input(image_shape)
    x = first(inputs) if first else inputs
    x = keras.layers.Conv2D(2, 3, name="map")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(classes)(x), **options)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_comes_back_as_it_was(here):
    model = dense_model(name="mine")
    model.compile("sgd", "mse")
    model.save("x.keras")
    loaded = build("x.keras", (8, 8, 1), 3)
    pixels = random_pixels((2, 8, 8, 1))
    assert (loaded.name, loaded.get_layer("map").name, loaded.compiled) == ("mine", "map", False)
    np.testing.assert_array_equal(numpy_of(loaded(pixels)), numpy_of(model(pixels)))


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (None, lambda x: x),
        ("pixels", lambda x: x),
        ("unit", lambda x: x / 255),
        ("symmetric", lambda x: x / 127.5 - 1),
        ("standard", lambda x: (x / 255 - 0.3) / 0.2),
    ],
)
def test_pixels_of_a_file(here, pixels, expected):
    model = dense_model()
    model.save("x.keras")
    loaded = build("x.keras", (8, 8, 1), 3, pixels=pixels, mean=[0.3], std=[0.2])
    images = random_pixels((2, 8, 8, 1))
    np.testing.assert_allclose(numpy_of(loaded(images)), numpy_of(model(expected(images))), rtol=1e-4, atol=1e-4)
    loaded.save("again.keras")
    again = build("again.keras", (8, 8, 1), 3)
    np.testing.assert_allclose(numpy_of(again(images)), numpy_of(loaded(images)), rtol=1e-6)


def test_open_dimensions_are_closed(here):
    dense_model((None, None, 1)).save("x.keras")
    loaded = build("x.keras", (8, 12, 1), 3)
    assert loaded.input_shape == (None, 8, 12, 1)
    assert bench.macs(loaded) == 6 * 10 * 2 * 9 + 2 * 3


@pytest.mark.parametrize(
    ("image_shape", "classes", "options", "expected"),
    [
        ((16, 8, 1), 3, {}, r"x.keras: takes images of \(8, 8, 1\) and would be shown \(16, 8, 1\); "),
        ((8, 8, 4), 3, {}, r"takes images of \(8, 8, 1\) and would be shown \(8, 8, 4\)"),
        ((8, 8, 1), 4, {}, r"x.keras: gives outputs of \(3,\), the data has 4 classes"),
        ((8, 8, 1), 3, {"pixels": "bytes"}, "pixels: found 'bytes'; expected pixels, unit, symmetric, standard"),
        ((8, 8, 1), 3, {"pixels": "standard"}, "without the mean and std of the data"),
        ((8, 8, 1), 3, {"arguments": {"width": 2}}, "arguments: found width; a saved network takes none"),
        ((8, 8, 1), 3, {"weights": "imagenet"}, "weights: found 'imagenet'"),
    ],
)
def test_a_file_that_does_not_fit_the_data(here, image_shape, classes, options, expected):
    dense_model().save("x.keras")
    with pytest.raises(UserError, match=expected):
        build("x.keras", image_shape, classes, **options)


def test_a_network_of_several_inputs_or_outputs(here):
    image, number = keras.Input((8, 8, 1)), keras.Input((4,))
    flat = keras.layers.Flatten()(image)
    keras.Model([image, number], keras.layers.Dense(3)(keras.layers.Concatenate()([flat, number]))).save("inputs.keras")
    keras.Model(image, [keras.layers.Dense(3)(flat), flat]).save("outputs.keras")
    with pytest.raises(UserError, match="inputs.keras: takes images of"):
        build("inputs.keras", (8, 8, 1), 3)
    with pytest.raises(
        UserError, match=r"outputs.keras: has several outputs, dense_\w+ \(3\), flatten_?\w* \(64\); name one: output: "
    ):
        build("outputs.keras", (8, 8, 1), 3)


def test_files_that_cannot_be_loaded(here):
    class Unregistered(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    dense_model().save("whole.keras")
    (here / "cut.keras").write_bytes((here / "whole.keras").read_bytes()[:3000])
    (here / "empty.keras").touch()
    (here / "folder.keras").mkdir()
    with zipfile.ZipFile("zip.keras", "w") as file:
        file.writestr("a", "b")
    dense_model(first=Unregistered()).save("custom.keras")
    dense_model(first=keras.layers.Lambda(lambda x: 2 * x)).save("lambda.keras")
    expected = {
        "missing.keras": "no such file",
        "cut.keras": "no whole Keras 3 model",
        "empty.keras": "no whole Keras 3 model",
        "folder.keras": "no readable Keras 3 model",
        "zip.keras": "no readable Keras 3 model",
        "custom.keras": "holds 'Unregistered', which this Python does not know",
        "lambda.keras": "Lambda",
    }
    for name, message in expected.items():
        with pytest.raises(UserError, match=f"^{name}: .*{message}") as caught:
            build(name, (8, 8, 1), 3)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


# Functions


FUNCTIONS = """
    import keras

    def tiny(image_shape, classes, filters=4):
        image = keras.Input(image_shape)
        x = keras.layers.Conv2D(filters, 3, name="map")(image)
        return keras.Model(image, keras.layers.Dense(classes)(keras.layers.GlobalAveragePooling2D()(x)), name="tiny")

    class Subclassed(keras.Model):
        def __init__(self, image_shape, classes):
            super().__init__()
            self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(classes)
            self(keras.ops.zeros((1, *image_shape)))

        def call(self, inputs):
            return self.dense(self.flatten(inputs))

    def unbuilt(image_shape, classes):
        return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])

    def wrong(image_shape, classes):
        return tiny((5, 5, 1), classes)

    def number(image_shape, classes):
        return 3

    def fails(image_shape, classes):
        raise RuntimeError("no\\nluck")

    def of_one(image_shape):
        return None

    value = 3
"""


@pytest.fixture
def functions(here, request):
    """A module in the current folder, under a name that no other test uses."""
    module = f"networks_of_{abs(hash(request.node.name))}"
    (here / f"{module}.py").write_text(textwrap.dedent(FUNCTIONS))
    (here / f"broken_{module}.py").write_text("import no_such_package\n")
    (here / f"invalid_{module}.py").write_text("def (\n")
    return module


def test_a_function_in_the_current_folder(functions):
    model = build(f"{functions}:tiny", (8, 8, 1), 3, arguments={"filters": 6})
    assert model.name == "tiny" and model.get_layer("map").output.shape == (None, 6, 6, 6)
    assert build(f"{functions}:tiny", (8, 8, 1), 3, pixels="unit").get_layer("normalize")
    assert os.getcwd() not in sys.path


def test_a_subclassed_network(functions):
    model = build(f"{functions}:Subclassed", (8, 8, 1), 3)
    assert (model.input_shape, model.output_shape) == ((None, 8, 8, 1), (None, 3))


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("{}:nothing", {}, "found no function 'nothing' in '{}'"),
        ("{}:value", {}, "found no function 'value'"),
        ("no_such_module:f", {}, "no module 'no_such_module' can be imported; run from the folder that holds it"),
        ("broken_{}:f", {}, "no module 'no_such_package' can be imported"),
        ("invalid_{}:f", {}, "importing 'invalid_{}' fails with SyntaxError"),
        (":f", {}, "fails with ValueError"),
        ("{}:tiny", {"arguments": {"filtres": 3}}, "found 'filtres'; .* did you mean 'filters'"),
        ("{}:unbuilt", {}, "found a model without weights; expected a built one"),
        ("{}:wrong", {}, r"takes images of \(5, 5, 1\) and would be shown \(8, 8, 1\)"),
        ("{}:number", {}, "found a int returned; expected a keras.Model"),
        ("{}:fails", {}, "fails with RuntimeError: no luck"),
        (
            "{}:of_one",
            {},
            r"takes \(image_shape\); a function that builds a network takes \(image_shape, classes\); for one",
        ),
    ],
)
def test_functions_that_do_not_work(functions, name, options, expected):
    with pytest.raises(UserError, match=expected.format(functions)) as caught:
        build(name.format(functions), (8, 8, 1), 3, **options)
    assert "\n" not in str(caught.value)


# The pair for the digits is a sensible one


@pytest.mark.slow
def test_the_digits_pair_learns():
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))
    images, labels = (digits.images[..., None] * 255 / 16).round().astype("float32")[order], digits.target[order]

    def trained_accuracy(name):
        keras.utils.set_random_seed(0)
        model = build(name, (8, 8, 1), 10, mean=images.mean() / 255, std=images.std() / 255)
        rate = keras.optimizers.schedules.CosineDecay(0.1, 20 * 23)
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(images[:1437], labels[:1437], batch_size=64, epochs=20, verbose=0)
        return np.mean(model.predict(images[1437:], verbose=0).argmax(1) == labels[1437:])

    assert trained_accuracy("digits_cnn") >= 0.98
    assert 0.93 <= trained_accuracy("digits_tiny") <= 0.985
