"""A teacher that is a file of answers: what some network, which need not be here, said of the images."""

import contextlib
import contextvars
import hashlib
import zipfile
from pathlib import Path

import numpy as np

from keras_kd.models.foreign.answering import Answering
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write, sha256

SPLITS = ("train", "validation", "test")
FINGERPRINT = "fingerprint"
# An array without a name of its own is of the training images.
UNNAMED = ("logits", "arr_0")
CHUNK = 4096

# (positions of training images, their views) that are asked about now, or None: what is asked about is looked for.
_about = contextvars.ContextVar("about", default=None)


@contextlib.contextmanager
def asking_about(index, view):
    """In the block stored answers are those of some views of training images, in the order of the batch.

    Args:
        index: int array (n,), positions in the training images.
        view: int array (n,), numbers of their views.
    """
    token = _about.set((np.asarray(index), np.asarray(view)))
    try:
        yield
    finally:
        _about.reset(token)


class Stored(Answering):
    """Answers in an `.npz` file, an array for each split, or in an `.npy` file, of the training images.

    `train` is (images, classes), one row for all views of an image, or (images, views, classes), one for each view by
    its number; `test` and, where the data have validation images of their own, `validation` are (images, classes).
    Rows are in the order of the data, before any are set aside. `fingerprint`, as `write_answers` leaves it, is
    compared with the images.

    Args:
        path: of the file.
        data: the data: a `Dataset`, or a description, with counts alone.
        written: the path as its user wrote it.

    Raises:
        UserError: it cannot be read, or has other images or classes than the data.
    """

    splits = SPLITS

    def __init__(self, path, data, classes, written=None):
        name = written or path
        if data is None:
            raise UserError(f"{name}: stored answers are of a dataset's images; name it in a recipe, with its data")
        self._arrays, self.fingerprint = _read(path, name)
        self._data, self._places, self.views = data, {}, None
        self.splits = tuple(self._arrays)
        super().__init__(name, sha256(path), tuple(data.image_shape), self._arrays["train"].shape[-1])
        self._check(classes)

    def _check(self, classes):
        for split, array in self._arrays.items():
            shape = " x ".join(map(str, array.shape))
            if array.ndim != 2 and not (split == "train" and array.ndim == 3):
                also = ", or (images, views, classes)" if split == "train" else ""
                raise UserError(f"{self.name}: {split} is {shape}; expected (images, classes){also}")
            if array.shape[-1] != classes:
                fix = "give the answers for these classes, or teacher.classes and a class_map"
                raise UserError(
                    f"{self.name}: {split} is {shape}, so of {array.shape[-1]} classes; the data has {classes}: {fix}"
                )
            expected = self._count(split)
            if expected is not None and len(array) != expected:
                raise UserError(
                    f"{self.name}: {split} is {shape}, a row for {len(array):,} images; the data has {expected:,} "
                    f"{_called(split)} images: give one for each, in their order"
                )
        if self.fingerprint is not None and self._images("train") is not None:
            if fingerprint_of(_rows(self._images("train"))) != self.fingerprint:
                raise UserError(
                    f"{self.name}: its fingerprint is of other training images, or of the same in another order; make "
                    "the answers again for these"
                )

    def _count(self, split):
        images = self._images(split)
        if images is not None:
            return len(images)
        counts = {"test": getattr(self._data, "test_count", None)}
        return counts.get(split)

    def _images(self, split):
        """The images of a split that answers are counted by, or None where they are not there."""
        found = getattr(self._data, split, None)
        if split == "validation" and found is not None and self._set_aside(found):
            raise UserError(
                f"{self.name}: validation images are set aside from the training images here, whose answers are those "
                "of train; leave validation out"
            )
        if split == "validation" and found is None and getattr(self._data, "train", None) is not None:
            raise UserError(f"{self.name}: has answers for validation and the data has no such images; leave it out")
        if found is None:
            return None
        return (found.whole or found).images if split == "train" else found.images

    def _set_aside(self, validation):
        """Whether validation images were taken out of the training images."""
        whole = self._data.train.whole
        return whole is not None and len(validation) and _rows(validation.images[:1])[0] in _rows(whole.images)

    @property
    def by_view(self):
        """Whether each view of an image has a row of its own."""
        return self._arrays["train"].ndim == 3

    def use_views(self, views):
        """Says which family of views the numbers of rows are of.

        Args:
            views: a `Views`.

        Raises:
            UserError: it has another number of views, or views that mix images.
        """
        count = self._arrays["train"].shape[1] if self.by_view else None
        if count is not None and count != views.count:
            raise UserError(
                f"{self.name}: train has rows for {count} views of an image, and data.views makes {views.count}; take "
                "the views that they were made with, or one row an image"
            )
        if views.mixing:
            raise UserError(
                f"{self.name}: data.views mixes images, of which it has no answers; leave mixup and cutmix out"
            )
        self.views = views

    def gives(self):
        rows = np.asarray(self._arrays["train"][:64], "float32").reshape(-1, self.classes)
        if self.classes == 1:
            return None
        alike = np.allclose(rows.sum(-1), 1, atol=1e-2) and rows.min() >= 0
        return "probabilities" if alike else "logits"

    def ask(self, images):
        about = _about.get()
        if about is not None:
            index, view = about
            return self._arrays["train"][index, view] if self.by_view else self._arrays["train"][index]
        rows = _rows(images)
        found, missing = np.empty((len(images), self.classes), "float32"), np.arange(len(images))
        for split in reversed(self.splits):
            places = np.array([self._places_of(split).get(row, -1) for row in rows[missing].tolist()], "int64")
            known = places >= 0
            array = self._as_they_are(split)
            found[missing[known]] = array[places[known]]
            missing = missing[~known]
            if not len(missing):
                return found
        raise UserError(
            f"{self.name}: has no answers for {len(missing):,} of {len(images):,} images that are asked about, which "
            f"are not {' or '.join(map(_called, self.splits))} images as they are; leave out what asks for them"
        )

    def _as_they_are(self, split):
        array = self._arrays[split]
        if array.ndim == 2:
            return array
        if self.views is None:
            raise UserError(f"{self.name}: its rows are of views, and it is not said which; name it in a recipe")
        return array[:, self.views.identity]

    def _places_of(self, split):
        """{what is in an image: where it is in a split}; of equal ones the first."""
        if split not in self._places:
            images = self._images(split)
            rows = [] if images is None else _rows(images).tolist()
            self._places[split] = dict(zip(reversed(rows), range(len(rows) - 1, -1, -1), strict=True))
        return self._places[split]


def write_answers(path, dataset, *, train, test=None, validation=None):
    """Keeps answers about the images of a dataset, to teach from: `teacher: {logits: answers.npz}`.

    Args:
        path: of the `.npz` file.
        dataset: a `Dataset` of `keras_kd.data.load`; if it sets validation images aside, `train` is of all.
        train: (images, classes), or (images, views, classes) by the numbers of views.
        test, validation: (images, classes), or None.

    Raises:
        UserError: another number of rows than of images, or of classes.

    Example:
        >>> import tempfile
        >>> from keras_kd.data import load
        >>> digits = load("digits")
        >>> write_answers(f"{tempfile.mkdtemp()}/answers.npz", digits, train=np.zeros((1442, 10)))
    """
    given = {"train": train, "validation": validation, "test": test}
    arrays = {split: np.asarray(one, "float32") for split, one in given.items() if one is not None}
    images = (dataset.train.whole or dataset.train).images
    with atomic_write(Path(path)) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays, **{FINGERPRINT: fingerprint_of(_rows(images))})
        Stored(temporary, dataset, dataset.classes, written=path)


def fingerprint_of(rows):
    """Hex sha256 of images in their order, from what `_rows` gives of them."""
    return hashlib.sha256(b"".join(rows.tolist())).hexdigest()


def _rows(images):
    """What is in each image, as bytes: an object array (n,)."""
    found = np.empty(len(images), object)
    for start in range(0, len(images), CHUNK):
        part = np.asarray(images[start : start + CHUNK])
        part = part if part.dtype == np.uint8 else np.clip(np.round(part), 0, 255).astype("uint8")
        for place, image in enumerate(np.ascontiguousarray(part), start):
            found[place] = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
    return found


def _read(path, name):
    """({split: array}, fingerprint or None) of a file."""
    try:
        opened = np.load(path, allow_pickle=False, mmap_mode="r" if str(path).lower().endswith(".npy") else None)
        if isinstance(opened, np.ndarray):
            arrays = {"train": opened}
        else:
            with opened:
                arrays = {one: opened[one] for one in opened.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        # NumPy's own words offer to load what runs code.
        why = "" if isinstance(error, ValueError) else f" ({error})"
        raise UserError(f"{name}: found no readable NumPy file{why}; write it with np.savez(...)") from None
    fingerprint = arrays.pop(FINGERPRINT, None)
    for alias in UNNAMED:
        if alias in arrays and "train" not in arrays:
            arrays["train"] = arrays.pop(alias)
    unknown = [one for one in arrays if one not in SPLITS]
    if unknown or "train" not in arrays:
        there = ", ".join(arrays) or "none"
        raise UserError(
            f"{name}: found the arrays {there}; expected train, and if you have them test and validation, named by "
            "their split: np.savez(path, train=..., test=...)"
        )
    for split, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise UserError(f"{name}: {split} is of {array.dtype}; expected numbers")
    found = {split: arrays[split] for split in SPLITS if split in arrays}
    return found, None if fingerprint is None else str(fingerprint)


def _called(split):
    return {"train": "training"}.get(split, split)
