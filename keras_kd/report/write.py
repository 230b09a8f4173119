"""All that is known of a student on its test set, and the files that say so; the metrics are in
`keras_kd.evaluation.metrics`."""

import json
from pathlib import Path

from keras_kd.evaluation.metrics import (
    BINS,
    accuracy,
    agreement,
    calibration,
    copied_errors,
    deviation,
    linear_cka,
    per_class_accuracy,
    predictive_kl,
    reliability,
    scaled_calibration,
    who_pays,
)
from keras_kd.report.markdown_page import page
from keras_kd.report.report import Report
from keras_kd.utils.files import atomic_write
from keras_kd.utils.json_safe import json_safe

__all__ = [
    "BINS",
    "accuracy",
    "agreement",
    "calibration",
    "linear_cka",
    "per_class_accuracy",
    "predictive_kl",
    "reliability",
    "summarize",
    "write",
]


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
        "teacher_calibration_scaled", see `keras_kd.evaluation.metrics.scaled_calibration`; "per_class", see
        `per_class_accuracy`;
        "who_pays", see `keras_kd.evaluation.metrics.who_pays`. Without a teacher its entries, "fidelity" and
        "deviation" are None.

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
        who_pays=who_pays(per_class),
    )


def write(report, folder):
    """Write `report.json` and `report.md`, each whole or not at all.

    Args:
        report: a `keras_kd.Report`, or a dict. All of it goes into the JSON, where numbers that are not finite become
            null; what the page knows of it (see `keras_kd.report.sections`) goes on the page.
        folder: where to write; made if missing.

    Returns:
        The paths of the two files.

    Raises:
        UserError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> paths = write({"recipe": "digits", "student": {"top1": 0.98}}, tempfile.mkdtemp())
        >>> [path.name for path in paths]
        ['report.json', 'report.md']
    """
    report = json_safe(report)
    texts = {
        "report.json": json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + "\n",
        "report.md": page(report),
    }
    for name, text in texts.items():
        with atomic_write(Path(folder) / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return [Path(folder) / name for name in texts]
