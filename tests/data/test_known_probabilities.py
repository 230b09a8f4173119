"""Drawn images of known class probabilities: exact, reproducible, true to their labels; classes and groups of them."""

import numpy as np
import pytest

from keras_kd import data
from keras_kd.data.folds import fold_of, without
from keras_kd.data.sources import known_probabilities as source
from keras_kd.utils.errors import UserError


def test_labels_are_drawn_from_the_probabilities_of_the_stored_pixels():
    found = data.load("known_probabilities")
    images, labels = found.train.images, found.train.labels
    true = data.true_probabilities("known_probabilities", images)
    assert (found.classes, found.image_shape, len(found.train), len(found.test)) == (12, (8, 8, 1), 2400, 1200)
    # By hand, of normal densities about the classes' means.
    apart = ((images.reshape(-1, 1, 64) - 128.0 - source.centres()) ** 2).sum(2)
    density = np.exp(-(apart - apart.min(1, keepdims=True)) / (2 * source.SPREAD**2))
    np.testing.assert_allclose(true, density / density.sum(1, keepdims=True), atol=1e-12)
    # Means of labels minus probabilities: within four of their standard errors.
    error = np.sqrt((true * (1 - true)).mean(0) / len(labels))
    assert (np.abs((np.eye(12)[labels] - true).mean(0)) < 4 * error).all()
    sure = np.argsort(true.max(1))
    for part in np.array_split(sure, 4):
        right = (true[part].argmax(1) == labels[part]).mean()
        assert abs(right - (1 - source.difficulty(images[part])).mean()) < 0.08


def test_seeds_draw_other_images_of_the_same_probabilities():
    one, again, other = (data.load("known_probabilities", seed=seed).test for seed in (0, 0, 1))
    assert np.array_equal(one.images, again.images) and np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.images, other.images)
    assert data.load("known_probabilities").fingerprint[:8] == "9e57e3c4"


def test_classes_of_a_group_are_alike():
    relations, groups = source.relations(), np.arange(12) // 3
    alike = groups[:, None] == groups
    assert relations[alike].min() > 0.8 and np.abs(relations[~alike]).max() < 1e-9
    true = source.probabilities(source.load().test.images)
    mixed = true.T @ true / true.sum(0)[:, None]
    assert mixed[alike].min() > 3 * mixed[~alike].max()


def test_without_groups_no_class_is_more_like_one_than_another_and_all_is_as_hard():
    name = "known_probabilities/unrelated"
    found = data.load(name)
    true = data.true_probabilities(name, found.test.images)
    np.testing.assert_allclose(data.true_relations(name), np.eye(12), atol=1e-9)
    mixed = (true.T @ true / true.sum(0)[:, None])[~np.eye(12, dtype=bool)]
    # In groups the largest is more than ten times the smallest.
    assert mixed.max() < 2.5 * mixed.min()
    grouped = source.probabilities(source.load().test.images)
    assert abs(true.max(1).mean() - grouped.max(1).mean()) < 0.02
    # Its labels are drawn from its own probabilities: as right as they say.
    assert abs((true.argmax(1) == found.test.labels).mean() - true.max(1).mean()) < 0.05
    assert not np.array_equal(found.test.images, data.load("known_probabilities").test.images)


def test_relations_of_some_classes_and_none_of_groups():
    whole = data.true_relations("known_probabilities")
    np.testing.assert_array_equal(
        data.true_relations("known_probabilities", classes=[4, 0]), whole[np.ix_([4, 0], [4, 0])]
    )
    np.testing.assert_allclose(whole, source.relations(), atol=1e-9)
    assert data.true_relations("known_probabilities", groups=[[0, 1], list(range(2, 12))]) is None
    assert data.true_relations("digits") is None


def test_of_some_classes_and_of_groups():
    images = source.load().test.images[:20]
    whole = source.probabilities(images)
    some = data.true_probabilities("known_probabilities", images, classes=[3, 0], groups=None)
    np.testing.assert_allclose(some, whole[:, [3, 0]] / whole[:, [3, 0]].sum(1, keepdims=True))
    groups = [[0, 1, 2], list(range(3, 12))]
    grouped = data.true_probabilities("known_probabilities", images, groups=groups)
    np.testing.assert_allclose(grouped[:, 0], whole[:, :3].sum(1))
    assert data.true_probabilities("digits", images) is None


def test_another_size_is_refused():
    with pytest.raises(UserError, match="found image_size"):
        data.load("known_probabilities", image_size=16)
    with pytest.raises(UserError, match="known_probabilities/unrelated: found image_size"):
        data.load("known_probabilities/unrelated", image_size=16)


def test_folds_share_out_images_and_classes_evenly():
    labels = np.repeat(np.arange(3), [10, 7, 4])
    fold = fold_of(labels, 4, seed=3)
    assert np.ptp(np.bincount(fold)) <= 1
    assert all(np.ptp(np.bincount(fold[labels == one], minlength=4)) <= 1 for one in range(3))
    assert not np.array_equal(fold, fold_of(labels, 4, seed=4))
    parts = [without(labels, np.arange(21), 4, number, 3) for number in range(4)]
    assert (np.bincount(np.concatenate(parts)) == 3).all()


def test_validation_images_are_the_same_whichever_fold_is_left_out():
    options = {"train_images": 60, "validation": 12}
    whole = data.load("digits", **options)
    parts = [data.load("digits", folds=3, without_fold=number, **options) for number in range(3)]
    assert all(np.array_equal(one.validation.images, whole.validation.images) for one in parts)
    seen = np.concatenate([one.train.positions for one in parts])
    assert sorted(np.unique(seen)) == sorted(whole.train.positions) and len(seen) == 2 * 48


@pytest.mark.parametrize(
    "options, said",
    [
        ({"folds": 3}, "without_fold: is not given"),
        ({"without_fold": 1}, "folds: is not given"),
        ({"folds": 1, "without_fold": 0}, "folds: found 1"),
        ({"folds": 3, "without_fold": 3}, "without_fold: found 3"),
    ],
)
def test_folds_that_cannot_be_are_refused(options, said):
    with pytest.raises(UserError, match=said):
        data.load("digits", train_images=30, **options)
