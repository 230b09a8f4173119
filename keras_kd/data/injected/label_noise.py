"""Wrong labels, planted: which images get one and which one is a function of the seed, with exact counts.

Every kind of noise is a transition matrix, the share of a class's images that are labelled as each class. How many
images that is, is rounded so that the whole is exact; which images, a hash decides, so that those of 20 % noise are
among those of 40 %.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from keras_kd.data.injected.superclasses import SUPERCLASSES, next_in_superclass
from keras_kd.data.subset import LABEL_NOISE, LABEL_NOISE_TARGETS, place_in_class
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint
from keras_kd.utils.paths import ends_in, user_path

KINDS = ("symmetric", "pair", "superclass", "matrix")


class NoisyLabels(NamedTuple):
    """Labels with noise and what is known of it."""

    labels: np.ndarray
    rate: float  # the share of images whose label is wrong
    counts: np.ndarray  # int (classes, classes): images of a class (row) by the label they now have


def noisy_labels(labels, classes, kind, rate=None, *, matrix=None, superclasses=None, seed=0, positions=None):
    """Labels of which an exact share is wrong.

    Args:
        labels: int array (n,), each in 0 .. classes - 1.
        classes: how many there are.
        kind: "symmetric": any other class alike; "pair": the class of the next number, after the last the first;
            "superclass": the next class of the same superclass; "matrix": as `matrix` says.
        rate: share of the images that get a wrong label, 0..1; not with "matrix".
        matrix: (classes, classes): row c the shares of class c's images that are labelled as each class; rows sum to 1.
        superclasses: int (classes,), the superclass of each class, for "superclass".
        seed: whole number.
        positions: int array (n,): the numbers by which the hash knows the images; 0 .. n - 1 by default.

    Returns:
        `NoisyLabels`. Of n images round(rate n) are wrong; of the images of a class the share to within one image, and
        of those labelled as each class too.

    Raises:
        UserError: a rate, a matrix or superclasses that cannot be.

    Source:
        Symmetric and pair noise: Han et al., Co-teaching, arXiv:1804.06872; noise within superclasses and by a matrix:
        Patrini et al., arXiv:1609.03683.

    Example:
        >>> found = noisy_labels(np.repeat([0, 1, 2], 10), 3, "pair", 0.2)
        >>> found.rate, found.counts.tolist()
        (0.2, [[8, 2, 0], [0, 8, 2], [2, 0, 8]])
    """
    labels = np.asarray(labels)
    shares = transition(kind, classes, rate, matrix, superclasses)
    sizes = np.bincount(labels, minlength=classes)
    wrong = 1 - np.diag(shares)
    # Rounded from sum to sum: every class to within one image, all of them together to the nearest.
    flipped = np.diff(np.floor(np.round(np.cumsum(wrong * sizes), 9) + 0.5).astype("int64"), prepend=0)
    flipped = np.minimum(flipped, sizes)
    positions = np.arange(len(labels)) if positions is None else np.asarray(positions)
    noisy = labels.copy()
    chosen = place_in_class(labels, hash_uint(seed, LABEL_NOISE, positions)) < flipped[labels]
    for number in np.flatnonzero(flipped):
        among = np.flatnonzero(chosen & (labels == number))
        wrong_labels = np.repeat(np.arange(classes), _spread(shares[number], number, len(among), seed))
        # Which image gets which of them: another hash, so that it has nothing to do with the order above.
        noisy[among[np.argsort(hash_uint(seed, LABEL_NOISE_TARGETS, 1, positions[among]))]] = wrong_labels
    counts = np.zeros((classes, classes), "int64")
    np.add.at(counts, (labels, noisy), 1)
    return NoisyLabels(noisy, float(np.mean(noisy != labels)) if len(labels) else 0.0, counts)


def transition(kind, classes, rate=None, matrix=None, superclasses=None):
    """The transition matrix of a kind of noise.

    Args:
        kind, classes, rate, matrix, superclasses: as of `noisy_labels`.

    Returns:
        float64 (classes, classes), rows sum to 1.

    Raises:
        UserError: a rate, a matrix or superclasses that cannot be.

    Example:
        >>> transition("symmetric", 3, 0.4).tolist()
        [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]]
    """
    if kind == "matrix":
        return _checked(matrix, classes)
    if rate is None or not 0 <= rate <= 1:
        raise UserError(f"label_noise.rate: found {rate!r}; expected a share of the images, 0..1")
    every = np.arange(classes)
    shares = np.zeros((classes, classes))
    if kind == "symmetric":
        shares[:] = rate / (classes - 1)
    elif kind == "pair":
        shares[every, (every + 1) % classes] = rate
    elif kind == "superclass":
        shares[every, next_in_superclass(superclasses, classes)] = rate
    else:
        raise UserError(f"label_noise.kind: no kind {kind!r}; expected one of {', '.join(KINDS)}")
    shares[every, every] = 1 - rate
    return shares


def _checked(matrix, classes):
    try:
        shares = np.asarray(matrix, "float64")
    except (TypeError, ValueError):
        shares = np.zeros(0)
    if shares.shape != (classes, classes):
        raise UserError(
            f"label_noise.matrix: found shape {shares.shape}; expected ({classes}, {classes}), row c the shares of the "
            "images of class c that are labelled as each class"
        )
    sums = shares.sum(1)
    if not (np.isfinite(shares).all() and (shares >= 0).all() and np.allclose(sums, 1, atol=1e-6)):
        bad = int(np.argmax(~np.isclose(sums, 1, atol=1e-6) | ~(shares >= 0).all(1)))
        raise UserError(
            f"label_noise.matrix: row {bad} sums to {sums[bad]:.6g}, minimum {shares[bad].min():.6g}; expected shares "
            "of 0 or more that sum to 1"
        )
    return shares / sums[:, None]


def read_matrix(path):
    """The numbers in a .npy file, or in one of text with commas.

    Raises:
        UserError: the file cannot be read as such.
    """
    path = user_path(path, "label_noise.matrix")
    try:
        return np.load(path) if ends_in(path, (".npy",)) else np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"label_noise.matrix: {path} cannot be read ({error}); expected a .npy file, or rows of numbers with commas"
        ) from None


def _spread(shares, own, count, seed):
    """How many of `count` images go to each class but their own: its share to within one, drawn by a hash."""
    others = np.where(np.arange(len(shares)) == own, 0.0, shares)
    upto = np.round(np.cumsum(others) / others.sum() * count, 9)
    upto[-1] = count
    # Systematic sampling: one draw decides which classes are rounded up, each as often as its share asks for.
    draw = (float(hash_uint(seed, LABEL_NOISE_TARGETS, own) >> np.uint64(11)) + 0.5) / 2**53
    return np.diff(np.floor(upto + draw).astype("int64"), prepend=0)


def noise_of(label_noise, name, classes):
    """The arguments of `noisy_labels` that a recipe's fields mean.

    Args:
        label_noise: a dict as of `keras_kd.data.load`; its matrix may be the path of a file.
        name: of the set in TensorFlow Datasets, of which superclasses may be known, or None.
        classes: the numbers of the classes that are kept, or None where all are.
    """
    asked = {key: value for key, value in label_noise.items() if key != "clean_validation"}
    if asked.get("superclasses") is None:
        known = SUPERCLASSES.get(name)
        asked["superclasses"] = known if known is None or classes is None else [known[one] for one in classes]
    if isinstance(asked.get("matrix"), str):
        asked["matrix"] = read_matrix(asked["matrix"])
    return asked


def with_noise(split, positions, classes, noise):
    """A `Split` with noise in its labels; its images are known by their positions, `noise` is of `noise_of`."""
    noisy = noisy_labels(split.labels, classes, positions=positions, **noise).labels
    return replace(split, labels=noisy, facts=None, true_labels=split.labels)


def describe_noise(train, label_noise):
    """What a report says: "kind", "asked", "rate" and "images", how many labels of a training `Split` are wrong."""
    wrong = int(np.sum(train.labels != train.true_labels))
    rates = {"asked": label_noise.get("rate"), "rate": wrong / len(train)}
    return {"kind": label_noise["kind"], **rates, "images": wrong}
