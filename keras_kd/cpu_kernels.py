"""Which kernels TensorFlow computes with on a CPU: asked for before its import, which is when it reads this."""

import os
import platform


def prefer_fast():
    """Asks for oneDNN's on an x86 CPU, unless TF_ENABLE_ONEDNN_OPTS says otherwise.

    TensorFlow takes them by itself where there is AVX-512 or AMX; with AVX2 alone they train faster as well.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
