"""One list of blocks, in three forms: what stands where, and nothing said twice differently."""

import re
from dataclasses import replace

import pytest

from keras_kd.report import html_page, markdown_page, terminal
from keras_kd.report.blocks import (
    HTML,
    MARKDOWN,
    SHORTENED,
    TERMINAL,
    Page,
    Plot,
    also_in_terminal,
    facts,
    folded,
    images,
    in_markdown,
    in_terminal,
    listed,
    plots,
    section,
    table,
    text,
    verbatim,
)
from keras_kd.report.plots import axes

PAGE = Page(
    heading="a|b <c>",
    facts="seed 0",
    shortened=True,
    sentence="Better: by 1 point.",
    sections=[
        section(
            "all",
            "All kinds",
            text("A text.", "", "Of two <sentences>."),
            table(["", "top-1", "empty"], [["one", 97.5, None], ["two", 8, "–"]], "What a note says.", bold=(1,)),
            plots(Plot("A plot", "How it is read.", lambda: axes(2, 2)[0])),
            folded("More", table(["class"], [["cat"]])),
            verbatim("teacher: big"),
            also_in_terminal(listed(["in\nlines", "second"], numbered=True)),
            facts({"data_name": "digits", "more": {"a": 1, "b": None}, "none": None}),
        ),
        section("brief", "Brief", in_terminal(table(["", "top-1", "network"], [["student", "97.00", "tiny"]]))),
        section("plain", "Plain", in_markdown(text("In place of a plot."))),
    ],
)


def words_of(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html[html.index("<body>") :]).replace("\N{NO-BREAK SPACE}", " ").split())


def test_markdown():
    assert markdown_page.show(PAGE) == (
        "# a|b &lt;c>\n\nseed 0\n\n"
        "**A shortened run: it shows that every step works. Its numbers are no result.**\n\n**Better: by 1 point.**\n\n"
        "## All kinds\n\nA text. Of two &lt;sentences>.\n\n"
        "|  | top-1 |\n| --- | --- |\n| one | 97.5 |\n| two | 8 |\n\nWhat a note says.\n\n"
        "1. in lines\n2. second\n\n"
        "|  |  |\n| --- | --- |\n| data_name | digits |\n| more | a 1 |\n\n"
        "## Plain\n\nIn place of a plot.\n"
    )


def test_terminal():
    page = replace(PAGE, shortened=False, spent="5 s in all.", next="more", command="keras-kd distill x")
    assert terminal.show(page) == (
        "Better: by 1 point.\n5 s in all.\n1. in lines\n2. second\n         top-1  network\nstudent  97.00  tiny\n"
        "next, more: keras-kd distill x"
    )
    # Broken between words, but for what is to be copied.
    assert terminal.show(page, width=12).splitlines()[:2] == ["Better: by 1", "point."]
    assert terminal.show(page, width=12).splitlines()[-1] == "next, more: keras-kd distill x"


def test_of_a_shortened_run_the_terminal_has_no_figures():
    assert terminal.show(replace(PAGE, sentence="")) == SHORTENED


@pytest.mark.drawn
def test_html():
    html = html_page.show(PAGE)
    assert re.findall(r'<section id="(\w+)">', html) == ["all"]
    said = words_of(html)
    for one in ("Of two &lt;sentences&gt;.", "one 97.5 two 8", "A plot", "How it is read.", "More class cat", "second"):
        assert one in said
    assert "empty" not in said and "In place of a plot." not in said and "student" not in said
    assert html.count("<svg ") == 1 and "<ol><li>in lines</li><li>second</li></ol>" in html
    assert "teacher: big" in html and "<c>" not in html


def test_a_plot_is_drawn_for_html_alone():
    def never():
        raise AssertionError("drawn")

    page = Page("x", sections=[section("a", "A", text("t"), plots(Plot("p", "how", never)))])
    assert "## A" in markdown_page.show(page) and terminal.show(page) == ""


def test_what_is_empty_is_left_out():
    assert section("a", "A", text(""), table(["a"], []), plots(None), listed([]), folded("x", None)) is None
    assert all(one is None for one in (in_terminal(None), in_markdown(None), also_in_terminal(None), verbatim("")))
    assert [PAGE.on(place)[0].name for place in (HTML, MARKDOWN, TERMINAL)] == ["all", "all", "all"]
    assert [one.name for one in PAGE.on(TERMINAL)] == ["all", "brief"]


@pytest.mark.parametrize(
    "block", [plots(Plot("a", "b", None)), folded("x", text("y")), images([("data:", ["a"], False)])]
)
def test_what_is_drawn_stands_in_html_alone(block):
    for move in (in_terminal, in_markdown, also_in_terminal):
        with pytest.raises(ValueError, match=rf"{block.kind}: found .*; it can stand in \['html'\] alone"):
            move(block)


def test_the_recipe_is_fenced_and_notes_and_numbers_stand_in_the_terminal():
    page = Page("x", sections=[section("a", "A", in_markdown(verbatim("# no heading")))])
    assert "```\n# no heading\n```" in markdown_page.show(page)
    page = Page("x", sections=[section("a", "A", in_terminal(table(["a"], [["b"]], "A note.")))])
    assert terminal.show(page) == "a\nb\nA note."
