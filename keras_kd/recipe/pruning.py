"""What a recipe says of a student that is made from its teacher, and what of it cannot be."""

from pathlib import Path

from keras_kd.models.pruning.criteria import check_name, criterion_of
from keras_kd.recipe.schema_pruning import MEASURED, TARGETS
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError

# What a network has that is built; one that is made from the teacher has that of the teacher.
OF_A_BUILT_ONE = ("pixels", "weights", "arguments", "start_from_teacher")


def pruning_errors(recipe, code):
    """What is wrong with a student that is made from its teacher: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
        code: as of `keras_kd.recipe.load.load`.
    """
    student, where = recipe.student, ("student", "prune")
    if student.prune is None:
        fix = "give model, or prune: {macs: 0.5}"
        return [] if student.model is not None else [(("student",), f"names no network; {fix}")]
    errors = []
    if student.model is not None:
        errors.append((where, "and model exclude each other; keep one"))
    for field in OF_A_BUILT_ONE:
        if getattr(student, field) != type(student).model_fields[field].default:
            what = "a student that is made from its teacher has the teacher's"
            errors.append((("student", field), f"{what}; leave it out"))
    given = [name for name in TARGETS if getattr(student.prune, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        errors.append((where, f"names {found}; give one of {', '.join(TARGETS)}, such as {{macs: 0.5}}"))
    if student.prune.steps > 1 and len(given) == 1 and given[0] in MEASURED:
        what = f"is {student.prune.steps}, and what a file is after further steps is not known before"
        errors.append(((*where, "steps"), f"{what}; give macs or parameters, or steps: 1"))
    errors += _criterion_errors(student.prune.criterion, code)
    if recipe.generations > 1:
        what = "a student that is made from its teacher has one generation; leave it out"
        errors.append((("generations",), what))
    return errors + _teacher_errors(recipe.teacher, where)


def _criterion_errors(name, code):
    try:
        if code or not foreign_code.is_foreign(name):
            criterion_of(name)
        else:
            check_name(name)
    except UserError as error:
        return [(("student", "prune", "criterion"), str(error).removeprefix("criterion: "))]
    return []


def _teacher_errors(teacher, where):
    if teacher is None:
        return [(where, "there is no teacher to be made smaller; give one")]
    if teacher.is_mean:
        return [(where, "makes one network smaller, and the teacher is several; name one of them as the teacher")]
    if teacher.class_map is not None or teacher.classes is not None:
        what = "makes a network of the teacher's classes, which are not the data's"
        return [(where, f"{what}; name a teacher of the data's classes")]
    return []


# A student that does not start anew takes smaller steps: two fifths of those of a fresh one.
GENTLE = {"sgd": 0.02, "adam": 0.0003, "adamw": 0.0003}


def with_gentle_rate(raw):
    """Gives the plain data of a recipe, in place, the learning rate of a student that is made from its teacher.

    Example:
        >>> raw = {"student": {"prune": {"macs": 0.5}}, "fit": {"epochs": 3}}
        >>> with_gentle_rate(raw)
        >>> raw["fit"]
        {'epochs': 3, 'learning_rate': 0.02}
    """
    student, fit = raw.get("student"), raw.get("fit")
    if isinstance(student, dict) and student.get("prune") and isinstance(fit, dict) and "learning_rate" not in fit:
        optimizer = fit.get("optimizer", "sgd")
        if isinstance(optimizer, str) and optimizer in GENTLE:
            fit["learning_rate"] = GENTLE[optimizer]


def student_name(recipe):
    """The name of a recipe's student, as pages show it.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> student_name(load("digits"))
        'digits_tiny'
    """
    if recipe.student.prune is None:
        return recipe.student.model
    return f"{Path(recipe.teacher.model).stem.replace(':', '-')}_pruned"
