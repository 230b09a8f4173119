"""Processes that this one has begun, and that must not outlive it."""

import subprocess
import time


def end(processes, patience=10.0):
    """Ends those that still run: asks them to, waits, and ends by force what does not listen.

    Args:
        processes: of `subprocess.Popen`.
        patience: seconds that they have together for their clean-up.

    Example:
        >>> import sys
        >>> child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        >>> end([child])
        >>> child.returncode != 0
        True
    """
    processes = list(processes)
    for one in processes:
        if one.poll() is None:
            one.terminate()
    until = time.monotonic() + patience
    for one in processes:
        try:
            one.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
