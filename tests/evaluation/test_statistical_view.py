"""The statistical view of a teacher: identities of its figures, and what is said where p* is not known."""

import numpy as np
import pytest

from keras_kd.evaluation import metrics
from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.evaluation.statistical_view import STAND_IN, TRUE, statistical_view
from keras_kd.utils.errors import UserError

GENERATOR = np.random.default_rng(0)
STUDENT, TEACHER = GENERATOR.normal(size=(2, 40, 5))
MEMBERS = [GENERATOR.normal(size=(40, 5)) for _ in range(3)]
LABELS = GENERATOR.integers(0, 5, 40)
REAL = GENERATOR.dirichlet(np.ones(5), 40)


def mean_of_members():
    return np.log(np.mean([np.exp(log_softmax(one)) for one in MEMBERS], 0))


def test_error_is_bias_and_variance_and_drawn_labels_have_the_variance_that_is_calculated():
    found = statistical_view(STUDENT, mean_of_members(), MEMBERS, LABELS, REAL)
    teacher, objective = found["teacher"], found["objective"]
    assert found["against"] == TRUE and found["members"] == 3
    assert teacher["mse"] == pytest.approx(teacher["bias2"] + teacher["variance"])
    assert teacher["members_brier"] == pytest.approx(teacher["brier"] + teacher["variance"])
    assert objective["one_hot_variance_drawn"] == pytest.approx(objective["one_hot_variance"], rel=0.05)
    assert objective["one_hot_variance"] > objective["bayes_variance"]


def test_without_true_probabilities_the_members_stand_in_and_it_is_said():
    found = statistical_view(STUDENT, mean_of_members(), MEMBERS, LABELS)
    assert found["against"] == STAND_IN and "mse" not in found["teacher"] and "student_mse" not in found
    assert found["teacher"]["variance"] > 0
    assert found["objective"]["bayes_risk"] == pytest.approx(found["objective"]["distilled_risk"])


def test_of_one_teacher_nothing_is_said_that_is_not_known():
    found = statistical_view(STUDENT, TEACHER, [], LABELS)
    assert set(found) == {"images", "members", "against", "teacher"} and set(found["teacher"]) == {
        "nll",
        "brier",
        "ece",
    }
    known = statistical_view(STUDENT, TEACHER, [], LABELS, REAL)
    assert "variance" not in known["teacher"] and known["teacher"]["mse"] > 0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="members: found shape"):
        metrics.teacher_error(REAL, REAL)
    with pytest.raises(UserError, match="probabilities: found shape"):
        metrics.bayes_risk(STUDENT, REAL[:, :4])
