"""A folder as it lies on the disk: which of its files are images that are read, and which only look like images."""

import os
import stat
from functools import cached_property

from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import printable

EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff",
)  # fmt: skip
# Images too, but of formats that are not read: said, not passed over.
OTHER_IMAGES = (
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".svg", ".svgz", ".eps", ".ps", ".ai", ".ico",
    ".cur", ".icns", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".psd", ".xcf", ".dds", ".exr", ".hdr", ".pcx",
    ".sgi", ".ras", ".qoi", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".dcm",
    ".nii", ".fits", ".mpo", ".wmf", ".emf",
)  # fmt: skip
# What systems and programs put into folders, never a person's images; in lower case.
OF_SYSTEMS = {
    "__macosx", "thumbs.db", "desktop.ini", ".ds_store", "@eadir", "$recycle.bin", "system volume information",
    "lost+found", ".git", ".ipynb_checkpoints", ".thumbnails", ".spotlight-v100", ".trashes", ".fseventsd",
}  # fmt: skip
# What lies next to images and is none, whatever it begins with.
TEXTS = (".txt", ".json", ".xml", ".csv", ".yaml", ".yml", ".md", ".html", ".py", ".log", ".npy", ".npz", ".zip")
# How files of images begin.
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
# Folders in all, and inside each other: links that lead from folder to folder can make any number of them.
MOST, DEEPEST = 100_000, 100


class Folder:
    """What is in a folder, in the order of names.

    Args:
        path: below the root; "" of the root itself.
        images: names of files, or of anything else, that end as images do which are read.
        unread: paths below the root of what looks like an image and is not read: of other formats, or hidden.
        folders: the folders in it, a `Folder` each.
        broken: (name, what is wrong with it) of links that lead to nothing.
    """

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)
        self.images, self.unread, self.folders, self.broken = [], [], [], []

    @cached_property
    def count(self):
        """The number of images in it and below it."""
        return len(self.images) + sum(max(one.count, one.is_called_as_image) for one in self.folders)

    @property
    def is_called_as_image(self):
        """Whether its own name is one of an image: where nothing is in it, it is refused as one."""
        return self.name.lower().endswith(EXTENSIONS)

    def everything(self):
        """Paths of the images in it and in all folders below it, its own first."""
        found = [os.path.join(self.path, name) for name in self.images]
        for one in self.folders:
            found += [one.path] if one.is_called_as_image and not one.count else one.everything()
        return found

    def all_unread(self):
        """As `everything`, of what looks like an image and is not read."""
        return [*self.unread, *(path for one in self.folders for path in one.all_unread())]

    def below(self):
        """All folders below it."""
        return [further for one in self.folders for further in (one, *one.below())]


class Scan:
    """Reads folders below a root.

    Args:
        root: as its owner calls it, for errors.
        path: where it is.
    """

    def __init__(self, root, path):
        self.root, self.path, self.count = root, path, 0

    def folder(self, inside="", above=()):
        """The `Folder` of a path below the root, with all that is below it.

        Args:
            inside: the path; "" for the root.
            above: (device, inode) of the folders that it lies in.

        Raises:
            UserError: a folder cannot be read, or links make too many of them.
        """
        self.count += 1
        if self.count > MOST or len(above) > DEEPEST:
            raise UserError(
                f"{self.shown(inside)}: found more than {MOST:,} folders, or {DEEPEST} inside each other; expected "
                "fewer; remove links in a circle"
            )
        found = Folder(inside)
        entries = self._listed(inside)
        here = os.stat(os.path.join(self.path, inside))
        for one in entries:
            if one.name.lower() not in OF_SYSTEMS and not one.name.startswith("._"):
                self._sort(found, one, (*above, (here.st_dev, here.st_ino)))
        return found

    def shown(self, *parts):
        """A path below the root as errors name it."""
        return printable(os.path.join(self.root, *filter(None, parts)))

    def _listed(self, inside):
        try:
            with os.scandir(os.path.join(self.path, inside)) as entries:
                return sorted(entries, key=lambda one: one.name)
        except OSError as error:
            raise UserError(
                f"{self.shown(inside)}: found a folder that cannot be read ({error.strerror}); expected images or "
                "folders of them; correct its permissions or remove it"
            ) from error

    def _sort(self, found, one, above):
        """Puts an entry of a folder to those of its kind."""
        path, name = os.path.join(found.path, one.name), one.name.lower()
        if name.endswith(EXTENSIONS) and name[0] != "." and one.is_file(follow_symlinks=False):
            found.images.append(one.name)  # without asking the disk again: there may be millions
            return
        try:
            state = os.stat(os.path.join(self.path, path))
        except OSError:
            state = None  # a link that leads nowhere, or to itself
        if name.startswith("."):
            found.unread.extend(self._hidden(path, state, above))
        elif state is not None and stat.S_ISDIR(state.st_mode) and (state.st_dev, state.st_ino) not in above:
            found.folders.append(self.folder(path, above))
        elif name.endswith(EXTENSIONS):
            found.images.append(one.name)
        elif state is None or stat.S_ISDIR(state.st_mode):
            why = "a link that leads nowhere" if state is None else "a link to a folder that it lies in"
            found.broken.append((one.name, why))
        elif name.endswith(OTHER_IMAGES) or self._begins_as_image(path, name, state):
            found.unread.append(path)

    def _hidden(self, path, state, above):
        """The images in what is hidden."""
        if state is None:
            return []
        if not stat.S_ISDIR(state.st_mode):
            return [path] if path.lower().endswith((*EXTENSIONS, *OTHER_IMAGES)) else []
        if (state.st_dev, state.st_ino) in above:
            return []
        inside = self.folder(path, above)
        return [*inside.everything(), *inside.all_unread()]

    def _begins_as_image(self, path, name, state):
        if name.endswith(TEXTS) or not stat.S_ISREG(state.st_mode):
            return False
        try:
            with open(os.path.join(self.path, path), "rb") as file:
                beginning = file.read(12)
        except OSError:
            return False
        webp = beginning[:4] == b"RIFF" and beginning[8:] == b"WEBP"
        return webp or beginning[4:8] == b"ftyp" or beginning.startswith(BEGINNINGS)
