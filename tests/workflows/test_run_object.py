"""A run as an object, and the commands in Python: the same results under the same names, and they show themselves."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import keras_kd
from keras_kd.cli.main import commands
from keras_kd.report.search_result import SearchResult
from keras_kd.report.study_result import StudyResult
from keras_kd.utils.errors import UserError

RECIPE = """
data: digits
student: digits_tiny
terms: []
label_weight: 1.0
fit: {epochs: 2, batch_size: 64, learning_rate: 0.05}
export: {formats: []}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a recipe, in which its run lies."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "mine.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        return keras_kd.distill("mine.yaml", quiet=True)
    finally:
        os.chdir(before)


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_a_run_has_its_report_student_history_and_recipe(run, folder):
    assert isinstance(run, keras_kd.Run) and run.folder.as_posix() == "saved_models/mine"
    assert run.report.student.top1 == keras_kd.Report.read("saved_models/mine").student.top1
    assert isinstance(run.student, keras.Model) and run.student is run.student
    saved = keras.saving.load_model("saved_models/mine/student.keras")
    for one, other in zip(run.student.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert run.history["epoch"] == [1.0, 2.0] and run.history["loss"][1] < run.history["loss"][0]
    assert run.recipe.fit.epochs == 2 and run.recipe.student.model == "digits_tiny"
    assert run.files == {} and run.page.exists()
    assert repr(keras_kd.Run("saved_models/mine")) == "Run('saved_models/mine')"


def test_it_shows_itself_as_the_command_and_with_curves(run):
    told = CliRunner().invoke(commands, ["distill", "mine.yaml", "--quiet"], prog_name="keras-kd")
    assert str(run) in told.stdout
    shown = run._repr_html_()
    report = run.report
    assert f"digits_tiny is right on {100 * report.student.top1:.2f} %" in shown
    assert "<th>top-1</th>" in shown and f"<td>{100 * report.student.top1:.2f}</td>" in shown
    assert shown.count("<svg") == 2 and "<script" not in shown and "Accuracy" in shown and "Loss" in shown


def test_what_the_report_has_is_found_there(run):
    with pytest.raises(AttributeError, match="a Run has no verdict; its report has it: run.report.verdict"):
        run.verdict  # noqa: B018
    with pytest.raises(AttributeError, match="a Run has no nothing$"):
        run.nothing  # noqa: B018


def test_a_property_that_fails_says_why(run, monkeypatch):
    def fail(*_, **__):
        raise AttributeError("the file's own trouble")

    monkeypatch.setattr("keras_kd.report.report.Report.read", fail)
    with pytest.raises(AttributeError, match="the file's own trouble"):
        run.report  # noqa: B018


def test_a_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such run folder"):
        keras_kd.Run(tmp_path / "none")
    with pytest.raises(UserError, match="no finished run"):
        keras_kd.Run(tmp_path)
    with pytest.raises(UserError, match="folder: found 3; expected a path"):
        keras_kd.Run(3)


def test_its_commands_are_those_of_the_package(run):
    assert run.evaluate().student.top1 == run.report.student.top1
    (row,) = run.compare()
    assert row["top1"] == run.report.student.top1 and row == keras_kd.compare([run])[0]
    assert run.cite() == keras_kd.cite("saved_models/mine")
    assert {one["check"] for one in run.doctor()["findings"]} == {
        one["check"] for one in keras_kd.doctor("mine.yaml")["findings"]
    }
    assert keras_kd.report(run) == [run.folder / "report.html"]


def test_rows_show_themselves(run):
    rows = keras_kd.compare(run)
    told = CliRunner().invoke(commands, ["compare", "saved_models/mine"], prog_name="keras-kd")
    assert str(rows) == told.stdout.rstrip("\n")
    assert "<th>top-1</th>" in rows._repr_html_() and isinstance(rows, list)
    examined = keras_kd.doctor("mine.yaml")
    told = CliRunner().invoke(commands, ["doctor", "mine.yaml"], prog_name="keras-kd")
    assert str(examined).splitlines()[:3] == told.stdout.splitlines()[:3]
    assert "<th>outcome</th>" in examined._repr_html_()


def test_a_study_and_a_search_show_themselves():
    results = Path(__file__).parents[2] / "benchmarks" / "results"
    study = StudyResult(**json.loads((results / "study_subclasses.json").read_text()))
    shown = study._repr_html_()
    assert shown.count("<tr>") == len(study.cells) + 1 and study.cells[0].cell["taught by"] in shown
    search = SearchResult(recipe="mine", tuner="grid", trials=[], counts={"completed": 0, "failed": 0, "invalid": 0},
                          seconds={"students": 0.0, "teacher": 0.0, "teacher_if_live": None})  # fmt: skip
    assert "0 trials by grid" in search._repr_html_()


@pytest.mark.slow
def test_bench_measures_the_files_of_a_run(run):
    rows = run.bench(runs=3, warm_up=0, batches=[1])
    assert [row["file"] for row in rows] == ["saved_models/mine/student.keras"] and "median" in str(rows)
    assert (run.folder / "bench.json").exists() and "<th>median</th>" in rows._repr_html_()


@pytest.mark.slow
def test_an_export_is_among_its_files(run):
    run.export("litert_float32", quiet=True)
    assert run.files == {"litert_float32": run.folder / "student.tflite"} and run.files["litert_float32"].exists()


def test_new_and_validate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = keras_kd.new("of_mine", template="digits")
    assert file.as_posix() == "of_mine.yaml"
    checked = keras_kd.validate(file)
    assert (checked["notes"], checked["plan"], str(checked)) == ([], None, "of_mine.yaml: ok")
    assert keras_kd.validate("digits", dry_run=True)["plan"]["student"]["name"] == "digits_tiny"
    for call, message in (
        (lambda: keras_kd.new("of_mine"), "of_mine.yaml: exists already"),
        (lambda: keras_kd.validate("digits", {"fit.epoch": 3}), "did you mean 'epochs'"),
        (lambda: keras_kd.validate("digits", despite="pixels"), "despite: is of what dry_run tries"),
        (lambda: keras_kd.list("recipe"), "list: no 'recipe'; expected one of"),
        (lambda: keras_kd.bench([]), "files: is empty"),
        (lambda: keras_kd.bench("x.keras", runs=2), "runs: found 2; expected a whole number, 3 or more"),
        (lambda: keras_kd.bank_verify("digits", sample=0), "sample: found 0"),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_list_is_what_the_command_lists():
    assert "digits" in keras_kd.list("recipes")
    told = CliRunner().invoke(commands, ["list", "methods", "--json"], prog_name="keras-kd")
    assert json.loads(told.stdout) == json.loads(json.dumps(keras_kd.list("methods")))


@pytest.mark.slow
def test_the_page_of_commands_in_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    exec(compile(page.partition("```python\n")[2].partition("```")[0], "python.md", "exec"), {})
    assert "mine.yaml: ok" in capsys.readouterr().out
