"""Images and labels, from wherever they are, as arrays that are the same everywhere."""

import math
import numbers
import os
import re
import time
from dataclasses import replace

from keras_kd.data import cache, choose, dataset, digits, folder, function, images, npz, tfds
from keras_kd.data.dataset import Dataset, Split
from keras_kd.data.names import DATASETS, kind
from keras_kd.errors import UserError

__all__ = ["DATASETS", "Dataset", "Split", "kind", "load"]

# What the papers we compare with standardize by.
PUBLISHED = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}


def load(
    name,
    *,
    data_dir=None,
    image_size=None,
    train_images=None,
    test_images=None,
    validation=0.0,
    test_fraction=None,
    mean=None,
    std=None,
    seed=0,
    cache_dir=None,
):
    """Loads images and labels.

    Args:
        name: `digits`; a TensorFlow Datasets name (`cifar100`, `name/config`, `name:version`; split `train`, and `test`
            or else `validation`); a folder of `train/<class>/*` and `test/<class>/*` (or `val`, `validation`) or of
            `<class>/*`; an `.npz` file of x_train, y_train and, as one has them, x_test, y_test, label_names; or
            `package.module:function`, which returns a dict of such arrays and is given data_dir, image_size and seed
            if it names them.
        data_dir: where TFDS keeps its data.
        image_size: pixels, one number or (height, width), to resize the images to; needed where they differ in size.
        train_images: keep at most so many training images, the classes as equal as can be; None keeps all.
        test_images: the same of the test images.
        validation: part of the training images to set aside, as a fraction (below 1) or a number of images, from every
            class its share; 0 for none.
        test_fraction: the fraction to test on where the data has no test split, 0.2 if None.
        mean: per channel, of pixels / 255; published values for cifar10 and cifar100, else computed from the training
            images.
        std: as `mean`; above 0.
        seed: whole number; decides which images `train_images`, `test_images`, `validation` and `test_fraction` take,
            and nothing else.
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
    name = os.fspath(name)
    size = _size(image_size)
    train, test, class_names = _source(name, size, data_dir, seed, cache_dir)
    if len(class_names) < 2:
        raise UserError(f"{name}: found {len(class_names)} class; expected 2 or more; add images of another class")
    repeated = sorted({one for one in class_names if class_names.count(one) > 1})
    if repeated:
        raise UserError(f"{name}: found the class name {repeated[0]!r} twice; expected each once; rename one")

    def take(split, index):
        return cache.subset(split, index, cache.folder(cache_dir))

    def carve(split, count, purpose):
        aside = choose.proportional(split.labels, count, seed, purpose)
        return take(split, choose.others(aside, len(split))), take(split, aside)

    def keep(where, split, count, purpose):
        if count is None:
            return split
        if not _is_whole(count) or count < 1:
            raise UserError(f"{where}: found {count!r}; expected a whole number, 1 or more; correct it")
        if count >= len(split):
            return split
        return take(split, choose.balanced(split.labels, int(count), seed, purpose))

    if test is None:
        fraction = 0.2 if test_fraction is None else test_fraction
        train, test = carve(train, _share("test_fraction", fraction, len(train)), choose.TEST_FRACTION)
    elif test_fraction is not None:
        raise UserError(
            f"test_fraction: found {test_fraction!r}, but {name} has a test split; expected nothing; leave it out"
        )
    train = keep("train_images", train, train_images, choose.TRAIN_IMAGES)
    test = keep("test_images", test, test_images, choose.TEST_IMAGES)
    aside = None
    if validation:
        whole, count = train, _share("validation", validation, len(train), counts=True)
        train, aside = carve(whole, count, choose.VALIDATION)
        positions = choose.others(choose.proportional(whole.labels, count, seed, choose.VALIDATION), len(whole))
        train = replace(train, whole=whole, positions=positions)
    mean, std = _standardization(name, train, mean, std)
    return Dataset(
        name=name,
        train=train,
        test=test,
        validation=aside,
        class_names=class_names,
        mean=mean,
        std=std,
        fingerprint=dataset.fingerprint(train, test, aside),
        seconds=time.perf_counter() - begun,
    )


def _source(name, size, data_dir, seed, cache_dir):
    match kind(name):
        case "tfds":
            return tfds.load(name, data_dir, size, cache_dir)
        case "folder":
            return folder.load(name, size, cache_dir)
        case "digits":
            source = digits.load()
        case "npz":
            source = npz.load(name)
        case "function":
            source = function.load(name, data_dir=data_dir, image_size=size, seed=seed)
    return source._replace(train=images.resize_split(source.train, size), test=images.resize_split(source.test, size))


def _is_whole(value):
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and value == int(value)


def _size(image_size):
    """(height, width), or None."""
    if image_size is None:
        return None
    sides = tuple(image_size) if isinstance(image_size, list | tuple) else (image_size, image_size)
    if len(sides) != 2 or not all(_is_whole(side) and side >= 1 for side in sides):
        raise UserError(
            f"image_size: found {image_size!r}; expected a whole number of pixels or (height, width); correct it"
        )
    return tuple(map(int, sides))


def _share(where, value, total, counts=False):
    """How many of `total` images a fraction, or where `counts` a number of images, means."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if number and 0 < value < 1 and total > 1:
        return min(max(1, round(value * total)), total - 1)
    if counts and number and _is_whole(value) and 1 <= value < total:
        return int(value)
    also = f", or a whole number 1..{total - 1}" if counts else ""
    raise UserError(f"{where}: found {value!r}; expected a fraction between 0 and 1{also}; correct it")


def _standardization(name, train, mean, std):
    """Mean and standard deviation: those given, else those published, else those of the training images."""
    base = re.split("[/:]", name)[0] if kind(name) == "tfds" else None
    channels = train.images.shape[-1]
    mean, std = _per_channel("mean", mean, channels), _per_channel("std", std, channels)
    if mean is None or std is None:
        usual_mean, usual_std = PUBLISHED.get(base) or dataset.statistics(train)
        mean, std = mean or usual_mean, std or usual_std
    return mean, std


def _per_channel(where, value, channels):
    if value is None:
        return None
    numeric = isinstance(value, list | tuple) and all(isinstance(one, numbers.Real) for one in value)
    if not numeric or len(value) != channels:
        raise UserError(f"{where}: found {value!r}; expected a list of {channels}, one number a channel; correct it")
    low = 0 if where == "mean" else math.ulp(0)
    if not all(low <= one <= 1 for one in value):
        above = "0..1" if where == "mean" else "above 0 and at most 1"
        raise UserError(f"{where}: found {value!r}; expected numbers {above}; divide those of pixels 0..255 by 255")
    return tuple(map(float, value))
