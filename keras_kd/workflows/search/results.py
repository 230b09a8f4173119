"""The result of a search: the best trial, `search.json`, the page, the best recipe as a file, the winner trained."""

import json
import os
from datetime import date

import keras_kd
from keras_kd.recipe.folders import RunFolder, seed_folder
from keras_kd.recipe.load import load
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.report.search_page import page
from keras_kd.report.search_result import SearchResult
from keras_kd.utils.account import has_account, read_account
from keras_kd.utils.files import atomic_write
from keras_kd.utils.formatting import bare_percent
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.environment import environment, git_commit
from keras_kd.workflows.run.folder import differences, hold_run, is_run
from keras_kd.workflows.search.folder import hold_search
from keras_kd.workflows.search.space import settings_of
from keras_kd.workflows.search.tuner import decoded, error_of


def result_of(plan, oracle):
    """The `SearchResult`, without the winner.

    Args:
        plan: the `SearchPlan`.
        oracle: of the tuner, once all trials have ended.
    """
    trials = [_trial(plan, key, oracle.trials[key]) for key in oracle.start_order]
    done = [one for one in trials if one["status"] == "COMPLETED"]
    # A trial of fewer epochs, of hyperband, is no rival of one of all epochs.
    most = max((one["epochs"] for one in done), default=0)
    rivals = [one for one in done if one["epochs"] == most]
    front = pareto(rivals, plan.objectives)
    best = first(front, plan.objectives[0])
    return SearchResult(
        recipe=plan.name,
        file=str(plan.given.path),
        settings=list(plan.given.settings),
        date=date.today().isoformat(),
        tuner=plan.spec.tuner,
        objectives=dict(plan.objectives),
        judged_on=f"{done[0]['judged_on']} images set aside from the training images" if done else None,
        space={one.path: {one.kind: list(one.values), "sampling": one.sampling} for one in plan.space},
        trials=trials,
        counts={
            status.lower(): sum(one["status"] == status for one in trials)
            for status in ("COMPLETED", "FAILED", "INVALID", "RUNNING")
        },
        best=best and best["trial"],
        pareto=[one["trial"] for one in front] if len(plan.objectives) > 1 else None,
        seconds=_seconds(done),
        winner=None,
        environment=environment(),
        git_commit=git_commit(),
        version=keras_kd.__version__,
    )


def _trial(plan, key, trial):
    """What is kept of a trial; `key` is its id."""
    one = {"trial": key, "status": trial.status, "values": decoded(plan.space, trial.hyperparameters.values)}
    if trial.status != "COMPLETED":
        return {**one, "error": error_of(trial)}
    record = json.loads((plan.files.trials / key / "trial.json").read_text(encoding="utf-8"))
    figures = record.pop("figures")
    means = {label: sum(found) / len(found) for label, found in figures.items()}
    return {**one, **record, "objectives": means, "by_seed": figures}


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


def pareto(trials, objectives):
    """The trials that no other is at least as good as in all objectives, and better in one."""

    def goodness(one):
        return [one["objectives"][name] * (1 if way == "max" else -1) for name, way in objectives]

    def beats(one, other):
        mine, theirs = goodness(one), goodness(other)
        return all(a >= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs

    return [one for one in trials if not any(beats(other, one) for other in trials)]


def first(trials, objective):
    """The best by one objective; of equals the one that was tried first."""
    name, way = objective
    return max(trials, key=lambda one: one["objectives"][name] * (1 if way == "max" else -1), default=None)


def short(value):
    """A value as it stands in a line.

    Example:
        >>> short(0.123456), short("sgd"), short([1, 2])
        ('0.1235', 'sgd', '[1, 2]')
    """
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value) if not isinstance(value, str) else value


def train_winner(plan, search):
    """The reports of the best recipe, trained on all training images by its seeds and tested.

    A run of the winner of before, of the same search by its identity, makes room for it.

    Args:
        plan: the `SearchPlan`.
        search: the identity of the search.
    """
    files, name, spec, quiet = plan.files, plan.name, plan.spec, plan.quiet
    best = load(files.best(name))
    runs = []
    for number in range(spec.seeds):
        seeded = best.with_seed(best.seed + number)
        folder = seed_folder(files.path.parent / f"{name}.best", seeded.seed, best.seed)
        before, new = RunFolder(folder), not is_run(folder)
        ours = not new and has_account(folder) and _is_winner_of(files, read_account(folder), search)
        if new or ours:
            # First of all: killed while it trains, it is still known whose it is.
            _mark_as_winner(plan, before, seeded, search)
        other = ours and before.recipe.exists() and differences(load(before.recipe, notes=[]), seeded) != []
        report = run.distill(seeded, folder, name=f"{name}.best", quiet=quiet, restart=other)
        with hold_run(before) as kept:
            kept.keep("winner_of", search)
        runs.append(
            {
                "run": os.path.relpath(folder, files.path),
                "seed": seeded.seed,
                "top1": report.student.top1,
                "top5": report.student.top5,
                "agreement": report.fidelity.agreement if report.fidelity else None,
                "ece": report.calibration.ece,
                "seconds": report.time.seconds,
            }
        )
    return {"test_images": report.data.test, "runs": runs}


def _is_winner_of(files, account, search):
    """Whether a run, by its account, was made as the winner of a search."""
    winners = read_account(files.path)["kept"].get("winners") or []
    return account["kept"].get("winner_of") == search or account["identity"] in winners


def _mark_as_winner(plan, run_files, recipe, search):
    """Says in a run, and in the search, where it outlives a restart of the run, that it is of the winner."""
    with hold_run(run_files, recipe) as run_owned:
        run_owned.keep("winner_of", search)
    with hold_search(plan.files, plan.name, restart=False) as owned:
        owned.keep("winners", sorted({*(owned.kept("winners") or []), run_owned.identity}))


def write_result(plan, search):
    """Writes `search.json`, `search.html` and, where a trial was completed, the best recipe."""
    files = plan.files
    with atomic_write(files.result) as temporary:
        temporary.write_text(json.dumps(search.as_json(), indent=1), encoding="utf-8")
    with atomic_write(files.page) as temporary:
        temporary.write_text(page(search), encoding="utf-8")
    if search.best is not None:
        _write_recipe(plan, search)


def _write_recipe(plan, search):
    """The best recipe as a file, its evidence above it."""
    given, name, path = plan.given, plan.name, plan.files.best(plan.name)
    trial = search.best_trial
    recipe = load(given.path, [*given.settings, *settings_of(trial.values, given)], smoke=given.smoke)
    figures = ", ".join(f"{label} {value:.4f}" for label, value in trial.objectives.items())
    chosen = ", ".join(f"{key} {short(value)}" for key, value in trial.values.items())
    ranges = ", ".join(f"{one.path} {_range(one)}" for one in plan.space)
    lines = [
        f"# {name} as a search left it: trial {trial.trial} of {len(search.trials)} by {search.tuner}.",
        f"# Chosen: {chosen}.",
        f"# Tried: {ranges}.",
        f"# Evidence: {figures} on {search.judged_on}, mean of {len(next(iter(trial.by_seed.values())))} seed(s).",
    ]
    if search.winner:
        tops = ", ".join(f"{bare_percent(one['top1'])} (seed {one['seed']})" for one in search.winner.runs)
        lines.append(
            f"# Then trained on all training images: top-1 {tops} on {search.winner.test_images} test images; "
            "a student alone was not trained next to it."
        )
    body = write_yaml(_brief(recipe, path.parent))
    with atomic_write(path) as temporary:
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
    return " | ".join(short(value) for value in setting.values)
