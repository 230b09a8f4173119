"""The models, recipes and files that a recipe names: they are there, and none leads back to itself."""

import re

from keras_kd import data, models
from keras_kd.models.foreign.kinds import CALLED, FOREIGN, SAVED_MODEL, foreign_kind
from keras_kd.recipe.files import known, next_to, read, shown
from keras_kd.recipe.schema_data import short_data
from keras_kd.recipe.schema_networks import short_model
from keras_kd.recipe.teacher import networks_of, recipe_file, recipes_of_teacher
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, RECIPE, absolute, ends_in, is_path, user_path
from keras_kd.utils.suggest import did_you_mean

CHECKPOINTS = (".pth", ".pt", ".ckpt")
FUNCTION = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"


def _model_errors(role, name, path):
    if ends_in(name, RECIPE):
        found = next_to(name, path) or (known().get(name.rsplit(".", 1)[0]))
        if found is None and is_path(name):
            return []  # a path: see absent_names
        if found is None:
            return [((role,), f"no recipe {name!r} next to {shown(path)} or here{did_you_mean(name, _stems())}")]
        circle = _circle(absolute(found), path)
        return [((role,), f"{name} leads back to itself: {circle}; a teacher must come before its student")] * bool(
            circle
        )
    kind = models.kind(name)
    if kind == "function" and not re.fullmatch(FUNCTION, name):
        return [((role,), f"{name!r} is no function; expected package.module:function")]
    if kind in FOREIGN and role != "teacher" and role != "evidence":
        return [((role,), f"{name} is {CALLED[kind]}, which can teach and cannot be trained; name a Keras network")]
    if kind is None and foreign_next_to(name, path):
        return []
    if kind is None:
        if f"{name}.yaml" in _stems() or next_to(f"{name}.yaml", path):
            return [((role,), f"no model {name!r}; for the recipe of this name write {name}.yaml")]
        if ends_in(name, CHECKPOINTS):
            what = (
                f"{name} is a checkpoint of PyTorch; `keras-kd import NETWORK {name}` makes a .keras file of those of"
            )
            fix = "the published protocol; of another network write an .onnx file, or give teacher: {predict: ...}"
            return [((role,), f"{what} {fix}")]
        if (found := next_to(name, path)) is not None and found.is_dir():
            what = f"{name} is a folder without {SAVED_MODEL}"
            return [((role,), f"{what}; expected a SavedModel, or the name of a model")]
        names = [*models.MODELS, *models.APPLICATIONS]
        return [((role,), f"no model {name!r}{did_you_mean(name, names)}; `keras-kd list models` names all")]
    return []


def foreign_next_to(name, path):
    """Whether a name means a teacher that is no Keras network, here or next to a recipe: a SavedModel is a folder.

    Args:
        name: of a model.
        path: of the recipe.
    """
    if models.kind(name) in FOREIGN:
        return True
    found = next_to(name, path) if models.kind(name) is None else None
    return found is not None and foreign_kind(found) is not None


def _circle(found, path):
    """The circle of teachers "a.yaml, b.yaml, a.yaml" that a teacher's recipe leads into, or ""."""

    done = set()  # those that lead into no circle, however many they teach

    def walk(recipe, seen):
        if recipe in seen:
            return [*seen, recipe]
        if recipe in done:
            return None
        for name in recipes_of_teacher(read(recipe)[0]):
            taught = recipe_file(name, recipe)
            circle = walk(taught.absolute(), [*seen, recipe]) if taught else None
            if circle:
                return circle
        done.add(recipe)
        return None

    return ", ".join(shown(one) for one in walk(found, [path]) or ())


def _paths_in(raw):
    """What plain data names by a path: [(path of keys, text)]."""
    found = [(where, given["model"]) for where, given in networks_of(raw)]
    for number, one in enumerate(raw["peers"] if isinstance(raw.get("peers"), list) else ()):
        given = short_model(one)
        name = given.get("model") if isinstance(given, dict) else None
        found += [(("peers", str(number)), name)] if isinstance(name, str) else []
    found = [(where, name) for where, name in found if ends_in(name, KERAS + RECIPE) or foreign_kind(name)]
    given = short_data(raw.get("data"))
    if isinstance(given, dict):
        name, noise = given.get("name"), given.get("label_noise")
        if isinstance(name, str) and name and (not name.strip() or data.is_path(name)):
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


def absent_names(raw, path):
    """Images and models that are named but not there: [(path of keys, message)]."""
    absent, unusable = [], [where for where, _ in _path_errors(raw)]
    for where, given in networks_of(raw):
        name = given["model"]
        if where in unusable or next_to(name, path) is not None:
            continue
        if ends_in(name, RECIPE) and is_path(name):
            absent.append((where, f"no recipe {name!r} next to {shown(path)} or here; give its path"))
        elif models.kind(name) in ("file", *FOREIGN):
            what = "of a .keras file" if models.kind(name) == "file" else f"of {CALLED[models.kind(name)]}"
            absent.append((where, f"no file {name!r} next to {shown(path)} or here; give the path {what}"))
    given = short_data(raw.get("data"))
    name = given.get("name") if isinstance(given, dict) else None
    named = isinstance(name, str) and name and data.is_path(name)
    if named and ("data", "name") not in unusable and next_to(name, path) is None:
        what = "folder" if data.kind(name) == "folder" else "file"
        absent.append((("data", "name"), f"no {what} {name!r} next to {shown(path)} or here; give its path"))
    noise = given.get("label_noise") if isinstance(given, dict) else None
    matrix = noise.get("matrix") if isinstance(noise, dict) else None
    where = ("data", "label_noise", "matrix")
    if isinstance(matrix, str) and where not in unusable and next_to(matrix, path) is None:
        absent.append((where, f"no file {matrix!r} next to {shown(path)} or here; give its path"))
    return absent


def _stems():
    return [f"{name}.yaml" for name in known()]


def name_errors(raw, path):
    """Names of models, data and paths in plain data that can be none: [(path of keys, message)].

    Args:
        raw: the fields of a recipe, right or not.
        path: of its file.
    """
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
    return errors + _path_errors(raw)
