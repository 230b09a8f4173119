"""The banks that lie in a folder: what they are of, what they hold, and throwing them away."""

import json
import math
import re
import shutil
import time
from pathlib import Path

import numpy as np

from keras_kd.bank.formats import Format
from keras_kd.errors import UserError

DAY = 86400
LEAST = 4  # letters of a key that name a bank


def is_bank(path):
    """Whether a path is a bank, sound or damaged: by its name, so that nothing else is ever taken for one.

    Example:
        >>> is_bank("saved_models/digits")
        False
    """
    path = Path(path)
    return re.fullmatch("[0-9a-f]{16}", path.name) is not None and path.is_dir() and not path.is_symlink()


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
            # First of all: a bank that is gone in part is seen to be damaged.
            (Path(folder) / one["key"] / "about.json").unlink(missing_ok=True)
            shutil.rmtree(Path(folder) / one["key"])
            going.append(one)
    return going
