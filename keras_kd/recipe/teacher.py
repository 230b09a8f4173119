"""What a recipe says of its teacher: the networks that it names, and what of it cannot be."""

from pydantic import ValidationError

from keras_kd import models
from keras_kd.models.wrappers.class_map import checked_groups
from keras_kd.recipe.files import known, next_to, read
from keras_kd.recipe.folds import fold_errors
from keras_kd.recipe.schema_fit import FitSpec
from keras_kd.recipe.schema_networks import (
    MEASURED_WEIGHTS,
    MemberSpec,
    TeacherSpec,
    short_member,
    short_model,
    short_teacher,
)
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import RECIPE, ends_in

# What only one network can have, and what it has of its own where it is a recipe.
OF_A_NETWORK = (
    "from_logits", "pixels", "weights", "arguments", "seed", "epoch", "settings", "classes", "input_size", "mean",
    "std", "function", "output", "layout"
)  # fmt: skip
OF_AN_ENSEMBLE = ("ensemble_mean", "ensemble_temperature", "ensemble_weights", "ensemble_views")
KNOWN_TO_A_RECIPE = ("pixels", "from_logits", "arguments", "mean", "std", "function", "output", "layout")


def spread(raw, lines):
    """Writes a short form of the teacher out, in place, with the lines of its parts: a list as an ensemble of fields.

    Args:
        raw: the plain data of a recipe.
        lines: {path of keys: line}.

    Example:
        >>> raw = {"teacher": ["a.keras", "b.keras"]}
        >>> spread(raw, {})
        >>> raw
        {'teacher': {'ensemble': [{'model': 'a.keras'}, {'model': 'b.keras'}]}}
    """
    if isinstance(raw.get("teacher"), list):
        for keys in [keys for keys in lines if keys[:1] == ("teacher",) and len(keys) > 1]:
            lines[("teacher", "ensemble", *keys[1:])] = lines.pop(keys)
        raw["teacher"] = short_teacher(raw["teacher"])
    if isinstance(raw.get("teacher"), dict) and isinstance(raw["teacher"].get("ensemble"), list):
        raw["teacher"] = {**raw["teacher"], "ensemble": [short_member(one) for one in raw["teacher"]["ensemble"]]}
    elif isinstance(raw.get("teacher"), dict):
        raw["teacher"] = short_member(raw["teacher"])


def networks_of(raw):
    """The networks that plain data names: [(path of keys, fields)] of the teacher, its members and the student.

    Example:
        >>> networks_of({"teacher": ["a.keras"], "student": "resnet20"})
        [(('teacher', 'ensemble', '0'), {'model': 'a.keras'}), (('student',), {'model': 'resnet20'})]
    """
    teacher = short_teacher(raw.get("teacher"))
    found = [(("teacher",), teacher)]
    members = teacher.get("ensemble") if isinstance(teacher, dict) else None
    for number, one in enumerate(members if isinstance(members, list) else ()):
        found.append((("teacher", "ensemble", str(number)), short_member(one)))
    evidence = raw.get("evidence")
    if isinstance(evidence, dict):
        found.append((("evidence", "independent_teacher"), short_member(evidence.get("independent_teacher"))))
    found.append((("student",), short_model(raw.get("student"))))
    return [(where, one) for where, one in found if isinstance(one, dict) and isinstance(one.get("model"), str)]


def recipes_of_teacher(raw):
    """The names of the recipes that the teacher of plain data is made of."""
    found = (one["model"] for where, one in networks_of(raw) if where[0] == "teacher")
    return [name for name in found if ends_in(name, RECIPE)]


def recipe_file(name, path):
    """The file of a recipe that another one names, or None."""
    return next_to(name, path) or known().get(name.rsplit(".", 1)[0])


def shrunk(raw):
    """The teacher of a smoke run: its recipes train for one epoch, so it is what they end with.

    Args:
        raw: plain data, written out by `spread`; changed in place.
    """
    teacher = raw.get("teacher")
    if not isinstance(teacher, dict):
        return
    members = teacher.get("ensemble")
    for one in [teacher, *(members if isinstance(members, list) else ())]:
        if isinstance(one, dict):
            one.pop("epoch", None)


def teacher_errors(recipe, path):
    """What is wrong with the teacher of a recipe, beyond types and names: [(path of keys, message)].

    Args:
        recipe: a `Recipe`.
        path: its file.
    """
    teacher, errors = recipe.teacher, []
    if teacher is None:
        return errors
    if teacher.model is None and not teacher.ensemble:
        return [(("teacher",), "names no network; give model, or ensemble: [...]")]
    if teacher.model is not None and teacher.ensemble:
        errors.append((("teacher", "ensemble"), "and model exclude each other; keep one"))
    errors.extend(_ensemble_errors(teacher))
    errors.extend(fold_errors(recipe))
    for number, member in enumerate(teacher.ensemble or (teacher,)):
        where = ("teacher", "ensemble", str(number)) if teacher.ensemble else ("teacher",)
        errors.extend(((*where, field), message) for field, message in _network_errors(member, path))
    errors.extend(_held_out_errors(recipe))
    return errors


def independent_teacher_errors(recipe, path):
    """What is wrong with the network that fidelity is compared with: [(path of keys, message)].

    Args:
        recipe, path: as in `teacher_errors`.
    """
    spec = recipe.evidence.independent_teacher
    if spec is None:
        return []
    where = ("evidence", "independent_teacher")
    if spec.model is None:
        return [(where, "names no network; give model")]
    errors = [((*where, field), message) for field, message in _network_errors(spec, path)]
    if recipe.teacher is None:
        errors.append((where, "there is no teacher that it could be compared with; leave it out"))
    elif recipe.teacher.model_dump(exclude={"ensemble", "folds", *OF_AN_ENSEMBLE}) == (spec.model_dump()):
        errors.append((where, "is the teacher itself; give another seed of it, or another network"))
    return errors


def _ensemble_errors(teacher):
    if not teacher.ensemble:
        return [
            (("teacher", field), "is of an ensemble; give ensemble: [...], or leave it out")
            for field in OF_AN_ENSEMBLE
            if _given(teacher, field)
        ]
    errors = [
        (("teacher", field), "is of one network; give it to the members of the ensemble")
        for field in OF_A_NETWORK
        if _given(teacher, field)
    ]
    weights, count = teacher.ensemble_weights, len(teacher.ensemble)
    if isinstance(weights, tuple) and len(weights) != count:
        errors.append((("teacher", "ensemble_weights"), f"has {len(weights)} for {count} members; give one per member"))
    elif isinstance(weights, tuple) and not sum(weights):
        errors.append((("teacher", "ensemble_weights"), "are all 0; expected one at least above 0"))
    if weights == "fitted" and teacher.ensemble_mean != "probabilities":
        errors.append(
            (("teacher", "ensemble_weights"), "are fitted for ensemble_mean: probabilities; take it, or give numbers")
        )
    if weights == "evolved" and teacher.ensemble_mean == "logits":
        what = "are evolved for ensemble_mean: probabilities or softened; take one, or give numbers"
        errors.append((("teacher", "ensemble_weights"), what))
    softened = teacher.ensemble_mean == "softened"
    if softened and teacher.ensemble_temperature is None:
        errors.append((("teacher", "ensemble_mean"), "softened needs ensemble_temperature, as the term's temperature"))
    if not softened and teacher.ensemble_temperature is not None:
        errors.append((("teacher", "ensemble_temperature"), "is of ensemble_mean: softened; take it, or leave it out"))
    if teacher.class_map and any(one.class_map for one in teacher.ensemble):
        errors.append((("teacher", "class_map"), "is given to members as well; keep the one or the others"))
    if teacher.class_map:
        errors.extend((("teacher", field), message) for field, message in _class_map_errors(teacher, None))
    return errors


def _network_errors(spec, path):
    """Of one network that teaches: [(field, message)]."""
    errors = []
    if spec.model is None:
        return errors
    if spec.weights and models.kind(spec.model) != "application":
        errors.append(("weights", f"only keras.applications models have them, {spec.model} is none"))
    if spec.is_recipe:
        known_fields = [field for field in KNOWN_TO_A_RECIPE if _given(spec, field)]
        errors.extend((field, "a teacher that is a recipe knows it itself; leave it out") for field in known_fields)
        errors.extend(_epoch_errors(spec, path))
    else:
        errors.extend(
            (field, f"only a recipe has it, {spec.model} is none; leave it out")
            for field in ("seed", "epoch", "settings")
            if _given(spec, field)
        )
        if (spec.mean is None) != (spec.std is None):
            errors.append(("mean" if spec.mean else "std", "mean and std go together; give both or neither"))
        elif spec.mean and spec.pixels != "standard" and models.kind(spec.model) != "zoo":
            errors.append(("mean", "is of pixels: standard; take it, or leave it out"))
    size = spec.input_size
    if size is not None and min(size if isinstance(size, tuple) else (size,)) < 1:
        errors.append(("input_size", f"is {size}; expected 1 or more pixels"))
    if spec.class_map is not None and not (isinstance(spec, TeacherSpec) and spec.ensemble):
        errors.extend(_class_map_errors(spec, spec.classes))
    return errors


def _class_map_errors(spec, classes):
    try:
        checked_groups(spec.class_map, classes, "teacher")
    except UserError as error:
        return [("class_map", str(error).removeprefix("teacher: class_map").removeprefix(": "))]
    return []


def _epoch_errors(spec, path):
    """Whether the run of a recipe keeps the epoch that is asked for."""
    found = recipe_file(spec.model, path)
    if spec.epoch is None or found is None:
        return []
    fit = read(found)[0].get("fit")
    changed = {path.removeprefix("fit."): value for path, value in spec.settings.items() if path.startswith("fit.")}
    try:
        fit = FitSpec(**{**fit, **changed})
    except (TypeError, ValidationError):
        return []  # said of that recipe itself
    if fit.early_stopping is not None:
        return [("epoch", f"{found.name} may stop early (early_stopping), and keeps its best epoch; leave epoch out")]
    if spec.epoch > fit.epochs:
        return [("epoch", f"is {spec.epoch}; {found.name} trains for {fit.epochs} epochs")]
    if not fit.keeps(spec.epoch):
        kept = ", ".join(map(str, sorted({*fit.checkpoints, spec.epoch})))
        return [("epoch", f"{found.name} does not keep epoch {spec.epoch}; add checkpoints: [{kept}] to its fit")]
    return []


def _held_out_errors(recipe):
    """What is fitted on held-out images needs some."""
    if recipe.data.validation:
        return []
    teacher, fix = recipe.teacher, "on held-out images and there are none; set data.validation"
    errors = []
    if teacher.ensemble_weights in MEASURED_WEIGHTS:
        errors.append((("teacher", "ensemble_weights"), f"are {teacher.ensemble_weights} {fix}"))
    if teacher.calibrate:
        errors.append((("teacher", "calibrate"), f"fits a temperature {fix}"))
    for number, one in enumerate(teacher.ensemble):
        if one.calibrate:
            errors.append((("teacher", "ensemble", str(number), "calibrate"), f"fits a temperature {fix}"))
    return errors


def _given(spec, field):
    return getattr(spec, field) != MemberSpec.model_fields.get(field, TeacherSpec.model_fields[field]).default
