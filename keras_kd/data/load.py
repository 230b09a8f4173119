"""From a name to a `Dataset`: read, kept in part, split, with what is planted in it."""

import os
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from keras_kd.data import dataset
from keras_kd.data import subset as choose
from keras_kd.data.dataset import Dataset
from keras_kd.data.folds import without
from keras_kd.data.groups import grouped
from keras_kd.data.injected.imbalance import describe_imbalance, left_of
from keras_kd.data.injected.label_noise import describe_noise, noise_of, with_noise
from keras_kd.data.pick import Pick
from keras_kd.data.sources import SourceOptions, read
from keras_kd.data.sources.decode import RESIZE
from keras_kd.data.sources.names import tfds_set
from keras_kd.data.standardization import standardization
from keras_kd.data.values import how_of, share_of, size_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import printable
from keras_kd.utils.screen import print_note_once


def load(
    name,
    *,
    data_dir=None,
    image_size=None,
    resize=RESIZE,
    classes=None,
    groups=None,
    train_images=None,
    test_images=None,
    validation=0.0,
    test_fraction=None,
    folds=None,
    without_fold=None,
    mean=None,
    std=None,
    label_noise=None,
    imbalance=None,
    seed=0,
    cache_dir=None,
):
    """Loads images and labels.

    Args:
        name: `digits`; `known_probabilities` and `known_probabilities/unrelated`, which are drawn; a TensorFlow
            Datasets name (`cifar100`, `name/config`, `name:version`; split `train`, and `test` or else `validation`); a
            folder of `train/<class>/*`, `test/<class>/*` and `val/<class>/*` (for their other names see
            `keras_kd.data.sources.folder.load`) or of `<class>/*`; an `.npz` file of x_train, y_train and, as one has
            them, x_test, y_test, label_names; or `package.module:function`, which returns a dict of such arrays and is
            given data_dir, image_size and seed if it names them.
        data_dir: where TFDS keeps its data.
        image_size: pixels, one number or (height, width), to resize the images to; needed where they differ in size.
        resize: how, one of antialias, stretch, crop, pad, see `keras_kd.data.sources.decode.resize`.
        classes: keep only the images of the classes of these numbers, which become 0, 1, ... in this order; None keeps
            all.
        groups: lists of class numbers, as `classes` leaves them; each list becomes one class, in this order. None
            leaves the classes as they are.
        train_images: keep at most so many training images, the classes as equal as can be; None keeps all.
        test_images: the same of the test images, and of a folder's own validation images.
        validation: part of the training images to set aside, as a fraction (below 1) or a number of images, from every
            class its share; 0 for none. Where a folder has a validation split, that is taken, and none is set aside.
        test_fraction: the fraction to test on where the data has no test split, 0.2 if None.
        folds: in how many folds the training images are parted, of which
        without_fold: is the number of the one that is not learnt from, see `keras_kd.data.folds.fold_of`; images set
            aside for validation are the same in all. None for both learns from all.
        mean: per channel, of pixels / 255; published values for cifar10 and cifar100, else computed from the training
            images.
        std: as `mean`; above 0.
        label_noise: wrong labels planted in the training images, those set aside too, never in the test images: a dict
            of `kind`, `rate`, `matrix`, `superclasses` and `seed`, see
            `keras_kd.data.injected.label_noise.noisy_labels`;
            superclasses of cifar100 are known. With `clean_validation` those set aside keep their own labels.
        imbalance: classes made rare in the training images: a dict of `profile`, `ratio`, `rare` and `seed`, see
            `keras_kd.data.injected.imbalance.long_tail`.
        seed: whole number; decides which images `train_images`, `test_images`, `validation`, `test_fraction` and
            `folds` take, and nothing else.
        cache_dir: where decoded images are kept; the environment's KERAS_KD_CACHE or ~/.cache/keras_kd if None.

    Returns:
        `Dataset`. Splits above 2 GiB from TFDS or a folder are memory maps.

    Raises:
        UserError: something asked for is not there or cannot be used.

    Example:
        >>> digits = load("digits", validation=0.1)
        >>> digits.train, digits.validation, digits.test
        (Split(1298 images of 8x8x1), Split(144 images of 8x8x1), Split(355 images of 8x8x1))
    """
    begun = time.perf_counter()
    name, pick = os.fspath(name), Pick(seed, cache_dir)
    source = read(name, SourceOptions(size_of(image_size), data_dir, seed, cache_dir, how_of(resize)))
    asked = Asked(
        classes, groups, train_images, test_images, validation, test_fraction, folds, without_fold, mean, std,
        label_noise, imbalance
    )  # fmt: skip
    return replace(prepared(name, source, asked, pick), seconds=time.perf_counter() - begun)


class Asked(NamedTuple):
    """What is made of a source; fields as of `load`."""

    classes: list | None = None
    groups: list | None = None
    train_images: int | None = None
    test_images: int | None = None
    validation: float = 0.0
    test_fraction: float | None = None
    folds: int | None = None
    without_fold: int | None = None
    mean: tuple | None = None
    std: tuple | None = None
    label_noise: dict | None = None
    imbalance: dict | None = None


def prepared(name, source, asked, pick):
    """The `Dataset` that is made of a source.

    Args:
        name: of the data.
        source: a `keras_kd.data.dataset.Source`.
        asked: `Asked`.
        pick: a `Pick`.

    Raises:
        UserError: something asked for cannot be; it begins with the field, or the name of the data.
    """
    source = _checked(name, source)
    for note in source.notes:
        print_note_once(note)
    if asked.classes is not None:
        source = _only(source, asked.classes, pick)
    if asked.groups is not None:
        source = grouped(source, asked.groups)
    class_names, own = source.class_names, source.validation
    train, test = _with_test(name, source, asked.test_fraction, pick)
    # What a bank counts by: the same whatever is taken out of it.
    whole = pick.at_most("train_images", train, asked.train_images, choose.TRAIN_IMAGES)
    test = pick.at_most("test_images", test, asked.test_images, choose.TEST_IMAGES)
    rare = asked.imbalance
    positions = np.arange(len(whole)) if rare is None else left_of(whole.labels, len(class_names), rare)
    if own is None:
        positions, held_out = _set_aside(whole, positions, asked.validation, pick.seed)
        aside = None if held_out is None else pick.take(whole, held_out)
    else:
        aside = pick.at_most("test_images", own, asked.test_images, choose.TEST_IMAGES)
        # Behind all others, as noise knows images by their positions.
        held_out = len(whole) + np.arange(len(aside))
    positions = without(whole.labels, positions, asked.folds, asked.without_fold, pick.seed)
    train, aside = _noisy(name, asked, class_names, (_part_of(whole, positions, pick), positions), (aside, held_out))
    mean, std = standardization(name, train, asked.mean, asked.std)
    return Dataset(
        name=name,
        train=train,
        test=test,
        validation=aside,
        class_names=class_names,
        mean=mean,
        std=std,
        fingerprint=dataset.fingerprint(train, test, aside),
        seconds=0.0,
        label_noise=None if asked.label_noise is None else describe_noise(train, asked.label_noise),
        imbalance=None if rare is None else describe_imbalance(train, len(class_names), rare),
    )


def _noisy(name, asked, class_names, training, set_aside):
    """The training images and those set aside, each given with their positions, with the noise that is asked for."""
    (train, positions), (aside, held_out) = training, set_aside
    if asked.label_noise is None:
        return train, aside
    # The superclasses that are known are those of the classes, not of groups of them.
    noise = noise_of(asked.label_noise, tfds_set(name) if asked.groups is None else None, asked.classes)
    train = with_noise(train, positions, len(class_names), noise)
    if aside is not None and not asked.label_noise.get("clean_validation"):
        aside = with_noise(aside, held_out, len(class_names), noise)
    return train, aside


def _checked(name, source):
    """The source, with names of classes that a report can hold."""
    class_names = source.class_names
    if len(class_names) < 2:
        raise UserError(f"{name}: found {len(class_names)} class; expected 2 or more; add images of another class")
    repeated = sorted({one for one in class_names if class_names.count(one) > 1})
    if repeated:
        raise UserError(f"{name}: found the class name {repeated[0]!r} twice; expected each once; rename one")
    for one in class_names:
        # Reports and lists of classes are UTF-8, a name a line.
        if printable(one) != one:
            raise UserError(
                f"{name}: found the class name {one!r}; expected UTF-8 text without line breaks or other control "
                "characters; rename the class"
            )
    return source


def _only(source, classes, pick):
    """The images of some classes, their labels counted anew."""
    names = source.class_names
    wrong = [one for one in classes if not 0 <= one < len(names)]
    if wrong or len(set(classes)) < max(len(classes), 2):
        found = f"found {wrong[0]}" if wrong else f"found {list(classes)}"
        raise UserError(f"classes: {found}; expected two or more different numbers, 0 to {len(names) - 1}")
    number = np.full(len(names), -1, "int32")
    number[list(classes)] = np.arange(len(classes))

    def kept(split):
        if split is None:
            return None
        part = pick.take(split, np.flatnonzero(number[split.labels] >= 0))
        return replace(part, labels=number[part.labels], facts=None)

    splits = {split: kept(getattr(source, split)) for split in ("train", "test", "validation")}
    return source._replace(**splits, class_names=tuple(names[one] for one in classes))


def _with_test(name, source, test_fraction, pick):
    """(train, test): of data without a test split, a fraction of the training images is one."""
    train, test = source.train, source.test
    if test is None:
        fraction = 0.2 if test_fraction is None else test_fraction
        train, test = pick.parted(train, share_of("test_fraction", fraction, len(train)), choose.TEST_FRACTION)
        if source.validation is not None:
            print_note_once(
                f"{printable(name)}: no test split next to the validation split: {len(test):,} of the training images "
                "are tested on (test_fraction); to test on the validation images, call their folder test"
            )
        return train, test
    if test_fraction is not None:
        raise UserError(
            f"test_fraction: found {test_fraction!r}, but {name} has a test split; expected nothing; leave it out"
        )
    return train, test


def _set_aside(whole, positions, validation, seed):
    """(positions to learn from, positions of the validation images, or None), both in `whole`."""
    if not validation:
        return positions, None
    count = share_of("validation", validation, len(positions), counts=True)
    left, classes = len(positions) - count, len(np.unique(whole.labels[positions]))
    # Of a set made small for a trial there may be fewer images than classes.
    if left < min(classes, count) or validation == 1:
        taken = f"{count:,} of {len(positions):,} training images"
        raise UserError(
            f"validation: is {validation:g}, and sets aside {taken}; expected a fraction below 1, or a number of "
            f"images from 2, that leaves as many, or one of each of {classes:,} classes"
        )
    chosen = choose.proportional(whole.labels[positions], count, seed, choose.VALIDATION)
    return positions[choose.others(chosen, len(positions))], positions[chosen]


def _part_of(whole, positions, pick):
    part = pick.take(whole, positions)
    return part if len(positions) == len(whole) else replace(part, whole=whole, positions=positions)
