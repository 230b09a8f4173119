"""KerasTuner with students as trials: its hypermodel, its oracles, its project folder, its chief and workers."""

import contextlib
import io
import json
import os
import socket
import threading
import time
import warnings
from pathlib import Path

from keras_kd.utils.errors import MachineError, UserError
from keras_kd.utils.files import claim, fault_of_the_machine, whole
from keras_kd.utils.lazy import installed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras_tuner
    from keras_tuner.engine.base_tuner import BaseTuner
    from keras_tuner.src import config

# It would print the traceback of every trial that fails; its error is in the table.
config.DEBUG = False

PROJECT = "tuner"
HEARTBEAT = 2.0  # seconds
RUNNING, IDLE, STOPPED = "RUNNING", "IDLE", "STOPPED"


def check_installed(tuner):
    """Refuses a tuner whose libraries are missing, before a trial finds out.

    Raises:
        UserError: names what is to be installed.
    """
    needs = {"bayesian": ("sklearn", "scipy")}.get(tuner, ())
    missing = [{"sklearn": "scikit-learn"}.get(one, one) for one in needs if not installed(one)]
    if missing:
        raise UserError(f"search.tuner: {tuner} needs {' and '.join(missing)}; pip install {' '.join(missing)}")


# Values of choices, which KerasTuner wants of one plain type.


def _as_json(setting):
    return not all(isinstance(one, int | float) and not isinstance(one, bool) for one in setting.values) or (
        len({type(one) for one in setting.values}) > 1
    )


def encoded(setting, value):
    """A value as KerasTuner keeps it."""
    if setting.kind == "choice" and _as_json(setting):
        return json.dumps(value, sort_keys=True)
    return value


def decoded(settings, values):
    """{path: value} of KerasTuner's values, of the active settings alone."""
    found = {}
    for one in settings:
        if one.path in values and one.is_active(found):
            value = values[one.path]
            found[one.path] = json.loads(value) if one.kind == "choice" and _as_json(one) else value
    return found


class _MachineFailed(keras_tuner.errors.FatalError, MachineError):
    """A fault of the machine in a trial, as KerasTuner lets it through."""


class StudentHyperModel(keras_tuner.HyperModel):
    """A recipe with open settings: `declare_hyperparameters` names them, `build` reads them, `fit` trains a student.

    Args:
        settings: the `Setting`s.
        train: called with (trial's id, {path: value}, KerasTuner's own values); returns {objective: number}.
    """

    def __init__(self, settings, train):
        super().__init__(name="student")
        self.settings, self.train = settings, train

    def declare_hyperparameters(self, hp):
        by_path = {one.path: one for one in self.settings}
        for one in self.settings:
            with contextlib.ExitStack() as scopes:
                for path, wanted in one.when:
                    values = [encoded(by_path[path], value) for value in wanted]
                    scopes.enter_context(hp.conditional_scope(path, values))
                if one.kind in ("float", "int"):
                    add = hp.Float if one.kind == "float" else hp.Int
                    step = one.step if one.kind == "float" or one.sampling != "linear" else int(one.step or 1)
                    add(one.path, *one.values, step=step, sampling=one.sampling)
                elif one.kind == "boolean":
                    hp.Boolean(one.path)
                else:
                    hp.Choice(one.path, [encoded(one, value) for value in one.values])

    def build(self, hp):
        return decoded(self.settings, hp.values)

    def fit(self, hp, model, trial_id):
        return self.train(trial_id, model, hp.values)


class _Steady:
    """What our oracles have beside KerasTuner's: files that are whole, an end by time, trials of dead workers."""

    over = staticmethod(lambda: False)
    workers = None  # a `Workers`, where there are some

    def populate_space(self, trial_id):
        if self.over():
            return {"status": STOPPED}
        return super().populate_space(trial_id)

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        trial = super().create_trial(tuner_id)
        if trial.status == STOPPED and self.workers is not None and self.ongoing_trials:
            # Another worker may die, and its trial is then for this one.
            trial.status = IDLE
            self.tuner_ids.add(tuner_id)
        return trial

    @keras_tuner.synchronized
    def give_up(self, tuner_id):
        """Has the trial of a worker that died run by another one."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is not None:
            self._retry_queue.append(trial.trial_id)
            self.save()
        return trial

    def save(self):
        _write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        _write_json(os.path.join(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state())

    def reload(self):
        super().reload()
        # A kill between two files leaves a trial that nobody runs, or one that is done among those to be run.
        queue = dict.fromkeys(self._retry_queue)
        queue.update(dict.fromkeys(key for key, trial in self.trials.items() if trial.status == RUNNING))
        self._retry_queue = [key for key in queue if self.trials[key].status == RUNNING]


def _write_json(path, value):
    with whole(path) as temporary:
        temporary.write_text(json.dumps(value), encoding="utf-8")


class _Random(_Steady, keras_tuner.oracles.RandomSearchOracle):
    pass


class _Grid(_Steady, keras_tuner.oracles.GridSearchOracle):
    pass


class _Bayesian(_Steady, keras_tuner.oracles.BayesianOptimizationOracle):
    pass


class _Hyperband(_Steady, keras_tuner.oracles.HyperbandOracle):
    pass


def oracle_of(spec, objectives, epochs):
    """The oracle of a search.

    Args:
        spec: its `SearchSpec`.
        objectives: [(name, "max" or "min")].
        epochs: of a whole training, for hyperband.
    """
    goals = [keras_tuner.Objective(name, direction) for name, direction in objectives]
    # KerasTuner takes a seed of 0 for none.
    common = {"objective": goals if len(goals) > 1 else goals[0], "seed": spec.seed + 1}
    # Failed trials are shown and counted here; KerasTuner would end the search after three.
    common["max_consecutive_failed_trials"] = 10**9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if spec.tuner == "hyperband":
            oracle = _Hyperband(max_epochs=epochs, **common)
            oracle.max_trials = spec.trials
        else:
            kind = {"random": _Random, "grid": _Grid, "bayesian": _Bayesian}[spec.tuner]
            oracle = kind(max_trials=spec.trials, **common)
    oracle.verbose = 0
    return oracle


class StudentTuner(BaseTuner):
    """Runs trials, one after another, or as one of several workers, or has others run them (the chief).

    Args:
        oracle: of `oracle_of`.
        hypermodel: a `StudentHyperModel`.
        folder: of the search; KerasTuner's project is in it.
        tell: called with each trial that ended.
    """

    def __init__(self, oracle, hypermodel, folder, tell=None):
        self.tell = tell or (lambda trial: None)
        with contextlib.redirect_stdout(io.StringIO()), _quiet():
            try:
                super().__init__(oracle, hypermodel, directory=str(folder), project_name=PROJECT)
            except (KeyError, ValueError, RuntimeError) as error:
                raise UserError(
                    f"{Path(folder) / PROJECT}: KerasTuner's project there cannot be read ({error}); give another "
                    "--out, or --restart to throw it away"
                ) from error

    def run_trial(self, trial, verbose=0):
        hp, objective = trial.hyperparameters, self.oracle.objective
        try:
            found = self.hypermodel.fit(hp, self.hypermodel.build(hp), trial.trial_id)
        except Exception as error:
            fault = fault_of_the_machine(error)
            if fault is None:
                raise
            # Nothing is known of its settings: the trial stays open, and the search ends.
            raise _MachineFailed(
                f"trial {trial.trial_id}: {fault}; it does not count: cure that, and the same command tries it again"
            ) from error
        # Of several objectives KerasTuner's oracles see the sum, each with its sign.
        return found if objective.name in found else {**found, objective.name: objective.get_value(found)}

    def pre_create_trial(self):
        # While it has nothing to do the oracle is asked again and again.
        time.sleep(0.05)

    def on_trial_end(self, trial):
        with _quiet():
            super().on_trial_end(trial)
        self.tell(trial)

    def save(self):
        if isinstance(self.oracle, _Steady):
            self.oracle.save()
            _write_json(self._get_tuner_fname(), self.get_state())

    def search(self):
        """Runs trials until the oracle has no more."""
        with _quiet(), contextlib.redirect_stdout(io.StringIO()):
            super().search(verbose=0)


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def error_of(trial):
    """What made a trial fail, in a line, or None."""
    lines = [line for line in (trial.message or "").strip().splitlines() if line.strip()]
    if not lines:
        return None
    # Below the last frame of the traceback.
    frames = [number for number, line in enumerate(lines) if line.startswith("  ")]
    said = lines[min(max(frames, default=-1) + 1, len(lines) - 1)]
    return said.split(": ", 1)[-1] if said.startswith("keras_kd.utils.errors.") else said


# Several processes: KerasTuner's chief holds the oracle, workers ask it for trials.


def role():
    """ "chief", "worker" or None, by KerasTuner's environment variables."""
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return None
    for needed in ("KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"):
        if needed not in os.environ:
            raise UserError(f"KERASTUNER_ORACLE_IP is set and {needed} is not; set both, or use --chief and --worker")
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"


class Workers:
    """Which workers live: each renews a file of its own in the folder of the search.

    Args:
        folder: of the search, which all processes see.
        patience: seconds without a sign of life after which a worker counts as dead.
    """

    def __init__(self, folder, patience=30.0):
        self.folder, self.patience = Path(folder) / "workers", patience
        self._seen = {}

    @contextlib.contextmanager
    def alive(self, name):
        """Gives signs of life while the block runs."""
        file, ended = self.folder / name, threading.Event()
        claim(file)
        self.folder.mkdir(parents=True, exist_ok=True)

        def beat():
            while not ended.wait(HEARTBEAT):
                file.write_text(str(time.time()), encoding="utf-8")

        file.write_text(str(time.time()), encoding="utf-8")
        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            file.unlink(missing_ok=True)

    def is_dead(self, name):
        """Whether a worker has given no sign for too long; by this machine's clock alone."""
        try:
            said = (self.folder / name).read_text(encoding="utf-8")
        except OSError:
            said = None
        now = time.monotonic()
        if name not in self._seen or self._seen[name][0] != said:
            self._seen[name] = said, now
        return now - self._seen[name][1] > self.patience


def wait_for_chief(tell, seconds=300.0):
    """Returns when the chief can be reached; a worker may be begun before it.

    Args:
        tell: called with a line where it has to wait.
        seconds: after which it is an error.

    Raises:
        UserError: there is no chief.
    """
    host, port = os.environ["KERASTUNER_ORACLE_IP"], os.environ["KERASTUNER_ORACLE_PORT"]
    begun, told = time.monotonic(), False
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except OSError:
            if time.monotonic() - begun > seconds:
                raise UserError(
                    f"--worker: no chief answers at {host}:{port}; begin it with --chief {host}:{port}, unless its "
                    "search is done"
                ) from None
        if not told:
            tell(f"waiting for a chief at {host}:{port}, {seconds:.0f} s at most")
            told = True
        time.sleep(1)


def serve(tuner, workers, tell):
    """The chief: answers workers until all trials are done. Trials of workers that died are given to others.

    Args:
        tuner: the chief's `StudentTuner`.
        workers: `Workers`.
        tell: called with a line about what happened.
    """
    from concurrent import futures

    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    oracle = tuner.oracle
    oracle.workers = workers
    tuner.save()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    where = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    try:
        bound = server.add_insecure_port(where)
    except RuntimeError:
        bound = 0
    if not bound:
        raise UserError(f"--chief: {where} cannot be listened on; is it in use? Give another port")
    server.start()
    tell(f"chief at {where}: waiting for workers")
    reported = set()
    try:
        while not _is_done(oracle, servicer):
            time.sleep(0.5)
            for name in {*oracle.ongoing_trials, *oracle.tuner_ids}:
                if workers.is_dead(name):
                    trial = oracle.give_up(name)
                    what = f"; its trial {trial.trial_id} goes to another" if trial is not None else ""
                    tell(f"worker {name} gives no sign of life{what}")
            for key in [key for key in oracle.end_order if key not in reported]:
                reported.add(key)
                tuner.tell(oracle.trials[key])
    finally:
        server.stop(5).wait()


def _is_done(oracle, servicer):
    if oracle.ongoing_trials or oracle._retry_queue:
        return False
    ended = servicer.stop_triggered or len(oracle.trials) >= (oracle.max_trials or float("inf")) or oracle.over()
    return ended and not oracle.tuner_ids
