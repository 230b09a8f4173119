"""A folder of images, a subfolder a class."""

import hashlib
import os
import re

import numpy as np

from keras_kd.data.dataset import by
from keras_kd.data.sources import cache, images
from keras_kd.data.sources.decode import DECODING
from keras_kd.data.sources.layout import Picture, layout
from keras_kd.data.sources.names import is_known_set
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.data.sources.tree import Scan
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import printable
from keras_kd.utils.paths import user_path

CHUNK = 256
SAID = 5  # images that cannot be read
LOOKED_AT = 2000  # images of a folder that is laid out wrongly: to tell all that is wrong with it, in seconds
FORM = {
    "FOLDER": "a folder of images: FOLDER/train/CLASS/*.jpg, FOLDER/test/... and FOLDER/val/..., or FOLDER/CLASS/*.jpg"
}
IS_PATH = True


def means(name):
    """Whether a name means this source; a word alone does where there is such a folder."""
    if is_known_set(name):
        return False
    return name.startswith((".", "~")) or re.search(r"[/\\]", name) is not None or os.path.isdir(name)


def load(root, options=DEFAULTS):
    """A source out of `root/train/<class>/*`, `root/test/...` and `root/val/...`, or of `root/<class>/*` alone.

    Folders of splits have their usual names, in any case: train or training; test, testing, eval or evaluation; and
    val, valid, validation or dev, which are the validation split; also among other words, as in seg_train or val2017.
    Images are files of jpg, png, bmp, gif, webp or tif by their endings, in any case, in the folder of a class or
    deeper; they are read as a viewer shows them, see `keras_kd.data.sources.decode`. What looks like an image or a
    split and is not used is named by a note. Classes, and the images in them, are taken in the order of their names, so
    that a folder gives the same arrays everywhere.

    Args:
        root: path of the folder.
        options: `SourceOptions`; needs no image_size if all images have one size.

    Returns:
        `Source` of RGB images.

    Raises:
        UserError: the folder is laid out otherwise, or holds an image that cannot be read.
    """
    path = os.path.abspath(user_path(root, "data"))
    if os.path.isfile(path):
        raise UserError(f"{root}: is a file; expected a folder with a subfolder a class, or an .npz file")
    if not os.path.isdir(path):
        raise UserError(
            f"{root}: found no such folder; expected one with a subfolder a class; give its path, or, for a TFDS set "
            "with a config, its version too, as in name/config:1.0.0"
        )
    scan = Scan(root, path)
    tree = scan.folder()
    try:
        class_names, pictures, notes = layout(scan, tree)
    except UserError as error:
        raise UserError("\n".join([str(error), *_broken_among(root, path, tree)])) from None
    request = {
        "kind": "folder",
        "name": os.path.basename(path) or "root",
        "root": os.path.realpath(path),
        "files": _state(path, pictures),
        **options.asked_of_cache,
    }
    store, former, request = cache.folder(options.cache_dir), request, {**request, "decoding": DECODING}
    kept = cache.find(store, request)
    if kept is None:
        with images.without_warnings():
            decoder = _Decoder(root, path, pictures, options)
            parts = {split: decoder.part(split) for split in pictures}
            kept = cache.write(store, request, "", class_names, parts, decoder.notes)
        cache.forget(store, former)
    return kept._replace(notes=(*notes, *(f"{printable(root)}: {note}" for note in kept.notes)))


def _broken_among(root, path, tree):
    """Lines on images that cannot be read, of a folder of which no other use is made."""
    pictures = [Picture(one, 0) for one in tree.everything()]
    with images.without_warnings():
        return _Decoder(root, path, {"train": pictures}, DEFAULTS, sized=False).faults(pictures[:LOOKED_AT])


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

    def __init__(self, root, path, pictures, options, sized=True):
        self.root, self.path, self.image_size, self.how = root, path, options.image_size, options.resize
        self.of_split, self.pictures = pictures, [one for some in pictures.values() for one in some]
        self.size = (tuple(self.image_size) if self.image_size else self._first_size()) if sized else None
        self.several, self.repeated, self.contradicting, self.seen = [], [], [], {}

    def part(self, split):
        """The pictures of a split as a `cache.Part`."""
        return cache.Part((len(self.of_split[split]), *self.size, 3), self._chunks(split))

    def notes(self):
        """What a person should know of the images that were decoded."""
        notes = []
        if self.several:
            notes.append(
                f"{len(self.several):,} files hold several pictures ({printable(self.several[0])}); the first of each "
                "is used"
            )
        if self.repeated:
            one, other = self.repeated[0]
            notes.append(
                f"{len(self.repeated):,} images of one split are in another too ({printable(one)} is "
                f"{printable(other)}); what is measured on them is no evidence"
            )
        if self.contradicting:
            one, other = self.contradicting[0]
            notes.append(
                f"{len(self.contradicting):,} images are in two classes ({printable(one)} is {printable(other)}); one "
                "of the labels is wrong"
            )
        return notes

    def _first_size(self):
        for one in self.pictures:
            found = self._read(one)
            if not isinstance(found, str):
                return found[0].shape[:2]
        raise UserError("\n".join(self._unreadable([(one, self._read(one)) for one in self.pictures])))

    def _read(self, one):
        """Its pixels and whether it holds further pictures; or, as text, why it has none."""
        try:
            return images.read(os.path.join(self.path, one.path), self.image_size, self.how)
        except Exception as error:  # Pillow's plug-ins raise nearly anything
            return printable(f"{type(error).__name__}: {error}".replace(self.path + os.sep, ""))

    def _chunks(self, split):
        with images.workers() as pool:
            for start in range(0, len(self.of_split[split]), CHUNK):
                some = self.of_split[split][start : start + CHUNK]
                read = list(pool.map(self._read, some))
                for one, found in zip(some, read, strict=True):
                    if isinstance(found, str):
                        raise UserError("\n".join(self.faults(self.pictures)))
                    if found[0].shape[:2] != self.size:
                        # All may be of other sizes, and take hours to read.
                        raise UserError("\n".join(self.faults([*self.pictures[:LOOKED_AT], one])))
                    self._note(split, one, *found)
                yield np.stack([pixels for pixels, _ in read]), [one.label for one in some]

    def _note(self, split, one, pixels, several):
        if several:
            self.several.append(one.path)
        digest = hashlib.blake2b(np.ascontiguousarray(pixels), digest_size=8).digest()
        first_split, first = self.seen.setdefault(digest, (split, one))
        if first_split != split:
            self.repeated.append((one.path, first.path))
        if first.label != one.label:
            self.contradicting.append((one.path, first.path))

    def faults(self, among):
        """Lines that name the images which cannot be read, and those of another size than the first, if one is asked
        for; `among` the pictures that are looked at."""
        among = list(dict.fromkeys(among))
        with images.workers() as pool:
            found = list(zip(among, pool.map(self._fault, among), strict=True))
        some = f" among the {len(among):,} looked at" if len(among) < len(self.pictures) else ""
        lines = self._unreadable([(one, fault) for one, fault in found if isinstance(fault, str)], some)
        others = [(one, fault) for one, fault in found if isinstance(fault, tuple)]
        if others:
            one, size = others[0]
            more = f", and {len(others) - 1:,} more of another size{some}" if len(others) > 1 else ""
            lines.append(
                f"{self._shown(one)}: found {by(size)} pixels{more}; expected {by(self.size)} as in "
                f"{printable(self._first().path)}; give image_size to resize them all"
            )
        return lines

    def _fault(self, one):
        """Why an image cannot be read, as text; its size, where it is another than that asked for; else None."""
        found = self._read(one)
        if isinstance(found, str):
            return found
        return found[0].shape[:2] if self.size not in (None, found[0].shape[:2]) else None

    def _first(self):
        """The first image that can be read, whose size the others must have."""
        return next(one for one in self.pictures if not isinstance(self._read(one), str))

    def _unreadable(self, failed, some=""):
        """Lines on pairs of a picture and why it cannot be read."""
        lines = [
            f"{self._shown(one)}: found no readable image ({reason}); expected a whole jpg, png, bmp, gif, webp or tif "
            "of 8 bits a channel; replace or remove it"
            for one, reason in failed[:SAID]
        ]
        if len(failed) > SAID:
            lines.append(
                f"{printable(self.root)}: found {len(failed):,} images that cannot be read{some}, of which {SAID} are "
                "named; replace or remove all"
            )
        return lines

    def _shown(self, one):
        return printable(os.path.join(self.root, one.path))
