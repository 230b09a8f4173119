"""docs/sources.md: every system that the sources name, where it lives, the command, what was measured and published.

Rows of methods are made of their classes, their recipes' heads and the files under benchmarks/results/; those of all
else stand in docs/systems.yaml.
"""

import json
import re
from pathlib import Path

import yaml

from keras_kd.methods import METHODS
from keras_kd.methods.taxonomy import KNOWLEDGE, PROBLEMS, SCHEMES
from keras_kd.workflows.catalogue import groups
from keras_kd.workflows.catalogue import methods as catalogue_of_methods

ROOT = Path(__file__).parent.parent
SMALL, NOT_IN_IT = "methods_tensorflow.json", "not in it"
INTRODUCTION = """
Every system that the papers and the tools name which this project builds on: methods, ways to teach with any method,
studies, and what is not built, with the reason. [README.md](../README.md) says what each method is,
[findings.md](findings.md) what the studies found; `keras-kd list methods --knowledge feature` chooses methods by the
groups below, `keras-kd cite RECIPE` prints their sources.

How the figures compare: those that are published are of 240 epochs on the 50,000 images of CIFAR-100, mostly ResNet-56
(72.34 %) to ResNet-20 (69.06 % alone), some of them the best epoch on the test images. None of these runs has been done
here, so none is compared yet: the head of each recipe says what it aims at and what came of it. What was measured is
smaller. "Small pair" is ResNet-20 to ResNet-8 on 20 classes at 16x16 pixels, five epochs, three seeds, in points over
the student alone, in brackets the CPU time of an epoch over the student alone's, with the bank where it serves
(`methods_tensorflow.json`; [README.md](../README.md) has the whole table); studies are ten classes at 16x16 or digits,
15 to 60 epochs, three or five seeds, with a 95 % interval. Neither says which method is best at the published budget.
"""
# Of the survey of Gao 2023: the kinds of its taxonomy, and what of each is here.
SURVEY = {
    "assistant": "chain of assistants; ensembles of them with fitted weights",
    "curriculum": "`ctkd`; DeepKD and PCD are not built",
    "decoupled": "`dkd`; NKD, SDD and MKL are not built",
    "mask": "MGD: `mgd`" if "mgd" in METHODS else "MGD is not there yet",
}


def sources_page():
    """The page, as Markdown."""
    systems = read_systems()
    lines = [
        "<!-- Written by docs/generate.py; do not edit. -->\n",
        "# Systems of the sources",
        *INTRODUCTION.splitlines(),
    ]
    lines += ["", "## Methods", "", "By the knowledge that they pass on and by who teaches."]
    for (knowledge, scheme), inside in groups(catalogue_of_methods()).items():
        lines += ["", f"### {knowledge.capitalize()}, {scheme}", ""]
        lines += [f"{knowledge.capitalize()}: {KNOWLEDGE[knowledge]}. {scheme.capitalize()}: {SCHEMES[scheme]}.", ""]
        lines += _table("method", "source", "where, command", "small pair", "published; here")
        lines += [_row(*_of_method(name, said)) for name, said in inside.items()]
    lines += ["", "## Ways to teach with any method, studies, measures", ""]
    lines += _table("system", "source", "where, command", "measured", "published; here")
    lines += [_row(*_of_way(way)) for way in systems["built"]]
    lines += ["", "## Not built"]
    for group in systems["absent"]:
        lines += ["", f"### {group['title']}", "", group["why"].strip(), "", *_table("system", "source", "more")]
        lines += [_row(one["system"], str(one["paper"]), one.get("why", "")) for one in group["systems"]]
    lines += [
        "",
        "## By problem",
        "",
        "What a source says it answers; `keras-kd list methods --problem noise` says which.",
        "",
    ]
    lines += _table("problem", "methods", "ways and studies", "not built")
    lines += [_of_problem(problem, systems) for problem in PROBLEMS]
    lines += ["", "## By the kinds of a survey", "", "Gao 2023, arXiv:2304.04615, known by its abstract only.", ""]
    lines += [*_table("kind", "here"), *(_row(kind, text) for kind, text in SURVEY.items())]
    return "\n".join(lines) + "\n"


def read_systems():
    """docs/systems.yaml."""
    return yaml.safe_load((ROOT / "docs" / "systems.yaml").read_text(encoding="utf-8"))


def recipe_of(name):
    """The recipe that shows a method: that of its name, else the first of all that names it."""
    folder = ROOT / "recipes"
    own = folder / "methods" / f"{name}.yaml"
    plain = folder / "resnet56_to_resnet20.yaml"
    for path in (own, plain, *sorted(folder.rglob("*.yaml"))):
        if path.exists() and re.search(rf"\bmethod: {name}\b", path.read_text(encoding="utf-8")):
            return path.relative_to(ROOT)
    raise LookupError(f"docs/sources.md: no recipe names the method {name}; expected recipes/methods/{name}.yaml")


def head_of(recipe):
    """{"Aim": ..., "Queue": ..., "Got": ...} of the comment that a recipe begins with."""
    lines = (ROOT / recipe).read_text(encoding="utf-8").splitlines()
    comment = []
    for line in lines[1:]:
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    parts = re.split(r"(?:^| )(Aim|Queue|Got|Source): ", " ".join(comment))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _of_method(name, said):
    recipe = recipe_of(name)
    module = f"keras_kd/{METHODS[name].__module__.removeprefix('keras_kd.').replace('.', '/')}.py"
    return f"`{name}`", said["paper"], _where([module], _command(recipe)), _small(recipe.stem), _published(recipe)


def _of_way(way):
    recipe = f"recipes/{way['recipe']}.yaml" if "recipe" in way else None
    small = _small(Path(recipe).stem) if recipe else NOT_IN_IT
    measured = [f"small pair: {small}"] if small != NOT_IN_IT else []
    measured += [_study(*way["study"])] if "study" in way else []
    measured += [way["measured"]] if "measured" in way else []
    where = _where(way["where"], _command(recipe) if recipe else way["run"])
    said = "; ".join(measured) or "not measured"
    return way["system"], way["paper"], where, said, way.get("published") or _published(recipe)


def _of_problem(problem, systems):
    methods = [f"`{name}`" for name, method in METHODS.items() if problem in method.problems]
    ways = [way["system"] for way in systems["built"] if problem in way.get("problems", ())]
    absent = [one for group in systems["absent"] for one in group["systems"]]
    others = [one["system"] for one in absent if problem in one.get("problems", ())]
    return _row(f"{problem}: {PROBLEMS[problem]}", *(", ".join(names) or "none" for names in (methods, ways, others)))


def _where(paths, command):
    return f"{', '.join(f'[`{Path(path).name}`](../{path})' for path in paths)} `{command}`"


def _command(recipe):
    return f"keras-kd distill {recipe}"


def _published(recipe):
    """What a recipe aims at, and what came of it."""
    head = head_of(recipe)
    return "; ".join(head[part].rstrip(".") for part in ("Aim", "Got") if part in head)


def _results(name):
    return json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))


def _small(recipe):
    """The difference to the student alone on the small pair and what it costs, of each row of a recipe."""
    rows = {name: one for name, one in _results(SMALL)["methods"].items() if one["recipe"] == recipe}
    said = []
    for name, one in rows.items():
        mean, std = (100 * one["over_alone"][part] for part in ("mean", "std"))
        variant = name.partition(", ")[2]
        cost = f"CPU {one['cpu']['over_alone']['median']:.2f}"
        said.append(f"{mean:+.2f} ± {std:.2f} ({cost}){f' with {variant}' if variant else ''}")
    return "; ".join(said) or NOT_IN_IT


def _study(name, cell):
    """The difference of a cell of a study to what the study compares with."""
    found = _results(f"study_{name}.json")
    (chosen,) = (one for one in found["cells"] if ", ".join(one["cell"].values()) == cell)
    against = chosen["against"]["student.top1"]
    low, high = (100 * end for end in against["interval"])
    points = f'{100 * against["difference"]:+.2f} points over "{" ".join(found["against"].values())}"'
    return f'study `{name}`, "{cell}": {points} ({low:.2f} to {high:.2f}; `study_{name}.json`)'


def _table(*names):
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def _row(*cells):
    return f"| {' | '.join(cells)} |"
