"""What a recipe may not say: every error of it at once, of types and of what they do not say."""

import re

from pydantic import ValidationError

from keras_kd import data, models
from keras_kd.data.injected.label_noise import transition
from keras_kd.methods.find import find as find_method
from keras_kd.recipe.files import beside, known, read, shown
from keras_kd.recipe.messages import explain
from keras_kd.recipe.schema import Recipe, short_data, short_model
from keras_kd.recipe.teacher import (
    independent_teacher_errors,
    networks_of,
    recipe_file,
    recipes_of_teacher,
    teacher_errors,
)
from keras_kd.recipe.terms import checked_term
from keras_kd.training.schedules import ByEpoch
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, RECIPE, absolute, ends_in, is_path, user_path
from keras_kd.utils.suggest import did_you_mean

FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def validate(raw, path, code):
    """Looks at a recipe with all that it means; finds every error at once.

    Args:
        raw: its plain data, written out.
        path: its file.
        code: whether the module of a term "module:Class" is imported.

    Returns:
        (`Recipe`, []) or (None, [(path of keys, message)]).
    """
    errors, raw = [], dict(raw)
    terms = raw.get("terms")
    if isinstance(terms, list):
        raw["terms"] = [checked_term(one, ("terms", str(number)), errors, code) for number, one in enumerate(terms)]
        if None in raw["terms"]:
            del raw["terms"]
    recipe = None
    try:
        recipe = Recipe(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        errors.extend(explain(Recipe, error, ()))
    errors.extend(_meaning(raw, recipe if not errors else None, path, code))
    return recipe, errors


def _meaning(raw, recipe, path, code):
    """What the types do not say: [(path of keys, message)]; without a `Recipe`, what plain data tells of it."""
    errors = [*_errors_of_models(raw, path), *_errors_of_a_function(raw), *_path_errors(raw)]
    if recipe is None:
        return errors
    return [
        *errors,
        *_weight_errors(recipe),
        *_errors_of_roles(recipe, code),
        *_trust_errors(recipe),
        *teacher_errors(recipe, path),
        *independent_teacher_errors(recipe, path),
        *_data_errors(recipe.data),
        *_noise_errors(recipe.data.label_noise),
        *_imbalance_errors(recipe.data.imbalance),
        *_claim_errors(recipe),
        *_rate_errors(recipe.fit),
        *_checkpoint_errors(recipe.fit),
        *_student_errors(recipe),
    ]


def _errors_of_models(raw, path):
    """Networks of plain data that are not known."""
    errors = []
    for where, given in networks_of(raw):
        errors.extend((where, message) for _, message in _model_errors(where[0], given["model"], path))
    for number, one in enumerate(raw["peers"] if isinstance(raw.get("peers"), list) else ()):
        given = short_model(one)
        if isinstance(given, dict) and isinstance(given.get("model"), str):
            found = _model_errors(f"peers.{number}", given["model"], path)
            errors.extend((("peers", str(number)), message) for _, message in found)
    return errors


def _errors_of_a_function(raw):
    """Data of plain data that are named as a function's are and are none."""
    given = short_data(raw.get("data"))
    if isinstance(given, dict) and data.kind(str(given.get("name"))) == "function":
        if not re.fullmatch(FUNCTION, given["name"]):
            return [(("data", "name"), f"{given['name']!r} is no function; expected package.module:function")]
    return []


def _weight_errors(recipe):
    """Weights that are negative or zero where nothing is then learnt."""
    errors = []
    for where, weight in _weights(recipe):
        if isinstance(weight, ByEpoch) and min(weight.values()) < 0:
            errors.append((where, f"becomes {min(weight.values()):g}; expected 0 or more"))
        elif isinstance(weight, ByEpoch) and not any(weight.at(epoch) for epoch in range(recipe.fit.epochs)):
            errors.append((where, f"is 0 in all {recipe.fit.epochs} epochs; expected some epoch with a weight above 0"))
    if not recipe.label_weight and not any(term.weight is None or term.weight for term in recipe.terms):
        errors.append((("label_weight",), "is 0 and no term has a weight above 0: nothing to learn from"))
    return errors


def _errors_of_roles(recipe, code):
    """Networks that no term reads, and terms that read a network that is not there."""
    errors = []
    known = [term for term in recipe.terms if code or not term.is_foreign]
    unknown = len(known) < len(recipe.terms)  # a class that was not looked at may read any network
    read = {role for term in known for role in find_method(term.method).roles}
    if recipe.peers and "peer" not in read and not unknown:
        errors.append((("peers",), "no term reads them; add terms: [{method: dml}], or drop them"))
    if "peer" in read and not recipe.peers:
        errors.append((("terms",), "there are no peers; give them, such as peers: [resnet20]"))
    if recipe.teacher is None and "teacher" in read and recipe.generations == 1:
        errors.append((("terms",), "there is no teacher; give one, or drop the terms"))
    uses = [
        term
        for term in recipe.terms
        if (term.weight is None or term.weight) and (term not in known or "teacher" in find_method(term.method).roles)
    ]
    if recipe.teacher is not None and not uses:
        errors.append((("teacher",), "no term with a weight above 0 uses it; add terms: [{method: kd}], or drop it"))
    if recipe.generations > 1 and recipe.teacher is None and not uses:
        errors.append((("generations",), "no term learns from the one before; add terms: [{method: kd}], or drop it"))
    return errors


def _trust_errors(recipe):
    """Trust in a teacher that is not there, or that cannot be measured."""
    errors = []
    if recipe.trust is not None and recipe.teacher is None:
        errors.append((("trust",), "there is no teacher to trust; give one, or drop it"))
    if recipe.trust is not None and not recipe.data.validation:
        errors.append((("trust",), "it is measured on validation images and there are none; set data.validation"))
    return errors


def _data_errors(spec):
    """What of the data excludes each other, or is no size or share."""
    errors, views, size = [], spec.views, spec.image_size
    if not isinstance(views, str) and views.mixup and views.cutmix:
        errors.append((("data", "views", "cutmix"), "mixup and cutmix exclude each other; keep one"))
    if spec.validation >= 1 and spec.validation != int(spec.validation):
        errors.append((("data", "validation"), f"is {spec.validation}; expected a fraction below 1 or a whole number"))
    if size is not None and min(size if isinstance(size, tuple) else (size,)) < 1:
        errors.append((("data", "image_size"), f"is {size}; expected 1 or more pixels"))
    if (spec.mean is None) != (spec.std is None):
        errors.append((("data", "mean" if spec.mean else "std"), "mean and std go together; give both or neither"))
    return errors


def _rate_errors(fit):
    """What of optimizer and learning rate excludes each other."""
    errors = []
    if fit.l2 and fit.optimizer != "sgd":
        errors.append((("fit", "l2"), f"only sgd couples it; with {fit.optimizer} use weight_decay (adamw)"))
    if fit.weight_decay and fit.optimizer != "adamw":
        errors.append((("fit", "weight_decay"), f"only adamw decouples it; with {fit.optimizer} use l2 (sgd)"))
    if list(fit.drops) != sorted(set(fit.drops)):
        errors.append((("fit", "drops"), f"is {list(fit.drops)}; expected rising epochs"))
    if fit.drops and fit.decay == "cosine":
        errors.append((("fit", "decay"), "cosine and drops exclude each other; keep one"))
    if fit.warmup_epochs >= fit.epochs and fit.warmup_epochs:
        errors.append((("fit", "warmup_epochs"), f"is {fit.warmup_epochs}; training has only {fit.epochs} epochs"))
    return errors


def _checkpoint_errors(fit):
    """Epochs that are to be kept and do not come."""
    if list(fit.checkpoints) != sorted(set(fit.checkpoints)):
        return [(("fit", "checkpoints"), f"is {list(fit.checkpoints)}; expected rising epochs")]
    if max((*fit.checkpoints, fit.checkpoint_every or 0)) <= fit.epochs:
        return []
    field = "checkpoint_every" if (fit.checkpoint_every or 0) > fit.epochs else "checkpoints"
    given = list(fit.checkpoints) if field == "checkpoints" else fit.checkpoint_every
    return [(("fit", field), f"is {given}; training has only {fit.epochs} epochs")]


def _student_errors(recipe):
    """What a student cannot be or have."""
    errors, student = [], recipe.student
    if student.start_from_teacher is not None and recipe.teacher is None:
        errors.append((("student", "start_from_teacher"), "there is no teacher; give one, or leave it out"))
    if student.weights and models.kind(student.model) != "application":
        what = f"only keras.applications models have them, {student.model} is none"
        errors.append((("student", "weights"), what))
    if ends_in(student.model, RECIPE):
        errors.append((("student",), "a recipe cannot be a student; name a model, or a .keras file to go on from"))
    return errors


def _weights(recipe):
    """The weights of a recipe: [(path of keys, weight)]."""
    terms = enumerate(recipe.terms)
    return [
        (("label_weight",), recipe.label_weight),
        *((("terms", str(number), "weight"), term.weight) for number, term in terms),
    ]


def _claim_errors(recipe):
    """What is wrong with seeds, baseline and classes beyond types: [(path of keys, message)]."""
    errors = []
    if len(set(recipe.seeds)) < len(recipe.seeds):
        errors.append((("seeds",), f"is {list(recipe.seeds)}; expected each seed once"))
    elif recipe.seeds and recipe.seed != recipe.seeds[0]:
        errors.append((("seed",), f"is {recipe.seed} and seeds begin with {recipe.seeds[0]}; leave seed out"))
    if recipe.baseline is not None and not (recipe.terms or recipe.peers or recipe.teacher):
        errors.append((("baseline",), "the student learns from labels alone already; leave it out, or give terms"))
    kept = recipe.data.classes
    if kept is not None and len(set(kept)) < len(kept):
        errors.append((("data", "classes"), f"is {list(kept)}; expected each class once"))
    return errors


def _noise_errors(noise):
    """What is wrong with planted label noise beyond types: [(path of keys, message)]."""
    if noise is None:
        return []
    where, errors = ("data", "label_noise"), []
    for field, needed in (("rate", noise.kind != "matrix"), ("matrix", noise.kind == "matrix")):
        given = getattr(noise, field) is not None
        if needed and not given:
            errors.append(((*where, field), f"is required for kind: {noise.kind}"))
        if given and not needed:
            errors.append(((*where, field), f"is not of kind: {noise.kind}; leave it out"))
    if noise.superclasses is not None and noise.kind != "superclass":
        errors.append(((*where, "superclasses"), f"is not of kind: {noise.kind}; leave it out"))
    if isinstance(noise.matrix, tuple):
        try:
            # As many classes as it has rows: whether the data have as many is known with the data.
            transition("matrix", len(noise.matrix), matrix=noise.matrix)
        except UserError as error:
            errors.append(((*where, "matrix"), str(error).removeprefix("label_noise.matrix: ")))
    return errors


def _imbalance_errors(imbalance):
    """What is wrong with classes made rare beyond types: [(path of keys, message)]."""
    if imbalance is None or imbalance.rare is None or imbalance.profile == "step":
        return []
    return [(("data", "imbalance", "rare"), f"is not of profile: {imbalance.profile}; leave it out")]


def _model_errors(role, name, path):
    if ends_in(name, RECIPE):
        found = beside(name, path) or (known().get(name.rsplit(".", 1)[0]))
        if found is None and is_path(name):
            return []  # a path: see _absent
        if found is None:
            return [((role,), f"no recipe {name!r} beside {shown(path)} or here{did_you_mean(name, _stems())}")]
        circle = _circle(absolute(found), path)
        return [((role,), f"{name} leads back to itself: {circle}; a teacher must come before its student")] * bool(
            circle
        )
    kind = models.kind(name)
    if kind == "function" and not re.fullmatch(FUNCTION, name):
        return [((role,), f"{name!r} is no function; expected package.module:function")]
    if kind is None:
        names = [*models.MODELS, *models.APPLICATIONS]
        return [((role,), f"no model {name!r}{did_you_mean(name, names)}; `keras-kd list models` names all")]
    return []


def _circle(found, path):
    """The circle of teachers "a.yaml, b.yaml, a.yaml" that a teacher's recipe leads into, or ""."""

    def walk(recipe, seen):
        if recipe in seen:
            return [*seen, recipe]
        for name in recipes_of_teacher(read(recipe)[0]):
            taught = recipe_file(name, recipe)
            circle = walk(taught.absolute(), [*seen, recipe]) if taught else None
            if circle:
                return circle
        return None

    return ", ".join(shown(one) for one in walk(found, [path]) or ())


def _paths_in(raw):
    """What plain data names by a path: [(path of keys, text)]."""
    found = [(where, given["model"]) for where, given in networks_of(raw)]
    for number, one in enumerate(raw["peers"] if isinstance(raw.get("peers"), list) else ()):
        given = short_model(one)
        name = given.get("model") if isinstance(given, dict) else None
        found += [(("peers", str(number)), name)] if isinstance(name, str) else []
    found = [(where, name) for where, name in found if ends_in(name, KERAS + RECIPE)]
    given = short_data(raw.get("data"))
    if isinstance(given, dict):
        name, noise = given.get("name"), given.get("label_noise")
        if isinstance(name, str) and name and (not name.strip() or data.kind(name) in ("folder", "npz")):
            found.append((("data", "name"), name))
        found.append((("data", "data_dir"), given.get("data_dir")))
        found.append((("data", "label_noise", "matrix"), noise.get("matrix") if isinstance(noise, dict) else None))
    return [(where, text) for where, text in found if isinstance(text, str)]


def _path_errors(raw):
    """Paths that can be none: [(path of keys, message)]."""
    errors = []
    for where, text in _paths_in(raw):
        try:
            user_path(text, "")
        except UserError as error:
            errors.append((where, str(error).removeprefix(": ")))
    return errors


def absent(raw, path):
    """Images and models that are named but not there.

    Args:
        raw: plain data of a recipe, written out.
        path: its file.

    Returns:
        [(path of keys, message)].
    """
    missing, unusable = [], [where for where, _ in _path_errors(raw)]
    for where, given in networks_of(raw):
        name = given["model"]
        if where in unusable or beside(name, path) is not None:
            continue
        if ends_in(name, RECIPE) and is_path(name):
            missing.append((where, f"no recipe {name!r} beside {shown(path)} or here; give its path"))
        elif models.kind(name) == "file":
            missing.append((where, f"no file {name!r} beside {shown(path)} or here; give the path of a .keras file"))
    given = short_data(raw.get("data"))
    name = given.get("name") if isinstance(given, dict) else None
    kind = data.kind(name) if isinstance(name, str) and name else None
    if kind in ("folder", "npz") and ("data", "name") not in unusable and beside(name, path) is None:
        what = "folder" if kind == "folder" else "file"
        missing.append((("data", "name"), f"no {what} {name!r} beside {shown(path)} or here; give its path"))
    noise = given.get("label_noise") if isinstance(given, dict) else None
    matrix = noise.get("matrix") if isinstance(noise, dict) else None
    where = ("data", "label_noise", "matrix")
    if isinstance(matrix, str) and where not in unusable and beside(matrix, path) is None:
        missing.append((where, f"no file {matrix!r} beside {shown(path)} or here; give its path"))
    return missing


def _stems():
    return [f"{name}.yaml" for name in known()]
