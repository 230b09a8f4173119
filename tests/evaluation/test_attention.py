"""Grad-CAM against maps worked out by hand; overlaps; and whether classes outlast a transformation."""

import keras
import numpy as np
import pytest
from networks import cnn, outputs_of, same, values

from keras_kd.evaluation.grad_cam import attention_overlap, grad_cam, last_map, overlap
from keras_kd.evaluation.invariance import invariance
from keras_kd.evaluation.perturbations.transformations import colour_jitter, rotation
from keras_kd.models import build
from keras_kd.models.network import Network, logits_of
from keras_kd.utils.errors import UserError


def pixels(count=7, shape=(8, 8, 1), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype("uint8")


def network(width=6, seed=0, name="cnn", activation=None):
    keras.utils.set_random_seed(seed)
    return Network(name, cnn(width, name=name, activation=activation), activation is None)


def by_hand(one, images, classes, tap="map"):
    """The maps of a network that ends in a global mean and a Dense layer: its kernel's columns are the weights."""
    features = keras.Model(one.model.input, one.model.get_layer(tap).output)
    features = keras.ops.convert_to_numpy(outputs_of(features, images.astype("float32")))
    kernel = keras.ops.convert_to_numpy(one.model.get_layer("logits").kernel)
    positions = features.shape[1] * features.shape[2]
    maps = np.maximum(np.einsum("nhwc,cn->nhw", features, kernel[:, classes] / positions), 0)
    largest = maps.max(axis=(1, 2), keepdims=True)
    return maps / np.where(largest == 0, 1, largest)


def test_the_maps_of_a_global_mean_are_its_class_activation_maps():
    one, images = network(), pixels()
    classes = np.array([0, 1, 2, 3, 4, 0, 1])
    found = grad_cam(one, images, "map", classes)
    assert (found.dtype, found.shape) == ("float32", (7, 6, 6))
    np.testing.assert_allclose(found, by_hand(one, images, classes), atol=1e-5)


def test_without_classes_the_networks_own_are_explained():
    one, images = network(), pixels()
    own = logits_of(one, images)[0].argmax(1)
    np.testing.assert_allclose(grad_cam(one, images, "map"), by_hand(one, images, own), atol=1e-5)
    np.testing.assert_array_equal(grad_cam(one, images), grad_cam(one, images, "map"))


def test_maps_lie_in_zero_to_one_and_reach_one_where_anything_speaks_for_the_class():
    one, images = network(), pixels(30)
    maps = grad_cam(one, images, "map", np.arange(30) % 5)
    assert maps.min() >= 0
    assert set(np.round(maps.max(axis=(1, 2)), 6)) <= {0.0, 1.0}


def test_a_map_with_nothing_for_the_class_stays_zero():
    one, images = network(), pixels()
    dense = one.model.get_layer("logits")
    dense.set_weights([-np.ones((6, 5), "float32"), np.zeros(5, "float32")])
    assert not grad_cam(one, images, "map").any()


def test_an_earlier_map_goes_through_what_follows():
    # Of a first map that a second convolution only doubles, the weights are doubled: the same scaled map.
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    double = keras.layers.Conv2D(4, 1, use_bias=False, name="double")
    outputs = keras.layers.Dense(5, name="logits")(keras.layers.GlobalAveragePooling2D()(double(x)))
    model = keras.Model(inputs, outputs)
    double.set_weights([2 * np.eye(4, dtype="float32")[None, None]])
    one, images = Network("double", model, True), pixels()
    np.testing.assert_allclose(grad_cam(one, images, "first"), grad_cam(one, images, "double"), atol=1e-5)
    assert last_map(one) == "double"


def test_the_size_of_a_batch_decides_nothing():
    one, images = network(), pixels(11)
    for batch_size in (1, 4, 11):
        np.testing.assert_allclose(
            grad_cam(one, images, "map", batch_size=batch_size), grad_cam(one, images, "map"), atol=1e-5
        )


def test_probabilities_are_explained_by_their_logarithm():
    # d log p_c = d z_c - sum_j p_j d z_j: the weights are the kernel's column minus their mean by probability.
    one, images = network(activation="softmax"), pixels(1) // 16
    maps = grad_cam(one, images, "map", [2])
    both = keras.Model(one.model.input, [one.model.output, one.model.get_layer("map").output])
    probabilities, features = outputs_of(both, images.astype("float32"))
    probabilities = keras.ops.convert_to_numpy(probabilities)[0]
    kernel = keras.ops.convert_to_numpy(one.model.get_layer("logits").kernel)
    summed = np.maximum(keras.ops.convert_to_numpy(features)[0] @ (kernel[:, 2] - kernel @ probabilities), 0)
    np.testing.assert_allclose(maps[0], summed / max(summed.max(), 1e-30), atol=1e-4)


def test_the_network_stays_as_it_is_and_works_as_before():
    one, images = network(), pixels()
    before, logits = values(one.model), logits_of(one, images)[0]
    grad_cam(one, images)
    assert same(before, one.model)
    assert all("call" not in vars(layer) for layer in one.model.layers)
    np.testing.assert_array_equal(logits_of(one, images)[0], logits)


def test_layers_of_nested_models_are_explained_by_path():
    backbone = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, name="maps"), keras.layers.MaxPooling2D()], name="backbone"
    )
    model = keras.Sequential([keras.Input((8, 8, 1)), backbone, keras.layers.Flatten(), keras.layers.Dense(5)])
    one = Network("nested", model, True)
    # Not the pooled map after it.
    assert last_map(one) == "backbone/maps"
    assert grad_cam(one, pixels()).shape == (7, 6, 6)


@pytest.mark.parametrize(
    "name, tap", [("resnet8", "stage3"), ("vgg8", "stage4"), ("preresnet20", "last"), ("mobilenetv2_half", "last")]
)
def test_the_last_map_of_the_zoo(name, tap):
    assert last_map(Network(name, build(name, (32, 32, 3), 10), True)) == tap


def test_a_map_of_one_position_explains_nothing():
    one = Network("mobilenetv2_half", build("mobilenetv2_half", (16, 16, 3), 10), True)
    assert one.model.get_layer("last").output.shape[1:3] == (1, 1)
    assert last_map(one) != "last"


def dense_only():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(5, name="logits")])
    return Network("dense", model, True)


def test_layers_that_cannot_be_explained():
    with pytest.raises(UserError, match=r"dense: found no layer that gives a feature map .*; take a convolutional"):
        last_map(dense_only())
    with pytest.raises(UserError, match=r"dense: layer 'logits' gives \(1, 5\); expected a feature map"):
        grad_cam(dense_only(), pixels(), "logits")
    with pytest.raises(UserError, match="no layer 'mapp'.*did you mean 'map'"):
        grad_cam(network(), pixels(), "mapp")
    inputs = keras.Input((8, 8, 1))
    twice = keras.layers.Conv2D(1, 3, padding="same", name="twice")
    model = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(twice(twice(inputs)))))
    with pytest.raises(UserError, match="layer 'twice' runs 2 times in a forward pass; expected once"):
        grad_cam(Network("shared", model, True), pixels(), "twice")


@pytest.mark.parametrize(
    "classes, message",
    [
        ([0], r"found classes int64 of shape \(1,\); expected integers of shape \(7,\)"),
        (np.full(7, 5), "found classes 5 to 5; expected 0 to 4, those of 'cnn'; take networks of the same classes"),
    ],
)
def test_classes_that_cannot_be(classes, message):
    with pytest.raises(UserError, match=message):
        grad_cam(network(), pixels(), "map", classes)


def test_a_map_overlaps_with_itself():
    maps = np.random.default_rng(0).uniform(size=(5, 6, 7))
    found = overlap(maps, 3 * maps)
    assert found["iou"] == 1.0 and found["images"] == 5
    assert found["cosine"] == pytest.approx(1)


def test_an_overlap_is_the_same_both_ways():
    one, other = np.random.default_rng(0).uniform(size=(2, 5, 8, 8))
    assert overlap(one, other[:, ::2, ::2]) == overlap(other[:, ::2, ::2], one)


def test_exactly_the_share_is_chosen_by_position_among_equals():
    flat = np.ones((1, 5, 5))
    # 5 of 25: the first row of both.
    ramp = -np.arange(25.0).reshape(1, 5, 5) + 25
    assert overlap(flat, ramp, share=0.2)["iou"] == 1.0
    assert overlap(flat, ramp[:, ::-1, ::-1], share=0.2)["iou"] == 0.0
    # 5 places against 5 that share 2: 2 of 8.
    shifted = np.zeros((1, 5, 5))
    shifted[0, 0, 3:], shifted[0, 1, :3] = 1, 1
    assert overlap(flat, shifted, share=0.2)["iou"] == 2 / 8


def test_maps_of_other_sizes_are_resized_between_the_middles_of_positions():
    small, large = np.array([[[0.0, 1.0]]]), np.array([[[0.0, 0.25, 0.75, 1.0]]])
    assert overlap(small, large, share=0.5)["cosine"] == pytest.approx(1)
    # Higher the one, wider the other.
    assert overlap(np.ones((1, 4, 1)), np.ones((1, 1, 4)))["cosine"] == pytest.approx(1)


def test_images_without_a_place_are_left_out():
    one = np.random.default_rng(0).uniform(size=(3, 4, 4))
    other = one.copy()
    other[1] = 0
    assert overlap(one, other)["images"] == 2
    assert overlap(one, 0 * one) == {"iou": None, "cosine": None, "images": 0}


def test_what_cannot_be_compared():
    with pytest.raises(UserError, match=r"found maps of \(2, 4, 4\) and \(3, 4, 4\); expected \(n, h, w\)"):
        overlap(np.ones((2, 4, 4)), np.ones((3, 4, 4)))
    with pytest.raises(UserError, match="share: found 0; expected above 0 and at most 1"):
        overlap(np.ones((2, 4, 4)), np.ones((2, 4, 4)), share=0)


def test_all_networks_are_explained_for_the_class_of_the_first():
    networks = {"student": network(4, 0), "teacher": network(6, 1), "other": network(5, 2)}
    images = pixels(12)
    found = attention_overlap(networks, images, taps={"teacher": "map"}, share=0.3)
    assert list(found) == ["student/teacher", "student/other", "teacher/other"]
    classes = logits_of(networks["student"], images)[0].argmax(1)
    maps = {name: grad_cam(one, images, "map", classes) for name, one in networks.items()}
    for pair, values_of_pair in found.items():
        one, other = pair.split("/")
        expected = overlap(maps[one], maps[other], 0.3)
        assert values_of_pair == pytest.approx(expected, abs=1e-6)
    with pytest.raises(UserError, match="taps: found assistant; expected names of networks: student, teacher, other"):
        attention_overlap(networks, images, taps={"assistant": "map"})


def test_invariance_by_hand():
    networks = {"student": network(4, 0), "teacher": network(6, 1)}
    images = pixels(40, seed=3)
    found = invariance(networks, images, seed=5)
    changed = {"colour_jitter": colour_jitter(images, 5), "rotation": rotation(images, 5)}
    classes = {
        name: {what: logits_of(one, given)[0].argmax(1) for what, given in {"images": images, **changed}.items()}
        for name, one in networks.items()
    }
    student, teacher = classes["student"], classes["teacher"]
    pair = found["pairs"]["student/teacher"]
    assert pair["images"] == np.mean(student["images"] == teacher["images"])
    for what in changed:
        kept = {name: one["images"] == one[what] for name, one in classes.items()}
        for name in networks:
            assert found["networks"][name][what] == kept[name].mean()
        assert pair[what] == {
            "agreement": np.mean(student[what] == teacher[what]),
            "agreement_on_change": np.mean(kept["student"] == kept["teacher"]),
        }
    assert invariance(networks, images, seed=5) == found


def test_a_network_that_says_one_thing_never_changes_and_one_of_nan_never_stays():
    constant, nan = network(name="constant"), network(name="nan")
    constant.model.get_layer("logits").set_weights([np.zeros((6, 5), "float32"), np.arange(5, dtype="float32")])
    nan.model.get_layer("logits").set_weights([np.full((6, 5), np.nan, "float32"), np.zeros(5, "float32")])
    found = invariance({"constant": constant, "nan": nan}, pixels())
    assert found["networks"]["constant"] == {"colour_jitter": 1.0, "rotation": 1.0}
    assert found["networks"]["nan"] == {"colour_jitter": 0.0, "rotation": 0.0}
    assert found["pairs"]["constant/nan"]["images"] == 0.0


def test_invariance_needs_images():
    with pytest.raises(UserError, match="invariance: found no images; expected one at least"):
        invariance({"one": network()}, pixels(0))
    with pytest.raises(UserError, match="found images float32"):
        invariance({"one": network()}, pixels().astype("float32"))
