"""Whether student and teacher name the same classes."""

from keras_kd.utils.errors import UserError


def check_same_classes(name, specs):
    """Raises `UserError` where the networks do not give as many classes.

    Args:
        name: of the method, for the error.
        specs: as in `Method.check`.

    Example:
        >>> import numpy as np
        >>> logits = np.zeros((2, 5))
        >>> check_same_classes("kd", {"student": {"logits": logits}, "teacher": {"logits": logits}})
    """
    teacher, student = (specs[role]["logits"].shape[-1] for role in ("teacher", "student"))
    if teacher != student:
        raise UserError(
            f"{name}: the teacher gives {teacher} classes, the student {student}; both must name the same classes "
            "in the same order: give the student's last layer as many units as the teacher's"
        )
