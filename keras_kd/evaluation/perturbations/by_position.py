"""Changes of uint8 images on the host, a few at a time; what is drawn for an image hangs on its position alone."""

import numpy as np

from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint

# Images at once: what is computed in float64 takes some 25 MB for images of 64x64x3.
PART = 256


def by_position(where, images, positions, change):
    """Images through a change of pixels.

    Args:
        where: the name of the change, for errors.
        images: uint8 array (n, height, width, channels).
        positions: whole numbers (n,), 0 or more, the images' places in their data; None for 0 .. n - 1.
        change: a function of (some of the images, their positions) that gives pixels of the images' shape.

    Returns:
        uint8 array like `images`: the pixels cut off at 0 and 255, then rounded.

    Raises:
        UserError: images of another type or shape, or positions that do not fit them.

    Example:
        >>> images = np.full((2, 1, 1, 1), 200, "uint8")
        >>> by_position("brighter", images, None, lambda part, position: part + 30.6 * position[:, None, None, None])[1]
        array([[[231]]], dtype=uint8)
    """
    images = np.asarray(images)
    if images.dtype != "uint8" or images.ndim != 4:
        raise UserError(
            f"{where}: found images {images.dtype} of shape {images.shape}; expected uint8 (n, height, width, "
            "channels); give the pixels 0..255 as they are in the data"
        )
    positions = np.arange(len(images)) if positions is None else np.asarray(positions)
    if positions.shape != images.shape[:1] or positions.dtype.kind not in "iu":
        raise UserError(
            f"{where}: found positions {positions.dtype} of shape {positions.shape}; expected whole numbers of shape "
            f"{images.shape[:1]}; give one per image"
        )
    changed = np.empty_like(images)
    for start in range(0, len(images), PART):
        part = slice(start, start + PART)
        changed[part] = np.rint(np.clip(change(images[part], positions[part]), 0, 255))
    return changed


def uniforms(*parts):
    """Numbers in 0..1, 1 left out, of whole numbers or arrays of them: the same on every machine.

    Args:
        parts: as of `keras_kd.data.views.crop_flip.hash_uint`.

    Returns:
        float64, of the parts' common shape.

    Example:
        >>> drawn = uniforms(1, np.arange(1000))
        >>> drawn.shape, bool(0 <= drawn.min() < 0.01 and 0.99 < drawn.max() < 1)
        ((1000,), True)
    """
    return (hash_uint(*parts) >> np.uint64(11)).astype("float64") / 2**53
