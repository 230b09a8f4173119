"""Mixup and CutMix: two images in one, and their labels in the same ratio.

The partner of an image, the partner's view and the ratio are hashes of (index, view), computed in whole numbers on the
host. Ratios of mixup are whole numbers of 1/256, so mixed pixels are exact in float32: every backend gives the same.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from keras_kd.data.views.cutout import within
from keras_kd.utils.hashing import hash_uint
from keras_kd.utils.lazy import ops

PARTNER, PARTNER_VIEW, RATIO, BOX, APPLIED = 5, 6, 7, 8, 9
LEVELS = 256
HASHES = 2**32


@dataclass(frozen=True)
class Mixup:
    """Each pixel is the ratio of the image's own and the rest of its partner's.

    Args:
        alpha: the ratio is distributed as Beta(alpha, alpha), above 0; 1 is uniform.
        draws: how many partners each view of an image has, above 0.

    Source:
        Zhang et al. 2018, arXiv:1710.09412, equation 1. There the partner is drawn from the batch and one ratio holds
        for the batch; here both are each image's own, so that a view stays a number.

    Example:
        >>> plan = Mixup(alpha=1.0).plan(np.array([7, 7]), np.array([0, 1]), count=50000, shape=(32, 32, 3))
        >>> plan["partner"].tolist(), plan["ratio"].tolist()
        ([7714, 12723], [0.83203125, 0.40234375])
    """

    alpha: float = 1.0
    draws: int = 16

    def plan(self, index, view, count, shape):
        """Partner and ratio of views.

        Args:
            index, view: int arrays (n,).
            count: number of training images.
            shape: (height, width, channels) of an image.

        Returns:
            dict of "partner", int32 (n,), and "ratio", float32 (n,): the share of the image's own label.
        """
        ratio = drawn_level(self.alpha, index, view) / LEVELS
        return {"partner": partners(index, view, count), "ratio": ratio.astype("float32")}

    def unmixed(self, plan, where):
        """The plan with ratio 1 at some places."""
        return {**plan, "ratio": np.where(where, np.float32(1), plan["ratio"])}

    def mix(self, images, partners, plan):
        """The mixed images, float32 tensor (batch, height, width, channels)."""
        ratio = plan["ratio"][:, None, None, None]
        return images * ratio + partners * (1 - ratio)


@dataclass(frozen=True)
class Cutmix:
    """A rectangle of the partner is pasted into the image; the ratio is the share of the area that stays.

    Args:
        alpha: the rectangle's share of the area is distributed as Beta(alpha, alpha) before it is clipped to the image.
        draws: how many partners each view of an image has, above 0.
        probability: of a view to be mixed at all, 0..1; 0.5 on CIFAR in the paper's code.

    Source:
        Yun et al. 2019, arXiv:1905.04899, equations 1 and 2. There one rectangle holds for the batch; here each image
        has its own.

    Example:
        >>> plan = Cutmix(probability=1.0).plan(np.array([7]), np.array([0]), count=50000, shape=(32, 32, 3))
        >>> plan["box"].tolist(), plan["ratio"].tolist()
        ([[0, 20, 8, 32]], [0.90625])
    """

    alpha: float = 1.0
    draws: int = 16
    probability: float = 0.5

    def plan(self, index, view, count, shape):
        """As `Mixup.plan`, with "box", int32 (n, 4): top, left, bottom, right of what is pasted."""
        drawn = _hash(index, view, BOX)
        centre = np.stack([drawn >> np.uint64(16), drawn % np.uint64(2**16)], -1).astype("int64")
        size = np.array(shape[:2], "int64")
        centre = centre * size // 2**16
        pasted = LEVELS - drawn_level(self.alpha, index, view)
        # The whole root of whole numbers: floor(size * sqrt(pasted / 256)).
        side = np.array([[math.isqrt(int(one * one * part) // LEVELS) for one in size] for part in pasted])
        side = side.reshape(-1, 2) // 2
        first, last = np.clip(centre - side, 0, size), np.clip(centre + side, 0, size)
        plan = {
            "partner": partners(index, view, count),
            "ratio": (1 - (last - first).prod(-1) / size.prod()).astype("float32"),
            "box": np.concatenate([first, last], -1).astype("int32"),
        }
        return self.unmixed(plan, _hash(index, view, APPLIED) >= np.uint64(round(self.probability * HASHES)))

    def unmixed(self, plan, where):
        """The plan with ratio 1 and nothing pasted at some places."""
        box = np.where(where[:, None], np.int32(0), plan["box"])
        return {**plan, "ratio": np.where(where, np.float32(1), plan["ratio"]), "box": box}

    def mix(self, images, partners, plan):
        """The mixed images, float32 tensor (batch, height, width, channels)."""
        return ops.where(within(plan["box"], *images.shape[1:3]), partners, images)


def mixed_labels(labels, partner_labels, ratio, classes):
    """Labels in the ratio of the images.

    Args:
        labels, partner_labels: int arrays (n,).
        ratio: float32 array (n,), 0..1.
        classes: how many there are.

    Returns:
        float32 array (n, classes), rows that sum to 1.

    Example:
        >>> mixed_labels(np.array([0]), np.array([2]), np.array([0.75], "float32"), classes=3).tolist()
        [[0.75, 0.0, 0.25]]
    """
    mixed = np.zeros((len(labels), classes), "float32")
    rows = np.arange(len(labels))
    mixed[rows, labels] += ratio
    mixed[rows, partner_labels] += 1 - ratio
    return mixed


def partners(index, view, count):
    """The partner of each view of an image: int32 array (n,), below `count`."""
    return (hash_uint(PARTNER, index, view) % np.uint64(count)).astype("int32")


def partner_views(index, view, count):
    """The view in which each partner is shown: int32 array (n,), below `count`."""
    return (hash_uint(PARTNER_VIEW, index, view) % np.uint64(count)).astype("int32")


def drawn_level(alpha, index, view):
    """A number of 0..256 distributed as 256 x Beta(alpha, alpha), rounded: int64 array (n,)."""
    return np.searchsorted(_thresholds(float(alpha)), _hash(index, view, RATIO), side="right")


def _hash(index, view, what):
    """A hash of 32 bits for each view of an image: uint64 array (n,)."""
    return hash_uint(what, index, view) >> np.uint64(32)


@lru_cache
def _thresholds(alpha):
    """The hashes of 32 bits from which on each level but the lowest is drawn: the distribution between two levels."""
    shares = [_beta_distribution((level + 0.5) / LEVELS, alpha) for level in range(LEVELS)]
    return np.array([math.floor(share * HASHES) for share in shares], "uint64")


def _beta_distribution(x, alpha):
    """The probability that Beta(alpha, alpha) lies below x, in float64: its series of positive terms."""
    if x > 0.5:
        return 1 - _beta_distribution(1 - x, alpha)
    term = total = 1.0
    count = 0
    while term > 1e-17 * total:
        term *= x * (2 * alpha + count) / (alpha + 1 + count)
        total += term
        count += 1
    scale = math.lgamma(2 * alpha) - 2 * math.lgamma(alpha) + alpha * (math.log(x) + math.log1p(-x))
    return math.exp(scale) / alpha * total
