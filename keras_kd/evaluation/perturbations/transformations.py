"""Transformations after which an image shows the same thing: other colours, another angle."""

import numpy as np

from keras_kd.evaluation.perturbations.by_position import by_position, uniforms

BRIGHTNESS, CONTRAST, SATURATION, ANGLE = 32, 33, 34, 35
# Factors are drawn in 1 +- STRENGTH, angles in +- DEGREES.
STRENGTH = 0.4
DEGREES = 15.0


def colour_jitter(images, seed, positions=None):
    """Images in other colours: brightness, contrast and saturation by factors drawn in 1 +- 0.4 for each image.

    Args:
        images: uint8 array (n, height, width, channels). Only three channels have a saturation.
        seed: whole number, 0 or more.
        positions: whole numbers (n,), 0 or more: the images' places in their data, on which what is drawn hangs; None
            for 0 .. n - 1.

    Returns:
        uint8 array like `images`.

    Raises:
        UserError: images of another type or shape, or positions that do not fit them.

    Source:
        torchvision's ColorJitter(0.4, 0.4, 0.4), here always in that order.

    Example:
        >>> images = np.full((2, 2, 2, 3), 100, "uint8")
        >>> bool((colour_jitter(images, seed=0)[1:] == colour_jitter(images[1:], seed=0, positions=[1])).all())
        True
    """

    def change(part, position):
        factors = (
            1 + STRENGTH * (2 * uniforms(what, seed, position) - 1) for what in (BRIGHTNESS, CONTRAST, SATURATION)
        )
        return jittered(part, *factors)

    return by_position("colour_jitter", images, positions, change)


def rotation(images, seed, positions=None):
    """Images turned about their middle, each by an angle drawn in -15..15 degrees.

    Args:
        images: uint8 array (n, height, width, channels).
        seed, positions: as of `colour_jitter`.

    Returns:
        uint8 array like `images`: between pixels bilinear, beyond an edge its pixels go on.

    Raises:
        UserError: images of another type or shape, or positions that do not fit them.

    Example:
        >>> rotation(np.full((1, 3, 3, 1), 7, "uint8"), seed=0).ravel().tolist()
        [7, 7, 7, 7, 7, 7, 7, 7, 7]
    """

    def change(part, position):
        return rotated(part, DEGREES * (2 * uniforms(ANGLE, seed, position) - 1))

    return by_position("rotation", images, positions, change)


def jittered(images, brightness, contrast, saturation):
    """Images with three factors applied one after the other, cut off at 0 and 255 after each.

    Args:
        images: array (n, height, width, channels), pixels 0..255.
        brightness: factors (n,), 0 or more, of all pixels.
        contrast: factors (n,) of the distance to the mean grey of the image.
        saturation: factors (n,) of the distance of a pixel to its own grey; unused but for three channels.

    Returns:
        float64 array like `images`.

    Example:
        >>> jittered(np.array([[[[100], [200]]]]), [1.5], [0.5], [1.0]).ravel().tolist()
        [176.25, 228.75]
    """
    brightness, contrast, saturation = (
        np.asarray(factor, "float64")[:, None, None, None] for factor in (brightness, contrast, saturation)
    )
    images = np.clip(images * brightness, 0, 255)
    mean = _grey(images).mean(axis=(1, 2, 3), keepdims=True)
    images = np.clip(mean + contrast * (images - mean), 0, 255)
    if images.shape[-1] != 3:
        return images
    grey = _grey(images)
    return np.clip(grey + saturation * (images - grey), 0, 255)


def rotated(images, degrees):
    """Images turned about their middle, to the left by angles above 0.

    Args:
        images: array (n, height, width, channels).
        degrees: angles (n,).

    Returns:
        float64 array like `images`; bilinear, beyond an edge its pixels go on.

    Example:
        >>> rotated(np.array([[[[1], [2]], [[3], [4]]]]), [90.0]).round(6).reshape(2, 2).tolist()
        [[2.0, 4.0], [1.0, 3.0]]
    """
    count, height, width, _ = images.shape
    angle = np.deg2rad(np.asarray(degrees, "float64"))[:, None, None]
    cosine, sine = np.cos(angle), np.sin(angle)
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    down, right = np.arange(height)[:, None] - middle_row, np.arange(width) - middle_column
    row = np.clip(cosine * down + sine * right + middle_row, 0, height - 1)
    column = np.clip(cosine * right - sine * down + middle_column, 0, width - 1)

    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    lower, farther = (row - top)[..., None], (column - left)[..., None]
    image = np.arange(count)[:, None, None]
    upper_pixels = (1 - farther) * images[image, top, left] + farther * images[image, top, right]
    lower_pixels = (1 - farther) * images[image, below, left] + farther * images[image, below, right]
    return (1 - lower) * upper_pixels + lower * lower_pixels


def _grey(images):
    """The brightness of each pixel as television weighs it, (n, height, width, 1); of other than colours the mean."""
    weights = np.array([0.299, 0.587, 0.114]) if images.shape[-1] == 3 else np.full(images.shape[-1], 1)
    return (images @ (weights / weights.sum()))[..., None]
