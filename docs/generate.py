"""Writes docs/recipes.md and docs/commands.md from the schema and the command line; a test holds them to it.

python docs/generate.py
"""

import typing
from pathlib import Path

import click
from pydantic import BaseModel

from keras_kd import schema
from keras_kd.cli import commands
from keras_kd.methods import METHODS

FOLDER = Path(__file__).parent
HEADER = "<!-- Written by docs/generate.py; do not edit. -->\n"


def recipes_page():
    """Every field of a recipe, as Markdown."""
    lines = [HEADER, "# Recipes", "", schema.Recipe.__doc__.strip(), ""]
    lines += ["A field can be set from the command line by its path: `--set fit.epochs=3`, `--set terms.0.weight=0.5`."]
    parts = [("", schema.Recipe), ("data", schema.DataSpec), ("data.views", schema.ViewsSpec), ("data.views.rand_augment", schema.RandAugmentSpec), ("teacher, student", schema.ModelSpec)]
    parts += [("terms[...]", schema.TermSpec), ("fit", schema.FitSpec)]
    parts += [("export", schema.ExportSpec), ("export.gates", schema.GateSpec)]
    for name, part in parts:
        lines += ["", f"## {name or 'The whole'}", "", *([part.__doc__.strip(), ""] if name else [])]
        lines += ["| field | what it is | default |", "|---|---|---|"]
        for field, about in part.model_fields.items():
            if field == "settings":
                continue
            lines.append(f"| `{field}` | {about.description} | {_default(about)} |")
    lines += ["", "## Settings of the methods", ""]
    for name, method in METHODS.items():
        lines += [f"`{name}`: {method.__doc__.strip().splitlines()[0]}", ""]
        lines += [f"- `{field}`, {about.default} by default" for field, about in method.model_fields.items()]
    return "\n".join(lines) + "\n"


def _default(about):
    if about.is_required():
        return "required"
    if isinstance(about.default, BaseModel):
        return "see below"
    if about.default is None:
        return "none"
    if isinstance(about.default, bool):
        return f"`{str(about.default).lower()}`"
    if isinstance(about.default, tuple):
        return f"`[{', '.join(map(str, about.default))}]`"
    return f"`{about.default}`"


def commands_page():
    """The help of every command, as Markdown."""
    lines = [HEADER, "# Commands", ""]
    whole = commands.make_context("keras-kd", [], resilient_parsing=True)
    for name in [None, *commands.commands]:
        command = commands if name is None else commands.commands[name]
        context = whole if name is None else click.Context(command, parent=whole, info_name=name)
        context.terminal_width = 100
        lines += [f"## keras-kd{'' if name is None else f' {name}'}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


PAGES: dict[str, typing.Callable] = {"recipes.md": recipes_page, "commands.md": commands_page}


def main():
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
