"""Reading a recipe: overrides, every error at once with its file and line, paths resolved."""

import os
import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from keras_kd import data, models
from keras_kd.errors import UserError
from keras_kd.methods import METHODS
from keras_kd.recipe_file import Loader, beside, find, known, read, shown
from keras_kd.schema import SHORT, ModelSpec, Recipe, TermSpec, short_data, short_model
from keras_kd.wording import did_you_mean, dotted, explain, found_as

FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def load(path, settings=(), smoke=False, notes=None):
    """Reads a recipe.

    Args:
        path: a file; or the name of one that `keras-kd list recipes` shows.
        settings: overrides "dotted.path=value", applied in order: "fit.epochs=3", "terms.0.temperature=8".
        smoke: shrinks it so that it runs in under a minute, to see that everything works.
        notes: a list to which images and models that are not there yet are added, instead of being errors.

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
    file = shown(path)
    changed = {}
    if smoke:
        _shrink(raw)
    for setting in settings:
        changed[_override(raw, setting)] = setting
    recipe, errors = _validate(raw, path)
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


def _override(raw, setting):
    """Applies "dotted.path=value" to plain data; returns the path."""
    name, equals, text = setting.partition("=")
    keys = tuple(name.strip().split("."))
    if not equals or not all(keys):
        raise UserError(f"--set {setting}: expected dotted.path=value, such as fit.epochs=3")
    try:
        value = Loader(text).get_single_data()
    except yaml.YAMLError:
        raise UserError(f"--set {setting}: {text!r} is not a valid YAML value") from None
    holder = raw
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(holder, list):
            if not key.isdigit() or int(key) > len(holder) - (0 if last else 1):
                raise UserError(
                    f"--set {setting}: {'.'.join(keys[:depth])} is a list of {len(holder)}; "
                    f"expected a number below {len(holder)} in place of {key!r}"
                )
            if last and int(key) == len(holder):
                holder.append(value)
            elif last:
                holder[int(key)] = value
            else:
                holder = holder[int(key)]
            continue
        if last:
            holder[key] = value
            continue
        inner = holder.get(key)
        if inner is None:
            inner = holder[key] = {}
        elif isinstance(inner, str) and keys[: depth + 1] in SHORT:
            inner = holder[key] = {SHORT[keys[: depth + 1]]: inner}
        elif not isinstance(inner, dict | list):
            raise UserError(f"--set {setting}: {'.'.join(keys[: depth + 1])} is {inner!r} and has no fields")
        holder = inner
    return keys


def _shrink(raw):
    """Makes plain data small: one epoch on few images; the int8 gates open, as such a student has no margin."""
    small = {
        "data": {"train_images": 64, "test_images": 64},
        "fit": {"epochs": 1, "warmup_epochs": 0, "drops": [], "batch_size": 32},
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


def _validate(raw, path):
    """(Recipe, []) or (None, [(path of keys, message)])."""
    errors, raw = [], dict(raw)
    terms = raw.get("terms")
    if isinstance(terms, list):
        raw["terms"] = [_term(one, ("terms", str(number)), errors) for number, one in enumerate(terms)]
        if None in raw["terms"]:
            del raw["terms"]
    recipe = None
    try:
        recipe = Recipe(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        errors.extend(explain(Recipe, error, ()))
    errors.extend(_meaning(raw, recipe if not errors else None, path))
    return recipe, errors


def _term(raw, where, errors):
    """A TermSpec of plain data, or None with the errors noted."""
    if isinstance(raw, str):
        raw = {"method": raw}
    if not isinstance(raw, dict):
        errors.append((where, f"expected a method with its settings, such as {{method: kd}}, got {found_as(raw)}"))
        return None
    before = len(errors)
    name = raw.get("method")
    if "method" not in raw:
        errors.append((where, "method is required; `keras-kd list methods` names all"))
    elif not isinstance(name, str) or name not in METHODS:
        errors.append((where, f"no method {name!r}{did_you_mean(name, METHODS)}; `keras-kd list methods` names all"))
    settings = {str(key): value for key, value in raw.items() if key not in ("method", "weight")}
    spec = None
    try:
        TermSpec(method=str(name), weight=raw.get("weight"))
    except ValidationError as error:
        errors.extend(explain(TermSpec, error, where))
    if isinstance(name, str) and name in METHODS and len(errors) == before:
        try:
            method = METHODS[name](**settings)
            weight = method.default_weight if raw.get("weight") is None else raw["weight"]
            spec = TermSpec(method=name, weight=weight, settings=method.model_dump(mode="json"))
        except ValidationError as error:
            errors.extend(explain(METHODS[name], error, where, owner=name, beside=("method", "weight")))
    return spec if len(errors) == before else None


def _meaning(raw, recipe, path):
    """What the types do not say: [(path of keys, message)]."""
    errors = []
    for role in ("teacher", "student"):
        given = short_model(raw.get(role))
        if isinstance(given, dict) and isinstance(given.get("model"), str):
            errors.extend(_model_errors(role, given["model"], path))
    given = short_data(raw.get("data"))
    if isinstance(given, dict) and data.kind(str(given.get("name"))) == "function":
        if not re.fullmatch(FUNCTION, given["name"]):
            errors.append((("data", "name"), f"{given['name']!r} is no function; expected package.module:function"))
    if recipe is None:
        return errors
    data_spec, fit = recipe.data, recipe.fit
    if recipe.teacher is None and recipe.terms:
        errors.append((("terms",), "there is no teacher; give one, or drop the terms"))
    if recipe.teacher is not None and not any(term.weight for term in recipe.terms):
        errors.append((("teacher",), "no term with a weight above 0 uses it; add terms: [{method: kd}], or drop it"))
    if not recipe.label_weight and not any(term.weight for term in recipe.terms):
        errors.append((("label_weight",), "is 0 and no term has a weight above 0: nothing to learn from"))
    if data_spec.validation >= 1 and data_spec.validation != int(data_spec.validation):
        errors.append(
            (("data", "validation"), f"is {data_spec.validation}; expected a fraction below 1 or a whole number")
        )
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
    for role in ("teacher", "student"):
        spec = getattr(recipe, role)
        if spec is not None and spec.weights and models.kind(spec.model) != "application":
            errors.append(((role, "weights"), f"only keras.applications models have them, {spec.model} is none"))
    if recipe.teacher is not None and recipe.teacher.model.endswith((".yaml", ".yml")):
        for field in ("pixels", "from_logits", "arguments"):
            if getattr(recipe.teacher, field) != ModelSpec.model_fields[field].default:
                errors.append((("teacher", field), "a teacher that is a recipe knows it itself; leave it out"))
    if recipe.student.model.endswith((".yaml", ".yml")):
        errors.append((("student",), "a recipe cannot be a student; name a model, or a .keras file to go on from"))
    return errors


def _model_errors(role, name, path):
    if name.endswith((".yaml", ".yml")):
        found = beside(name, path) or (known().get(name.rsplit(".", 1)[0]))
        if found is None and name.startswith((".", "/")):
            return []  # a path: see _absent
        if found is None:
            return [((role,), f"no recipe {name!r} beside {shown(path)} or here{did_you_mean(name, _stems())}")]
        circle = _circle(Path(found).absolute(), path)
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
    seen = [path]
    while found is not None and found not in seen:
        seen.append(found)
        teacher = short_model(read(found)[0].get("teacher"))
        name = teacher.get("model") if isinstance(teacher, dict) else None
        if not isinstance(name, str) or not name.endswith((".yaml", ".yml")):
            return ""
        next_one = beside(name, found)
        found = next_one.absolute() if next_one else None
    return ", ".join(shown(one) for one in [*seen, found]) if found else ""


def _absent(raw, path):
    """Images and models that are named but not there: [(path of keys, message)]."""
    absent = []
    for role in ("teacher", "student"):
        given = short_model(raw.get(role))
        name = given.get("model") if isinstance(given, dict) else None
        if not isinstance(name, str) or beside(name, path) is not None:
            continue
        if name.endswith((".yaml", ".yml")) and name.startswith((".", "/")):
            absent.append(((role,), f"no recipe {name!r} beside {shown(path)} or here; give its path"))
        elif models.kind(name) == "file":
            absent.append(((role,), f"no file {name!r} beside {shown(path)} or here; give the path of a .keras file"))
    given = short_data(raw.get("data"))
    name = given.get("name") if isinstance(given, dict) else None
    kind = data.kind(name) if isinstance(name, str) and name else None
    if kind in ("folder", "npz") and beside(name, path) is None:
        what = "folder" if kind == "folder" else "file"
        absent.append((("data", "name"), f"no {what} {name!r} beside {shown(path)} or here; give its path"))
    return absent


def _resolve(recipe, path):
    """The recipe with absolute paths."""

    def absolute(spec, field, is_path):
        value = getattr(spec, field)
        found = beside(value, path) or (known().get(value.rsplit(".", 1)[0]) if value.endswith(".yaml") else None)
        return spec.model_copy(update={field: str(Path(found).absolute())}) if is_path and found else spec

    changed = {"data": absolute(recipe.data, "name", data.kind(recipe.data.name) in ("folder", "npz"))}
    if recipe.data.data_dir:
        changed["data"] = changed["data"].model_copy(update={"data_dir": os.path.expanduser(recipe.data.data_dir)})
    for role in ("teacher", "student"):
        spec = getattr(recipe, role)
        if spec is not None:
            changed[role] = absolute(spec, "model", spec.model.endswith((".yaml", ".yml", ".keras")))
    return recipe.model_copy(update=changed)


def _stems():
    return [f"{name}.yaml" for name in known()]


def _line(lines, where):
    """The line of a field, or of the nearest part around it that is there."""
    return next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)
