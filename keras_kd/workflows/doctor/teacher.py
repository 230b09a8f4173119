"""Whether there is a teacher at all, and whether it can be had."""

from keras_kd.recipe.files import shown
from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor.findings import finding

TEACHER = "teacher"


def check_teacher(case):
    """Whether the teacher is there and fits the recipe.

    Args:
        case: a `Case`.
    """
    recipe = case.recipe
    if case.missing:
        names = ", ".join(dict.fromkeys(shown(spec.model) for spec in case.missing))
        return finding(
            TEACHER,
            "unknown",
            f"the teacher's run is not there: {names}",
            why="What it is worth is known once it is trained.",
            cure="; ".join(dict.fromkeys(map(_trains_it, case.missing))),
            evidence={"missing": [spec.model for spec in case.missing]},
        )
    if case.teacher_error is not None:
        return _cannot_be_had(case.teacher_error)
    if not case.members:
        if recipe.generations > 1:
            return finding(TEACHER, "unknown", "the first generation, which is not trained yet")
        text = "none: the student learns from labels alone"
        if recipe.peers or recipe.terms:
            text = "none: the method needs no teacher"
        return finding(TEACHER, "good", text)
    try:
        name = case.teacher.name
    except UserError as error:
        return _cannot_be_had(str(error))
    return finding(TEACHER, "good", name, evidence={"members": [member.name for member in case.members]})


def _cannot_be_had(reason):
    found, _, cure = reason.rpartition("; ")
    return finding(
        TEACHER,
        "bad",
        f"it cannot be used: {found or reason}",
        why="A run would stop here.",
        cure=cure if found else "correct the teacher in the recipe",
    )


def _trains_it(spec):
    if spec.settings:
        return "`keras-kd distill` of this recipe trains it first"
    seed = "" if spec.seed is None else f" --seed {spec.seed}"
    return f"`keras-kd distill {shown(spec.model)}{seed}` trains it"
