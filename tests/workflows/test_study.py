"""Studies: a grid of recipes, shared runs, resumed, run by several processes, one table."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from reports import undescribed

from keras_kd.cli.main import commands
from keras_kd.recipe.load import load
from keras_kd.report.compare import format_text, notes, rows_of
from keras_kd.report.compare import page as comparison
from keras_kd.report.study_page import describe_cost
from keras_kd.report.study_result import StudyResult
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.folder import read_report
from keras_kd.workflows.study.results import ends, notes_on
from keras_kd.workflows.study.study import study
from keras_kd.workflows.study.study_file import cells, load_study, ready, recipe_of_cell, write_recipes

STUDY = """
# Does it help?
question: Does it help?
recipes:
  teacher:
    data: &data {name: %s, views: flip}
    student: digits_cnn
    fit: &fit {epochs: 2, batch_size: 20, optimizer: adam, learning_rate: 0.01}
    export: {formats: []}
  student:
    data: *data
    teacher: teacher.yaml
    student: digits_tiny
    label_weight: 0.5
    terms: [{method: kd, temperature: 4}]
    fit: *fit
base: student
axes:
  noise: {clean: {}, "50 %%": {data.label_noise: {rate: 0.5}}}
  way:
    labels alone: {teacher: null, terms: [], label_weight: 1}
    KD: {}
    KD, noisy teacher: {teacher.settings: {data.label_noise: $data.label_noise or nothing}}
against: {way: labels alone}
figures: {student.top1: top-1, splits.train.student_fits_noise: memorised}
seeds: [0, 1]
"""

# Three axes of a hundred values each.
MANY = [f"  {name}: {{{', '.join(f'{name}{one}: {{}}' for one in range(100))}}}\n" for name in "abc"]

pytestmark = pytest.mark.usefixtures("forked")


def write(folder):
    """A study and its images in a folder; gives the study's file."""
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    pixels = np.clip(generator.normal(80 * labels[:, None, None, None], 40, (90, 8, 8, 1)), 0, 255).astype("uint8")
    np.savez(folder / "images.npz", x_train=pixels[:60], y_train=labels[:60], x_test=pixels[60:], y_test=labels[60:])
    (folder / "mine.yaml").write_text(STUDY % (folder / "images.npz"))
    return folder / "mine.yaml"


@pytest.fixture
def path(tmp_path):
    return write(tmp_path)


@pytest.fixture
def whole(made_once, tmp_path):
    """(a study's file, its folder, what it found), the study run to its end; both are the test's own."""

    def fill(folder):
        found = study(write(folder), folder / "out", quiet=True)
        assert undescribed(found) == []
        return found.as_json()

    place, found = made_once("study", fill)
    shutil.copytree(place / "out", tmp_path / "out")
    shutil.copy(place / "mine.yaml", tmp_path)
    return tmp_path / "mine.yaml", tmp_path / "out", found


@pytest.mark.parametrize("name", ready())
def test_every_ready_study_is_made_of_recipes_that_load(name, tmp_path):
    found = load_study(name)
    made = write_recipes(found, tmp_path)
    assert len(made) == len(cells(found)) >= 4 and found.source and found.question.endswith("?")
    assert len({json.dumps(recipe.dump(), sort_keys=True) for _, _, recipe in made}) == len(made)


@pytest.mark.slow
def test_a_study_is_run_and_told(whole):
    _, out, found = whole
    assert [list(one["cell"].values()) for one in found["cells"]] == [
        [noise, way] for noise in ("clean", "50 %") for way in ("labels alone", "KD", "KD, noisy teacher")
    ]
    for one in found["cells"]:
        for seed, name in one["runs"].items():
            report = read_report(out / name)
            assert one["figures"]["student.top1"]["by_seed"][seed] == report["student"]["top1"]
    clean_kd, same = found["cells"][1], found["cells"][2]
    assert clean_kd["runs"] == same["runs"], "without noise both teachers are one"
    assert found["cost"]["runs"] == 10
    alone, taught = found["cells"][3], found["cells"][4]
    differences = [
        taught["figures"]["student.top1"]["by_seed"][seed] - alone["figures"]["student.top1"]["by_seed"][seed]
        for seed in ("0", "1")
    ]
    assert taught["against"]["student.top1"]["difference"] == pytest.approx(np.mean(differences))
    assert alone["against"] is None
    noisy = found["cells"][5]["figures"]["splits.train.student_fits_noise"]
    assert noisy["n"] == 2 and found["cells"][0]["figures"]["splits.train.student_fits_noise"]["n"] == 0
    text = (out / "study.md").read_text()
    assert "| clean | labels alone |" in text and "memorised" in text and "n = 2 seeds" in text
    page = (out / "study.html").read_text()
    assert page.count("<svg") == 2 and not re.search(r"<script|(href|src)=.http", page.replace("xlink:href", ""))


def test_the_noisy_teacher_is_a_run_of_its_own_with_the_cells_noise(path, tmp_path):
    made = {name: recipe for _, name, recipe in write_recipes(load_study(path), tmp_path / "out")}
    assert made["50-kd-noisy-teacher"].teacher.settings == {"data.label_noise": {"rate": 0.5}}
    assert made["clean-kd-noisy-teacher"].teacher.settings == {}


@pytest.mark.slow
def test_what_is_there_is_not_run_again_and_a_figure_can_be_added(whole):
    path, out, _ = whole
    before = {one: one.stat().st_mtime_ns for one in out.rglob("student.keras")}
    path.write_text(path.read_text().replace("figures: {", "figures: {calibration.ece: ECE, "))
    found = study(path, out, quiet=True)
    assert before == {one: one.stat().st_mtime_ns for one in out.rglob("student.keras")}
    assert found["cells"][0]["figures"]["calibration.ece"]["n"] == 2
    path.write_text(re.sub("    KD, noisy.*\n", "", path.read_text()).replace('clean: {}, "50 %"', '"50 %"'))
    with pytest.raises(UserError, match="holds a study of other recipes or settings"):
        study(path, out, quiet=True)
    found = study(path, out, seeds=(0,), quiet=True, restart=True)
    assert [one["cell"]["way"] for one in found["cells"]] == ["labels alone", "KD"] and found["cost"]["runs"] == 2


@pytest.mark.slow
def test_a_student_that_diverges_costs_its_cell_alone(path, tmp_path):
    path.write_text(path.read_text().replace("KD: {}", "KD: {fit.learning_rate: 1.0e+9, fit.optimizer: sgd}"))
    found = study(path, tmp_path / "out", seeds=(0,), quiet=True)
    assert found["cells"][1]["failed"]["0"] and found["cells"][1]["figures"]["student.top1"]["n"] == 0
    assert found["cells"][0]["figures"]["student.top1"]["n"] == 1 and not found["cells"][0]["failed"]


@pytest.mark.slow
def test_a_killed_study_goes_on_and_two_processes_share_one(path, tmp_path):
    command = [sys.executable, "-c", "from keras_kd.cli.main import main; main()", "study", str(path), "--jobs", "2"]
    command += ["--out", str(tmp_path / "out"), "--json", "--quiet"]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while not list((tmp_path / "out").glob("*/student.keras")):
        assert killed.poll() is None
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "out" / "study.json").exists()
    there = {one: one.stat().st_mtime_ns for one in (tmp_path / "out").glob("*/student.keras")}
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cost"]["runs"] == 10
    assert all(one.stat().st_mtime_ns == when for one, when in there.items())
    assert all(one["figures"]["student.top1"]["n"] == 2 for one in found["cells"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("base: student", "base: pupil", "mine.yaml:17: base: no recipe 'pupil'"),
        ("against: {way: labels alone}", "against: {way: labels}", "axis way has no value 'labels'"),
        ("against: {way: labels alone}", "against: {ways: KD}", "no axis 'ways'; did you mean 'way'?"),
        ("question: Does it help?", "questions: x", "questions: no such field"),
        ("    KD: {}", "    KD: {fit.epoch: 3}", "fit.epoch: no such field for fit; did you mean 'epochs'?"),
        ("    KD: {}", "    KD: {student.model.deep.deeper: 3}", "axes.way.KD: "),
        ("seeds: [0, 1]", "seeds: [0, 0]", "seeds: is [0, 0]; expected each seed once"),
        ("seeds: [0, 1]", "seeds: []", "seeds: is empty; expected 1 or more items"),
        ("seeds: [0, 1]", "seeds: [-1]", "seeds[0]: is -1; expected 0 or more"),
        ("seeds: [0, 1]", "seeds: [4294967296]", "seeds[0]: is 4294967296; expected less than 2,147,483,648"),
        ("axes:\n", f"axes:\n{''.join(MANY)}", "axes: make 6,000,000 cells; expected at most 200"),
        ("axes:\n", f"axes:\n{MANY[0]}", "axes: make 600 cells; expected at most 200"),
        ("seeds: [0, 1]", f"seeds: {[*range(1001)]}", "seeds: is a list of 1001; expected at most 1000 items"),
        (
            "    KD: {}",
            f"    KD: {{fit.drops: {[*range(20_000)]}}}",
            "axes: make 6 recipes of 40,126 values in all;",
        ),
        ("    KD: {}", "    KD: {fit.epochs=1: 3}", "is 'fit.epochs=1'; expected a dotted path, such as fit.epochs"),
        ("    KD: {}", "    1: {}", "axes.way: found 1 as a name; expected text, in quotes: '1'"),
        (
            "    KD: {}",
            "    KD: {terms.².weight: 3}",
            "terms is a list of 1; expected a number below 1 in place of '²'",
        ),
        ("  teacher:\n", "  '':\n", "recipes: found '' as a name; expected text before the colon"),
        ("  teacher:\n", "  .:\n", "is no plain name of a file; expected one, such as unnamed"),
        ("  teacher:\n", "  /:\n", "recipes./: is no plain name of a file; expected one, such as unnamed"),
        ("seeds: [0, 1]", "without: [{noise: clean}, {noise: 50 %}]", "without: leaves out every cell"),
        (" or nothing", "", "$data.label_noise: the recipe has nothing at data.label_noise; correct the path, or"),
        ("    KD: {}", "    KD: {fit.epoch: 3}", "cell clean-kd: fit.epoch: no such field"),
        ("export: {formats: []}", "exports: {formats: []}", "recipes.teacher: exports: no such field"),
        ("recipes:\n", "recipes:\n  unused: {data: digits}\n", "recipes.unused: student: is required"),
        ("    fit: *fit\n", "    fit: {epoch: 2}\n", "recipes.student: fit.epoch: no such field for fit"),
    ],
)
def test_a_study_says_what_is_wrong_with_it(path, tmp_path, old, new, message):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        write_recipes(load_study(path), tmp_path / "out")
    assert message in str(error.value)
    lines = [re.match(r".*mine\.yaml:(\d+): ", line) for line in str(error.value).splitlines()]
    assert all(lines)
    if "no such field for fit" in message or message.startswith("cell"):
        changed = text[: text.index(old)].count("\n") + 1
        assert lines[0][1] == str(changed)
    assert not (tmp_path / "out" / "recipes").exists()


def test_what_is_no_study_is_called_what_it_is(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text("data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    for given, said in (
        (".", r"\.: a folder; expected a study file"),
        ("one.yaml", "one.yaml: is a recipe, not a study;"),
    ):
        with pytest.raises(UserError, match=said):
            load_study(given)
    with pytest.raises(UserError, match=r"mine.yaml: is a study, not a recipe; `keras-kd study mine.yaml` runs it"):
        load(path)


@pytest.mark.slow
def test_a_cell_that_does_not_fit_is_found_before_any_is_trained(path, tmp_path):
    text = path.read_text()
    path.write_text(
        text.replace("KD: {}", "KD: {terms: [{method: sp, student_taps: [nowhere], teacher_taps: [pooled]}]}")
    )
    with pytest.raises(UserError, match="cell clean-kd: .*nowhere") as error:
        study(path, tmp_path / "out", quiet=True)
    assert "labels-alone" not in str(error.value)
    assert {one.name for one in (tmp_path / "out").iterdir()} <= {"recipes", ".keras_kd"}
    path.write_text(text)
    assert study(path, tmp_path / "out", seeds=(0,), smoke=True, quiet=True)["cost"]["runs"] == 5


def test_runs_of_several_lengths_are_said_so(tmp_path):
    base = {"data": {"name": "digits", "test": 60, "classes": 10}, "seeds": [0], "date": "2026-01-01"}
    base |= {"cost": {"runs": 2, "training_seconds": 60.0, "teacher_seconds": 6.0}, "environment": {"device": "CPU"}}
    one = describe_cost(StudyResult(**base, train=[120], epochs=[3]))
    assert one.startswith("120 training and 60 test images of digits, 10 classes; 3 epochs; n = 1 seed; 2 runs")
    several = describe_cost(StudyResult(**base, train=[700, 1375], epochs=[15, 30]))
    assert several.startswith("700 to 1,375 training and 60 test images of digits, 10 classes; 15 to 30 epochs")
    assert ends([30, 15, 20]) == [15, 30] and ends([5, 5]) == [5] and ends([]) == []


def test_no_such_study():
    with pytest.raises(UserError, match="label_nois: no such study; did you mean 'label_noise'"):
        load_study("label_nois")


def test_a_reference_is_what_the_cell_has_there(path):
    found = load_study(path)
    assert recipe_of_cell(found, {"noise": "50 %", "way": "KD, noisy teacher"})["teacher"]["settings"] == {
        "data.label_noise": {"rate": 0.5}
    }


def test_a_reference_may_lead_into_a_list(path):
    path.write_text(path.read_text().replace("    KD: {}", "    KD: {label_weight: $terms.0.temperature}"))
    assert recipe_of_cell(load_study(path), {"noise": "clean", "way": "KD"})["label_weight"] == 4
    path.write_text(path.read_text().replace("$terms.0.temperature", "$terms.1.temperature"))
    with pytest.raises(UserError, match="nothing at terms.1.temperature"):
        recipe_of_cell(load_study(path), {"noise": "clean", "way": "KD"})


def test_figures_that_no_report_has_are_named():
    reports = [{"student": {"top1": 0.5, "name": "tiny"}}, None, {"fidelity": {"agreement": 0.5}}]
    assert notes_on({"student.top1": "top-1", "fidelity.agreement": "agreement"}, reports) == []
    assert notes_on({"student.top": "top-1", "x.y": "z"}, reports) == [
        "no report has a number at student.top; did you mean 'student.top1'?",
        "no report has a number at x.y",
    ]
    assert notes_on({"x.y": "z"}, [None]) == []


# Comparing finished runs.


def a_run(folder, top1, size, ece, milliseconds=None):
    folder.mkdir(parents=True)
    export = {"file": "student.tflite", "bytes": size, "passed": True}
    found = {
        "student": {"name": "tiny", "top1": top1},
        "cost": {"parameters": 10, "macs": 5, "file_bytes": 99},
        "calibration": {"ece": ece},
        "exports": [export],
        "data": {"name": "digits", "fingerprint": "f"},
        "epochs": 1,
        "seed": 0,
    }
    (folder / "report.json").write_text(json.dumps(found))
    if milliseconds is not None:
        (folder / "bench.json").write_text(
            json.dumps([{"file": "student.tflite", "latency_ms": {"median": milliseconds}}])
        )
    return folder


def test_a_run_that_is_nowhere_better_is_beaten(tmp_path):
    runs = [
        a_run(tmp_path / "a", 0.9, 100, 0.1, 1.0),
        a_run(tmp_path / "b", 0.8, 100, 0.1, 1.0),
        a_run(tmp_path / "c", 0.7, 50, 0.2, 2.0),
        a_run(tmp_path / "d", 0.9, 100, 0.1, 1.0),
    ]
    rows = rows_of(runs)
    assert [row["beaten_by"] for row in rows] == [[], [str(runs[0]), str(runs[3])], [], []]
    lines = format_text(rows)
    assert [line.endswith("no other beats it") for line in lines[1:5]] == [True, False, True, True]
    assert comparison(rows).count("<svg") == 3


def changed(folder, **changes):
    """A run whose report says something else."""
    path = folder / "report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_the_accuracy_is_that_of_the_file(tmp_path):
    exports = [{"file": "student_int8.tflite", "bytes": 50, "passed": True, "accuracy": 0.8}]
    one, other = a_run(tmp_path / "a", 0.9, 100, 0.1), changed(a_run(tmp_path / "b", 0.9, 100, 0.1), exports=exports)
    rows = rows_of([one, other])
    assert [row["top1"] for row in rows] == [0.9, 0.8] and not any(row["beaten_by"] for row in rows)
    assert "note: top-1, size and latency are of the file" in format_text(rows)[-1]


def test_runs_are_compared_by_their_test_images(tmp_path):
    data = {"name": "digits", "fingerprint": "f", "test_fingerprint": "t"}
    one = changed(a_run(tmp_path / "a", 0.9, 100, 0.1), data=data)
    other = changed(a_run(tmp_path / "b", 0.8, 100, 0.1), data={**data, "fingerprint": "g"})
    third = changed(a_run(tmp_path / "c", 0.7, 100, 0.1), data={**data, "test_fingerprint": "u"})
    assert "learned from different images" in notes(rows_of([one, other]))[0]
    assert "their accuracies cannot be compared" in notes(rows_of([one, third]))[0]
    assert "their accuracies cannot be compared" in comparison(rows_of([one, third]))
    older = changed(a_run(tmp_path / "d", 0.7, 100, 0.1), data={"name": "digits", "fingerprint": "f"})
    assert "not every report says which test images it is of" in notes(rows_of([one, older]))[0]


@pytest.mark.parametrize(
    "odd", [{"data": "digits"}, {"fidelity": [1]}, {"exports": {"a": 1}}, {"exports": ["x", None]}, {"verdict": 1}]
)
def test_a_report_with_odd_parts_is_compared_by_what_it_has(tmp_path, odd):
    folder = changed(a_run(tmp_path / "a", 0.9, 100, 0.1, 1.0), **odd)
    (folder / "bench.json").write_text('{"a": 1}')
    (row,) = rows_of([folder])
    assert row["top1"] == 0.9 and row["milliseconds"] is None


def test_what_is_no_report_is_refused_and_nothing_is_overwritten(tmp_path):
    one = a_run(tmp_path / "a", 0.9, 100, 0.1)
    done = command("compare", one, "--out", one / "report.json")
    assert done.exit_code == 2 and "expected a name that ends in .html" in done.stderr
    assert rows_of([one])[0]["top1"] == 0.9
    for found in ("text", None, [1]):
        with pytest.raises(UserError, match="no finished run"):
            rows_of([changed(one, student=found)])


def test_what_only_one_of_two_was_measured_for_does_not_count(tmp_path):
    rows = rows_of([a_run(tmp_path / "a", 0.9, 100, 0.1), a_run(tmp_path / "b", 0.8, 100, 0.1, 5.0)])
    assert [row["beaten_by"] for row in rows] == [[], [str(tmp_path / "a")]]


def test_latencies_by_other_means_do_not_count(tmp_path):
    exports = [{"file": "student.tflite", "bytes": 100, "passed": True, "latency": {"median": 0.1, "threads": 1}}]
    environment = {"cores": 2, "platform": "Linux"}
    one, other = a_run(tmp_path / "a", 0.9, 100, 0.1, 9.0), a_run(tmp_path / "b", 0.8, 100, 0.1)
    rows = rows_of([one, changed(other, exports=exports, environment=environment)])
    assert [row["milliseconds"] for row in rows] == [9.0, 0.1]
    # It is faster only by another measurement, and so is beaten.
    assert rows[1]["beaten_by"] == [str(one)]
    assert any("count in no comparison" in note for note in notes(rows))


def test_whatever_lies_next_to_runs_gives_one_honest_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    home = Path("saved_models")
    a_run(home / "plain", 0.9, 100, 0.1)
    changed(a_run(home / "benched", 0.8, 200, 0.1, 1.0), verdict={"top1": {"mean": 0.81, "std": 0.01, "n": 3}})
    a_run(home / "found.best", 0.95, 100, 0.1)
    a_run(home / "study-x/half-seed0", 0.7, 100, 0.1)
    changed(a_run(home / "short-smoke", 0.99, 1, 0.0), smoke=True)
    a_run(home / "baselines/alone", 0.6, 100, 0.1)
    for name in ("bank/0123", "found-search", "killed", "empty"):
        (home / name).mkdir(parents=True)
    (home / "bank/0123/about.json").write_text("{}")
    (home / "killed/recipe.yaml").write_text("data: digits")
    (home / "README.md").write_text("runs")
    winner = {"runs": [{"run": "../found.best", "seed": 0}]}
    (home / "found-search/search.json").write_text(json.dumps({"winner": winner}))
    cell = {"cell": {"noise": "0.5"}, "runs": {"0": "half-seed0"}}
    cell["figures"] = {"student.top1": {"mean": 0.72, "std": 0.02, "n": 2}}
    (home / "study-x/study.json").write_text(json.dumps({"cells": [cell]}))
    done = command("compare", *sorted(home.iterdir()))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[1:5]] == ["benched", "found.best", "plain", "study-x, 0.5"]
    assert "81.00 ± 1.00 (3)" in lines[1] and "72.00 ± 2.00 (2)" in lines[4]
    # The winner of the search is there once, and beats the others.
    assert [line.endswith("no other beats it") for line in lines[1:5]] == [False, True, False, False]
    passed = dict(line.removeprefix("passed over: ").split(": ", 1) for line in done.stderr.splitlines())
    assert list(passed) == [
        f"saved_models/{name}" for name in ("README.md", "bank", "baselines", "empty", "killed", "short-smoke")
    ]
    assert "banks" in passed["saved_models/bank"] and "saved_models/baselines/*" in passed["saved_models/baselines"]
    assert "shortened run" in passed["saved_models/short-smoke"] and "resumes" in passed["saved_models/killed"]


def test_compare_refuses_what_is_no_run(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no finished run"):
        rows_of([tmp_path / "empty"])
    one = a_run(tmp_path / "a", 0.9, 100, 0.1)
    with pytest.raises(UserError, match="named twice"):
        rows_of([one, one])


# The command line.


def command(*arguments):
    return CliRunner().invoke(commands, [str(one) for one in arguments], prog_name="keras-kd")


def test_compare_prints_a_table_and_writes_a_page(tmp_path):
    one, other = a_run(tmp_path / "a", 0.9, 100, 0.1, 1.0), a_run(tmp_path / "b", 0.8, 200, 0.1, 1.0)
    done = command("compare", one, other, "--out", tmp_path / "compare.html")
    assert done.exit_code == 0 and done.stdout.count("no other beats it") == 1
    assert done.stdout.splitlines()[-1] == str(tmp_path / "compare.html")
    assert (tmp_path / "compare.html").read_text().startswith("<!doctype html>")
    assert [row["beaten_by"] for row in json.loads(command("compare", one, other, "--json").stdout)] == [[], [str(one)]]
    assert command("compare", tmp_path / "none").exit_code == 2


def test_studies_are_listed_and_an_unknown_one_is_said():
    assert "label_noise" in command("list", "studies").stdout
    done = command("study", "label_nois")
    assert done.exit_code == 2 and done.stderr.startswith(
        "keras-kd: label_nois: no such study; did you mean 'label_noise'"
    )
