"""KerasTuner with students as trials: its hypermodel, its project folder."""

import contextlib
import io
import json
import os
import time
import warnings
from pathlib import Path

from keras_kd.utils.errors import MachineError, UserError
from keras_kd.utils.files import fault_of_the_machine
from keras_kd.utils.lazy import installed
from keras_kd.workflows.search.oracles import DeterministicOracle

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras_tuner
    from keras_tuner.engine.base_tuner import BaseTuner
    from keras_tuner.src import config

# It would print the traceback of every trial that fails; its error is in the table.
config.DEBUG = False

PROJECT = "tuner"


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


class StudentTuner(BaseTuner):
    """Runs trials, one after another, or as one of several workers, or has others run them (the chief).

    Args:
        oracle: of `oracle_of`.
        hypermodel: a `StudentHyperModel`.
        folder: of the search; KerasTuner's project is in it.
        log: called with each trial that ended.
    """

    def __init__(self, oracle, hypermodel, folder, log=None):
        self.log = log or (lambda trial: None)
        with contextlib.redirect_stdout(io.StringIO()), _quiet():
            try:
                super().__init__(oracle, hypermodel, directory=str(folder), project_name=PROJECT)
            except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
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
                f"trial {trial.trial_id}: {fault}; it does not count: fix that, and the same command tries it again"
            ) from error
        # Of several objectives KerasTuner's oracles see the sum, each with its sign.
        return found if objective.name in found else {**found, objective.name: objective.get_value(found)}

    def pre_create_trial(self):
        # While it has nothing to do the oracle is asked again and again.
        time.sleep(0.05)

    def on_trial_end(self, trial):
        with _quiet():
            super().on_trial_end(trial)
        self.log(trial)

    # Of the tuner itself there is nothing to keep, and whose turn it was, alone or chief, does not matter.

    def _get_tuner_fname(self):
        return os.path.join(self.project_dir, "oracle.json")

    def save(self):
        if isinstance(self.oracle, DeterministicOracle):
            self.oracle.save()

    def reload(self):
        self.oracle.reload()

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
