"""The training split as epochs of (index or pixels, view, label), in an order that any process can repeat."""

from typing import Any

import keras
import numpy as np

from keras_kd.data.views.crop_flip import Views, epoch_order
from keras_kd.data.views.member_views import SENT, MemberViews
from keras_kd.data.views.mixing import mixed_labels
from keras_kd.utils import stages

# Bytes of a bank's rows that are held in memory for an epoch.
READ_AHEAD = 2**29


class Epochs(keras.utils.PyDataset):
    """Batches of one epoch after another; the whole plan of an epoch is made when it begins.

    Args:
        images: uint8 array (n, height, width, channels): sent with each batch; or None when they are on the device.
        labels: int array (n,).
        views: the `Views` family.
        batch_size: images per step; the last batch of an epoch may be smaller.
        seed: whole number; with the epoch it decides order and views.
        epoch: the epoch to begin with, counted from 0 (a resumed run begins later).
        image_shape: (height, width, channels) of an image, and
        classes: how many there are: both for views that mix images.
        bank: the teacher's `Bank` for these views, or None; what it holds is sent with each batch.
        positions: int array (n,): the numbers by which the bank, and the draw of the views, know the images; their own
            by default. Images of a split that others were carved out of keep their numbers, and so share its bank.
        member_views: the `MemberViews` of a teacher whose members see views of their own, where it runs in the step.
    """

    def __init__(
        self,
        images: np.ndarray | None,
        labels: np.ndarray,
        views: Views,
        batch_size: int,
        seed: int = 0,
        epoch: int = 0,
        image_shape: tuple[int, int, int] | None = None,
        classes: int | None = None,
        bank: Any = None,  # a `Bank`: the room above this one
        positions: np.ndarray | None = None,
        member_views: MemberViews | None = None,
    ) -> None:
        super().__init__()
        self.positions, self.member_views = positions, member_views
        self.images, self.labels, self.views = images, np.asarray(labels), views
        self.image_shape, self.classes, self.bank = image_shape, classes, bank
        self.progress = None  # called with (done, of) views while the bank is filled
        self.before_filling = None  # called with (epoch, views that the teacher will be asked about)
        self.batch_size, self.seed = batch_size, seed
        self.plan(epoch)

    def plan(self, epoch):
        """Lays out an epoch: `order` and `view`, int32 (n,) each."""
        self.epoch = epoch
        self.order = epoch_order(self.seed, epoch, len(self.labels))
        self.filled = self.bank is None
        self.place = self.order if self.positions is None else self.positions[self.order]
        if self.bank is None:
            self.view = self.views.ids(self.seed, epoch, self.place)
        else:
            self.number = self.bank.number(self.seed, epoch, self.place)
            self.view = self.bank.view(self.place, self.number)

    def begin(self, epoch):
        """Lays out an epoch and has the bank filled for it; `Distiller.fit` does so as each epoch begins."""
        # Not at Keras's `on_epoch_end`, which also comes before the first epoch.
        if epoch != self.epoch:
            self.plan(epoch)
        self.fill()

    def fill(self):
        """Has the bank filled for the epoch that is laid out, and reads it, or where it is large reads it through.

        Here and not batch by batch: what is damaged is then found in the thread that trains.
        """
        if self.filled:
            return
        self.rows = None
        if self.before_filling is not None:
            self.before_filling(self.epoch, self.bank.asks(self.place, self.number))
        with stages.stage("bank"):
            self.bank.fill(self.place, self.number, self.progress)
        step = max(1, READ_AHEAD // self.bank.values_bytes)
        for start in range(0, len(self.order), step):
            part = slice(start, start + step)
            rows = self.bank.rows(self.place[part], self.number[part])
            if step >= len(self.order):
                self.rows = rows
        self.filled = True

    def _taught(self, part):
        """What the bank holds of a part of the epoch."""
        if self.rows is None:
            return self.bank.rows(self.place[part], self.number[part])
        return {tap: values[part] for tap, values in self.rows.items()}

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, step):
        part = slice(step * self.batch_size, (step + 1) * self.batch_size)
        sent, labels = self.batch(self.order[part], self.view[part])
        if self.bank is not None:
            self.fill()
            sent["teacher"] = self._taught(part)
        return sent, labels

    def batch(self, index, view):
        """What is sent to show some images in some views, and their labels.

        Args:
            index, view: int32 arrays (n,).

        Returns:
            A dict for `ViewRenderer`; int labels (n,), or float32 (n, classes) where the views mix images.
        """
        sent, labels = {"index": index, "view": view}, self.labels[index]
        if self.member_views is not None and self.bank is None:
            sent[SENT] = self.member_views.of(index if self.positions is None else self.positions[index], view)
        if self.views.mixing:
            plan = self.views.plan(index, view, len(self.labels), self.image_shape)
            labels = mixed_labels(labels, self.labels[plan["partner"]], plan["ratio"], self.classes)
            sent.update(plan)
        if self.images is not None:
            sent["image"] = gather(self.images, index)
            if self.views.mixing:
                sent["partner_image"] = gather(self.images, sent["partner"])
        return sent, labels


class ValidationBatches(keras.utils.PyDataset):
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
