"""What `keras-kd list` shows, read from the tables themselves."""

import re

from keras_kd.data import DATASETS
from keras_kd.data.sources import SOURCES
from keras_kd.methods import METHODS, Method
from keras_kd.models import APPLICATIONS, MODELS
from keras_kd.recipe.files import headline, known
from keras_kd.utils.formatting import columns
from keras_kd.workflows.study.study_file import ready


def methods():
    """{name: what is said of it}: "what", "paper", "needs", "weight" (the default one), "numbers_from"."""
    return {
        name: {
            "what": f"{_first_line(method).rstrip(':.')}.",
            "paper": method.paper,
            "needs": needs(method()),
            "weight": method.default_weight,
            "numbers_from": method.numbers_from,
        }
        for name, method in METHODS.items()
    }


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


def format_text(name, table):
    """A table of `CATALOGUE` as lines of aligned text."""
    if name != "methods":
        return [f"  {line}" for line in columns(table.items())]
    rows = [("method", "paper", "needs", "weight", "numbers from")]
    for key, said in table.items():
        # Where in a repository the numbers stand is for the README's table.
        source = re.split(r"[,;] | \(|/", said["numbers_from"])[0]
        paper = said["paper"].replace(" and ", " & ")
        rows.append((key, paper, ", ".join(said["needs"]), f"{said['weight']:g}", source))
    return columns(rows)


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
