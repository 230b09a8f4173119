"""Networks of a person's own: their modules, their precision, NaN in their weights, one unit for two classes."""

import textwrap

import keras
import numpy as np
import pytest

from keras_kd.models import build, saved
from keras_kd.models.finite import first_lost_layer
from keras_kd.models.precision import in_precision, policies
from keras_kd.utils.errors import UserError

layers = keras.layers


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(saved, "_known", {})
    return tmp_path


def save_of(here, module):
    """A saved network of an unregistered layer and an activation that a module of the current folder defines."""
    text = """
        import keras

        class Halve(keras.layers.Layer):
            def call(self, x):
                return x / 2

        def bent(x):
            return keras.ops.relu(x)

        def net(image_shape, classes):
            image = keras.Input(image_shape)
            x = keras.layers.Dense(4, activation=bent)(keras.layers.Flatten()(Halve()(image)))
            model = keras.Model(image, keras.layers.Dense(classes)(x))
            model.compile("sgd", lambda y, p: 0.0 * p)
            return model
        """
    (here / f"{module}.py").write_text(textwrap.dedent(text))
    model = build(f"{module}:net", (8, 8, 1), 3)
    model.save("mine.keras")
    return model


def test_a_file_is_loaded_once_its_module_is_known(here, monkeypatch):
    model = save_of(here, "layers_of_one")
    monkeypatch.setattr(saved, "_known", {})
    with pytest.raises(UserError, match="holds 'Halve', 'bent', .* give --module layers_of_one, or modules"):
        build("mine.keras", (8, 8, 1), 3)
    saved.know("layers_of_one")
    assert saved.known_modules() == [("layers_of_one", str(here))]
    image = np.ones((1, 8, 8, 1), "float32")
    ours, theirs = (keras.ops.convert_to_numpy(one(image)) for one in (build("mine.keras", (8, 8, 1), 3), model))
    assert np.array_equal(ours, theirs)
    # Whoever gets a student has Keras alone.
    with pytest.raises(UserError, match="is not registered with Keras; put @keras.saving.register_keras_serializable"):
        saved.load_saved("mine.keras", registered=True)


def test_what_a_function_was_compiled_with_is_not_saved_with_a_student(here):
    assert save_of(here, "layers_of_two").compiled is False


def test_a_known_module_that_has_not_the_class_is_said_so(here, monkeypatch):
    save_of(here, "layers_of_three")
    monkeypatch.setattr(saved, "_known", {})
    (here / "empty_one.py").touch()
    saved.know("empty_one")
    with pytest.raises(UserError, match="which this Python does not know"):
        build("mine.keras", (8, 8, 1), 3)
    with pytest.raises(UserError, match="no module 'not_there' can be imported"):
        saved.know("not_there")


def lost_network():
    image = keras.Input((8, 8, 1))
    x = layers.ReLU()(layers.Conv2D(4, 3, name="first")(image))
    model = keras.Model(image, layers.Dense(3, name="last")(layers.GlobalAveragePooling2D()(x)))
    kernel = model.get_layer("first").kernel
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[0, 0, 0, 0] = np.nan
    kernel.assign(values)
    return model


@pytest.mark.both_backends
def test_weights_that_are_lost_are_named_by_file_and_layer(here):
    lost_network().save("lost.keras")
    with pytest.raises(UserError, match="^lost.keras: layer 'first' is not finite: 1 of the 36 values of its kernel"):
        build("lost.keras", (8, 8, 1), 3)
    assert first_lost_layer(lost_network(), np.ones((2, 8, 8, 1), "float32")) == "first"


def mixed(policy, last=None):
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(dtype=policy)(layers.Conv2D(4, 3, dtype=policy, trainable=False)(image))
    x = keras.Sequential([keras.Input((6, 6, 4)), layers.Conv2D(4, 3, dtype=policy)], name="inner")(x)
    return keras.Model(image, layers.Dense(3, dtype=last or policy)(layers.Flatten(dtype=policy)(x)))


@pytest.mark.both_backends
@pytest.mark.parametrize("policy", ["float32", "float16", "mixed_float16", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_network_computes_in_the_precision_that_is_asked_for(policy, precision):
    model = mixed(policy)
    changed = in_precision("x.keras", model, precision)
    assert policies(changed) == {precision} and (changed is model) == (policy == precision)
    assert {one.dtype for one in changed.weights} == {"float32"}
    image = np.ones((1, 8, 8, 1), "float32")
    ours, theirs = (keras.ops.convert_to_numpy(keras.ops.cast(one(image), "float32")) for one in (changed, model))
    assert np.allclose(ours, theirs, atol=0.05)
    assert [one.trainable for one in changed.layers] == [one.trainable for one in model.layers]


def test_a_layer_that_was_meant_to_stay_in_float32_stays():
    model = mixed("mixed_bfloat16", last="float32")
    assert in_precision("x.keras", model, "mixed_bfloat16") is model
    assert policies(in_precision("x.keras", model, "float32")) == {"float32"}


def one_unit(activation):
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1, activation=activation)]
    )


@pytest.mark.both_backends
def test_one_unit_is_about_the_second_of_two_classes(here):
    model = one_unit("sigmoid")
    model.save("unit.keras")
    images = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype("float32")
    p = keras.ops.convert_to_numpy(model(images))
    two = keras.ops.convert_to_numpy(build("unit.keras", (8, 8, 1), 2, from_logits=False)(images))
    assert np.allclose(two, np.concatenate([1 - p, p], -1), atol=1e-6)
    logits = one_unit(None)
    logits.set_weights(model.get_weights())
    logits.save("logit.keras")
    two = keras.ops.convert_to_numpy(keras.ops.softmax(build("logit.keras", (8, 8, 1), 2)(images)))
    assert np.allclose(two, np.concatenate([1 - p, p], -1), atol=1e-6)


@pytest.mark.parametrize(("activation", "said"), [("softmax", "a softmax over one unit"), ("tanh", "ends in tanh")])
def test_one_unit_that_cannot_be_two_classes_is_refused(here, activation, said):
    one_unit(activation).save("unit.keras")
    with pytest.raises(UserError, match=f"^unit.keras: .*{said}.*expected a sigmoid"):
        build("unit.keras", (8, 8, 1), 2)
    with pytest.raises(UserError, match=r"gives outputs of \(1,\), the data has 3 classes"):
        build("unit.keras", (8, 8, 1), 3)
