"""Reading a recipe: overrides, every error at once with its file and line, paths resolved."""

import contextlib
import contextvars
import json

from keras_kd import data
from keras_kd.recipe.files import find, known, looking_once, next_to
from keras_kd.recipe.named import absent_names, foreign_next_to
from keras_kd.recipe.old_names import note_old_names, old_names
from keras_kd.recipe.pruning import with_gentle_rate
from keras_kd.recipe.validate import validate
from keras_kd.recipe.written import read_with_overrides
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, RECIPE, absolute, ends_in, user_path


@looking_once()
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
        UserError: every error of the file at once, a line each: "file:line: field: what is wrong; fix".

    Example:
        >>> load("digits", ["fit.epochs=3"]).fit.epochs
        3
    """
    path = find(path)
    raw, written = read_with_overrides(path, settings, smoke)
    _first_seed(raw)
    with_gentle_rate(raw)
    recipe, errors = validate(raw, path, code)
    absent = absent_names(raw, path)
    if notes is not None:
        notes.extend(written.in_words(absent))
    else:
        errors = errors + absent
    if errors:
        raise UserError("\n".join(written.in_words(errors)))
    note_old_names(written.in_words(old_names(raw, recipe)), path)
    return _resolve(recipe, path)


def load_teacher_recipe(spec, smoke=False):
    """The recipe that a network which teaches is the student of, with the overrides that come with it.

    Args:
        spec: a `MemberSpec` that names a recipe.
        smoke: as in `load`.

    Raises:
        UserError: as `load`.
    """
    taught = _teacher_recipe(spec, smoke)
    return taught if spec.seed is None else taught.with_seed(spec.seed)


def _teacher_recipe(spec, smoke):
    there, key = _known.get(), (spec.model, *settings_of(spec), smoke)
    if there is not None and key in there:
        return there[key]
    try:
        taught = load(spec.model, settings_of(spec), smoke=smoke)
    except UserError as error:
        if not spec.settings:
            raise
        raise UserError(str(error).replace("--set ", "teacher.settings: ")) from None
    if there is not None:
        there[key] = taught
    return taught


# {(file, settings, smoke): Recipe} of the teachers' recipes that the work going on has read, or None.
_known = contextvars.ContextVar("known", default=None)


@contextlib.contextmanager
def reading_once():
    """Reads each teacher's recipe once in the block, so that all of a run sees the same; a function may be decorated.

    Example:
        >>> from keras_kd.recipe.schema_networks import MemberSpec
        >>> with reading_once():
        ...     one, other = (load_teacher_recipe(MemberSpec(model="digits.yaml")) for _ in range(2))
        >>> one is other
        True
    """
    if _known.get() is not None:
        yield
        return
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def settings_of(spec):
    """The overrides that come with a network that teaches, as `load` takes them."""
    return [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in spec.settings.items()]


def _first_seed(raw):
    """A recipe of several seeds has the first of them for its own."""
    seeds = raw.get("seeds")
    if isinstance(seeds, list) and seeds and isinstance(seeds[0], int) and raw.get("seed") is None:
        raw["seed"] = seeds[0]


def _resolve(recipe, path):
    """The recipe with absolute paths."""

    def found_in(spec, field, is_path):
        value = getattr(spec, field)
        if not is_path:
            return spec
        found = next_to(value, path) or (known().get(value.rsplit(".", 1)[0]) if ends_in(value, RECIPE) else None)
        return spec.model_copy(update={field: str(absolute(found))}) if found else spec

    changed = {"data": found_in(recipe.data, "name", data.is_path(recipe.data.name))}
    noise = recipe.data.label_noise
    if noise is not None and isinstance(noise.matrix, str):
        changed["data"] = changed["data"].model_copy(update={"label_noise": found_in(noise, "matrix", True)})
    if recipe.data.data_dir:
        place = user_path(recipe.data.data_dir, "data.data_dir")
        # TensorFlow Datasets takes addresses too, such as gs://bucket.
        place = place if "://" in place else str(absolute(place))
        changed["data"] = changed["data"].model_copy(update={"data_dir": place})

    if recipe.bank.folder:
        place = str(absolute(user_path(recipe.bank.folder, "bank.folder")))
        changed["bank"] = recipe.bank.model_copy(update={"folder": place})

    def found_model(spec):
        is_file = spec.model is not None and (ends_in(spec.model, RECIPE + KERAS) or foreign_next_to(spec.model, path))
        return found_in(spec, "model", is_file)

    changed["student"] = found_model(recipe.student)
    if recipe.teacher is not None:
        members = tuple(map(found_model, recipe.teacher.ensemble))
        changed["teacher"] = found_model(recipe.teacher).model_copy(update={"ensemble": members})
    independent = recipe.evidence.independent_teacher
    if independent is not None:
        changed["evidence"] = recipe.evidence.model_copy(update={"independent_teacher": found_model(independent)})
    changed["peers"] = tuple(found_in(spec, "model", ends_in(spec.model, KERAS)) for spec in recipe.peers)
    return recipe.model_copy(update=changed)
