"""What a shell proposes after `keras-kd`: recipes, runs, studies, fields and their values; it imports nothing heavy."""

import re
import typing
from pathlib import Path

from click.shell_completion import BashComplete, CompletionItem, add_completion_class
from pydantic import BaseModel

from keras_kd.workflows.arguments import RUNS

# What a run's folder has, finished or not.
OF_A_RUN = ("recipe.yaml", "report.json", "student.keras")
# Fields whose value is the name of a network, or of a method.
OF_MODELS = re.compile(r"(.*\.)?(student|teacher|model|peers\.\d+|independent_teacher|ensemble\.\d+)")
OF_METHODS = re.compile(r"terms\.\d+\.method")


def files_and(names, incomplete):
    """Files, and those names that begin as what was typed."""
    if incomplete.startswith((".", "~")) or "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    # A shell that has none of the names takes the files.
    begun = [CompletionItem(one) for one in names if one.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *begun]


def recipes(context, parameter, incomplete):
    """Ready recipes and those in `recipes`, by name; files."""
    from keras_kd.recipe.files import known

    here = (str(one) for kind in ("*.yaml", "*.yml") for one in Path().glob(kind))
    return files_and(sorted({*known(), *here}), incomplete)


def runs(context, parameter, incomplete):
    """Folders of runs in `saved_models`; files."""
    begun, _, _ = incomplete.rpartition("/")
    places = {RUNS, Path(begun)} if begun else {RUNS}
    found = sorted(
        folder.as_posix()
        for place in places
        if place.is_dir()
        for folder in place.iterdir()
        if folder.is_dir() and any((folder / one).exists() for one in OF_A_RUN)
    )
    found = [one for one in found if incomplete in (one[: len(incomplete)], Path(one).name[: len(incomplete)])]
    return found or [CompletionItem(incomplete, type="file")]


def studies(context, parameter, incomplete):
    """Ready studies, by name; files."""
    from keras_kd.workflows.study.study_file import ready

    return files_and(ready(), incomplete)


def tables(context, parameter, incomplete):
    """What `keras-kd list` shows."""
    from keras_kd.workflows.catalogue import CATALOGUE

    return [one for one in CATALOGUE if one.startswith(incomplete)]


def datasets(context, parameter, incomplete):
    """Known data sets, by name; files."""
    from keras_kd.data import DATASETS

    return files_and(DATASETS, incomplete)


def formats(context, parameter, incomplete):
    """Formats of exported files."""
    from keras_kd.export.formats import FORMATS

    return [one for one in FORMATS if one.startswith(incomplete)]


def backends(context, parameter, incomplete):
    """Keras's backends that keras_kd runs on."""
    return [one for one in ("tensorflow", "jax") if one.startswith(incomplete)]


def settings(context, parameter, incomplete):
    """`PATH=VALUE`: fields of a recipe by their dotted paths; networks, methods and words as their values."""
    name, equals, value = incomplete.partition("=")
    known = dict(_fields())
    if not equals:
        return [f"{path}=" for path in known if path.startswith(name)]
    return [f"{name}={one}" for one in _values(name, known) if one.startswith(value)]


def _fields():
    """(dotted path, annotation) of every field of a recipe; of a list the first item."""
    from keras_kd.recipe.schema import Recipe

    return list(_fields_of(Recipe, ""))


def _fields_of(part, prefix):
    for name, about in part.model_fields.items():
        inner = [one for one in _types(about.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        listed = any(typing.get_origin(one) is tuple for one in _types(about.annotation))
        path = f"{prefix}{name}{'.0' if listed and inner else ''}"
        yield path, about.annotation
        for one in inner:
            yield from _fields_of(one, f"{path}.")


def _types(annotation):
    """An annotation and all that it is made of."""
    yield annotation
    for one in typing.get_args(annotation):
        if typing.get_origin(annotation) is not typing.Literal:
            yield from _types(one)


def _values(name, known):
    """What the field of a path may be, as far as that can be listed."""
    if OF_METHODS.fullmatch(name):
        from keras_kd.methods import METHODS

        return list(METHODS)
    if OF_MODELS.fullmatch(name):
        from keras_kd.models import MODELS
        from keras_kd.recipe.files import known as known_recipes

        return [*MODELS, *(sorted(known_recipes()) if name.endswith("teacher") else ())]
    if name == "data":
        from keras_kd.data import DATASETS

        return list(DATASETS)
    found = []
    for one in _types(known.get(name)):
        if typing.get_origin(one) is typing.Literal:
            found += map(str, typing.get_args(one))
        elif one is bool:
            found += ["true", "false"]
    return list(dict.fromkeys(found))


@add_completion_class
class Bash(BashComplete):
    """Bash cuts `PATH=VALUE` at the equals sign, and wants what comes after it alone."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", 'COMPREPLY+=("$value"); [[ $value == *= ]] && compopt -o nospace'
    )

    def get_completion_args(self):
        given, incomplete = super().get_completion_args()
        words = []
        for one in [*given, incomplete]:
            # "fit.epochs", "=", "3"; of "a=b" a second equals sign begins nothing.
            if words and (words[-1].endswith("=") or (one == "=" and "=" not in words[-1])):
                words[-1] += one
            else:
                words.append(one)
        self.before = words[-1].rpartition("=")[0] if "=" in words[-1] else None
        return words[:-1], words[-1]

    def format_completion(self, item):
        value = item.value
        if self.before is not None and value.startswith(f"{self.before}="):
            value = value.removeprefix(f"{self.before}=")
        return f"{item.type},{value}"
