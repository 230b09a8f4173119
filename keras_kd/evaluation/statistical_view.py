"""Distillation as statistics sees it: how right the teacher's probabilities are, and how much less the loss varies."""

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.evaluation.metrics.probabilities import log_softmax

TRUE, STAND_IN = "true probabilities", "the mean of the teacher's members, a stand-in"


def statistical_view(student_logits, teacher_logits, member_logits, labels, true=None):
    """What is known of the teacher's probabilities, and of the loss that a student has with them.

    Args:
        student_logits, teacher_logits: (images, classes), on images that nobody was trained on.
        member_logits: a list of the same of each network of a teacher that is several; may be empty.
        labels: integers, (images,).
        true: (images, classes) true probabilities, or None. Then the members' mean stands in for them, so that their
            variance is known and their common error is not.

    Returns:
        A dict: "images", "members", "against" (what error is measured from, or None: of one teacher without true
        probabilities nothing but the first three of "teacher" is known); "teacher": "nll", "brier", "ece",
        "members_brier" (the mean of the members', their mean's plus their variance), and as known "mse", "bias2",
        "variance", see `keras_kd.evaluation.metrics.teacher_error`; "student_mse"; "objective": the risk and its
        variance over images, see `keras_kd.evaluation.metrics.bayes_risk`, "bayes_*" with what error is measured from,
        "distilled_*" with the teacher's probabilities, "one_hot_variance" calculated and "one_hot_variance_drawn"
        measured with drawn labels.

    Source:
        Menon et al. 2021, arXiv:2005.10419 (equations only). Stand-ins are of this project.

    Example:
        >>> view = statistical_view([[0.0, 1.0]], [[0.0, 1.0]], [], [1], true=[[0.5, 0.5]])
        >>> view["against"], round(view["teacher"]["mse"], 4)
        ('true probabilities', 0.1068)
    """
    calibration = metrics.calibration(teacher_logits, labels)
    teacher = {name: calibration[name] for name in ("nll", "brier", "ece")}
    view = {"images": len(labels), "members": max(len(member_logits), 1), "against": None, "teacher": teacher}
    said, student = _probabilities(teacher_logits), _probabilities(student_logits)
    members = np.stack([_probabilities(one) for one in member_logits]) if member_logits else said[None]
    if len(members) > 1:
        teacher["members_brier"] = float(np.mean([metrics.calibration(one, labels)["brier"] for one in member_logits]))
    if true is None and len(members) == 1:
        return view
    reference = members.mean(0) if true is None else np.asarray(true, "float64")
    error = metrics.teacher_error(members, reference)
    if true is None:
        # From their own mean members differ by variance alone.
        teacher["variance"] = error["variance"]
    else:
        teacher.update(error if len(members) > 1 else {"mse": error["mse"]})
        view["student_mse"] = metrics.teacher_error(student[None], reference)["mse"]
    bayes, distilled = metrics.bayes_risk(student_logits, reference), metrics.bayes_risk(student_logits, said)
    view["against"] = STAND_IN if true is None else TRUE
    view["objective"] = {
        "bayes_risk": bayes["risk"],
        "bayes_variance": bayes["variance"],
        "distilled_risk": distilled["risk"],
        "distilled_variance": distilled["variance"],
        "one_hot_variance": bayes["one_hot_variance"],
        "one_hot_variance_drawn": metrics.drawn_variance(student_logits, reference),
    }
    return view


def of_student(student_logits, true):
    """What is known of a student that has no teacher, where true probabilities are.

    Args:
        student_logits, true: as of `statistical_view`.

    Returns:
        A dict: "images", "against", "student_mse".

    Example:
        >>> of_student([[0.0, 0.0]], [[0.5, 0.5]])
        {'images': 1, 'against': 'true probabilities', 'student_mse': 0.0}
    """
    said, true = _probabilities(student_logits), np.asarray(true, "float64")
    return {"images": len(true), "against": TRUE, "student_mse": metrics.teacher_error(said[None], true)["mse"]}


def _probabilities(logits):
    return np.exp(log_softmax(np.asarray(logits, "float64")))
