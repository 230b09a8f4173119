"""Why did it not help? A recipe's teacher, student and settings examined, before a run or after it."""

from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor.case import Case
from keras_kd.workflows.doctor.classes import check_classes
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
    SIZE,
    STUDENT,
    TEACHER,
    TEMPERATURE,
    TRAINING_ACCURACY,
    VERDICT,
    WEIGHTS,
    finding,
    format_text,
    summary_line,
    together,
)
from keras_kd.workflows.doctor.gradients import check_gradients
from keras_kd.workflows.doctor.next_steps import next_steps
from keras_kd.workflows.doctor.normalisation import check_batch_normalisation
from keras_kd.workflows.doctor.preprocessing import check_class_order, check_pixels
from keras_kd.workflows.doctor.root_causes import with_causes
from keras_kd.workflows.doctor.student import (
    check_capacity,
    check_learning_rate,
    check_size,
    check_student,
    check_weights,
)
from keras_kd.workflows.doctor.teacher import check_accuracy, check_output, check_teacher
from keras_kd.workflows.doctor.temperature import check_temperature, check_training_accuracy
from keras_kd.workflows.doctor.training_data import check_data
from keras_kd.workflows.doctor.training_length import check_length
from keras_kd.workflows.doctor.verdict import check_verdict
from keras_kd.workflows.run.folder import read_report

__all__ = ["CHECKS", "CHECKS_OF_A_NETWORK", "examination_of_run", "examine", "format_text", "summary_line"]

# How a finding begins where what it is of cannot be built.
UNEXAMINED = "cannot be examined"
# Of each network that teaches: check(case, member).
CHECKS_OF_A_NETWORK = {
    ACCURACY: check_accuracy,
    CLASSES: check_classes,
    OUTPUT: check_output,
    CLASS_ORDER: check_class_order,
    PIXELS: check_pixels,
    NORMALISATION: check_batch_normalisation,
}


def _of_every_network(check):
    def of_all(case):
        found = [(member.called, check(case, member)) for member in case.members]
        return together([(where, one) for where, one in found if one is not None])

    return of_all


# In the order in which they are told: check(case) gives a finding, or None where it has no object.
CHECKS = {
    VERDICT: check_verdict,
    TEACHER: check_teacher,
    **{name: _of_every_network(check) for name, check in CHECKS_OF_A_NETWORK.items()},
    TEMPERATURE: check_temperature,
    TRAINING_ACCURACY: check_training_accuracy,
    SIZE: check_size,
    CAPACITY: check_capacity,
    GRADIENTS: check_gradients,
    STUDENT: check_student,
    RATE: check_learning_rate,
    WEIGHTS: check_weights,
    LENGTH: check_length,
    DATA: check_data,
}


def examine(recipe, folder, *, name=None, smoke=False, dataset=None, checks=None):
    """Examines a recipe: its teacher in this very pipeline, its student, its settings. Trains and writes nothing.

    Args:
        recipe: a `Recipe` of `keras_kd.recipe.load.load`.
        folder: of its run, not begun or finished: next to it lie the runs of teachers that are recipes.
        name: of the recipe; that of the folder by default.
        smoke: teachers that are recipes are shrunk as well.
        dataset: the recipe's data, where it is loaded already.
        checks: names of `CHECKS`; all by default.

    Returns:
        dict: "recipe"; "findings", a list of {"check", "outcome", "found", "evidence", "why", "fix"}, the outcome one
        of "good", "warning", "bad", "unknown"; "next", what to try, a list of lines in the order in which it pays;
        "finished", whether the run of this recipe is there and was looked at.

    Raises:
        UserError: the data cannot be read.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> examine(load("digits"), "saved_models/digits")["findings"]  # doctest: +SKIP
    """
    return examine_case(Case(recipe, folder, smoke, dataset), checks, name=name)


def examine_case(case, checks=None, *, name=None):
    """As `examine`, of a `Case`."""
    asked = {one: CHECKS[one] for one in (CHECKS if checks is None else checks)}
    findings = with_causes([one for one in (_examined(*check, case) for check in asked.items()) if one is not None])
    return {
        "recipe": name or case.folder.name,
        "finished": case.report is not None,
        "findings": findings,
        "next": next_steps(case.recipe, findings, case.report),
    }


def examination_of_run(recipe, folder, *, dataset=None):
    """What `examine` finds of a finished run, for its report.

    Args:
        recipe: its `Recipe`.
        folder: of the run.
        dataset: its data, where it is loaded already.

    Returns:
        As `examine`.

    Raises:
        UserError: there is no finished run in the folder.
    """
    report = read_report(folder)
    if report is None:
        raise UserError(f"{folder}: has no finished run; `keras-kd distill` of the recipe makes it")
    return examine(recipe, folder, name=report.recipe, smoke=bool(report.smoke), dataset=dataset)


def _examined(name, check, case):
    """A check's finding; what cannot be built is a finding too."""
    try:
        return check(case)
    except UserError as error:
        # Said once, of the teacher itself.
        if name != TEACHER and case.teacher_error is None and _teacher_fails(case):
            return None
        return finding(
            name,
            "bad" if name in (STUDENT, TEACHER) else "unknown",
            f"{UNEXAMINED}: {error}",
            why="A run would stop at this too." if name in (STUDENT, TEACHER) else "",
        )


def _teacher_fails(case):
    try:
        return case.teacher is None and bool(case.members)
    except UserError:
        return True
