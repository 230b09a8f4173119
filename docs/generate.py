"""Writes the pages that say so at their top, and the tables between marks of README.md and docs/performance.md; a test
holds them to it.

python docs/generate.py
"""

import inspect
import json
import re
import runpy
import typing
from pathlib import Path

import click
from pydantic import BaseModel

from keras_kd.cli.main import commands
from keras_kd.methods import METHODS
from keras_kd.methods.parts.subclass_head import TAP as SUBCLASSES
from keras_kd.methods.parts.targets import Target
from keras_kd.methods.taxonomy import KNOWLEDGE, PROBLEMS, SCHEMES
from keras_kd.recipe import (
    schema,
    schema_cooperative,
    schema_data,
    schema_fit,
    schema_meta,
    schema_networks,
    schema_pruning,
    schema_selection,
)
from keras_kd.report.report import Report
from keras_kd.report.search_result import SearchResult
from keras_kd.report.section import Section
from keras_kd.report.study_page import describe_cost, table
from keras_kd.report.study_result import StudyResult
from keras_kd.training.schedules import Schedule
from keras_kd.workflows.catalogue import groups
from keras_kd.workflows.catalogue import methods as catalogue_of_methods
from keras_kd.workflows.study.study_file import Study, cells, load_study, ready

FOLDER = Path(__file__).parent
HEADER = "<!-- Written by docs/generate.py; do not edit. -->\n"


def recipes_page():
    """Every field of a recipe, as Markdown."""
    lines = [HEADER, "# Recipes", "", _about(schema.Recipe), ""]
    lines += ["A field can be set from the command line by its path: `--set fit.epochs=3`, `--set terms.0.weight=0.5`."]
    lines += ["", *READING.strip().splitlines()]
    parts = [
        ("", schema.Recipe),
        ("data", schema_data.DataSpec),
        ("data.label_noise", schema_data.LabelNoiseSpec),
        ("data.imbalance", schema_data.ImbalanceSpec),
        ("data.views", schema_data.ViewsSpec),
        ("data.views.rand_augment", schema_data.RandAugmentSpec),
        ("teacher, student", schema_networks.ModelSpec),
    ]
    parts += [("teacher, teacher.ensemble[...]", schema_networks.MemberSpec), ("teacher", schema_networks.TeacherSpec)]
    parts += [("student", schema_networks.StudentSpec), ("student.prune", schema_pruning.PruneSpec)]
    parts += [("terms[...]", schema.TermSpec), ("a schedule", Schedule), ("trust", schema.TrustSpec)]
    parts += [("meta", schema_meta.MetaSpec), ("selection", schema_selection.SelectionSpec)]
    parts += [("cooperative", schema_cooperative.CooperativeSpec)]
    parts += [("fit", schema_fit.FitSpec), ("fit.early_stopping", schema_fit.EarlyStoppingSpec)]
    parts += [("bank", schema.BankSpec)]
    parts += [("export", schema.ExportSpec), ("export.gates", schema.GateSpec)]
    parts += [("export.int8_fine_tuning", schema.Int8FineTuningSpec)]
    parts += [("search", schema.SearchSpec), ("search.space, of each path", schema.SettingSpace)]
    parts += [("search.objective", schema.ObjectiveSpec)]
    parts += [("baseline", schema.BaselineSpec), ("evidence", schema.EvidenceSpec)]
    for name, part in parts:
        lines += ["", f"## {name or 'The whole'}", "", *([_about(part), ""] if name else [])]
        lines += ["| field | what it is | default |", "|---|---|---|"]
        for field, about in part.model_fields.items():
            if part is schema.TermSpec and field in ("settings", "schedules"):
                continue
            # What a part takes over from another stands there.
            if field in getattr(part.__base__, "model_fields", ()):
                continue
            lines.append(f"| `{field}` | {about.description} | {_default(about)} |")
    lines += ["", "## Targets", "", _about(Target), ""]
    lines += ["## Settings of the methods", "", "Each setting is followed by its default."]
    for name, method in METHODS.items():
        said = _arguments(method)
        lines += ["", f"`{name}`: {method.__doc__.strip().splitlines()[0]}", ""]
        for field, about in method.model_fields.items():
            default = _plain(about.default)
            lines.append(f"- `{field}` ({default}){': ' if field in said else ''}{said.get(field, '')}")
    return "\n".join(lines) + "\n"


def report_page():
    """Every figure of a report, as Markdown."""
    lines = [HEADER, "# Reports", "", *REPORTS.strip().splitlines()]
    parts = {"The whole": Report, **_sections(Report)}
    for file, whole in (("search.json", SearchResult), ("study.json", StudyResult)):
        parts |= {file: whole, **{f"{file}: {name}": part for name, part in _sections(whole).items()}}
    for name, part in parts.items():
        lines += [
            "",
            f"## {name}",
            "",
            _about(part).partition("\n\nExample")[0],
            "",
            "| field | what it is |",
            "|---|---|",
        ]
        lines += [f"| `{field}` | {about.description} |" for field, about in part.model_fields.items()]
    return "\n".join(lines) + "\n"


def _sections(part, name=""):
    """{dotted name: the class of the section} of all sections inside one."""
    found = {}
    for field, about in part.model_fields.items():
        inner = [one for one in _types(about.annotation) if isinstance(one, type) and issubclass(one, Section)]
        for one in inner:
            found[f"{name}{field}"] = one
            found.update(_sections(one, f"{name}{field}."))
    return found


def _types(annotation):
    """The types that an annotation is made of."""
    inside = typing.get_args(annotation)
    return [one for part in inside for one in _types(part)] if inside else [annotation]


READING = """
Recipes, studies and values of `--set` are YAML, read by the rules of version 1.2: `010` is ten, `0o10` and `0x8` are
eight, `1e-3` is a number, `no`, `yes`, `on` and `1:30` are text (a field that is true or false takes `yes` and `no`).
So are `"3"` and `1_000`: where a number is wanted they are refused, with the number to write.
Tags other than `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map`, `!!seq`, names that are not text, a name given
twice and a second document are refused. Anchors, aliases and merges (`<<`) are written out. A file has at most 512 KiB,
30,000 values once they are written out, and 50 levels; every number is finite, with a least and a largest value.
"""
REPORTS = """
`report.json` in the folder of a run. `keras_kd.Report.read("saved_models/digits")` gives it with a type for each
figure, such as `report.fidelity.agreement`; its JSON schema is `keras_kd.Report.model_json_schema()`. What a run did
not measure is not there, in Python None. Shares are in 0..1. Reports of earlier versions are read. What a search and a
study found, `search.json` and `study.json`, is typed in the same way; `keras_kd.search` and `keras_kd.study` return it.
"""


def studies_page():
    """How a study is written, and the ready ones, as Markdown."""
    lines = [HEADER, "# Studies", "", *STUDIES.strip().splitlines(), "", "## Fields", ""]
    lines += ["| field | what it is | default |", "|---|---|---|"]
    lines += [f"| `{field}` | {about.description} | {_default(about)} |" for field, about in Study.model_fields.items()]
    lines += ["", "## Ready studies"]
    for name, path in ready().items():
        found = load_study(path)
        count = len(cells(found)) * len(found.seeds)
        lines += ["", f"### {name}", "", f"{found.question} {len(cells(found))} cells, {count} runs at most.", ""]
        lines += [found.source.strip(), "", "```yaml", path.read_text(encoding="utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def findings_page():
    """What the ready studies found, and whether the protocol is kept: tables of the results files, what they say."""
    written = runpy.run_path(str(FOLDER / "study_findings.py"))
    lines = [HEADER, "# Findings", "", *written["FINDINGS_ABOUT"].strip().splitlines()]
    for name, text in written["FINDINGS"].items():
        path = FOLDER.parent / "benchmarks" / "results" / f"study_{name}.json"
        found = StudyResult(**json.loads(path.read_text(encoding="utf-8")))
        lines += ["", f"## {found.question}", ""]
        lines += [f"`keras-kd study {name}`; `{path.name}`. {found.source.strip()}", "", *table(found)]
        lines += ["", describe_cost(found), "", *text.strip().splitlines()]
    lines += ["", *runpy.run_path(str(FOLDER / "protocol_section.py"))["protocol_section"]()]
    return "\n".join(lines) + "\n"


STUDIES = """
A study runs a grid of recipes with several seeds and makes one table and one set of plots of their reports:
`keras-kd study label_noise`, or `keras-kd study mine.yaml`. Cells that train the same thing share a run; all share
teachers and banks. It can be killed and resumes; `--jobs 2` runs two processes, and the same command given on another
machine that sees the folder joins in. `study.json`, `study.md` and `study.html` are made anew from the reports each
time, so figures can be added later at no cost. The recipe of every cell stays in the folder, under `recipes/`.

The ready studies are small, so that two CPU cores do them: ten classes of CIFAR-100 at 16x16 pixels. `--set` makes them
larger: `keras-kd study label_noise --set data.classes=null --set data.image_size=null --set fit.epochs=240 --out big`
(what is set of `data` holds for the teachers as well; their epochs are those of the file: copy and edit it).
"""


def _arguments(method):
    """{field: what its class, or a class that it is made of, says of it}."""
    said = {}
    for kind in reversed(method.__mro__):
        inside = inspect.cleandoc(kind.__doc__ or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
        for names, text in re.findall(r"^    (\w[\w, ]*): (.+(?:\n {8}.+)*)", inside, re.MULTILINE):
            text = " ".join(text.split()).replace("`keras_kd.methods.parts.targets.Target`", "Targets, above")
            if not text.startswith("see `"):
                said.update(dict.fromkeys(names.split(", "), text))
    return said


def _plain(value):
    if isinstance(value, Target):
        return value.short()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else value


def _about(part):
    """What a part of a recipe is, without what its docstring says to Python."""
    return inspect.cleandoc(part.__doc__).partition("\n\nArgs:")[0]


def _default(about):
    if about.is_required():
        return "required"
    if isinstance(about.default, BaseModel):
        return "see below"
    if about.default is None:
        return "none"
    if isinstance(about.default, bool):
        return f"`{str(about.default).lower()}`"
    if isinstance(about.default, tuple) and all(isinstance(one, BaseModel) for one in about.default) and about.default:
        return f"`{', '.join(one.name for one in about.default)}`"
    if isinstance(about.default, tuple):
        return f"`[{', '.join(map(str, about.default))}]`"
    return f"`{about.default}`"


COMPLETION = """
The shell completes them, names of recipes, networks and methods, folders of runs and the fields of `--set`, once one
line says so: `eval "$(_KERAS_KD_COMPLETE=bash_source keras-kd)"` in bash,
`eval "$(_KERAS_KD_COMPLETE=zsh_source keras-kd)"` in zsh, `_KERAS_KD_COMPLETE=fish_source keras-kd | source` in fish.
"""


def commands_page():
    """The help of every command, as Markdown."""
    lines = [HEADER, "# Commands", "", *COMPLETION.strip().splitlines(), ""]
    whole = commands.make_context("keras-kd", [], resilient_parsing=True)
    for command, context in _with_subcommands(commands, whole):
        context.terminal_width = 100
        lines += [f"## {context.command_path}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def _with_subcommands(command, context):
    yield command, context
    for name, one in getattr(command, "commands", {}).items():
        yield from _with_subcommands(one, click.Context(one, parent=context, info_name=name))


def readme_page():
    """README.md with its two tables."""
    return _with_tables("../README.md", {"methods": _methods(), "comparison": _comparison()})


def performance_page():
    """docs/performance.md with its tables of ratios."""
    tables = {"tax": _tax(), "against live": _against_live(), "against live with oneDNN": _against_live("_onednn")}
    return _with_tables("performance.md", {"served": _served(), **tables, "kernels": _kernels()})


def safety_page():
    """docs/safety.md with what the scripts found."""
    return _with_tables("safety.md", {"safety": _safety()})


def _safety():
    """What was tried by chance, and what came of it."""
    places, damage, kills = (_results(f"safety_{name}_tensorflow") for name in ("places", "damage", "kills"))
    images = _results("odd_images_tensorflow")
    of_commands = ", ".join(f"{name} {len(one['kills'])}" for name, one in kills["commands"].items())
    counts = ", ".join(f"{count} {kind.lower()}" for kind, count in damage["counts"].items())
    yield "| script | what | found | file |"
    yield "|---|---|---|---|"
    yield (
        f"| `benchmarks/safety_places.py` | {places['tried']} commands at folders of somebody's, `/`, `.`, `~`, a "
        f"link, a folder that cannot be written | {places['changed_or_traceback']} changed something of somebody's or "
        "gave a traceback | `safety_places_tensorflow.json` |"
    )
    yield (
        f"| `benchmarks/safety_damage.py` | {len(damage['changes'])} changes of a bit in {damage['files']} files: of a "
        f"finished run, its teacher's, its bank, its cache | {counts} | `safety_damage_tensorflow.json` |"
    )
    yield (
        f"| `benchmarks/safety_kills.py` | {kills['total']} kills at random moments ({of_commands}), the command again "
        f"| {kills['same']} ended with the files, weights, figures and rows of one that was never killed | "
        "`safety_kills_tensorflow.json` |"
    )
    yield (
        f"| `benchmarks/odd_images.py` | {images['tried']} folders of images with one odd file, or laid out oddly | "
        f"{images['used']} used or named in a line, {images['refused']} refused by name, {images['wrong']} with other "
        "pixels than a viewer shows, a traceback, more than 5 s or a program started | `odd_images_tensorflow.json` |"
    )
    mutated = _results("mutated_recipes_tensorflow")
    of_kinds = ", ".join(f"{name} {sum(one.values()):,}" for name, one in mutated["counts"].items())
    found = {name: sum(one[name] for one in mutated["counts"].values()) for name in mutated["counts"]["recipe"]}
    yield (
        f"| `benchmarks/mutated_recipes.py` | {mutated['cases']:,} recipes, studies and overrides changed at random "
        f"({of_kinds}) | {', '.join(f'{count:,} {name}' for name, count in found.items())}; the slowest took "
        f"{max(mutated['slowest'].values()):.1f} s | `mutated_recipes_tensorflow.json` |"
    )


def _with_tables(name, tables):
    """A page with {name: lines} of its tables, each between its marks."""
    page = (FOLDER / name).read_text(encoding="utf-8")
    for name, lines in tables.items():
        begin, end = f"<!-- {name}: begin (written by docs/generate.py) -->", f"<!-- {name}: end -->"
        before, mark, rest = page.partition(begin)
        _, mark_of_end, after = rest.partition(end)
        page = before + mark + "\n".join(["", *lines, ""]) + mark_of_end + after
    return page


def _methods():
    """The tables of methods, one for each knowledge and scheme, and that of the problems that they answer."""
    catalogue = catalogue_of_methods()
    for (knowledge, scheme), inside in groups(catalogue).items():
        yield f"**{knowledge.capitalize()}, {scheme}**: {KNOWLEDGE[knowledge]}; {SCHEMES[scheme]}."
        yield ""
        yield "| method | what it is | paper | needs | weight | numbers from |"
        yield "|---|---|---|---|---|---|"
        for name, said in inside.items():
            what = said["what"].replace("|", "\\|")
            needs = ", ".join(f"`{one}`" if one[:3] in ("sta", "ste", "poo") else one for one in said["needs"])
            cells = (f"`{name}`", what, said["paper"], needs, f"{said['weight']:g}", said["numbers_from"])
            yield f"| {' | '.join(cells)} |"
        yield ""
    yield "| problem | methods that answer it, as their sources say |"
    yield "|---|---|"
    for problem, about in PROBLEMS.items():
        names = ", ".join(f"`{name}`" for name, said in catalogue.items() if problem in said["problems"])
        yield f"| {problem}: {about} | {names or 'none of these'} |"


# Layers whose output of an image is a vector.
VECTORS = {"pooled", SUBCLASSES}


def _served():
    """What a bank can serve of METHODS, by their default layers."""
    served = {
        "what the networks say, or vectors": ("served", []),
        "feature maps of the teacher": ("served with `bank: {maps: true}`; else the teacher runs in each step", []),
        "the teacher on images or maps that the step makes": (
            "not served: the teacher runs in each step, and `--bank ahead` or `full` is refused",
            [],
        ),
        "no teacher": ("there is nothing to look up", []),
    }
    vectors, maps, live, none = (names for _, names in served.values())
    for name, method in METHODS.items():
        kept = all(tap in VECTORS for tap in method().taps("teacher"))
        kind = none if "teacher" not in method.roles else live if method.live else vectors if kept else maps
        kind.append(f"`{name}`")
    yield "| read is | by a bank | methods, by their default layers |"
    yield "|---|---|---|"
    for read, (answer, names) in served.items():
        yield f"| {read} | {answer} | {', '.join(names)} |"


def _comparison():
    """The table of benchmarks/methods.py, as its results have it; what is compared with other data comes last."""
    rows = _results("methods_tensorflow")["methods"]
    yield "| method | top-1 | over the student alone | agreement with the teacher | CPU, bank | CPU, no bank |"
    yield "|---|---|---|---|---|---|"
    for name, one in sorted(rows.items(), key=lambda item: (item[1]["compared_with"], -item[1]["top1"]["mean"])):
        top1, gain = ({key: 100 * one[what][key] for key in ("mean", "std")} for what in ("top1", "over_alone"))
        alone = name == one["compared_with"]
        over = "" if alone else f"{gain['mean']:+.2f} +- {gain['std']:.2f}"
        agreement = "" if one["agreement"] is None else f"{100 * one['agreement']:.1f}"
        score = f"{top1['mean']:.2f} +- {top1['std']:.2f}"
        yield f"| {name} | {score} | {over} | {agreement} | {' | '.join(('', '1') if alone else _cpu(one))} |"


def _cpu(one):
    """What an epoch costs compared with the student alone: (with the bank, without)."""
    own, other = one["cpu"], one.get("cpu_otherwise") or {}
    ratio = f"{own['over_alone']['median']:.2f}"
    otherwise = f"{other['over_alone']:.2f}" if other.get("over_alone") else ""
    if own["way"] == "bank":
        return ratio, otherwise
    if own["way"] == "no teacher":
        return "no teacher", ratio
    return ("not served" if other.get("refused") else f"{otherwise} (maps)" if otherwise else "not timed"), ratio


def _results(name):
    return json.loads((FOLDER.parent / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def _ratio(one):
    """A ratio of wall times and, in brackets, of CPU times; nothing where it was not measured."""
    return f"{one['wall']['median']:.2f} ({one['cpu']['median']:.2f})" if one else ""


def _tax():
    """What a step of KD costs compared with the student alone."""
    yield "| pair | looked up in the bank | teacher in the step |"
    yield "|---|---|---|"
    for pair, one in _results("tax_tensorflow")["pairs"].items():
        ratios = [_ratio(one["ratio"][way]) for way in ("banked", "live")]
        yield f"| {pair.replace('_to_', ' to ').replace('five_', 'five ')} | {' | '.join(ratios)} |"


# Columns and rows of the table of against_live.py.
PAIRS = {
    "resnet56_to_resnet20": "resnet56, resnet20",
    "resnet32x4_to_resnet8x4": "resnet32x4, resnet8x4",
    "wrn_40_2_to_wrn_16_2": "wrn_40_2, wrn_16_2",
    "five_resnet56_to_resnet20": "five resnet56, resnet20",
}
RATIOS = {
    "keras.distillation over the student alone in Keras": "`keras.distillation` | alone in Keras",
    "PyTorch live over the student alone in PyTorch": "PyTorch, live | alone in PyTorch",
    "keras_kd banked over the student alone in Keras": "keras_kd, bank | alone in Keras",
    "keras.distillation over keras_kd banked": "`keras.distillation` | keras_kd, bank",
    "PyTorch live over keras_kd banked": "PyTorch, live | keras_kd, bank",
    "maps: keras.distillation over the student alone in Keras": "`keras.distillation`, maps | alone in Keras",
    "maps: keras.distillation over keras_kd live": "`keras.distillation`, maps | keras_kd, maps, live",
    "maps: keras.distillation over keras_kd banked": "`keras.distillation`, maps | keras_kd, maps, bank",
}


def _against_live(kernels=""):
    """Steps of keras_kd compared with those of others, a column a pair."""
    files = {pair: file for pair in PAIRS if (file := _of_pair(pair, kernels))}
    ratios = [_results(file)["pairs"][pair]["ratio"] for pair, file in files.items()]
    yield f"| a step of | over | {' | '.join(PAIRS[pair] for pair in files)} |"
    yield "|---|---|" + "---|" * len(files)
    for name, said in RATIOS.items():
        yield f"| {said} | {' | '.join(_ratio(one.get(name)) for one in ratios)} |"
    rounds = [str(one["keras.distillation over keras_kd banked"]["wall"]["n"]) for one in ratios]
    yield f"| rounds | | {' | '.join(rounds)} |"
    yield f"| file | | {' | '.join(f'`{file}.json`' for file in files.values())} |"


def _of_pair(pair, kernels):
    """The file that has a pair: of its own, or that of all pairs; None where it was not measured."""
    files = (f"against_live_{pair}_tensorflow{kernels}", f"against_live_tensorflow{kernels}")
    there = (file for file in files if (FOLDER.parent / "benchmarks" / "results" / f"{file}.json").exists())
    return next(there, None)


def _kernels():
    """What TensorFlow's own kernels cost compared with oneDNN's."""
    yield "| | Eigen's kernels over oneDNN's |"
    yield "|---|---|"
    for what, one in _results("cpu_kernels_tensorflow")["eigen_over_onednn"].items():
        yield f"| {what.replace(' says', ' answers')} | {_ratio(one)} |"


def _litert_batch():
    """LiteRT files of any number of images and of one, as benchmarks/litert_batch.py measured them."""
    yield "| network | operators | of shapes | parts for XNNPACK | ms, any number | ms, one | ratio, quartiles |"
    yield "|---|---|---|---|---|---|---|"
    for name, one in _results("litert_batch")["networks"].items():
        both = one["any"], one["1"]
        counts = (" to ".join(str(part[key]) for part in both) for key in ("operators", "of_shapes", "delegated_parts"))
        times = (f"{part['milliseconds']['cpu']['median']:.3f}" for part in both)
        ratio = one["1_over_any"]["cpu"]
        spread = f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        yield f"| `{name}` | {' | '.join([*counts, *times])} | {spread} |"


def exports_page():
    """docs/exports.md with the table of LiteRT files."""
    return _with_tables("exports.md", {"litert batch": _litert_batch()})


PAGES: dict[str, typing.Callable] = {
    "recipes.md": recipes_page,
    "commands.md": commands_page,
    "report.md": report_page,
    "studies.md": studies_page,
    "findings.md": findings_page,
    "performance.md": performance_page,
    "safety.md": safety_page,
    "exports.md": exports_page,
    "sources.md": runpy.run_path(str(FOLDER / "sources_page.py"))["sources_page"],
    "../README.md": readme_page,
}


def main():
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
