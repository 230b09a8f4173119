"""Keeps the start-up notes of libraries away from a person's screen."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def quiet_start():
    """Holds back what is written to standard error, native libraries included; shows it if an import fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
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
