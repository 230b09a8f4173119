"""Every figure of terminal, page and card is one of the report's, or derived of it by a function that is named here."""

import html
import re

import numpy as np
import pytest
from test_report_page import EVIDENCE, HISTORY, REPORT

from keras_kd.report.html_page import page as html_page
from keras_kd.report.markdown_page import page as markdown_page
from keras_kd.report.model_card import card
from keras_kd.report.report import Report
from keras_kd.report.terminal import summary
from keras_kd.utils.formatting import count, duration, figure, milliseconds, number, percent, signed, size
from keras_kd.utils.json_safe import json_safe

TIMING = {"median": 0.31, "p90": 0.4, "n": 50, "warm_up": 12, "threads": 1}
FILE = {"file": "student.tflite", "format": "litert_float32", "agreement": 0.975, "max_difference": 4.3e-6}
FILE["latency"] = {**TIMING, "median": 0.0027}
FULL = json_safe(
    {
        **REPORT,
        "smoke": False,
        "date": "2026-01-31",
        "command": "keras-kd distill digits",
        "seed": 7,
        "epochs": 43,
        "latency": {
            "student": TIMING, "teacher": {**TIMING, "median": 4.53}, "runtime": "Keras on tensorflow", "device": "CPU",
        },
        "data": {**REPORT["data"], "classes": 10},
        "environment": {"device": "CPU", "keras": "3.12"},
        "exports": [{**REPORT["exports"][0], **FILE}, {**REPORT["exports"][1], "format": "litert_int8"}],
    }
)  # fmt: skip
# A number, and not a part of a name or of a word.
FIGURE = re.compile(r"(?<![\w.#-])[+−-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w]|\.\d)")
# In the words of the pages themselves: what a column, a test or an interval is called, the range of a pixel.
WORDS = {"95", "0", "1", "5", "255", "15", "90", "4", "0.001", "100", "100.0", "8501", "80"}


def figures_of(text):
    """The numbers of a text, as they are written."""
    return {one.replace("−", "-").replace("+", "") for one in FIGURE.findall(text)}


def leaves(value):
    """All that a report holds, at whatever depth."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from (key, *leaves(one))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from leaves(one)
    else:
        yield value


FORMS = (
    str, figure, number, count, size, percent, signed, milliseconds, duration, "{:,}".format, "{:.1f}".format,
    "{:.2f}".format, "{:.4f}".format, lambda value: percent(value, ".1f"), lambda value: size(value, "card"),
    lambda value: f"{100 * value:.1f}",
)  # fmt: skip


def written(value):
    """A value in all forms in which pages write numbers."""
    if isinstance(value, str):
        return figures_of(value)
    found = set()
    if isinstance(value, int | float) and not isinstance(value, bool):
        for form in FORMS:
            try:
                found |= figures_of(form(value))
            except (ValueError, TypeError, OverflowError, StopIteration):
                continue
    return found


# What is derived: each of a function of the report, by its name.


def ratios(report):
    """How many times smaller, faster, cheaper."""
    cost, teacher = report["cost"], report["teacher_cost"]
    yield from (teacher[name] / cost[name] for name in ("parameters", "macs"))
    yield report["latency"]["teacher"]["median"] / report["latency"]["student"]["median"]


def points_apart(report):
    """The student's accuracy, its mean over seeds where it has several, minus the teacher's."""
    yield round(100 * (report["verdict"]["top1"]["mean"] - report["teacher"]["top1"]), 2)
    yield abs(round(100 * (report["verdict"]["top1"]["mean"] - report["teacher"]["top1"]), 2))


def shares_of_time(report):
    """Of each part in the whole."""
    seconds, stages = report["time"]["seconds"], report["time"].get("stages") or {}
    yield from (one / seconds["total"] for one in seconds.values())
    yield sum(stages.values())


def means_of_severities(report):
    """Of a corruption: over its severities."""
    for one in report["properties"]["corruptions"].values():
        yield from (float(np.mean(values)) for values in one.values() if isinstance(values, list))


def counts(report):
    """How many there are of something: classes, those harmed, rows."""
    classes = report["verdict"]["classes"]
    lists = [report["class_names"], *(classes[key] for key in ("harmed", "surely_harmed", "change"))]
    yield from map(len, lists)
    yield from (len(report["imbalance"][f"{name}_classes"]) for name in ("head", "middle", "tail"))


def of_evidence(report):
    """Counted in the logits of `predictions.npz`: where both disagree, who is right."""
    ours, theirs, labels = (EVIDENCE[name] for name in ("student_logits", "teacher_logits", "labels"))
    student, teacher = ours.argmax(-1), theirs.argmax(-1)
    apart = student != teacher
    yield from (len(labels), int(apart.sum()), int((apart & (teacher == labels)).sum()))
    yield int((apart & (student == labels)).sum())
    pairs = {}
    for one in zip(labels[apart], teacher[apart], student[apart], strict=True):
        pairs[one] = pairs.get(one, 0) + 1
    yield from pairs.values()
    for logits in (ours, theirs):
        shifted = np.exp(logits.astype("float64") - logits.max(-1, keepdims=True))
        confidences = (shifted / shifted.sum(-1, keepdims=True)).max(-1)
        yield from (percent(one, ".0f") for one in confidences[EVIDENCE["positions"]].tolist())


DERIVED = (ratios, points_apart, shares_of_time, means_of_severities, counts, of_evidence)


def known_figures(report):
    """All numbers that may stand on a page of a report."""
    values = [*leaves(report), *(one for derived in DERIVED for one in derived(report))]
    return WORDS.union(*map(written, values))


def untraced(text, report):
    """The numbers of a text that neither the report holds nor a named function derives of it."""
    return figures_of(text) - {one.replace("-", "", 1) if one == "-0" else one for one in known_figures(report)}


def words_of(page):
    """What is to be read on an HTML page: neither plots, whose axes have marks of their own, nor images."""
    page = re.sub(r"<svg .*?</svg>|<style>.*?</style>|<img[^>]*>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", " ", page)).replace("\N{NO-BREAK SPACE}", " ")


PLACES = {
    "terminal": lambda report: summary(report),
    "terminal of 80": lambda report: summary(report, 80),
    "markdown": lambda report: markdown_page(report),
    "page": lambda report: words_of(html_page(report, HISTORY, EVIDENCE, "")),
    "card": lambda report: card(Report(**report), (8, 8, 1)).partition("## How to load it")[0],
}


@pytest.mark.parametrize("place", PLACES)
def test_every_figure_is_one_of_the_report_or_derived_by_name(place):
    text = PLACES[place](FULL)
    assert len(figures_of(text)) > 10
    assert untraced(text, FULL) == set()


@pytest.mark.parametrize("place", PLACES)
def test_a_figure_that_is_not_the_reports_is_found(place):
    text = PLACES[place](FULL)
    assert untraced(f"{text} 98.7654 %", FULL) == {"98.7654"}
    # And so is one of a report whose figures are others: a page that was left from before.
    other = {**FULL, "cost": {**FULL["cost"], "parameters": 1443}, "teacher": {**FULL["teacher"], "top1": 0.12345}}
    assert untraced(text, other) != set()
