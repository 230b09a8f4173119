"""What a run's report says, as one list of blocks; a file for each group of its sections."""

from keras_kd.report.blocks import Page
from keras_kd.report.fields import get_path
from keras_kd.report.in_brief import in_brief, next_step, smallest_file, spent
from keras_kd.report.markdown_table import line
from keras_kd.report.sections import (
    calibration,
    classes,
    cooperation,
    disagreement,
    exports,
    fidelity,
    known_structure,
    properties,
    pruning,
    run_details,
    selection,
    statistics,
    training,
    verdict,
)
from keras_kd.utils.json_safe import json_safe


def page_of_run(report, history=(), evidence=None, recipe_text="", baseline=()):
    """The page of a run, that terminal, Markdown and HTML show.

    Args:
        report: what `report.json` holds; a part that is missing is left out of the page.
        history: the rows of `history.csv`, dicts of text or numbers.
        evidence: what `keras_kd.evaluation.predictions_file.read_predictions` gives, or None: then the page has no
            reliability diagrams, confusions and images.
        recipe_text: the recipe as it was written.
        baseline: as `history`, of the same student on labels alone.

    Returns:
        A `keras_kd.report.blocks.Page`.

    Example:
        >>> [one.name for one in page_of_run({"student": {"name": "digits_tiny", "top1": 0.98}}).sections]
        ['networks']
    """
    report = json_safe(report)
    next_ = next_step(report) or ("", "")
    return Page(
        heading=line(report.get("recipe") or "Report"),
        facts=line(_facts(report)),
        shortened=bool(report.get("smoke")),
        sentence=line(in_brief(report)),
        spent=line(" ".join(one for one in (smallest_file(report), spent(report)) if one)),
        next=next_[0],
        command=line(next_[1]),
        sections=sections(report, list(history or ()), evidence, recipe_text, list(baseline or ())),
    )


def sections(report, history, evidence, recipe_text, baseline=()):
    """The sections of the page that have something to say, in their order; arguments as of `page_of_run`."""
    made = [
        verdict.verdict(report),
        verdict.networks(report),
        cooperation.cooperation(report),
        pruning.pruning(report),
        training.curves(history, baseline),
        selection.selection(report),
        fidelity.fidelity(report, evidence),
        calibration.calibration(report, evidence),
        statistics.statistics(report),
        known_structure.known_structure(report),
        classes.classes(report),
        classes.imbalance(report),
        classes.noise(report),
        properties.properties(report),
        disagreement.confusion(report, evidence),
        disagreement.disagreements(report, evidence),
        exports.exports(report),
        training.time(report),
        run_details.doctor(report),
        run_details.data(report),
        run_details.environment(report),
        run_details.recipe(report, recipe_text),
        run_details.notes(report),
    ]
    return [one for one in made if one is not None]


def _facts(report):
    student, teacher, data = (get_path(report, part, "name") for part in ("student", "teacher", "data"))
    known = [
        f"{report.get('what') or 'student'} {student}" if student else None,
        f"taught by {teacher}" if teacher else None,
        f"data {data}" if data else None,
        f"seed {report['seed']}" if report.get("seed") is not None else None,
        _epochs(report) if report.get("epochs") is not None else None,
        f"commit {report['git_commit']}" if report.get("git_commit") else None,
    ]
    return ", ".join(one for one in known if one)


def _epochs(report):
    number, kept = report["epochs"], get_path(report, "early_stopping", "kept_epoch")
    said = "1 epoch" if number == 1 else f"{number} epochs"
    return said if kept in (None, number) else f"{said}, weights of epoch {kept}"
