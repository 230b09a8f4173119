"""What a process is at in a folder: `.keras_kd/now.json`, for whoever watches it; it goes when the work ends.

A thread writes it, so that the work itself only sets values. It is no part of what is made: nothing reads it but
`keras-kd watch`, and where it cannot be written the work goes on.
"""

import contextlib
import json
import os
import platform
import threading
import time
from pathlib import Path

from keras_kd.utils.account import MARK

NAME = "now.json"
# Seconds between two looks of the thread, and after which it writes though nothing has changed.
PAUSE, HEARTBEAT = 0.5, 5.0
# Of what is said, that which is no text; what is of another kind is passed over.
KINDS = {
    **dict.fromkeys(("begun", "at", "since", "trained", "rate"), int | float),
    **dict.fromkeys(("pid", "epoch", "epochs", "step", "steps", "views", "run", "runs"), int),
}
# Seconds without a word from a process on another machine, after which it is taken for dead.
SILENCE = 60.0

_works = []  # the innermost last
_around = {}  # what all works of this process say


class _Work:
    """One folder that is worked in."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.said = {"pid": os.getpid(), "host": platform.node(), "begun": time.time()}
        self.ended, self.written, self.at = threading.Event(), None, 0.0
        self.thread = threading.Thread(target=self._write_on, daemon=True)

    def _write_on(self):
        while not self.ended.wait(PAUSE):
            self.write()

    def write(self):
        said = {**_around, **self.said}
        if said == self.written and time.time() - self.at < HEARTBEAT:
            return
        file = self.folder / MARK / NAME
        temporary = file.with_suffix(".tmp")
        # A kill in between leaves the old one. A disk that is full is told of by what the work itself writes.
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps({**said, "at": time.time()}), encoding="utf-8")
            os.replace(temporary, file)
            self.written, self.at = said, time.time()

    def end(self):
        self.ended.set()
        self.thread.join()
        for file in (self.folder / MARK / NAME, self.folder / MARK / f"{Path(NAME).stem}.tmp"):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


@contextlib.contextmanager
def told_in(folder):
    """While the block runs, the folder says what is done in it; `tell` says what.

    Args:
        folder: that is held, see `keras_kd.utils.ownership.held`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / ".keras_kd").mkdir()
        >>> with told_in(folder):
        ...     tell(what="training", epoch=3)
        ...     _works[-1].write()
        ...     read_now(folder)["epoch"]
        3
        >>> read_now(folder) is None
        True
    """
    work = _Work(folder)
    for outer in _works:
        outer.said["inside"] = os.path.relpath(folder, outer.folder)
    _works.append(work)
    work.thread.start()
    try:
        yield
    finally:
        _works.remove(work)
        work.end()
        for outer in _works:
            outer.said.pop("inside", None)


def tell(**said):
    """Says more of the innermost work that goes on: values that JSON takes; None takes one back."""
    if _works:
        _works[-1].said.update(said)


def tell_all(**said):
    """As `tell`, of all works of this process from now on."""
    _around.update(said)


def read_now(folder):
    """What is said of the work in a folder, or None where none goes on, or what is there cannot be read.

    Args:
        folder: of a run.

    Returns:
        dict of what `tell` was given, and "pid", "host", "begun" and "at" (seconds since 1970), "alive".
    """
    try:
        said = json.loads((Path(folder) / MARK / NAME).read_text(encoding="utf-8"))
        sound = {name: value for name, value in said.items() if isinstance(value, KINDS.get(name, str))}
        return {**sound, "alive": _is_alive(sound)}
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _is_alive(said):
    if said["host"] != platform.node():
        return time.time() - said["at"] < SILENCE
    try:
        os.kill(said["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # The number of a dead process may be another's by now.
    return time.time() - said["at"] < SILENCE
