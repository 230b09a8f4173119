"""What a number must carry with it: device, versions, commit."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import keras
import numpy as np

import keras_kd
from keras_kd import backend


def environment():
    """Device and versions, for reports."""
    name, number = backend.version()
    return {
        "device": backend.device(),
        "cores": os.cpu_count(),
        "cpu_kernels": backend.cpu_kernels(),
        "backend": name,
        name: number,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "keras_kd": keras_kd.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **({"ai_edge_litert": version_of("ai-edge-litert")} if _installed("ai-edge-litert") else {}),
    }


def _installed(name):
    try:
        return bool(version_of(name))
    except PackageNotFoundError:
        return False


def git_commit():
    """The commit of the repository that this command is given in ("+" where files differ from it), or None."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "") if commit.returncode == 0 else None
