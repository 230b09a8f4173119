"""A run's report as one self-contained page that people look at; a file for each group of its sections."""

from keras_kd.report.fields import get_path
from keras_kd.report.html import (
    calibration,
    classes,
    disagreement,
    fidelity,
    properties,
    run_details,
    training,
    verdict,
)
from keras_kd.report.plots import render
from keras_kd.utils.json_safe import json_safe


def page(report, history=(), evidence=None, recipe_text=""):
    """The page of a run, self-contained HTML: it loads nothing, and runs no script.

    Args:
        report: the dict of `report.json`; a part that is missing is left out of the page.
        history: the rows of `history.csv`, dicts of text or numbers.
        evidence: what `keras_kd.evaluation.predictions_file.read_predictions` gives, or None: then the page has no
            reliability diagrams, confusions and images.
        recipe_text: the recipe as it was written.

    Returns:
        A str; where matplotlib or jinja2 is missing, a page that says so.

    Example:
        >>> "digits_tiny" in page({"recipe": "digits", "student": {"name": "digits_tiny", "top1": 0.98}})
        True
    """
    report = json_safe(report)
    return render(
        "report.html",
        str(report.get("recipe") or "report"),
        heading=str(report.get("recipe") or "Report"),
        facts=_facts(report),
        sentence=get_path(report, "verdict", "sentence"),
        shortened=bool(report.get("shortened") or report.get("smoke")),
        # Plots are drawn where their libraries are there.
        sections=lambda: sections(report, list(history or ()), evidence, recipe_text),
    )


def sections(report, history, evidence, recipe_text):
    """The sections of the page that have something to say, in their order; arguments as of `page`."""
    made = [
        verdict.verdict(report),
        verdict.networks(report),
        training.curves(report, history),
        fidelity.fidelity(report, evidence),
        calibration.calibration(report, evidence),
        classes.classes(report),
        classes.imbalance(report),
        classes.noise(report),
        properties.properties(report),
        disagreement.confusion(report, evidence),
        disagreement.disagreements(report, evidence),
        run_details.exports(report),
        training.time(report),
        run_details.doctor(report),
        run_details.data(report),
        run_details.environment(report),
        run_details.recipe(report, recipe_text),
        run_details.notes(report),
    ]
    return [one for one in made if one is not None]


def _facts(report):
    known = [
        f"student {get_path(report, 'student', 'name')}" if get_path(report, "student", "name") else None,
        f"taught by {get_path(report, 'teacher', 'name')}" if get_path(report, "teacher", "name") else None,
        f"data {get_path(report, 'data', 'name')}" if get_path(report, "data", "name") else None,
        f"{report['epochs']} epochs" if report.get("epochs") is not None else None,
        f"seed {report['seed']}" if report.get("seed") is not None else None,
    ]
    return ", ".join(one for one in known if one)
