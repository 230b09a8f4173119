"""Rows of one signal on the disk, each whole or not there.

A table is a folder of `rows.bin`, a row of bytes for every place, `checks.bin`, a check number for every place, and
`table.json`, which says what it is. A row is written first and its check number, never 0, after it: a process that dies
in between leaves a place that counts as empty. The check number depends on the row and on its place, so a row that was
damaged later is found when it is read.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np

from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write, folder_lock

VERSION = 1
BLOCK = 2**16
OTHER_PLACE = "name another folder for banks: bank.folder, --bank folder:DIR, or KERAS_KD_BANK"


class Table:
    """The rows of one signal; made if missing.

    Args:
        folder: of the table.
        places: how many rows it may hold.
        shape: of a row's values.
        format: a `Format` for as many values.
        of: what the rows are of, as plain data: a table of something else is refused.

    Raises:
        UserError: the folder holds something else, another version, or files of the wrong size.

    Example:
        >>> import tempfile
        >>> from keras_kd.bank.formats import Format
        >>> table = Table(tempfile.mkdtemp() + "/logits", 100, (3,), Format("float32", 3), of={"teacher": "mine"})
        >>> table.write(np.array([7, 2]), np.ones((2, 3)))
        2
        >>> table.missing(np.array([2, 3])).tolist(), table.read(np.array([7])).tolist(), table.filled()
        ([3], [[1.0, 1.0, 1.0]], 2)
    """

    def __init__(self, folder, places, shape, format, of):
        self.folder, self.places, self.shape, self.format = Path(folder), int(places), tuple(shape), format
        self._said = {
            "version": VERSION,
            "places": self.places,
            "shape": list(self.shape),
            "format": format.name,
            **({"kept": format.kept} if format.name == "topk" else {}),
            "of": of,
        }
        try:
            if not self._about.exists():
                with folder_lock(self.folder, wait=True, log=False, fix=OTHER_PLACE):
                    if not self._about.exists():
                        self._make()
            self._check()
            self._rows = np.memmap(self._rows_file, "u1", "r", shape=(self.places, format.row_bytes))
            self._checks = np.memmap(self._checks_file, "<u4", "r", shape=(self.places,))
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be read or written: {error.strerror or error}") from error
        self._weights = _weights(format.row_bytes // 4)

    @property
    def _prune(self):
        bank = self.folder.absolute().parent
        return f"`keras-kd bank prune {bank.name} --folder {self.folder.parent.parent}`"

    _about = property(lambda self: self.folder / "table.json")
    _rows_file = property(lambda self: self.folder / "rows.bin")
    _checks_file = property(lambda self: self.folder / "checks.bin")

    def _make(self):
        for file, size in self._sizes():
            with open(file, "wb") as made:
                made.truncate(size)
        with atomic_write(self._about) as temporary:
            temporary.write_text(json.dumps(self._said, indent=1), encoding="utf-8")

    def _sizes(self):
        yield self._rows_file, self.places * self.format.row_bytes
        yield self._checks_file, self.places * 4

    def _check(self):
        fix = f"{self._prune} removes it"
        try:
            said = json.loads(self._about.read_text(encoding="utf-8"))
            version = said["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self._about}: is damaged ({error}); expected what a bank's table is; {fix}") from error
        if version != VERSION:
            raise UserError(f"{self.folder}: is a bank's table of version {version}; expected {VERSION}; {fix}")
        wrong = [key for key in sorted({*said, *self._said}) if said.get(key) != self._said.get(key)]
        if wrong:
            key, there, here = wrong[0], said.get(wrong[0]), self._said.get(wrong[0])
            if isinstance(there, dict) and isinstance(here, dict):
                key = next(one for one in sorted({*there, *here}) if there.get(one) != here.get(one))
                there, here = there.get(key), here.get(key)
            raise UserError(
                f"{self.folder}: is the table of something else ({key} is {_short(there)}; expected {_short(here)}); "
                f"{fix}"
            )
        for file, size in self._sizes():
            found = file.stat().st_size if file.exists() else None
            if found != size:
                state = "is missing" if found is None else f"has {found} bytes"
                raise UserError(f"{file}: {state}; expected {size} bytes, so the bank is damaged; {fix}")

    def missing(self, places):
        """Those of some places, int array (n,), that are still empty; each once, ascending."""
        places = np.unique(places)
        return places[self._checks[places] == 0]

    def filled(self):
        """How many places have a row."""
        return sum(int(np.count_nonzero(self._checks[start : start + BLOCK])) for start in range(0, self.places, BLOCK))

    def filled_places(self):
        """The places that have a row, ascending, int64."""
        return np.flatnonzero(self._checks != 0)

    def write(self, places, values):
        """Writes rows where there are none yet; returns how many there were to write.

        Args:
            places: int array (n,), each once.
            values: float array (n, *shape).

        Raises:
            UserError: the disk is full; what was written before stays.
        """
        places = np.asarray(places, "int64")
        if not len(places):
            return 0
        rows = self.format.encode(np.asarray(values).reshape(len(places), -1))
        ascending = np.argsort(places)
        places, rows = places[ascending], rows[ascending]
        checks = self._check_numbers(places, rows)
        try:
            with (
                folder_lock(self.folder, wait=True, log=False),
                open(self._rows_file, "r+b", buffering=0) as file,
                open(self._checks_file, "r+b", buffering=0) as marks,
            ):
                empty = self._checks[places] == 0
                places, rows, checks = places[empty], rows[empty], checks[empty]
                for part in _runs(places):
                    _write_at(file, rows[part], int(places[part.start]) * self.format.row_bytes)
                os.fsync(file.fileno())
                for part in _runs(places):
                    _write_at(marks, checks[part], int(places[part.start]) * 4)
        except OSError as error:
            free = shutil.disk_usage(self.folder).free
            raise UserError(
                f"{self.folder}: cannot be written: {error.strerror or error} ({free // 2**20} MB free); free some "
                "space and go on with the same command, or use --bank live"
            ) from error
        return len(places)

    def read(self, places):
        """The values of some places, float32 (n, *shape), in their order.

        Raises:
            UserError: a place is empty, or its row is damaged.
        """
        places = np.asarray(places, "int64")
        ascending = np.argsort(places, kind="stable")
        ordered = places[ascending]
        # In the order in which they lie on the disk.
        rows, checks = self._rows[ordered], self._checks[ordered]
        if (checks == 0).any():
            place = ordered[np.argmax(checks == 0)]
            raise UserError(f"{self.folder}: row {place} is not there; expected it to be filled before it is read")
        wrong = checks != self._check_numbers(ordered, rows)
        if wrong.any():
            raise UserError(
                f"{self._rows_file}: row {ordered[np.argmax(wrong)]} is damaged (its check number does not fit); "
                f"expected rows as they were written; {self._prune} removes the bank"
            )
        back = np.empty_like(ascending)
        back[ascending] = np.arange(len(back))
        return self.format.decode(rows[back]).reshape(len(places), *self.shape)

    def damaged(self):
        """The places whose rows do not fit their check numbers."""
        found = []
        for start in range(0, self.places, BLOCK):
            checks = np.asarray(self._checks[start : start + BLOCK])
            places = start + np.flatnonzero(checks)
            wrong = checks[places - start] != self._check_numbers(places, self._rows[places])
            found.extend(places[wrong].tolist())
        return found

    def bytes_on_disk(self):
        """What its files take; places that are empty take little or nothing."""
        return sum(file.stat().st_blocks * 512 for file, _ in self._sizes())

    def _check_numbers(self, places, rows):
        words = np.ascontiguousarray(rows).view("<u4")
        with np.errstate(over="ignore"):
            mixed = (np.asarray(places).astype("uint64") * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
            numbers = mixed.astype("uint32") + (words * self._weights).sum(axis=1, dtype="uint32")
        return np.where(numbers == 0, np.uint32(1), numbers)


def _weights(count):
    """Odd numbers: a change of any one word changes the sum."""
    with np.errstate(over="ignore"):
        mixed = np.arange(1, count + 1, dtype="uint64") * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(32)).astype("uint32") | np.uint32(1)


def _runs(places):
    """Slices of ascending places that follow each other without a gap."""
    if not len(places):
        return []
    ends = [*(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _write_at(file, array, offset):
    # Not through a memory map: on a full disk that ends the process with a signal instead of an error.
    left = memoryview(np.ascontiguousarray(array)).cast("B")
    file.seek(offset)
    while len(left):
        left = left[file.write(left) :]


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
