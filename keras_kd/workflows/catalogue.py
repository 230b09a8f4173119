"""What `keras-kd list` shows, read from the tables themselves."""

import re
from itertools import chain

from keras_kd.data import DATASETS
from keras_kd.data.sources import SOURCES
from keras_kd.methods import METHODS, Method
from keras_kd.methods.taxonomy import KNOWLEDGE, PROBLEMS, SCHEMES, check_word
from keras_kd.models import APPLICATIONS, MODELS
from keras_kd.recipe.files import headline, known
from keras_kd.utils.formatting import columns
from keras_kd.utils.table import folded, wrapped
from keras_kd.workflows.study.study_file import ready

# A method is a loss; what else is published is a field of a recipe.
MORE = (
    "not a loss, and so fields of a recipe: meta (MetaDistil), selection, cooperative, teacher.folds (cross-fitted "
    "targets), ensembles, generations, label_weight: auto; what each is: docs/sources.md, docs/recipes.md"
)


def methods(knowledge=None, scheme=None, problem=None):
    """The methods, all or those of a group.

    Args:
        knowledge, scheme, problem: a word of `keras_kd.methods.taxonomy`; None for any.

    Returns:
        {name: what is said of it}: "what", "paper", "cites" (keys of the bibliography), "knowledge", "scheme",
        "problems" (each with where its source says so), "needs", "weight" (the default one), "numbers_from".

    Raises:
        UserError: a word is none of those.

    Example:
        >>> list(methods(knowledge="relation", problem="noise"))
        ['fsp', 'rkd', 'sp']
    """
    asked = {"knowledge": (knowledge, KNOWLEDGE), "scheme": (scheme, SCHEMES), "problem": (problem, PROBLEMS)}
    for name, (word, words) in asked.items():
        if word is not None:
            check_word(word, words, f"list methods: --{name}")
    return {
        name: {
            "what": f"{_first_line(method).rstrip(':.')}.",
            "paper": method.paper,
            "cites": list(method.cites),
            "knowledge": method.knowledge,
            "scheme": method.scheme,
            "problems": dict(method.problems),
            "needs": needs(method()),
            "weight": method.default_weight,
            "numbers_from": method.numbers_from,
        }
        for name, method in METHODS.items()
        if knowledge in (None, method.knowledge)
        and scheme in (None, method.scheme)
        and (problem is None or problem in method.problems)
    }


def groups(table):
    """The methods of a table by knowledge and scheme, in the order of `keras_kd.methods.taxonomy`.

    Args:
        table: of `methods`.

    Returns:
        {(knowledge, scheme): {name: what is said of it}}, those that have some.

    Example:
        >>> [group for group in groups(methods()) if group[1] != "offline"]
        [('response', 'online'), ('response', 'self')]
    """
    found = {(knowledge, scheme): {} for knowledge in KNOWLEDGE for scheme in SCHEMES}
    for name, said in table.items():
        found[said["knowledge"], said["scheme"]][name] = said
    return {group: inside for group, inside in found.items() if inside}


def needs(method):
    """What a method needs in addition to the logits of a student and a frozen teacher, in words.

    Args:
        method: a `Method`.

    Example:
        >>> needs(METHODS["fsp"]()), needs(METHODS["kd"]())
        (['stem', 'stage1-3'], [])
    """
    rebuilt = type(method).student is not Method.student
    # Of a student that the method rebuilds, the layers read may be its own.
    layers = [] if rebuilt and "teacher" in method.roles else list(method.taps("student"))
    layers += [tap for role in ("teacher", "peer") for tap in method.taps(role) if tap not in layers]
    words = _short(layers)
    words += ["labels"] if method.needs_labels else []
    words += ["no teacher"] if "teacher" not in method.roles else []
    words += ["peers"] if "peer" in method.roles else []
    words += ["live teacher"] if method.live else []
    words += method.taps("data")
    words += ["rebuilt student"] if rebuilt else []
    words += ["adapters"] if method.trains_adapters else []
    return words


def _short(layers):
    """stage1, stage2, stage3 as stage1-3."""
    text = " ".join(layers).replace("stage1 stage2 stage3", "stage1-3")
    return text.split()


def format_text(name, table, problem=None, width=None):
    """A table of `CATALOGUE` as lines of aligned text; of the methods those of each group, then the problems.

    Args:
        name: of the table.
        table: what it gives.
        problem: of the methods, the one that they were chosen by: what each answers it by is said then.
        width: letters in a line; None for any.
    """
    if name != "methods":
        rows = wrapped(table.items(), None if width is None else width - 2)
        return [f"  {line}" for row in rows for line in row]
    if not table:
        return ["none; docs/sources.md names the systems that are not built yet, and why"]
    rows = [("method", "paper", "needs", "weight", "numbers from")]
    for inside in (grouped := groups(table)).values():
        for key, said in inside.items():
            # Where in a repository the numbers stand is for the README's table.
            source = re.split(r"[,;] | \(|/", said["numbers_from"])[0]
            paper = said["paper"].replace(" and ", " & ")
            rows.append((key, paper, ", ".join(said["needs"]), f"{said['weight']:g}", source))
    # In a narrow terminal what methods are and need is worth more than where their settings come from.
    narrow = width is not None and max(map(len, columns(rows))) > width
    head, *rest = wrapped([row[:-1] for row in rows] if narrow else rows, width)
    lines = head
    for (knowledge, scheme), inside in grouped.items():
        about = KNOWLEDGE[knowledge] if scheme == "offline" else SCHEMES[scheme]
        heading = folded(f"{knowledge}, {scheme}: {about}", width).splitlines()
        lines = [*lines, "", *heading, *chain.from_iterable(rest[: len(inside)])]
        rest = rest[len(inside) :]
    left = ["", "numbers from: in a terminal of 120 letters, or with --json"] if narrow else []
    more = folded(MORE, width or 100).splitlines() if len(table) == len(METHODS) else []
    return [*lines, *left, "", *_problems(table, problem, width), *(["", *more] if more else [])]


def _problems(table, problem, width):
    """Which methods answer which problem; of one problem, where the source of each says so."""
    if problem is not None:
        rows = [(key, said["problems"][problem]) for key, said in table.items()]
        heading = f"{problem} ({PROBLEMS[problem]}), as their sources say:"
    else:
        names = {one: [key for key, said in table.items() if one in said["problems"]] for one in PROBLEMS}
        rows = [(one, ", ".join(inside) or "none of these") for one, inside in names.items()]
        heading = "problems that they answer, as their sources say (--problem NAME prints these):"
    return [*folded(heading, width).splitlines(), *chain.from_iterable(wrapped(rows, width))]


def models():
    """{name: what it is}; the networks of `keras.applications` on one line."""
    names = {name: entry.description for name, entry in MODELS.items()}
    return {
        **names,
        "keras.applications": ", ".join(APPLICATIONS),
        "PATH.keras": "a model of your own",
        "package.module:function": "a function (image_shape, classes, **arguments) that returns a built keras.Model",
    }


def datasets():
    """{name: what it is}."""
    # What most names mean comes first.
    forms = [source.FORM for source in reversed(SOURCES.values())]
    return DATASETS | {form: text for one in forms for form, text in one.items()}


def recipes():
    """{name: its first line}."""
    return {name: headline(path) for name, path in known().items()}


def studies():
    """{name: its first line}."""
    return {name: headline(path) for name, path in ready().items()}


def _first_line(documented):
    return documented.__doc__.strip().splitlines()[0]


CATALOGUE = {"methods": methods, "models": models, "datasets": datasets, "recipes": recipes, "studies": studies}
