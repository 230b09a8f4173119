"""Runs `python -m MODULE ARGUMENTS` or a script as a process that does not outlive the one that began it (on Linux).

python benchmarks/gpu_child.py keras_kd.cli distill digits
"""

import os
import runpy
import signal
import sys
from pathlib import Path

DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl


def die_with(parent):
    """Has this process killed as its parent ends, however that ends; elsewhere than on Linux nothing happens."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with(int(os.environ.get("GPU_QUEUE_PARENT", os.getppid())))
    # A process begun by another that ignores Ctrl-C would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    what, sys.argv = sys.argv[1], sys.argv[1:]
    here = str(Path(__file__).parent)
    if what.endswith(".py"):
        runpy.run_path(what, run_name="__main__")
    else:
        sys.path = [one for one in sys.path if one != here]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
