"""A teacher of more or other classes than the student's: its probabilities put together to those of the student."""

import numpy as np

from keras_kd.models.wrappers.softened import log_probabilities, with_output
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


def class_map(model, classes, *, from_logits=True, name=None):
    """A network that speaks of the student's classes.

    Args:
        model: a built `keras.Model` from images to (batch, teacher classes).
        classes: one entry a student class: the index of a teacher class; a list of them, whose probabilities are added;
            or None, where the teacher knows no such class. An index may serve several student classes.
        from_logits: whether the model gives logits.
        name: of the new model; the old one's by default.

    Returns:
        A functional `keras.Model` whose float32 logits are the logarithms of the mapped probabilities, made to sum to 1
        over the classes that the teacher knows. A class that it does not know has the logarithm of 1e-14, far below
        every class that it does know.

    Raises:
        UserError: no student class is mapped, an empty list, or an index that the teacher does not have.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Softmax()])
        >>> mapped = class_map(model, [3, [0, 1], None], from_logits=False)
        >>> [round(float(p), 3) for p in np.exp(mapped(np.log([[0.2, 0.2, 0.4, 0.2]])))[0]]
        [0.333, 0.667, 0.0]
    """
    name = name or model.name
    groups = checked_groups(classes, model.output_shape[-1], name)
    longest = max(map(len, groups))
    # Lists of unequal length are filled up with index 0, which counts nothing there.
    index = np.array([group + [0] * (longest - len(group)) for group in groups], "int32")
    lengths = np.array([len(group) for group in groups])
    filled = np.arange(longest) < lengths[:, None]
    nothing = np.where(filled, 0.0, -1e9).astype("float32")
    known = np.where(lengths > 0, 0.0, -1e9).astype("float32")
    floor = float(2 * np.log(keras.config.epsilon()))

    def mapped(output):
        spread = ops.take(log_probabilities(output, from_logits), index, axis=-1) + nothing
        # A class without a teacher class is kept out of the sum, whatever its filler says.
        together = ops.logsumexp(spread, axis=-1) + known
        together = together - ops.logsumexp(together, axis=-1, keepdims=True)
        return ops.where(known < 0, ops.full_like(together, floor), together)

    return with_output(model, mapped, name)


def checked_groups(classes, teacher_classes, name="class_map"):
    """The teacher's indices of each student class, as lists; see `class_map`.

    Args:
        classes: as of `class_map`.
        teacher_classes: how many classes the teacher has; None does not check the indices against it.
        name: for errors.

    Raises:
        UserError: as `class_map`.

    Example:
        >>> checked_groups([3, [0, 1], None], 4)
        [[3], [0, 1], []]
    """
    groups = [[] if entry is None else [entry] if isinstance(entry, int) else list(entry) for entry in classes]
    if not any(groups):
        raise UserError(f"{name}: class_map: no student class has a teacher class; expected one at least")
    for number, (entry, group) in enumerate(zip(classes, groups, strict=True)):
        if entry is not None and not group:
            raise UserError(f"{name}: class_map[{number}]: found an empty list; give null where there is no such class")
        if len(set(group)) < len(group):
            raise UserError(f"{name}: class_map[{number}]: found {group}; name each teacher class once")
        for one in group:
            if one < 0 or (teacher_classes is not None and one >= teacher_classes):
                above = "" if teacher_classes is None else f" to {teacher_classes - 1}"
                raise UserError(f"{name}: class_map[{number}]: found {one}; expected the teacher's classes, 0{above}")
    return groups
