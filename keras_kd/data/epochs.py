"""The training split as epochs of (index or pixels, view, label), in an order that any process can repeat."""

import keras
import numpy as np

from keras_kd.data.views import epoch_order


class Epochs(keras.utils.PyDataset):
    """Batches of one epoch after another; the whole plan of an epoch is made when it begins.

    Args:
        images: uint8 array (n, height, width, channels): sent with each batch; or None when they are on the device.
        labels: int array (n,).
        views: the `Views` family.
        batch_size: images a step; the last batch of an epoch may be smaller.
        seed: whole number; with the epoch it decides order and views.
        epoch: the epoch to begin with, counted from 0 (a resumed run begins later).
    """

    def __init__(self, images, labels, views, batch_size, seed=0, epoch=0):
        super().__init__()
        self.images, self.labels, self.views = images, np.asarray(labels), views
        self.batch_size, self.seed = batch_size, seed
        self.plan(epoch)

    def plan(self, epoch):
        """Lays out an epoch: `order` and `view`, int32 (n,) each."""
        self.epoch = epoch
        self.order = epoch_order(self.seed, epoch, len(self.labels))
        self.view = self.views.ids(self.seed, epoch, self.order)

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, step):
        part = slice(step * self.batch_size, (step + 1) * self.batch_size)
        index, view = self.order[part], self.view[part]
        labels = self.labels[index]
        if self.images is None:
            return {"index": index, "view": view}, labels
        return {"image": gather(self.images, index), "view": view}, labels

    def on_epoch_end(self):
        self.plan(self.epoch + 1)


class Unchanged(keras.utils.PyDataset):
    """A split in its own order, every image as it is: for validation."""

    def __init__(self, images, labels, views, batch_size):
        super().__init__()
        self.images, self.labels, self.views, self.batch_size = images, np.asarray(labels), views, batch_size

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, step):
        part = slice(step * self.batch_size, (step + 1) * self.batch_size)
        images = np.asarray(self.images[part])
        view = np.full(len(images), self.views.identity, "int32")
        return {"image": images, "view": view}, self.labels[part]


def gather(images, index):
    """Rows of an array that may be memory-mapped, read in the order in which they lie on the disk."""
    ascending = np.argsort(index, kind="stable")
    rows = np.empty((len(index), *images.shape[1:]), images.dtype)
    rows[ascending] = images[index[ascending]]
    return rows
