"""A search killed at any moment and begun again, by every tuner; more trials asked for later, or fewer."""

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
from stand_ins import UNTRAINED, at_once
from test_search import command, free_port, wait_for, write_recipe

from keras_kd.recipe.schema import SearchSpec
from keras_kd.utils.errors import UserError
from keras_kd.workflows.search import trials as of_search
from keras_kd.workflows.search.oracles import oracle_of
from keras_kd.workflows.search.search import search
from keras_kd.workflows.search.space import Setting
from keras_kd.workflows.search.tuner import StudentHyperModel, StudentTuner, decoded
from keras_kd.workflows.search.workers import NoChief, PatientClient, Workers, serve

pytestmark = pytest.mark.usefixtures("forked")
TUNERS = ("random", "grid", "bayesian", "hyperband")
SPACE = (
    Setting("rate", "choice", (0.001, 0.002, 0.004)),
    Setting("method", "choice", ("kd", "dkd")),
    Setting("beta", "choice", (1, 2), when=(("method", ("dkd",)),)),
)
GRID = 9  # combinations of them
RANGES = (Setting("rate", "float", (0.001, 0.1), "log"), Setting("method", "choice", ("kd", "dkd")))


@pytest.fixture(autouse=True)
def chosen_quickly(request, monkeypatch):
    """The Bayesian tuner looks at what it draws, and does not climb from there, which takes it seconds a trial."""
    if request.node.get_closest_marker("slow") is None:
        from types import SimpleNamespace

        import scipy.optimize
        import sklearn.gaussian_process as processes

        looks = lambda function, x0, **options: SimpleNamespace(fun=float(np.ravel(function(x0))[0]), x=x0)  # noqa: E731
        monkeypatch.setattr(scipy.optimize, "minimize", looks)
        made = processes.GaussianProcessRegressor
        monkeypatch.setattr(
            processes,
            "GaussianProcessRegressor",
            lambda **options: made(**{**options, "optimizer": None, "n_restarts_optimizer": 0}),
        )


def space_for(tuner):
    return SPACE if tuner == "grid" else RANGES


def tuner_in(folder, tuner, trials, trained, over=lambda: False):
    """A tuner whose trials end at once; `trained` gets the id and the settings of each that is trained."""

    def train(trial_id, values, own):
        trained.append((trial_id, json.dumps(values, sort_keys=True), own.get("tuner/epochs")))
        quality = values["rate"] * (2 if values["method"] == "kd" else 3) + (own.get("tuner/epochs") or 0)
        return {"val_accuracy": quality + values.get("beta", 0) / 100}

    oracle = oracle_of(SearchSpec(tuner=tuner, trials=trials, seed=3), [("val_accuracy", "max")], epochs=9)
    oracle.over = over
    if tuner == "bayesian":
        oracle.num_initial_points = 3
    found = StudentTuner(oracle, StudentHyperModel(space_for(tuner), train), folder)
    found.pre_create_trial = lambda: None
    oracle.max_trials = trials
    return found


def told(tuner):
    """What a search came to: [(settings, status, figure)] in order, nothing twice."""
    oracle = tuner.oracle
    assert sorted(oracle.start_order) == sorted(oracle.trials) and len(set(oracle.end_order)) == len(oracle.end_order)
    found = [oracle.trials[key] for key in oracle.start_order]
    return [(one.hyperparameters.values, one.status, one.score) for one in found]


def run(folder, tuner, trials, trained=None, **options):
    found = tuner_in(folder, tuner, trials, [] if trained is None else trained, **options)
    found.search()
    return found


@contextlib.contextmanager
def moments(folder, place, monkeypatch):
    """The folder as it is on the disk before every file that gets its name, as a kill would leave it."""
    replace, number = os.replace, itertools.count()

    def keeps(*arguments, **options):
        shutil.copytree(folder, place / f"{next(number):03d}")
        replace(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", keeps)
        yield


@pytest.mark.parametrize("tuner", TUNERS)
def test_killed_at_any_moment_the_trials_are_those_of_a_search_that_was_not(tuner, tmp_path, monkeypatch):
    count = 5  # of which the Bayesian tuner chooses two by what it has learnt
    whole = told(run(tmp_path / "whole", tuner, count))
    assert len(whole) == count and {status for _, status, _ in whole} == {"COMPLETED"}
    with moments(tmp_path / "one", tmp_path / "moments", monkeypatch):
        run(tmp_path / "one", tuner, count)
    places = sorted((tmp_path / "moments").iterdir())
    assert len(places) >= count * 4
    for place in places:
        before = place / "tuner" / "oracle.json"
        state = json.loads(before.read_text()) if before.exists() else {"trials": {}}
        ended = {key for key, one in state["trials"].items() if one["status"] == "COMPLETED"}
        trained = []
        assert told(run(place, tuner, count, trained)) == whole, place.name
        assert [key for key, _, _ in trained if key in ended] == [], place.name
        assert len(trained) == count - len(ended)


@pytest.mark.parametrize("tuner", TUNERS)
def test_more_trials_are_run_when_they_are_asked_for_and_fewer_leave_what_is_there(tuner, tmp_path):
    whole, trained = told(run(tmp_path / "whole", tuner, 8)), []
    assert told(run(tmp_path / "one", tuner, 5, trained)) == whole[:5]
    assert told(run(tmp_path / "one", tuner, 3, trained)) == whole[:5] and len(trained) == 5
    assert told(run(tmp_path / "one", tuner, 8, trained)) == whole and len(trained) == 8
    # Ten and more have ids of two digits.
    more = told(run(tmp_path / "one", tuner, 12, trained))
    assert more[:8] == whole and len(more) == (GRID if tuner == "grid" else 12)
    assert len({json.dumps(one) for one in trained}) == len(more)


def test_a_grid_has_each_combination_once_in_order_and_says_when_there_are_no_more(tmp_path):
    found = run(tmp_path / "one", "grid", 20)
    tried = [decoded(SPACE, values) for values, _, _ in told(found)]
    both = [{"method": "kd"}, {"method": "dkd", "beta": 1}, {"method": "dkd", "beta": 2}]
    assert tried == [{"rate": rate, **one} for rate in (0.001, 0.002, 0.004) for one in both]
    assert found.oracle.exhausted and found.oracle.nothing_left == "all combinations of the grid have been tried"
    again = run(tmp_path / "one", "grid", 30, trained := [])
    assert trained == [] and again.oracle.exhausted and len(told(again)) == GRID
    assert not run(tmp_path / "two", "grid", GRID).oracle.exhausted


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_no_settings_are_tried_twice_where_there_are_few(tuner, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "RANGES", SPACE[:2])
    found = run(tmp_path / "one", tuner, 40)
    settings = [json.dumps(values, sort_keys=True) for values, _, _ in told(found)]
    assert len(set(settings)) == len(settings) <= 6 and found.oracle.exhausted


def test_a_trial_that_was_begun_waits_until_as_many_are_asked_for(tmp_path):
    class Killed(BaseException):
        pass

    def dies(trial_id, values, own):
        if trial_id == "2":
            raise Killed
        return {"val_accuracy": values["rate"]}

    found = tuner_in(tmp_path, "grid", 6, [])
    found.hypermodel.train = dies
    with pytest.raises(Killed):
        found.search()
    assert [status for _, status, _ in told(run(tmp_path, "grid", 2))] == ["COMPLETED", "COMPLETED", "RUNNING"]
    assert [status for _, status, _ in told(run(tmp_path, "grid", 3))] == ["COMPLETED"] * 3
    assert len(told(run(tmp_path, "grid", 6, over=lambda: True))) == 3


def test_a_search_that_an_earlier_version_was_killed_in_goes_on(tmp_path):
    whole = told(run(tmp_path / "whole", "grid", 6))
    run(tmp_path / "one", "grid", 4)
    path = tmp_path / "one" / "tuner" / "oracle.json"
    state = json.loads(path.read_text())
    del state["trials"]
    # Killed between the file of trial 3 that had begun, or trial 2 that had ended, and `oracle.json`.
    state["start_order"], state["end_order"] = ["0", "1", "2"], ["0", "1"]
    state["ongoing_trials"], state["retry_queue"] = {"tuner0": "2"}, []
    path.write_text(json.dumps(state))
    three = tmp_path / "one" / "tuner" / "trial_3" / "trial.json"
    three.write_text(json.dumps({**json.loads(three.read_text()), "status": "RUNNING", "score": None}))
    assert told(run(tmp_path / "one", "grid", 6, trained := [])) == whole
    assert [key for key, _, _ in trained] == ["3", "4", "5"]


@pytest.mark.parametrize("text", ["{", "[]", '{"trials": 3}', "{}", '{"trials": {}, "start_order": 5}'])
def test_a_state_that_cannot_be_read_is_refused_in_a_line(text, tmp_path):
    run(tmp_path, "grid", 2)
    (tmp_path / "tuner" / "oracle.json").write_text(text)
    with pytest.raises(UserError, match="KerasTuner's project there cannot be read .* or --restart to throw it away"):
        tuner_in(tmp_path, "grid", 2, [])


# The whole search, its trials trained in no time.

SPACES = {
    "grid": "{fit.learning_rate: {choice: [0.001, 0.002, 0.004]}, fit.batch_size: {choice: [10, 12]}}",
    "hyperband": "{fit.learning_rate: {float: [0.001, 0.1]}}",
}


def searched(path, folder, **options):
    return search(path, folder, name="small", quiet=True, despite=UNTRAINED, **options)


def recipe_of(folder, tuner, trials=6):
    space = SPACES.get(tuner, "{fit.learning_rate: {float: [0.001, 0.1]}}")
    fit = "{epochs: 3, batch_size: 12, optimizer: adam, learning_rate: 0.01}"
    text = f"{{tuner: {tuner}, trials: {trials}, space: {space}}}"
    return write_recipe(folder, text, teacher="null", terms="[]", label_weight="1.0", fit=fit)


@pytest.mark.slow
def test_the_star_of_a_resumed_search_is_for_what_beats_all_before(tmp_path, monkeypatch):
    told, figures = [], iter([0.5, 0.9, 0.7, 0.95])

    def trains(*arguments, **options):
        return at_once(*arguments, **options).model_copy(update={"history": {"val_accuracy": next(figures)}})

    monkeypatch.setattr(of_search, "trial", trains)
    path = recipe_of(tmp_path, "random", trials=2)
    monkeypatch.setattr("keras_kd.workflows.search.plan.SearchPlan.log", lambda plan, text: told.append(text))
    searched(path, tmp_path / "out", winner=False)
    path = recipe_of(tmp_path, "random", trials=4)
    searched(path, tmp_path / "out", winner=False)
    rows = [one.split(" | ")[1] for one in told if " | " in one and not one.startswith("trial")]
    assert rows == ["0.5000*", "0.9000*", "0.7000", "0.9500*"]


@pytest.mark.slow
def test_a_search_killed_between_the_end_of_a_trial_and_its_being_told(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    path, trained = recipe_of(tmp_path, "bayesian"), []

    def trains(*arguments, **options):
        trained.append(options["name"])
        return at_once(*arguments, **options)

    monkeypatch.setattr(of_search, "trial", trains)
    whole = searched(path, tmp_path / "whole", winner=False)
    count = len(whole.trials)
    assert count == 6 and len(trained) == count
    keep = of_search.Trials._keep

    def dies_after(trials, folder, *known):
        keep(trials, folder, *known)
        if folder.name == dying:
            raise Killed

    # The first trial, one in the middle (of a bayesian search the first that it chose), the last.
    for dying in map(str, (0, count // 2, count - 1)):
        trained.clear()
        with monkeypatch.context() as patched:
            patched.setattr(of_search.Trials, "_keep", dies_after)
            with pytest.raises(Killed):
                searched(path, tmp_path / dying, winner=False)
        found = searched(path, tmp_path / dying, winner=False)
        assert found.trials == whole.trials and found.best == whole.best
        assert sorted(trained) == [f"trial {number}" for number in range(count)]


@pytest.mark.slow
def test_the_command_says_that_a_grid_has_no_more(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(of_search, "trial", at_once)
    path = recipe_of(tmp_path, "grid")
    first = searched(path, tmp_path / "out", winner=False)
    search(path, tmp_path / "out", name="small", settings=["search.trials=9"], winner=False)
    line = "small: all combinations of the grid have been tried: 6 trials of the 9 that search.trials asks for"
    assert line in capsys.readouterr().err.splitlines()
    again = searched(path, tmp_path / "out", winner=False, settings=["search.trials=2"])
    assert again.trials == first.trials


@pytest.mark.slow
def test_a_winner_that_was_killed_makes_room_for_a_better_one(tmp_path, monkeypatch):
    from keras_kd.workflows.search import results

    class Killed(BaseException):
        pass

    monkeypatch.setattr(of_search, "trial", at_once)
    path = recipe_of(tmp_path, "grid", trials=1)
    distill = results.run.distill

    def dies(recipe, folder, **options):
        from keras_kd.workflows.run import distill as running

        with monkeypatch.context() as patched:
            patched.setattr(running, "measure", lambda *a, **k: (_ for _ in ()).throw(Killed))
            distill(recipe, folder, **options)

    with monkeypatch.context() as patched:
        patched.setattr(results.run, "distill", dies)
        with pytest.raises(Killed):
            searched(path, tmp_path / "runs" / "s")
        assert (tmp_path / "runs" / "small.best" / "student.keras").exists()
        # A better one is found, and its training is killed too, after what was there has gone.
        with pytest.raises(Killed):
            searched(path, tmp_path / "runs" / "s", settings=["search.trials=6"])
    found = searched(path, tmp_path / "runs" / "s", settings=["search.trials=6"])
    assert found.best != "0" and found.winner["runs"][0]["top1"] is not None


# Chief and workers.


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")


def chief_in(folder, trials, tuner="grid"):
    oracle = oracle_of(SearchSpec(tuner=tuner, trials=trials, seed=3), [("val_accuracy", "max")], epochs=9)
    oracle.waits_for_others = True
    found = StudentTuner(oracle, StudentHyperModel(space_for(tuner), None), folder)
    oracle.max_trials = trials
    return found


def test_a_chief_that_is_begun_again_leaves_their_trials_to_workers_that_live(tmp_path):
    before = chief_in(tmp_path, 6)
    one, two = (before.oracle.create_trial(name) for name in ("one", "two"))
    chief = chief_in(tmp_path, 6).oracle
    assert chief.create_trial("one").trial_id == one.trial_id
    one.status = "COMPLETED"
    for _ in range(2):  # the answer to the first was lost
        chief.update_trial(one.trial_id, {"val_accuracy": 0.5})
        chief.end_trial(one)
    assert chief.end_order == ["0"] and chief.trials["0"].score == 0.5
    # The other one is dead, and its trial goes to the first; then it turns out that it lives.
    chief.give_up("two")
    assert chief.create_trial("one").trial_id == two.trial_id
    two.status = "COMPLETED"
    for _ in range(2):
        chief.update_trial(two.trial_id, {"val_accuracy": 0.7})
        chief.end_trial(two)
    assert chief.end_order == ["0", "1"] and chief.ongoing_trials == {}
    # What a chief was told is known to one that runs alone.
    assert len(told(run(tmp_path, "grid", 6, trained := []))) == 6 and len(trained) == 4


def test_a_trial_given_up_that_ends_nevertheless_is_not_run_again(tmp_path):
    chief = chief_in(tmp_path, 6).oracle
    one = chief.create_trial("one")
    chief.give_up("one")
    one.status = "COMPLETED"
    chief.update_trial(one.trial_id, {"val_accuracy": 0.5})
    chief.end_trial(one)
    assert chief.create_trial("two").trial_id == "1"


def test_a_worker_waits_for_a_chief_that_was_killed(monkeypatch):
    import grpc

    from keras_kd.workflows.search import workers

    class Lost(grpc.RpcError):
        def code(self):
            return grpc.StatusCode.UNAVAILABLE

    class Client:
        objective, calls = "val_accuracy", 0

        def create_trial(self, tuner_id):
            self.calls += 1
            if self.calls < 3:
                raise Lost
            return tuner_id

    waited = []
    monkeypatch.setattr(workers, "wait_for_chief", lambda log: waited.append(log))
    client = PatientClient(Client(), print)
    assert client.objective == "val_accuracy" and client.create_trial("one") == "one" and len(waited) == 3
    assert issubclass(NoChief, UserError)


def _work(folder, name, train):
    """A worker in a thread of this process."""
    from keras_tuner.src.distribute import oracle_client

    oracle = oracle_of(SearchSpec(tuner="grid", trials=6, seed=3), [("val_accuracy", "max")], epochs=9)
    worker = StudentTuner(oracle, StudentHyperModel(SPACE, train), folder / "workers" / f"{name}.project")
    worker.tuner_id = name
    os.environ["KERASTUNER_TUNER_ID"] = name
    worker.oracle = PatientClient(oracle_client.OracleClient(oracle), lambda line: None)
    worker.search()


def test_chief_and_worker_try_the_combinations_of_a_grid(tmp_path, address):
    trained = []

    def train(trial_id, values, own):
        trained.append(trial_id)
        return {"val_accuracy": values["rate"]}

    for trials, more in ((4, 4), (6, 2)):
        trained.clear()
        os.environ["KERASTUNER_TUNER_ID"] = "chief"
        chief = chief_in(tmp_path, trials)
        working = threading.Thread(target=_work, args=(tmp_path, "one", train), daemon=True)
        working.start()
        with Workers(tmp_path, 30).alive("one"):
            serve(chief, Workers(tmp_path, 30), lambda line: None)
        working.join(20)
        assert not working.is_alive() and len(trained) == more
    assert len(told(chief)) == 6 and {status for _, status, _ in told(chief)} == {"COMPLETED"}


# Killed in earnest; every tuner is above, where what it keeps is cut off at any moment.


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["grid", "hyperband"])
def test_a_killed_search_of_each_tuner_goes_on(tuner, tmp_path):
    path = recipe_of(tmp_path, tuner, trials=5)
    trials = tmp_path / "saved_models" / "small-search" / "trials"
    for moment in (
        lambda: (tmp_path / "saved_models" / "small-search" / "tuner").exists(),
        lambda: (trials / "2" / "seed0" / "history.csv").exists(),
        lambda: (trials / "3" / "trial.json").exists(),
        lambda: (tmp_path / "saved_models" / "small.best" / "history.csv").exists(),
    ):
        process = command(path, cwd=tmp_path)
        wait_for(moment, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = command(path, "--json", cwd=tmp_path)
    said, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    found = json.loads(said)
    assert found["counts"]["completed"] == 5 and found["winner"]
    other = json.loads(command(path, "--json", "--out", "another/s", cwd=tmp_path).communicate(timeout=300)[0])
    assert [(one["values"], one["objectives"]) for one in other["trials"]] == [
        (one["values"], pytest.approx(one["objectives"])) for one in found["trials"]
    ]
    more = command(path, "--json", "--no-winner", "--set", "search.trials=6", cwd=tmp_path)
    found = json.loads(more.communicate(timeout=300)[0])
    assert found["counts"]["completed"] == 6


@pytest.mark.slow
def test_a_killed_chief_goes_on_with_the_worker_that_lived(tmp_path):
    path, where = recipe_of(tmp_path, "grid", trials=6), f"127.0.0.1:{free_port()}"
    chief = functools.partial(command, path, "--chief", where, "--json", "--no-winner", cwd=tmp_path)
    first, worker = chief(), command(path, "--worker", where, "--name", "one", cwd=tmp_path)
    trials = tmp_path / "saved_models" / "small-search" / "trials"
    wait_for((trials / "1" / "seed0" / "history.csv").exists, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(1)
    said, complaints = (again := chief()).communicate(timeout=300)
    assert again.returncode == 0, complaints
    found = json.loads(said)
    assert found["counts"] == {"completed": 6, "failed": 0, "invalid": 0, "running": 0}
    settings = [json.dumps(one["values"], sort_keys=True) for one in found["trials"]]
    assert len(set(settings)) == 6 and {one["worker"] for one in found["trials"]} == {"one"}
    assert worker.communicate(timeout=60) and worker.returncode == 0
