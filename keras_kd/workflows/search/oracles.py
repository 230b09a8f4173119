"""What chooses the trials of a search: KerasTuner's oracles, with all that they know in one file that is whole.

KerasTuner keeps a trial in a file of its own and the rest in `oracle.json`: a kill between the two leaves halves that
do not fit, and what some oracles know is in neither (keras-tuner#1055). Here `oracle.json` is the truth and changes at
once; the trials' own files are for people.
"""

import copy
import json
import os
import warnings

from keras_kd.utils.files import atomic_write

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras_tuner
    import numpy as np
    from keras_tuner.engine.trial import Trial

COMPLETED, FAILED, INVALID = "COMPLETED", "FAILED", "INVALID"
RUNNING, IDLE, STOPPED = "RUNNING", "IDLE", "STOPPED"


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


class DeterministicOracle:
    """What our oracles have in addition to KerasTuner's: a whole state, an end by time, dead workers' trials."""

    over = staticmethod(lambda: False)
    workers = None  # a `Workers`, where there are some
    # Whether trials that others were at go on with those, once an oracle is read again; else they are to be run.
    waits_for_others = False
    # What is said where there is nothing left to try, after how many trials.
    nothing_left = "no settings are left to be tried"
    exhausted = False

    def is_done(self):
        """Whether no trial is to begin, or to go on, any more: as many as are asked for have ended, or time is over."""
        ended = sum(one.status in (COMPLETED, FAILED) for one in list(self.trials.values()))
        return self.over() or (self.max_trials is not None and ended >= self.max_trials)

    def populate_space(self, trial_id):
        chosen = super().populate_space(trial_id)
        self.exhausted = chosen["status"] == STOPPED
        return chosen

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        if self.is_done() and tuner_id not in self.ongoing_trials:
            self.tuner_ids.discard(tuner_id)
            trial = Trial(hyperparameters=self.get_space(), trial_id="", status=STOPPED)
        else:
            trial = super().create_trial(tuner_id)
        if trial.status == STOPPED and self.workers is not None and self.ongoing_trials:
            # Another worker may die, and its trial is then for this one.
            trial.status = IDLE
            self.tuner_ids.add(tuner_id)
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial):
        if trial.trial_id in self.end_order:
            # Told twice: by a worker that was thought dead too, or since the answer to it was lost.
            return
        self._retry_queue = [key for key in self._retry_queue if key != trial.trial_id]
        super().end_trial(trial)

    @keras_tuner.synchronized
    def give_up(self, tuner_id):
        """Has the trial of a worker that died run by another one."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is not None:
            self._retry_queue.append(trial.trial_id)
            self.save()
        return trial

    # Its state.

    def get_state(self):
        trials = {key: {**one.get_state(), "hyperparameters": None} for key, one in self.trials.items()}
        for key, one in self.trials.items():
            trials[key]["values"] = one.hyperparameters.values
        return {**super().get_state(), "trials": trials}

    def save(self):
        _write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        _write_json(os.path.join(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state())

    def reload(self):
        """Reads the state again; what can be known of the trials themselves is derived from them."""
        with open(self._get_oracle_fname(), encoding="utf-8") as file:
            state = json.load(file)
        self.trials = self._trials_of(state)
        self.set_state({**state, "ongoing_trials": {}})
        self.start_order = [key for key in state["start_order"] if key in self.trials]
        self.start_order += [key for key in self.trials if key not in self.start_order]
        ended = [key for key in self.start_order if self.trials[key].status in (COMPLETED, FAILED)]
        self.end_order = [key for key in state["end_order"] if key in ended]
        self.end_order += [key for key in ended if key not in self.end_order]
        self._tried_so_far, self.tuner_ids = set(), set()
        self._id_to_hash.clear()
        for one in self.trials.values():
            self._record_values(one)
        running = [key for key in self.start_order if self.trials[key].status in (RUNNING, INVALID)]
        if self.waits_for_others:
            self.ongoing_trials = {
                name: self.trials[key] for name, key in state["ongoing_trials"].items() if key in running
            }
        theirs = [one.trial_id for one in self.ongoing_trials.values()]
        # The first of them is run first: KerasTuner takes the last.
        self._retry_queue = [key for key in reversed(running) if key not in theirs]

    def _trials_of(self, state):
        """{id: trial} of a state, in the order in which they began."""
        if "trials" not in state:
            return self._trials_of_an_earlier_version(state)
        found = {}
        for key, one in state["trials"].items():
            # KerasTuner makes objects of what it is given, in place.
            space = {**copy.deepcopy(state["hyperparameters"]), "values": one["values"]}
            found[key] = Trial.from_state({**one, "hyperparameters": space})
        return found

    def _trials_of_an_earlier_version(self, state):
        """The trials by their own files: what began and is not in the state is begun again, what ended has ended."""
        found = {}
        for name in sorted(os.listdir(self._project_dir)):
            path = os.path.join(self._project_dir, name, "trial.json")
            if name.startswith("trial_") and os.path.isfile(path):
                trial = Trial.load(path)
                if trial.trial_id in state["start_order"] or trial.status in (COMPLETED, FAILED):
                    found[trial.trial_id] = trial
        missing = [key for key in state["start_order"] if key not in found]
        if missing:
            raise KeyError(f"no trial_{missing[0]}/trial.json")
        order = {key: number for number, key in enumerate(state["start_order"])}
        return dict(sorted(found.items(), key=lambda one: order.get(one[0], len(order))))


def _write_json(path, value):
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value), encoding="utf-8")


class _Random(DeterministicOracle, keras_tuner.oracles.RandomSearchOracle):
    nothing_left = "draws find no settings any more that were not tried"


class _GridInOrder(keras_tuner.oracles.GridSearchOracle):
    """The combinations in KerasTuner's own order; the next one is the first that no trial has tried."""

    def populate_space(self, trial_id):
        space = self.get_space()
        values = {one.name: one.default for one in space.space if space.is_active(one)}
        while values is not None and self._duplicate(values):
            values = self._get_next_combination(values)
        return {"status": STOPPED if values is None else RUNNING, "values": values}


class _Grid(DeterministicOracle, _GridInOrder):
    nothing_left = "all combinations of the grid have been tried"


class _BayesianWithoutRepeats(keras_tuner.oracles.BayesianOptimizationOracle):
    """Where the settings that promise most have been tried already, others are drawn."""

    def populate_space(self, trial_id):
        chosen = super().populate_space(trial_id)
        if chosen["status"] == RUNNING and self._duplicate(chosen["values"]):
            return self._random_populate_space()
        return chosen

    def get_state(self):
        kind, numbers, *rest = self._random_state.get_state()
        return {**super().get_state(), "random_state": [kind, numbers.tolist(), *rest]}

    def set_state(self, state):
        super().set_state(state)
        if "random_state" in state:
            kind, numbers, *rest = state["random_state"]
            self._random_state = np.random.RandomState()
            self._random_state.set_state((kind, np.asarray(numbers, "uint32"), *rest))


class _Bayesian(DeterministicOracle, _BayesianWithoutRepeats):
    nothing_left = "draws find no settings any more that were not tried"


class _Hyperband(DeterministicOracle, keras_tuner.oracles.HyperbandOracle):
    nothing_left = "all rounds of hyperband have been run"
