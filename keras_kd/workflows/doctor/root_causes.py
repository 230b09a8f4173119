"""Which finding is the cause and which its consequence: what another check must mend is not asked for twice."""

from keras_kd.workflows.doctor.findings import (
    ACCURACY,
    CAPACITY,
    CLASS_ORDER,
    CLASSES,
    DATA,
    GRADIENTS,
    LENGTH,
    NORMALISATION,
    OUTPUT,
    PIXELS,
    RATE,
    STUDENT,
    TEMPERATURE,
    TRAINING_ACCURACY,
    VERDICT,
    WEIGHTS,
)

# What is wrong with the teacher, and with what is asked of the student; in the order in which they explain the others.
OF_THE_TEACHER = (OUTPUT, PIXELS, CLASS_ORDER, NORMALISATION, CLASSES, DATA, ACCURACY)
OF_THE_STUDENT = (STUDENT, WEIGHTS, RATE)
# {check: what may have caused its finding}, and the evidence that makes the finding such a consequence.
CAUSES = {
    CLASSES: ((ACCURACY,), "many"),
    ACCURACY: ((CLASSES, DATA), "worse_than"),
    TRAINING_ACCURACY: ((DATA,), "memorised"),
    GRADIENTS: (OF_THE_TEACHER, "only_weak_teacher"),
    LENGTH: (OF_THE_STUDENT, "losses_fall"),
    CAPACITY: ((*OF_THE_STUDENT, *OF_THE_TEACHER, TEMPERATURE, GRADIENTS, LENGTH), "student_train"),
    VERDICT: (
        (*OF_THE_TEACHER, *OF_THE_STUDENT, TEMPERATURE, GRADIENTS, TRAINING_ACCURACY, LENGTH, CAPACITY),
        "worse",
    ),
}


def with_causes(findings):
    """Findings of which those that another explains say so: evidence["cause"] is then the name of that check.

    Args:
        findings: of one examination.

    Returns:
        A list as long.

    Example:
        >>> from keras_kd.workflows.doctor.findings import finding
        >>> worse = finding("verdict", "bad", "worse", fix="another teacher", evidence={"worse": True})
        >>> blind = finding("accuracy by class", "warning", "2 of 10", fix="train it on these")
        >>> [one["evidence"] for one in with_causes([worse, blind])]
        [{'worse': True, 'cause': 'accuracy by class'}, {}]
    """
    wrong = {one["check"] for one in findings if one["outcome"] in ("bad", "warning") and one["fix"]}
    wrong -= {one["check"] for one in findings if one["evidence"].get("many") and ACCURACY in wrong}
    found = []
    for one in findings:
        causes, mark = CAUSES.get(one["check"], ((), None))
        known = next((name for name in causes if name in wrong), None)
        ill = one["outcome"] in ("bad", "warning")
        if known is not None and ill and one["evidence"].get(mark) and "cause" not in one["evidence"]:
            one = {**one, "evidence": {**one["evidence"], "cause": known}}
        found.append(one)
    return found
