"""Laws that every method of METHODS obeys."""

import numpy as np
import pytest
from keras import ops

from keras_kd import METHODS

CASES = [pytest.param(method(), id=name) for name, method in METHODS.items()]


def logits(seed=0, batch=6, classes=7, size=3.0):
    return (np.random.default_rng(seed).normal(size=(batch, classes)) * size).astype("float32")


def loss(method, student, teacher, labels=None):
    signals = {"student": {"logits": student}, "teacher": {"logits": teacher}}
    labels = np.arange(len(student)) % student.shape[-1] if labels is None else labels
    return np.asarray(ops.convert_to_numpy(method.loss(signals, labels, {})))


@pytest.mark.parametrize("method", CASES)
def test_zero_when_the_student_says_what_the_teacher_says(method):
    same = logits()
    np.testing.assert_allclose(loss(method, same, same), 0, atol=1e-6)


@pytest.mark.parametrize("method", CASES)
def test_never_negative(method):
    assert (loss(method, logits(1), logits(2)) >= 0).all()


@pytest.mark.parametrize("method", CASES)
def test_one_value_an_example_or_one_for_the_batch(method):
    assert loss(method, logits(1), logits(2)).shape in ((6,), ())


@pytest.mark.parametrize("method", CASES)
def test_the_order_of_the_batch_does_not_matter(method):
    student, teacher, labels = logits(1), logits(2), np.array([0, 1, 2, 3, 4, 5])
    order = np.array([3, 0, 5, 1, 4, 2])
    straight = loss(method, student, teacher, labels)
    turned = loss(method, student[order], teacher[order], labels[order])
    np.testing.assert_allclose(turned, straight[order] if straight.shape else straight, rtol=1e-5)


@pytest.mark.parametrize("method", CASES)
def test_a_constant_added_to_the_logits_changes_nothing(method):
    straight = loss(method, logits(1), logits(2))
    np.testing.assert_allclose(loss(method, logits(1) + 7, logits(2) - 3), straight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", CASES)
def test_finite_and_float32_for_logits_of_ten_thousand(method):
    huge = loss(method, 1e4 * np.sign(logits(1)), 1e4 * np.sign(logits(2)))
    assert huge.dtype == "float32" and np.isfinite(huge).all()


@pytest.mark.parametrize("method", CASES)
def test_a_saved_config_reads_back_equal(method):
    assert type(method)(**method.model_dump(mode="json")) == method
    assert type(method).model_validate_json(method.model_dump_json()) == method


@pytest.mark.parametrize("method", CASES)
def test_a_method_cannot_be_changed_or_given_what_it_does_not_know(method):
    with pytest.raises(ValueError, match="frozen"):
        method.temperature = 2.0
    with pytest.raises(ValueError, match="[Ee]xtra"):
        type(method)(no_such_field=1)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_cited_by_its_module(name):
    import importlib

    assert "arXiv" in importlib.import_module(METHODS[name].__module__).__doc__
