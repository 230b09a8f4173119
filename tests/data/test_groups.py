"""Classes as groups of classes."""

import numpy as np
import pytest

from keras_kd.data import load
from keras_kd.data.groups import group_numbers
from keras_kd.utils.errors import UserError

HALVES = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_the_labels_are_those_of_the_groups():
    plain, grouped = load("digits"), load("digits", groups=HALVES)
    assert grouped.class_names == ("0+1+2+3+4", "5+6+7+8+9")
    np.testing.assert_array_equal(grouped.train.labels, plain.train.labels // 5)
    np.testing.assert_array_equal(grouped.test.labels, plain.test.labels // 5)
    assert grouped.fingerprint != plain.fingerprint


def test_groups_count_the_classes_that_are_kept():
    found = load("digits", classes=[7, 8, 9], groups=[[2], [0, 1]])
    assert found.class_names == ("9", "7+8")


@pytest.mark.parametrize(
    "groups, message",
    [
        ([[0, 1, 2]], "groups: found [[0, 1, 2]]; expected two lists or more"),
        ([[0, 1], []], "groups: found [[0, 1], []]; expected two lists or more"),
        ([[0, 1], [3]], "groups: found class 3; expected 0 to 2"),
        ([[0, 1], [1, 2]], "groups: found class 1 twice"),
        ([[0], [1]], "groups: found no group for class 2"),
    ],
)
def test_what_is_no_grouping_is_refused(groups, message):
    with pytest.raises(UserError) as error:
        group_numbers(groups, 3)
    assert str(error.value).startswith(message)
