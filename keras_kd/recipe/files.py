"""Recipe files: where they are, and their YAML read with the line of every field."""

import codecs
import contextlib
import contextvars
import copy
import functools
import os
from pathlib import Path

from keras_kd.recipe.messages import dotted
from keras_kd.recipe.yaml_reader import LARGEST, NotYamlError, read_yaml
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import megabytes
from keras_kd.utils.paths import RECIPE, absolute, ends_in, is_path, user_path
from keras_kd.utils.screen import print_note_once
from keras_kd.utils.suggest import did_you_mean, found_as, in_one_line

# setup.py puts the ready recipes there; a checkout, and an editable install of one, has them at its top.
LIBRARY = Path(__file__).parent / "library"
CHECKOUT = Path(__file__).parent.parent.parent / "recipes"


def places():
    """The folders in which recipes are looked for by name: here, then the ready ones that come with the package."""
    return [Path("recipes"), LIBRARY if LIBRARY.is_dir() else CHECKOUT]


def known():
    """{name: path} of the recipes found in `places` and the folders in them.

    A name is that of the file; of several files of one name in a place, the others have their folder before it.
    """
    there = _known.get()
    if there is None:
        return _looked_up()
    if not there:
        there.append(_looked_up())
    return dict(there[0])


# A list of what `known` has found, where it is to look once; else None.
_known = contextvars.ContextVar("known", default=None)


@contextlib.contextmanager
def looking_once():
    """Looks for recipes once in the block, however often `known` is called; a function may be decorated."""
    token = _known.set([]) if _known.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _known.reset(token)


def _looked_up():
    found = {}
    for place in places():
        here = {}
        for path in sorted(place.rglob("*.yaml"), key=lambda path: (len(path.parts), path)):
            if not path.is_file():
                continue  # a pipe would be waited for
            name = path.stem if path.stem not in here else path.relative_to(place).with_suffix("").as_posix()
            here[name] = path
        found.update((name, path) for name, path in here.items() if name not in found)
    return found


def find(path):
    """The file of a recipe given by its path or its name, the ending left out or not."""
    text = user_path(path, "recipe")
    path = Path(text)
    try:
        found = _found(path, text)
    except OSError as error:  # a path that no file can have
        raise UserError(f"{in_one_line(text)}: cannot be read: {error.strerror}") from None
    if found is not None:
        return found
    given = in_one_line(str(path), 200)
    if path.is_dir():
        inside = path / "recipe.yaml"
        example = f", such as {inside}" if inside.is_file() else ""
        raise UserError(f"{given}: a folder; expected a recipe file (.yaml){example}")
    here = [one.stem for one in Path().glob("*.yaml") if one.is_file()]
    hint = did_you_mean(path.stem, [*here, *known()]) or "; `keras-kd list recipes` names all"
    raise UserError(f"{given}: no such recipe{hint}")


def _found(path, text):
    if path.is_file():
        return absolute(path)
    beside_it = written_out(path)
    if beside_it and is_path(text):
        return beside_it
    recipes = known()
    name = str(path)
    if path.name and (not path.suffix or ends_in(path, RECIPE)):
        name = path.with_suffix("").as_posix()
    if name in recipes:
        if beside_it and beside_it != recipes[name].absolute():
            print_note_once(f"{name}: the ready recipe; {beside_it.name}, which lies here, is ./{beside_it.name}")
        return recipes[name].absolute()
    for candidate in recipes.values():
        # Of a recipe in a folder, such as recipes/pairs/x.yaml, the end of its path is a name too.
        if candidate.absolute().with_suffix("").as_posix().endswith(f"/{name}"):
            return candidate.absolute()
    return beside_it


def written_out(path):
    """The file that a path without its ending names, or None."""
    there = (path.with_name(path.name + ending) for ending in RECIPE if path.name)
    return next((absolute(one) for one in there if one.is_file()), None)


def headline(path):
    """The first comment line of a recipe; "" where there is none, or the file cannot be read."""
    try:
        if not Path(path).is_file():
            return ""
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            first = file.readline(1000).strip()
    except OSError:
        return ""
    return first.removeprefix("#").split("  ")[0].strip() if first.startswith("#") else ""


def read(path):
    """(plain data, {path of keys: line}) of a YAML file."""
    at = shown(path)
    try:
        data, lines = _parsed(_text_of(path, at))
    except NotYamlError as error:
        said = [f"{at}:{line}: {f'{dotted(where)}: ' if where else ''}{what}" for line, where, what in error.problems]
        raise UserError("\n".join(said)) from None
    if data is None:
        raise UserError(f"{at}:1: empty; expected data, student and fit: `keras-kd new NAME` writes a recipe to edit")
    if not isinstance(data, dict):
        raise UserError(f"{at}:1: expected fields such as 'data:' and 'student:', got {found_as(data)}")
    return copy.deepcopy(data), dict(lines)


# A teacher's recipe is read for every check of those that it teaches.
_parsed = functools.lru_cache(maxsize=16)(read_yaml)


def _text_of(path, at):
    try:
        if path.is_dir():
            raise UserError(f"{at}: a folder; expected a recipe file (.yaml)")
        # A pipe or a device would be waited for.
        if path.exists() and not path.is_file():
            raise UserError(f"{at}: no plain file; expected a recipe file (.yaml)")
        with open(path, "rb") as file:
            found = file.read(LARGEST + 1)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UserError(f"{at}: cannot be read: {error.strerror}") from None
    if len(found) > LARGEST:
        raise UserError(f"{at}: has {megabytes(size, 1)}; expected a recipe of at most {megabytes(LARGEST, 1)}")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError:
        # A file that begins with such a mark by chance has no ends of lines of that width.
        marked = found[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE[:2])
        wide = marked and (b"\n\0" in found or b"\0\n" in found)
        what = "not UTF-8" if wide else "not a text file"
        fix = ", but UTF-16 or UTF-32: save it as UTF-8" if wide else ""
        raise UserError(f"{at}: {what}{fix}; expected a recipe in YAML (UTF-8)") from None


def next_to(name, path):
    """The file or folder of that name next to a recipe, or else here; None if there is none."""
    try:
        name = user_path(name)
    except UserError:  # said of the field that holds it
        return None
    for base in (path.parent, Path.cwd()):
        candidate = base / name
        try:
            if candidate.exists():
                return absolute(candidate)
        except OSError:  # a name that no file can have
            continue
    return None


def shown(path):
    """A path as short as it can be written from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
