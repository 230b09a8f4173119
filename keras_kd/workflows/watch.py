"""A window on a run that goes on: its files are read, nothing is written, whoever runs it."""

import os
import time
from pathlib import Path

from keras_kd.recipe.folders import RunFolder, home, seed_folder
from keras_kd.recipe.load import load
from keras_kd.report.fields import get_path, parts
from keras_kd.report.sections.training import figures_by_epoch
from keras_kd.report.soundness import refuse_no_folder
from keras_kd.report.watched import FINISHED, NOT_BEGUN, RUNNING, STOPPED, Watched, brief, lines
from keras_kd.training.time_left import time_left
from keras_kd.utils.account import has_account, read_account
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import duration
from keras_kd.utils.now import read_now
from keras_kd.utils.paths import user_folder
from keras_kd.utils.table import terminal_width
from keras_kd.workflows.arguments import PathLike, given_path
from keras_kd.workflows.run.folder import is_number, is_run, read_history, read_report

# Seconds that measuring a student, and exporting a file of it, take where no run beside it says so.
MEASURING, EXPORTING = 4.0, 5.0
AFTER_TRAINING = ("measuring", "exports", "page")


def watch(run: PathLike, *, once: bool = False, every: float = 2.0) -> bool:
    """Shows how far a run is until it ends: its epochs, its figures, the time that is left. It reads files only.

    Args:
        run: its folder, or that of a search or a study; it may lie on another machine's disk.
        once: shows it once.
        every: seconds between two looks.

    Returns:
        Whether the work has come to its end; False where it was stopped before.

    Raises:
        UserError: there is no such folder, or nothing of keras-kd in it.

    Example:
        >>> watch("saved_models/of_nothing")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: saved_models/of_nothing: no such run folder; ...
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    if not isinstance(every, int | float) or isinstance(every, bool) or not every >= 0.1:
        raise UserError(f"every: found {every!r}; expected seconds, 0.1 or more")
    folder = Path(user_folder(given_path(run, "run"), "run"))
    seen = look(folder)
    console = Console(soft_wrap=True, highlight=False)
    if once or seen.ended or not (console.is_terminal or console.is_jupyter):
        return _line_by_line(console, folder, seen, once, every)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(Text("\n".join(lines(seen, terminal_width()))), refresh=True)
            if seen.ended:
                return seen.state == FINISHED
            time.sleep(every)
            seen = look(folder)


def _line_by_line(console, folder, seen, once, every):
    """For a file or another program: what is there, then a line where something has changed, then how it ended."""
    console.print("\n".join(lines(seen, terminal_width())), markup=False)
    told = seen
    while not (once or seen.ended):
        time.sleep(every)
        seen = look(folder)
        if seen.ended:
            console.print("\n".join(lines(seen, terminal_width())), markup=False)
        elif _at(seen) != _at(told):
            console.print(brief(seen), markup=False)
            told = seen
    return seen.state == FINISHED


def _at(seen):
    """What of a work is news when it changes."""
    inside = _at(seen.inside) if seen.inside is not None else None
    return seen.what, seen.epoch, inside, tuple(one.state for one in seen.parts)


def look(folder) -> Watched:
    """How far the work in a folder is; see `Watched`.

    Args:
        folder: of a run, a search or a study.

    Raises:
        UserError: there is no such folder, or nothing of keras-kd in it.
    """
    folder = Path(folder)
    refuse_no_folder(folder)
    kind = read_account(folder)["kind"] if has_account(folder) else None
    if kind in ("search", "study"):
        return _of_many(folder, kind)
    if kind != "run" and not is_run(folder):
        raise UserError(f"{folder}: no run of keras-kd, nor a search or a study; give the folder of one")
    return _of_run(folder)


def _of_run(folder, alone=False):
    files, said = RunFolder(folder), read_now(folder)
    running = bool(said and said["alive"])
    report = read_report(folder)
    plain = {} if report is None else report.as_json()
    title = (said or {}).get("title") or plain.get("recipe") or folder.name
    given = {"title": title, "folder": str(folder)}
    if not running and report is not None and not files.state.exists():
        return Watched(**given, state=FINISHED, report=plain, parts=() if alone else _siblings(folder))
    rows = read_history(files)
    recipe = _recipe_of(files)
    epochs = (said or {}).get("epochs") or (recipe and recipe.fit.epochs)
    given |= {"epochs": epochs, "rows": figures_by_epoch(rows), "parts": () if alone else _siblings(folder, recipe)}
    if not running:
        return Watched(**given, state=STOPPED, note=_resumed(folder, said))
    inside = said.get("inside")
    if inside is not None and (folder / inside).is_dir():
        inner = _of_run(Path(os.path.normpath(folder / inside)), alone=True)
        return Watched(**given, state=RUNNING, what=said.get("what") or "", inside=inner)
    return Watched(**given, state=RUNNING, **_times(folder, said, rows, recipe, epochs))


def _times(folder, said, rows, recipe, epochs):
    """What of a run at work says how long it goes on."""
    step, steps = said.get("step") or 0, said.get("steps") or 0
    numbers = [
        {name: float(one[name]) for name in ("seconds", "teacher_seconds", "teacher_views") if is_number(one.get(name))}
        for one in rows
    ]
    training, left = None, None
    after = _after(folder, recipe)
    # Validation images may have ended it before its last epoch.
    trained = bool(epochs) and (len(rows) >= epochs or bool(said.get("trained")))
    if trained:
        left = max(0.0, after - (time.time() - said["trained"])) if said.get("trained") else after
    elif epochs:
        training = time_left(
            numbers, epochs, step=step, steps=steps or 1, rate=said.get("rate"), views=said.get("views")
        )
        left = None if training is None else training + after
    run, runs = said.get("run"), said.get("runs")
    others = None
    if run and runs and runs > run and left is not None:
        spent = sum(one["seconds"] for one in numbers)
        others = (runs - run) * (spent + left)
    what = said.get("what") or (f"epoch {len(rows) + 1}/{epochs}" if epochs and not trained else "")
    return {
        "what": what,
        "step": min(1.0, step / steps) if steps and not trained else 0.0,
        "left": left,
        "training_left": training,
        "run": run,
        "runs": runs,
        "others_left": others,
    }


def _after(folder, recipe):
    """Seconds that what comes after training will take: as of the latest finished run beside it, else a guess."""
    beside = [one for one in home(folder).glob("*/report.json") if one.parent != folder]
    for file in sorted(beside, key=lambda one: one.stat().st_mtime, reverse=True)[:5]:
        report = read_report(file.parent)
        stages = {} if report is None else parts(report.as_json(), "time", "stages")
        if (
            stages
            and recipe is not None
            and (get_path(report.as_json(), "settings", "export") == recipe.dump()["export"])
        ):
            return sum(stages.get(name) or 0.0 for name in AFTER_TRAINING)
    return MEASURING + EXPORTING * (len(recipe.export.formats) if recipe is not None else 0)


def _recipe_of(files):
    try:
        return load(files.recipe, notes=[], code=False)
    except UserError:
        return None


def _siblings(folder, recipe=None):
    """The runs of the other seeds of a recipe."""
    recipe = recipe or _recipe_of(RunFolder(folder))
    if recipe is None or not recipe.seeds:
        return ()
    places = [seed_folder(folder, seed, recipe.seed) for seed in recipe.seeds if seed != recipe.seed]
    return tuple(_part(one) for one in places)


def _part(folder):
    if not folder.is_dir() or not is_run(folder):
        return Watched(title=folder.name, folder=str(folder), state=NOT_BEGUN)
    return _of_run(folder, alone=True)


def _of_many(folder, kind):
    """A search or a study: its runs, and what is known of the time that is left."""
    found = [one for one in sorted(folder.iterdir()) if one.is_dir() and is_run(one)]
    inside = tuple(_part(one) for one in found)
    running = [one for one in inside if one.state == RUNNING]
    result = folder / f"{kind}.json"
    state = RUNNING if running else FINISHED if result.exists() else STOPPED
    run, runs = (max((getattr(one, name) or 0 for one in running), default=0) for name in ("run", "runs"))
    finished = [one for one in inside if one.state == FINISHED]
    spent = [get_path(one.report, "time", "seconds", "total") or 0.0 for one in finished]
    left = None
    if runs and spent and running:
        left = (runs - len(finished)) * sum(spent) / len(spent) / len(running)
    what = f"about {duration(left)} left" if left is not None else ""
    note = _resumed(folder, None) if state == STOPPED else ""
    given = {"run": run or None, "runs": runs or None, "parts": inside, "note": note}
    return Watched(title=folder.name, folder=str(folder), state=state, what=what, left=left, **given)


def _resumed(folder, said):
    """How a work that was stopped is gone on with."""
    command = (said or {}).get("command")
    return f"{folder} keeps what was done; {f'`{command}`' if command else 'the command that began it'} resumes it"
