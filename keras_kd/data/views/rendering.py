"""The layer between what the host sends (indices or raw pixels, and view ids) and what the networks see."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.data.views.crop_flip import Views


class ViewRenderer(keras.layers.Layer):
    """Turns a batch of {index, view}, or {image, view}, into float32 pixels on the device.

    With `images` given they stay on the device as one uint8 array and the host sends their indices; without, the host
    sends the pixels of each batch. Either way the same (image, view) gives the same pixels.

    Args:
        views: the `Views` family.
        images: uint8 array (n, height, width, channels), or None.

    Returns:
        Called on {"index": int32 (batch,), "view": int32 (batch,)} or {"image": uint8 (batch, h, w, c), "view": ...}:
        float32 pixels (batch, h, w, c) in 0..255. With {"partner" or "partner_image", "partner_view", "ratio", ("box")}
        next to them, as `Augmented.plan` gives them, the images are mixed.
    """

    def __init__(self, views: Views, images: np.ndarray | None = None, **options: Any) -> None:
        super().__init__(trainable=False, dtype="float32", autocast=False, **options)
        self.views = views
        self.images = None
        if images is not None:
            backend.keep_memory()
            # Given as a function: an initializer given as an array would be cast through float32.
            self.images = self.add_weight(
                shape=images.shape,
                dtype="uint8",
                initializer=lambda shape, dtype: ops.array(images, dtype=dtype),
                trainable=False,
                name="images",
            )
        self.built = True

    def call(self, batch):
        images = self.views.render(self._images(batch, "image", "index"), batch["view"])
        if "ratio" not in batch:
            return images
        partners = self.views.render(self._images(batch, "partner_image", "partner"), batch["partner_view"])
        return self.views.mixing.mix(images, partners, batch)

    def _images(self, batch, sent, index):
        return batch[sent] if sent in batch else ops.take(self.images, batch[index], axis=0)

    def save_own_variables(self, store):
        """Nothing: the images belong to the data, not to a checkpoint."""

    def load_own_variables(self, store):
        """Nothing: see `save_own_variables`."""
