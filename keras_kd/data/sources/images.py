"""Resizing and reading of many images, so that every source gives the same pixels for the same image."""

import contextlib
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_kd.data.dataset import Split, chunks
from keras_kd.data.sources.decode import RESIZE, opened, resize, shown


def workers():
    """Threads to decode with; Pillow lets go of the interpreter while it works."""
    return ThreadPoolExecutor(os.cpu_count())


@contextlib.contextmanager
def without_warnings():
    """Pillow's warnings do not reach the terminal meanwhile; what they are about is refused or of no consequence."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def read(path, size=None, how=RESIZE):
    """The RGB pixels of an image file as of `keras_kd.data.sources.decode.read`, and whether it holds further pictures.

    A JPEG's further pictures (of the MPO format) are previews and depths of its first one, and do not count.

    Args:
        path: of the file.
        size: (height, width) to resize to, or None.
        how: as of `keras_kd.data.sources.decode.resize`.

    Returns:
        (uint8 array (height, width, 3), bool).
    """
    with opened(path) as image:
        pixels = resize(shown(image), size, how)
        try:
            several = image.format not in ("JPEG", "MPO") and bool(getattr(image, "is_animated", False))
        except Exception:  # what lies behind the first picture may be damaged in any way
            several = True
        return pixels, several


def resize_split(split, size, how=RESIZE):
    """A split with all its images resized; the split itself where they have that size."""
    if split is None or size is None or split.images.shape[1:3] == tuple(size):
        return split
    images = np.empty((len(split), *size, split.images.shape[3]), "uint8")
    done = 0
    with workers() as pool:
        for part in chunks(split.images):
            for image in pool.map(lambda one: resize(one, size, how), part):
                images[done] = image
                done += 1
    return Split(images, split.labels)
