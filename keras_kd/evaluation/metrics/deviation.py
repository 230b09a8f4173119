"""Whether a student exaggerates its teacher's confidence."""

import numpy as np

from keras_kd.evaluation.metrics.checked import checked_pair
from keras_kd.evaluation.metrics.probabilities import log_odds


def deviation(student_logits, teacher_logits):
    """The line of the student's confidence on the teacher's: its slope says who is more confident.

    The least-squares line y = intercept + slope x over images, x and y as in `confidence_pairs`. A slope above 1: the
    student exaggerates the teacher's confidence, low and high; below 1: it flattens it.

    Args:
        student_logits, teacher_logits: (images, classes).

    Returns:
        A dict: "slope", "intercept", in nats; "correlation", -1..1; "images", the number of points; "left_out", the
        number of images without a finite point. Of fewer than two points, or where all x are equal, the first three
        are None; the correlation is None too where all y are equal.

    Raises:
        UserError: shapes that do not fit.

    Source:
        Nagarajan et al., On student-teacher deviations in distillation: does it pay to disobey?, NeurIPS 2023,
        arXiv:2301.12923, section 3.

    Example:
        >>> teacher = np.array([[0.0, 1.0], [3.0, 0.0], [0.0, 5.0]])
        >>> line = deviation(2 * teacher, teacher)
        >>> round(line["slope"], 6), round(line["correlation"], 6), line["images"]
        (2.0, 1.0, 3)
    """
    student, teacher = checked_pair(student_logits, teacher_logits)
    x, y = confidence_pairs(student, teacher)
    line = {"slope": None, "intercept": None, "correlation": None}
    if len(x) > 1 and np.ptp(x) > 0:
        across, up = x - x.mean(), y - y.mean()
        slope = across @ up / (across @ across)
        line["slope"], line["intercept"] = float(slope), float(y.mean() - slope * x.mean())
        if np.ptp(y) > 0:
            correlation = across @ up / (np.linalg.norm(across) * np.linalg.norm(up))
            line["correlation"] = float(np.clip(correlation, -1, 1))
    return {**line, "images": len(x), "left_out": len(teacher) - len(x)}


def confidence_pairs(student_logits, teacher_logits):
    """The log-odds log(p / (1 - p)) of the teacher's first class, under the teacher and under the student.

    Args:
        student_logits, teacher_logits: (images, classes).

    Returns:
        x, float64 array (n,), of the teacher; y, float64 array (n,), of the student; of the images for which both are
        finite, in their order.

    Raises:
        UserError: shapes that do not fit.

    Source: Nagarajan et al., arXiv:2301.12923, section 3.

    Example:
        >>> [pair.tolist() for pair in confidence_pairs([[1.0, 0.0]], [[0.0, 2.0]])]
        [[2.0], [-1.0]]
    """
    student, teacher = checked_pair(student_logits, teacher_logits)
    first = teacher.argmax(1)
    x, y = log_odds(teacher, first), log_odds(student, first)
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]
