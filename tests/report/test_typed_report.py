"""The typed report: what today's runs and those of earlier versions wrote is read, and written back as it was."""

import copy
import json
import pickle
from pathlib import Path

import pytest

from keras_kd import Report, UserError
from keras_kd.report.markdown_page import page
from keras_kd.report.terminal import summary

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
        ("{", "no JSON (Expecting property name"),
        ("", "no JSON (Expecting value"),
        ("[" * 100_000, "no JSON (maximum recursion depth exceeded"),
        ("[]", "found []; expected a report.json that keras-kd wrote"),
        ("null", "found None; expected a report.json that keras-kd wrote"),
        ('{"student": {"top1": 1.5}}', "student.top1: is 1.5; expected 1 or less"),
        ('{"student": 3}', "student: is 3; expected fields: {name: value, ...}"),
        ('{"exports": [{"passed": "perhaps"}]}', "exports.0.passed: is 'perhaps'; expected true or false"),
    ],
)
def test_what_is_no_report_is_named(tmp_path, text, told):
    file = tmp_path / "report.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError) as caught:
        Report.read(file)
    assert str(caught.value).startswith(f"{file}: ") and told in str(caught.value)


def test_numbers_that_are_not_finite_are_not_known(tmp_path):
    (tmp_path / "report.json").write_text('{"student": {"top1": NaN}, "fidelity": {"kl": Infinity}}')
    report = Report.read(tmp_path)
    assert report.student.top1 is None and report.fidelity.kl is None


def test_a_report_is_read_from_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "report.json").write_text('{"seed": 3}')
    assert Report.read("~/report.json").seed == 3
    with pytest.raises(UserError, match="report: is empty; give a path"):
        Report.read(" ")


def test_what_an_earlier_doctor_called_a_cure_is_a_fix():
    old = Report(
        doctor={"findings": [{"check": "a", "cure": "lower it"}, {"check": "b", "fix": "raise it"}], "next": []}
    )
    assert [one["fix"] for one in old.doctor["findings"]] == ["lower it", "raise it"]
    assert "lower it" in page(old) and "raise it" in page(old)
    assert Report(doctor=None).doctor is None and Report(doctor=[1]).doctor == [1]


def test_it_is_read_as_the_file_is():
    report = Report(student={"top1": 0.5}, seed=0, get=3)
    assert report["student"]["top1"] == 0.5 and report["get"] == 3 and report.get("epochs", 7) == 7
    assert list(report) == report.keys() == ["student", "seed", "get"] and len(report) == 3
    assert dict(report)["seed"] == 0 and dict(report.items()) == dict(report) and {**report.student} == {"top1": 0.5}
    assert "epochs" not in report and report.epochs is None
    with pytest.raises(KeyError, match="epochs"):
        report["epochs"]
    for copied in (copy.deepcopy(report), pickle.loads(pickle.dumps(report)), Report(**report)):
        assert copied == report == {"student": {"top1": 0.5}, "seed": 0, "get": 3}
    assert json.loads(json.dumps(report.as_json())) == report


def test_only_what_a_report_has_can_be_set_and_only_to_what_it_can_be():
    report = Report(student={"top1": 0.5}, of_tomorrow=1)
    report.seed, report.of_tomorrow, report.student = 3, 2, {"top1": 0.6}
    assert report.as_json() == {"student": {"top1": 0.6}, "seed": 3, "of_tomorrow": 2}
    report.forget("seed", "epochs")
    assert report.seed is None and "seed" not in report and "seed" not in report.as_json()
    with pytest.raises(AttributeError, match="Report has no studnet; did you mean 'student'?"):
        report.studnet = 3
    with pytest.raises(UserError, match=r"^Scores\.top1: is 2; expected 1 or less$"):
        report.student.top1 = 2
    assert report.student.top1 == 0.6


def test_a_report_is_printed_as_the_terminal_shows_it():
    report = Report(student={"name": "tiny", "top1": 0.97}, notes=["x"])
    assert str(report) == summary(report) and "97.00" in str(report)
    assert repr(report) == "Report(student=Scores(top1=0.97, name='tiny'), notes=['x'])"


def test_every_figure_has_a_meaning():
    schema = Report.model_json_schema()
    for part in [schema, *schema["$defs"].values()]:
        assert part["description"] and all(one.get("description") for one in part["properties"].values())
