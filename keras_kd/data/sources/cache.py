"""Decoded images on disk: one folder an entry, which is whole or not there.

An entry is written under a temporary name and renamed, so neither a second process nor a kill at any moment leaves a
part of one; what was damaged later is never read and is made anew. The folder may be shared with anything else: only
what the cache itself wrote is ever replaced or deleted.
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
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_kd.data.dataset import Split, chunks, facts
from keras_kd.data.sources import cache_entry
from keras_kd.data.sources.cache_entry import FORMAT, Damaged
from keras_kd.utils.errors import MachineError, UserError
from keras_kd.utils.files import UNWRITABLE, reason
from keras_kd.utils.formatting import printable, size
from keras_kd.utils.paths import user_path
from keras_kd.utils.screen import print_note

MEMORY_LIMIT = 2 * 2**30  # bytes of images a split; more is mapped from disk instead of read
ABANDONED = 3600  # seconds without a write after which a temporary folder belongs to nobody
TEMPORARY = ".keras_kd-writing-"
FIX = "name another folder by the environment variable KERAS_KD_CACHE"


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


def find(root, request, version="*", log=True):
    """The newest entry for a request; None if there is none, or if it is damaged.

    Args:
        root: the cache folder, which need not exist.
        request: what the entry was written for, a JSON-able dict with a `name`.
        version: pattern of the source's version, such as `3.0.2` or `3.*`.
        log: says on standard error why an entry that is there will be made anew.
    """
    found = _versions(root, request, version)
    path = found[-1][1] if found else _former(root, request, version)
    if path is None:
        return None
    try:
        if found:
            return _read(path, request, found[-1][0])
        reason = "an earlier version wrote it, without checksums of all that it holds"
    except Damaged as damage:
        reason = str(damage)
    if log:
        print_note(f"{path}: {reason}; decoded anew")
    return None


def write(root, request, version, class_names, parts, notes=tuple):
    """Writes an entry and gives it back as `find` does.

    Args:
        root: the cache folder; made if missing.
        request: see `find`.
        version: the source's version, "" if it has none.
        class_names: one per class.
        parts: dict of `Part` by split; `train`, and `test` and `validation` if there are such.
        notes: a function that is asked, once all is read, for lines that are kept with the entry.

    Raises:
        UserError: the cache folder cannot be written, or something else is where the entry goes.
        MachineError: the disk is full or fails.
    """
    root = Path(root)
    needed = sum(math.prod(part.shape) + 4 * part.shape[0] for part in parts.values()) + 2**16
    with _explained(root, request, needed):
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        entry = root / _entry_name(request, version)
        _refuse_foreign(entry, request, version)
        if shutil.disk_usage(root).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        temporary = _temporary(root)
        temporary.mkdir()
        try:
            splits = {
                split: cache_entry.write_split(temporary, request["name"], split, part.shape, part.chunks)
                for split, part in parts.items()
            }
            cache_entry.write_manifest(temporary, request, version, class_names, splits, notes())
            _publish(temporary, entry, request, version)
        finally:
            cache_entry.remove(temporary)
        cache_entry.remove(root / _former_name(request, version))
    for _ in range(20):
        with contextlib.suppress(Damaged):
            return _read(entry, request, version)
        time.sleep(0.1)  # a process that saw the same damage as we did is just putting its own entry there
    raise UserError(f"{entry}: found it changed while it was read; expected nobody else to write there; try again")


def forget(root, request):
    """Deletes the entry of a request, of a source without versions, that nothing asks for any more."""
    cache_entry.remove(Path(root) / _entry_name(request, ""))


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


def _key(number, request, version):
    return hashlib.sha256(json.dumps([number, request, version], sort_keys=True).encode()).hexdigest()[:16]


def _entry_name(request, version):
    """A folder's name, from which its version can be read and its request be checked without trusting its content."""
    said = [urllib.parse.quote(version, safe="")] if version else []
    return "-".join([_slug(request), *said, _key(FORMAT, request, version)])


def _versions(root, request, pattern):
    """The entries of a request as pairs of version and folder, the newest last."""
    found = []
    for path in Path(root).glob(f"{_slug(request)}-*"):
        version = urllib.parse.unquote(path.name.removeprefix(_slug(request))[1:-17])
        if path.name == _entry_name(request, version) and fnmatch.fnmatchcase(version, pattern) and path.is_dir():
            found.append(([int(number) for number in re.findall(r"\d+", version)], version, path))
    return [(version, path) for _, version, path in sorted(found)]


def _former_name(request, version):
    """The folder of an entry as it was before manifests had a checksum; it is not read any more."""
    return f"{_slug(request)}-{_key(1, request, version)}"


def _former(root, request, pattern):
    """Such an entry, or None."""
    for path in sorted(Path(root).glob(f"{_slug(request)}-*/manifest.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            version = json.loads(path.read_bytes())["version"] if path.is_file() else None
            if path.parent.name == _former_name(request, version) and fnmatch.fnmatchcase(version, pattern):
                return path.parent
    return None


def _read(path, request, version):
    return cache_entry.read(path, request, version, MEMORY_LIMIT)


def _temporary(root):
    return root / f"{TEMPORARY}{secrets.token_hex(16)}"


def _publish(temporary, entry, request, version):
    """Gives a finished folder its name; an entry that is there already stays if it is whole."""
    for _ in range(10):
        try:
            os.rename(temporary, entry)
            return
        except OSError:
            if not os.path.lexists(entry):
                raise
        with contextlib.suppress(Damaged):
            _read(entry, request, version)
            return
        _refuse_foreign(entry, request, version)
        aside = _temporary(entry.parent)
        with contextlib.suppress(FileNotFoundError):
            os.rename(entry, aside)
        cache_entry.remove(aside)


def _refuse_foreign(entry, request, version):
    """Refuses to put an entry where something is that the cache did not write; a whole entry need not be replaced."""
    names = cache_entry.foreign(entry)
    if not names:
        return
    with contextlib.suppress(Damaged):
        _read(entry, request, version)
        return
    what = "what" if names == [entry.name] else f"{names[0]}, which"
    raise UserError(
        f"{entry}: found {what} keras_kd did not write there; expected nothing else where the decoded images of "
        f"{printable(request['name'])} go; move it elsewhere, or {FIX}"
    )


def _remove_abandoned(root):
    for leftover in root.iterdir():
        if not re.fullmatch(re.escape(TEMPORARY) + "[0-9a-f]{32}", leftover.name):
            continue
        with contextlib.suppress(OSError):
            touched = max(path.lstat().st_mtime for path in (leftover, *leftover.glob("*")))
            if time.time() - touched > ABANDONED:
                cache_entry.remove(leftover)


@contextlib.contextmanager
def _explained(root, request, needed):
    """What can go wrong in writing to the cache folder, in the user's words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            full = "the disk full" if error.errno == errno.ENOSPC else "the quota of the disk used up"
            raise MachineError(
                f"{root}: found {full}; expected {size(needed, 'cache')} free for {printable(request['name'])}; "
                f"free some, or {FIX}"
            ) from error
        if error.errno in UNWRITABLE:
            raise UserError(
                f"{root}: cannot be written ({reason(error)}); expected a folder for decoded images; {FIX}"
            ) from error
        raise MachineError(
            f"{error.filename or root}: decoded images cannot be written ({reason(error)}); expected a disk that takes "
            f"{size(needed, 'cache')} for {printable(request['name'])}; correct that, or {FIX}"
        ) from error
