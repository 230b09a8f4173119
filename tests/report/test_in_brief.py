"""What is said first: on terminal, page and card the same, with its evidence, and honest where there is none."""

import pytest
from test_every_figure import FULL

from keras_kd.report.html_page import page as html_page
from keras_kd.report.in_brief import in_brief, next_step
from keras_kd.report.markdown_page import page as markdown_page
from keras_kd.report.model_card import card
from keras_kd.report.report import Report
from keras_kd.report.terminal import summary

UNKNOWN = "Not known whether the teacher helped: no student on labels alone stands next to it (baseline: true)."
ONE_RUN = {
    "recipe": "mine",
    "student": {"name": "tiny", "top1": 0.98},
    "teacher": {"name": "big", "top1": 0.99},
    "cost": {"parameters": 100},
    "teacher_cost": {"parameters": 1150},
    "latency": {"student": {"median": 0.05}, "teacher": {"median": 4.53}},
    "data": {"name": "digits", "test": 355, "classes": 10},
    "seed": 0,
}


def judged(outcome, n=3, **more):
    """A run with several seeds next to a student on labels alone."""
    sentence = f"{outcome.capitalize()}: by 1.00 points."
    against = {"outcome": outcome, "n": n}
    verdict = {"sentence": sentence, "top1": {"mean": 0.97, "std": 0.01, "n": n}, "against": {"labels alone": against}}
    return {**ONE_RUN, "verdict": verdict, "command": "keras-kd distill mine", **more}


@pytest.mark.parametrize(
    "report, said",
    [
        (
            ONE_RUN,
            "11.5 times smaller than its teacher, 90.6 times faster in Keras, 1.00 points less accurate: 98.00 against "
            f"99.00 % of 355 test images, one run. {UNKNOWN}",
        ),
        (
            judged("better"),
            "11.5 times smaller than its teacher, 90.6 times faster in Keras, 2.00 points less accurate: 97.00 ± 1.00 "
            "against 99.00 % of 355 test images, 3 seeds. Better: by 1.00 points.",
        ),
        ({**ONE_RUN, "latency": None, "cost": None}, 
         f"1.00 points less accurate than its teacher: 98.00 against 99.00 % of 355 test images, one run. {UNKNOWN}"),
        ({**ONE_RUN, "teacher": {"name": "big", "top1": None}, "latency": None},
         f"11.5 times smaller than its teacher. {UNKNOWN}"),
        ({**ONE_RUN, "teacher_cost": {"parameters": 100}, "latency": None, "teacher": {"name": "big", "top1": 0.98}},
         f"As large as its teacher, as accurate: 98.00 against 98.00 % of 355 test images, one run. {UNKNOWN}"),
        ({**ONE_RUN, "teacher": None},
         "tiny is right on 98.00 % of 355 test images, one run: 100 parameters, 50.0 µs an image in Keras."),
        ({**ONE_RUN, "teacher": None, "what": "model"},
         "tiny is right on 98.00 % of 355 test images of digits: 100 parameters, 50.0 µs an image in Keras."),
        ({**ONE_RUN, "smoke": True}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_what_came_of_a_run_is_said_with_its_evidence(report, said):
    assert in_brief(report) == said


def test_a_harm_comes_first():
    assert in_brief(judged("worse")).startswith("Worse: by 1.00 points. 11.5 times smaller than its teacher, ")


@pytest.mark.parametrize(
    "report, step",
    [
        (ONE_RUN, None),  # made in a way that no command repeats
        ({**ONE_RUN, "command": "keras-kd distill mine"}, "--set baseline=true --set 'seeds=[0, 1, 2]'"),
        (judged("undecided", n=1), "keras-kd distill mine --set 'seeds=[0, 1, 2]'"),
        (judged("worse"), "keras-kd doctor mine"),
        (judged("better"), None),
        (judged("better", exports=[{"format": "litert_int8", "passed": True}]), "python example/run.py image.png"),
    ],
)
def test_the_next_command_is_of_what_is_known(report, step):
    found = next_step(report)
    assert found is None if step is None else found[1].endswith(step)


def test_terminal_page_and_card_begin_with_it():
    said = in_brief(FULL)
    assert summary(FULL).startswith(f"{said}\n")
    assert f"**{said}**" in markdown_page(FULL)
    assert f'<p class="verdict">{said}</p>' in html_page(FULL)
    assert card(Report(**FULL), (8, 8, 1)).splitlines()[2] == said


def test_of_a_shortened_run_no_figure_looks_like_a_result():
    short = {**FULL, "smoke": True}
    of_card = card(Report(**short), (8, 8, 1)).partition("## How to load it")[0]
    # The student is right on that many.
    accuracy = f"{100 * FULL['student']['top1']:.2f}"
    assert accuracy in summary(FULL) and accuracy in card(Report(**FULL), (8, 8, 1))
    for text in (summary(short), of_card):
        assert "A shortened run" in text and accuracy not in text and "KL" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_terminal(width):
    lines = summary(FULL, width).splitlines()
    assert [line for line in lines if len(line) > width and not line.startswith("next, ")] == []


def test_no_absolute_path_and_no_missing_commit_is_shown():
    for text in (summary(FULL), markdown_page(FULL), html_page(FULL), card(Report(**FULL), (8, 8, 1))):
        assert "commit None" not in text and "/home/" not in text and "/tmp/" not in text
