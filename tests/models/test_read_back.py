"""A network that is saved, loaded and compared, as whoever gets its file will load it."""

import keras
import numpy as np
import pytest

from keras_kd.models.read_back import check_read_back
from keras_kd.utils.errors import UserError

layers, registered = keras.layers, keras.saving.register_keras_serializable("read_back")


class Unregistered(layers.Layer):
    def call(self, x):
        return x / 255.0


@registered
class Forgetful(layers.Layer):
    """Its factor is not in get_config, which hides that from Keras."""

    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def get_config(self):
        return super().get_config()

    def call(self, x):
        return x * self.factor


@registered
class Demanding(layers.Layer):
    """What __init__ needs is not in get_config."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def get_config(self):
        return super().get_config()

    def call(self, x):
        return x * self.factor


@registered
class Silent(layers.Layer):
    def get_config(self):
        raise NotImplementedError("no configuration")

    def call(self, x):
        return x


@registered
class Whole(layers.Layer):
    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

    def call(self, x):
        return x * self.factor


@registered
class Subclassed(keras.Model):
    def __init__(self, units, **options):
        super().__init__(**options)
        self.units, self.flat, self.dense = units, layers.Flatten(), layers.Dense(units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}

    def call(self, x):
        return self.dense(self.flat(x))


class UnregisteredModel(Subclassed):
    pass


class Regulariser(keras.regularizers.Regularizer):
    def __call__(self, x):
        return keras.ops.sum(x)


def activation(x):
    return keras.ops.relu(x)


def network(first):
    image = keras.Input((8, 8, 1))
    return keras.Model(image, layers.Dense(10)(layers.Flatten()(first(image))))


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (lambda: layers.Lambda(lambda x: x / 255.0, name="own"), r"layer 'own' \(Lambda\) holds Python code"),
        (lambda: Unregistered(name="own"), r"layer 'own' \(.*Unregistered\) is not registered .*; put @keras.saving"),
        (lambda: keras.Sequential([keras.Input((8, 8, 1)), Unregistered(name="deep")]), "layer 'deep' .* registered"),
        (lambda: layers.Conv2D(2, 3, activation=activation, name="own"), r"'own' \(activation\) is not registered"),
        (lambda: layers.Conv2D(2, 3, kernel_regularizer=Regulariser(), name="own"), "layer 'own' .*Regulariser"),
        (lambda: Forgetful(3.0, name="own"), "other outputs, first in layer 'own' .*; put all .* into get_config"),
        (lambda: Demanding(3.0, name="own"), "layer 'own' .* missing 1 required positional argument: 'factor'"),
        (lambda: Silent(name="own"), "layer 'own' .*no configuration; correct its get_config"),
        (lambda: UnregisteredModel(4, name="own"), "layer 'own' .*UnregisteredModel.* is not registered"),
    ],
)
def test_what_cannot_be_read_back_is_named_with_its_cure(first, said):
    with pytest.raises(UserError, match=f"^student mine: cannot be read back from its file: .*{said}") as caught:
        check_read_back("student mine", network(first()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("first", [lambda: Whole(3.0), lambda: layers.GaussianNoise(1.0), lambda: Subclassed(4)])
def test_what_can_be_read_back_passes_and_stays_as_it_is(first):
    one = network(first())
    before = one.get_weights()
    check_read_back("student mine", one)
    assert all(map(np.array_equal, before, one.get_weights()))


def test_all_that_is_wrong_is_said_at_once():
    image = keras.Input((8, 8, 1))
    x = layers.Lambda(lambda x: x, name="first")(image)
    x = Silent(name="second")(Unregistered(name="third")(x))
    with pytest.raises(UserError) as caught:
        check_read_back("s", keras.Model(image, layers.Dense(10)(layers.Flatten()(x))))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 and all(line.startswith("s: cannot be read back") for line in lines)
    assert sorted(name for name in ("first", "second", "third") if f"'{name}'" in str(caught.value)) == [
        "first", "second", "third",
    ]  # fmt: skip
