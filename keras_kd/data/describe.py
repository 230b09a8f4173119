"""What is known of a dataset without its images: for checking a recipe where they are not yet."""

from dataclasses import dataclass

import numpy as np

from keras_kd.data.groups import group_numbers
from keras_kd.data.injected.imbalance import kept_of_each_class
from keras_kd.data.load import load
from keras_kd.data.sources import kind
from keras_kd.data.sources.names import TFDS
from keras_kd.data.sources.tfds import is_cached
from keras_kd.data.standardization import PUBLISHED

# Shape, classes, training and test images of sets of one fixed size.
SHAPES = {
    "cifar10": ((32, 32, 3), 10, 50_000, 10_000),
    "cifar100": ((32, 32, 3), 100, 50_000, 10_000),
    "fashion_mnist": ((28, 28, 1), 10, 60_000, 10_000),
    "kmnist": ((28, 28, 1), 10, 60_000, 10_000),
    "mnist": ((28, 28, 1), 10, 60_000, 10_000),
    "stl10": ((96, 96, 3), 10, 5_000, 8_000),
    "svhn_cropped": ((32, 32, 3), 10, 73_257, 26_032),
}


@dataclass(frozen=True)
class Description:
    """What a recipe's networks must know of its data."""

    image_shape: tuple
    classes: int
    train_count: int
    test_count: int
    mean: tuple
    std: tuple
    here: bool  # whether the images are on this machine


def describe(name, **options):
    """The shape, classes and counts of a dataset.

    Args:
        name, **options: as of `keras_kd.data.load`.

    Returns:
        `Description`. A set that must first be downloaded is described from what is published, if it is one of a fixed
        size; the others are loaded.

    Example:
        >>> describe("digits").train_count
        1442
    """
    match = TFDS.fullmatch(str(name)) if kind(name) == "tfds" else None
    if match and match["name"] in SHAPES and not is_cached(name, **_where(options)):
        shape, classes, train, test = SHAPES[match["name"]]
        size = options.get("image_size")
        if size is not None:
            shape = (*(size if isinstance(size, list | tuple) else (size, size)), shape[2])
        if options.get("classes") is not None:
            share = len(options["classes"]) / classes
            classes, train, test = len(options["classes"]), round(train * share), round(test * share)
        if options.get("groups") is not None:
            group_numbers(options["groups"], classes)
            classes = len(options["groups"])
        train, test = options.get("train_images") or train, options.get("test_images") or test
        if options.get("imbalance") is not None:
            train = int(kept_of_each_class(np.full(classes, train // classes), options["imbalance"]).sum())
        validation = options.get("validation") or 0
        train -= round(validation * train) if validation < 1 else int(validation)
        if options.get("folds") is not None:
            train -= train // options["folds"]
        mean, std = PUBLISHED.get(match["name"], ((0.5,) * shape[2], (0.25,) * shape[2]))
        return Description(
            tuple(shape), classes, train, test, options.get("mean") or mean, options.get("std") or std, False
        )
    found = load(name, **options)
    return Description(found.image_shape, found.classes, len(found.train), len(found.test), found.mean, found.std, True)


def _where(options):
    size = options.get("image_size")
    return {
        "data_dir": options.get("data_dir"),
        "image_size": None if size is None else tuple(size) if isinstance(size, list | tuple) else (size, size),
        "cache_dir": options.get("cache_dir"),
    }
