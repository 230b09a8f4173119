"""How well the images are told apart without any training: what a trained teacher must be better than."""

import math

import numpy as np

# Pixels of an image that are looked at, at most.
PIXELS = 1024


def halves(count):
    """Two halves of the positions 0..count - 1, drawn without regard to their order; the same every time.

    Example:
        >>> [len(half) for half in halves(5)]
        [3, 2]
    """
    mixed = np.random.default_rng(0).permutation(count)
    return np.sort(mixed[::2]), np.sort(mixed[1::2])


def nearest_class_mean(images, labels, classes):
    """The accuracy of naming the class whose mean image is nearest: means of one half of the images, measured on the
    other.

    Args:
        images: uint8 (n, height, width, channels), two or more.
        labels: int (n,).
        classes: how many there are.

    Returns:
        A float in 0..1.

    Source:
        The classifier is as old as the field; here it stands for "what takes no training", so that a threshold is not
        a guess about the data.

    Example:
        >>> images = np.zeros((40, 2, 2, 1), "uint8")
        >>> labels = np.arange(40) % 2
        >>> images[labels == 1] = 255
        >>> nearest_class_mean(images, labels, 2)
        1.0
    """
    labels = np.asarray(labels)
    stride = max(1, math.ceil(math.sqrt(images.shape[1] * images.shape[2] / PIXELS)))
    seen = np.asarray(images[:, ::stride, ::stride]).astype("float32").reshape(len(images), -1) / 255
    one, other = halves(len(images))
    means = np.full((classes, seen.shape[1]), np.inf, "float32")
    for label in np.unique(labels[one]):
        means[label] = seen[one][labels[one] == label].mean(0)
    known = np.flatnonzero(np.isfinite(means[:, 0]))
    # |x - m|^2 without |x|^2, which is the same for every class.
    distance = (means[known] ** 2).sum(1) - 2 * seen[other] @ means[known].T
    return float(np.mean(known[distance.argmin(1)] == labels[other]))


def skill(accuracy, classes):
    """How far an accuracy is from chance to perfect: 0 at 1 / classes, 1 at 1.

    Example:
        >>> round(skill(0.55, 10), 2)
        0.5
    """
    return (accuracy - 1 / classes) / (1 - 1 / classes)
