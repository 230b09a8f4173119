"""Taking images out of splits: which ones, a seed decides."""

from dataclasses import dataclass

from keras_kd.data import subset as choose
from keras_kd.data.sources import cache
from keras_kd.data.values import is_whole
from keras_kd.utils.errors import UserError


@dataclass(frozen=True)
class Pick:
    """Takes images out of splits.

    Args:
        seed: whole number.
        cache_dir: where subsets too large for memory are kept; see `keras_kd.data.sources.cache.folder`.

    Example:
        >>> import numpy as np
        >>> from keras_kd.data.dataset import Split
        >>> split = Split(np.zeros((10, 8, 8, 1), "uint8"), np.arange(10) % 2)
        >>> Pick(seed=0).parted(split, 4, choose.TEST_FRACTION)
        (Split(6 images of 8x8x1), Split(4 images of 8x8x1))
    """

    seed: int
    cache_dir: str | None = None

    def take(self, split, index):
        """The images at some ascending positions, int (n,), as a split."""
        return cache.subset(split, index, cache.folder(self.cache_dir))

    def parted(self, split, count, purpose):
        """(the others, `count` images of which every class gives its share); `purpose` is one of `choose`'s."""
        aside = choose.proportional(split.labels, count, self.seed, purpose)
        return self.take(split, choose.others(aside, len(split))), self.take(split, aside)

    def at_most(self, where, split, count, purpose):
        """A split of at most so many images, the classes as equal as can be; None keeps all.

        Raises:
            UserError: `count` is no whole number above 0; `where` names it.
        """
        if count is None:
            return split
        if not is_whole(count) or count < 1:
            raise UserError(f"{where}: found {count!r}; expected a whole number, 1 or more; correct it")
        if count >= len(split):
            return split
        return self.take(split, choose.balanced(split.labels, int(count), self.seed, purpose))
