"""Images and labels, from wherever they are, as arrays that are the same everywhere."""

import math
import numbers
import os
import re
import time
import unicodedata
from dataclasses import replace

import numpy as np

from keras_kd.data import dataset
from keras_kd.data import subset as choose
from keras_kd.data.dataset import Dataset, Split
from keras_kd.data.injected.imbalance import keep as kept_images
from keras_kd.data.injected.imbalance import long_tail
from keras_kd.data.injected.label_noise import noisy_labels, read_matrix
from keras_kd.data.injected.superclasses import SUPERCLASSES
from keras_kd.data.sources import cache, digits, folder, function, images, npz, tfds
from keras_kd.data.sources.names import DATASETS, kind
from keras_kd.utils.errors import UserError

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
    classes=None,
    train_images=None,
    test_images=None,
    validation=0.0,
    test_fraction=None,
    mean=None,
    std=None,
    label_noise=None,
    imbalance=None,
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
        classes: keep only the images of the classes of these numbers, which become 0, 1, ... in this order; None keeps
            all.
        train_images: keep at most so many training images, the classes as equal as can be; None keeps all.
        test_images: the same of the test images.
        validation: part of the training images to set aside, as a fraction (below 1) or a number of images, from every
            class its share; 0 for none.
        test_fraction: the fraction to test on where the data has no test split, 0.2 if None.
        mean: per channel, of pixels / 255; published values for cifar10 and cifar100, else computed from the training
            images.
        std: as `mean`; above 0.
        label_noise: wrong labels planted in the training images, those set aside too, never in the test images: a dict
            of `kind`, `rate`, `matrix`, `superclasses` and `seed`, see
            `keras_kd.data.injected.label_noise.noisy_labels`;
            superclasses of cifar100 are known. With `clean_validation` those set aside keep their own labels.
        imbalance: classes made rare in the training images: a dict of `profile`, `ratio`, `rare` and `seed`, see
            `keras_kd.data.injected.imbalance.long_tail`.
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
    for one in class_names:
        # Reports and lists of classes are UTF-8, a name a line.
        if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in one):
            raise UserError(
                f"{name}: found the class name {one!r}; expected UTF-8 text without line breaks or other control "
                "characters; rename the class"
            )

    def take(split, index):
        return cache.subset(split, index, cache.folder(cache_dir))

    if classes is not None:
        train, test, class_names = _only(train, test, class_names, classes, take)

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
    # What a bank counts by: the same whatever is taken out of it.
    whole, positions = train, np.arange(len(train))
    if imbalance is not None:
        counts = kept_of_each_class(np.bincount(train.labels, minlength=len(class_names)), imbalance)
        positions = kept_images(train.labels, counts, imbalance.get("seed", 0))

    def taken(index):
        part = take(whole, index)
        return part if len(index) == len(whole) else replace(part, whole=whole, positions=index)

    aside = None
    if validation:
        count = _share("validation", validation, len(positions), counts=True)
        chosen = choose.proportional(whole.labels[positions], count, seed, choose.VALIDATION)
        aside, held_out = take(whole, positions[chosen]), positions[chosen]
        positions = positions[choose.others(chosen, len(positions))]
    train = taken(positions)
    if label_noise is not None:
        noise = _noise(name, label_noise, classes)
        train = _with_noise(train, positions, len(class_names), noise)
        if aside is not None and not label_noise.get("clean_validation"):
            aside = _with_noise(aside, held_out, len(class_names), noise)
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
        label_noise=_said_of_noise(train, label_noise) if label_noise is not None else None,
        imbalance=_said_of_imbalance(train, len(class_names), imbalance) if imbalance is not None else None,
    )


def kept_of_each_class(counts, imbalance):
    """How many images of each class are left of int (classes,), where `imbalance` makes classes rare."""
    return long_tail(
        counts, **{key: imbalance[key] for key in ("profile", "ratio", "rare") if imbalance.get(key) is not None}
    )


def _only(train, test, class_names, classes, take):
    """The images of some classes, their labels counted anew."""
    wrong = [one for one in classes if not 0 <= one < len(class_names)]
    if wrong or len(set(classes)) < max(len(classes), 2):
        found = f"found {wrong[0]}" if wrong else f"found {list(classes)}"
        raise UserError(f"classes: {found}; expected two or more different numbers, 0 to {len(class_names) - 1}")
    number = np.full(len(class_names), -1, "int32")
    number[list(classes)] = np.arange(len(classes))

    def kept(split):
        if split is None:
            return None
        part = take(split, np.flatnonzero(number[split.labels] >= 0))
        return replace(part, labels=number[part.labels], facts=None)

    return kept(train), kept(test), tuple(class_names[one] for one in classes)


def _noise(name, label_noise, classes):
    """The arguments of `noisy_labels`."""
    asked = {key: value for key, value in label_noise.items() if key != "clean_validation"}
    if asked.get("superclasses") is None:
        base = re.split("[/:]", name)[0] if kind(name) == "tfds" else None
        known = SUPERCLASSES.get(base)
        asked["superclasses"] = known if known is None or classes is None else [known[one] for one in classes]
    if isinstance(asked.get("matrix"), str):
        asked["matrix"] = read_matrix(asked["matrix"])
    return asked


def _with_noise(split, positions, classes, noise):
    """A split with noise in its labels."""
    noisy = noisy_labels(split.labels, classes, positions=positions, **noise).labels
    return replace(split, labels=noisy, facts=None, true_labels=split.labels)


def _said_of_noise(train, noise):
    wrong = int(np.sum(train.labels != train.true_labels))
    return {"kind": noise["kind"], "asked": noise.get("rate"), "rate": wrong / len(train), "images": wrong}


def _said_of_imbalance(train, classes, imbalance):
    labels = train.labels if train.true_labels is None else train.true_labels
    counts = np.bincount(labels, minlength=classes)
    return {"profile": imbalance["profile"], "ratio": imbalance["ratio"], "counts": counts.tolist()}


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
