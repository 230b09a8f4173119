"""What a work that takes long is at: a line as each step begins, and one now and then where nothing else is said."""

import contextlib
import threading
import time

from keras_kd.utils import now, screen
from keras_kd.utils.formatting import duration

# Seconds without a line after which one says that the work goes on, and that of a step that has taken a while.
PATIENCE, LATER, A_WHILE = 9.0, 60.0, 120.0


class _State:
    works = []  # (title, quiet) of the works that go on, the innermost last
    title, what, since = None, None, 0.0


@contextlib.contextmanager
def telling(title, quiet=False, patience=None):
    """While the block runs its steps are told, and a line says that it goes on where nothing is said for long.

    Args:
        title: of the work.
        quiet: tells nothing, and nothing of works inside; of a work inside one that is not quiet the outer one still
            says that it goes on.
        patience: seconds without a line; `PATIENCE` by default.

    Example:
        >>> with telling("digits", quiet=True):
        ...     step("measuring the student")
    """
    outermost, ended = not _State.works, threading.Event()
    before = _State.title, _State.what, _State.since
    _State.works.append((title, quiet))
    watch = None
    if outermost and not quiet:
        _now("starting")
        watch = threading.Thread(target=_watch, args=(title, ended, patience or PATIENCE), daemon=True)
        watch.start()
    try:
        yield
    finally:
        ended.set()
        if watch is not None:
            watch.join()
        _State.works.pop()
        _State.title, _State.what, _State.since = before


def step(what, tell=True):
    """Says what begins now.

    Args:
        what: such as "measuring the student"; None where something else shows how far it is, as a bar does.
        tell: False leaves the line out.
    """
    if not _State.works:
        return
    _now(what)
    if what is not None and tell and not any(quiet for _, quiet in _State.works):
        screen.print_note(f"{_State.title}: {what}")


@contextlib.contextmanager
def during(what):
    """A step that is told only where it takes long; afterwards the work is at what it was at before. A function may be
    decorated.

    Args:
        what: as of `step`.

    Example:
        >>> with telling("digits", quiet=True):
        ...     step("measuring the student")
        ...     with during("reading the teacher"):
        ...         inside = _State.what
        ...     inside, _State.what
        ('reading the teacher', 'measuring the student')
    """
    before = _State.what, _State.since
    step(what, tell=False)
    try:
        yield
    finally:
        if _State.works:
            _State.what, _State.since = before


def _now(what):
    now.tell(what=what, since=time.time())
    _State.title, _State.what, _State.since = _State.works[-1][0], what, time.monotonic()


def _watch(title, ended, patience):
    begun = told = time.monotonic()
    while not ended.wait(min(0.25, patience / 4)):
        moment, what, since = time.monotonic(), _State.what, _State.since
        told = max(told, screen.last_note(), begun)
        if what is None:
            told = moment
        elif moment - told >= (patience if moment - since < A_WHILE else max(patience, LATER)):
            told = moment
            inner = "" if _State.title in (title, None) else f" ({_State.title})"
            screen.print_note(f"{title}: still at {what}{inner}, {duration(moment - since)}")
