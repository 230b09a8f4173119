"""Layers that converters are known to fail at: they become files that say what Keras says, or are named."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_kd.export.export import export
from keras_kd.export.formats import TABLE
from keras_kd.export.formats.format import Request
from keras_kd.export.formats.layer_names import layer_of
from keras_kd.utils.errors import GateError

pytestmark = pytest.mark.usefixtures("forked")
SHAPE = (12, 12, 3)


def grouped(x, **options):
    return layers.Conv2D(8, 3, padding="same", groups=4, activation="relu", **options)(layers.Conv2D(8, 1)(x))


def minus_the_mean(x):
    """A tensor in the graph itself, not in a layer."""
    return x - ops.convert_to_tensor(np.array([0.1, 0.2, 0.3], "float32"))


def attention(x):
    tokens = layers.LayerNormalization()(layers.Reshape((-1, 8))(layers.Conv2D(8, 4, 4)(x)))
    tokens = tokens + layers.MultiHeadAttention(2, 4)(tokens, tokens)
    return layers.Reshape((3, 3, 8))(tokens)


def squeezed(x):
    x = layers.Conv2D(8, 3)(x)
    weight = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weight = layers.Conv2D(8, 1, activation="hard_sigmoid")(layers.Conv2D(4, 1, activation="relu")(weight))
    return layers.Activation("hard_swish")(layers.Multiply()([x, weight]))


MENDED = {
    "a mean and a variance": layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.4, 0.3]),
    "one mean for all channels": layers.Normalization(mean=[0.1], variance=[0.5]),
    "a tensor in the graph": minus_the_mean,
    "exact GELU": layers.Activation("gelu"),
    "CELU": layers.Activation("celu"),
    "a grouped convolution": grouped,
    "a grouped convolution with strides": lambda x: layers.Conv2D(6, 3, strides=2, groups=3)(x),
    "a flip": layers.RandomFlip("horizontal"),
    "a rotation": layers.RandomRotation(0.1),
    "a contrast": layers.RandomContrast(0.2),
    "a crop": layers.RandomCrop(8, 8),
    "erasing": layers.RandomErasing(),
    "a mixture of images": layers.MixUp(),
    "a hue": layers.RandomHue(0.2, value_range=(-2, 2)),
    "a saturation": layers.RandomSaturation(0.2, value_range=(-2, 2)),
    "a sharpness": layers.RandomSharpness(0.5, value_range=(-2, 2)),
    "gray images": layers.RandomGrayscale(0.5),
    "fewer bits": layers.RandomPosterization(4),
    "two images in one": layers.CutMix(),
    "a random augmentation": layers.RandAugment(),
    "a flip in a model inside": lambda x: keras.Sequential([keras.Input(SHAPE), layers.RandomFlip()])(x),
    "attention": attention,
    "squeeze and excitation": squeezed,
    "a depthwise convolution": layers.DepthwiseConv2D(3, depth_multiplier=2),
    "bilinear upsampling": layers.UpSampling2D(interpolation="bilinear"),
    "resizing": layers.Resizing(7, 9),
    "group normalisation": layers.GroupNormalization(3),
}


def network(*kinds):
    keras.utils.set_random_seed(0)
    x = image = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 64, -2.0)(x)
    for kind in kinds:
        # A layer of a model that was made is a layer of that model alone.
        x = type(kind).from_config(kind.get_config())(x) if isinstance(kind, keras.layers.Layer) else kind(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(x))
    return keras.Model(image, layers.Dense(5, name="logits")(x), name="net")


def exported(model, folder, formats):
    images = np.random.default_rng(0).integers(0, 256, (24, *SHAPE), dtype="uint8")
    images.flat[0], images.flat[1] = 0, 255
    model.save(folder / "student.keras")
    labels = np.asarray(model.predict(images.astype("float32"), verbose=0)).argmax(-1)
    options = {"calibration_images": images, "test_images": images, "test_labels": labels, "quiet": True}
    try:
        found = export(folder / "student.keras", folder, formats=formats, **options)
    except GateError as error:
        found = error.exports
    return {one["format"]: one for one in found}


def error_in_int8(model, folder):
    """How far a file of full int8 is from Keras, in standard deviations of what Keras says."""
    images = np.random.default_rng(0).integers(0, 256, (24, *SHAPE)).astype("uint8")
    litert = TABLE["litert_int8"]
    litert.write(model, folder / "a.tflite", Request(SHAPE, calibration_images=images))
    said, _ = litert.run(folder / "a.tflite", images)
    expected = model.predict(images.astype("float32"), verbose=0)
    return float(np.abs(said - expected).mean() / expected.std())


def test_layers_that_tf2onnx_fails_at_become_an_onnx_file_that_says_what_keras_says(tmp_path):
    names = ("a mean and a variance", "exact GELU", "CELU", "a flip", "a mixture of images", "a tensor in the graph")
    model = network(*(MENDED[name] for name in names), grouped)
    found = exported(model, tmp_path, ["onnx"])["onnx"]
    assert found["failures"] == [] and found["any_batch"]
    assert 0 < found["max_difference"] < 1e-4 and found["agreement"] == 1.0


@pytest.mark.parametrize(
    "moved",
    [
        lambda x: ops.flip(x, axis=-1),
        pytest.param(lambda x: ops.flip(x, axis=[1, -2]), marks=pytest.mark.slow),
        pytest.param(lambda x: x[..., ::-1], marks=pytest.mark.slow),
    ],
    ids=["colours the other way round", "turned by half", "a slice backwards"],
)
def test_values_that_are_only_moved_keep_their_scale_in_int8(moved, tmp_path):
    """Each colour has another mean, so that a wrong scale shows; a Reverse of LiteRT has one."""
    keras.utils.set_random_seed(0)
    image = keras.Input(SHAPE)
    x = layers.Rescaling(1.0, [-10, -70, -140])(moved(image))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(x))
    assert error_in_int8(keras.Model(image, layers.Dense(5)(x)), tmp_path) < 0.02


def test_a_value_that_is_cut_off_is_whole_where_it_is_read_otherwise(tmp_path):
    assert error_in_int8(network(MENDED["CELU"]), tmp_path) < 0.02
    assert error_in_int8(network(lambda x: ops.minimum(x, 0.5) + ops.maximum(-0.5, x) + x), tmp_path) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("kind", MENDED)
def test_each_layer_in_every_format(kind, tmp_path):
    pytest.importorskip("tf2onnx")
    model = network(MENDED[kind])
    found = exported(model, tmp_path, ("saved_model", "litert_float32", "onnx"))
    for one in found.values():
        assert one["failures"] == [] and one["max_difference"] < (1e-4 if kind != "resizing" else 1e-3)
    assert error_in_int8(model, tmp_path) < 0.03


def test_what_cannot_be_converted_is_told_with_its_layer(tmp_path):
    shrunk = layers.Resizing(5, 5, antialias=True, name="shrunk")
    area = layers.Resizing(4, 4, interpolation="area", name="averaged")
    found = exported(network(lambda x: area(shrunk(x))), tmp_path, ["onnx", "litert_float32"])
    onnx, litert = (found[name]["failures"] for name in ("onnx", "litert_float32"))
    assert len(onnx) == len(litert) == 1 and "\n" not in onnx[0] + litert[0]
    assert "ScaleAndTranslate of layer 'shrunk' (Resizing)" in onnx[0]
    assert "of layer 'averaged' (Resizing)" in onnx[0]
    assert "'tf.ScaleAndTranslate' op is neither a custom op nor a flex op (layer 'shrunk' (Resizing))" in litert[0]


def test_an_operator_that_litert_has_not_built_in_is_told_with_its_layer(tmp_path):
    larger = layers.UpSampling2D(interpolation="bicubic", name="larger")
    found = exported(network(larger), tmp_path, ["litert_float32"])["litert_float32"]
    assert found["flex_ops"] == ["FlexResizeBicubic"]
    assert found["failures"][-1] == "they are in layer 'larger' (UpSampling2D)"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("net_1/shrunk_2/resize/ScaleAndTranslate", "layer 'shrunk' (Resizing)"),
        ("net_1/inner_1/a_1_1/Conv2D;net_1/inner_1/a_1_1/Add", "layer 'a_1' (Dense)"),
        ("StatefulPartitionedCall_1:0", "'StatefulPartitionedCall_1:0'"),
    ],
)
def test_a_path_names_its_innermost_layer(path, told):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="a_1")], name="inner")
    image = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Resizing(4, 4, name="shrunk")(image))
    model = keras.Model(image, inner(layers.Dense(4)(x)), name="net")
    assert layer_of(path, model) == told
