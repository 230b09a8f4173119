"""How right the teacher's probabilities are, and how much less the loss varies with them than with labels."""

from keras_kd.report.blocks import section, table, text
from keras_kd.report.fields import get_path, parts
from keras_kd.utils.formatting import number

OF_TEACHER = {
    "nll": "negative log-likelihood of the labels, nats",
    "brier": "Brier score against the labels",
    "members_brier": "the same, the mean of its members",
    "ece": "expected calibration error",
    "mse": "squared error of its probabilities, the mean of its members",
    "bias2": "of it what the members share, their mean's (bias squared)",
    "variance": "how far its members are from their mean (variance)",
}
OF_OBJECTIVE = (("bayes", "these probabilities"), ("distilled", "the teacher's probabilities"))


def statistics(report):
    """The error of the teacher's probabilities, and the variance of the student's loss."""
    view = parts(report, "statistical_view")
    teacher, against = parts(view, "teacher"), view.get("against")
    if not teacher:
        return None
    rows = [[words, number(teacher[name])] for name, words in OF_TEACHER.items() if name in teacher]
    if view.get("student_mse") is not None:
        rows.append(["squared error of the student's probabilities", number(view["student_mse"])])
    members = f", {view['members']} members" if (view.get("members") or 1) > 1 else ""
    how = f"Errors are measured from {against}." if against else (
        "What the true probabilities are is not known, and one network tells no variance: what is shown is measured "
        "against labels, which hold chance of their own."
    )  # fmt: skip
    if against and get_path(view, "teacher", "mse") is None:
        how += " What all members get wrong alike is not seen."
    return section(
        "statistics",
        "How right are the teacher's probabilities?",
        text(f"On {view.get('images')} test images{members}. {how}", soft=True),
        table(["of the teacher", "value"], rows),
        table(*_objective(view, against)),
    )


def _objective(view, against):
    """(heading, rows, what is said) of the student's loss with three kinds of targets."""
    found = parts(view, "objective")
    rows = [
        [words, number(found.get(f"{name}_risk")), number(found.get(f"{name}_variance")), ""]
        for name, words in OF_OBJECTIVE
        if f"{name}_risk" in found
    ]
    if rows:
        calculated, drawn = (number(found.get(name)) for name in ("one_hot_variance", "one_hot_variance_drawn"))
        rows.append(["labels drawn from these", number(found.get("bayes_risk")), calculated, drawn])
    said = (
        f"The student's loss on an image, in nats: mean and variance over images. These are {against}; the last "
        "column is measured by drawing a label for each image."
    )
    return ["targets", "mean", "variance", "measured"], rows, said
