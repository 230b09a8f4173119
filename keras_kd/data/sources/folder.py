"""A folder of images, a subfolder a class."""

import hashlib
import os
import re
from typing import NamedTuple

import numpy as np

from keras_kd.data.dataset import by, printable
from keras_kd.data.sources import cache, images
from keras_kd.data.sources.names import is_known_set
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_path

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
TEST_FOLDERS = ("test", "val", "validation")
CHUNK = 256
FORM = {"FOLDER": "a folder of images: FOLDER/train/CLASS/*.jpg and FOLDER/test/..., or FOLDER/CLASS/*.jpg"}
IS_PATH = True


class Picture(NamedTuple):
    """An image file, by its path below the root, and its label."""

    path: str
    label: int


def means(name):
    """Whether a name means this source; a word alone does where there is such a folder."""
    if is_known_set(name):
        return False
    return name.startswith((".", "~")) or re.search(r"[/\\]", name) is not None or os.path.isdir(name)


def load(root, options=DEFAULTS):
    """A source out of `root/train/<class>/*` and `root/test/<class>/*`, or of `root/<class>/*` without a test split.

    Where there is no `test`, a folder `val` or `validation` is the test split; next to a `test` it is not read. Images
    are files ending in jpg, jpeg, png, bmp, gif or webp, in any case; what begins with a dot is passed over. Classes,
    and the images in them, are taken in the order of their names, so that a folder gives the same arrays everywhere.

    Args:
        root: path of the folder.
        options: `SourceOptions`; needs no image_size if all images have one size.

    Returns:
        `Source` of RGB images.

    Raises:
        UserError: the folder is laid out otherwise, or holds an image that cannot be read.
    """
    path, image_size = os.path.abspath(user_path(root, "data")), options.image_size
    class_names, pictures = _pictures(root, path)
    request = {
        "kind": "folder",
        "name": os.path.basename(path) or "root",
        "root": os.path.realpath(path),
        "files": _state(path, pictures),
        "image_size": list(image_size) if image_size else None,
    }
    store = cache.folder(options.cache_dir)
    kept = cache.find(store, request)
    if kept is not None:
        return kept
    with images.without_warnings():
        decoder = _Decoder(root, path, [one for split in pictures.values() for one in split], image_size)
        parts = {split: decoder.part(some) for split, some in pictures.items()}
        return cache.write(store, request, "", class_names, parts)


def _pictures(root, path):
    """Class names, and the pictures of each split."""
    if not os.path.isdir(path):
        raise UserError(
            f"{root}: found no such folder; expected one with a subfolder a class; give its path, or, for a TFDS set "
            "with a config, its version too, as in name/config:1.0.0"
        )
    folders = {name: _subfolders(root, path, name) for name in ("train", *TEST_FOLDERS)}
    tested = next((name for name in TEST_FOLDERS if folders[name]), None)
    if not folders["train"]:
        if tested:
            raise UserError(
                f"{root}: found {tested} without train; expected train/<class>/ next to it; add it, or give the folder "
                "of all classes"
            )
        class_names = _subfolders(root, path, "")
        if not class_names:
            raise UserError(
                f"{root}: found no folder of a class; expected train/<class>/ and test/<class>/, or <class>/, with "
                "images in them"
            )
        return class_names, {"train": _in_classes(root, path, "", class_names)}
    class_names = folders["train"]
    pictures = {"train": _in_classes(root, path, "train", class_names)}
    if tested:
        odd = sorted(set(class_names) ^ set(folders[tested]))
        if odd:
            only = "; ".join(
                f"{printable(name)} only in {'train' if name in class_names else tested}" for name in odd[:5]
            )
            raise UserError(
                f"{root}: found {len(odd)} classes not in both train and {tested} ({only}); expected the same folders "
                "in both; add or remove them"
            )
        pictures["test"] = _in_classes(root, path, tested, class_names)
    return class_names, pictures


def _subfolders(root, path, name):
    """The names of the folders of classes in one of the folders."""
    if not os.path.isdir(os.path.join(path, name)):
        return []
    names = []
    for entry in _listed(root, path, name):
        if os.path.isdir(entry.path):
            names.append(entry.name)
        elif entry.is_symlink() and not os.path.exists(entry.path):
            raise UserError(
                f"{_shown(root, name, entry.name)}: found a link that leads nowhere; expected a folder of images; "
                "correct or remove it"
            )
    return names


def _listed(root, path, inside):
    """What is in a folder, in the order of names; what begins with a dot is passed over."""
    try:
        with os.scandir(os.path.join(path, inside)) as entries:
            return sorted((one for one in entries if not one.name.startswith(".")), key=lambda one: one.name)
    except OSError as error:
        raise UserError(
            f"{_shown(root, inside)}: found a folder that cannot be read ({error.strerror}); expected images or "
            "folders of them; correct its permissions or remove it"
        ) from error


def _shown(root, *parts):
    """A path as errors name it."""
    return printable(os.path.join(root, *filter(None, parts)))


def _in_classes(root, path, split, class_names):
    pictures = []
    for label, class_name in enumerate(class_names):
        inside = os.path.join(split, class_name)
        # Folders of such names too: they are refused with what else is no image, not passed over.
        names = [one.name for one in _listed(root, path, inside) if one.name.lower().endswith(EXTENSIONS)]
        if not names:
            raise UserError(
                f"{_shown(root, inside)}: found no image; expected files ending in "
                f"{' '.join(one[1:] for one in EXTENSIONS)}; add some or remove the folder"
            )
        pictures += [Picture(os.path.join(inside, name), label) for name in names]
    return pictures


def _state(path, pictures):
    """A digest of which files there are, their sizes and when they were changed."""
    digest = hashlib.sha256()
    for split, some in pictures.items():
        for one in some:
            try:
                found = os.stat(os.path.join(path, one.path))
                state = [found.st_size, found.st_mtime_ns]
            except OSError:  # a link that leads nowhere; decoding names it
                state = None
            digest.update(
                repr((split, one.path.replace(os.sep, "/"), one.label, state)).encode("utf-8", "surrogateescape")
            )
    return digest.hexdigest()


class _Decoder:
    """Reads pictures chunk by chunk, and names what cannot be read."""

    def __init__(self, root, path, pictures, image_size):
        self.root, self.path, self.pictures, self.image_size = root, path, pictures, image_size
        self.size = tuple(image_size) if image_size else self._first_size()

    def part(self, pictures):
        """Some of the pictures as a `cache.Part`."""
        return cache.Part((len(pictures), *self.size, 3), self._chunks(pictures))

    def _first_size(self):
        for one in self.pictures:
            found = self._read(one)
            if not isinstance(found, str):
                return found.shape[:2]
        raise self._unreadable(self.pictures[0], self._read(self.pictures[0]), len(self.pictures) - 1)

    def _read(self, one):
        """Its pixels; or, as text, why it has none."""
        try:
            return images.read(os.path.join(self.path, one.path), self.image_size)
        except Exception as error:  # Pillow's plug-ins raise nearly anything
            return printable(f"{type(error).__name__}: {error}".replace(self.path + os.sep, ""))

    def _chunks(self, pictures):
        with images.workers() as pool:
            for start in range(0, len(pictures), CHUNK):
                some = pictures[start : start + CHUNK]
                pixels = list(pool.map(self._read, some))
                for one, found in zip(some, pixels, strict=True):
                    if isinstance(found, str):
                        failed = sum(pool.map(lambda other: isinstance(self._read(other), str), self.pictures))
                        raise self._unreadable(one, found, failed - 1)
                    if found.shape[:2] != self.size:
                        raise self._of_another_size(one, found.shape[:2])
                yield np.stack(pixels), [one.label for one in some]

    def _unreadable(self, one, reason, further):
        more = f"; {further} more cannot be read either" if further else ""
        return UserError(
            f"{_shown(self.root, one.path)}: found no readable image ({reason}){more}; expected a whole jpg, "
            "png, bmp, gif or webp of 8 bits a channel; replace or remove it"
        )

    def _of_another_size(self, one, size):
        return UserError(
            f"{_shown(self.root, one.path)}: found {by(size)} pixels; expected {by(self.size)} as in "
            f"{printable(self.pictures[0].path)}; give image_size to resize them all"
        )
