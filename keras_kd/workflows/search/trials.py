"""The trials of a search, run alone, as the chief of workers or as a worker: each trains its students and is judged."""

import gc
import json
import os
import time

from keras_kd.utils.errors import UserError
from keras_kd.utils.file_names import file_name, plain_name
from keras_kd.utils.files import atomic_write
from keras_kd.utils.formatting import duration, plural
from keras_kd.utils.ownership import joined, within
from keras_kd.utils.steps import step
from keras_kd.workflows.run.context import RunContext
from keras_kd.workflows.run.distill import trained_teacher
from keras_kd.workflows.run.dry_run import about_data, dry_run
from keras_kd.workflows.run.folder import same_inputs
from keras_kd.workflows.run.inputs import inputs_of
from keras_kd.workflows.run.missing import must_train_first
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.rehearse import is_own
from keras_kd.workflows.run.trial import trial
from keras_kd.workflows.search.folder import KIND
from keras_kd.workflows.search.oracles import COMPLETED, FAILED, INVALID, oracle_of
from keras_kd.workflows.search.results import short
from keras_kd.workflows.search.tuner import StudentHyperModel, StudentTuner, decoded, error_of
from keras_kd.workflows.search.workers import PatientClient, Workers, serve, wait_for_chief


class Trials:
    """The trials of a search: what they have in common is loaded once.

    Args:
        plan: the `SearchPlan`.
        owned: as which the folder of the search is held; None in a worker.
    """

    def __init__(self, plan, owned=None):
        self.plan, self.files, self.spec, self.owned = plan, plan.files, plan.spec, owned
        self.dataset, self.teachers, self.tuner = None, {}, None
        self.begun, self.ended = time.monotonic(), 0
        self.best = None

    # Its three parts: alone, chief, worker.

    def _tuner(self, waits_for_others=False):
        spec = self.spec
        oracle = oracle_of(spec, self.plan.objectives, self.plan.recipe.fit.epochs)
        oracle.waits_for_others = waits_for_others
        self.spent_before = _seconds_before(self.files)
        if spec.hours is not None:
            oracle.over = lambda: self.spent_before + time.monotonic() - self.begun > 3600 * spec.hours
        tuner = StudentTuner(oracle, StudentHyperModel(self.plan.space, self.train), self.files.path, self._told)
        # More may be asked for than when the project was made.
        oracle.max_trials = spec.trials
        self.tuner, self.best = tuner, self._best_of(tuner.oracle)
        return tuner

    def alone(self):
        """Runs all trials in this process."""
        tuner = self._tuner()
        there = f", {len(tuner.oracle.end_order)} of them there already" if tuner.oracle.end_order else ""
        settings = ", ".join(one.path for one in self.plan.space)
        self.plan.log(f"{self.spec.trials} trials of {settings} by {self.spec.tuner}{there}; data and teacher first")
        self._begin()
        try:
            with within(self.owned):
                tuner.search()
        finally:
            self._spend()
        self._say_if_exhausted()

    def as_chief(self, patience):
        """Has workers run the trials; one that gives no sign of life for `patience` seconds counts as dead."""
        step("the trials of its workers", tell=False)
        # Workers that live are still at the trials that they had of a chief that was killed.
        tuner = self._tuner(waits_for_others=True)
        self.plan.log(f"{self.spec.trials} trials at most, by {self.spec.tuner}")
        try:
            serve(tuner, Workers(self.files.path, patience), self.plan.log)
        finally:
            self._spend()
        self._say_if_exhausted()

    def as_worker(self):
        """Runs trials for the chief until there are no more."""
        name = plain_name(os.environ["KERASTUNER_TUNER_ID"], "KERASTUNER_TUNER_ID")
        self._begin()
        wait_for_chief(self.plan.log)
        with joined(self.files.path, KIND) as owned, within(owned), Workers(self.files.path).alive(name):
            tuner = StudentTuner(
                oracle_of(self.spec, self.plan.objectives, self.plan.recipe.fit.epochs),
                StudentHyperModel(self.plan.space, self.train),
                self.files.path / "workers" / f"{name}.project",
                lambda trial: self.plan.log(f"worker {name}: trial {trial.trial_id} {trial.status.lower()}"),
            )
            tuner.oracle = PatientClient(tuner.oracle, self.plan.log)
            tuner.search()

    def _best_of(self, oracle):
        """The best figure of the trials that are there already, or None."""
        name, direction = self.plan.objectives[0]
        ended = [one for one in oracle.trials.values() if one.status == COMPLETED and one.metrics.exists(name)]
        figures = [one.metrics.get_best_value(name) for one in ended]
        return (max if direction == "max" else min)((one for one in figures if one is not None), default=None)

    def _say_if_exhausted(self):
        oracle = self.tuner.oracle
        if oracle.exhausted and len(oracle.trials) < self.spec.trials:
            done = f"{plural(len(oracle.trials), 'trial')} of the {self.spec.trials} that search.trials asks for"
            self.plan.log(f"{oracle.nothing_left}: {done}")

    def _begin(self):
        """What all trials have in common: data, and the teacher, trained if its run is missing."""
        recipe, held_out, smoke = self.plan.recipe, self.plan.held_out, self.plan.given.smoke
        step("data and teacher", tell=False)
        if is_own(recipe.student) or must_train_first(held_out, self.files.path, smoke):
            # What does not fit is found before hours go into a teacher, or into trials.
            dry_run(held_out, about_data(held_out), smoke, quiet=self.plan.quiet)
        self.dataset = load_data(held_out)
        if self.owned is not None:
            now = inputs_of(recipe, self.files.path, smoke, self.dataset)
            same_inputs(self.owned, now)
            self.owned.keep("inputs", {**now, **(self.owned.kept("inputs") or {})})
        self._teacher(held_out)
        if self.owned is not None:
            self.plan.check(RunContext(held_out, self.dataset, self.files, self.plan.name, self.plan.quiet))

    def _teacher(self, recipe):
        key = json.dumps([recipe.dump()["teacher"], recipe.generations], sort_keys=True)
        if key not in self.teachers:
            self.teachers[key] = trained_teacher(recipe, self.dataset, self.files.path, smoke=self.plan.given.smoke)
        return self.teachers[key]

    # A trial.

    def train(self, trial_id, values, tuners_own):
        """Trains the students of a trial, one per seed; returns {objective: mean}."""
        step(f"trial {trial_id}", tell=False)
        recipe = self.plan.recipe_of(values)
        teacher = self._teacher(recipe)
        folder, reports = self.files.trials / file_name(trial_id), []
        epochs = tuners_own.get("tuner/epochs")
        figures = self._figures_of_before(folder, values, epochs)
        if figures is not None:
            return figures
        for number in range(self.spec.seeds):
            seeded = recipe.with_seed(recipe.seed + number)
            before = tuners_own.get("tuner/trial_id")
            reports.append(
                trial(
                    seeded,
                    self.dataset,
                    teacher,
                    folder / f"seed{seeded.seed}",
                    name=f"trial {trial_id}",
                    epochs=epochs,
                    begin_from=self.files.trials / file_name(before) / f"seed{seeded.seed}" if before else None,
                    home_folder=self.files.path,
                )
            )
            gc.collect()
        figures = {name: [_figure(one, name) for one in reports] for name, _ in self.plan.objectives}
        self._keep(folder, values, figures, reports, epochs or recipe.fit.epochs)
        return _means(figures)

    def _figures_of_before(self, folder, values, epochs):
        """{objective: mean} of a trial that had ended when the search was killed, or None."""
        try:
            record = json.loads((folder / "trial.json").read_text(encoding="utf-8"))
            asked = json.loads(json.dumps([values, epochs or self.plan.recipe.fit.epochs]))
            if [record["values"], record["epochs"]] != asked:
                return None
            return _means({name: record["figures"][name] for name, _ in self.plan.objectives})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, folder, values, figures, reports, epochs):
        """Writes what is known of a trial that has ended; of its epochs some may have been left out early."""
        seconds = [one.time.seconds for one in reports]
        record = {
            "values": values,
            "figures": figures,
            "epochs": epochs,
            "seconds": {
                "student": round(sum(one["student"] for one in seconds), 3),
                "teacher": round(sum(one["teacher"] for one in seconds), 3),
            },
            "teacher_views": sum((one.bank or {}).get("computed_by_this_run", 0) for one in reports),
            "judged_on": len(self.dataset.validation),
            "shown": sum(len(self.dataset.train) * one.epochs for one in reports),
            "banked": all(one.bank for one in reports),
            "worker": os.environ.get("KERASTUNER_TUNER_ID"),
        }
        with atomic_write(folder / "trial.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")

    # What a person sees.

    def _told(self, trial):
        """A row of the table of trials, as each ends."""
        plan = self.plan
        if not self.ended:
            columns = [*(name for name, _ in plan.objectives), *(one.path for one in plan.space)]
            plan.log(" | ".join(["trial", *columns, "time left"]))
        self.ended += 1
        if self.owned is not None:
            self._spend()
        values = decoded(plan.space, trial.hyperparameters.values)
        shown = [short(values.get(one.path, "-")) for one in plan.space]
        if trial.status == COMPLETED:
            figures = [trial.metrics.get_best_value(name) for name, _ in plan.objectives]
            name, direction = plan.objectives[0]
            better = self.best is None or (figures[0] > self.best) == (direction == "max") and figures[0] != self.best
            self.best = figures[0] if better else self.best
            cells = [f"{one:.4f}{'*' if better and not number else ''}" for number, one in enumerate(figures)]
        else:
            cells = [f"failed: {error_of(trial)}"]
        done = len([one for one in self.tuner.oracle.trials.values() if one.status in (COMPLETED, FAILED, INVALID)])
        left = max(0, self.spec.trials - done) * (time.monotonic() - self.begun) / self.ended
        plan.log(" | ".join([f"{trial.trial_id} ({done}/{self.spec.trials})", *cells, *shown, duration(left)]))

    def _spend(self):
        """Keeps the time that the search has taken, for its budget of hours; after each trial, as a kill may come."""
        seconds = self.spent_before + time.monotonic() - self.begun
        with atomic_write(self.files.path / "seconds.json") as temporary:
            temporary.write_text(json.dumps(round(seconds, 3)), encoding="utf-8")


def _means(figures):
    return {name: sum(found) / len(found) for name, found in figures.items()}


def _seconds_before(files):
    try:
        return float(json.loads((files.path / "seconds.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 0.0


def _figure(report, name):
    """A figure of a trial's report, by its path."""
    if name.startswith("val_"):
        value = report.history.get(name)
    else:
        value = report.as_json()
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"search.objective: the report has no figure {name!r}; report.json of a run shows them all")
    return float(value)
