"""Training images held out of the training set, for what is learnt from others than the student's own."""

from dataclasses import replace

import numpy as np

from keras_kd.data import subset as choose
from keras_kd.data.injected.imbalance import describe_imbalance
from keras_kd.data.injected.label_noise import describe_noise
from keras_kd.data.pick import Pick
from keras_kd.data.values import share_of


def with_held_out(dataset, where, share, *, seed=0, label_noise=None, imbalance=None):
    """A dataset whose `held_out` images were taken out of its training images, of every class its share.

    Args:
        dataset: a `Dataset`; its validation images stay what they are.
        where: names the share, for the error.
        share: a fraction below 1, or a number of images.
        seed: whole number; decides which.
        label_noise, imbalance: as `keras_kd.data.load` was given them; with `clean_validation` the held-out images have
            their own labels again.

    Returns:
        `Dataset`.

    Raises:
        UserError: no such share can be taken.

    Example:
        >>> from keras_kd.data.load import load
        >>> digits = with_held_out(load("digits"), "meta.held_out", 0.1)
        >>> digits.train, digits.held_out
        (Split(1298 images of 8x8x1), Split(144 images of 8x8x1))
    """
    train = dataset.train
    count = share_of(where, share, len(train), counts=True)
    chosen = choose.proportional(train.labels, count, seed, choose.HELD_OUT)
    pick = Pick(seed)
    learnt, held_out = (_part(train, index, pick) for index in (choose.others(chosen, len(train)), chosen))
    if label_noise is not None and label_noise.get("clean_validation"):
        held_out = replace(held_out, labels=held_out.true_labels)
    changes = {"train": learnt, "held_out": held_out}
    if label_noise is not None:
        changes["label_noise"] = describe_noise(learnt, label_noise)
    if imbalance is not None:
        changes["imbalance"] = describe_imbalance(learnt, dataset.classes, imbalance)
    return replace(dataset, **changes)


def _part(split, index, pick):
    """Some images of a split, which keep the numbers that they have in its whole."""
    whole = split if split.whole is None else split.whole
    positions = index if split.positions is None else np.asarray(split.positions)[index]
    true_labels = None if split.true_labels is None else split.true_labels[index]
    return replace(pick.take(split, index), whole=whole, positions=positions, true_labels=true_labels)
