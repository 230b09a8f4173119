"""A view is a number: an augmented image is a pure function of (image, view id).

Which view an image has in an epoch is a hash of (seed, epoch, index), computed in whole numbers on the host, so every
process, backend and machine agrees on it. The pixels are made on the device by `Views.render`.
"""

from dataclasses import dataclass

import numpy as np

from keras_kd.utils.hashing import hash_uint
from keras_kd.utils.lazy import ops

ORDER, VIEW = 1, 2


@dataclass(frozen=True)
class Views:
    """A finite family of views: every shift of a zero-padded image, and its mirror image.

    Args:
        pad: black pixels added on each side before the crop, 0 or more.
        flip: whether the mirror images belong to the family.

    Example:
        >>> VIEWS["crop_flip"].count
        162
        >>> VIEWS["crop_flip"].decode(VIEWS["crop_flip"].identity)
        (4, 4, 0)
    """

    pad: int = 0
    flip: bool = False

    # What mixes two images: nothing in the plain families. Without a type, so that it is no field of theirs.
    mixing = None

    @property
    def count(self):
        """How many views an image has."""
        return (2 * self.pad + 1) ** 2 * (2 if self.flip else 1)

    @property
    def identity(self):
        """The view that is the image itself."""
        return self.encode(self.pad, self.pad, 0)

    def check(self, image_shape):
        """Refuses images, (height, width, channels), that the views do not fit: here none."""

    def encode(self, top, left, mirrored):
        """The view id of a crop that starts at (top, left) of the padded image, mirrored or not."""
        shift = top * (2 * self.pad + 1) + left
        return shift * 2 + mirrored if self.flip else shift

    def decode(self, view):
        """(top, left, mirrored) of a view id; works on numbers, arrays and tensors."""
        shift, mirrored = (view // 2, view % 2) if self.flip else (view, view * 0)
        return shift // (2 * self.pad + 1), shift % (2 * self.pad + 1), mirrored

    def ids(self, seed, epoch, index):
        """The view of each image in an epoch.

        Args:
            seed: whole number, 0 or more.
            epoch: whole number, counted from 0.
            index: int array (n,), the images' positions in the training split.

        Returns:
            int32 array (n,) of view ids, each in 0 .. count - 1.

        Example:
            >>> VIEWS["crop_flip"].ids(seed=0, epoch=3, index=np.arange(4)).tolist()
            [97, 128, 147, 127]
        """
        return (hash_uint(seed, epoch, index, VIEW) % np.uint64(self.count)).astype("int32")

    def render(self, images, view):
        """The views as pixels, on the device.

        Args:
            images: uint8 tensor (batch, height, width, channels).
            view: int32 tensor (batch,).

        Returns:
            float32 tensor (batch, height, width, channels), pixels 0..255; what lies outside the image is black.
        """
        return ops.cast(self.pixels(images, view), "float32")

    def pixels(self, images, view):
        """As `render`, in whole numbers."""
        return self._gather(images, view) if self.count > 1 else images

    def _gather(self, images, view):
        _, height, width, channels = images.shape
        pad = self.pad
        if pad:
            images = ops.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
        top, left, mirrored = self.decode(ops.cast(view, "int32"))
        across = ops.arange(width, dtype="int32")
        across = ops.where(mirrored[:, None] > 0, width - 1 - across, across)
        rows = top[:, None] + ops.arange(height, dtype="int32")
        columns = left[:, None] + across
        batch = ops.arange(ops.shape(images)[0], dtype="int32")
        first_row = batch[:, None] * (height + 2 * pad) + rows
        pixel = first_row[:, :, None] * (width + 2 * pad) + columns[:, None, :]
        # One flat gather of whole pixels is several times faster on TensorFlow than one gather per axis.
        return ops.take(ops.reshape(images, (-1, channels)), pixel, axis=0)


VIEWS = {"none": Views(), "flip": Views(flip=True), "crop_flip": Views(pad=4, flip=True)}


def epoch_order(seed, epoch, count):
    """The order in which an epoch shows the images: a permutation that depends on (seed, epoch) alone.

    Example:
        >>> epoch_order(seed=0, epoch=0, count=5).tolist()
        [1, 3, 4, 0, 2]
    """
    return np.argsort(hash_uint(seed, epoch, np.arange(count), ORDER), kind="stable").astype("int32")
