"""Rare classes, planted: how many images each class keeps, and which."""

import numpy as np

from keras_kd.data.subset import IMBALANCE, place_in_class
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint

PROFILES = ("exponential", "step")


def long_tail(counts, profile, ratio, rare=0.5):
    """How many images of each class are kept.

    Args:
        counts: int (classes,): images there are of each class.
        profile: "exponential": n ratio^(-c / (classes - 1)) for class c; "step": n for the first classes and n / ratio
            for the rest; n is the count of the largest class.
        ratio: of the largest class to the smallest, 1 or more.
        rare: share of the classes that "step" makes rare, above 0 and below 1.

    Returns:
        int array (classes,), at least 1 where the class has images; never more than it has.

    Raises:
        UserError: a ratio, share or profile that cannot be.

    Source:
        Cui et al., Class-Balanced Loss, arXiv:1901.05555 (exponential); Buda et al., arXiv:1710.05381 (step).

    Example:
        >>> long_tail([500] * 5, "exponential", 100).tolist(), long_tail([500] * 5, "step", 10).tolist()
        ([500, 158, 50, 16, 5], [500, 500, 500, 50, 50])
    """
    counts = np.asarray(counts, "int64")
    classes = len(counts)
    if not ratio >= 1 or not np.isfinite(ratio):
        raise UserError(f"imbalance.ratio: found {ratio!r}; expected 1 or more, the largest class over the smallest")
    if not 0 < rare < 1:
        raise UserError(f"imbalance.rare: found {rare!r}; expected a share of the classes above 0 and below 1")
    if profile == "exponential":
        shares = float(ratio) ** -(np.arange(classes) / max(classes - 1, 1))
    elif profile == "step":
        rare_classes = min(max(int(np.floor(rare * classes + 1e-9)), 1), classes - 1)
        shares = np.where(np.arange(classes) < classes - rare_classes, 1.0, 1 / ratio)
    else:
        raise UserError(f"imbalance.profile: no profile {profile!r}; expected one of {', '.join(PROFILES)}")
    # Half an image counts as one: a product that misses the half by a rounding error is on it.
    wanted = np.floor(np.round(counts.max(initial=0) * shares, 9) + 0.5).astype("int64")
    return np.minimum(np.maximum(wanted, 1), counts)


def keep(labels, counts, seed=0):
    """The positions of the images that are kept.

    Args:
        labels: int array (n,).
        counts: int (classes,): how many of each class.
        seed: whole number; decides which. Those of a smaller count are among those of a larger one.

    Returns:
        int array of positions, ascending.

    Example:
        >>> keep(np.array([0, 0, 0, 1, 1]), np.array([2, 1])).tolist()
        [0, 1, 4]
    """
    labels = np.asarray(labels)
    order = hash_uint(seed, IMBALANCE, np.arange(len(labels)))
    return np.flatnonzero(place_in_class(labels, order) < np.asarray(counts)[labels])


def kept_of_each_class(counts, imbalance):
    """How many images of each class are left of int (classes,), where `imbalance` makes classes rare.

    Args:
        counts: int (classes,).
        imbalance: a dict of "profile", "ratio" and, as one has it, "rare".

    Example:
        >>> kept_of_each_class([100, 100], {"profile": "step", "ratio": 4}).tolist()
        [100, 25]
    """
    given = {key: imbalance[key] for key in ("profile", "ratio", "rare") if imbalance.get(key) is not None}
    return long_tail(counts, **given)


def left_of(labels, classes, imbalance):
    """The ascending positions of the images that are left; `imbalance` may name a "seed" as well."""
    counts = kept_of_each_class(np.bincount(labels, minlength=classes), imbalance)
    return keep(labels, counts, imbalance.get("seed", 0))


def describe_imbalance(train, classes, imbalance):
    """What a report says: "profile", "ratio" and "counts", the images of each class in a training `Split`."""
    labels = train.labels if train.true_labels is None else train.true_labels
    counts = np.bincount(labels, minlength=classes)
    return {"profile": imbalance["profile"], "ratio": imbalance["ratio"], "counts": counts.tolist()}
