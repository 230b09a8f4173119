"""Drawn images whose class probabilities are known: what a teacher should say of each, and how hard each is."""

import numpy as np

from keras_kd.data.dataset import Source, Split
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint

# It stands in `DATASETS` already.
FORM = {}
IS_PATH = False

NAME = "known_probabilities"
# The same without groups, in which nothing is to be learned of how classes are related: the control.
UNRELATED = f"{NAME}/unrelated"
GROUPS, IN_GROUP, SIDE = 4, 3, 8
CLASSES = GROUPS * IN_GROUP
TRAIN, TEST = 2400, 1200
# Lengths over all pixels of what a group and what a class adds to grey, and the spread of a pixel: two classes of a
# group are 2 spreads apart, of two groups 4, so that the best classifier is right on about three quarters.
OF_GROUP, OF_CLASS, SPREAD = 68.0, 28.0, 20.0
# The length of a class of no group with which the best classifier is right as often.
OF_UNRELATED = 46.0
GREY = 128.0
# Decide the class that an image is drawn from, its pixels (two numbers a pixel), and its label.
DRAWN_FROM, PIXELS, LABEL = 41, 42, 43


def means(name):
    """Whether a name means this source."""
    return name in (NAME, UNRELATED)


def load(name=NAME, options=DEFAULTS):
    """Images of 8x8 pixels of twelve classes in four groups of three, with p(class given image) known for each.

    An image is grey, plus a pattern of its group and one of its class, plus normal noise, rounded to 0..255. Its label
    is drawn from `probabilities` of the pixels as they are stored, so these are exact.

    Args:
        name: "known_probabilities", or "known_probabilities/unrelated" of classes without groups, no two more alike
            than any others.
        options: `SourceOptions`; the seed draws other images and labels from the same probabilities.

    Returns:
        `Source` of uint8 images (n, 8, 8, 1), 2,400 for training and 1,200 for testing.

    Raises:
        UserError: another image size is asked for.

    Source:
        Of this project; Menon et al. 2021, arXiv:2005.10419, and, for groups of classes, Tang et al. 2020,
        arXiv:2002.03532, whose own drawn data could not be read, for what it is for.

    Example:
        >>> load().train
        Split(2400 images of 8x8x1)
    """
    if options.image_size not in (None, (SIDE, SIDE)):
        raise UserError(
            f"{name}: found image_size {options.image_size}; expected {SIDE} x {SIDE} pixels, of which the "
            "probabilities are; leave image_size out"
        )
    train, test = _draw(name, TRAIN, options.seed, 0), _draw(name, TEST, options.seed, 1)
    return Source(train, test, tuple(f"{group}{one}" for group in "abcd" for one in range(1, 1 + IN_GROUP)))


def unread(name, options=DEFAULTS):
    """What is known of them before they are used: they are drawn in a moment; see `keras_kd.data.sources`."""
    drawn = load(name, options)
    return drawn.train.images.shape[1:], len(drawn.class_names), [drawn.train.labels, drawn.test.labels]


def probabilities(images, name=NAME):
    """The true probabilities of the classes of images of this source.

    Args:
        images: uint8 array (n, 8, 8, 1).
        name: as of `load`.

    Returns:
        float64 array (n, 12); rows sum to 1.

    Example:
        >>> images = load().test.images
        >>> float(np.round(probabilities(images).max(1).mean(), 2))  # how often the best classifier is right
        0.74
    """
    pixels = np.asarray(images, "float64").reshape(len(images), -1) - GREY
    # All means are of one length, so what differs between classes is linear in the pixels.
    logits = pixels @ centres(name).T / SPREAD**2
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)


def difficulty(images, name=NAME):
    """How often the best classifier is wrong on each image, 0..1: float64 array (n,); arguments as `probabilities`.

    Example:
        >>> found = difficulty(load().test.images)
        >>> bool(found.min() < 0.01 and found.max() > 0.6)
        True
    """
    return 1 - probabilities(images, name).max(1)


def relations(name=NAME):
    """How alike two classes are: the cosine of what they add to grey, float64 (12, 12); 0 between groups.

    Example:
        >>> (relations()[0, [0, 1, 3]].round(3) + 0).tolist()
        [1.0, 0.855, 0.0]
    """
    found = centres(name) @ centres(name).T
    return found / found[0, 0]


def centres(name=NAME):
    """What each class adds to grey: float64 (12, 64), group by group."""
    place = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    waves = [np.outer(np.cos(row * place), np.cos(column * place)).ravel() for row, column in _frequencies()]
    patterns = np.stack([wave / np.linalg.norm(wave) for wave in waves])
    of_class = patterns[GROUPS + np.arange(CLASSES)]
    if name == UNRELATED:
        return OF_UNRELATED * of_class
    return OF_GROUP * patterns[np.repeat(np.arange(GROUPS), IN_GROUP)] + OF_CLASS * of_class


def _frequencies():
    """The slowest waves of the image but the constant one, one a group and one a class."""
    every = [(row, column) for row in range(SIDE) for column in range(SIDE) if row + column]
    return sorted(every, key=lambda pair: (sum(pair), pair))[: GROUPS + CLASSES]


def _draw(name, count, seed, split):
    number = np.arange(count)
    drawn = (hash_uint(seed, DRAWN_FROM, split, number) % np.uint64(CLASSES)).astype("int64")
    cell = np.arange(SIDE * SIDE)
    radius, angle = (_uniform(seed, PIXELS + 10 * part, split, number[:, None], cell) for part in (0, 1))
    noise = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)  # normal (Box and Muller)
    pixels = GREY + centres(name)[drawn] + SPREAD * noise
    images = np.clip(np.round(pixels), 0, 255).astype("uint8").reshape(count, SIDE, SIDE, 1)
    below = _uniform(seed, LABEL, split, number)[:, None] > np.cumsum(probabilities(images, name), 1)[:, :-1]
    return Split(images, below.sum(1).astype("int32"))


def _uniform(*parts):
    """Numbers above 0 and below 1."""
    return ((hash_uint(*parts) >> np.uint64(11)).astype("float64") + 0.5) / 2**53
