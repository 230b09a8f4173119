"""Reading a recipe: overrides, every error at once with its file and line, paths resolved."""

import json
import re

import yaml
from pydantic import ValidationError

from keras_kd import data, models
from keras_kd.data.injected.label_noise import transition
from keras_kd.methods import METHODS
from keras_kd.methods.find import check_name, guarding
from keras_kd.methods.find import find as find_method
from keras_kd.recipe.files import Loader, beside, find, known, read, shown
from keras_kd.recipe.messages import dotted, explain
from keras_kd.recipe.schema import SHORT, Recipe, TermSpec, short_data, short_model
from keras_kd.recipe.teacher import (
    independent_teacher_errors,
    networks_of,
    recipe_file,
    recipes_of_teacher,
    shrunk,
    spread,
    teacher_errors,
)
from keras_kd.training.schedules import ByEpoch
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, RECIPE, absolute, ends_in, is_path, user_path
from keras_kd.utils.suggest import did_you_mean, found_as

FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def load(path, settings=(), smoke=False, notes=None, code=True):
    """Reads a recipe.

    Args:
        path: a file; or the name of one that `keras-kd list recipes` shows.
        settings: overrides "dotted.path=value", applied in order: "fit.epochs=3", "terms.0.temperature=8".
        smoke: shrinks it so that it runs in under a minute, to see that everything works.
        notes: a list to which images and models that are not there yet are added, instead of being errors.
        code: whether the module of a term "module:Class" is imported. If not, such a term is taken as it is given:
            its settings are not checked, its defaults not filled, and its weight is None where none is given.

    Returns:
        A frozen `Recipe`, all defaults filled, all paths absolute.

    Raises:
        UserError: every error of the file at once, a line each: "file:line: field: what is wrong; cure".

    Example:
        >>> load("digits", ["fit.epochs=3"]).fit.epochs
        3
    """
    path = find(path)
    raw, lines = read(path)
    spread(raw, lines)
    file = shown(path)
    changed = {}
    if smoke:
        _shrink(raw)
    for setting in settings:
        changed[override(raw, setting)] = setting
    spread(raw, lines)
    _first_seed(raw)
    recipe, errors = _validate(raw, path, code)
    absent = _absent(raw, path)

    def in_words(found):
        placed = sorted((_line(lines, where), where, message) for where, message in found)
        texts = []
        for line, where, message in placed:
            touching = (keys for keys in changed if keys[: len(where)] == where or where[: len(keys)] == keys)
            setting = changed.get(next(touching, None))
            at = f"--set {setting}" if setting else f"{file}:{line}"
            texts.append(f"{at}: {dotted(where)}: {message}")
        return texts

    if notes is not None:
        notes.extend(in_words(absent))
    else:
        errors = errors + absent
    if errors:
        raise UserError("\n".join(in_words(errors)))
    return _resolve(recipe, path)


def load_teacher_recipe(spec, smoke=False):
    """The recipe that a network which teaches is the student of, with the overrides that come with it.

    Args:
        spec: a `MemberSpec` that names a recipe.
        smoke: as in `load`.

    Raises:
        UserError: as `load`.
    """
    try:
        taught = load(spec.model, settings_of(spec), smoke=smoke)
    except UserError as error:
        if not spec.settings:
            raise
        raise UserError(str(error).replace("--set ", "teacher.settings: ")) from None
    return taught if spec.seed is None else taught.with_seed(spec.seed)


def settings_of(spec):
    """The overrides that come with a network that teaches, as `load` takes them."""
    return [f"{path}={json.dumps(value)}" for path, value in spec.settings.items()]


def _first_seed(raw):
    """A recipe of several seeds has the first of them for its own."""
    seeds = raw.get("seeds")
    if isinstance(seeds, list) and seeds and isinstance(seeds[0], int) and raw.get("seed") is None:
        raw["seed"] = seeds[0]


def override(raw, setting):
    """Applies "dotted.path=value" to plain data, in place; returns the path of keys."""
    name, equals, text = setting.partition("=")
    keys = tuple(name.strip().split("."))
    if not equals or not all(keys):
        raise UserError(f"--set {setting}: expected dotted.path=value, such as fit.epochs=3")
    try:
        value = Loader(text).get_single_data()
    except yaml.YAMLError:
        raise UserError(f"--set {setting}: {text!r} is not a valid YAML value") from None
    set_field(raw, name.strip(), value, f"--set {setting}")
    return keys


def set_field(raw, name, value, at=None):
    """Sets a field of plain data, in place.

    Args:
        raw: the fields of a recipe.
        name: the field's dotted path, such as "fit.epochs" or "terms.0.temperature".
        value: what it becomes.
        at: how an error begins; the path by default.

    Raises:
        UserError: the path leads into something that has no fields, or past the end of a list.

    Example:
        >>> raw = {"fit": {"epochs": 3}}
        >>> set_field(raw, "fit.epochs", 5)
        >>> raw
        {'fit': {'epochs': 5}}
    """
    at, keys = at or name, tuple(name.split("."))
    holder = raw
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(holder, list):
            if not key.isdigit() or int(key) > len(holder) - (0 if last else 1):
                raise UserError(
                    f"{at}: {'.'.join(keys[:depth])} is a list of {len(holder)}; "
                    f"expected a number below {len(holder)} in place of {key!r}"
                )
            if last and int(key) == len(holder):
                holder.append(value)
            elif last:
                holder[int(key)] = value
            else:
                if isinstance(holder[int(key)], str) and keys[:depth] == ("terms",):
                    holder[int(key)] = {"method": holder[int(key)]}
                holder = holder[int(key)]
            continue
        if not isinstance(holder, dict):
            raise UserError(f"{at}: {'.'.join(keys[:depth])} is {holder!r} and has no fields")
        if last:
            holder[key] = value
            continue
        inner = holder.get(key)
        if inner is None:
            inner = holder[key] = {}
        elif isinstance(inner, str) and keys[: depth + 1] in SHORT:
            inner = holder[key] = {SHORT[keys[: depth + 1]]: inner}
        elif not isinstance(inner, dict | list):
            raise UserError(f"{at}: {'.'.join(keys[: depth + 1])} is {inner!r} and has no fields")
        holder = inner


def _shrink(raw):
    """Makes plain data small: one epoch on few images; the int8 gates open, as such a student has no margin."""
    small = {
        "data": {"train_images": 64, "test_images": 64},
        "fit": {"epochs": 1, "warmup_epochs": 0, "drops": [], "batch_size": 32, "checkpoints": []},
        "export": {"calibration_images": 32},
    }
    for part, fields in small.items():
        if raw.get(part) is None:
            raw[part] = {}
        if isinstance(raw[part], str) and (part,) in SHORT:
            raw[part] = {SHORT[(part,)]: raw[part]}
        if isinstance(raw[part], dict):
            for field, value in fields.items():
                given = raw[part].get(field)
                smaller = isinstance(given, int) and isinstance(value, int) and given < value
                raw[part][field] = given if smaller else value
    if isinstance(raw["export"], dict):
        gates = raw["export"].setdefault("gates", {})
        if isinstance(gates, dict):
            gates.update(images=64, int8_accuracy_drop=1.0, int8_agreement=0.0)
    if isinstance(raw["data"], dict) and isinstance(raw["data"].get("validation"), int):
        raw["data"]["validation"] = min(raw["data"]["validation"], 16)
    if isinstance(raw["fit"], dict):
        raw["fit"].pop("checkpoint_every", None)
    if isinstance(raw.get("seeds"), list):
        raw["seeds"] = raw["seeds"][:1]
    if isinstance(raw.get("generations"), int):
        raw["generations"] = min(raw["generations"], 2)
    for weighted in [raw, *(raw["terms"] if isinstance(raw.get("terms"), list) else ())]:
        for name in ("label_weight", "weight"):
            # A second phase begins at once, so that it is seen to work.
            if isinstance(weighted, dict) and isinstance(weighted.get(name), dict):
                weighted[name].pop("after", None)
    shrunk(raw)


def _validate(raw, path, code):
    """(Recipe, []) or (None, [(path of keys, message)])."""
    errors, raw = [], dict(raw)
    terms = raw.get("terms")
    if isinstance(terms, list):
        raw["terms"] = [_term(one, ("terms", str(number)), errors, code) for number, one in enumerate(terms)]
        if None in raw["terms"]:
            del raw["terms"]
    recipe = None
    try:
        recipe = Recipe(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        errors.extend(explain(Recipe, error, ()))
    errors.extend(_meaning(raw, recipe if not errors else None, path, code))
    return recipe, errors


def _term(raw, where, errors, code):
    """A TermSpec of plain data, or None with the errors noted."""
    if isinstance(raw, str):
        raw = {"method": raw}
    if not isinstance(raw, dict):
        errors.append((where, f"expected a method with its settings, such as {{method: kd}}, got {found_as(raw)}"))
        return None
    before = len(errors)
    name, kind, spec = raw.get("method"), None, None
    if "method" not in raw:
        errors.append((where, "method is required; `keras-kd list methods` names all"))
    elif not isinstance(name, str) or (name not in METHODS and ":" not in name):
        errors.append((where, f"no method {name!r}{did_you_mean(name, METHODS)}; `keras-kd list methods` names all"))
    read = code or not foreign_code.is_foreign(str(name))
    if len(errors) == before:
        try:
            kind = find_method(name) if read else check_name(name)
        except UserError as error:
            errors.append((where, str(error)))
    settings = {str(key): value for key, value in raw.items() if key not in ("method", "weight")}
    try:
        given = {} if read else json.loads(json.dumps(settings, default=str))
        spec = TermSpec(method=str(name), weight=raw.get("weight"), settings=given)
    except ValidationError as error:
        errors.extend(explain(TermSpec, error, where))
    if kind is not None and len(errors) == before:
        try:
            with guarding(kind, "making it", name):
                spec = _of_method(kind, name, raw, settings, where, errors)
        except UserError as error:
            errors.append((where, str(error)))
    return spec if len(errors) == before else None


def _of_method(kind, name, raw, settings, where, errors):
    """The TermSpec of a method's class, its settings checked, its defaults filled; or None with the errors noted."""
    before = len(errors)
    try:
        schedules = _schedules(kind, settings, where, errors)
        if len(errors) > before:
            return None
        method = kind(**{**settings, **{field: by.end for field, by in schedules.items()}})
        weight = method.default_weight if raw.get("weight") is None else raw["weight"]
        return TermSpec(method=name, weight=weight, settings=method.model_dump(mode="json"), schedules=schedules)
    except ValidationError as error:
        errors.extend(explain(kind, error, where, owner=name, beside=("method", "weight")))
        return None


def _schedules(method, settings, where, errors):
    """{field: ByEpoch} of the numbers that are given as mappings; each value that they take is checked."""
    schedules = {}
    for field, given in settings.items():
        about = method.model_fields.get(field)
        if not isinstance(given, dict) or about is None or about.annotation not in (int, float):
            continue
        if about.annotation is int:
            errors.append(((*where, field), "is a whole number that cannot change over the epochs; give one number"))
            continue
        try:
            by_epoch = ByEpoch(**given)
        except ValidationError as error:
            errors.extend(explain(ByEpoch, error, (*where, field), owner="a number by epoch"))
            continue
        schedules[field] = by_epoch
        others = {name: value for name, value in settings.items() if not isinstance(value, dict)}
        for value in by_epoch.values():
            try:
                method(**{**others, field: value})
            except ValidationError as error:
                wrong = [one for keys, one in explain(method, error, ()) if keys == (field,)]
                errors.extend(((*where, field), f"in some epoch {one}") for one in wrong[:1])
                if wrong:
                    break
    return schedules


def _weights(recipe):
    """The weights of a recipe: [(path of keys, weight)]."""
    terms = enumerate(recipe.terms)
    return [
        (("label_weight",), recipe.label_weight),
        *((("terms", str(number), "weight"), term.weight) for number, term in terms),
    ]


def _meaning(raw, recipe, path, code):
    """What the types do not say: [(path of keys, message)]."""
    errors = []
    for where, given in networks_of(raw):
        errors.extend((where, message) for _, message in _model_errors(where[0], given["model"], path))
    for number, one in enumerate(raw["peers"] if isinstance(raw.get("peers"), list) else ()):
        given = short_model(one)
        if isinstance(given, dict) and isinstance(given.get("model"), str):
            found = _model_errors(f"peers.{number}", given["model"], path)
            errors.extend((("peers", str(number)), message) for _, message in found)
    given = short_data(raw.get("data"))
    if isinstance(given, dict) and data.kind(str(given.get("name"))) == "function":
        if not re.fullmatch(FUNCTION, given["name"]):
            errors.append((("data", "name"), f"{given['name']!r} is no function; expected package.module:function"))
    errors.extend(_path_errors(raw))
    if recipe is None:
        return errors
    data_spec, fit = recipe.data, recipe.fit
    for where, weight in _weights(recipe):
        if isinstance(weight, ByEpoch) and min(weight.values()) < 0:
            errors.append((where, f"becomes {min(weight.values()):g}; expected 0 or more"))
        elif isinstance(weight, ByEpoch) and not any(weight.at(epoch) for epoch in range(fit.epochs)):
            errors.append((where, f"is 0 in all {fit.epochs} epochs; expected some epoch with a weight above 0"))
    known = [term for term in recipe.terms if code or not term.is_foreign]
    unknown = len(known) < len(recipe.terms)  # a class that was not looked at may read any network
    read = {role for term in known for role in find_method(term.method).roles}
    if recipe.peers and "peer" not in read and not unknown:
        errors.append((("peers",), "no term reads them; add terms: [{method: dml}], or drop them"))
    if "peer" in read and not recipe.peers:
        errors.append((("terms",), "there are no peers; give them, such as peers: [resnet20]"))
    if recipe.trust is not None and recipe.teacher is None:
        errors.append((("trust",), "there is no teacher to trust; give one, or drop it"))
    if recipe.trust is not None and not data_spec.validation:
        errors.append((("trust",), "it is measured on validation images and there are none; set data.validation"))
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
    if list(fit.checkpoints) != sorted(set(fit.checkpoints)):
        errors.append((("fit", "checkpoints"), f"is {list(fit.checkpoints)}; expected rising epochs"))
    elif max((*fit.checkpoints, fit.checkpoint_every or 0)) > fit.epochs:
        field = "checkpoint_every" if (fit.checkpoint_every or 0) > fit.epochs else "checkpoints"
        given = list(fit.checkpoints) if field == "checkpoints" else fit.checkpoint_every
        errors.append((("fit", field), f"is {given}; training has only {fit.epochs} epochs"))
    errors.extend(teacher_errors(recipe, path))
    errors.extend(independent_teacher_errors(recipe, path))
    if not recipe.label_weight and not any(term.weight is None or term.weight for term in recipe.terms):
        errors.append((("label_weight",), "is 0 and no term has a weight above 0: nothing to learn from"))
    views = data_spec.views
    if not isinstance(views, str) and views.mixup and views.cutmix:
        errors.append((("data", "views", "cutmix"), "mixup and cutmix exclude each other; keep one"))
    if data_spec.validation >= 1 and data_spec.validation != int(data_spec.validation):
        errors.append(
            (("data", "validation"), f"is {data_spec.validation}; expected a fraction below 1 or a whole number")
        )
    errors.extend(_noise_errors(data_spec.label_noise))
    errors.extend(_imbalance_errors(data_spec.imbalance))
    errors.extend(_claim_errors(recipe))
    size = data_spec.image_size
    if size is not None and min(size if isinstance(size, tuple) else (size,)) < 1:
        errors.append((("data", "image_size"), f"is {data_spec.image_size}; expected 1 or more pixels"))
    if (data_spec.mean is None) != (data_spec.std is None):
        errors.append((("data", "mean" if data_spec.mean else "std"), "mean and std go together; give both or neither"))
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
    if recipe.student.start_from_teacher is not None and recipe.teacher is None:
        errors.append((("student", "start_from_teacher"), "there is no teacher; give one, or leave it out"))
    if recipe.student.weights and models.kind(recipe.student.model) != "application":
        what = f"only keras.applications models have them, {recipe.student.model} is none"
        errors.append((("student", "weights"), what))
    if ends_in(recipe.student.model, RECIPE):
        errors.append((("student",), "a recipe cannot be a student; name a model, or a .keras file to go on from"))
    return errors


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


def _absent(raw, path):
    """Images and models that are named but not there: [(path of keys, message)]."""
    absent, unusable = [], [where for where, _ in _path_errors(raw)]
    for where, given in networks_of(raw):
        name = given["model"]
        if where in unusable or beside(name, path) is not None:
            continue
        if ends_in(name, RECIPE) and is_path(name):
            absent.append((where, f"no recipe {name!r} beside {shown(path)} or here; give its path"))
        elif models.kind(name) == "file":
            absent.append((where, f"no file {name!r} beside {shown(path)} or here; give the path of a .keras file"))
    given = short_data(raw.get("data"))
    name = given.get("name") if isinstance(given, dict) else None
    kind = data.kind(name) if isinstance(name, str) and name else None
    if kind in ("folder", "npz") and ("data", "name") not in unusable and beside(name, path) is None:
        what = "folder" if kind == "folder" else "file"
        absent.append((("data", "name"), f"no {what} {name!r} beside {shown(path)} or here; give its path"))
    noise = given.get("label_noise") if isinstance(given, dict) else None
    matrix = noise.get("matrix") if isinstance(noise, dict) else None
    where = ("data", "label_noise", "matrix")
    if isinstance(matrix, str) and where not in unusable and beside(matrix, path) is None:
        absent.append((where, f"no file {matrix!r} beside {shown(path)} or here; give its path"))
    return absent


def _resolve(recipe, path):
    """The recipe with absolute paths."""

    def found_in(spec, field, is_path):
        value = getattr(spec, field)
        if not is_path:
            return spec
        found = beside(value, path) or (known().get(value.rsplit(".", 1)[0]) if ends_in(value, RECIPE) else None)
        return spec.model_copy(update={field: str(absolute(found))}) if found else spec

    changed = {"data": found_in(recipe.data, "name", data.kind(recipe.data.name) in ("folder", "npz"))}
    noise = recipe.data.label_noise
    if noise is not None and isinstance(noise.matrix, str):
        changed["data"] = changed["data"].model_copy(update={"label_noise": found_in(noise, "matrix", True)})
    if recipe.data.data_dir:
        place = user_path(recipe.data.data_dir, "data.data_dir")
        # TensorFlow Datasets takes addresses too, such as gs://bucket.
        place = place if "://" in place else str(absolute(place))
        changed["data"] = changed["data"].model_copy(update={"data_dir": place})

    def found_model(spec):
        return found_in(spec, "model", spec.model is not None and ends_in(spec.model, RECIPE + KERAS))

    changed["student"] = found_model(recipe.student)
    if recipe.teacher is not None:
        members = tuple(map(found_model, recipe.teacher.ensemble))
        changed["teacher"] = found_model(recipe.teacher).model_copy(update={"ensemble": members})
    independent = recipe.evidence.independent_teacher
    if independent is not None:
        changed["evidence"] = recipe.evidence.model_copy(update={"independent_teacher": found_model(independent)})
    changed["peers"] = tuple(found_in(spec, "model", ends_in(spec.model, KERAS)) for spec in recipe.peers)
    return recipe.model_copy(update=changed)


def _stems():
    return [f"{name}.yaml" for name in known()]


def _line(lines, where):
    """The line of a field, or of the nearest part around it that is there."""
    return next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)
