"""The typed report: what today's runs and those of earlier versions wrote is read, and written back as it was."""

import json
from pathlib import Path

import pytest

from keras_kd import Report, UserError

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def reports_in(value):
    """Every report inside of a results file."""
    if isinstance(value, dict) and {"student", "time", "settings"} <= set(value):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from reports_in(one)


OLD = [(path.name, one) for path in sorted(RESULTS.glob("*.json")) for one in reports_in(json.loads(path.read_text()))]


def test_there_are_old_reports():
    assert len(OLD) >= 9


@pytest.mark.parametrize("found", [one for _, one in OLD], ids=[name for name, _ in OLD])
def test_old_reports_are_read_and_written_back_as_they_were(tmp_path, found):
    (tmp_path / "report.json").write_text(json.dumps(found))
    report = Report.read(tmp_path)
    assert report.as_json() == found
    assert report.student.top1 == found["student"]["top1"] and report.data.train == found["data"]["train"]


def test_what_is_not_known_is_kept_and_what_is_missing_is_none():
    report = Report(student={"top1": 0.5, "later": [1]}, of_tomorrow={"a": 1})
    assert report.teacher is None and report.student.top5 is None
    assert report.as_json() == {"student": {"top1": 0.5, "later": [1]}, "of_tomorrow": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file or directory; expected a report.json"),
        ("{", "no report"),
        ("[]", "no report"),
        ('{"student": {"top1": 1.5}}', "student.top1: found 1.5; Input should be less than or equal to 1"),
        ('{"exports": [{"passed": "perhaps"}]}', "exports.0.passed: found 'perhaps'"),
    ],
)
def test_what_is_no_report_is_named(tmp_path, text, told):
    file = tmp_path / "report.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError) as caught:
        Report.read(file)
    assert str(caught.value).startswith(f"{file}: ") and told in str(caught.value)


def test_every_figure_has_a_meaning():
    schema = Report.model_json_schema()
    for part in [schema, *schema["$defs"].values()]:
        assert part["description"] and all(one.get("description") for one in part["properties"].values())
