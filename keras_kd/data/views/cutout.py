"""Cutout: a square of an image is blotted out (DeVries & Taylor 2017, arXiv:1708.04552)."""

from dataclasses import dataclass

import numpy as np

from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint
from keras_kd.utils.lazy import ops

HOLE = 3
# Places are kept as whole parts of the image's height and width, so that they do not depend on its size.
PARTS = 2**16


@dataclass(frozen=True)
class Cutout:
    """One square hole per image. Its centre lies anywhere in the image, so that a part of the hole may lie outside.

    Args:
        size: side of the square in pixels, above 0; 16 on CIFAR-10 and 8 on CIFAR-100 in the paper.
        draws: how many holes each view of the base has, above 0.
        fill: the pixel in the hole: one number 0..255, or one a channel. The paper's code cuts after standardizing, so
            its zeros are the mean pixel of the training images.

    Source:
        DeVries & Taylor 2017, arXiv:1708.04552, section 3.2.

    Example:
        >>> Cutout(size=2).boxes(np.array([5]), height=8, width=8).tolist()
        [[4, 2, 6, 4]]
    """

    size: int = 8
    draws: int = 16
    fill: tuple[int, ...] = (0,)

    def check(self, image_shape):
        """Refuses images, (height, width, channels), that the holes do not fit.

        Raises:
            UserError: a hole as large as the image, or another number of channels than of `fill`.
        """
        height, width, channels = image_shape
        if len(self.fill) not in (1, channels):
            raise UserError(
                f"data.views.fill: has {len(self.fill)} numbers and the images {channels} channel"
                f"{'s' * (channels > 1)}; give one number, or one a channel"
            )
        if self.size >= min(height, width):
            raise UserError(
                f"data.views.cutout: is {self.size} and the images are {height}x{width}; expected a hole smaller than "
                "the image"
            )

    def centres(self, number):
        """The centres of numbered holes, int32 (n, 2): parts of 65536 of the height and of the width."""
        drawn = hash_uint(HOLE, number)
        return np.stack([drawn >> np.uint64(48), (drawn >> np.uint64(32)) % np.uint64(PARTS)], -1).astype("int32")

    def boxes(self, number, height, width):
        """Where numbered holes lie, int32 (n, 4): top, left, bottom, right; not clipped to the image."""
        first = self.centres(number) * [height, width] // PARTS - self.size // 2
        return np.concatenate([first, first + self.size], -1).astype("int32")

    def apply(self, images, number, count):
        """Cuts the holes.

        Args:
            images: int32 tensor (batch, height, width, channels), 0..255.
            number: int32 tensor (batch,), each below `count`.
            count: how many different holes there are.

        Returns:
            A tensor like `images`.
        """
        _, height, width, channels = images.shape
        box = ops.take(ops.convert_to_tensor(self.boxes(np.arange(count), height, width)), number, axis=0)
        fill = ops.broadcast_to(ops.convert_to_tensor(self.fill, dtype="int32"), (channels,))
        return ops.where(within(box, height, width), fill, images)


def within(box, height, width):
    """Which pixels lie in each image's box (top, left, bottom, right): bool tensor (batch, height, width, 1)."""
    top, left, bottom, right = (box[:, side, None] for side in range(4))
    rows, columns = ops.arange(height, dtype="int32"), ops.arange(width, dtype="int32")
    tall = ops.logical_and(rows >= top, rows < bottom)
    wide = ops.logical_and(columns >= left, columns < right)
    return ops.logical_and(tall[:, :, None], wide[:, None, :])[..., None]
