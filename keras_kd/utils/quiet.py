"""Starts libraries without their notes on a person's screen, and without packages that they can do without."""

import contextlib
import os
import signal
import sys
import tempfile
import threading

from keras_kd.utils import stopping


@contextlib.contextmanager
def quiet_start():
    """Holds back what is written to standard error, native libraries included; shows it if an import fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, _interrupted_after():
        screen = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except ImportError:
            os.dup2(screen, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


@contextlib.contextmanager
def without(*packages):
    """Hides packages that are not imported yet from those that import them where they are installed.

    Example:
        >>> with without("sklearn"):
        ...     import keras
    """
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


@contextlib.contextmanager
def _interrupted_after():
    """Holds signals that have a handler back until the block ends: libraries that load may swallow what it raises."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came, before = [], {number: signal.getsignal(number) for number in stopping.HELD}
    before = {number: handler for number, handler in before.items() if callable(handler)}
    for number in before:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            before[came[0]](came[0], None)
