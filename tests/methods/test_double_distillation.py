"""Double distillation: both forms are least at the teacher's log-odds of each class."""

import numpy as np
import pytest

from keras_kd import METHODS

TEACHER = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")


@pytest.mark.parametrize("form", ["decoupled", "pairwise"])
def test_it_is_least_at_the_log_odds_of_the_teacher(form):
    method = METHODS["double_distillation"](form=form)
    odds = np.exp(TEACHER) / (np.exp(TEACHER).sum(1, keepdims=True) - np.exp(TEACHER))
    best = np.asarray(method.best(TEACHER, None))
    np.testing.assert_allclose(best, np.log(odds), atol=1e-5)

    def loss(student):
        return np.asarray(method.loss({"student": {"logits": student}, "teacher": {"logits": TEACHER}}, None, {}))

    for direction in np.eye(5, dtype="float32"):
        for size in (-0.3, 0.3):
            assert (loss(best + np.float32(size) * direction) > loss(best)).all()
    shifted = loss(best + np.float32(1)) - loss(best)
    assert (np.abs(shifted) < 1e-4).all() if form == "pairwise" else (shifted > 1e-2).all()
