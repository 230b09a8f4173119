"""Every method of METHODS obeys every law, and a method that breaks one is caught by that law."""

from functools import cache
from typing import ClassVar

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import Field

from keras_kd import KD, METHODS, Method
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.training.law_situations import LawBroken, situations_of
from keras_kd.training.laws import LAWS, PUBLISHED, check_laws
from keras_kd.utils.errors import UserError

ALL = {**LAWS, **PUBLISHED}


@cache
def tried(name):
    """A method with its situations, made once for all laws."""
    method = METHODS[name]()
    return method, situations_of(method)


@pytest.mark.parametrize("law", ALL)
@pytest.mark.parametrize("name", METHODS)
def test_law(name, law):
    method, situations = tried(name)
    broken = ALL[law](method, situations)
    assert not broken, f"{name}: {law}: {broken}"


# The laws can fail: each method below breaks one, and that one is named.


def logits_of(signals):
    return signals["teacher"]["logits"], signals["student"]["logits"]


def squares(signals, tap):
    return ops.square(signals["student"][tap] - signals["teacher"][tap])


class MeanOverClasses(Method):
    def loss(self, signals, labels, adapters):
        teacher, student = map(ops.log_softmax, logits_of(signals))
        return ops.mean(ops.exp(teacher) * (teacher - student), axis=-1)


class NotLeast(Method):
    def loss(self, signals, labels, adapters):
        teacher, student = logits_of(signals)
        return kl_divergence(teacher, 2.0 * student)


class NotZero(Method):
    def loss(self, signals, labels, adapters):
        return 1.0 + kl_divergence(*logits_of(signals))


class Upwards(Method):
    def loss(self, signals, labels, adapters):
        teacher, student = logits_of(signals)
        distance = kl_divergence(teacher, student)
        return 2.0 * ops.stop_gradient(distance) - distance


class NoGradient(Method):
    def loss(self, signals, labels, adapters):
        teacher, student = logits_of(signals)
        return kl_divergence(teacher, ops.stop_gradient(student))


class TrainsTheTeacher(Method):
    def adapters(self, specs, networks):
        return {"classifier": networks["teacher"].get_layer("logits")}

    def loss(self, signals, labels, adapters):
        return kl_divergence(*logits_of(signals))


class MovesTheTeacher(Method):
    def adapters(self, specs, networks):
        class Drift(keras.layers.Layer):
            def build(self, shape):
                # Hidden from Keras's tracking, as in a closure.
                self.hidden = {"kernel": networks["teacher"].get_layer("logits").kernel}.get

            def call(self, logits):
                kernel = self.hidden("kernel")
                kernel.assign(kernel * 0.9)
                return logits

        drift = Drift()
        drift.build(specs["student"]["logits"].shape)
        return {"drift": drift}

    def loss(self, signals, labels, adapters):
        teacher, student = logits_of(signals)
        return kl_divergence(teacher, adapters["drift"](student))


class InOrder(Method):
    def loss(self, signals, labels, adapters):
        distance = kl_divergence(*logits_of(signals))
        return ops.mean(distance * (1.0 + ops.roll(distance, 1)))


class InOtherPrecision(Method):
    def loss(self, signals, labels, adapters):
        return ops.cast(kl_divergence(*logits_of(signals)), "float16")


class OfClasses(Method):
    def loss(self, signals, labels, adapters):
        return squares(signals, "logits")


class Overflows(Method):
    def loss(self, signals, labels, adapters):
        teacher, student = (ops.exp(one) / ops.sum(ops.exp(one), -1, keepdims=True) for one in logits_of(signals))
        return ops.sum(teacher * (ops.log(teacher) - ops.log(student)), axis=-1)


class NoRootOfZero(Method):
    zero_when_matched: ClassVar[bool] = False

    def loss(self, signals, labels, adapters):
        teacher, student = map(ops.log_softmax, logits_of(signals))
        return ops.sqrt(ops.sum(ops.square(teacher - student), axis=-1))


class NotForOne(Method):
    def loss(self, signals, labels, adapters):
        values = kl_divergence(*logits_of(signals))
        count = ops.cast(ops.shape(values)[0], "float32")
        return ops.sum(values) / count * (count - 1.0) / (count - 1.0)


class OfTheBatch(Method):
    def loss(self, signals, labels, adapters):
        values = kl_divergence(*logits_of(signals))
        return values * (1.0 + ops.stop_gradient(ops.mean(values)))


class ReadsLabels(Method):
    zero_when_matched: ClassVar[bool] = False

    def loss(self, signals, labels, adapters):
        weight = 1.0 if labels is None else 1.0 + ops.cast(labels, "float32")
        return weight * kl_divergence(*logits_of(signals))


class ReadsAnotherLayer(Method):
    def loss(self, signals, labels, adapters):
        return ops.mean(squares(signals, "stage2"))


class OfLogits(Method):
    def loss(self, signals, labels, adapters):
        return ops.sum(squares(signals, "logits"), axis=-1)


class Branches(Method):
    power: float = Field(2.0, gt=0)

    def loss(self, signals, labels, adapters):
        distance = kl_divergence(*logits_of(signals))
        return distance * self.power if self.power > 1 else distance


class TakesTheNumber(Method):
    power: float = Field(2.0, gt=0)

    def loss(self, signals, labels, adapters):
        return np.float32(type(self)().power if not isinstance(self.power, float) else 3.0) * kl_divergence(
            *logits_of(signals)
        )


class Forgets(Method):
    power: float = Field(2.0, gt=0)

    def loss(self, signals, labels, adapters):
        return self.power * kl_divergence(*logits_of(signals))

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__


class LearnsInSilence(Method):
    def adapters(self, specs, networks):
        layer = keras.layers.Dense(specs["student"]["logits"].shape[-1], use_bias=False)
        layer.build(specs["student"]["logits"].shape)
        return {"layer": layer}

    def loss(self, signals, labels, adapters):
        teacher, student = logits_of(signals)
        return kl_divergence(teacher, student) + 0.0 * ops.sum(adapters["layer"].kernel)


class Lenient(Method):
    model_config = {"extra": "ignore"}

    def loss(self, signals, labels, adapters):
        return kl_divergence(*logits_of(signals))


class Thawed(Lenient):
    model_config = {"frozen": False, "extra": "forbid"}
    power: float = 2.0


class RefusesAll(Method):
    def check(self, specs):
        raise UserError("refuses_all: found two networks; expected none")


class OfUnknownSize(Method):
    def loss(self, signals, labels, adapters):
        teacher, student = logits_of(signals)
        return ops.broadcast_to(ops.mean(kl_divergence(teacher, student)), (1 + 0 * len(student.shape),))


BROKEN = {
    MeanOverClasses: "a class that no network believes in adds nothing",
    NotLeast: "it is least where the student matches",
    NotZero: "it is least where the student matches",
    Upwards: "its gradient leads down",
    NoGradient: "its gradient leads down",
    TrainsTheTeacher: "its teacher never changes",
    MovesTheTeacher: "its teacher never changes",
    InOrder: "the order of the batch does not matter",
    InOtherPrecision: "it gives one float32 value an example or one for the batch",
    OfClasses: "it gives one float32 value an example or one for the batch",
    OfUnknownSize: "it gives one float32 value an example or one for the batch",
    ReadsAnotherLayer: "it gives one float32 value an example or one for the batch",
    Overflows: "it is finite whatever the signals",
    NoRootOfZero: "it is finite whatever the signals",
    NotForOne: "it is finite whatever the signals",
    OfTheBatch: "the loss of an example is its own",
    ReadsLabels: "labels are read only where it says so",
    OfLogits: "a constant added to the logits changes nothing",
    Branches: "a field may be a tensor",
    TakesTheNumber: "a field may be a tensor",
    LearnsInSilence: "its adapters are trained where it says so",
    Forgets: "its saved settings read back equal",
    Lenient: "its settings are frozen and others refused",
    Thawed: "its settings are frozen and others refused",
    RefusesAll: "it accepts a student and a teacher of equal shapes",
}


@pytest.mark.one_backend
@pytest.mark.parametrize("method", BROKEN, ids=lambda method: method.__name__)
def test_a_broken_method_is_caught_by_the_law_that_it_breaks(method):
    with pytest.raises(LawBroken) as error:
        check_laws(method)
    assert str(error.value).startswith(f"{method.__name__} breaks the law {BROKEN[method]!r}: "), error.value


@pytest.mark.parametrize("law", LAWS)
def test_every_law_can_fail(law):
    unproven = {"it is float32 whatever the precision of the networks"}  # the test below
    assert law in {*BROKEN.values(), *unproven}


def test_adapters_in_half_precision_is_caught():
    class HalfAdapters(KD):
        def adapters(self, specs, networks):
            layer = keras.layers.Dense(specs["student"]["logits"].shape[-1], dtype="float16")
            layer.build(specs["student"]["logits"].shape)
            return {"half": layer}

        def loss(self, signals, labels, adapters):
            return ops.sum(ops.square(adapters["half"](signals["student"]["logits"])), axis=-1)

        def matched(self, signals, labels):
            return None

    with pytest.raises(LawBroken, match="it is float32 whatever the precision of the networks"):
        check_laws(HalfAdapters, laws=["it is float32 whatever the precision of the networks"])


def test_a_method_that_no_table_could_cite_is_caught():
    class Uncited(KD):
        paper: ClassVar[str] = ""
        knowledge: ClassVar[str] = ""

    Uncited.__module__ = "keras_kd.methods.kd"
    with pytest.raises(LawBroken, match="'its paper is cited': paper, knowledge of Uncited: not set"):
        check_laws(Uncited, published=True, laws=list(PUBLISHED))


def test_figures_and_shapes_are_in_the_message():
    with pytest.raises(LawBroken) as error:
        check_laws(InOtherPrecision)
    assert str(error.value) == (
        "InOtherPrecision breaks the law 'it gives one float32 value an example or one for the batch': float16 of "
        "shape (6,) (batch 6, 7 classes, student equal); expected float32 of (6,) or ()"
    )


def test_an_unknown_law_or_layer_is_named():
    with pytest.raises(UserError, match="check_laws: no law 'gravity'; expected some of: it gives one"):
        check_laws(KD, laws=["gravity"])

    class Reads(Method):
        def taps(self, role):
            return ("block4",)

        def loss(self, signals, labels, adapters):
            return ops.mean(squares(signals, "block4"), axis=(1, 2, 3))

    with pytest.raises(UserError) as error:
        check_laws(Reads)
    assert str(error.value) == (
        "check_laws: the student's layer 'block4' is read and its shape is not known here; give it, such as "
        "shapes={'student': {'block4': (4, 4, 8)}}"
    )
    check_laws(Reads, shapes={"student": {"block4": (4, 4, 8)}, "teacher": {"block4": (4, 4, 8)}})
