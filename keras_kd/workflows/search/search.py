"""Searching the settings of a recipe: trials on images set aside, one bank for all, the winner trained again."""

from pathlib import Path

from keras_kd.utils.formatting import plural
from keras_kd.utils.stages import stage, timed
from keras_kd.utils.steps import telling
from keras_kd.workflows.doctor.start import StartChecks
from keras_kd.workflows.restart import empty_folder
from keras_kd.workflows.run.dry_run import about_data, dry_run
from keras_kd.workflows.run.folder import no_banks_here, same_inputs
from keras_kd.workflows.run.inputs import inputs_of, same_teachers
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.spent import SPENT, keep_spent, keep_spent_unheld
from keras_kd.workflows.search.folder import SearchFolder, hold_search, refuse_changed_trials, refuse_other_search
from keras_kd.workflows.search.plan import plan_of
from keras_kd.workflows.search.results import result_of, train_winner, write_result
from keras_kd.workflows.search.space import SearchInput
from keras_kd.workflows.search.trials import Trials
from keras_kd.workflows.search.workers import role


def search(
    path, folder, *, name, settings=(), smoke=False, restart=False, quiet=False, winner=True, patience=30.0, despite=()
):
    """Runs a search to its end: trials, the best recipe as a file, its student trained on all images and tested.

    The same call resumes a search that was killed. As a worker (by KerasTuner's environment variables) it runs
    trials for the chief and returns None.

    Args:
        path: of the recipe.
        folder: of the search; the runs of teachers and of the winner, and the banks, lie next to it.
        name: of the recipe.
        settings: overrides "path=value".
        smoke: shrinks the recipe, and the search to two trials.
        restart: throws away what is in the folder.
        quiet: no progress.
        winner: trains the best recipe again and tests it.
        despite: checks before training that do not stop it, as of `keras_kd.workflows.doctor.start.StartChecks`.
        patience: of a chief: seconds without a sign of life after which a worker counts as dead.

    Returns:
        The `SearchResult`, as `search.json` holds it; None of a worker.

    Raises:
        UserError: what the user can fix, found before the first trial where it can be.
    """
    files = SearchFolder(Path(folder))
    plan = plan_of(SearchInput(str(path), tuple(settings), smoke), files, name, quiet, StartChecks(despite, smoke))
    with timed() as spent, telling(name, quiet):
        return _search(plan, spent, restart=restart, winner=winner, patience=patience)


def _search(plan, spent, *, restart, winner, patience):
    """A search that is planned, `spent` the `Stages` of its command; other arguments and the result as of `search`."""
    files, name, smoke, part = plan.files, plan.name, plan.given.smoke, role()
    if part == "worker":
        Trials(plan).as_worker()
        return None
    no_banks_here(files.path)
    with hold_search(files, name, restart=restart) as owned:
        if restart:
            _begin_again(owned, plan)
        refuse_other_search(files, plan.recipe, plan.spec, plan.space)
        refuse_changed_trials(owned)
        same_inputs(owned, inputs_of(plan.recipe, files.path, smoke))
        same_teachers(plan.recipe, files.path, smoke)
        before = keep_spent(spent, owned)
        trials = Trials(plan, owned)
        with stage("trials"):
            if part == "chief":
                trials.as_chief(patience)
            else:
                trials.alone()
        result = result_of(plan, trials.tuner.oracle)
        _write(plan, result, spent, owned)
    if winner and result.best is not None:
        tried = plural(len(result.trials), "trial")
        plan.log(f"the best of {tried}, trial {result.best}, is trained on all training images")
        keep_spent_unheld(spent, lambda: hold_search(files, name, restart=False), before)
        with stage("winner"):
            result.winner = train_winner(plan, owned.identity)
        with hold_search(files, name, restart=False) as owned:
            keep_spent(spent, owned, before)
            _write(plan, result, spent, owned)
    return result


def _write(plan, result, spent, owned):
    """Writes the result with the time of all commands that worked on the search."""
    spent.mark()
    result.stages = {name: one for name, one in (owned.kept(SPENT) or {}).items() if one}
    write_result(plan, result)


def _begin_again(owned, plan):
    """Throws away what a search made, once it is seen that it can be begun again."""
    dry_run(plan.held_out, about_data(plan.held_out), plan.given.smoke)
    load_data(plan.held_out)
    empty_folder(owned)
