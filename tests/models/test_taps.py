"""The shapes of a network's signals are those of a run, also where none is made."""

import keras
import pytest

from keras_kd.models import build
from keras_kd.models.proposed_taps import proposed_taps
from keras_kd.models.symbolic import SymbolicCall
from keras_kd.models.taps import Tapped, find_layer
from keras_kd.utils.errors import UserError

SHAPE = (8, 8, 3)


def zoo(**options):
    return build("digits_tiny", SHAPE, 4, **options)


def in_half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return zoo()
    finally:
        keras.config.set_dtype_policy(before)


def called_twice():
    layer, image = keras.layers.Conv2D(3, 3, padding="same", name="stage1"), keras.Input(SHAPE)
    return keras.Model(image, keras.layers.Flatten()(layer(layer(image))))


def own_call():
    class Own(keras.Model):
        def call(self, images, training=None):
            return super().call(images)[:, :2]

    image = keras.Input(SHAPE)
    return Own(image, keras.layers.Flatten()(keras.layers.ReLU(name="stage1")(image)))


@pytest.mark.parametrize(
    "make, tap, known",
    [
        (zoo, "stage1", True),
        (in_half_precision, "stage2", True),
        (lambda: keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(name="stage1")]), "stage1", True),
        (lambda: keras.Sequential([keras.Input(SHAPE), zoo()]), "digits_tiny/stage1", False),
        (called_twice, "stage1", False),
        (own_call, "stage1", False),
    ],
)
def test_the_specs_are_those_of_a_run(make, tap, known):
    tapped, images = Tapped("student", make(), [tap], True), keras.KerasTensor((None, *SHAPE))
    found = tapped.specs(images)
    run = SymbolicCall(lambda images: tapped.run(images, training=False)[1])(images)
    assert {name: (one.shape, one.dtype) for name, one in found.items()} == {
        name: (one.shape, one.dtype) for name, one in run.items()
    }
    assert (tapped._known_specs(images) is not None) == known


def test_other_images_than_it_was_made_for_are_run():
    image = keras.Input((None, None, 3))
    network = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU(name="map")(image)))
    found = Tapped("teacher", network, ["map"], True).specs(keras.KerasTensor((None, *SHAPE)))
    assert found["map"].shape == (None, *SHAPE)


def test_layers_of_a_network_of_ones_own_are_proposed():
    image = x = keras.Input((16, 16, 3))
    for number, filters in enumerate((4, 8), 1):
        x = keras.layers.Conv2D(filters, 3, padding="same", name=f"in_{number}")(x)
        x = keras.layers.ReLU(name=f"out_{number}")(x)
        x = keras.layers.MaxPooling2D(name=f"smaller_{number}")(x)
    x = keras.layers.Dropout(0.1)(keras.layers.GlobalAveragePooling2D(name="features")(x))
    inner = keras.Model(image, keras.layers.Dense(2)(x), name="inner")
    assert proposed_taps(inner) == ["out_1", "out_2", "smaller_2", "features"]
    outer = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255), inner, keras.layers.Softmax()])
    assert proposed_taps(outer)[-2:] == ["inner/smaller_2", "inner/features"]
    with pytest.raises(UserError, match="its stages end in out_1, out_2, smaller_2, features, which may be named"):
        find_layer("teacher", inner, "stage1")
