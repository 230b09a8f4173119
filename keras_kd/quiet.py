"""Keeps the start-up notes of libraries away from a person's screen."""

import contextlib
import os
import signal
import sys
import tempfile
import threading


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
def _interrupted_after():
    """Holds Ctrl-C back until the block ends: libraries that are interrupted while they load may swallow it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
