"""Decoded images on disk: one folder an entry, which is whole or not there.

An entry holds `<split>_images.npy`, `<split>_labels.npy` and `manifest.json`. It is written under a temporary name
and renamed, so neither a second process nor a kill at any moment leaves a part of one; what was damaged later, or is
not ours, is never read and is replaced.
"""

import contextlib
import errno
import fnmatch
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_kd.data.dataset import Facts, Source, Split, Tally, chunks, facts
from keras_kd.errors import UserError
from keras_kd.paths import user_path

FORMAT = 1
MEMORY_LIMIT = 2 * 2**30  # bytes of images a split; more is mapped from disk instead of read
ABANDONED = 3600  # seconds without a write after which a temporary folder belongs to nobody


class Part(NamedTuple):
    """A split that is about to be written.

    Args:
        shape: (n, height, width, channels) of all its images.
        chunks: pairs of uint8 images (k, height, width, channels) and whole-number labels (k,), n images in all.
    """

    shape: tuple[int, int, int, int]
    chunks: Iterable


def folder(cache_dir=None):
    """Where the cache is: as given, or the environment's KERAS_KD_CACHE, or ~/.cache/keras_kd."""
    return Path(user_path(cache_dir or os.environ.get("KERAS_KD_CACHE") or "~/.cache/keras_kd", "KERAS_KD_CACHE"))


def find(root, request, version="*"):
    """The newest whole entry for a request, or None.

    Args:
        root: the cache folder, which need not exist.
        request: what the entry was written for, a JSON-able dict with a `name`.
        version: pattern of the source's version, such as `3.0.2` or `3.*`.
    """
    found = []
    for path in Path(root).glob(f"{_slug(request)}-*/manifest.json"):
        manifest = _manifest(path.parent, request)
        if manifest and fnmatch.fnmatchcase(manifest["version"], version):
            found.append(([int(number) for number in re.findall(r"\d+", manifest["version"])], path.parent))
    return next(filter(None, (_read(path, request) for _, path in sorted(found, reverse=True))), None)


def write(root, request, version, class_names, parts):
    """Writes an entry and gives it back as `find` does.

    Args:
        root: the cache folder; made if missing.
        request: see `find`.
        version: the source's version, "" if it has none.
        class_names: one a class.
        parts: dict of `Part` by split; `train`, and `test` if there is one.

    Raises:
        UserError: the disk is full or the cache folder cannot be written.
    """
    root = Path(root)
    needed = sum(math.prod(part.shape) + 4 * part.shape[0] for part in parts.values()) + 2**16
    with _explained(root, request, needed):
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        if shutil.disk_usage(root).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        entry = root / f"{_slug(request)}-{_key(request, version)}"
        temporary = root / f".writing-{secrets.token_hex(8)}"
        temporary.mkdir()
        try:
            splits = {split: _write_split(temporary, request, split, part) for split, part in parts.items()}
            manifest = {
                "format": FORMAT,
                "request": request,
                "version": version,
                "class_names": list(class_names),
                "splits": splits,
            }
            with _durable(temporary / "manifest.json") as file:
                file.write(json.dumps(manifest, ensure_ascii=False, indent=1).encode())
            _publish(temporary, entry, request)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    for _ in range(20):
        source = _read(entry, request)
        if source is not None:
            return source
        time.sleep(0.1)  # a process that saw the same damage as we did is just putting its own entry there
    raise UserError(f"{entry}: found it changed while it was read; expected nobody else to write there; try again")


def subset(split, index, root):
    """The images of a split at some positions; a subset too large for memory is written to the cache.

    Args:
        split: where they come from.
        index: int array of positions, ascending.
        root: the cache folder.
    """
    if len(index) == len(split):
        return split
    small = len(index) * math.prod(split.images.shape[1:]) <= MEMORY_LIMIT
    if small or not isinstance(split.images, np.memmap):
        return Split(split.images[index], split.labels[index])
    request = {
        "kind": "subset",
        "name": "subset",
        "of": facts(split).sha256,
        "positions": hashlib.sha256(np.ascontiguousarray(index, "<i8")).hexdigest(),
    }
    kept = find(root, request)
    if kept is None:
        step = len(next(chunks(split.images)))
        positions = (index[start : start + step] for start in range(0, len(index), step))
        part = Part(
            (len(index), *split.images.shape[1:]), ((split.images[some], split.labels[some]) for some in positions)
        )
        kept = write(root, request, "", (), {"train": part})
    return kept.train


def _slug(request):
    return f"{request['kind']}-{re.sub(r'[^A-Za-z0-9_.]+', '-', request['name'])[:60]}"


def _key(request, version):
    return hashlib.sha256(json.dumps([FORMAT, request, version], sort_keys=True).encode()).hexdigest()[:16]


def _manifest(path, request):
    """The manifest of an entry that is ours and answers the request; else None."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        ours = manifest["format"] == FORMAT and manifest["request"] == request
        return manifest if ours and isinstance(manifest["version"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(path, request):
    """An entry as a source; None if anything about it is not as its manifest says."""
    manifest = _manifest(path, request)
    if manifest is None:
        return None
    try:
        splits = {split: _read_split(path, split, said) for split, said in manifest["splits"].items()}
        return Source(splits["train"], splits.get("test"), tuple(manifest["class_names"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _read_split(path, split, said):
    shape = tuple(said["shape"])
    images = _load(path / f"{split}_images.npy", "uint8", shape, said["images_bytes"])
    labels = _load(path / f"{split}_labels.npy", "int32", shape[:1], said["labels_bytes"])
    return Split(images, labels, Facts(said["sha256"], tuple(said["sums"]), tuple(said["squares"])))


def _load(path, dtype, shape, size):
    if path.stat().st_size != size:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, expected {size}")
    mapped = np.load(path, mmap_mode="r")
    if mapped.dtype != dtype or mapped.shape != shape:
        raise ValueError(f"{path}: {mapped.dtype} {mapped.shape}, expected {dtype} {shape}")
    return np.load(path) if mapped.nbytes <= MEMORY_LIMIT else mapped


def _write_split(path, request, split, part):
    """Writes a split's two files; gives what the manifest says of them."""
    tally, labels = Tally(part.shape), []
    # Not through a memory map: on a full disk that ends the process with a signal instead of an error.
    with _durable(path / f"{split}_images.npy") as file:
        _write_header(file, "|u1", part.shape)
        for images, their_labels in part.chunks:
            tally.add(images)
            labels.append(np.asarray(their_labels, "<i4"))
            file.write(np.ascontiguousarray(images).reshape(-1))
        images_bytes = file.tell()
    labels = np.concatenate([np.empty(0, "<i4"), *labels])
    if len(labels) != part.shape[0]:
        raise UserError(
            f"{request['name']}: found {len(labels)} images in {split}; expected {part.shape[0]}, as its source says; "
            "prepare the source anew"
        )
    with _durable(path / f"{split}_labels.npy") as file:
        _write_header(file, "<i4", part.shape[:1])
        file.write(labels)
        labels_bytes = file.tell()
    return {
        "shape": list(map(int, part.shape)),
        "images_bytes": images_bytes,
        "labels_bytes": labels_bytes,
        **tally.facts(labels)._asdict(),
    }


def _write_header(file, dtype, shape):
    header = {"descr": dtype, "fortran_order": False, "shape": tuple(map(int, shape))}
    np.lib.format.write_array_header_1_0(file, header)


@contextlib.contextmanager
def _durable(path):
    """A file to write, on the disk before its folder is given the final name, so that a power cut cannot empty it."""
    with open(path, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _publish(temporary, entry, request):
    """Gives a finished folder its name; an entry that is there already stays if it is whole."""
    for _ in range(10):
        try:
            os.rename(temporary, entry)
            return
        except OSError:
            if not entry.exists():
                raise
        if _read(entry, request) is not None:
            return
        aside = entry.with_name(f".writing-{secrets.token_hex(8)}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(entry, aside)
        _remove(aside)


def _remove_abandoned(root):
    for leftover in root.glob(".writing-*"):
        with contextlib.suppress(OSError):
            touched = max(path.stat().st_mtime for path in (leftover, *leftover.glob("*")))
            if time.time() - touched > ABANDONED:
                _remove(leftover)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(root, request, needed):
    """What can go wrong in writing to the cache folder, in the user's words."""
    cure = "name another folder by the environment variable KERAS_KD_CACHE"
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"{root}: found the disk full; expected {in_units(needed)} free for {request['name']}; free some, or "
                f"{cure}"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise UserError(
                f"{root}: cannot be written ({error.strerror}); expected a folder for decoded images; {cure}"
            ) from error
        raise


def in_units(count):
    """Bytes as a person says them, rounded up.

    Example:
        >>> in_units(5), in_units(3 * 2**30)
        ('1 MiB', '3.0 GiB')
    """
    if count < 2**30:
        return f"{math.ceil(count / 2**20)} MiB"
    return f"{math.ceil(count / 2**30 * 10) / 10:.1f} GiB"
