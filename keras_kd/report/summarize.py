"""All that is known of a student from its logits on a test set; the metrics are in `keras_kd.evaluation.metrics`."""

from keras_kd.evaluation.metrics import (
    accuracy,
    agreement,
    calibration,
    copied_errors,
    deviation,
    per_class_accuracy,
    predictive_kl,
    scaled_calibration,
    who_pays,
)
from keras_kd.report.report import Report


def summarize(student_logits, teacher_logits, labels, *, held_out=None):
    """All metrics of a student on a test set.

    Args:
        student_logits: (images, classes).
        teacher_logits: as the student's, or None.
        labels: integers, (images,).
        held_out: (student_logits, labels) of images that the student has not learned from, on which the temperature of
            its scaled calibration is fitted; None cross-fits it on the test images, as the teacher's always is, see
            `keras_kd.evaluation.metrics.scaled_calibration`.

    Returns:
        A `keras_kd.Report`: "student" and "teacher", each {"top1", "top5"}; "fidelity"
        {"agreement", "agreement5", "kl", "copied_errors"}, the last see
        `keras_kd.evaluation.metrics.copied_errors`; "deviation", see `keras_kd.evaluation.metrics.deviation`;
        "calibration" of the student and "teacher_calibration", see `calibration`; "calibration_scaled" and
        "teacher_calibration_scaled", see `keras_kd.evaluation.metrics.scaled_calibration`; "per_class" of the
        student and "teacher_per_class", see `per_class_accuracy`; "who_pays", see
        `keras_kd.evaluation.metrics.who_pays`. Without a teacher its entries, "fidelity" and "deviation" are None.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> summarize([[2.0, 1.0], [0.0, 2.0]], None, [0, 0]).student.as_json()
        {'top1': 0.5, 'top5': 1.0}
    """

    def top(logits):
        return {"top1": accuracy(logits, labels), "top5": accuracy(logits, labels, k=5)}

    taught = teacher_logits is not None
    per_class = per_class_accuracy(student_logits, labels)
    teacher_per_class = per_class_accuracy(teacher_logits, labels) if taught else None
    fidelity = {
        "agreement": agreement(student_logits, teacher_logits),
        "agreement5": agreement(student_logits, teacher_logits, k=5),
        "kl": predictive_kl(student_logits, teacher_logits),
        "copied_errors": copied_errors(student_logits, teacher_logits, labels),
    } if taught else None  # fmt: skip
    return Report(
        student=top(student_logits),
        teacher=top(teacher_logits) if taught else None,
        fidelity=fidelity,
        deviation=deviation(student_logits, teacher_logits) if taught else None,
        calibration=calibration(student_logits, labels),
        teacher_calibration=calibration(teacher_logits, labels) if taught else None,
        calibration_scaled=scaled_calibration(student_logits, labels, *(held_out or ())),
        teacher_calibration_scaled=scaled_calibration(teacher_logits, labels) if taught else None,
        per_class=per_class,
        teacher_per_class=teacher_per_class,
        who_pays=who_pays(per_class),
    )
