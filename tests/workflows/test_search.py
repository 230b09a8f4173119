"""Searching settings: the space, the trials, the winner, what fails, what is killed."""

import functools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from reports import undescribed
from stand_ins import UNTRAINED, at_once

from keras_kd import Report
from keras_kd.cli.main import commands
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.load import load
from keras_kd.report.search_page import page
from keras_kd.report.search_result import SearchResult
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import trial as one_trial
from keras_kd.workflows.run.distill import distill
from keras_kd.workflows.run.folder import hold_run, keep_recipe
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.search import results, trials
from keras_kd.workflows.search.results import first, pareto
from keras_kd.workflows.search.search import search
from keras_kd.workflows.search.space import SearchInput, Setting, recipe_with, settings_of, space_of
from keras_kd.workflows.search.tuner import decoded, encoded

RECIPE = """
data: {name: ./images.npz, views: flip}
teacher: digits_cnn
student: digits_tiny
label_weight: 0.5
terms: [{method: kd, temperature: 4}]
fit: {epochs: 2, batch_size: 12, optimizer: adam, learning_rate: 0.01}
export: {formats: []}
"""

DESPITE = [word for name in UNTRAINED for word in ("--despite", name)]

pytestmark = pytest.mark.usefixtures("forked")


def write_recipe(folder, search="", **changed):
    """A recipe on few images with its search; gives its path."""
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (60, 8, 8, 1)).astype("uint8"), np.arange(60) % 4
    np.savez(folder / "images.npz", x_train=pixels, y_train=labels, x_test=pixels[:20], y_test=labels[:20])
    text = RECIPE
    for old, new in changed.items():
        text = re.sub(rf"(?m)^{old}: .*$", f"{old}: {new}", text)
    path = folder / "small.yaml"
    path.write_text(text + (f"search: {search}\n" if search else ""))
    return path


@pytest.fixture
def recipe(tmp_path):
    """A recipe on few images, to which a test adds its search."""
    return functools.partial(write_recipe, tmp_path)


@pytest.fixture(scope="module")
def whole_search(made_once):
    """The folder and the result of a search of three trials with a teacher that is a recipe, its winner trained."""

    def fill(folder):
        (folder / "taught.yaml").write_text(
            "data: ./images.npz\nstudent: digits_cnn\nfit: {epochs: 1}\nexport: {formats: []}\n"
        )
        path = write_recipe(folder, "{trials: 3, validation: 0.2}", teacher="taught.yaml")
        found = searched(path, folder / "runs" / "small-search")
        assert undescribed(found) == []
        return found.as_json()

    folder, found = made_once("whole_search", fill)
    return folder / "runs", SearchResult(**found)


@pytest.fixture
def trained_in_no_time(monkeypatch):
    monkeypatch.setattr(trials, "trial", at_once)


def searched(path, folder, **options):
    return search(path, folder, name="small", quiet=True, despite=UNTRAINED, **options)


# The space.


def space(path):
    return space_of(load(path), SearchInput(str(path)))


def test_a_recipe_without_a_search_has_label_weight_and_temperature_to_search(recipe):
    assert [(one.path, one.kind, one.values, one.sampling) for one in space(recipe())] == [
        ("label_weight", "float", (0.0, 1.0), "linear"),
        ("terms.0.temperature", "float", (1.0, 20.0), "log"),
    ]


def test_a_method_without_a_temperature_has_its_weight_to_search(recipe):
    found = space(recipe(terms="[{method: sp, weight: 10}]"))
    assert ("terms.0.weight", (1.0, 100.0)) in [(one.path, one.values) for one in found]


def test_settings_come_after_those_that_they_depend_on(recipe):
    path = recipe(
        "{space: {terms.0.beta: {float: [1, 8], when: {terms.0.method: dkd}}, terms.0.method: {choice: [kd, dkd]}}}"
    )
    found = space(path)
    assert [one.path for one in found] == ["terms.0.method", "terms.0.beta"]
    assert found[1].is_active({"terms.0.method": "dkd"}) and not found[1].is_active({"terms.0.method": "kd"})


def test_another_method_begins_with_its_own_published_settings(recipe):
    path = recipe()
    other = recipe_with({"terms.0.method": "dkd", "terms.0.beta": 3.0}, SearchInput(str(path)))
    assert other.terms[0].method == "dkd" and other.terms[0].settings["beta"] == 3.0 and other.terms[0].weight == 1.0
    same = recipe_with({"terms.0.method": "kd"}, SearchInput(str(path)))
    assert same.terms[0].settings["temperature"] == 4.0


def test_values_of_any_kind_go_through_the_tuner_and_the_recipe(recipe):
    setting = Setting("fit.drops", "choice", ([], [1], [1, 2]))
    for value in setting.values:
        assert decoded([setting], {"fit.drops": encoded(setting, value)}) == {"fit.drops": value}
        given = SearchInput(str(recipe()), ("fit.epochs=5",))
        assert list(load(given.path, [*given.settings, *settings_of({"fit.drops": value}, given)]).fit.drops) == value
    numbers = Setting("fit.batch_size", "choice", (16, 32))
    assert encoded(numbers, 16) == 16


@pytest.mark.parametrize("sampling", ["linear", "log"])
@pytest.mark.parametrize("kind, values", [("float", (1.0, 20.0)), ("int", (2, 7))])
def test_what_is_drawn_is_in_its_range(kind, values, sampling):
    setting, chance = Setting("a", kind, values, sampling), random.Random(0)
    drawn = [setting.draw(chance) for _ in range(200)]
    assert min(drawn) >= values[0] and max(drawn) <= values[1] and len(set(drawn)) > 3


WRONG = {
    "{space: {fit.epochs: {int: [1, 5]}}}": "search.space.fit.epochs: cannot be searched: trials have data, budget and",
    "{space: {seed: {int: [1, 5]}}}": "search.space.seed: cannot be searched",
    "{space: {label_weight: {}}}": "search.space.label_weight: found none; expected one of float, int, choice, boolean",
    "{space: {label_weight: {float: [0, 1], choice: [1]}}}": "found float and choice; expected one of",
    "{space: {label_weight: {float: [1, 0]}}}": "found float: [1, 0]; expected the smaller number first",
    "{space: {label_weight: {float: [0, 1], sampling: log}}}": "found 0 with sampling: log; expected numbers above 0",
    "{space: {label_weight: {choice: [1, 1]}}}": "found a value twice; keep one",
    "{space: {label_weight: {choice: [1, 2], step: 1}}}": "step and sampling are of float and int",
    "{space: {label_weight: {float: [-1, 1]}}}": "no recipe with label_weight=-1.0",
    "{space: {terms.0.temprature: {float: [1, 2]}}}": "did you mean 'temperature'?",
    "{space: {terms.0.beta: {float: [1, 2]}}}": "terms[0].beta: no such field for kd",
    "{space: {label_weight: {float: [0, 1], when: {fit.nesterov: true}}}}": "when names 'fit.nesterov'; expected",
    "{space: {fit.l2: {float: [0, 1], step: 1e-9}}, tuner: grid}": "search.space.fit.l2: has 1,000,000,001 values for "
    "tuner: grid; expected 10,000 at most: give a larger step, or another tuner",
    "{space: {fit.batch_size: {int: [1, 100000]}}, tuner: grid}": "search.space.fit.batch_size: has 100,000 values for "
    "tuner: grid",
    "{objective: entropy}": "search.objective: which way is entropy better?",
    "{objective: [val_loss, val_loss]}": "search.objective: found val_loss twice; keep one",
    "{tuner: gird}": "tuner: is 'gird'; expected one of random, grid, bayesian, hyperband; did you mean 'grid'?",
    "{trials: 0}": "trials: is 0; expected more than 0",
    "{space: {label_weight: {flaot: [0, 1]}}}": "did you mean 'float'?",
}


@pytest.mark.parametrize("search_text", WRONG)
def test_a_wrong_space_is_refused_before_anything_runs(recipe, tmp_path, search_text):
    path = recipe(search_text)
    with pytest.raises(UserError) as error:
        searched(path, tmp_path / "out")
    assert WRONG[search_text] in str(error.value)
    assert f"small.yaml:{len(path.read_text().splitlines())}: search." in str(error.value)
    assert not (tmp_path / "out").exists()


def test_settings_in_a_circle_are_refused(recipe):
    text = (
        "{space: {fit.nesterov: {boolean: true, when: {fit.batch_size: 16}}, "
        "fit.batch_size: {choice: [16, 32], when: {fit.nesterov: true}}}}"
    )
    with pytest.raises(UserError, match="depend on each other in a circle"):
        space(recipe(text))


# Which trial is best.


def trial(name, **objectives):
    return {"trial": name, "objectives": objectives}


def test_the_front_holds_what_nothing_beats():
    trials = [trial("a", top=0.5, size=10), trial("b", top=0.6, size=20), trial("c", top=0.5, size=20)]
    goals = [("top", "max"), ("size", "min")]
    assert [one["trial"] for one in pareto(trials, goals)] == ["a", "b"]
    assert first(pareto(trials, goals), goals[0])["trial"] == "b"
    assert first(pareto(trials, goals), goals[1])["trial"] == "a"
    assert first([], goals[0]) is None


# Searches.


@pytest.mark.slow
def test_a_search_ends_with_a_recipe_that_gives_what_the_winner_gave(whole_search):
    runs, found = whole_search
    assert found["counts"] == {"completed": 3, "failed": 0, "invalid": 0, "running": 0}
    best = max(found["trials"], key=lambda one: one["objectives"]["val_accuracy"])
    assert found["best"] == best["trial"]
    file = runs / "small-search" / "small.best.yaml"
    again = load(file)
    assert again.terms[0].settings["temperature"] == best["values"]["terms.0.temperature"]
    assert again.label_weight == best["values"]["label_weight"] and again.search is None
    header = [line for line in file.read_text().splitlines() if line.startswith("#")]
    assert f"trial {best['trial']} of 3 by random" in header[0] and "top-1" in header[-1]
    report = distill(again, runs / "again", name="again", quiet=True)
    # As equal as two runs of one recipe are.
    assert report["student"]["top1"] == pytest.approx(found["winner"]["runs"][0]["top1"], abs=0.051)
    assert json.loads((file.parent / "search.json").read_text())["winner"] == found["winner"]
    text = (file.parent / "search.html").read_text()
    assert text.count("<svg") == 3 and "val_accuracy against terms.0.temperature" in text


@pytest.mark.slow
def test_the_teacher_is_asked_once_for_all_trials_and_the_winner(whole_search):
    runs, found = whole_search
    asked = [one["teacher_views"] for one in found["trials"]]
    # 48 images, two views each, in two epochs: some are shown in one view twice.
    assert 48 <= asked[0] <= 96 and asked[1:] == [0, 0]
    assert found["seconds"]["views_shown"] == 3 * 2 * 48
    report = json.loads((runs / "small.best" / "report.json").read_text())
    # The winner sees the same views of these, and of the images set aside.
    assert report["data"]["train"] == 60 and report["bank"]["computed_by_this_run"] <= 24
    assert [path.name for path in runs.iterdir() if path.name == "bank"] == ["bank"]
    held = [path.name for path in (runs / "small-search" / "trials").rglob("*.keras")]
    assert held == ["student.keras"] * 3


def test_trials_are_judged_on_images_set_aside_and_never_on_the_test_images(recipe, tmp_path, monkeypatch):
    seen = []
    measure = one_trial.measure
    monkeypatch.setattr(
        one_trial, "measure", lambda r, d, *a, **k: seen.append(d.test.images.copy()) or measure(r, d, *a, **k)
    )
    searched(recipe("{trials: 1, validation: 15}", fit="{epochs: 1, batch_size: 15}"), tmp_path / "out", winner=False)
    data = load_data(load(recipe("{trials: 2}"), ["data.validation=15"]))
    assert [len(one) for one in seen] == [15]
    for one in seen:
        np.testing.assert_array_equal(one, data.validation.images)


@pytest.mark.slow
@pytest.mark.usefixtures("trained_in_no_time")
def test_seeds_are_averaged(recipe, tmp_path, monkeypatch):
    trained = []

    def trains(recipe, folder, **options):
        trained.append((recipe.seed, folder.name))
        with hold_run(RunFolder(folder), recipe):
            keep_recipe(RunFolder(folder), recipe)
        figures = {"student": {"top1": 0.5, "top5": 1.0}, "calibration": {"ece": 0.1}, "data": {"test": 20}}
        return Report(**figures, time={"seconds": {"total": 1.0}})

    monkeypatch.setattr(results.run, "distill", trains)
    found = searched(recipe("{trials: 1, seeds: 2, objective: calibration.nll}"), tmp_path / "runs" / "s")
    one = found.trials[0]
    by_seed = one.by_seed["calibration.nll"]
    assert len(by_seed) == 2 and by_seed[0] != by_seed[1]
    assert one.objectives["calibration.nll"] == pytest.approx(sum(by_seed) / 2)
    assert [run["seed"] for run in found.winner.runs] == [0, 1]
    assert trained == [(0, "small.best"), (1, "small.best-seed1")]


@pytest.mark.usefixtures("trained_in_no_time")
def test_failed_trials_are_shown_counted_and_not_chosen(recipe, tmp_path, monkeypatch):
    trained = trials.trial

    def fails_at_first(recipe, *arguments, **options):
        if options["name"] == "trial 0":
            raise UserError("the loss became NaN\nin epoch 1")
        return trained(recipe, *arguments, **options)

    monkeypatch.setattr(trials, "trial", fails_at_first)
    found = searched(recipe("{trials: 2}"), tmp_path / "out", winner=False)
    assert found["counts"]["failed"] == 1 and found["counts"]["completed"] == 1
    assert found["trials"][0]["error"] == "the loss became NaN" and found["best"] == "1"


@pytest.mark.usefixtures("trained_in_no_time")
def test_a_figure_that_no_report_has_fails_its_trials(recipe, tmp_path):
    found = searched(
        recipe("{trials: 1, objective: {name: calibration.entropy, direction: max}}"), tmp_path / "out", winner=False
    )
    assert found["best"] is None and "the report has no figure 'calibration.entropy'" in found["trials"][0]["error"]


@pytest.mark.slow
@pytest.mark.usefixtures("trained_in_no_time")
def test_several_objectives_have_a_front(recipe, tmp_path):
    text = "{trials: 3, objective: [val_accuracy, calibration.ece]}"
    found = searched(recipe(text), tmp_path / "out", winner=False)
    assert found["best"] in found["pareto"] and set(found["trials"][0]["objectives"]) == {
        "val_accuracy",
        "calibration.ece",
    }


@pytest.mark.usefixtures("trained_in_no_time")
@pytest.mark.parametrize(
    "text, trials",
    [
        pytest.param(
            "{tuner: grid, trials: 9, space: {fit.nesterov: {boolean: true}, fit.batch_size: {choice: [16, 32]}}}",
            4,
            marks=pytest.mark.slow,
        ),
        pytest.param("{tuner: bayesian, trials: 3}", 3, marks=pytest.mark.slow),
        pytest.param(
            "{trials: 4, seed: 5, space: {terms.0.method: {choice: [kd, dkd]}, "
            "terms.0.beta: {float: [1, 8], when: {terms.0.method: dkd}}}}",
            4,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["grid", "bayesian", "conditional"],
)
@pytest.mark.usefixtures("trained_in_no_time")
def test_tuners(recipe, tmp_path, text, trials):
    found = searched(recipe(text, fit="{epochs: 1, batch_size: 16}"), tmp_path / "out", winner=False)
    assert len(found["trials"]) == trials == found["counts"]["completed"]
    for one in found["trials"]:
        if "terms.0.method" in one["values"]:
            assert ("terms.0.beta" in one["values"]) == (one["values"]["terms.0.method"] == "dkd")
    assert len({json.dumps(one["values"]) for one in found["trials"]}) == trials


@pytest.mark.slow
def test_hyperband_goes_on_with_its_best(recipe, tmp_path):
    found = searched(
        recipe("{tuner: hyperband, trials: 40}", fit="{epochs: 3, batch_size: 12}"), tmp_path / "out", winner=False
    )
    epochs = [one["epochs"] for one in found["trials"]]
    assert set(epochs) == {1, 3}
    best = next(one for one in found["trials"] if one["trial"] == found["best"])
    assert best["epochs"] == 3
    # What goes on was trained for one epoch before, and its history says so.
    continued = [one for one in found["trials"] if one["epochs"] == 3][0]
    history = tmp_path / "out" / "trials" / continued["trial"] / f"seed{0}" / "history.csv"
    assert len(history.read_text().splitlines()) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("trained_in_no_time")
def test_a_folder_of_another_search_is_refused(recipe, tmp_path):
    searched(recipe("{trials: 1}"), tmp_path / "out", winner=False)
    more = searched(recipe("{trials: 2}"), tmp_path / "out", winner=False)
    assert more["counts"]["completed"] == 2
    with pytest.raises(UserError, match="holds a search of other settings; give another --out, or --restart"):
        searched(recipe("{trials: 2, tuner: grid}"), tmp_path / "out", winner=False)
    again = searched(recipe("{trials: 1, tuner: bayesian}"), tmp_path / "out", winner=False, restart=True)
    assert again["counts"]["completed"] == 1


def test_no_trial_begins_after_the_hours(recipe, tmp_path):
    found = searched(recipe("{trials: 9, hours: 1.0e-9}"), tmp_path / "out", winner=False)
    assert found["trials"] == [] and found["best"] is None


# The command, killed searches, several processes.


def command(*arguments, cwd, **options):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    call = [sys.executable, "-m", "keras_kd.cli", "search", *map(str, arguments), *DESPITE]
    return subprocess.Popen(
        call, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.slow
def test_the_command_says_what_it_found(recipe, tmp_path):
    process = command(recipe("{trials: 1}", fit="{epochs: 1}"), cwd=tmp_path)
    said, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    lines = said.splitlines()
    assert lines[0] == "1 trials by random, 0 failed" and lines[1].startswith("best: trial 0, val_accuracy ")
    assert lines[-1] == "saved_models/small-search"
    assert "small: trial | val_accuracy | label_weight | terms.0.temperature | time left" in told.splitlines()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--chief", "nowhere"], "--chief: found 'nowhere'; expected host:port, such as 127.0.0.1:9000"),
        (["--worker", "127.0.0.1:9000"], "--worker: give it a name of its own too, such as --name one"),
        (["--name", "one"], "--name: is of a worker; give --worker HOST:PORT too"),
        (["--chief", "a:1", "--worker", "a:1"], "search: --chief and --worker exclude each other; give one"),
        (["--tuner", "gird"], "--set search.tuner=gird: search.tuner: is 'gird'; expected one of random, grid, "
         "bayesian, hyperband; did you mean 'grid'?"),
    ],
)  # fmt: skip
def test_wrong_options(recipe, tmp_path, arguments, message):
    process = command(recipe(), *arguments, cwd=tmp_path)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told) == (2, f"keras-kd: {message}\n")


@pytest.mark.slow
@pytest.mark.usefixtures("trained_in_no_time")
def test_a_search_whose_trials_all_failed_exits_with_1(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = recipe("{trials: 2, objective: {name: none.such, direction: max}}", fit="{epochs: 1}")
    done = CliRunner().invoke(commands, ["search", str(path), *DESPITE])
    assert done.exit_code == 1 and "0 trials by random, 2 failed" in done.stdout
    assert "failed: search.objective: the report has no figure 'none.such'" in done.stdout


def wait_for(condition, process, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.slow
def test_a_chief_and_two_workers_one_of_them_killed(recipe, tmp_path):
    (tmp_path / "taught.yaml").write_text(
        "data: ./images.npz\nstudent: digits_cnn\nfit: {epochs: 1}\nexport: {formats: []}\n"
    )
    path = recipe("{trials: 5}", fit="{epochs: 4, batch_size: 8}", teacher="taught.yaml")
    where = f"127.0.0.1:{free_port()}"
    chief = command(path, "--chief", where, "--json", "--set", "fit.epochs=4", cwd=tmp_path)
    workers = [
        command(path, "--worker", where, "--name", name, "--set", "fit.epochs=4", cwd=tmp_path)
        for name in ("one", "two")
    ]
    trials = tmp_path / "saved_models" / "small-search" / "trials"
    wait_for(lambda: len(list(trials.glob("*/seed0/history.csv"))) >= 2, chief)
    workers[0].send_signal(signal.SIGKILL)
    said, told = chief.communicate(timeout=400)
    assert chief.returncode == 0, told
    found = json.loads(said)
    assert found["counts"] == {"completed": 5, "failed": 0, "invalid": 0, "running": 0}
    assert "worker one gives no sign of life" in told
    assert workers[1].communicate(timeout=60)[1] is not None and workers[1].returncode == 0
    assert {one["worker"] for one in found["trials"]} <= {"one", "two"} and found["winner"]
    banks = list((tmp_path / "saved_models" / "bank").iterdir())
    assert len(banks) == 1


@pytest.mark.usefixtures("trained_in_no_time")
def test_pages_of_searches_show_in_light_and_dark_and_escape_what_they_show(recipe, tmp_path):
    found = searched(recipe("{trials: 1}", fit="{epochs: 1}"), tmp_path / "out", winner=False)
    assert (tmp_path / "out" / "search.html").read_text() == page(found)
    text = page(SearchResult(**{**found, "recipe": "<script>"}))
    assert "<script>" not in text and "&lt;script&gt;" in text and "prefers-color-scheme: dark" in text


@pytest.mark.usefixtures("trained_in_no_time")
def test_the_resolved_search_is_kept(recipe, tmp_path):
    searched(recipe("{trials: 1}", fit="{epochs: 1}"), tmp_path / "out", winner=False)
    kept = yaml.safe_load((tmp_path / "out" / "search.yaml").read_text())
    assert kept["recipe"]["fit"]["epochs"] == 1 and kept["search"]["tuner"] == "random"


def test_a_worker_without_a_chief_says_where_it_looked(monkeypatch):
    from keras_kd.workflows.search.workers import wait_for_chief

    port = free_port()
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    told = []
    with pytest.raises(UserError, match=f"no chief answers at 127.0.0.1:{port}; begin it with --chief"):
        wait_for_chief(told.append, seconds=0.0)
    with socket.socket() as chief:
        chief.bind(("127.0.0.1", port))
        chief.listen()
        wait_for_chief(told.append)
    assert told == []
