"""What is known of some data sets before a pixel of them is read: shape, classes, how many images of each."""

import os

import numpy as np

from keras_kd.data.dataset import Source, Split
from keras_kd.data.load import Asked, prepared
from keras_kd.data.pick import Pick
from keras_kd.data.sources import digits, kind, known_probabilities
from keras_kd.data.sources.names import TFDS
from keras_kd.data.sources.options import SourceOptions
from keras_kd.data.values import size_of

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


def known(name, *, image_size=None, seed=0, data_dir=None, **asked):
    """What a data set is, once all that is asked for is made of it, as far as it is known without its images.

    Args:
        name, image_size, seed, data_dir, **asked: as of `keras_kd.data.load`.

    Returns:
        (image shape, `Dataset` whose images are of one black pixel), or None where nothing is known. Where the images
        of each class are not known they are taken to be equally many.

    Raises:
        UserError: something asked for cannot be, as `keras_kd.data.load` says it.

    Example:
        >>> shape, found = known("digits", validation=0.1)
        >>> shape, len(found.train), found.classes
        ((8, 8, 1), 1298, 10)
        >>> known("digits", classes=[0, 12])
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: classes: found 12; expected two or more different numbers, 0 to 9
    """
    name, size = os.fspath(name), size_of(image_size)
    found = _stand_in(name, SourceOptions(size, data_dir, seed))
    if found is None:
        return None
    (height, width, channels), source = found
    dataset = prepared(name, source, Asked(**asked), Pick(seed))
    return (*(size or (height, width)), channels), dataset


def _stand_in(name, options):
    """(image shape, `Source`) of a data set, its images of one black pixel; or None."""
    of = kind(name)
    if of == "digits":
        counts = (digits.TRAIN_COUNTS, digits.TEST_COUNTS)
        return (8, 8, 1), _source([np.repeat(np.arange(10), one) for one in counts], 10, 1)
    if of == "known_probabilities":
        drawn = known_probabilities.load(name, options)
        labels = (drawn.train.labels, drawn.test.labels)
        return drawn.train.images.shape[1:], _source(labels, len(drawn.class_names), 1)
    match = TFDS.fullmatch(name) if of == "tfds" else None
    if match and match["name"] in SHAPES and not match["config"]:
        shape, classes, *counts = SHAPES[match["name"]]
        return shape, _source([np.arange(count) % classes for count in counts], classes, shape[2])
    return None


def _source(labels, classes, channels):
    """Black pixels with the labels of training and test images."""
    train, test = (Split(np.zeros((len(one), 1, 1, channels), "uint8"), one.astype("int32")) for one in labels)
    return Source(train, test, tuple(map(str, range(classes))))
