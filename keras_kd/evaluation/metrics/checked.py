"""What every metric asks of the logits and labels that it is given."""

import numpy as np

from keras_kd.utils.errors import UserError


def checked(logits, labels):
    """Logits in float64 and labels as an array, or an error that says what does not fit.

    Args:
        logits: (images, classes), at least one of each.
        labels: integers, (images,), each 0..classes - 1.

    Returns:
        float64 array (images, classes); int array (images,).

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> logits, labels = checked([[2, 1]], [0])
        >>> logits.tolist(), labels.tolist()
        ([[2.0, 1.0]], [0])
    """
    logits, labels = matrix("logits", logits), np.asarray(labels)
    if labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu":
        raise UserError(
            f"labels: found {labels.dtype} of shape {labels.shape}; expected integers of shape {logits.shape[:1]}, "
            "one per image"
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise UserError(
            f"labels: found {labels.min()} to {labels.max()}; expected 0 to {logits.shape[1] - 1}, "
            f"for logits of {logits.shape[1]} classes"
        )
    return logits, labels


def checked_pair(student_logits, teacher_logits):
    """The logits of two networks on the same images, in float64, or an error that says what does not fit.

    Args:
        student_logits, teacher_logits: (images, classes), at least one of each.

    Returns:
        Two float64 arrays (images, classes).

    Raises:
        UserError: shapes that do not fit.

    Example:
        >>> [logits.shape for logits in checked_pair([[2, 1]], [[0, 3]])]
        [(1, 2), (1, 2)]
    """
    student, teacher = matrix("student_logits", student_logits), matrix("teacher_logits", teacher_logits)
    if student.shape != teacher.shape:
        raise UserError(
            f"logits: found {student.shape} of the student and {teacher.shape} of the teacher; "
            "expected the same (images, classes)"
        )
    return student, teacher


def matrix(name, logits):
    """Logits in float64, or an error under their name.

    Args:
        name: for the error.
        logits: (images, classes), at least one of each.

    Returns:
        float64 array (images, classes).

    Raises:
        UserError: another shape.

    Example:
        >>> matrix("logits", [1, 2])
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: logits: found shape (2,); expected (images, classes), at least one of each
    """
    logits = np.asarray(logits, dtype="float64")
    if logits.ndim != 2 or 0 in logits.shape:
        raise UserError(f"{name}: found shape {logits.shape}; expected (images, classes), at least one of each")
    return logits
