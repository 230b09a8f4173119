"""Files that are whole or not there, and folders that one process at a time works in."""

import contextlib
import errno
import os
import sys
import tempfile
from pathlib import Path

from keras_kd.errors import Busy, UserError

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind; there two runs in one folder are not noticed.
    fcntl = None


UNWRITABLE = (
    errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL
)  # fmt: skip


@contextlib.contextmanager
def whole(path):
    """A temporary path that becomes `path` when the block ends well, and vanishes when it does not.

    Args:
        path: where the file goes; its folder is made if missing.

    Raises:
        UserError: the disk is full, or the folder cannot be written.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with whole(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("all of it")
        >>> (folder / "note.txt").read_text()
        'all of it'
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _explained(path, error):
    # HDF5 passes the system's error on as text alone.
    if error.errno == errno.ENOSPC or "No space left on device" in str(error):
        return UserError(
            f"{path}: the disk is full, so it was not written; free some space and give the same command again"
        )
    if error.errno in UNWRITABLE:
        return UserError(f"{path}: cannot be written: {error.strerror}; give another --out")
    return error


@contextlib.contextmanager
def locked(folder, wait=False, tell=True):
    """Holds a folder for this process; the lock goes when the process ends, however it ends.

    A folder in which nothing was made in the end is taken away again.

    Args:
        folder: made if missing.
        wait: for another process that holds it, instead of raising.
        tell: says so, where it waits.

    Raises:
        Busy: another process works in it.
        UserError: it cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open(folder / ".lock", "a+")  # held open for as long as the lock
    except OSError as error:
        raise _explained(folder, error) from error
    with handle:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if not wait:
                    raise Busy(
                        f"{folder}: another keras-kd process works in this folder; wait for it, or give another --out"
                    ) from None
                if tell:
                    print(f"{folder}: waiting for another keras-kd process there", file=sys.stderr, flush=True)
                fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in [*folder.glob(".writing-*"), *folder.glob("*/.writing-*")]:
            # A folder inside with a lock of its own is another process's, which may be writing this file now.
            if leftover.parent == folder or not (leftover.parent / ".lock").exists():
                leftover.unlink(missing_ok=True)
        try:
            yield
        finally:
            if [entry.name for entry in folder.iterdir()] == [".lock"]:
                (folder / ".lock").unlink()
                with contextlib.suppress(OSError):
                    folder.rmdir()
