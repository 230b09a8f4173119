"""A few views of each image, so that a small bank holds them all."""

from dataclasses import dataclass

import numpy as np

from keras_kd.data.views.crop_flip import Views
from keras_kd.utils.hashing import hash_uint

WHICH, TURN = 21, 22


@dataclass(frozen=True)
class ViewSubset:
    """Some of the views of a family, others for each image, the same in every run.

    Args:
        family: a `Views`.
        count: how many each image has; at most those of the family.

    Example:
        >>> from keras_kd.data.views.crop_flip import VIEWS
        >>> few = ViewSubset(VIEWS["crop_flip"], 4)
        >>> few.views(np.zeros(4, int), np.arange(4)).tolist()
        [124, 27, 92, 157]
    """

    family: Views
    count: int

    def turns(self, seed, epoch, index):
        """Which of its few views each image has in an epoch: int32 array (n,), each in 0 .. count - 1."""
        return (hash_uint(seed, epoch, index, TURN) % np.uint64(self.count)).astype("int32")

    def views(self, index, turn):
        """The views of the family that they are: int32 array (n,)."""
        whole = self.family.count
        first = hash_uint(index, WHICH) % np.uint64(whole)
        step = _coprime(whole)
        return ((first + np.asarray(turn).astype("uint64") * np.uint64(step)) % np.uint64(whole)).astype("int32")


def _coprime(count):
    """A step that comes to every number below `count` before it comes to one again, and spreads its first steps."""
    step = max(1, round(count * 0.381966))
    while np.gcd(step, count) != 1:
        step += 1
    return step
