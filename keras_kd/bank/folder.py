"""The banks that lie in a folder: what they are of, what they hold, and throwing them away."""

import contextlib
import json
import math
import os
import re
import time
from pathlib import Path

import numpy as np

from keras_kd.bank.formats import Format
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import LOCK, TEMPORARY, folder_lock

ABOUT = "about.json"
OF_A_TABLE = ("table.json", "rows.bin", "checks.bin")
OF_EARLIER_VERSIONS = re.compile(r"\.writing-\w{8}\.json")
DAY = 86400
LEAST = 4  # letters of a key that name a bank


def is_bank(path):
    """Whether a path is a bank, sound or damaged: by its name and by what is in it, so that nothing else is ever one.

    Example:
        >>> is_bank("saved_models/digits")
        False
    """
    path = Path(path)
    if re.fullmatch("[0-9a-f]{16}", path.name) is None or not path.is_dir() or path.is_symlink():
        return False
    return (path / ABOUT).is_file() or bool(_tables(path))


def place_of(folders, key):
    """The folder of a bank: of some folders of banks in the first that has it, else in the last.

    Args:
        folders: a path, or several.
        key: of the bank.

    Example:
        >>> place_of(["no/such", "folder"], "0123456789abcdef").as_posix()
        'folder/0123456789abcdef'
    """
    places = [Path(one) / key for one in ([folders] if isinstance(folders, str | os.PathLike) else folders)]
    return next((one for one in places if is_bank(one)), places[-1])


def _tables(path):
    """The folders of a bank's tables, whole or not."""
    folders = [one for one in sorted(path.iterdir()) if one.is_dir() and not one.is_symlink()]
    return [one for one in folders if any((one / name).is_file() for name in OF_A_TABLE)]


def _remove(path):
    """Removes what a bank wrote, and the folder if nothing else is in it; returns what else there is."""
    # First of all: a bank that is gone in part is seen to be damaged.
    if not (path / ABOUT).is_symlink():
        (path / ABOUT).unlink(missing_ok=True)
    for table in _tables(path):
        with folder_lock(table, wait=True, log=False):
            _remove_files(table, OF_A_TABLE)
        _remove_files(table, [LOCK])
    _remove_files(path, [ABOUT, LOCK])
    return [one.relative_to(path).as_posix() for one in sorted(path.rglob("*"))] if path.exists() else []


def _remove_files(folder, names):
    for one in list(folder.iterdir()):
        ours = one.name in names or TEMPORARY.fullmatch(one.name) or OF_EARLIER_VERSIONS.fullmatch(one.name)
        if ours and one.is_file() and not one.is_symlink():
            one.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def banks_in(folder):
    """What is known of the banks in a folder, the one used last first.

    Args:
        folder: of the banks.

    Returns:
        A list of dicts: "key", "teacher" (its name), "images", "views" (an image), "used" (seconds since 1970),
        "bytes" on the disk, and "tables": {"logits-float16": {"filled", "places"}}; of a bank that cannot be read
        "damaged" says why.

    Example:
        >>> banks_in("no/such/folder")
        []
    """
    found = [_about(path) for path in sorted(Path(folder).glob("*")) if is_bank(path)]
    return sorted(found, key=lambda one: -one["used"])


def _about(path):
    files = [file for file in path.rglob("*") if file.is_file()]
    one = {"key": path.name, "bytes": sum(file.stat().st_blocks * 512 for file in files), "tables": {}}
    one["used"] = max((file.stat().st_mtime for file in files), default=path.stat().st_mtime)
    try:
        said = json.loads((path / "about.json").read_text(encoding="utf-8"))
        one.update({key: said["about"][key] for key in ("teacher", "images", "views")})
        for about in sorted(path.glob("*/table.json")):
            table = json.loads(about.read_text(encoding="utf-8"))
            checks = np.fromfile(about.parent / "checks.bin", "<u4")
            if len(checks) != table["places"]:
                raise ValueError(f"{about.parent.name} has {len(checks)} places, not {table['places']}")
            layout = Format(table["format"], math.prod(table["shape"]), table.get("kept", 10))
            found, size = (about.parent / "rows.bin").stat().st_size, table["places"] * layout.row_bytes
            if found != size:
                raise ValueError(f"{about.parent.name}/rows.bin has {found} bytes, not {size}")
            one["tables"][about.parent.name] = {"filled": int(np.count_nonzero(checks)), "places": table["places"]}
    except OSError as error:
        one["damaged"] = f"{error.filename}: {error.strerror}"
    except (UserError, ValueError, KeyError, TypeError, AttributeError) as error:
        one["damaged"] = " ".join(str(error).split()) or type(error).__name__
    return one


def prune(folder, keys=(), older_than=None, damaged=False):
    """Throws banks away; returns those that went, as `banks_in` tells of them.

    What lies in their folders and was not written by a bank stays, and is told as "left".

    Args:
        folder: of the banks.
        keys: the banks to go, by their keys or their beginnings.
        older_than: days; also those that no run has used for longer.
        damaged: also those that cannot be read.

    Raises:
        UserError: no bank has a key.
    """
    there = banks_in(folder)
    for key in keys:
        if len(key) < LEAST:
            raise UserError(f"bank prune: found key {key!r}; expected {LEAST} of its letters or more")
        if not any(one["key"].startswith(key) for one in there):
            raise UserError(f"{folder}: no bank {key!r}; `keras-kd bank info` names those that are there")
    going = []
    for one in there:
        named = any(one["key"].startswith(key) for key in keys)
        old = older_than is not None and time.time() - one["used"] > older_than * DAY
        if named or old or (damaged and "damaged" in one):
            going.append({**one, "left": _remove(Path(folder) / one["key"])})
    return going
