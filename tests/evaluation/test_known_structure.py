"""What is known of data against what networks say: 1 for those that know it, about 0 for those that guess."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from keras_kd.evaluation.known_structure import difficulty, mean_by_label, relations
from keras_kd.evaluation.statistical_view import of_student

GENERATOR = np.random.default_rng(0)
TRUE = GENERATOR.dirichlet(np.full(4, 0.5), 300)
LABELS = (GENERATOR.random(300)[:, None] > TRUE.cumsum(1)[:, :-1]).sum(1)
GUESSED = GENERATOR.normal(size=(300, 4))
KNOWS = np.log(TRUE)
ALIKE = np.array([[1, 0.8, 0.1, 0.2], [0.8, 1, 0.3, 0.4], [0.1, 0.3, 1, 0.6], [0.2, 0.4, 0.6, 1]])


def test_a_teacher_that_knows_says_how_hard_each_example_is_and_one_that_guesses_does_not():
    found = difficulty(GUESSED, KNOWS, LABELS, TRUE, share=0.9)
    assert found["teacher"] == 1 and abs(found["student"]) < 0.2
    of_label = TRUE[np.arange(300), LABELS]
    student = np.exp(GUESSED)[np.arange(300), LABELS] / np.exp(GUESSED).sum(1)
    weights = 1 - 0.9 * (1 - of_label) / (1 - student)
    assert found["weights"] == pytest.approx(spearmanr(weights, of_label).statistic)


def test_without_a_teacher_what_the_student_has_is_told():
    assert difficulty(KNOWS, None, LABELS, TRUE, share=0.0) == {"student": 1.0}
    view = of_student(KNOWS, TRUE)
    assert view["student_mse"] == pytest.approx(0, abs=1e-12) and view["images"] == 300
    assert of_student(GUESSED, TRUE)["student_mse"] > 0.1


def test_what_is_the_same_for_all_has_no_correlation():
    found = difficulty(np.zeros((300, 4)), KNOWS, LABELS, TRUE, share=0.0)
    assert found == {"teacher": 1.0, "student": None, "weights": None}
    assert relations({"teacher": ALIKE}, {}, LABELS, np.eye(4), TRUE) == {"teacher": None}


def test_a_student_surer_than_a_float_says_has_the_least_weight():
    student = np.zeros((300, 4))
    student[np.arange(300), LABELS] = np.where(np.arange(300) < 20, 2000.0, 0.0)
    found = difficulty(student, KNOWS, LABELS, TRUE, share=0.9)
    assert found["weights"] is not None and -1 <= found["weights"] < 1


def test_relations_are_those_of_pairs_of_different_classes():
    apart = ~np.eye(4, dtype=bool)
    other = GENERATOR.normal(size=(4, 4))
    found = relations({"teacher": 3 * ALIKE - 1, "student": other, "none": None}, {}, LABELS, ALIKE, TRUE)
    assert found["teacher"] == 1 and found["none"] is None
    assert found["student"] == pytest.approx(pearsonr(other[apart], ALIKE[apart]).statistic)


def test_what_networks_say_of_the_images_of_a_class_is_compared_with_what_is_true():
    found = relations({}, {"knows": KNOWS, "guesses": GUESSED}, LABELS, ALIKE, TRUE)
    assert found["knows_said"] == 1 and abs(found["guesses_said"]) < 0.9
    by_hand = [TRUE[LABELS == one].mean(0) for one in range(4)]
    np.testing.assert_allclose(mean_by_label(TRUE, LABELS), by_hand)
