"""Which files in a folder are ours: claimed before they are written, compared when they are read, no others removed.

A folder that keras_kd works in has a folder `.keras_kd` with `made.json` in it: what kind of work it holds, the name of
every file that was written there, and the digest that the file then had. A name is in it before the file is: whatever
is there under another name, or was there before, is somebody else's and is neither overwritten nor removed.
"""

import contextlib
import json
import os
import secrets
from pathlib import Path

from keras_kd.utils.account import ACCOUNT, CHANGED, FORMAT, MARK, changes, digest_of, log_changed, read_account
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write, folder_lock, keepers, sha256
from keras_kd.utils.paths import folders_between
from keras_kd.utils.removal import (
    WORKPLACE,
    folders_within,
    remove_file,
    remove_mark,
    remove_work,
    remove_workplaces,
    set_aside,
)
from keras_kd.utils.working_place import entries_of, refuse_before, refuse_foreign_file, refuse_places

__all__ = ["WORKPLACE", "Owned", "held", "joined", "refuse_before", "refuse_places", "within"]


# (real path, `Owned`) of the folders whose work is going on: what is begun inside one is part of its work.
_going_on = []


@contextlib.contextmanager
def held(folder, kind, *, names=(), earlier=None, wait=False, log=True, restart=False):
    """Holds a folder for this process, and keeps account of what is written in it.

    Args:
        folder: made if missing.
        kind: of the work: "run", "search", "study", "exports".
        names: that the work writes, relative to the folder: none of them may be somebody else's file.
        earlier: (folder) -> the files in it that an earlier version of keras_kd made, or None where it made none.
        wait, log: as of `keras_kd.utils.files.folder_lock`.
        restart: refuses a folder that is to be emptied and is not ours.

    Yields:
        `Owned`.

    Raises:
        FolderLockedError: another process works in the folder.
        UserError: the folder is no place to work in, holds work of another kind, or files of these names that are
            somebody else's. Nothing was changed.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "work"
        >>> with held(folder, "run") as owned, atomic_write(folder / "a.txt") as temporary:
        ...     _ = temporary.write_text("ours")
        >>> from keras_kd.utils.account import changes
        >>> changes(folder)
        {}
        >>> _ = (folder / "a.txt").write_text("somebody else's")
        >>> changes(folder)
        {'a.txt': 'changed'}
    """
    folder = Path(folder)
    already = next((one for one in keepers if one.is_of(folder)), None)
    if already is not None:
        yield already
        return
    refuse_before(folder, kind, names=names, earlier=earlier, restart=restart)
    place, absent = folder / MARK, [one for one in (folder, *folder.parents) if not one.exists()]
    with folder_lock(place, wait=wait, log=log, name="lock"), _nothing_left_behind(folder, absent):
        remove_workplaces(place)
        owned = Owned(folder, kind, earlier)
        keepers.append(owned)
        try:
            for name in names:
                owned.check(folder / name)
            yield owned
        finally:
            keepers.remove(owned)
            owned.settle()


@contextlib.contextmanager
def joined(folder, kind):
    """Keeps account of what this process writes in a folder that another one holds; arguments as of `held`."""
    refuse_places(Path(folder))
    with contextlib.suppress(OSError):
        (Path(folder) / MARK).mkdir(parents=True, exist_ok=True)
    owned = Owned(Path(folder), kind, None)
    keepers.append(owned)
    try:
        yield owned
    finally:
        keepers.remove(owned)
        owned.settle()


@contextlib.contextmanager
def within(owned):
    """What is begun in the block, in folders inside a held one, is part of its work and goes with it."""
    _going_on.append((os.path.realpath(owned.folder), owned))
    try:
        yield
    finally:
        _going_on.pop()


def _begun_by(folder):
    """The identity of the work that a new folder is part of, or None."""
    real = os.path.realpath(folder)
    around = ((place, owned) for place, owned in reversed(_going_on) if real.startswith(f"{place}{os.sep}"))
    place, owned = next(around, (None, None))
    if owned is None:
        return None
    # By its name too: a copy of it, or one that was moved, is somebody's own.
    owned.begin_inside(os.path.relpath(real, place))
    return owned.identity


@contextlib.contextmanager
def _nothing_left_behind(folder, absent):
    """Takes our mark, and folders that were not there before, away again where nothing was made in the end."""
    try:
        yield
    finally:
        if not _anything_made(folder):
            remove_mark(folder)
            for one in absent:
                with contextlib.suppress(OSError):
                    one.rmdir()


def _anything_made(folder):
    try:
        account = read_account(folder)
        return bool(account["kept"] or account["inside"]) or any(
            os.path.lexists(folder / name) for name in account["made"]
        )
    except UserError:
        return (folder / MARK / ACCOUNT).exists()


class Owned:
    """A folder that this process works in: what of it is ours.

    Args:
        folder: with `.keras_kd` in it.
        kind, earlier: as of `held`.
    """

    def __init__(self, folder, kind, earlier):
        self.folder, self.kind = folder, kind
        self._real = os.path.realpath(folder)
        self.workplace = folder / MARK
        self._sealed, self._renamed = {}, {}
        if (self.workplace / ACCOUNT).exists():
            self._said = read_account(folder)
        else:
            self._said = {"format": FORMAT, "kind": kind, "identity": secrets.token_hex(16)}
            self._said["within"] = _begun_by(folder)
            self._said["made"], self._said["kept"], self._said["inside"] = {}, {}, []
            for name in (earlier(folder) if earlier is not None else None) or ():
                self._said["made"][name] = [sha256(folder / name)]
            self._write()

    @property
    def identity(self):
        """A number that no other folder has."""
        return self._said["identity"]

    def holds(self, path):
        """Whether a path lies in the folder."""
        name = self._name(path)
        return name is not None and name != "." and not name.startswith(MARK)

    def is_of(self, folder):
        """Whether it is this folder."""
        return os.path.realpath(folder) == self._real

    def _name(self, path):
        """A path as `made.json` calls it, or None where it lies elsewhere."""
        # Links inside are not followed, so that they are seen to be links; the folder itself may be reached by some.
        for top, here in ((self.folder, path), (self._real, os.path.realpath(path))):
            name = os.path.relpath(os.path.abspath(here), os.path.abspath(top))
            if not name.startswith(".."):
                return Path(name).as_posix()
        return None

    def check(self, path):
        """Refuses a path that is not known to be ours and where something lies.

        Raises:
            UserError: names it.
        """
        name = self._name(path)
        if name is None or any(one.is_symlink() for one in folders_between(self.folder / name, self.folder)):
            raise UserError(f"{path}: leads out of {self.folder} by a link; nothing is written there: remove the link")
        if not self._knows(name) or Path(path).is_symlink():
            refuse_foreign_file(path)

    def _knows(self, name):
        made = self._said["made"]
        return name in made or any(one.startswith(f"{name}/") for one in made)

    def claim(self, *paths):
        """Says that files are about to be ours, before they are there.

        Raises:
            UserError: one is somebody else's.
        """
        for path in paths:
            self.check(path)
        names = [name for name in map(self._name, paths) if name not in self._said["made"]]
        if names:
            self._update(lambda made: [made.setdefault(name, None) for name in names])

    def seal(self, path, written):
        """Keeps the digest of what becomes a file of ours.

        Args:
            path: of the file.
            written: where its content lies now. Until `named` says that it has its name, the digest of before counts as
                well.
        """
        name, digest = self._name(path), sha256(written)
        self._update(lambda made: made.update({name: [*(made.get(name) or [])[-1:], digest]}))
        self._sealed[name] = digest

    def named(self, *paths):
        """Says that files that were sealed have their names now."""
        for name in map(self._name, paths):
            if name in self._sealed:
                self._renamed[name] = self._sealed.pop(name)

    def forget(self, path):
        """Takes a file, or a folder of files, off the account, once it is gone."""
        name = self._name(path)

        def without(made):
            for one in [one for one in made if one == name or one.startswith(f"{name}/")]:
                del made[one]

        self._update(without)

    def names_below(self, path):
        """The names of our files at or below a path."""
        name = self._name(path)
        return [one for one in self._said["made"] if one == name or one.startswith(f"{name}/")]

    def remove(self, path):
        """Removes a file of ours, or what of a folder is ours; what is somebody else's stays.

        Returns:
            The names of what stays, in the way.
        """
        for name in self.names_below(path):
            self.guard(self.folder / name)
            remove_file(self.folder, name)
        self.forget(path)
        path = Path(path)
        if path.is_dir() and not path.is_symlink():
            # Folders that hold nothing are in nobody's way.
            for here, _, _ in os.walk(path, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(here)
            return sorted(str(one) for one in path.rglob("*") if not one.is_dir() or one.is_symlink())
        return [str(path)] if os.path.lexists(path) else []

    def set_aside(self, path):
        """Gives a file or folder that was ours, and was changed, a name that is free; it is then nobody's.

        Returns:
            The new name.
        """
        name = set_aside(path)
        self.forget(path)
        return name

    def guard(self, path):
        """Sets a file aside that somebody has changed since it was written, before another takes its place."""
        name = self._name(path)
        if self._said["made"].get(name) and changes(self.folder, [name]).get(name) == CHANGED:
            log_changed(path, f"it is kept as {self.set_aside(path)}")

    def begin_inside(self, name):
        """Puts down that work in a folder inside is part of the work here."""
        if name not in self._said["inside"]:
            self._update(lambda made: self._said["inside"].append(name))

    def keep(self, name, value):
        """Keeps plain data with the account, such as what the work depends on."""
        if self._said["kept"].get(name) != value:
            self._update(lambda made: None, kept={name: value})

    def kept(self, name):
        """What was kept under a name, or None."""
        return self._said["kept"].get(name)

    def empty(self, besides=()):
        """Removes all that is ours in the folder, and the folders of work that was part of it.

        Args:
            besides: names of files and of folders inside that stay.

        Returns:
            The names of what is somebody else's, and stays.
        """
        inside = folders_within(self.folder, self._said)
        going = [one for one in inside if os.path.relpath(one, self.folder) not in besides]
        for one in going:
            with folder_lock(one / MARK, name="lock"):
                pass  # refused before anything is gone
        for one in going:
            remove_work(one)
        for name in self._said["made"].keys() - set(besides):
            self.guard(self.folder / name)
            remove_file(self.folder, name)
        stays = {name: digests for name, digests in self._said["made"].items() if name in besides}
        begun = [name for name in self._said["inside"] if name in besides]
        self._update(lambda made: (made.clear(), made.update(stays), self._said["inside"].clear()), kept=None)
        for name in begun:
            self.begin_inside(name)
        return [name for name in entries_of(self.folder) if name not in besides]

    def settle(self):
        """What has its name now has one digest."""
        renamed, self._renamed = self._renamed, {}
        if renamed:
            self._update(lambda made: made.update({name: [digest] for name, digest in renamed.items() if name in made}))

    def _update(self, change, kept=()):
        """Changes the account on the disk; several processes may."""
        renamed, self._renamed = self._renamed, {}
        with folder_lock(self.workplace, wait=True, log=False, name="made.lock"):
            if (self.workplace / ACCOUNT).exists():
                self._said = read_account(self.folder)
            made = self._said["made"]
            made.update({name: [digest] for name, digest in renamed.items() if name in made})
            change(made)
            self._said["kept"] = {} if kept is None else {**self._said["kept"], **dict(kept)}
            self._write()

    def _write(self):
        text = json.dumps({**self._said, "digest": digest_of(self._said)}, indent=1, sort_keys=True)
        with _plainly(), atomic_write(self.workplace / ACCOUNT) as temporary:
            temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _plainly():
    """Writes without keeping account: of the account itself."""
    there = keepers[:]
    keepers.clear()
    try:
        yield
    finally:
        keepers[:] = there
