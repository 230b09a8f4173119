"""What a network predicts: against the labels, and against its teacher."""

import numpy as np

from keras_kd.evaluation.metrics.checked import checked, checked_pair
from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.evaluation.metrics.ranks import rank


def accuracy(logits, labels, k=1):
    """The share of images whose label is among the k classes of the largest logits.

    Of equal logits the class with the smaller index comes first, as in `argmax`.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        k: at least 1; more than there are classes means all of them.

    Returns:
        A float in 0..1.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> accuracy([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]], [0, 2]), accuracy([[0.0, 2.0, 1.0]], [2], k=2)
        (0.5, 1.0)
    """
    logits, labels = checked(logits, labels)
    return float(np.mean(rank(logits, labels) < min(k, logits.shape[1])))


def agreement(student_logits, teacher_logits, k=1):
    """The share of images whose first class by the teacher is among the student's first k.

    Args:
        student_logits, teacher_logits: (images, classes).
        k: as in `accuracy`.

    Returns:
        A float in 0..1.

    Raises:
        UserError: shapes that do not fit.

    Source: Stanton et al., Does Knowledge Distillation Really Work?, arXiv:2106.05945 (k = 1).

    Example:
        >>> agreement([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]], [[9.0, 1.0, 0.0], [9.0, 2.0, 1.0]])
        0.5
    """
    student, teacher = checked_pair(student_logits, teacher_logits)
    within = rank(student, teacher.argmax(1)) < min(k, student.shape[1])
    return float(np.mean(within & ~np.isnan(teacher).any(1)))


def predictive_kl(student_logits, teacher_logits):
    """KL(teacher || student) of the predicted probabilities at temperature 1, mean over images, in nats.

    Args:
        student_logits, teacher_logits: (images, classes).

    Returns:
        A float, at least 0; infinite where the student excludes (a logit of -inf) what the teacher does not.

    Raises:
        UserError: shapes that do not fit.

    Source: Stanton et al., arXiv:2106.05945.

    Example:
        >>> round(predictive_kl([[0.0, 0.0]], [[0.0, 1.0]]), 6)
        0.110944
    """
    student, teacher = checked_pair(student_logits, teacher_logits)
    student, teacher = log_softmax(student), log_softmax(teacher)
    probabilities = np.exp(teacher)
    with np.errstate(invalid="ignore"):
        terms = np.where(probabilities == 0, 0.0, probabilities * (teacher - student))
    # The sum of terms of either sign can miss zero by a rounding error.
    return float(np.mean(np.maximum(terms.sum(1), 0.0)))


def per_class_accuracy(logits, labels):
    """The accuracy on the images of each class.

    Args:
        logits: (images, classes).
        labels: integers, (images,).

    Returns:
        A list of a float a class, None for a class without images.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> per_class_accuracy([[2.0, 1.0, 0.0], [2.0, 0.0, 1.0]], [0, 2])
        [1.0, None, 0.0]
    """
    logits, labels = checked(logits, labels)
    images = np.bincount(labels, minlength=logits.shape[1])
    correct = np.bincount(labels, weights=rank(logits, labels) < 1, minlength=logits.shape[1])
    return [float(right / count) if count else None for right, count in zip(correct, images, strict=True)]


def copied_errors(student_logits, teacher_logits, labels):
    """What a student does on the images that its teacher gets wrong: whether it copies the errors too.

    Args:
        student_logits, teacher_logits: (images, classes).
        labels: integers, (images,).

    Returns:
        A dict: "images", how many the teacher gets wrong; and on them "agreement", the share on which the student
        gives the teacher's class; "student_accuracy", the share on which it is right; "kl", see `predictive_kl`. The
        last three are None where the teacher is never wrong.

    Raises:
        UserError: shapes or labels that do not fit.

    Source: Stanton et al., arXiv:2106.05945, whose fidelity is measured here on the teacher's errors alone.

    Example:
        >>> copied = copied_errors([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]], [[1.0, 0.0]] * 3, [0, 1, 1])
        >>> copied["images"], copied["agreement"], copied["student_accuracy"]
        (2, 0.5, 0.5)
    """
    student, teacher = checked_pair(student_logits, teacher_logits)
    teacher, labels = checked(teacher, labels)
    wrong = rank(teacher, labels) > 0
    if not wrong.any():
        return {"images": 0, "agreement": None, "student_accuracy": None, "kl": None}
    return {
        "images": int(wrong.sum()),
        "agreement": agreement(student[wrong], teacher[wrong]),
        "student_accuracy": accuracy(student[wrong], labels[wrong]),
        "kl": predictive_kl(student[wrong], teacher[wrong]),
    }
