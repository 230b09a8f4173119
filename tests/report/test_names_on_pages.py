"""Names of classes, data and recipes on pages are text: no HTML, no links, no formulas, nothing a terminal obeys."""

import json
import re

import pytest

from keras_kd import Report
from keras_kd.report import html_page, markdown_page, terminal
from keras_kd.report.blocks import Page, Section, listed, table, text, verbatim
from keras_kd.report.markdown_table import code, words
from keras_kd.report.model_card import TO_FILL, card, example
from keras_kd.report.plots import axes, svg
from keras_kd.report.write import write
from keras_kd.utils.formatting import HARMFUL

BAD = "<script>alert(1)</script>|<img src=x onerror=y>`&lt;b&gt;`[x](javascript:z)\x1b[31m\0\udcff\u202e"
# What Markdown takes for HTML, an entity or a link.
ACTIVE = re.compile(r"<[A-Za-z/!?]|&lt;b|\]\(")


def report():
    return {
        "recipe": BAD,
        "student": {"name": BAD, "top1": 0.5, "top5": 1.0},
        "teacher": {"name": BAD, "top1": 0.6},
        "data": {"name": BAD, "classes": 2, "test": 4, "train": 8},
        "class_names": [BAD, "dog"],
        "per_class": [0.25, 0.75],
        "seed": 0,
        "exports": [{"format": "litert_float32", "file": "student.tflite", "passed": True, "images": 4}],
        "notes": [BAD],
    }


def without_code(markdown):
    """The text of a page without what stands between fences and backticks, where Markdown finds nothing."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(`{3,}).*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE))


def test_the_pages_of_a_run(tmp_path):
    for path in write(report(), tmp_path):
        found = path.read_text(encoding="utf-8")
        assert not HARMFUL.search(found.replace("\n", ""))
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["recipe"] == BAD
    found = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "&lt;script>" in found and not ACTIVE.search(without_code(found).replace("&amp;lt;b", ""))


def test_the_card_and_the_example():
    found = card(Report(**report()), (4, 4, 3))
    assert "&lt;script>" in found and not HARMFUL.search(found.replace("\n", ""))
    assert not ACTIVE.search(without_code(found).replace("&amp;lt;b", ""))
    assert len({line.count("|") - line.count("\\|") for line in found.split("\n") if line.startswith("| trained")}) == 1
    assert TO_FILL in found
    program = example(Report(**report()), (4, 4, 3))
    assert not HARMFUL.search(program.replace("\n", ""))
    compile(program, "run.py", "exec")


@pytest.mark.drawn
def test_the_html_page():
    found = html_page.page(report())
    assert "<script>alert" not in found and "<img src=x" not in found and "&lt;script&gt;" in found
    assert not HARMFUL.search(found.replace("\n", "")) and found.encode("utf-8")


def test_the_terminal():
    assert not HARMFUL.search(terminal.summary(report()).replace("\n", ""))


def test_every_block_of_markdown():
    blocks = [text(BAD), table([BAD, "b"], [[BAD, "1"]], BAD), listed([BAD])]
    found = markdown_page.show(Page(BAD, BAD, False, BAD, [Section("a", "A", blocks)]))
    assert not ACTIVE.search(found.replace("&amp;lt;b", "")) and found.count("&lt;script>") == 8


def test_a_text_between_fences_does_not_close_them():
    block = verbatim("a: 1\n```\n<b>")
    found = markdown_page.show(Page("x", sections=[Section("a", "A", [type(block)(block.text, places={"markdown"})])]))
    assert "````\na: 1\n```\n<b>\n````" in found


def test_words_and_code():
    assert words("1 < 2 & 3 > 2, a<b") == "1 < 2 & 3 > 2, a&lt;b"
    assert words("&amp; &#60; & x") == "&amp;amp; &amp;#60; & x"
    assert code("a`b\nc") == "`a'b c`"


@pytest.mark.drawn
def test_dollars_in_a_plot_are_no_formula():
    drawn, plot = axes(2, 2)
    plot.set_title(r"$\frac$")
    plot.set_yticks([0], ["$a_$"])
    assert r"$\frac$" in svg(drawn)
