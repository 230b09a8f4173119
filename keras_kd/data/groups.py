"""Classes put together to groups, which are then the classes."""

from dataclasses import replace

import numpy as np

from keras_kd.utils.errors import UserError


def group_numbers(groups, classes, where="groups"):
    """The group of each class.

    Args:
        groups: a list of lists of class numbers; each class in one of them.
        classes: how many there are.
        where: for errors.

    Returns:
        int32 array (classes,).

    Raises:
        UserError: fewer than two groups, an empty one, or a class that is in none, in two, or not there.

    Example:
        >>> group_numbers([[0, 3], [1, 2]], 4).tolist()
        [0, 1, 1, 0]
    """
    groups = [list(one) for one in groups]
    if len(groups) < 2 or not all(groups):
        raise UserError(f"{where}: found {groups}; expected two lists or more, each of one class number or more")
    listed = [one for group in groups for one in group]
    wrong = next((one for one in listed if not 0 <= one < classes), None)
    if wrong is not None:
        raise UserError(f"{where}: found class {wrong}; expected 0 to {classes - 1}, as `classes` leaves them")
    twice = next((one for one in listed if listed.count(one) > 1), None)
    if twice is not None:
        raise UserError(f"{where}: found class {twice} twice; expected each class in one group")
    absent = sorted(set(range(classes)) - set(listed))
    if absent:
        raise UserError(
            f"{where}: found no group for class {absent[0]}; expected each of the {classes} classes in one group; add "
            "it, or leave the class out by `classes`"
        )
    numbers = np.empty(classes, "int32")
    for number, group in enumerate(groups):
        numbers[group] = number
    return numbers


def grouped(source, groups):
    """A source whose classes are groups of classes; a group is called as its classes, with "+" between.

    Args:
        source: a `keras_kd.data.dataset.Source`.
        groups: as of `group_numbers`.

    Raises:
        UserError: as `group_numbers`.

    Example:
        >>> from keras_kd.data.dataset import Source, Split
        >>> split = Split(np.zeros((3, 8, 8, 1), "uint8"), np.array([0, 1, 2], "int32"))
        >>> found = grouped(Source(split, None, ("cat", "dog", "car")), [[2], [0, 1]])
        >>> found.class_names, found.train.labels.tolist()
        (('car', 'cat+dog'), [1, 1, 0])
    """
    numbers = group_numbers(groups, len(source.class_names))

    def relabelled(split):
        return None if split is None else replace(split, labels=numbers[split.labels], facts=None)

    names = tuple("+".join(source.class_names[one] for one in group) for group in groups)
    splits = {split: relabelled(getattr(source, split)) for split in ("train", "test", "validation")}
    return source._replace(**splits, class_names=names)
