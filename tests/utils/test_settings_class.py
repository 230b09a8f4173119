"""Settings given in Python: what is wrong with them is told in our words, of every public class of settings."""

import dataclasses

import pydantic
import pytest

import keras_kd
from keras_kd.methods import KD, METHODS
from keras_kd.training.schedules import Schedule
from keras_kd.training.term import Term
from keras_kd.utils.errors import UserError
from keras_kd.utils.settings_class import Settings

DATACLASSES = ("Term", "Meta", "Selection", "Cooperation", "Member")
OF_THE_REPORT = "Report"  # keeps what it does not know, and is written by programs


def public_settings():
    """Every public class whose settings are named: what somebody can mistype."""
    kinds = {name: getattr(keras_kd, name) for name in keras_kd.__all__ if name != "export"}
    kinds = {name: one for name, one in kinds.items() if isinstance(one, type) and name != OF_THE_REPORT}
    return {
        name: one for name, one in kinds.items() if issubclass(one, pydantic.BaseModel) or dataclasses.is_dataclass(one)
    }


def test_the_classes_are_those_that_are_meant():
    assert set(public_settings()) >= {"KD", "Schedule", *DATACLASSES} and len(public_settings()) > len(METHODS)


@pytest.mark.parametrize("name", public_settings())
def test_a_mistyped_setting_is_told_in_our_words(name):
    kind = public_settings()[name]
    names = list(getattr(kind, "model_fields", {})) or [
        one.name for one in (dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ())
    ]
    with pytest.raises(UserError) as error:
        kind(nonesuch=1)
    assert f"{name}: no such setting 'nonesuch'; it" in str(error.value) and "pydantic" not in str(error.value)
    if names:
        with pytest.raises(
            UserError, match=f"{name}: no such setting '{names[-1]}x'; did you mean '{names[-1]}'"
        ) as error:
            kind(**{f"{names[-1]}x": 1})
        assert "pydantic" not in str(error.value)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: KD(temprature=3), "KD: no such setting 'temprature'; did you mean 'temperature'?"),
        (
            lambda: KD(temperature=4, weight=0.9),
            "KD: weight is of a term, not of its method; write Term(KD(temperature=4), weight=0.9)",
        ),
        (lambda: KD(temperature=-1), "KD: temperature is -1; expected 0.0001 or more"),
        (lambda: KD(3), "KD: found 3 without a name; settings have names, such as KD(temperature=3)"),
        (lambda: keras_kd.HardLabels(temperature=3), "HardLabels: no such setting 'temperature'; its settings: "),
        (lambda: KD(temperature=Schedule(end_value=3)), "schedules={'temperature': Schedule(...)}"),
        (lambda: Schedule(), "Schedule: end_value is required: the value at the end"),
        (lambda: Schedule(end_value=1, shape="cos"), "Schedule: shape is 'cos'; expected one of linear, cosine"),
        (lambda: setattr(KD(), "temperature", 5), "KD: temperature cannot be changed; make another one: KD(temp"),
    ],
)
def test_what_is_wrong_is_said_with_its_fix(make, said):
    with pytest.raises(UserError) as error:
        make()
    assert said in str(error.value)


def test_the_advice_on_a_weight_works():
    assert Term(KD(temperature=4), weight=0.9).weight == 0.9


def test_all_errors_come_at_once():
    with pytest.raises(UserError) as error:
        KD(temperature="hot", standardise=True)
    assert str(error.value).splitlines() == [
        "KD: temperature is 'hot'; expected a number",
        "KD: no such setting 'standardise'; did you mean 'standardize'?",
    ]


def test_a_class_of_ones_own_speaks_so_too_and_nested_ones_leave_it_to_the_whole():
    class Inner(Settings):
        depth: int = 1

    class Outer(Settings):
        inner: Inner = Inner()

    with pytest.raises(UserError, match="Outer: inner.dpeth is 1: extra inputs are not permitted"):
        Outer(inner={"dpeth": 1})
    with pytest.raises(pydantic.ValidationError):
        Inner.model_validate({"dpeth": 1})
