"""What every source gives: images and labels in splits, and the facts about their pixels."""

import hashlib
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

CHUNK_BYTES = 2**24


class Facts(NamedTuple):
    """What reading every pixel of a split once tells; kept with cached splits, so that it is read only once."""

    sha256: str
    sums: tuple[int, ...]  # per channel, over all pixels 0..255
    squares: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    Args:
        images: uint8 array (n, height, width, channels), pixels 0..255; a memory map where it is large.
        labels: int32 array (n,), each in 0 .. classes - 1.
        facts: what is known of the pixels without reading them; None if nothing is.
        whole: the split that these images were taken out of, when classes were made rare or validation images were set
            aside, or None.
        positions: int array (n,), where they are in it; None without it.
        true_labels: int32 array (n,), where noise was planted in `labels`: what they were; else None.

    Example:
        >>> split = Split(np.zeros((3, 8, 8, 1), "uint8"), np.array([0, 1, 1], "int32"))
        >>> len(split), split
        (3, Split(3 images of 8x8x1))
    """

    images: np.ndarray
    labels: np.ndarray
    facts: Facts | None = field(default=None, repr=False)
    whole: "Split | None" = field(default=None, repr=False)
    positions: np.ndarray | None = field(default=None, repr=False)
    true_labels: np.ndarray | None = field(default=None, repr=False)

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        return f"Split({len(self)} images of {by(self.images.shape[1:])})"


class Source(NamedTuple):
    """What one kind of source hands to `load`; no test split means that one has to be set aside.

    Args:
        train: the images to learn from.
        test: the images to measure on, or None.
        class_names: one per class.
        validation: images that the source itself sets aside for validation, or None.
        notes: lines that a person should read of it: what of it is not used.
    """

    train: Split
    test: Split | None
    class_names: tuple[str, ...]
    validation: Split | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Named splits of one set of classes, and the statistics that standardize their pixels.

    Args:
        name: what was asked for.
        train: the images to learn from.
        test: the images to measure on.
        validation: images set aside from the training images, or by the source itself, or None.
        class_names: one per class, in the order of the labels.
        mean: per channel, of pixels / 255.
        std: as `mean`; above 0.
        fingerprint: hex sha256 of the pixels and labels of all splits.
        seconds: what loading took.
        label_noise: of planted noise: "kind", "rate" (of the labels of `train` that are wrong), "images"; else None.
        imbalance: of classes made rare: "profile", "ratio", "counts" (images of each class in `train`); else None.
        held_out: images taken out of `train` for the teacher to be taught by (MetaDistil), or None.
    """

    name: str
    train: Split
    test: Split
    validation: Split | None
    class_names: tuple[str, ...] = field(repr=False)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    seconds: float
    label_noise: dict | None = None
    imbalance: dict | None = None
    held_out: Split | None = None

    @property
    def classes(self):
        """How many classes there are."""
        return len(self.class_names)

    @property
    def image_shape(self):
        """(height, width, channels)."""
        return tuple(self.train.images.shape[1:])


def by(shape):
    """A shape as a person says it.

    Example:
        >>> by((32, 24, 3))
        '32x24x3'
    """
    return "x".join(map(str, shape))


class Tally:
    """Gathers the facts of a split while its images pass by in chunks.

    Args:
        shape: (n, height, width, channels) of the whole split.
    """

    def __init__(self, shape):
        self._digest = _begun(shape)
        self._histogram = np.zeros((shape[-1], 256), "int64")

    def add(self, images):
        """Takes the next images, uint8 (k, height, width, channels)."""
        images = np.ascontiguousarray(images)
        self._digest.update(images.reshape(-1))
        for channel, counts in enumerate(self._histogram):
            # Counting values is exact whatever the number of pixels, and faster than summing squares.
            counts += np.bincount(images[..., channel].reshape(-1), minlength=256)

    def facts(self, labels):
        """The facts, once all images were added; `labels` is an int array (n,)."""
        self._digest.update(np.ascontiguousarray(labels, "<i4"))
        values = np.arange(256)
        sums, squares = self._histogram @ values, self._histogram @ values**2
        return Facts(self._digest.hexdigest(), tuple(sums.tolist()), tuple(squares.tolist()))


def _begun(shape):
    return hashlib.sha256(repr(tuple(map(int, shape))).encode())


def sha256(images, labels):
    """The `sha256` of the `Facts` of a split, without counting its pixels.

    Example:
        >>> images, labels = np.zeros((2, 4, 4, 1), "uint8"), np.array([0, 1])
        >>> sha256(images, labels) == facts(Split(images, labels)).sha256
        True
    """
    digest = _begun(images.shape)
    for part in chunks(images):
        digest.update(np.ascontiguousarray(part).reshape(-1))
    digest.update(np.ascontiguousarray(labels, "<i4"))
    return digest.hexdigest()


def chunks(images):
    """An image array in slices small enough to hold next to it."""
    step = max(1, CHUNK_BYTES // math.prod(images.shape[1:]))
    return (images[start : start + step] for start in range(0, len(images), step))


def facts(split):
    """The facts of a split: those it came with, or else counted now."""
    if split.facts is not None:
        return split.facts
    tally = Tally(split.images.shape)
    for images in chunks(split.images):
        tally.add(images)
    return tally.facts(split.labels)


def fingerprint(train, test, validation):
    """Hex sha256 of three splits, of which validation may be None; the same arrays give the same one everywhere."""
    digests = [facts(split).sha256 if split is not None else "none" for split in (train, test, validation)]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def statistics(split):
    """Mean and standard deviation per channel of pixels / 255, exact up to one rounding; std is at least 1e-3.

    Example:
        >>> statistics(Split(np.array([0, 255], "uint8").reshape(1, 1, 2, 1), np.zeros(1, "int32")))
        ((0.5,), (0.5,))
    """
    known, pixels = facts(split), math.prod(split.images.shape[:3])
    mean = tuple(total / (pixels * 255) for total in known.sums)
    # Whole numbers up to the division: the difference of two large numbers is where rounding would hurt.
    variance = [
        (pixels * squares - total**2) / (pixels * 255) ** 2
        for total, squares in zip(known.sums, known.squares, strict=True)
    ]
    return mean, tuple(max(math.sqrt(value), 1e-3) for value in variance)
