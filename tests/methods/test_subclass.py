"""Networks with subclasses give plain classes, and teach by their subclasses."""

import keras
import numpy as np
import pytest

from keras_kd import Distiller, Subclass, SubclassTeacher
from keras_kd.utils.errors import UserError


def network(classes=2, activation=None):
    image = keras.Input((6,))
    hidden = keras.layers.Dense(8, activation="relu", name="hidden")(image)
    return keras.Model(image, keras.layers.Dense(classes, activation=activation, name="logits")(hidden))


def test_a_student_is_taught_the_subclasses_and_gives_plain_classes(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(32, 6)).astype("float32"), np.arange(32) % 2
    taught = Distiller(network(), terms=[SubclassTeacher(subclasses=3)])
    taught.compile(optimizer="adam", metrics=["accuracy"])
    assert {"accuracy", "subclass_teacher_loss"} <= set(taught.fit(x, y, verbose=0).history)
    distiller = Distiller(network(), taught.student, terms=[Subclass()], label_weight=0.1)
    distiller.compile(optimizer="adam")
    distiller.fit(x, y, verbose=0)
    assert distiller.student.output_shape == (None, 2)
    head = distiller.student.get_layer("subclasses")
    assert head.output.shape == (None, 6)
    subclasses = keras.ops.softmax(keras.Model(distiller.student.inputs, head.output)(x))
    summed = keras.ops.convert_to_numpy(subclasses).reshape(32, 2, 3).sum(-1)
    plain = keras.ops.convert_to_numpy(keras.ops.softmax(distiller.student(x)))
    np.testing.assert_allclose(plain, summed, rtol=1e-4)
    distiller.save(tmp_path / "student.keras")
    again = keras.models.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), distiller.student.predict(x, verbose=0), rtol=1e-5)


@pytest.mark.parametrize(
    "student, teacher, message",
    [
        (network(), network(), "subclass: teacher: .* has no layer 'subclasses' of subclasses; train it with the term"),
        (
            network(4),
            SubclassTeacher(subclasses=3).student(network(), {}),
            "has 6 subclasses and the student 4 classes",
        ),
        (
            network(activation="softmax"),
            SubclassTeacher(subclasses=3).student(network(), {}),
            "ends in 'logits'; expected a Dense without activation",
        ),
    ],
)
def test_what_cannot_be_taught_is_refused(student, teacher, message):
    with pytest.raises(UserError, match=message):
        Distiller(student, teacher, terms=[Subclass()])


def test_another_number_of_subclasses_is_refused():
    made = SubclassTeacher(subclasses=3).student(network(), {})
    assert SubclassTeacher(subclasses=3).student(made, {}) is made
    with pytest.raises(UserError, match="has 6 subclasses of 2 classes already; expected 8"):
        SubclassTeacher(subclasses=4).student(made, {})
