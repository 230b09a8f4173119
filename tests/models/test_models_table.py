"""The networks of the literature's tables: structure, parameters, first weights as published; where students start."""

import contextlib
import json
from functools import cache

import keras
import numpy as np
import pytest
from keras import ops
from networks import outputs_of, weights_by_numpy

from keras_kd.models import MODELS, build
from keras_kd.models import cost as bench
from keras_kd.models.start import re_estimate_batch_norm, start_from
from keras_kd.models.zoo.convolution import convolution, depthwise_convolution
from keras_kd.models.zoo.preresnet import preresnet
from keras_kd.models.zoo.wide_resnet import wide_resnet
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training

# With 100 classes and 32x32 colour images. Those of RepDistiller's table are what its networks count.
PARAMETERS = {
    "wrn_16_1": 180_916,
    "wrn_16_2": 703_284,
    "wrn_28_2": 1_479_220,
    "wrn_40_1": 569_780,
    "wrn_40_2": 2_255_156,
    "vgg8": 3_965_028,
    "vgg11": 9_277_284,
    "vgg13": 9_462_180,
    "vgg16_cifar": 14_774_436,
    "vgg19_cifar": 20_086_692,
    "mobilenetv2_half": 812_836,
    "shufflenet_v1": 949_258,
    "shufflenet_v2": 1_355_528,
    "resnet50_cifar": 23_705_252,
    "preresnet20": 278_132,
    "preresnet32": 472_564,
    "preresnet56": 613_556,
    "preresnet110": 1_169_972,
}
DEEP = {"wrn_28_2", "wrn_40_1", "wrn_40_2", "vgg16_cifar", "vgg19_cifar", "preresnet56", "preresnet110"}
NORMAL = ["wrn_16_2", "vgg8", "mobilenetv2_half", "resnet50_cifar", "preresnet20"]
FIRST_WEIGHTS = [*NORMAL, "shufflenet_v1", "shufflenet_v2"]  # of the networks whose first weights are examined
FAMILIES = ["wrn_16_1", "vgg8", "mobilenetv2_half", "shufflenet_v1", "shufflenet_v2", "resnet50_cifar", "preresnet20"]


def named(names):
    """The names as parameters, the deep ones slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in DEEP)) for name in names]


@cache
def published(name):
    """The network of a name on CIFAR-100, built once."""
    keras.utils.set_random_seed(0)
    with contextlib.nullcontext() if name in FIRST_WEIGHTS else weights_by_numpy():
        return build(name, (32, 32, 3), 100)


def numpy_of(value):
    return np.asarray(ops.convert_to_numpy(value))


def random_pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


# Parameters, by hand: of the papers' structures, without Keras


def conv(kernel, inputs, outputs, groups=1):
    return kernel**2 * inputs * outputs // groups


def norm(channels):
    return 2 * channels


def dense(inputs, classes):
    return (inputs + 1) * classes


def wide_resnet_by_hand(depth, width, colors=3, classes=100):
    channels = [16, 16 * width, 32 * width, 64 * width]
    total = conv(3, colors, 16) + norm(channels[-1]) + dense(channels[-1], classes)
    for before, after in zip(channels, channels[1:], strict=False):
        for block in range((depth - 4) // 6):
            inputs = after if block else before
            total += norm(inputs) + conv(3, inputs, after) + norm(after) + conv(3, after, after)
            total += conv(1, inputs, after) if inputs != after else 0
    return total


def preresnet_by_hand(depth, classes=100):
    bottleneck = depth >= 44
    blocks, ends = ((depth - 2) // 9, 4) if bottleneck else ((depth - 2) // 6, 1)
    total, inputs = conv(3, 3, 16), 16
    for inside in (16, 32, 64):
        for block in range(blocks):
            outputs = ends * inside
            if bottleneck:
                total += norm(inputs) + conv(1, inputs, inside) + norm(inside) + conv(3, inside, inside)
                total += norm(inside) + conv(1, inside, outputs)
            else:
                total += norm(inputs) + conv(3, inputs, inside) + norm(inside) + conv(3, inside, inside)
            total += conv(1, inputs, outputs) if block == 0 and (inside > 16 or inputs != outputs) else 0
            inputs = outputs
    return total + norm(inputs) + dense(inputs, classes)


def resnet50_by_hand(classes=100):
    total, inputs = conv(3, 3, 64) + norm(64), 64
    for inside, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            total += conv(1, inputs, inside) + conv(3, inside, inside) + conv(1, inside, 4 * inside)
            total += 2 * norm(inside) + norm(4 * inside)
            total += conv(1, inputs, 4 * inside) + norm(4 * inside) if block == 0 else 0
            inputs = 4 * inside
    return total + dense(inputs, classes)


def vgg_by_hand(convolutions, classes=100):
    total, inputs = 0, 3
    for outputs, count in zip((64, 128, 256, 512, 512), convolutions, strict=True):
        for _ in range(count):
            total += conv(3, inputs, outputs) + outputs + norm(outputs)  # these convolutions have a bias
            inputs = outputs
    return total + dense(512, classes)


def mobilenet_by_hand(classes=100):
    total, inputs = conv(3, 3, 16) + norm(16), 16
    for expansion, outputs, blocks in (
        (1, 8, 1), (6, 12, 2), (6, 16, 3), (6, 32, 4), (6, 48, 3), (6, 80, 3), (6, 160, 1)
    ):  # fmt: skip
        for _ in range(blocks):
            inside = expansion * inputs
            total += conv(1, inputs, inside) + conv(3, inside, inside, groups=inside) + conv(1, inside, outputs)
            total += 2 * norm(inside) + norm(outputs)
            inputs = outputs
    return total + conv(1, inputs, 1280) + norm(1280) + dense(1280, classes)


def shufflenet_v1_by_hand(classes=100):
    total, inputs = conv(1, 3, 24) + norm(24), 24
    for stage, (channels, blocks) in enumerate(((240, 4), (480, 8), (960, 4))):
        for block in range(blocks):
            outputs = channels if block else channels - inputs
            inside = outputs // 4
            total += conv(1, inputs, inside, groups=3 if stage or block else 1) + norm(inside)
            total += conv(3, inside, inside, groups=inside) + norm(inside)
            total += conv(1, inside, outputs, groups=3) + norm(outputs)
            inputs = channels
    return total + dense(960, classes)


def shufflenet_v2_by_hand(classes=100):
    total, inputs = conv(1, 3, 24) + norm(24), 24
    for channels, blocks in ((116, 3), (232, 7), (464, 3)):
        half = channels // 2
        total += conv(3, inputs, inputs, groups=inputs) + norm(inputs) + conv(1, inputs, half) + norm(half)
        total += conv(1, inputs, half) + conv(3, half, half, groups=half) + conv(1, half, half) + 3 * norm(half)
        total += blocks * (2 * conv(1, half, half) + conv(3, half, half, groups=half) + 3 * norm(half))
        inputs = channels
    return total + conv(1, inputs, 1024) + norm(1024) + dense(1024, classes)


BY_HAND = {
    **{f"wrn_{d}_{w}": lambda d=d, w=w: wide_resnet_by_hand(d, w) for d, w in ((16, 1), (16, 2), (28, 2))},
    **{f"wrn_40_{w}": lambda w=w: wide_resnet_by_hand(40, w) for w in (1, 2)},
    **{f"preresnet{d}": lambda d=d: preresnet_by_hand(d) for d in (20, 32, 56, 110)},
    "vgg8": lambda: vgg_by_hand((1, 1, 1, 1, 1)),
    "vgg11": lambda: vgg_by_hand((1, 1, 2, 2, 2)),
    "vgg13": lambda: vgg_by_hand((2, 2, 2, 2, 2)),
    "vgg16_cifar": lambda: vgg_by_hand((2, 2, 3, 3, 3)),
    "vgg19_cifar": lambda: vgg_by_hand((2, 2, 4, 4, 4)),
    "resnet50_cifar": resnet50_by_hand,
    "mobilenetv2_half": mobilenet_by_hand,
    "shufflenet_v1": shufflenet_v1_by_hand,
    "shufflenet_v2": shufflenet_v2_by_hand,
}


def test_the_counts_by_hand_are_the_published_ones():
    assert {name: count() for name, count in BY_HAND.items()} == PARAMETERS


@pytest.mark.one_backend
@pytest.mark.parametrize("name", named(PARAMETERS))
def test_networks_have_the_published_number_of_parameters(name):
    assert bench.parameters(published(name)) == PARAMETERS[name]
    assert published(name).name == name
    published.cache_clear() if name in DEEP else None


def test_the_table_covers_the_zoo():
    others = {name for name in MODELS if name.startswith("digits") or name.removeprefix("resnet")[0].isdigit()}
    assert set(PARAMETERS) - {"resnet50_cifar"} == set(MODELS) - others


def test_classes_and_colors_count_as_by_hand():
    model = build("wrn_16_2", (32, 32, 1), 10)
    assert bench.parameters(model) == wide_resnet_by_hand(16, 2, colors=1, classes=10)


# Taps


TAPS = {
    "wrn_16_2": [(32, 16), (32, 32), (16, 64), (8, 128)],
    "preresnet20": [(32, 16), (32, 16), (16, 32), (8, 64)],
    "vgg8": [(32, 64), (16, 128), (8, 256), (4, 512), (4, 512)],
    "mobilenetv2_half": [(16, 16), (16, 12), (8, 16), (4, 48), (2, 160)],
    "shufflenet_v1": [(32, 24), (16, 240), (8, 480), (4, 960)],
    "shufflenet_v2": [(32, 24), (16, 116), (8, 232), (4, 464)],
    "resnet50_cifar": [(32, 64), (32, 256), (16, 512), (8, 1024), (4, 2048)],
}
POOLED = {"mobilenetv2_half": 1280, "shufflenet_v2": 1024}


@pytest.mark.one_backend
@pytest.mark.parametrize("name", TAPS)
def test_taps_are_the_maps_that_repdistiller_reads(name):
    model = published(name)
    taps = ["stem", *(f"stage{number}" for number in range(1, len(TAPS[name])))]
    found = [model.get_layer(tap).output.shape for tap in taps]
    assert found == [(None, size, size, channels) for size, channels in TAPS[name]]
    assert model.get_layer("pooled").output.shape == (None, POOLED.get(name, TAPS[name][-1][1]))
    assert model.get_layer("logits").output.shape == (None, 100)
    assert model.layers[-1].name == "logits"


@pytest.mark.one_backend
@pytest.mark.parametrize("name", TAPS)
def test_taps_are_rectified_where_a_relu_ends_the_stage(name):
    model = published(name)
    taps = ["stem", *(f"stage{number}" for number in range(1, len(TAPS[name])))]
    read = keras.Model(model.input, [model.get_layer(tap).output for tap in taps])
    signals = outputs_of(read, random_pixels((1, 32, 32, 3)))
    negative = [bool((numpy_of(signal) < 0).any()) for signal in signals]
    if name in ("wrn_16_2", "preresnet20"):
        assert all(negative)
    elif name == "mobilenetv2_half":
        assert negative == [False, True, True, True, True]
    else:
        assert not any(negative)


# Structure


def test_wide_and_preactivation_resnets_differ_in_what_their_shortcuts_take():
    """The first take the normalised and rectified input; the second take the input itself, as in the authors' code."""

    def source(model):
        return model.get_layer("stage2_block1_shortcut").input

    wide, pre = build("wrn_16_1", (8, 8, 3), 5), build("preresnet20", (8, 8, 3), 5)
    assert source(wide) is wide.get_layer("stage2_block1_1_relu").output
    assert source(pre) is pre.get_layer("stage1").output


def test_grouped_convolutions_keep_the_groups_apart_and_shuffles_mix_them():
    image = keras.Input((4, 4, 6))
    model = keras.Model(image, convolution(image, 9, 1, name="grouped", groups=3, use_bias=True))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
    one = numpy_of(model(x))
    kernels = [numpy_of(model.get_layer(f"grouped_{group}").kernel)[0, 0] for group in (1, 2, 3)]
    expected = np.concatenate([x[..., 2 * group : 2 * group + 2] @ kernels[group] for group in range(3)], axis=-1)
    np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)

    network = published("shufflenet_v1")
    before = network.get_layer("stage1_block2_1_relu").output
    shuffled = keras.Model(before, network.get_layer("stage1_block2_shuffled").output)
    channels = before.shape[-1]
    numbers = np.broadcast_to(np.arange(channels, dtype="float32"), (1, *before.shape[1:]))
    found = numpy_of(shuffled(np.ascontiguousarray(numbers)))[0, 3, 5]
    np.testing.assert_array_equal(found, np.arange(channels).reshape(3, -1).T.reshape(-1))


def test_shufflenet_v2_keeps_the_first_half_of_the_channels():
    network = published("shufflenet_v2")
    before, after = network.get_layer("stage1_block1").output, network.get_layer("stage1_block2_join").output
    pixels = random_pixels((1, 32, 32, 3))
    one, two = outputs_of(keras.Model(network.input, [before, after]), pixels)
    np.testing.assert_array_equal(numpy_of(two)[..., :58], numpy_of(one)[..., :58])


def test_the_mean_that_shortens_a_shufflenet_counts_the_zeros_around_the_image():
    network = published("shufflenet_v1")
    path = network.get_layer("stage1_block1_pool")
    whole = keras.Model(network.get_layer("stem").output, path.output)
    mean = numpy_of(whole(np.ones((1, 32, 32, 24), "float32")))[0, :, :, 0]
    assert mean.shape == (16, 16)
    np.testing.assert_allclose([mean[0, 0], mean[0, 5], mean[5, 5]], [4 / 9, 6 / 9, 1], rtol=1e-5)


def test_depthwise_convolutions_with_strides_are_padded_on_both_sides():
    image = keras.Input((8, 8, 2))
    model = keras.Model(image, depthwise_convolution(image, 2, name="depthwise"))
    kernel = np.zeros((3, 3, 2, 1), "float32")
    kernel[0, 0] = 1
    model.get_layer("depthwise").set_weights([kernel])
    x = random_pixels((1, 8, 8, 2))
    found = numpy_of(model(x))[0]
    assert found.shape == (4, 4, 2) and not found[0].any() and not found[:, 0].any()
    np.testing.assert_allclose(found[1:, 1:], x[0, 1:-1:2, 1:-1:2], rtol=1e-6)


def test_vgg_pools_once_more_from_64_pixels_on():
    assert build("vgg8", (64, 64, 3), 5).get_layer("stage4").output.shape == (None, 4, 4, 512)
    with pytest.raises(UserError, match=r"vgg8: found images of \(7, 9, 3\); expected at least 8x8"):
        build("vgg8", (7, 9, 3), 5)


@pytest.mark.parametrize(
    ("builder", "depth", "expected"),
    [
        (lambda depth: wide_resnet((8, 8, 3), 5, depth=depth, width=1), 20, "expected 6n \\+ 4"),
        (lambda depth: preresnet((8, 8, 3), 5, depth=depth), 50, "9n \\+ 2 above"),
        (lambda depth: preresnet((8, 8, 3), 5, depth=depth), 21, "6n \\+ 2 below 44"),
    ],
)
def test_depths_of_another_form_are_refused(builder, depth, expected):
    with pytest.raises(UserError, match=f"found {depth}; .*{expected}"):
        builder(depth)


# First weights


@pytest.mark.parametrize("name", FIRST_WEIGHTS)
def test_networks_start_as_in_pytorch(name):
    seen = {}
    for layer in published(name).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            continue
        kernel = numpy_of(layer.kernel)
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        inputs, outputs = (1, kernel.shape[2]) if depthwise else kernel.shape[2:]
        window = kernel.shape[0] * kernel.shape[1]
        if name in NORMAL:
            expected = np.sqrt(2 / (window * outputs))
        else:
            assert np.abs(kernel).max() <= (window * inputs) ** -0.5
            expected = (window * inputs) ** -0.5 / np.sqrt(3)
        # Seven standard errors of a standard deviation.
        assert abs(kernel.std() / expected - 1) < 7 / np.sqrt(2 * kernel.size), layer.name
        assert not any(np.array_equal(kernel, other) for other in seen.get(kernel.shape, [])), layer.name
        seen.setdefault(kernel.shape, []).append(kernel)


@pytest.mark.parametrize(
    ("name", "kernel", "bias"),
    [
        ("wrn_16_2", "uniform", "zeros"),
        ("vgg8", 0.01, "zeros"),
        ("mobilenetv2_half", 0.01, "zeros"),
        ("shufflenet_v1", "uniform", "uniform"),
        ("resnet50_cifar", "uniform", "uniform"),
        ("preresnet20", "uniform", "uniform"),
    ],
)
def test_classifiers_start_as_the_authors_have_them(name, kernel, bias):
    found_kernel, found_bias = map(np.asarray, published(name).get_layer("logits").get_weights())
    limit = len(found_kernel) ** -0.5
    deviation = limit / np.sqrt(3) if kernel == "uniform" else kernel
    assert found_kernel.std() == pytest.approx(deviation, rel=0.05)
    # Of so many normal numbers some lie beyond three deviations.
    largest = np.abs(found_kernel).max()
    assert largest <= limit if kernel == "uniform" else largest > 3 * kernel
    assert bool(found_bias.any()) == (bias == "uniform") and np.abs(found_bias).max() <= limit


# In use


@cache
def small(name):
    """A network of a family, narrow and on small images, built once."""
    with weights_by_numpy():
        return build(name, (8, 8, 3), 4, mean=0.5, std=0.25, arguments={"width_multiplier": 0.25})


# JAX compiles a step of so many layers for half a minute.
COMPILES_FAST = ("wrn_16_1", "vgg8")
if keras.backend.backend() == "tensorflow":
    COMPILES_FAST = set(FAMILIES) - {"shufflenet_v1", "mobilenetv2_half", "resnet50_cifar"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in COMPILES_FAST)) for name in FAMILIES]
)
def test_a_training_step_reaches_every_kernel_and_stays_finite(name):
    model = small(name)
    before = {one.path: numpy_of(one) for one in model.trainable_variables}
    eager = keras.backend.backend() == "tensorflow"  # where a graph of so many layers takes longer to make than to run
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eager)
    loss = model.train_on_batch(random_pixels((8, 8, 8, 3)), np.arange(8) % 4)
    assert np.isfinite(loss)
    for one in model.trainable_variables:
        after = numpy_of(one)
        assert np.isfinite(after).all(), one.path
        if len(one.shape) > 1:
            assert not np.array_equal(after, before[one.path]), one.path


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("vgg8", "wrn_16_1"))) for name in FAMILIES]
)
def test_networks_take_other_images_in_mixed_precision(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with weights_by_numpy():
            model = build(name, (9, 28, 4), 7, arguments={"width_multiplier": 0.1})
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("stage1").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32" and model.output.shape == (None, 7)


@pytest.mark.parametrize(
    "name", ["shufflenet_v2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("shufflenet_v1", "vgg8"))]
)
def test_saved_networks_hold_nothing_of_this_package(name, tmp_path):
    model = small(name)
    assert "keras_kd" not in json.dumps(model.get_config(), default=str)
    model.save(tmp_path / "x.keras")
    again = keras.saving.load_model(tmp_path / "x.keras", safe_mode=True)
    pixels = random_pixels((2, 8, 8, 3))
    np.testing.assert_array_equal(numpy_of(outputs_of(again, pixels)), numpy_of(outputs_of(model, pixels)))


@pytest.mark.one_backend
@pytest.mark.parametrize("name", FAMILIES)
def test_width_multiplier_is_the_one_argument(name):
    assert bench.parameters(small(name)) < PARAMETERS[name]
    with pytest.raises(UserError, match="width_multiplier: found 'wide'"):
        build(name, (8, 8, 3), 4, arguments={"width_multiplier": "wide"})
    for argument in ("depth", "width", "blocks", "convolutions", "channels"):
        with pytest.raises(UserError, match=f"found '{argument}'; it takes no such argument"):
            build(name, (8, 8, 3), 4, arguments={argument: 1})


# Where a student starts


def two(name="digits_tiny", shape=(8, 8, 1)):
    networks = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        networks.append(build(name, shape, 10))
    for layer in networks[1].layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(ops.ones(layer.moving_mean.shape))
    return networks


@pytest.mark.parametrize("share", [0, 0.375, 1, 1.0])
def test_a_start_is_the_share_of_the_teacher_and_the_rest_of_the_student(share):
    student, teacher = two()
    own, its = student.get_weights(), teacher.get_weights()
    start_from(student, teacher, share)
    for found, mine, other in zip(student.get_weights(), own, its, strict=True):
        np.testing.assert_allclose(found, share * other + (1 - share) * mine, rtol=1e-6, atol=1e-7)
    assert all(np.array_equal(a, b) for a, b in zip(teacher.get_weights(), its, strict=True))
    if share == 1:
        pixels = random_pixels((3, 8, 8, 1))
        np.testing.assert_array_equal(numpy_of(student(pixels)), numpy_of(teacher(pixels)))


@pytest.mark.parametrize("share", [-0.1, 1.5, True, "half", float("nan")])
def test_a_share_is_a_number_from_zero_to_one(share):
    student, teacher = two()
    with pytest.raises(UserError, match="start_from_teacher: found .*; expected a share from 0 to 1"):
        start_from(student, teacher, share)


def test_networks_of_other_shapes_are_refused_and_left_alone():
    student = build("digits_tiny", (8, 8, 1), 10)
    before = student.get_weights()
    with pytest.raises(UserError, match="digits_tiny has 12 weights and digits_cnn has 22; expected .* equal shapes"):
        start_from(student, build("digits_cnn", (8, 8, 1), 10), 0.5)
    wide = build("digits_tiny", (8, 8, 1), 10, arguments={"width_multiplier": 2})
    with pytest.raises(UserError, match=r"stage1_1_conv/kernel of digits_tiny is \(3, 3, 1, 8\) and .*\(3, 3, 1, 16\)"):
        start_from(student, wide, 0.5)
    assert all(np.array_equal(a, b) for a, b in zip(student.get_weights(), before, strict=True))


def test_batch_normalisation_is_the_mean_over_the_batches_whatever_it_was():
    model, _ = two()
    layer = model.get_layer("stage1_1_bn")
    layer.moving_mean.assign(1e3 * ops.ones(layer.moving_mean.shape))
    batches = [random_pixels((16, 8, 8, 1), seed) for seed in range(5)]
    before = {one.path: numpy_of(one) for one in model.trainable_variables}
    assert re_estimate_batch_norm(model, iter(batches)) == 5

    maps = keras.Model(model.input, model.get_layer("stage1_1_conv").output)
    maps = [numpy_of(maps(batch)) for batch in batches]
    np.testing.assert_allclose(layer.moving_mean, np.mean([one.mean((0, 1, 2)) for one in maps], 0), rtol=1e-3)
    np.testing.assert_allclose(layer.moving_variance, np.mean([one.var((0, 1, 2)) for one in maps], 0), rtol=1e-3)
    assert layer.momentum == 0.9
    assert all(np.array_equal(numpy_of(one), before[one.path]) for one in model.trainable_variables)


def test_the_momentum_comes_back_when_a_batch_fails_and_no_batch_changes_nothing():
    model, _ = two()
    with pytest.raises(Exception, match="."):
        re_estimate_batch_norm(model, [np.zeros((2, 8, 8, 1)), "no images"])
    assert model.get_layer("stage1_1_bn").momentum == 0.9
    before = model.get_weights()
    assert re_estimate_batch_norm(model, []) == 0
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


RECIPE = """\
data: {name: digits, train_images: 200, test_images: 50, views: crop_flip}
teacher: teacher.keras
student: {model: digits_tiny, start_from_teacher: 1}
label_weight: 0
terms: [{method: kd, weight: 1}]
fit: {epochs: 2, batch_size: 32, learning_rate: 1.0e-12, deterministic: true}
export: {formats: []}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a teacher and a recipe that starts from it."""
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(7)
    teacher = build("digits_tiny", (8, 8, 1), 10)
    teacher.save("teacher.keras")
    (tmp_path / "near.yaml").write_text(RECIPE)
    return teacher


def student_of(folder):
    return keras.saving.load_model(f"{folder}/student.keras")


@pytest.mark.one_backend
def test_a_recipe_starts_its_student_from_the_teacher(here):
    run.distill(load("near.yaml"), "near", name="near", quiet=True)
    kernel = here.get_layer("stage1_1_conv").get_weights()[0]
    np.testing.assert_allclose(student_of("near").get_layer("stage1_1_conv").get_weights()[0], kernel, atol=1e-6)
    keras.utils.set_random_seed(0)
    far = build("digits_tiny", (8, 8, 1), 10)
    assert np.abs(far.get_layer("stage1_1_conv").get_weights()[0] - kernel).max() > 0.01
    assert json.loads(open("near/report.json").read())["settings"]["student"]["start_from_teacher"] == 1


@pytest.mark.slow
def test_a_run_that_goes_on_does_not_start_again(here, monkeypatch):
    recipe = load("near.yaml", ["fit.learning_rate=0.05", "student.start_from_teacher=0.5"])
    run.distill(recipe, "straight", name="near", quiet=True)

    class Dies(training.StopOnNonFinite):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            if epoch == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training, "StopOnNonFinite", Dies)
        with pytest.raises(KeyboardInterrupt):
            run.distill(recipe, "killed", name="near", quiet=True)
    run.distill(recipe, "killed", name="near", quiet=True)
    pairs = zip(student_of("straight").get_weights(), student_of("killed").get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_recipes_that_cannot_start_from_a_teacher(here):
    with pytest.raises(UserError, match="near.yaml:3: student.start_from_teacher: there is no teacher; give one"):
        load("near.yaml", ["teacher=null", "terms=[]", "label_weight=1"])
    with pytest.raises(UserError, match="student.start_from_teacher: is 2; expected 1 or less"):
        load("near.yaml", ["student.start_from_teacher=2"])
    other = load("near.yaml", ["teacher=digits_cnn"])
    with pytest.raises(UserError, match="start_from_teacher: digits_tiny has 12 weights and digits_cnn has 22"):
        run.distill(other, "other", name="near", quiet=True)
