"""RandAugment: a few operations drawn at random, all of one magnitude (Cubuk et al. 2020, arXiv:1909.13719).

Every operation works in whole numbers on pixels 0..255, so all backends and machines give the same pixels. Against the
floats of torchvision a pixel of the colour operations may differ by one grey level, and a pixel of a turned or sheared
image may be its neighbour where the point looked up lies on the edge between two.
"""

import math
from dataclasses import dataclass

import numpy as np

from keras_kd.utils.hashing import hash_uint
from keras_kd.utils.lazy import ops

OPERATION = 4
OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
STRONGEST = 30
# Coefficients are whole numbers of 1/65536. A shift divides by it and rounds down, and is cheaper than a division.
BITS = 16
ONE = 2**BITS


@dataclass(frozen=True)
class RandAugment:
    """Some operations one after another, drawn from the fourteen of `OPERATIONS` with repetition.

    Args:
        operations: how many, above 0.
        magnitude: 0..30, the scale of torchvision: 30 shears by 0.3, moves by 150/331 of the image, turns by 30
            degrees, changes colours by 0.9, leaves 4 bits, solarizes from 0.
        draws: how many lists of operations each view of the base has, above 0.

    Source:
        Cubuk et al. 2020, arXiv:1909.13719; operations and scale of torchvision's RandAugment with its 31 magnitudes
        and nearest neighbours; what lies outside the image is black.

    Example:
        >>> drawn, negative = RandAugment(operations=2).drawn(np.arange(2))
        >>> [[OPERATIONS[one] for one in row] for row in drawn], negative.tolist()
        ([['posterize', 'posterize'], ['translate_y', 'solarize']], [[0, 1], [0, 1]])
    """

    operations: int = 2
    magnitude: int = 10
    draws: int = 16

    def drawn(self, number):
        """The operations of numbered draws and whether their magnitude is negative: int32 (n, operations) each."""
        place = np.arange(self.operations)
        mixed = hash_uint(OPERATION, np.asarray(number)[:, None], place)
        operation = (mixed >> np.uint64(1)) % np.uint64(len(OPERATIONS))
        return operation.astype("int32"), (mixed % np.uint64(2)).astype("int32")

    def apply(self, images, number, count):
        """Carries the operations out.

        Args:
            images: int32 tensor (batch, height, width, channels), 0..255.
            number: int32 tensor (batch,), each below `count`.
            count: how many different lists of operations there are.

        Returns:
            A tensor like `images`.
        """
        drawn, negative = (ops.take(ops.convert_to_tensor(one), number, axis=0) for one in self.drawn(np.arange(count)))
        for place in range(self.operations):
            images = operate(images, drawn[:, place], negative[:, place], self.magnitude)
        return images


def operate(images, operation, negative, magnitude):
    """One operation on each image, all of one magnitude.

    Args:
        images: int32 tensor (batch, height, width, channels), 0..255.
        operation: int32 tensor (batch,), positions in `OPERATIONS`.
        negative: int32 tensor (batch,); 1 shears, moves, turns the other way, or weakens instead of strengthening.
        magnitude: 0..30.

    Returns:
        A tensor like `images`.
    """

    def chosen(*names):
        are = [ops.equal(operation, OPERATIONS.index(name)) for name in names]
        return ops.any(ops.stack(are), axis=0)[:, None, None, None]

    _, height, width, _ = images.shape
    matrices = ops.convert_to_tensor(_matrices(height, width, magnitude))
    images = _moved(images, ops.take(matrices, operation * 2 + negative, axis=0))
    other = ops.where(chosen("color"), _grey(images), ops.zeros_like(images))
    other = ops.where(chosen("contrast"), _mean(_grey(images)), other)
    other = ops.where(chosen("sharpness"), _blurred(images), other)
    change = round(0.9 * magnitude / STRONGEST * ONE)
    share = (ONE + change - 2 * change * negative)[:, None, None, None]
    blended = ops.clip(other + ops.right_shift((images - other) * share, BITS), 0, 255)
    images = ops.where(chosen("brightness", "color", "contrast", "sharpness"), blended, images)
    value, counts = _counted(images)
    level = ops.arange(256, dtype="int32")
    # The rest gives a grey level another one, whatever lies around the pixel: tables of 256, looked up once.
    table = ops.broadcast_to(level, ops.shape(counts))
    table = ops.where(
        chosen("posterize")[..., 0], ops.bitwise_and(level, 256 - 2 ** round(4 * magnitude / STRONGEST)), table
    )
    solarized = ops.where(level * STRONGEST >= 255 * (STRONGEST - magnitude), 255 - level, level)
    table = ops.where(chosen("solarize")[..., 0], solarized, table)
    table = ops.where(chosen("autocontrast")[..., 0], _stretching(counts, level), table)
    table = ops.where(chosen("equalize")[..., 0], _equalizing(counts, level), table)
    return ops.take(ops.reshape(table, (-1,)), value)


def _matrices(height, width, magnitude):
    """For each operation and sign where a pixel comes from: int32 (2 x operations, 6), in 1/65536 of half a pixel.

    With u, v twice a pixel centre's distance from the image's centre, it comes from (a u + b v + c, d u + e v + f).
    """
    matrices = np.tile(np.array([ONE, 0, 0, 0, ONE, 0], "int32"), (len(OPERATIONS), 2, 1))
    shear = round(0.3 * magnitude / STRONGEST * ONE)
    angle = math.radians(30 * magnitude / STRONGEST)
    cosine, sine = round(math.cos(angle) * ONE), round(math.sin(angle) * ONE)
    across, down = (150 * magnitude * size // (331 * STRONGEST) * 2 * ONE for size in (width, height))
    for negative, sign in enumerate((1, -1)):
        rows = {
            # Sheared about the upper left corner, as torchvision does.
            "shear_x": (ONE, sign * shear, sign * shear * height, 0, ONE, 0),
            "shear_y": (ONE, 0, 0, sign * shear, ONE, sign * shear * width),
            "translate_x": (ONE, 0, -sign * across, 0, ONE, 0),
            "translate_y": (ONE, 0, 0, 0, ONE, -sign * down),
            "rotate": (cosine, -sign * sine, 0, sign * sine, cosine, 0),
        }
        for name, row in rows.items():
            matrices[OPERATIONS.index(name), negative] = row
    return matrices.reshape(-1, 6)


def _moved(images, matrix):
    """Each image through its matrix (batch, 6), by nearest neighbours; black outside."""
    _, height, width, channels = images.shape
    u = (2 * ops.arange(width, dtype="int32") + 1 - width)[None, None, :]
    v = (2 * ops.arange(height, dtype="int32") + 1 - height)[None, :, None]
    a, b, c, d, e, f = (matrix[:, part, None, None] for part in range(6))
    column = ops.right_shift(a * u + b * v + c + width * ONE, BITS + 1)
    row = ops.right_shift(d * u + e * v + f + height * ONE, BITS + 1)
    inside = ops.logical_and(ops.logical_and(row >= 0, row < height), ops.logical_and(column >= 0, column < width))
    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)
    pixel = first + ops.clip(row, 0, height - 1) * width + ops.clip(column, 0, width - 1)
    return ops.where(inside[..., None], ops.take(ops.reshape(images, (-1, channels)), pixel, axis=0), 0)


def _grey(images):
    """The brightness of each pixel, in every channel; only of images of three channels, else the images."""
    if images.shape[-1] != 3:
        return images
    red, green, blue = (images[..., channel, None] for channel in range(3))
    grey = ops.right_shift(19595 * red + 38470 * green + 7471 * blue, BITS)
    return ops.broadcast_to(grey, ops.shape(images))


def _mean(images):
    """The mean of each image, rounded: (batch, 1, 1, 1)."""
    _, height, width, channels = images.shape
    count = height * width * channels
    return (ops.sum(images, axis=(1, 2, 3), keepdims=True) + count // 2) // count


def _blurred(images):
    """Each pixel with its neighbours: 3x3 of ones with 5 in the middle, over 13, rounded; the rim as it is."""
    _, height, width, _ = images.shape
    padded = ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    around = padded[:, :height] + padded[:, 1 : height + 1] + padded[:, 2:]
    around = around[:, :, :width] + around[:, :, 1 : width + 1] + around[:, :, 2:]
    rows, columns = np.arange(height)[:, None], np.arange(width)
    inner = (rows > 0) & (rows < height - 1) & (columns > 0) & (columns < width - 1)
    return ops.where(ops.convert_to_tensor(inner[None, :, :, None]), (around + 4 * images + 6) // 13, images)


def _counted(images):
    """Where each pixel stands in a flat table (batch, channels, 256), and how many stand there: such a table."""
    _, height, width, channels = images.shape
    batch = ops.shape(images)[0]
    channel = ops.reshape(ops.arange(batch * channels, dtype="int32"), (-1, 1, 1, channels))
    value = channel * 256 + images
    # Counted in float32, exact to 2**24 and at home on every device.
    ones = ops.ones((batch * height * width * channels,), "float32")
    counts = ops.segment_sum(ones, ops.reshape(value, (-1,)), batch * channels * 256)
    return value, ops.cast(ops.reshape(counts, (-1, channels, 256)), "int32")


def _stretching(counts, level):
    """The table that stretches each channel to 0..255; a channel of one level stays."""
    high = ops.max(ops.where(counts > 0, level, 0), axis=-1, keepdims=True)
    low = ops.min(ops.where(counts > 0, level, 255), axis=-1, keepdims=True)
    return ops.where(high > low, ops.clip((level - low) * 255 // ops.maximum(high - low, 1), 0, 255), level)


def _equalizing(counts, level):
    """The table that levels each channel's histogram, as PIL does."""
    high = ops.max(ops.where(counts > 0, level, 0), axis=-1, keepdims=True)
    to_here = ops.cast(ops.cumsum(ops.cast(counts, "float32"), axis=-1), "int32")
    highest = ops.sum(ops.where(ops.equal(level, high), counts, 0), axis=-1, keepdims=True)
    step = (to_here[..., -1:] - highest) // 255
    return ops.where(step > 0, ops.minimum((to_here - counts + step // 2) // ops.maximum(step, 1), 255), level)
