"""Recipe files: where they are, and their YAML read with the line of every field."""

import copy
import os
import re
from pathlib import Path

import yaml

from keras_kd.recipe.messages import dotted
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import RECIPE, absolute, ends_in, is_path, user_path
from keras_kd.utils.suggest import did_you_mean, found_as

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
    found = {}
    for place in places():
        here = {}
        for path in sorted(place.rglob("*.yaml"), key=lambda path: (len(path.parts), path)):
            name = path.stem if path.stem not in here else path.relative_to(place).with_suffix("").as_posix()
            here[name] = path
        found.update((name, path) for name, path in here.items() if name not in found)
    return found


def find(path):
    """The file of a recipe given by its path or its name, the ending left out or not."""
    text = user_path(path, "recipe")
    path = Path(text)
    if path.is_file():
        return absolute(path)
    beside_it = written_out(path)
    if beside_it and is_path(text):
        return beside_it
    recipes = known()
    name = path.with_suffix("").as_posix() if not path.suffix or ends_in(path, RECIPE) else str(path)
    if name in recipes:
        return recipes[name].absolute()
    for candidate in recipes.values():
        # Of a recipe in a folder, such as recipes/pairs/x.yaml, the end of its path is a name too.
        if candidate.absolute().with_suffix("").as_posix().endswith(f"/{name}"):
            return candidate.absolute()
    if beside_it:
        return beside_it
    if path.is_dir():
        raise UserError(f"{path}: a folder; expected a recipe file (.yaml)")
    hint = did_you_mean(path.stem, recipes) or "; `keras-kd list recipes` names all"
    raise UserError(f"{path}: no such recipe{hint}")


def written_out(path):
    """The file that a path without its ending names, or None."""
    there = (path.with_name(path.name + ending) for ending in RECIPE if path.name)
    return next((absolute(one) for one in there if one.is_file()), None)


def headline(path):
    """The first comment line of a recipe."""
    with open(path, encoding="utf-8") as file:
        first = file.readline().strip()
    return first.removeprefix("#").split("  ")[0].strip() if first.startswith("#") else ""


class Loader(yaml.SafeLoader):
    """YAML with numbers such as 5e-4, which YAML 1.1 takes for text."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def read(path):
    """(plain data, {path of keys: line}) of a YAML file."""
    at = shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{at}: not a text file; expected a recipe in YAML (UTF-8)") from None
    except OSError as error:
        raise UserError(f"{at}: cannot be read: {error.strerror}") from None
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        # Constructing it writes out what is merged by `<<`, as if it stood there.
        as_written = copy.deepcopy(node)
        raw = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{at}:{line}: not valid YAML: {error.problem}; check indentation and brackets") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{at}: not valid YAML: {str(error).splitlines()[0]}") from None
    if raw is None:
        raise UserError(f"{at}:1: empty; expected data, student and fit: `keras-kd new NAME` writes a recipe to edit")
    if not isinstance(raw, dict):
        raise UserError(f"{at}:1: expected fields such as 'data:' and 'student:', got {found_as(raw)}")
    lines, twice = {}, []
    try:
        _walk(as_written, (), lines, twice)
    except RecursionError:
        raise UserError(f"{at}: an anchor holds itself; write the fields out") from None
    if twice:
        raise UserError("\n".join(f"{at}:{line}: {dotted(where)}: given twice; keep one" for line, where in twice))
    return raw, lines


def _walk(node, where, lines, twice):
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            here = (*where, key.value)
            if here in seen:
                twice.append((key.start_mark.line + 1, here))
            seen.add(here)
            lines[here] = key.start_mark.line + 1
            _walk(value, here, lines, twice)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*where, str(number))] = value.start_mark.line + 1
            _walk(value, (*where, str(number)), lines, twice)


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
