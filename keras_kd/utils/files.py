"""Files that are whole or not there, and folders that one process at a time works in.

Locks are the system's own `flock` where it has one, and those of the library filelock elsewhere (on Windows). Not
filelock everywhere: it locks names alone, while a file that is being written is locked here by its handle, so that
nobody takes it for a leftover; it asks again and again where `flock` waits; it refuses files of others in shared
folders; and where a file system has no `flock` it may leave marks behind that outlive their process.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
from pathlib import Path

from keras_kd.utils.errors import FolderLockedError, MachineError, UserError
from keras_kd.utils.screen import print_note

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None


UNWRITABLE = (
    errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP
)  # fmt: skip
# What no other program names a file, and no other process of ours: 16 random bytes.
TEMPORARY = re.compile(r"\.keras_kd-writing-[0-9a-f]{32}(\.\w+)?")
LOCK = ".lock"

# Folders whose files are kept account of, see `keras_kd.utils.ownership`; the innermost is the last.
keepers = []


@contextlib.contextmanager
def atomic_write(path, *, sealed=True, new=False):
    """A temporary path that becomes `path` when the block ends well, and vanishes when it does not.

    In a folder that `keras_kd.utils.ownership.held` holds, a file of that name which is somebody else's is refused, and
    what was written is kept account of.

    Args:
        path: where the file goes; its folder is made if missing.
        sealed: in a held folder its digest is kept, so that a later change of it is noticed.
        new: refuses to take the place of a file that is there, whosever it is.

    Raises:
        UserError: the folder cannot be written, or the file is somebody else's.
        MachineError: the disk is full or fails.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("all of it")
        >>> (folder / "note.txt").read_text()
        'all of it'
    """
    path = Path(path)
    keeper = next((one for one in reversed(keepers) if one.holds(path)), None)
    try:
        if keeper is not None:
            keeper.claim(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        place = path.parent if keeper is None else keeper.workplace
        if keeper is None:
            tidy(place)
        # Keras, NumPy and others go by the ending of a name.
        ending = path.suffix if re.fullmatch(r"\.\w+", path.suffix) else ""
        with _temporary(place, ending) as temporary:
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            if keeper is not None and sealed:
                keeper.guard(path)
                keeper.claim(path)
                keeper.seal(path, temporary)
            if new:
                # Taken, or refused, in one step.
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            os.replace(temporary, path)
            if keeper is not None:
                keeper.named(path)
    except OSError as error:
        raise explained(path, error) from error


def claim(path):
    """Says that a file in a held folder is about to be ours, where it is not written by `atomic_write`.

    Args:
        path: of the file.

    Raises:
        UserError: it is somebody else's.
    """
    keeper = next((one for one in reversed(keepers) if one.holds(Path(path))), None)
    if keeper is not None:
        keeper.claim(Path(path))


def is_held(path):
    """Whether a path lies in a folder that this process holds.

    Example:
        >>> is_held("somewhere/else.txt")
        False
    """
    return any(one.holds(Path(path)) for one in keepers)


@contextlib.contextmanager
def _temporary(place, suffix):
    """A file that no other process takes for a leftover while this one lives."""
    while True:
        name = place / f".keras_kd-writing-{secrets.token_hex(16)}{suffix}"
        handle = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        _lock(handle)
        # Between the two calls another process may have taken it for a leftover.
        if os.fstat(handle).st_nlink:
            break
        os.close(handle)
    try:
        yield name
    finally:
        os.close(handle)
        name.unlink(missing_ok=True)


def tidy(folder):
    """Removes what dead processes of ours were writing in a folder: files of such a name that nobody holds.

    Args:
        folder: looked at itself, not what is below it.
    """
    if fcntl is None:
        return
    for entry in os.scandir(folder):
        if TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with contextlib.suppress(OSError), open(entry.path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry.path)


def bytes_on_disk(file):
    """The size of a file, or of all files in a folder, in bytes.

    Args:
        file: a `Path`.
    """
    files = file.rglob("*") if file.is_dir() else [file]
    return sum(one.stat().st_size for one in files if one.is_file())


def sha256(file):
    """The digest of a file, in hexadecimal."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# What says that the machine, and not what was asked of it, is at fault.
OF_THE_MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EIO: "the disk fails",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOMEM: "there is no memory left",
}
# Libraries pass the system's error on as text alone.
_TEXTS = {
    r"No space left on device|\d+ requested and \d+ written": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
    "Input/output error": errno.EIO,
    "Too many open files": errno.EMFILE,
    "Cannot allocate memory|bad_alloc|OOM when allocating": errno.ENOMEM,
}


def fault_of_the_machine(error):
    """What is wrong with the machine where an error tells of that, else None.

    Args:
        error: an exception, or its text.

    Example:
        >>> fault_of_the_machine(OSError(28, "No space left on device")), fault_of_the_machine(ValueError("no"))
        ('the disk is full', None)
    """
    if isinstance(error, MachineError):
        return str(error)
    if isinstance(error, MemoryError):
        return OF_THE_MACHINE[errno.ENOMEM]
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        return OF_THE_MACHINE[error.errno]
    return next(
        (OF_THE_MACHINE[number] for text, number in _TEXTS.items() if re.search(text, str(error), re.IGNORECASE)), None
    )


def explained(path, error, fix="give another --out"):
    """An `OSError` in writing a file as an error of ours, in one line; itself where it is of a connection or a signal.

    Args:
        path: of the file.
        error: the `OSError`.
        fix: what to do where another place is the cure.

    Returns:
        `UserError` where another place is the cure, `MachineError` for all else that the system may say.

    Example:
        >>> explained("a.txt", OSError(errno.EIO, "Input/output error"))
        MachineError('a.txt: the disk fails, so it was not written; fix that and give the same command again')
    """
    if isinstance(error, ConnectionError | InterruptedError):
        return error
    if fault_of_the_machine(error) is None and error.errno in UNWRITABLE:
        return UserError(f"{path}: cannot be written: {error.strerror}; {fix}")
    return MachineError(f"{path}: {reason(error)}, so it was not written; fix that and give the same command again")


def reason(error):
    """Why the system refused, in a few words.

    Args:
        error: an `OSError`.

    Example:
        >>> reason(OSError(errno.EFBIG, "File too large")), reason(OSError(errno.EBUSY, "Device or resource busy"))
        ('the file would be larger than is allowed here', 'Device or resource busy')
    """
    said = error.strerror or next(iter(str(error).splitlines()), "") or type(error).__name__
    return fault_of_the_machine(error) or said


@contextlib.contextmanager
def folder_lock(folder, wait=False, log=True, name=LOCK, fix="give another --out"):
    """Holds a folder for this process; the lock goes when the process ends, however it ends.

    Args:
        folder: made if missing.
        wait: for another process that holds it, instead of raising.
        log: says so, where it waits.
        name: of the file in it that is locked.
        fix: what to do where another place is the cure.

    Raises:
        FolderLockedError: another process works in it.
        UserError: it cannot be made.
    """
    folder = Path(folder)
    try:
        release = (_hold if fcntl is not None else _hold_by_library)(folder, name, wait, log)
    except OSError as error:
        raise explained(folder, error, fix) from error
    try:
        tidy(folder)
        yield
    finally:
        release()


def _hold(folder, name, wait, log):
    """Locks the lock file of a folder; returns what gives it free."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / name, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not _lock(handle, wait=False):
                _refuse_or_log(folder, wait, log)
                _lock(handle)
            # Who held it may have taken the folder away in the end.
            if os.fstat(handle).st_nlink:
                return lambda: os.close(handle)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _hold_by_library(folder, name, wait, log):
    """As `_hold`, where there is no `flock`."""
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / name)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _refuse_or_log(folder, wait, log)
        lock.acquire()
    return lock.release


def _refuse_or_log(folder, wait, log):
    """What is done of a folder that another process holds, before it is waited for."""
    if not wait:
        place = folder.parent if folder.name.startswith(".") else folder
        raise FolderLockedError(
            f"{place}: another keras-kd process works in this folder; wait for it, or give another --out"
        )
    if log:
        print_note(f"{folder}: waiting for another keras-kd process there")


def _lock(handle, wait=True):
    """Whether the lock of an open file is now held."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def remove_empty(folder):
    """Removes a folder in which nothing is but empty folders, as SavedModels have them: they are in nobody's way.

    Args:
        folder: its path; a link, a file and what is not there stay as they are.
    """
    folder = Path(folder)
    inside = list(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else [folder]
    if any(one.is_symlink() or not one.is_dir() for one in inside):
        return
    for one in sorted([*inside, folder], key=lambda one: len(one.parts), reverse=True):
        with contextlib.suppress(OSError):
            one.rmdir()
