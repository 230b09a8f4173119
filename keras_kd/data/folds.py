"""Training images in folds, so that a teacher may be trained without the images that it will teach."""

import numpy as np

from keras_kd.data import subset as choose
from keras_kd.data.values import is_whole
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint


def fold_of(labels, folds, seed=0):
    """The fold of each training image: folds differ by one image at most, and so does what they have of each class.

    Args:
        labels: int array (n,), the images' own labels, before noise is planted.
        folds: how many, 2 or more.
        seed: whole number; decides which image is in which.

    Returns:
        int32 array (n,), each 0 .. folds - 1; the same on every machine for ever.

    Raises:
        UserError: `folds` is no whole number from 2 to the number of images.

    Source:
        Dao et al. 2021, arXiv:2104.09732, for cross-fitting; that classes are shared out evenly is ours.

    Example:
        >>> np.bincount(fold_of(np.array([0, 0, 0, 1, 1, 1, 1]), 3)).tolist()
        [3, 2, 2]
    """
    labels = np.asarray(labels)
    if not is_whole(folds) or not 2 <= folds <= len(labels):
        raise UserError(f"folds: found {folds!r}; expected a whole number, 2 to {len(labels):,} (images); correct it")
    order = np.lexsort((hash_uint(seed, choose.FOLDS, np.arange(len(labels))), labels))
    found = np.empty(len(labels), "int32")
    found[order] = np.arange(len(labels)) % folds
    return found


def without(labels, positions, folds, fold, seed=0):
    """Of some positions those that are not in a fold.

    Args:
        labels: int array (n,), of all training images.
        positions: int array (m,), into them.
        folds, seed: as of `fold_of`.
        fold: the number of the one that is left out.

    Returns:
        int array, ascending where `positions` are.

    Raises:
        UserError: there is no such fold, or only one of both numbers is given.

    Example:
        >>> without(np.array([0, 0, 1, 1]), np.arange(4), folds=2, fold=1).shape
        (2,)
    """
    if (folds is None) != (fold is None):
        missing, there = ("without_fold", "folds") if fold is None else ("folds", "without_fold")
        raise UserError(f"{missing}: is not given and {there} is; give both, or neither")
    if folds is None:
        return positions
    here = fold_of(labels, folds, seed)
    if not is_whole(fold) or not 0 <= fold < folds:
        raise UserError(f"without_fold: found {fold!r}; expected a fold's number, 0 to {folds - 1}; correct it")
    return positions[here[positions] != fold]
