"""Rounds of training: some batches of the training images, and held-out images next to them."""

import keras
import numpy as np

from keras_kd.data.epochs import Epochs, gather
from keras_kd.data.subset import HELD_OUT
from keras_kd.data.views.crop_flip import Views, epoch_order
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint


class HeldOut:
    """Held-out examples without an end: pass after pass over all of them, each pass in an order of its own.

    What comes at a step depends on (seed, step) alone, so a run that was killed goes on with the same images.

    Args:
        x: array (n, ...): images, or what else the networks take.
        labels: array (n,) of whole numbers, or (n, classes).
        size: examples a step, 1 or more; all of them where there are fewer.
        seed: whole number, 0 or more.
        views: the `Views` in which images are shown, never mixed with others; None gives them as they are.

    Example:
        >>> held_out = HeldOut(np.arange(5.0), np.arange(5), size=2)
        >>> [held_out.at(step)[1].tolist() for step in range(3)]
        [[0, 2], [3, 1], [4, 3]]
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, size: int, seed: int = 0, views: Views | None = None) -> None:
        self.x, self.labels, self.views = x, np.asarray(labels), views
        if not 0 < len(self.labels) == len(x):
            raise UserError(
                f"held_out: found {len(x)} images and {len(self.labels)} labels; expected as many of both, 1 or more"
            )
        self.size, self.seed = min(size, len(self.labels)), int(hash_uint(seed, HELD_OUT) % np.uint64(2**31))

    def at(self, step):
        """(x, labels) of a step, counted from 0 over all epochs; x is {"image", "view"} where there are views."""
        count = len(self.labels)
        place = np.arange(step * self.size, (step + 1) * self.size)
        orders = {one: epoch_order(self.seed, one, count) for one in np.unique(place // count).tolist()}
        index = np.array([orders[one // count][one % count] for one in place.tolist()])
        x = gather(self.x, index)
        if self.views is not None:
            # Two passes may meet in one step.
            x = {"image": x, "view": self.views.ids(self.seed, place // count, index)}
        return x, self.labels[index]


class ArrayEpochs(keras.utils.PyDataset):
    """Arrays as epochs of batches, in an order that (seed, epoch) decides.

    Args:
        x: array (n, ...).
        y: labels, array (n, ...).
        sample_weight: array (n,), or None.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        seed: whole number, 0 or more.
        shuffle: False keeps the order of the arrays.
    """

    bank = None

    def __init__(self, x, y, sample_weight=None, batch_size=32, seed=0, shuffle=True):
        super().__init__()
        self.arrays = [np.asarray(one) for one in (x, y, sample_weight) if one is not None]
        if len({len(one) for one in self.arrays}) != 1:
            counts = ", ".join(str(len(one)) for one in self.arrays)
            raise UserError(f"fit: found {counts} examples in x, y and sample_weight; expected as many in each")
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.plan(0)

    def __len__(self):
        return -(-len(self.arrays[0]) // self.batch_size)

    def __getitem__(self, step):
        part = self.order[step * self.batch_size : (step + 1) * self.batch_size]
        return tuple(one[part] for one in self.arrays)

    def plan(self, epoch):
        """Lays out an epoch."""
        self.epoch, count = epoch, len(self.arrays[0])
        self.order = epoch_order(self.seed, epoch, count) if self.shuffle else np.arange(count)

    def begin(self, epoch):
        """Lays out an epoch, as it begins."""
        self.plan(epoch)


class Rounds(keras.utils.PyDataset):
    """Batches of ({"train": x, "held_out": x, "held_out_labels": labels}, labels), as `MetaDistiller.fit` takes them.

    Args:
        train: the training images as `Epochs` (or `ArrayEpochs`), whose `batch_size` is that of a whole round.
        held_out: the `HeldOut` images.
        batches: how many batches a round is cut into, 1 or more: the last round of an epoch, which may have fewer
            images, into as many smaller ones.

    Raises:
        UserError: the last round of an epoch has fewer images than batches.

    Example:
        >>> train = ArrayEpochs(np.zeros((10, 3)), np.arange(10), batch_size=4, shuffle=False)
        >>> rounds = Rounds(train, HeldOut(np.ones((5, 3)), np.arange(5), size=2), batches=2)
        >>> len(rounds), rounds[2][1].tolist(), rounds[2][0]["held_out"].shape
        (3, [8, 9], (2, 3))
    """

    bank = None

    def __init__(self, train: Epochs | ArrayEpochs, held_out: HeldOut, batches: int = 1) -> None:
        super().__init__()
        self.train, self.held_out, self.batches = train, held_out, batches
        self.progress = self.before_filling = None  # as of `Epochs`: there is nothing to be filled
        examples = len(train.labels) if isinstance(train, Epochs) else len(train.order)
        last = examples - (len(train) - 1) * train.batch_size
        if last < batches:
            raise UserError(
                f"rounds: the last of an epoch has {last} of {examples} training images for {batches} batches; "
                "change the batch size, or the batches of a round"
            )

    @property
    def epoch(self):
        """The epoch that is laid out, counted from 0."""
        return self.train.epoch

    def begin(self, epoch):
        """Lays out an epoch, as it begins."""
        self.train.begin(epoch)

    def fill(self):
        """Nothing: what a taught teacher says is in no bank."""

    def __len__(self):
        return len(self.train)

    def __getitem__(self, step):
        x, *rest = self.train[step]
        held_out, labels = self.held_out.at(self.epoch * len(self) + step)
        return {"train": x, "held_out": held_out, "held_out_labels": labels}, *rest
