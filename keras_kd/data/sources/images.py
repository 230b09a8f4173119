"""Decoding and resizing with Pillow, so that every source gives the same pixels for the same image."""

import contextlib
import os
import stat
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_kd.data.dataset import Split, chunks

# Pillow would try everything it knows on any file, and starts another program for some of it. JPEG includes MPO.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")


def workers():
    """Threads to decode with; Pillow lets go of the interpreter while it works."""
    return ThreadPoolExecutor(os.cpu_count())


@contextlib.contextmanager
def without_warnings():
    """Pillow's warnings do not reach the terminal meanwhile; what they are about is refused or of no consequence."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def read(path, size=None):
    """The RGB pixels of an image file.

    Args:
        path: a jpg, png, bmp, gif (its first picture) or webp file.
        size: (height, width) to resize to, or None.

    Returns:
        uint8 array (height, width, 3).

    Raises:
        Exception: it is no regular file, of too many pixels, or whatever Pillow has to say about a file it cannot read.
    """
    from PIL import Image

    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):  # opening a pipe would wait forever
        raise ValueError("a folder, not a file" if stat.S_ISDIR(mode) else "a pipe, socket or device, not a file")
    with Image.open(path, formats=FORMATS) as image:
        pixels = image.width * image.height
        if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:  # Pillow itself warns up to twice
            raise ValueError(f"{pixels} pixels: expected at most {Image.MAX_IMAGE_PIXELS}")
        if image.mode.startswith("I") or image.mode == "F":
            raise ValueError(f"mode {image.mode}: expected 8 bits a channel")
        pixels = np.asarray(image.convert("RGB"))
    return resize(pixels, size)


def resize(image, size):
    """An image resized bilinearly with antialiasing; its sides may change their proportion.

    Args:
        image: uint8 array (height, width, channels).
        size: (height, width), or None to leave it.

    Returns:
        uint8 array (*size, channels).

    Example:
        >>> resize(np.full((4, 6, 1), 7, "uint8"), (2, 3)).ravel().tolist()
        [7, 7, 7, 7, 7, 7]
    """
    if size is None or image.shape[:2] == tuple(size):
        return image
    from PIL import Image

    def resized(pixels):
        return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR))

    if image.shape[2] == 3:
        return resized(image)
    return np.stack([resized(np.ascontiguousarray(image[..., channel])) for channel in range(image.shape[2])], -1)


def resize_split(split, size):
    """A split with all its images resized; the split itself where they have that size."""
    if split is None or size is None or split.images.shape[1:3] == tuple(size):
        return split
    images = np.empty((len(split), *size, split.images.shape[3]), "uint8")
    done = 0
    with workers() as pool:
        for part in chunks(split.images):
            for image in pool.map(lambda one: resize(one, size), part):
                images[done] = image
                done += 1
    return Split(images, split.labels)
