"""Networks cut into stages: together they are the network, gradients pass, nothing moves; and what cannot be cut."""

import keras
import numpy as np
import pytest
from keras import ops
from networks import outputs_of, same, values, weights_by_numpy

from keras_kd import backend
from keras_kd.models import build
from keras_kd.models.stages import Stages
from keras_kd.utils.errors import UserError

SHAPE, CLASSES = (8, 8, 3), 4
LAYERS = keras.layers


def zoo(name="resnet8"):
    with weights_by_numpy():
        return build(name, SHAPE, CLASSES)


def convolution(x, filters=3, name=None):
    x = LAYERS.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return LAYERS.ReLU(name=name)(LAYERS.BatchNormalization()(x))


def nested():
    """A backbone inside, with its own cuts, run by a network that says how."""
    with weights_by_numpy():
        image = keras.Input(SHAPE)
        inner = convolution(convolution(image, name="early"), name="late")
        backbone = keras.Model(image, inner, name="backbone")
        image = keras.Input(SHAPE)
        x = LAYERS.GlobalAveragePooling2D(name="pooled")(backbone(image, training=False))
        return keras.Model(image, LAYERS.Dense(CLASSES, name="logits")(x))


def sequential():
    with weights_by_numpy():
        inside = [keras.Input(SHAPE), LAYERS.Conv2D(4, 3, name="a"), LAYERS.BatchNormalization(name="b")]
        body = keras.Sequential(inside, name="body")
        return keras.Sequential(
            [keras.Input(SHAPE), body, LAYERS.Flatten(name="flat"), LAYERS.Dense(CLASSES, name="logits")], name="whole"
        )


def in_parts():
    """An operation inside gives several tensors."""
    with weights_by_numpy():
        image = keras.Input(SHAPE)
        one, other = ops.split(convolution(image, 4), 2, axis=-1)
        x = LAYERS.Concatenate(name="joined")([convolution(one), other])
        one, other = ops.split(convolution(x, 4, "stage"), 2, axis=-1)
        return keras.Model(image, LAYERS.Dense(CLASSES)(LAYERS.Flatten()(one + 2.0 * other)))


def as_probabilities():
    with weights_by_numpy():
        image = keras.Input(SHAPE)
        x = LAYERS.Dense(CLASSES)(LAYERS.Flatten()(convolution(image, name="stage")))
        return keras.Model(image, ops.softmax(x))


NETWORKS = {
    "resnet8": (zoo, ["stem", "stage1", "stage2", "stage3", "logits"]),
    "grouped": (lambda: zoo("shufflenet_v1"), ["stage1", "stage2"]),
    "nested": (nested, ["backbone/early", "backbone/late", "pooled"]),
    "whole": (nested, ["backbone"]),
    "sequential": (sequential, ["body/a", "flat"]),
    "in parts": (in_parts, ["joined", "stage"]),
}


def images(count=4, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (count, *SHAPE)).astype("float32")


def by_stages(network, cuts, x, **options):
    """The network's output by each of its stages in turn; compiled whole where each operation would be."""
    stages = Stages("teacher", network, cuts)

    def run(x):
        for after, until in zip([None, *cuts], [*cuts, None], strict=True):
            x = stages(x, after=after, until=until, **options)
        return x

    return ops.convert_to_numpy(backend.compiled(run)(ops.convert_to_tensor(x)))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_stages_together_are_the_network_and_nothing_moves(name, training):
    make, cuts = NETWORKS[name]
    network = make()
    before, x = values(network), images()
    found = by_stages(network, cuts, x, training=training)
    assert same(before, network)
    expected = ops.convert_to_numpy(outputs_of(network, x, training=training))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_probabilities_become_logits():
    network, x = as_probabilities(), images()
    found = by_stages(network, ["stage"], x / 255, training=False)
    np.testing.assert_allclose(np.exp(found), ops.convert_to_numpy(outputs_of(network, x / 255)), rtol=1e-4)


@pytest.mark.both_backends
def test_the_statistics_of_the_batch_are_used_where_asked_for_of_frozen_layers_too():
    network, x = zoo(), images()
    expected = ops.convert_to_numpy(outputs_of(network, x, training=True))
    plain = by_stages(network, ["stage2"], x, training=False)
    network.trainable = False
    before = values(network)
    found = by_stages(network, ["stage2"], x, training=False, batch_statistics=True)
    assert same(before, network)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert np.abs(found - plain).max() > 0.1


def test_dropout_is_off_where_only_the_statistics_are_those_of_the_batch():
    image = keras.Input(SHAPE)
    x = LAYERS.Dropout(0.5, seed=0)(LAYERS.Flatten(name="flat")(image))
    network = keras.Model(image, LAYERS.Dense(CLASSES)(x))
    before, x = values(network), images()
    still = by_stages(network, ["flat"], x, batch_statistics=True)
    np.testing.assert_allclose(still, ops.convert_to_numpy(outputs_of(network, x)), rtol=1e-4, atol=1e-3)
    assert np.abs(by_stages(network, ["flat"], x, training=True) - still).max() > 1
    assert same(before, network)  # its seed too


@pytest.mark.both_backends
def test_gradients_pass_to_what_a_stage_is_given():
    network, x = zoo(), images()
    stages, before = Stages("teacher", network, ["stage2"]), values(network)
    maps = stages(x, until="stage2", training=False)
    run = backend.value_and_gradients(lambda maps, _: ops.sum(ops.square(stages(maps, after="stage2")[:, 1])))
    value, gradient = run(maps, None)
    gradient = ops.convert_to_numpy(gradient)
    step = 1e-3 * np.abs(ops.convert_to_numpy(maps)).max() * gradient / np.abs(gradient).max()
    ahead, behind = (float(run(ops.convert_to_numpy(maps) + sign * step, None)[0]) for sign in (1, -1))
    assert np.sum(gradient * step) == pytest.approx((ahead - behind) / 2, rel=2e-2) and float(value) > 0
    assert same(before, network)


def test_the_weights_are_the_networks_alone():
    network = zoo()
    stages = Stages("student", network, ["stage1"])
    assert stages.variables == [] and stages.losses == []
    # The network's own graph is as it was: its layers have one output each.
    assert [layer.output.shape for layer in network.layers]
    before = by_stages(network, ["stage1"], images())
    bias = network.get_layer("logits").bias
    bias.assign(bias + 1.0)
    after = stages(stages(images(), until="stage1"), after="stage1")
    np.testing.assert_allclose(ops.convert_to_numpy(after), before + 1, rtol=1e-4, atol=1e-4)


@pytest.mark.both_backends
def test_the_losses_that_layers_add_on_a_path_are_not_added_again():
    image = keras.Input(SHAPE)
    x = LAYERS.Flatten(name="flat")(image)
    network = keras.Model(image, LAYERS.Dense(CLASSES, activity_regularizer="l2")(x))
    count = len(network.losses)
    Stages("student", network, ["flat"])(np.ones((2, 192), "float32"), after="flat", training=True)
    assert len(network.losses) == count


class Own(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.inner = LAYERS.Conv2D(4, 3, name="inner")

    def call(self, x):
        return ops.mean(self.inner(x), axis=(1, 2))


def own(**options):
    model = Own(**options)
    model(np.zeros((1, *SHAPE), "float32"))
    return model


def around_own():
    image = keras.Input(SHAPE)
    return keras.Model(image, LAYERS.Dense(CLASSES)(own(name="mine")(image)), name="around")


def shared():
    layer, image = LAYERS.Conv2D(3, 3, padding="same", name="twice"), keras.Input(SHAPE)
    return keras.Model(image, LAYERS.Dense(CLASSES)(LAYERS.Flatten()(layer(layer(image)))), name="shared")


def dead_end():
    image = keras.Input(SHAPE)
    x = LAYERS.Flatten(name="flat")(LAYERS.Conv2D(2, 3, name="begin")(image))
    network = keras.Model(image, LAYERS.Dense(CLASSES, name="end")(x), name="dead")
    LAYERS.Dense(2, name="aside")(x)
    return network


@pytest.mark.parametrize(
    "make, cuts, message",
    [
        (own, ["inner"], r"teacher: 'own.*' is no functional or sequential model.*keras.Model\(inputs, outputs\)"),
        (zoo, ["stage9"], "teacher: no layer 'stage9' in 'resnet8'; did you mean 'stage"),
        (nested, ["early"], "teacher: no layer 'early'.*did you mean 'backbone/early'"),
        (
            around_own,
            ["mine/inner"],
            "'around' cannot be cut at 'mine/inner', which is inside a model that is no funct",
        ),
        (shared, ["twice"], "'shared' cannot be cut at 'twice', which runs in several places; name a layer that all"),
        (
            zoo,
            ["stage1_block1_1_relu"],
            "at 'stage1_block1_1_relu', which is passed by on a way to 'stage1_block1_add'",
        ),
        (
            zoo,
            ["stage2", "stage1"],
            "teacher: 'stage1' does not come after 'stage2' in 'resnet8'; name the cuts from",
        ),
        (zoo, ["stage1", "stage1"], "teacher: found the cuts stage1, stage1; expected each layer once"),
    ],
)
def test_what_cannot_be_cut_is_named_with_the_remedy(make, cuts, message):
    with pytest.raises(UserError, match=message):
        Stages("teacher", make(), cuts)


def test_what_is_outside_of_the_graph_is_no_part_of_it():
    assert by_stages(dead_end(), ["begin", "flat"], images()).shape == (4, CLASSES)


@pytest.mark.parametrize("part", [{"after": "stage2", "until": "stage1"}, {"after": "stem"}, {"until": "stage3"}])
def test_a_part_that_is_not_there_is_refused(part):
    stages = Stages("teacher", zoo(), ["stage1", "stage2"])
    with pytest.raises(UserError, match="teacher_stages: found after=.*expected one of stage1, stage2 and a later one"):
        stages(images(), **part)
