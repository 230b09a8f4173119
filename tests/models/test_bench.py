"""What a network costs, counted by hand."""

import keras
import pytest

from keras_kd.models import build
from keras_kd.models import cost as bench
from keras_kd.utils.errors import UserError

layers = keras.layers


@pytest.mark.parametrize(
    ("name", "expected", "digits"),
    [
        ("resnet8", 12.5e6, 1),
        ("resnet14", 26.7e6, 1),
        ("resnet20", 40.82e6, 2),
        ("resnet32", 69.1e6, 1),
        ("resnet44", 97.4e6, 1),
        ("resnet56", 125.75e6, 2),
        pytest.param("resnet110", 253.2e6, 1, marks=pytest.mark.slow),
        ("resnet8x4", 177e6, 0),
        ("resnet32x4", 1083e6, 0),
    ],
)
def test_resnets_do_the_published_work(name, expected, digits):
    assert round(bench.macs(build(name, (32, 32, 3), 100)) / 1e6, digits) == expected / 1e6


def test_a_network_that_everybody_has_counted():
    """MobileNetV2 at 224x224: 3.50M parameters and 300.8M multiply-accumulates in torchvision's table."""
    model = build("MobileNetV2", (224, 224, 3), 1000)
    assert bench.parameters(model) == 3_504_872
    assert round(bench.macs(model) / 1e6, 1) == 300.8


@pytest.mark.parametrize(
    ("layer", "input_shape", "expected"),
    [
        (layers.Conv2D(5, (3, 2), padding="same"), (8, 6, 4), 8 * 6 * 5 * 3 * 2 * 4),
        (layers.Conv2D(5, 3, strides=2), (9, 9, 4), 4 * 4 * 5 * 9 * 4),
        (layers.Conv2D(6, 3, groups=2), (5, 5, 4), 3 * 3 * 6 * 9 * 2),
        (layers.Conv2D(5, 3, dilation_rate=2), (9, 9, 4), 5 * 5 * 5 * 9 * 4),
        (layers.Conv1D(5, 3), (10, 4), 8 * 5 * 3 * 4),
        (layers.Conv3D(5, 2), (4, 4, 4, 3), 27 * 5 * 8 * 3),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (5, 5, 4), 3 * 3 * 8 * 9),
        (layers.DepthwiseConv1D(3), (5, 4), 3 * 4 * 3),
        (layers.SeparableConv2D(7, 3, depth_multiplier=2), (5, 5, 4), 9 * (8 * 9) + 9 * (8 * 7)),
        (layers.SeparableConv1D(7, 3), (5, 4), 3 * (4 * 3) + 3 * (4 * 7)),
        (layers.Conv2DTranspose(5, 3, strides=2, padding="same"), (4, 4, 6), 4 * 4 * 6 * 9 * 5),
        (layers.Conv1DTranspose(5, 3), (4, 6), 4 * 6 * 3 * 5),
        (layers.Conv3DTranspose(5, 2), (2, 2, 2, 3), 8 * 3 * 8 * 5),
        (layers.Dense(7), (4,), 28),
        (layers.Dense(7), (6, 5, 4), 6 * 5 * 28),
        (layers.EinsumDense("abc,cde->abde", (None, 3, 7)), (6, 4), 6 * 4 * 3 * 7),
        (layers.EinsumDense("...c,cd->...d", 7), (6, 4), 6 * 4 * 7),
        (layers.BatchNormalization(), (4, 4, 3), 0),
        (layers.MultiHeadAttention(2, 3), (5, 8), None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_layers_by_hand(layer, input_shape, expected):
    inputs = keras.Input(input_shape)
    if isinstance(layer, layers.MultiHeadAttention):
        outputs, expected = layer(inputs, inputs), 4 * 5 * 8 * 6  # query, key, value and output projections
    else:
        outputs = layer(inputs)
    assert bench.macs(keras.Model(inputs, outputs)) == expected


def test_a_shared_layer_counts_at_each_call():
    inputs, layer = keras.Input((4,)), layers.Dense(4)
    model = keras.Model(inputs, layer(layer(layer(inputs))))
    assert bench.macs(model) == 3 * 16
    assert bench.parameters(model) == 20
    assert bench.bytes_of_weights(model) == 80


def test_nested_networks_count():
    inner = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)])
    alone = bench.macs(inner)
    assert alone == 36 * 2 * 9 + 72 * 3
    inputs = keras.Input((8, 8, 1))
    outer = keras.Model(inputs, layers.Dense(2)(inner(layers.Rescaling(1 / 255)(inputs))))
    assert bench.macs(outer) == alone + 6
    assert bench.parameters(outer) == bench.parameters(inner) + 8


class Subclassed(keras.Model):
    """Calls its convolution twice, and holds a layer that it never calls."""

    def __init__(self):
        super().__init__()
        self.convolution, self.idle, self.dense = layers.Conv2D(1, 3, padding="same"), layers.Dense(9), layers.Dense(2)

    def build(self, input_shape):
        self.convolution.build(input_shape)
        self.dense.build((None, 64))
        self.built = True

    def call(self, inputs):
        x = self.convolution(self.convolution(inputs))
        return self.dense(keras.ops.reshape(x, (-1, 64)))


def test_subclassed_networks_count():
    model = Subclassed()
    model.build((None, 8, 8, 1))
    assert bench.macs(model) == bench.macs(model, (8, 8, 1)) == 2 * 64 * 9 + 64 * 2


def test_counting_leaves_the_network_alone():
    model = build("digits_tiny", (8, 8, 1), 10)
    before, nodes = model.get_weights(), [len(layer._inbound_nodes) for layer in model.layers]
    assert bench.macs(model) == bench.macs(model)
    assert nodes == [len(layer._inbound_nodes) for layer in model.layers]
    assert all("call" not in vars(layer) for layer in model.layers)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_frozen_teacher_costs_what_it_cost():
    model = build("resnet8", (32, 32, 3), 100)
    model.trainable = False
    assert model.count_params() > bench.parameters(model) == 83_892


def test_open_dimensions():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.Conv2D(2, 3, padding="same")(inputs), name="open")
    with pytest.raises(UserError, match=r"open: found an input of \(None, None, 3\).*give input_shape"):
        bench.macs(model)
    assert bench.macs(model, (4, 5, 3)) == 4 * 5 * 2 * 9 * 3


def test_bytes_are_of_all_weights_in_their_type():
    model = build("resnet8", (32, 32, 3), 100)
    assert bench.bytes_of_weights(model) == 4 * model.count_params()
    inputs = keras.Input((4,))
    half = keras.Model(inputs, layers.Dense(3, dtype="bfloat16")(inputs))
    assert bench.bytes_of_weights(half) == 2 * 15
