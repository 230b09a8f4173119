"""Rounds of training images with held-out images next to them."""

import numpy as np
import pytest

from keras_kd.data.epochs import Epochs
from keras_kd.data.held_out import with_held_out
from keras_kd.data.load import load
from keras_kd.data.rounds import ArrayEpochs, HeldOut, Rounds
from keras_kd.data.views import family
from keras_kd.utils.errors import UserError


@pytest.mark.parametrize("count, size", [(7, 3), (6, 3), (5, 8), (1, 1)])
def test_every_held_out_example_comes_once_a_pass(count, size):
    held_out = HeldOut(np.arange(count), np.arange(count), size)
    size = min(size, count)
    seen = np.concatenate([held_out.at(step)[1] for step in range(4 * count)])
    assert len(seen) == 4 * count * size
    passes = seen.reshape(-1, count)
    assert all(sorted(one) == list(range(count)) for one in passes.tolist())
    assert count == 1 or len({tuple(one) for one in passes.tolist()}) > 1


def test_what_comes_at_a_step_depends_on_nothing_but_seed_and_step():
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), "uint8")
    one, same, other = (HeldOut(images, np.arange(9), 4, seed, family("crop_flip_mixup")) for seed in (1, 1, 2))
    (x, labels), (again, of_again) = one.at(5), same.at(5)
    assert set(x) == {"image", "view"}, "held-out images are never mixed"
    np.testing.assert_array_equal(x["image"], images[labels])
    np.testing.assert_array_equal(x["view"], again["view"])
    np.testing.assert_array_equal(labels, of_again)
    assert any((one.at(step)[1] != other.at(step)[1]).any() for step in range(3))


def test_rounds_are_the_batches_of_epochs_in_their_order():
    views, labels = family("crop_flip"), np.arange(50) % 5
    single = Epochs(None, labels, views, 8, seed=3)
    rounds = Rounds(Epochs(None, labels, views, 16, seed=3), HeldOut(np.zeros((4, 2)), np.zeros(4), 2), batches=2)
    assert len(rounds) == 4
    for epoch in (0, 2):
        single.begin(epoch)
        rounds.begin(epoch)
        assert rounds.epoch == epoch
        parts = [rounds[step] for step in range(len(rounds))]
        for name in ("index", "view"):
            together = np.concatenate([x["train"][name] for x, _ in parts])
            np.testing.assert_array_equal(
                together, np.concatenate([x[name] for x, _ in map(single.__getitem__, range(7))])
            )


def test_the_last_round_has_an_image_for_each_batch():
    with pytest.raises(UserError, match="rounds: the last of an epoch has 1 of 9 training images for 2 batches"):
        Rounds(ArrayEpochs(np.zeros((9, 2)), np.zeros(9), batch_size=8), HeldOut(np.zeros((2, 2)), np.zeros(2), 2), 2)


@pytest.mark.parametrize("share, count", [(0.25, 50), (20, 20)])
def test_held_out_images_are_of_every_class_its_share(share, count):
    whole = load("digits", train_images=200)
    data = with_held_out(whole, "meta.held_out", share, seed=1)
    assert len(data.held_out) == count and len(data.train) == 200 - count
    assert np.bincount(data.held_out.labels).tolist() == [count // 10] * 10
    np.testing.assert_array_equal(data.train.images, whole.train.images[data.train.positions])


def test_a_share_that_leaves_nothing_is_refused_by_its_name():
    with pytest.raises(UserError, match=r"^meta\.held_out: found 200; expected a fraction between 0 and 1"):
        with_held_out(load("digits", train_images=200), "meta.held_out", 200)
