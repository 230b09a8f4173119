"""Writes docs/recipes.md, docs/commands.md and the table of methods in README.md; a test holds them to it.

python docs/generate.py
"""

import typing
from pathlib import Path

import click
from pydantic import BaseModel

from keras_kd import schema
from keras_kd.by_epoch import ByEpoch
from keras_kd.catalogue import methods as catalogue_of_methods
from keras_kd.cli import commands
from keras_kd.methods import METHODS

FOLDER = Path(__file__).parent
HEADER = "<!-- Written by docs/generate.py; do not edit. -->\n"


def recipes_page():
    """Every field of a recipe, as Markdown."""
    lines = [HEADER, "# Recipes", "", schema.Recipe.__doc__.strip(), ""]
    lines += ["A field can be set from the command line by its path: `--set fit.epochs=3`, `--set terms.0.weight=0.5`."]
    parts = [
        ("", schema.Recipe),
        ("data", schema.DataSpec),
        ("data.views", schema.ViewsSpec),
        ("data.views.rand_augment", schema.RandAugmentSpec),
        ("teacher, student", schema.ModelSpec),
    ]
    parts += [("teacher, teacher.ensemble[...]", schema.MemberSpec), ("teacher", schema.TeacherSpec)]
    parts += [("student", schema.StudentSpec)]
    parts += [("terms[...]", schema.TermSpec), ("a number by epoch", ByEpoch), ("trust", schema.TrustSpec)]
    parts += [("fit", schema.FitSpec)]
    parts += [("export", schema.ExportSpec), ("export.gates", schema.GateSpec)]
    for name, part in parts:
        lines += ["", f"## {name or 'The whole'}", "", *([part.__doc__.strip(), ""] if name else [])]
        lines += ["| field | what it is | default |", "|---|---|---|"]
        for field, about in part.model_fields.items():
            # What a part takes over from another stands there.
            if field == "settings" or field in getattr(part.__base__, "model_fields", ()):
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


def readme_page():
    """README.md with the table of methods, between its two marks, as METHODS has it."""
    before, mark, rest = (FOLDER.parent / "README.md").read_text(encoding="utf-8").partition(METHODS_BEGIN)
    _, end, after = rest.partition(METHODS_END)
    lines = ["| method | what it is | paper | needs | weight | numbers from |", "|---|---|---|---|---|---|"]
    for name, said in catalogue_of_methods().items():
        what = said["what"].replace("|", "\\|")
        needs = ", ".join(f"`{one}`" if one[:3] in ("sta", "ste", "poo") else one for one in said["needs"])
        cells = (f"`{name}`", what, said["paper"], needs, f"{said['weight']:g}", said["numbers_from"])
        lines.append(f"| {' | '.join(cells)} |")
    return before + mark + "\n".join(["", *lines, ""]) + end + after


METHODS_BEGIN = "<!-- methods: begin (written by docs/generate.py) -->"
METHODS_END = "<!-- methods: end -->"
PAGES: dict[str, typing.Callable] = {
    "recipes.md": recipes_page,
    "commands.md": commands_page,
    "../README.md": readme_page,
}


def main():
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
