"""Classes that belong together."""

import numpy as np

from keras_kd.utils.errors import UserError

# Of the 100 classes of CIFAR-100 in the order of their labels: the one of its 20 superclasses that each belongs to.
CIFAR100 = (
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11,
    6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5,
    5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17,
    10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
    16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
)  # fmt: skip
SUPERCLASSES = {"cifar100": CIFAR100}


def next_in_superclass(superclasses, classes):
    """For each class the next one of its superclass, in the order of the labels; after the last the first.

    Args:
        superclasses: int (classes,): the superclass of each class.
        classes: how many there are.

    Returns:
        int array (classes,).

    Raises:
        UserError: no superclasses, not one per class, or one of a single class.

    Example:
        >>> next_in_superclass([0, 1, 0, 1, 0], 5).tolist()
        [2, 3, 4, 1, 0]
    """
    if superclasses is None:
        known = ", ".join(SUPERCLASSES)
        raise UserError(
            f"label_noise.superclasses: none are known of this dataset (known: {known}); "
            "give a list, one number per class"
        )
    groups = np.asarray(superclasses)
    if groups.shape != (classes,) or groups.dtype.kind not in "iu":
        raise UserError(
            f"label_noise.superclasses: found {groups.dtype} of shape {groups.shape}; expected {classes} whole "
            "numbers, one per class"
        )
    following = np.empty(classes, "int64")
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        if len(members) == 1:
            raise UserError(
                f"label_noise.superclasses: superclass {group} has class {members[0]} alone; expected two or more, so "
                "that a label can be wrong within it"
            )
        following[members] = np.roll(members, -1)
    return following
