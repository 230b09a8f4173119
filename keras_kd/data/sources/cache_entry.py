"""An entry of the cache: a folder of arrays, a manifest with the checksums of all that is in it, and a stamp.

What is read is what was written: the manifest is compared with its own checksum, and the arrays with those in the
manifest. As that means to read every byte, the stamp keeps the size, times and inode that each file had when it was
found right; where they are the same, the arrays are not compared again.
"""

import contextlib
import hashlib
import json
import os
import stat
import time
from pathlib import Path

import numpy as np

from keras_kd.data import dataset
from keras_kd.data.dataset import Facts, Source, Split, Tally
from keras_kd.utils.errors import UserError

FORMAT = 2
MANIFEST, STAMP = "manifest.json", "checked.json"
ARRAYS = tuple(f"{split}_{kind}.npy" for split in ("train", "test", "validation") for kind in ("images", "labels"))
FILES = (MANIFEST, STAMP, *ARRAYS)
# A file that is written twice within one tick of the file system's clock looks as if it were written once.
SETTLED = 3 * 10**9  # nanoseconds since its last change after which a stamp may vouch for a file


class Damaged(Exception):
    """Says which file of an entry is not as it was written."""


def read(path, request, version, memory_limit):
    """An entry as a source.

    Args:
        path: folder of the entry.
        request: what it was written for.
        version: the version of its source.
        memory_limit: bytes of images a split; more is mapped from disk instead of read.

    Raises:
        Damaged: it is not what was written.
    """
    path = Path(path)
    manifest, digest = _manifest(path)
    if (manifest["format"], manifest["request"], manifest["version"]) != (FORMAT, request, version):
        raise _changed(MANIFEST)
    stamp = _Stamp(path / STAMP, digest)
    splits = {split: _read_split(path, split, said, stamp, memory_limit) for split, said in manifest["splits"].items()}
    stamp.keep()
    return Source(
        splits["train"],
        splits.get("test"),
        tuple(manifest["class_names"]),
        splits.get("validation"),
        tuple(manifest.get("notes", ())),
    )


def write_split(path, name, split, shape, chunks):
    """Writes the two files of a split.

    Args:
        path: folder of the entry.
        name: of the source, for errors.
        split: `train`, `test` or `validation`.
        shape: (n, height, width, channels) of all its images.
        chunks: pairs of uint8 images (k, height, width, channels) and whole-number labels (k,), n images in all.

    Returns:
        What the manifest says of it, a dict.

    Raises:
        UserError: there are more or fewer than n images.
    """
    tally, labels = Tally(shape), []
    # Not through a memory map: on a full disk that ends the process with a signal instead of an error.
    with _durable(path / f"{split}_images.npy") as file:
        file.write(_header("|u1", shape))
        for images, their_labels in chunks:
            tally.add(images)
            labels.append(np.asarray(their_labels, "<i4"))
            file.write(np.ascontiguousarray(images).reshape(-1))
    labels = np.concatenate([np.empty(0, "<i4"), *labels])
    if len(labels) != shape[0]:
        raise UserError(
            f"{name}: found {len(labels)} images in {split}; expected {shape[0]}, as its source says; prepare the "
            "source anew"
        )
    with _durable(path / f"{split}_labels.npy") as file:
        file.write(_header("<i4", shape[:1]))
        file.write(labels)
    return {
        "shape": list(map(int, shape)),
        "labels_sha256": hashlib.sha256(labels).hexdigest(),
        **tally.facts(labels)._asdict(),
    }


def write_manifest(path, request, version, class_names, splits, notes):
    """Writes what an entry holds; `splits` are what `write_split` gave, by name, `notes` lines."""
    manifest = {
        "format": FORMAT,
        "request": request,
        "version": version,
        "class_names": list(class_names),
        "splits": splits,
        # An entry without them is as those of versions that had none.
        **({"notes": list(notes)} if notes else {}),
    }
    with _durable(path / MANIFEST) as file:
        file.write(json.dumps(manifest | {"sha256": _digest(manifest)}, indent=1).encode())


def foreign(path):
    """The names of what is in an entry, or in its place, and was not written by the cache; empty if nothing is."""
    if not os.path.lexists(path):
        return []
    if os.path.islink(path) or not os.path.isdir(path):
        return [os.path.basename(path)]
    with os.scandir(path) as inside:
        return sorted(one.name for one in inside if one.name not in FILES or not one.is_file(follow_symlinks=False))


def remove(path):
    """Deletes an entry or a part of one; leaves it as it is where it holds anything that the cache did not write."""
    path = Path(path)
    with contextlib.suppress(OSError):  # it is in nobody's way
        if path.exists() and not foreign(path):
            for name in FILES:
                (path / name).unlink(missing_ok=True)
            path.rmdir()


def _changed(name):
    return Damaged(f"{name} is not as it was written (damaged or changed)")


@contextlib.contextmanager
def _opened(path):
    """A file of an entry to read, and nothing that only looks like one: opening a pipe would wait forever."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _changed(path.name)
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise Damaged(f"{path.name} is missing") from error
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read ({error.strerror})") from error


def _manifest(path):
    """The manifest of an entry and its checksum."""
    with _opened(path / MANIFEST) as file:
        content = file.read()
    try:
        manifest = json.loads(content)
        digest = manifest.pop("sha256")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise _changed(MANIFEST) from error
    if digest != _digest(manifest):
        raise _changed(MANIFEST)
    return manifest, digest


def _digest(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_split(path, split, said, stamp, memory_limit):
    shape = tuple(said["shape"])
    images_file, labels_file = path / f"{split}_images.npy", path / f"{split}_labels.npy"
    images, images_state = _read_array(images_file, "|u1", shape, memory_limit)
    labels, labels_state = _read_array(labels_file, "<i4", shape[:1], memory_limit)
    states = {images_file.name: images_state, labels_file.name: labels_state}
    if not stamp.vouches(states):
        if hashlib.sha256(labels).hexdigest() != said["labels_sha256"]:
            raise _changed(labels_file.name)
        if dataset.sha256(images, labels) != said["sha256"]:
            raise _changed(images_file.name)
    stamp.note(states)
    return Split(images, labels, Facts(said["sha256"], tuple(said["sums"]), tuple(said["squares"])))


def _read_array(path, dtype, shape, memory_limit):
    """An array, and the state of its file; None for that where it was written to meanwhile."""
    header, count = _header(dtype, shape), int(np.prod(shape, dtype="int64"))
    size = count * np.dtype(dtype).itemsize
    with _opened(path) as file:
        state = _state(file)
        if state[0] != len(header) + size or file.read(len(header)) != header:
            raise _changed(path.name)
        if size > memory_limit:
            array = np.memmap(file, dtype, "r", len(header), shape)
        else:
            array = np.fromfile(file, dtype, count)
        unchanged = _state(file) == state
    if array.size != count:
        raise _changed(path.name)
    return array.reshape(shape), state if unchanged else None


def _state(file):
    found = os.fstat(file.fileno())
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _header(dtype, shape):
    """The beginning of a .npy file: byte by byte the same, whatever the version of NumPy."""
    shape = tuple(map(int, shape))
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("ascii")


class _Stamp:
    """The states in which the arrays of an entry were found right.

    Args:
        path: its file. One that is missing, damaged or of another manifest vouches for nothing.
        manifest: checksum of the manifest that the arrays were compared with.
    """

    def __init__(self, path, manifest):
        self._path, self._manifest, self._begun = path, manifest, time.time_ns()
        self._known, self._found = self._read(), {}

    def vouches(self, states):
        """Whether all files, states by name, are as they were when they were found right."""
        return all(state is not None and self._known.get(name) == state for name, state in states.items())

    def note(self, states):
        """Takes the states of files that are right."""
        for name, state in states.items():
            settled = state is not None and max(state[1], state[2]) + SETTLED < self._begun
            if settled or self.vouches({name: state}):
                self._found[name] = state

    def keep(self):
        """Writes what was found, where it is news; a cache that cannot be written is compared again each time."""
        if self._found == self._known:
            return
        content = {"manifest": self._manifest, "files": self._found}
        with contextlib.suppress(OSError):
            if self._path.is_symlink() or (self._path.exists() and not self._path.is_file()):
                return
            self._path.write_text(json.dumps(content | {"sha256": _digest(content)}, indent=1))

    def _read(self):
        try:
            with _opened(self._path) as file:
                content = json.loads(file.read())
            ours = content.pop("sha256") == _digest(content) and content["manifest"] == self._manifest
            return content["files"] if ours else {}
        except (Damaged, ValueError, AttributeError, KeyError, TypeError):
            return {}


@contextlib.contextmanager
def _durable(path):
    """A file to write, on the disk before its folder is given the final name, so that a power cut cannot empty it."""
    with open(path, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
