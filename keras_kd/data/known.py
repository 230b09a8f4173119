"""What is known of some data sets before a pixel of them is read: shape, classes, how many images of each."""

import os

import numpy as np

from keras_kd.data.dataset import Source, Split
from keras_kd.data.load import Asked, prepared
from keras_kd.data.pick import Pick
from keras_kd.data.sources import SOURCES, kind
from keras_kd.data.sources.decode import RESIZE
from keras_kd.data.sources.options import SourceOptions
from keras_kd.data.values import size_of


def known(name, *, image_size=None, resize=RESIZE, seed=0, data_dir=None, **asked):
    """What a data set is, once all that is asked for is made of it, as far as it is known without its images.

    Args:
        name, image_size, resize, seed, data_dir, **asked: as of `keras_kd.data.load`.

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
    found = _stand_in(name, SourceOptions(size, data_dir, seed, resize=resize))
    if found is None:
        return None
    (height, width, channels), source = found
    dataset = prepared(name, source, Asked(**asked), Pick(seed))
    return (*(size or (height, width)), channels), dataset


def _stand_in(name, options):
    """(image shape, `Source`) of a data set, its images of one black pixel; or None."""
    unread = getattr(SOURCES[kind(name)], "unread", None)
    found = unread(name, options) if unread else None
    if found is None:
        return None
    shape, classes, labels = found
    train, test = (Split(np.zeros((len(one), 1, 1, shape[2]), "uint8"), one.astype("int32")) for one in labels)
    return shape, Source(train, test, tuple(map(str, range(classes))))
