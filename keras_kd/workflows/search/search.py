"""Searching the settings of a recipe: trials on images set aside, one bank for all, the winner trained again."""

import contextlib
import gc
import json
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import NamedTuple

import yaml

import keras_kd
from keras_kd.recipe.load import load
from keras_kd.recipe.schema import SearchSpec
from keras_kd.report.search_page import page
from keras_kd.report.soundness import changed_in
from keras_kd.utils.account import CHANGED, changes, has_account, read_account
from keras_kd.utils.errors import UserError
from keras_kd.utils.file_names import file_name, plain_name
from keras_kd.utils.files import whole
from keras_kd.utils.ownership import held as hold
from keras_kd.utils.ownership import joined, within
from keras_kd.utils.progress import duration
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.dry_run import about_data, rehearse
from keras_kd.workflows.run.environment import environment, git_commit
from keras_kd.workflows.run.folder import RunFolder, differences, hold_run, is_run, no_banks_here, same_inputs
from keras_kd.workflows.run.folder import of_earlier_version as of_earlier_run
from keras_kd.workflows.run.inputs import inputs_of, same_teachers
from keras_kd.workflows.search.space import Given, recipe_with, settings_of, space_of
from keras_kd.workflows.search.tuner import (
    StudentHyperModel,
    StudentTuner,
    Workers,
    check_installed,
    decoded,
    error_of,
    oracle_of,
    role,
    serve,
    wait_for_chief,
)

# The figures that one would search by, and which way is better.
DIRECTIONS = {
    "val_accuracy": "max",
    "val_loss": "min",
    "student.top1": "max",
    "student.top5": "max",
    "calibration.ece": "min",
    "calibration.nll": "min",
    "calibration.brier": "min",
    "fidelity.agreement": "max",
    "fidelity.kl": "min",
    "cost.parameters": "min",
    "cost.macs": "min",
    "cost.file_bytes": "min",
    "time.seconds.training": "min",
}


class SearchFolder(NamedTuple):
    """The files of a search."""

    path: Path

    trials = property(lambda self: self.path / "trials")
    result = property(lambda self: self.path / "search.json")
    page = property(lambda self: self.path / "search.html")
    settled = property(lambda self: self.path / "search.yaml")

    def best(self, name):
        """The recipe that won."""
        return self.path / f"{file_name(name)}.best.yaml"


KIND = "search"


def _held(files, name, restart):
    """The folder of a search, held; see `keras_kd.utils.ownership.held`."""
    names = ["search.json", "search.html", "search.yaml", "seconds.json", files.best(name).name]
    names += ["tuner/oracle.json", "tuner/tuner0.json"]
    return hold(files.path, KIND, names=names, earlier=of_earlier_version, restart=restart)


def of_earlier_version(folder):
    """The names of what an earlier version of keras_kd made in the folder of a search; None where it made none."""
    try:
        said = yaml.safe_load((folder / "search.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(said, dict) or "search" not in said or not (folder / "tuner").is_dir():
        return None
    own = ("search.*", "seconds.json", "*.best.yaml", "tuner/*.json", "tuner/trial_*/trial.json", "trials/*/trial.json")
    found = [path for pattern in own for path in sorted(folder.glob(pattern))]
    names = [path.relative_to(folder).as_posix() for path in found if path.is_file() and not path.is_symlink()]
    for trial in sorted(folder.glob("trials/*/seed*")):
        place = trial.relative_to(folder).as_posix()
        names += [f"{place}/{name}" for name in of_earlier_run(trial) or ()]
    return names


def _begin_again(owned, recipe, smoke):
    """Throws away what a search made, once it is seen that it can be begun again."""
    rehearse(recipe, about_data(recipe), smoke)
    run.load_data(recipe)
    left = owned.empty()
    if left:
        said = f"{owned.folder}: not made by keras-kd, and left as it is: {', '.join(left)}"
        print(said, file=sys.stderr, flush=True)


def _unchanged(owned):
    """Refuses to go on with trials that are not as they were written; what is made of them is made again anyway."""
    found = [name for name, state in changes(owned.folder).items() if state == CHANGED]
    lost = [name for name in found if name.startswith(("tuner/", "trials/")) or name == "search.yaml"]
    for trial in sorted((owned.folder / "trials").glob("*/seed*")):
        lost += [f"{trial.relative_to(owned.folder).as_posix()}/{name}" for name in changed_in(trial)]
    if lost:
        raise UserError(
            f"{owned.folder / lost[0]}: is not as it was written (damaged, or changed by somebody); put it back, or "
            "begin again with --restart"
        )


def search(path, folder, *, name, settings=(), smoke=False, restart=False, quiet=False, winner=True, patience=30.0):
    """Runs a search to its end: trials, the best recipe as a file, its student trained on all images and tested.

    The same call goes on with a search that was killed. As a worker (by KerasTuner's environment variables) it runs
    trials for the chief and returns None.

    Args:
        path: of the recipe.
        folder: of the search; the runs of teachers and of the winner, and the banks, lie beside it.
        name: of the recipe.
        settings: overrides "path=value".
        smoke: shrinks the recipe, and the search to two trials.
        restart: throws away what is in the folder.
        quiet: no progress.
        winner: trains the best recipe again and tests it.
        patience: of a chief: seconds without a sign of life after which a worker counts as dead.

    Returns:
        What `search.json` holds.

    Raises:
        UserError: what the user can cure, found before the first trial where it can be.
    """
    files, given = SearchFolder(Path(folder)), Given(str(path), tuple(settings), smoke)
    recipe = load(path, settings, smoke=smoke)
    spec = recipe.search or SearchSpec()
    if smoke:
        spec = spec.model_copy(update={"trials": min(spec.trials, 2), "seeds": 1})
    objectives = _objectives(spec)
    check_installed(spec.tuner)
    space = space_of(recipe, given)
    held_out = _with_images_aside(recipe, spec)
    tell = (lambda line: None) if quiet else (lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True))
    part = role()
    if part == "worker":
        _Work(files, given, recipe, held_out, spec, objectives, space, tell).as_worker()
        return None
    no_banks_here(files.path)
    with _held(files, name, restart=restart) as owned:
        if restart:
            _begin_again(owned, held_out, smoke)
        _same_search(files, recipe, spec, space)
        _unchanged(owned)
        same_inputs(owned, inputs_of(recipe, files.path, smoke))
        same_teachers(recipe, files.path, smoke)
        work = _Work(files, given, recipe, held_out, spec, objectives, space, tell, owned)
        if part == "chief":
            work.as_chief(patience)
        else:
            work.alone()
        found = work.result(name)
        _write(files, found)
        best = found["best"]
        if best is None:
            return found
        _write_recipe(files.best(name), found, space, given, name)
    if winner:
        found["winner"] = _winner(files, name, spec, quiet, owned.identity)
        with _held(files, name, restart=False):
            _write(files, found)
            _write_recipe(files.best(name), found, space, given, name)
    return found


def _objectives(spec):
    """[(name, direction)]."""
    found = []
    for one in spec.objective:
        direction = one.direction or DIRECTIONS.get(one.name)
        if direction is None:
            raise UserError(
                f"search.objective: which way is {one.name} better? Give {{name: {one.name}, direction: max}}, or min; "
                f"known are {', '.join(DIRECTIONS)}"
            )
        found.append((one.name, direction))
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        raise UserError(f"search.objective: found {names[0]} twice; keep one")
    return found


def _with_images_aside(recipe, spec):
    """The recipe with images set aside to judge trials by: those of `data.validation`, else of the search."""
    if recipe.data.validation:
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"validation": spec.validation})})


def _same_search(files, recipe, spec, space):
    """Refuses a folder with a search of something else; more trials or hours may be asked for."""
    plain = recipe.dump()
    searched = {key: value for key, value in spec.model_dump(mode="json").items() if key not in ("trials", "hours")}
    searched["space"] = [[one.path, one.kind, list(one.values), one.sampling, one.step] for one in space]
    now = {
        "recipe": {key: value for key, value in plain.items() if key not in ("export", "search")},
        "search": searched,
    }
    now = json.loads(json.dumps(now))
    if files.settled.exists():
        with contextlib.suppress(yaml.YAMLError, OSError):
            if yaml.safe_load(files.settled.read_text(encoding="utf-8")) == now:
                return
        raise UserError(
            f"{files.path}: holds a search of other settings; give another --out, or --restart to throw it away"
        )
    with whole(files.settled) as temporary:
        temporary.write_text(yaml.safe_dump(now, sort_keys=False), encoding="utf-8")


class _Work:
    """The trials of a search: what they have in common is loaded once."""

    def __init__(self, files, given, recipe, held, spec, objectives, space, tell, owned=None):
        self.files, self.given, self.recipe, self.held, self.tell = files, given, recipe, held, tell
        self.owned = owned
        self.spec, self.objectives, self.space = spec, objectives, space
        self.dataset, self.teachers = None, {}
        self.begun, self.ended = time.monotonic(), 0
        self.best = None

    # Its three parts: alone, chief, worker.

    def _tuner(self):
        spec = self.spec
        oracle = oracle_of(spec, self.objectives, self.recipe.fit.epochs)
        self.spent_before = _seconds_before(self.files)
        if spec.hours is not None:
            oracle.over = lambda: self.spent_before + time.monotonic() - self.begun > 3600 * spec.hours
        tuner = StudentTuner(oracle, StudentHyperModel(self.space, self.train), self.files.path, self._told)
        # More may be asked for than when the project was made.
        oracle.max_trials = spec.trials
        self.tuner = tuner
        return tuner

    def alone(self):
        tuner = self._tuner()
        self._begin()
        try:
            with within(self.owned):
                tuner.search()
        finally:
            self._spend()

    def as_chief(self, patience):
        tuner = self._tuner()
        self.tell(f"{self.spec.trials} trials at most, by {self.spec.tuner}")
        try:
            serve(tuner, Workers(self.files.path, patience), self.tell)
        finally:
            self._spend()

    def as_worker(self):
        name = plain_name(os.environ["KERASTUNER_TUNER_ID"], "KERASTUNER_TUNER_ID")
        self._begin()
        wait_for_chief(self.tell)
        with joined(self.files.path, KIND) as owned, within(owned), Workers(self.files.path).alive(name):
            tuner = StudentTuner(
                oracle_of(self.spec, self.objectives, self.recipe.fit.epochs),
                StudentHyperModel(self.space, self.train),
                self.files.path / "workers" / f"{name}.project",
                lambda trial: self.tell(f"worker {name}: trial {trial.trial_id} {trial.status.lower()}"),
            )
            tuner.search()

    def _begin(self):
        """What all trials have in common: data, and the teacher, trained if its run is missing."""
        if run.must_train_first(self.held, self.files.path, self.given.smoke):
            # What does not fit is found before hours go into a teacher.
            rehearse(self.held, about_data(self.held), self.given.smoke)
        self.dataset = run.load_data(self.held)
        if self.owned is not None:
            now = inputs_of(self.recipe, self.files.path, self.given.smoke, self.dataset)
            same_inputs(self.owned, now)
            self.owned.keep("inputs", {**now, **(self.owned.kept("inputs") or {})})
        self._teacher(self.held)

    def _teacher(self, recipe):
        key = json.dumps([recipe.dump()["teacher"], recipe.generations], sort_keys=True)
        if key not in self.teachers:
            self.teachers[key] = run.load_teacher(recipe, self.dataset, self.files.path, smoke=self.given.smoke)
        return self.teachers[key]

    # A trial.

    def train(self, trial_id, values, tuners_own):
        """Trains the students of a trial, one a seed; returns {objective: mean}."""
        recipe = _with_images_aside(recipe_with(values, self.given), self.spec)
        teacher = self._teacher(recipe)
        folder, reports = self.files.trials / file_name(trial_id), []
        for number in range(self.spec.seeds):
            seeded = recipe.with_seed(recipe.seed + number)
            before = tuners_own.get("tuner/trial_id")
            reports.append(
                run.trial(
                    seeded,
                    self.dataset,
                    teacher,
                    folder / f"seed{seeded.seed}",
                    name=f"trial {trial_id}",
                    epochs=tuners_own.get("tuner/epochs"),
                    begin_from=self.files.trials / file_name(before) / f"seed{seeded.seed}" if before else None,
                    home_folder=self.files.path,
                )
            )
            gc.collect()
        figures = {name: [_figure(one, name) for one in reports] for name, _ in self.objectives}
        seconds = [one["time"]["seconds"] for one in reports]
        record = {
            "values": values,
            "figures": figures,
            "epochs": reports[0]["epochs"],
            "seconds": {
                "student": round(sum(one["student"] for one in seconds), 3),
                "teacher": round(sum(one["teacher"] for one in seconds), 3),
            },
            "teacher_views": sum((one["bank"] or {}).get("computed_by_this_run", 0) for one in reports),
            "judged_on": len(self.dataset.validation),
            "shown": sum(len(self.dataset.train) * one["epochs"] for one in reports),
            "banked": all(one["bank"] for one in reports),
            "worker": os.environ.get("KERASTUNER_TUNER_ID"),
        }
        with whole(folder / "trial.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
        return {name: sum(found) / len(found) for name, found in figures.items()}

    # What a person sees.

    def _told(self, trial):
        """A row of the table of trials, as each ends."""
        if not self.ended:
            self.tell(
                " | ".join(
                    ["trial", *(name for name, _ in self.objectives), *(one.path for one in self.space), "time left"]
                )
            )
        self.ended += 1
        if self.owned is not None:
            self._spend()
        values = decoded(self.space, trial.hyperparameters.values)
        shown = [_short(values.get(one.path, "-")) for one in self.space]
        if trial.status == "COMPLETED":
            figures = [trial.metrics.get_best_value(name) for name, _ in self.objectives]
            name, direction = self.objectives[0]
            better = self.best is None or (figures[0] > self.best) == (direction == "max") and figures[0] != self.best
            self.best = figures[0] if better else self.best
            cells = [f"{one:.4f}{'*' if better and not number else ''}" for number, one in enumerate(figures)]
        else:
            cells = [f"failed: {error_of(trial)}"]
        done = len(
            [one for one in self.tuner.oracle.trials.values() if one.status in ("COMPLETED", "FAILED", "INVALID")]
        )
        left = max(0, self.spec.trials - done) * (time.monotonic() - self.begun) / self.ended
        self.tell(" | ".join([f"{trial.trial_id} ({done}/{self.spec.trials})", *cells, *shown, duration(left)]))

    def _spend(self):
        """Keeps the time that the search has taken, for its budget of hours; after each trial, as a kill may come."""
        seconds = self.spent_before + time.monotonic() - self.begun
        with whole(self.files.path / "seconds.json") as temporary:
            temporary.write_text(json.dumps(round(seconds, 3)), encoding="utf-8")

    # The result.

    def result(self, name):
        """What `search.json` holds, without the winner."""
        oracle, trials = self.tuner.oracle, []
        for key in oracle.start_order:
            trial = oracle.trials[key]
            one = {"trial": key, "status": trial.status, "values": decoded(self.space, trial.hyperparameters.values)}
            file = self.files.trials / key / "trial.json"
            if trial.status == "COMPLETED":
                record = json.loads(file.read_text(encoding="utf-8"))
                figures = record.pop("figures")
                one.update(record)
                one["objectives"] = {label: sum(found) / len(found) for label, found in figures.items()}
                one["by_seed"] = figures
            else:
                one["error"] = error_of(trial)
            trials.append(one)
        done = [one for one in trials if one["status"] == "COMPLETED"]
        # A trial of fewer epochs, of hyperband, is no rival of one of all epochs.
        most = max((one["epochs"] for one in done), default=0)
        rivals = [one for one in done if one["epochs"] == most]
        front = _pareto(rivals, self.objectives)
        best = _first(front, self.objectives[0])
        return {
            "recipe": name,
            "file": str(self.given.path),
            "settings": list(self.given.settings),
            "date": date.today().isoformat(),
            "tuner": self.spec.tuner,
            "objectives": dict(self.objectives),
            "judged_on": f"{done[0]['judged_on']} images set aside from the training images" if done else None,
            "space": {one.path: {one.kind: list(one.values), "sampling": one.sampling} for one in self.space},
            "trials": trials,
            "counts": {
                status.lower(): sum(one["status"] == status for one in trials)
                for status in ("COMPLETED", "FAILED", "INVALID", "RUNNING")
            },
            "best": best and best["trial"],
            "pareto": [one["trial"] for one in front] if len(self.objectives) > 1 else None,
            "seconds": _seconds(done),
            "winner": None,
            "environment": environment(),
            "git_commit": git_commit(),
            "version": keras_kd.__version__,
        }


def _seconds_before(files):
    try:
        return float(json.loads((files.path / "seconds.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 0.0


def _seconds(done):
    """Teacher's and students' seconds, and what a live teacher would have taken at the bank's own price a view."""
    teacher = sum(one["seconds"]["teacher"] for one in done)
    views, shown = sum(one["teacher_views"] for one in done), sum(one["shown"] for one in done)
    live = teacher / views * shown if views and all(one["banked"] for one in done) else None
    return {
        "students": round(sum(one["seconds"]["student"] for one in done), 1),
        "teacher": round(teacher, 1),
        "teacher_if_live": None if live is None else round(live, 1),
        "views_asked": views,
        "views_shown": shown,
    }


def _figure(found, name):
    """A figure of a trial's report, by its path."""
    if name.startswith("val_"):
        value = found["history"].get(name)
    else:
        value = found
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"search.objective: the report has no figure {name!r}; report.json of a run shows them all")
    return float(value)


def _pareto(trials, objectives):
    """The trials that no other is at least as good as in all objectives, and better in one."""

    def goodness(one):
        return [one["objectives"][name] * (1 if way == "max" else -1) for name, way in objectives]

    def beats(one, other):
        mine, theirs = goodness(one), goodness(other)
        return all(a >= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs

    return [one for one in trials if not any(beats(other, one) for other in trials)]


def _first(trials, objective):
    """The best by one objective; of equals the one that was tried first."""
    name, way = objective
    return max(trials, key=lambda one: one["objectives"][name] * (1 if way == "max" else -1), default=None)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value) if not isinstance(value, str) else value


def _winner(files, name, spec, quiet, search):
    """The reports of the best recipe, trained on all training images by its seeds and tested.

    A run of the winner of before, of the same search by its identity, makes room for it.
    """
    best = load(files.best(name))
    runs = []
    for number in range(spec.seeds):
        seeded = best.with_seed(best.seed + number)
        folder = files.path.parent / f"{name}.best{f'-seed{seeded.seed}' if number else ''}"
        before = RunFolder(folder)
        ours = is_run(folder) and has_account(folder) and read_account(folder)["kept"].get("winner_of") == search
        other = ours and before.recipe.exists() and differences(load(before.recipe, notes=[]), seeded) != []
        found = run.distill(seeded, folder, name=f"{name}.best", quiet=quiet, restart=other)
        with hold_run(before) as kept:
            kept.keep("winner_of", search)
        runs.append(
            {
                "run": os.path.relpath(folder, files.path),
                "seed": seeded.seed,
                "top1": found["student"]["top1"],
                "top5": found["student"]["top5"],
                "agreement": (found["fidelity"] or {}).get("agreement"),
                "ece": found["calibration"]["ece"],
                "seconds": found["time"]["seconds"],
            }
        )
    return {"test_images": found["data"]["test"], "runs": runs}


def _write(files, found):
    with whole(files.result) as temporary:
        temporary.write_text(json.dumps(found, indent=1), encoding="utf-8")
    with whole(files.page) as temporary:
        temporary.write_text(page(found), encoding="utf-8")


def _write_recipe(path, found, space, given, name):
    """The best recipe as a file, its evidence above it."""
    trial = next(one for one in found["trials"] if one["trial"] == found["best"])
    recipe = load(given.path, [*given.settings, *settings_of(trial["values"], given)], smoke=given.smoke)
    figures = ", ".join(f"{label} {value:.4f}" for label, value in trial["objectives"].items())
    chosen = ", ".join(f"{key} {_short(value)}" for key, value in trial["values"].items())
    ranges = ", ".join(f"{one.path} {_range(one)}" for one in space)
    lines = [
        f"# {name} as a search left it: trial {trial['trial']} of {len(found['trials'])} by {found['tuner']}.",
        f"# Chosen: {chosen}.",
        f"# Tried: {ranges}.",
        f"# Evidence: {figures} on {found['judged_on']}, mean of {len(next(iter(trial['by_seed'].values())))} seed(s).",
    ]
    if found["winner"]:
        tops = ", ".join(f"{100 * one['top1']:.2f} (seed {one['seed']})" for one in found["winner"]["runs"])
        lines.append(
            f"# Then trained on all training images: top-1 {tops} on {found['winner']['test_images']} test images; "
            "a student alone was not trained beside it."
        )
    body = yaml.safe_dump(_brief(recipe, path.parent), sort_keys=False, default_flow_style=None, width=100)
    with whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n" + body, encoding="utf-8")


def _brief(recipe, folder):
    """The recipe as one would write it: without defaults, and without the search."""
    plain = recipe.model_copy(update={"search": None}).dump(folder, brief=True)
    for key, field in (("teacher", "model"), ("student", "model"), ("bank", "mode")):
        if isinstance(plain.get(key), dict) and list(plain[key]) == [field]:
            plain[key] = plain[key][field]
    return plain


def _range(setting):
    if setting.kind in ("float", "int"):
        low, high = setting.values
        return f"{low:g}..{high:g}{'' if setting.sampling == 'linear' else f' ({setting.sampling})'}"
    return " | ".join(_short(value) for value in setting.values)
