"""Study files: a grid of recipes, what is asked of it, what is compared."""

import copy
import json
import math
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, PrivateAttr, ValidationError

from keras_kd.recipe.files import read, shown, written_out
from keras_kd.recipe.load import load, load_teacher_recipe
from keras_kd.recipe.messages import explain
from keras_kd.recipe.overrides import is_place, override, set_field
from keras_kd.recipe.schema_types import SEED, VALUES, DottedPath, Part, Whole
from keras_kd.recipe.written import Written
from keras_kd.recipe.yaml_reader import MOST
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.utils.errors import UserError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.files import atomic_write
from keras_kd.utils.paths import absolute, is_path, user_path
from keras_kd.utils.suggest import did_you_mean, in_one_line

CELLS = 200  # each is a run of minutes at least, and all are read before the first
READY = Path(__file__).parent / "studies"


class Study(Part):
    """A grid of recipes that share teachers, baselines and banks, and the table that is made of them."""

    question: str = Field(description="what is asked")
    source: str = Field("", description="where it is asked, and what is said there")
    recipes: dict[str, dict[str, object]] = Field(
        min_length=1, description="recipes by name; one may be another's teacher: {teacher: big.yaml}"
    )
    base: str = Field(description="the one of `recipes` that the axes change")
    axes: dict[str, dict[str, dict[DottedPath, object]]] = Field(
        min_length=1,
        description="by name: the axis' values, each a name and what it sets by dotted path; {} changes nothing. "
        "A text `$path` is what the cell has at that path; `$path or nothing` is left out where it has nothing there",
    )
    without: tuple[dict[str, str], ...] = Field(
        (), max_length=CELLS, description="cells that are left out, by their values"
    )
    against: dict[str, str] = Field({}, description="the value of an axis that the others are compared with")
    figures: dict[str, str] = Field(
        {"student.top1": "top-1"}, min_length=1, description="paths into report.json, and what they are called"
    )
    seeds: tuple[Annotated[Whole, Field(**SEED)], ...] = Field(
        (0, 1, 2), min_length=1, max_length=VALUES, description="a run of each cell for each"
    )
    _written: Written | None = PrivateAttr(None)


def ready():
    """{name: path} of the studies that come with the package.

    Example:
        >>> "label_noise" in ready()
        True
    """
    return {path.stem: path for path in sorted(READY.glob("*.yaml"))}


def find_study(name):
    """The file of a study, given by its path or its name."""
    text = user_path(name, "study")
    path, there = Path(text), ready()
    try:
        if path.is_file():
            return absolute(path)
        beside_it = written_out(path)
    except OSError as error:  # a path that no file can have
        raise UserError(f"{in_one_line(text)}: cannot be read: {error.strerror}") from None
    if beside_it and (is_path(text) or path.stem not in there):
        return beside_it
    if path.stem in there and path.parent == Path():
        return there[path.stem]
    if path.is_dir():
        raise UserError(f"{in_one_line(text)}: a folder; expected a study file (.yaml)")
    hint = did_you_mean(path.stem, there) or f"; ready ones: {', '.join(there)}"
    raise UserError(f"{in_one_line(text)}: no such study{hint}")


def load_study(name):
    """Reads a study.

    Args:
        name: its path, or the name of a ready one.

    Returns:
        `Study`.

    Raises:
        UserError: every error, with its line.

    Example:
        >>> load_study("label_noise").base
        'student'
    """
    path = find_study(name)
    raw, lines = read(path)
    if {"student", "fit"} <= raw.keys():
        raise UserError(f"{shown(path)}: is a recipe, not a study; `keras-kd distill {shown(path)}` runs it")
    written = Written(shown(path), lines, {})
    errors = []
    try:
        study = Study(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        errors = explain(Study, error, ())
    else:
        errors = _meaning(study)
        study._written = written
    if errors:
        raise UserError("\n".join(written.in_words(errors)))
    return study


def _meaning(study):
    errors = [
        (("recipes", name), f"is no plain name of a file; expected one, such as {file_name(name)}")
        for name in study.recipes
        if name != file_name(name)
    ]
    if study.base not in study.recipes:
        errors.append((("base",), f"no recipe {study.base!r}{did_you_mean(study.base, study.recipes)}"))
    for where, chosen in [(("against",), study.against), *((("without",), one) for one in study.without)]:
        for axis, value in chosen.items():
            if axis not in study.axes:
                errors.append((where, f"no axis {axis!r}{did_you_mean(axis, study.axes)}"))
            elif value not in study.axes[axis]:
                errors.append((where, f"axis {axis} has no value {value!r}{did_you_mean(value, study.axes[axis])}"))
    errors += _count_errors(study)
    if not errors and not cells(study):
        errors.append((("without",), "leaves out every cell; expected that some stay"))
    if len(set(study.seeds)) < len(study.seeds):
        errors.append((("seeds",), f"is {list(study.seeds)}; expected each seed once"))
    return errors


def _count_errors(study):
    """Whether the grid has more cells than are run, before it is made."""
    count = math.prod(map(len, study.axes.values()))
    if count > 10 * CELLS:
        return [(("axes",), f"make {count:,} cells; expected at most {CELLS}")]
    kept = cells(study)
    if len(kept) > CELLS:
        return [(("axes",), f"make {len(kept)} cells; expected at most {CELLS}")]
    base = _values_in(study.recipes.get(study.base))
    held = {axis: {name: _values_in(sets) for name, sets in named.items()} for axis, named in study.axes.items()}
    values = sum(base + sum(held[axis][name] for axis, name in cell.items()) for cell in kept)
    what = f"make {len(kept)} recipes of {values:,} values in all; expected {MOST:,} at most"
    return [(("axes",), what)] if values > MOST else []


def _values_in(plain):
    inner = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ()
    return 1 + sum(map(_values_in, inner))


def cells(study):
    """The cells of the grid: [{axis: value}], the last axis the fastest.

    Args:
        study: a `Study`.

    Example:
        >>> [one["way"] for one in cells(load_study("label_noise"))][:2]
        ['labels alone', 'KD, clean teacher']
    """
    grid = [{}]
    for axis, values in study.axes.items():
        grid = [{**cell, axis: value} for cell in grid for value in values]
    return [cell for cell in grid if not any(one.items() <= cell.items() for one in study.without)]


def recipe_of_cell(study, cell):
    """The fields of a cell's recipe.

    Args:
        study: a `Study`.
        cell: {axis: value}.

    Raises:
        UserError: a field that cannot be set.
    """
    raw = copy.deepcopy(study.recipes[study.base])
    for axis, value in cell.items():
        for path, given in study.axes[axis][value].items():
            try:
                set_field(raw, path, copy.deepcopy(given))
            except UserError as error:
                raise UserError(f"axes.{axis}.{value}: {error}") from None
    raw["export"] = {"formats": []}
    return _filled(raw, raw)


def _filled(value, raw):
    """Plain data with every text "$path" replaced by what the recipe has there."""
    if isinstance(value, dict):
        filled = {key: _filled(one, raw) for key, one in value.items()}
        return {key: one for key, one in filled.items() if one is not _MISSING}
    if isinstance(value, list):
        return [one for one in (_filled(one, raw) for one in value) if one is not _MISSING]
    if isinstance(value, str) and value.startswith("$"):
        path = value[1:].removesuffix(OR_NOTHING)
        found = _at(raw, path)
        if found is _MISSING and not value.endswith(OR_NOTHING):
            raise UserError(
                f"{value}: the recipe has nothing at {path}; correct the path, or write `{value}{OR_NOTHING}` to leave "
                "it out there"
            )
        return found
    return value


def _at(value, path):
    """What plain data have at a dotted path."""
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if is_place(key) and int(key) < len(value) else _MISSING
        else:
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
    return value


_MISSING = object()
OR_NOTHING = " or nothing"


def slug(cell):
    """A cell as the name of a file.

    Example:
        >>> slug({"noise": "40 %", "way": "KD, clean teacher"})
        '40-kd-clean-teacher'
    """
    return file_name("-".join(cell.values()).lower().replace("-", " "))


def write_recipes(study, folder, settings=(), smoke=False):
    """Writes the recipes of a study and reads them back.

    Args:
        study: a `Study`.
        folder: in which `recipes/` is made.
        settings, smoke: as of `keras_kd.recipe.load.load`, for every cell; settings of `data` for teachers too.

    Returns:
        [(cell, name, `Recipe`)].

    Raises:
        UserError: every error of every cell's recipe; then no new folder is left behind.
    """
    place = Path(folder) / "recipes"
    there = {path.name for path in place.glob("*")}
    try:
        return _written(study, place, settings, smoke)
    except UserError:
        for name in (*study.recipes, *(slug(cell) for cell in cells(study))):
            if f"{name}.yaml" not in there:
                (place / f"{name}.yaml").unlink(missing_ok=True)
        if not there and place.is_dir():
            place.rmdir()
        raise


def _written(study, place, settings, smoke):
    found, errors, names = [], {}, {}
    of_data = [setting for setting in settings if setting.strip().startswith("data.")]
    for name, raw in study.recipes.items():
        if name != study.base:
            raw = copy.deepcopy(raw)
            for setting in of_data:
                override(raw, setting)
            _write(place / f"{name}.yaml", raw)
    for name in study.recipes:
        try:
            # One that nothing names is read too, so that no fault of it is passed over.
            if name != study.base:
                load(place / f"{name}.yaml", smoke=smoke)
        except UserError as error:
            errors[name] = str(error).splitlines()
    for cell in cells(study):
        name = slug(cell) or "cell"
        if name in names or name in study.recipes:
            raise UserError(f"axes: two cells would have the name {name}; give their values other names")
        names[name] = cell
        try:
            _write(place / f"{name}.yaml", recipe_of_cell(study, cell))
            recipe = load(place / f"{name}.yaml", settings, smoke=smoke)
            for spec in recipe.teacher.members if recipe.teacher else ():
                if spec.is_recipe:
                    load_teacher_recipe(spec, smoke)
            found.append((cell, name, recipe))
        except UserError as error:
            errors[name] = str(error).splitlines()
    if errors:
        raise UserError("\n".join(_placed(errors, study, shown(place), names)))
    return found


def _placed(errors, study, place, named):
    """Errors of cells' recipes, told of the study as the reader wrote it, and not of the files made of it.

    Args:
        errors: {name of a cell: lines}.
        study: the `Study`.
        place: where the files are, as errors show it.
        named: {name: cell} of all cells.
    """
    of_file = re.compile(rf"{re.escape(place)}/(.*)\.yaml:\d+: (.*)")
    said = {}
    for cell, found in errors.items():
        for one in found:
            match = of_file.fullmatch(one)
            recipe, message = match.groups() if match else (cell, one)
            said.setdefault((recipe if recipe in study.recipes else None, message), []).append(cell)
    for (recipe, message), names in said.items():
        if recipe is None and len(names) == len(named) > 1:
            recipe = study.base
        if message.startswith("axes."):
            yield _with_line(study, _of_axis(study, message), message)
        elif recipe is not None:
            yield _with_line(study, ("recipes", recipe, *_keys_of(message)), f"recipes.{recipe}: {message}")
        else:
            for name in names:
                yield _with_line(study, _of_cell(study, named[name], message), f"cell {name}: {message}")


def _with_line(study, where, message):
    """A message with the line of a path of keys, where the study was read from a file."""
    written = study._written
    return message if written is None else f"{written.file}:{written.line(where)}: {message}"


def _keys_of(message):
    """The path of keys with which a message begins."""
    found = re.match(r"[\w.\[\]]+(?=: )", message)
    return tuple(found.group().replace("[", ".").replace("]", "").split(".")) if found else ()


def _of_axis(study, message):
    """The value of an axis that a message begins with."""
    values = ((axis, value) for axis, named in study.axes.items() for value in named)
    return next((("axes", *one) for one in values if message.startswith(f"axes.{'.'.join(one)}: ")), ("axes",))


def _of_cell(study, cell, message):
    """What set the field of a cell that a message is about: a value of an axis, or the recipe that they change."""
    keys = _keys_of(message)
    for axis, value in cell.items():
        for path in study.axes[axis][value]:
            if keys[: path.count(".") + 1] == tuple(path.split(".")):
                return ("axes", axis, value, path)
    return ("recipes", study.base, *keys)


def _write(path, raw):
    text = write_yaml(json.loads(json.dumps(raw)))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
