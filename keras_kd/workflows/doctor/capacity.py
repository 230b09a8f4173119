"""Whether the student is large enough to follow its teacher."""

import numpy as np

from keras_kd.evaluation.metrics import accuracy, agreement
from keras_kd.models.network import cost, logits_of
from keras_kd.workflows.doctor.findings import finding, percent

CAPACITY = "capacity"
LARGE = 10.0
# A teacher so much better than what takes no training has learnt something that takes capacity.
HARD = 0.2
BEHIND, FOLLOWS = 0.05, 0.9
WHY = "A student that is much smaller than its teacher may follow it worse than it would follow a smaller one."


def check_capacity(case):
    """Whether the teacher is too large for the student; after a run, whether the student could follow.

    Args:
        case: a `Case`.

    Source:
        Mirzadeh et al., Improved Knowledge Distillation via Teacher Assistant, arXiv:1902.03393; Cho and Hariharan,
        arXiv:1910.01348.
    """
    if case.teacher is None:
        return None
    teacher, student = cost(case.teacher.model), cost(case.student.model)
    ratios = {name: teacher[name] / max(student[name], 1) for name in ("parameters", "macs")}
    evidence = {"teacher": teacher, "student": student, **{f"{name}_ratio": one for name, one in ratios.items()}}
    told = (
        f"the teacher has {ratios['parameters']:.1f} times the student's parameters and {ratios['macs']:.1f} times its "
        "multiply-accumulates"
    )
    cure = (
        "`teacher: assistant.yaml`, a network of a size between the two that learns from this teacher; or an earlier "
    )
    cure += "checkpoint of the teacher (`teacher.epoch`)"
    if case.trained_student is not None and case.comparable:
        return _after(case, told, evidence, cure)
    if max(ratios.values()) <= LARGE:
        return finding(CAPACITY, "good", told, evidence=evidence)
    if case.comparable:
        gained = case.teacher_accuracy(case.training) - case.yardstick
        evidence["beyond_nearest_class_mean"] = gained
        if gained <= HARD:
            text = f"{told}, but the task is easy: naming the nearest class mean gets {percent(case.yardstick)}"
            return finding(CAPACITY, "good", text, evidence=evidence)
    return finding(CAPACITY, "warning", told, why=WHY, cure=cure, evidence=evidence)


def _after(case, told, evidence, cure):
    shown = case.training
    student, _ = logits_of(case.trained_student, shown.images)
    teacher = np.nan_to_num(case.logits(shown))
    student = np.nan_to_num(student)
    of_student, of_teacher = accuracy(student, shown.labels), accuracy(teacher, shown.labels)
    agrees = agreement(student, teacher)
    evidence = {**evidence, "student_train": of_student, "teacher_train": of_teacher, "train_agreement": agrees}
    told = (
        f"{told}; of {len(shown):,} training images the trained student gets {percent(of_student)}, its teacher "
        f"{percent(of_teacher)}, and they agree on {percent(agrees)}"
    )
    if of_student >= of_teacher - BEHIND or agrees >= FOLLOWS:
        return finding(CAPACITY, "good", told, evidence=evidence)
    larger = max(evidence["parameters_ratio"], evidence["macs_ratio"]) > 2
    why = "The student does not even follow on the images that it was trained on: it is too small, or not trained out."
    cure = f"train it longer, with another learning rate, or take a larger student{f'; {cure}' if larger else ''}"
    return finding(CAPACITY, "warning", told, why=why, cure=cure, evidence=evidence)
