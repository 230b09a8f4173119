"""Common corruptions of images: what a camera, a screen or a codec does to them (Hendrycks & Dietterich 2019)."""

import io

import numpy as np

from keras_kd.evaluation.perturbations.by_position import by_position
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint
from keras_kd.utils.suggest import did_you_mean

NOISE = 31
SEVERITIES = 5


def corrupt(images, name, severity, seed=0, positions=None):
    """Images with a common corruption.

    The severities are those of CIFAR-10-C and CIFAR-100-C, made for images of 32x32 pixels; on larger images the same
    numbers look milder. Pixels are rounded, where the published files cut off what follows the point.

    Args:
        images: uint8 array (n, height, width, channels).
        name: one of `CORRUPTIONS`.
        severity: whole number 1..5.
        seed: whole number, 0 or more; decides the noise of "gaussian_noise" and nothing else.
        positions: whole numbers (n,), 0 or more: the images' places in their data, on which their noise hangs; None
            for 0 .. n - 1.

    Returns:
        uint8 array like `images`.

    Raises:
        UserError: no such corruption or severity, images of another type or shape, or "pixelate" and "jpeg" without
            Pillow.

    Source:
        Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations,
        arXiv:1903.12261; the parameters of its `make_cifar_c.py`.

    Example:
        >>> images = np.array([0, 100, 200], "uint8").reshape(1, 1, 3, 1)
        >>> corrupt(images, "contrast", severity=5).ravel().tolist()
        [85, 100, 115]
    """
    if name not in CORRUPTIONS:
        fix = did_you_mean(name, CORRUPTIONS, as_written=True, before="", otherwise="name one of them")
        raise UserError(f"corrupt: found {name!r}; expected one of {', '.join(CORRUPTIONS)}; {fix}")
    if severity not in range(1, SEVERITIES + 1):
        raise UserError(f"corrupt: severity: found {severity!r}; expected a whole number 1..{SEVERITIES}; correct it")
    change, severity = CORRUPTIONS[name], int(severity)
    return by_position(
        name,
        images,
        positions,
        lambda part, position: change(part, severity, hash_uint(NOISE, seed, severity, position)),
    )


def gaussian_noise(images, severity, keys):
    """Normal noise on every pixel and channel for itself; see `corrupt`.

    Args:
        images: uint8 array (n, height, width, channels).
        severity: whole number 1..5.
        keys: uint64 array (n,), each the seed of an image's noise.
    """
    deviation = 255 * (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    generators = (np.random.Generator(np.random.Philox(key=int(key))) for key in keys)
    return images + deviation * np.stack([one.standard_normal(images.shape[1:]) for one in generators])


def gaussian_blur(images, severity, keys):
    """Each pixel the mean of those around it, in weights of a bell; beyond an edge its pixels go on. See `corrupt`."""
    deviation = (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1]
    radius = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    weights /= weights.sum()
    blurred = images.astype("float64")
    for axis in (1, 2):
        padding = [(radius, radius) if one == axis else (0, 0) for one in range(4)]
        padded, across = np.pad(blurred, padding, mode="edge"), np.arange(images.shape[axis])
        blurred = sum(weight * padded.take(across + shift, axis) for shift, weight in enumerate(weights))
    return blurred


def contrast(images, severity, keys):
    """Each image and channel drawn together around its mean; see `corrupt`."""
    kept = (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1]
    mean = images.mean(axis=(1, 2), keepdims=True)
    return (images - mean) * kept + mean


def pixelate(images, severity, keys):
    """Made smaller and large again, both by the mean over the area of a pixel; see `corrupt`."""
    image_module = _pillow("pixelate")
    kept = (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1]
    size = images.shape[2], images.shape[1]
    smaller = tuple(max(1, int(side * kept)) for side in size)
    box = image_module.Resampling.BOX
    return _each(images, lambda pixels: image_module.fromarray(pixels).resize(smaller, box).resize(size, box))


def jpeg(images, severity, keys):
    """Through a JPEG file; images of neither one nor three channels a channel at a time, as grey. See `corrupt`."""
    image_module = _pillow("jpeg")
    quality = (80, 65, 58, 50, 40)[severity - 1]

    def compressed(pixels):
        file = io.BytesIO()
        image_module.fromarray(pixels).save(file, "JPEG", quality=quality)
        return image_module.open(file)

    return _each(images, compressed)


def _each(images, change):
    """Each image, or each channel of it where it is no colour image, through a change of what Pillow takes."""
    if images.shape[-1] == 3:
        return np.stack([np.asarray(change(np.ascontiguousarray(image))) for image in images])
    channels = np.ascontiguousarray(np.moveaxis(images, -1, 1))
    changed = np.stack([[np.asarray(change(channel)) for channel in image] for image in channels])
    return np.moveaxis(changed, 1, -1)


def _pillow(name):
    try:
        from PIL import Image
    except ImportError as error:
        raise UserError(f"{name}: found no Pillow; expected it to be installed; pip install 'pillow>=10'") from error
    return Image


# Of (images, severity, keys of their noise) the changed pixels.
CORRUPTIONS = {
    "gaussian_noise": gaussian_noise,
    "gaussian_blur": gaussian_blur,
    "contrast": contrast,
    "pixelate": pixelate,
    "jpeg": jpeg,
}
