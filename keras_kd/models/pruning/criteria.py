"""What a channel is worth: the criteria by which channels are chosen."""

import re
from functools import partial

import numpy as np

from keras_kd.models.pruning.weighted import IN, OUT, OWN
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras
from keras_kd.utils.suggest import did_you_mean

BATCH = 64  # images of one gradient
IMAGES = 1024  # images that gradients are taken of
CLASS = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


class Criterion:
    """What a channel is worth; a subclass is a criterion of one's own.

    A channel goes through weights: of the layers that make it, that read it, and that work on it alone, as batch
    normalisation does. By default its worth is the sum of `of_weight` over all of these, divided by the mean worth in
    its group, so that layers of different sizes can be compared.

    Attributes:
        roles: through which weights a channel is looked at: some of "out" (it is made), "in" (it is read) and "own".
        takes_images: whether `prune` must be given images.
        work_power: the worth is divided by this power of the multiply-accumulates that go with the channel.

    Example:
        >>> class Largest(Criterion):
        ...     roles = ("out",)
        ...     def of_weight(self, layer, weight, values):
        ...         return abs(values) ** 8
    """

    roles: tuple = (IN, OUT)
    takes_images = False
    work_power = 0.0

    def of_weight(self, layer, weight, values):
        """What the numbers of a weight add to the worth of the channels that they belong to.

        Args:
            layer: that has the weight.
            weight: a `keras.Variable`.
            values: its numbers, a NumPy array.

        Returns:
            An array of the same shape, or None where the weight does not count.
        """
        kind = type(self).__name__
        raise UserError(
            f"prune: criterion {kind} says no worth; define of_weight(self, layer, weight, values), or scores"
        )

    def of_sums(self, sums):
        """The worth, from the sums of `of_weight`, float64 (labels,)."""
        return sums

    def scores(self, channels, images=None, labels=None, seed=0):
        """The worth of each channel.

        Args:
            channels: the `Channels` of the network.
            images: float32 (n, ...) as the network takes them, where `takes_images`.
            labels: whole numbers (n,), the classes of the images, or None.
            seed: of what is random.

        Returns:
            float64 (labels,); what counts is that of `channels.groups`.
        """
        return relative(channels, self.of_sums(self.sums(channels, self.of_weight)))

    def sums(self, channels, of_weight):
        """Sums numbers over all weights that each channel goes through: float64 (labels,)."""
        total = np.zeros(len(channels.root))
        for part in channels.parts:
            for weight in getattr(part.layer, "weights", ()):
                axes = part.axes.get(id(weight), {})
                found = None
                for axis, (labels, role) in axes.items():
                    if role not in self.roles:
                        continue
                    if found is None:
                        found = of_weight(part.layer, weight, _values(weight))
                        if found is None:
                            break
                    others = tuple(other for other in range(found.ndim) if other != axis)
                    np.add.at(total, channels.root[labels], found.sum(others))
        return total


def relative(channels, worth):
    """Each channel's worth over the mean of its group."""
    worth = np.array(worth, "float64")
    for group in channels.groups:
        worth[group] /= worth[group].mean() + 1e-12
    return worth


def _values(weight):
    return keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32")).astype("float64")


class L2(Criterion):
    """The root of the sum of squares of all weights that make or read a channel."""

    def of_weight(self, layer, weight, values):
        return values**2

    def of_sums(self, sums):
        return np.sqrt(sums)


class L1(Criterion):
    """The sum of the absolute values of all weights that make or read a channel (Li et al. 2017, arXiv:1608.08710)."""

    def of_weight(self, layer, weight, values):
        return np.abs(values)


class BatchNormScale(Criterion):
    """The absolute scale of batch normalisation (Liu et al. 2017, arXiv:1708.06519); of channels without one, 0."""

    roles = (OWN,)

    def of_weight(self, layer, weight, values):
        if not isinstance(layer, keras.layers.BatchNormalization) or weight is not layer.gamma:
            return None
        return np.abs(values)


class Random(Criterion):
    """A number drawn by the seed: what a criterion has to be better than."""

    def scores(self, channels, images=None, labels=None, seed=0):
        return np.random.default_rng(seed).random(len(channels.root))


class Taylor(Criterion):
    """The change of the loss if all that reads a channel read zero, to first order, over the root of its work.

    The square of weight times gradient, summed over what reads the channel, is averaged over batches (Molchanov et al.
    2019, arXiv:1906.10771). The loss is the cross-entropy of the labels; without them, of classes drawn from what the
    network itself says of each image.
    """

    roles = (IN,)
    takes_images = True
    work_power = 0.5

    def scores(self, channels, images=None, labels=None, seed=0):
        from keras_kd.models.pruning.gradients import weight_gradients

        total, batches = np.zeros(len(channels.root)), 0
        for gradients in weight_gradients(channels.model, images[:IMAGES], labels, seed=seed, batch_size=BATCH):
            batches += 1
            total += self.sums(channels, partial(_change, gradients)) ** 2
        return np.sqrt(total / batches)


def _change(gradients, layer, weight, values):
    """What setting a weight to zero does to the loss, to first order; None of one without a gradient."""
    return values * gradients[id(weight)] if id(weight) in gradients else None


CRITERIA = {"l2": L2, "l1": L1, "bn_scale": BatchNormScale, "random": Random, "taylor": Taylor}


def check_name(name):
    """Refuses what can be the name of no criterion; runs no code.

    Args:
        name: one of `CRITERIA`, or "package.module:Class".

    Raises:
        UserError: it is neither.

    Example:
        >>> check_name("mine:Mine")
    """
    if name in CRITERIA:
        return
    if not re.fullmatch(CLASS, name):
        expected = f"; expected one of {', '.join(CRITERIA)}, or package.module:Class"
        raise UserError(f"criterion: no criterion {name!r}{did_you_mean(name, CRITERIA, otherwise=expected)}")
    foreign_code.check_name(name)


def criterion_of(given):
    """A criterion by what a user gives for one.

    Args:
        given: a name of `CRITERIA`; a `Criterion`, or a subclass; or "package.module:Class".

    Raises:
        UserError: it is none.

    Example:
        >>> type(criterion_of("l1")).__name__
        'L1'
    """
    found = given
    if isinstance(given, str):
        check_name(given)
        found = CRITERIA[given] if given in CRITERIA else foreign_code.named(given)
    if isinstance(found, type) and issubclass(found, Criterion):
        with foreign_code.guarded(str(given), "making it"):
            found = found()
    if not isinstance(found, Criterion):
        raise UserError(
            f"criterion: found {given!r}; expected one of {', '.join(CRITERIA)}, or a keras_kd.Criterion of your own"
        )
    return found
