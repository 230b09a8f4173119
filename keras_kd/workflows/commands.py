"""What the commands do, as `keras_kd.distill`, `keras_kd.evaluate` and so on; names and defaults are the commands'.

Keras runs on the backend that `KERAS_BACKEND` or Keras's own settings name, as in any program.
"""

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from keras_kd.bank.places import BANKS, shared
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_folder, user_path
from keras_kd.utils.screen import print_note
from keras_kd.workflows.arguments import (
    RUNS,
    PathLike,
    Settings,
    checked_formats,
    checked_model,
    command_of,
    export_folder,
    folder_of,
    given_path,
    is_model_file,
    of_a_file_alone,
    overrides,
    run_folder,
    search_folder,
    search_settings,
    sized,
    stem_of,
    study_folder,
)
from keras_kd.workflows.start_checks import checked_despite

if TYPE_CHECKING:
    from keras_kd.recipe.schema import Recipe
    from keras_kd.report.report import Report
    from keras_kd.report.search_result import SearchResult
    from keras_kd.report.study_result import StudyResult
    from keras_kd.workflows.finished_run import Run

Command = TypeVar("Command", bound=Callable[..., Any])


def sharing_banks(command: Command) -> Command:
    """A command that shares the banks of the folder in which it is called, wherever its runs lie."""

    @functools.wraps(command)
    def sharing(*arguments, **options):
        with shared(RUNS / BANKS):
            return command(*arguments, **options)

    return cast(Command, sharing)


def load_recipe(recipe: PathLike, settings: Settings = (), *, seed: int | None = None, smoke: bool = False) -> "Recipe":
    """Reads a recipe, all defaults filled.

    Args:
        recipe: path of a file, or the name of one that `keras-kd list recipes` shows.
        settings: fields that it overrides by their dotted paths: {"fit.epochs": 3} or ["fit.epochs=3"].
        seed: instead of the recipe's seed and seeds.
        smoke: shrinks it to under a minute, to see that it works.

    Returns:
        A frozen `Recipe`.

    Raises:
        UserError: every error of the file at once, a line each.

    Example:
        >>> load_recipe("digits", {"fit.epochs": 3}, seed=1).fit.epochs
        3
    """
    from keras_kd.recipe.load import load

    return load(user_path(given_path(recipe, "recipe"), "recipe"), overrides(settings, seed), smoke=smoke)


@sharing_banks
def distill(
    recipe: "PathLike | Recipe",
    *,
    out: PathLike | None = None,
    name: str | None = None,
    settings: Settings = (),
    seed: int | None = None,
    smoke: bool = False,
    restart: bool = False,
    quiet: bool = False,
    despite: Iterable[str] = (),
) -> "Run":
    """Runs a recipe to its end: train, measure, export. A run that was killed resumes; a finished one answers at once.

    Args:
        recipe: path of a file, the name of a ready one, or what `load_recipe` gave.
        out: the run folder; `saved_models/RECIPE` by default, of a recipe that was loaded `saved_models/NAME`.
        name: of the recipe, for the report; by default that of its file, or of a recipe that was loaded that of `out`.
        settings, seed: as of `load_recipe`; a recipe that was loaded has them.
        smoke: shrinks it to under a minute. A recipe that was loaded so needs it too, for its teachers.
        restart: throws away what is in the run folder and begins again.
        quiet: no progress.
        despite: checks that the doctor makes before training and that do not stop it, such as "pixels".

    Returns:
        The `keras_kd.Run`: it shows itself; `run.report` is what was measured (with a baseline or several seeds it has
        a `verdict`), `run.student` the Keras model.

    Raises:
        UserError: what the user can fix.
        NonFiniteLoss: the loss, or what is trained, became NaN or infinite.
        GateError: an exported file differs from the Keras model by more than its gate allows.

    Example:
        >>> run = distill("digits", smoke=True)  # doctest: +SKIP
        >>> run.export("litert_int8")  # doctest: +SKIP
        >>> distill("digitz")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: digitz: no such recipe; did you mean 'digits'?
    """
    from keras_kd.recipe.schema import Recipe

    despite = tuple(sorted(checked_despite(despite)))
    command = None
    if isinstance(recipe, Recipe):
        loaded = recipe
        name, folder = _place_of_loaded(out, name, smoke)
        if overrides(settings, seed):
            raise UserError("distill: settings and seed are of a recipe's file; give them to load_recipe")
    else:
        loaded = load_recipe(recipe, settings, seed=seed, smoke=smoke)
        own = None if overrides(settings, seed) else loaded.seed
        command = command_of(recipe, overrides(settings, None), seed, smoke, out)
        name, folder = name or stem_of(recipe), folder_of(out) or run_folder(recipe, loaded.seed, smoke, own)
    from keras_kd.workflows import seeds
    from keras_kd.workflows.finished_run import Run

    given = {"restart": restart, "smoke": smoke, "quiet": quiet, "despite": despite}
    seeds.distill(loaded, folder, name=name, command=command, **given)
    return Run(folder)


def evaluate(
    run: PathLike,
    *,
    data: str | None = None,
    pixels: str = "pixels",
    image_size: int | None = None,
    resize: str | None = None,
    probabilities: bool = False,
    modules: str | Iterable[str] = (),
) -> "Report":
    """Measures the student of a run again, or any Keras model on a dataset.

    Args:
        run: a run folder, or a `.keras` file; what follows is of such a file.
        data: the dataset whose test images it is measured on.
        pixels: what it takes: "pixels" (0..255), "unit" (0..1), "symmetric" (-1..1) or "standard".
        image_size: of the images of a folder, in pixels; they are resized to it by
        resize: antialias, if none is given; stretch, crop or pad, as Keras's `image_dataset_from_directory` does.
        probabilities: it gives probabilities, not logits.
        modules: of your own, that define layers of a run's networks or of the file.

    Returns:
        The report.

    Raises:
        UserError: what the user can fix.

    Example:
        >>> evaluate("teacher.keras")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: teacher.keras: give data NAME, the dataset to measure it on; ...
    """
    run = user_folder(given_path(run, "run"), "run")
    data = checked_model(run, data, pixels) if is_model_file(run) else data
    know(modules)
    if is_model_file(run):
        from keras_kd.workflows.run.evaluate import evaluate_model

        return evaluate_model(run, data, pixels, not probabilities, **sized(image_size, resize))
    given = {"data": data, "pixels": pixels != "pixels", "image_size": image_size, "resize": resize}
    of_a_file_alone(run, {name: one for name, one in {**given, "probabilities": probabilities}.items() if one})
    from keras_kd.workflows.run.evaluate import evaluate as evaluate_run

    return evaluate_run(run)


def export(
    run: PathLike,
    formats: str | Iterable[str] = (),
    *,
    data: str | None = None,
    out: PathLike | None = None,
    pixels: str = "pixels",
    image_size: int | None = None,
    resize: str | None = None,
    probabilities: bool = False,
    modules: str | Iterable[str] = (),
    quiet: bool = False,
) -> "Report":
    """Exports the student of a run, or any Keras model: each file is compared with Keras before it is delivered.

    Args:
        run: the run folder, or a `.keras` file.
        formats: one or some of the formats of docs/recipes.md; by default the recipe's, of a file the usual ones.
        data: of a `.keras` file, as what follows: the dataset whose test images the files are compared on.
        out: the folder; `NAME-exported` by default.
        pixels, image_size, resize, probabilities: as of `evaluate`.
        modules: as of `evaluate`.
        quiet: no progress.

    Returns:
        The report, with "exports".

    Raises:
        UserError: what the user can fix.
        GateError: a file differs by more than the recipe's gates allow, and was kept out of the folder.

    Example:
        >>> export("saved_models/digits", "litert_int4")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: formats: no format 'litert_int4'; expected one of saved_model, ...
    """
    run = user_folder(given_path(run, "run"), "run")
    formats = checked_formats((formats,) if isinstance(formats, str) else formats)
    data = checked_model(run, data, pixels) if is_model_file(run) else data
    know(modules)
    if is_model_file(run):
        from keras_kd.workflows.run.export import export_model

        given = {"pixels": pixels, "from_logits": not probabilities, **sized(image_size, resize)}
        return export_model(run, data, export_folder(run, out), formats=formats, quiet=quiet, **given)
    asked = {"data": data, "out": out, "pixels": pixels != "pixels", "image_size": image_size, "resize": resize}
    of_a_file_alone(run, {name: one for name, one in {**asked, "probabilities": probabilities}.items() if one})
    from keras_kd.workflows.run.export import export as export_run

    return export_run(run, formats=formats, quiet=quiet)


@sharing_banks
def search(
    recipe: PathLike,
    *,
    out: PathLike | None = None,
    settings: Settings = (),
    seed: int | None = None,
    trials: int | None = None,
    hours: float | None = None,
    tuner: str | None = None,
    smoke: bool = False,
    winner: bool = True,
    restart: bool = False,
    quiet: bool = False,
    despite: Iterable[str] = (),
) -> "SearchResult | None":
    """Searches the settings of a recipe; the best becomes a recipe, trained on all images and tested.

    A search that was killed resumes. The recipe's `search` says what is tried.

    Args:
        recipe: path of a file, or the name of a ready one.
        out: the folder; `saved_models/RECIPE-search` by default.
        settings, seed, smoke: as of `load_recipe`.
        trials, hours, tuner: instead of `search.trials`, `search.hours` and `search.tuner` of the recipe.
        winner: trains the best recipe; otherwise it is left as a file.
        restart: throws away what is in the folder and begins again.
        quiet: no progress.
        despite: as of `distill`.

    Returns:
        What `search.json` holds; its `best` is None where no trial came to its end. None of a worker.

    Raises:
        UserError: what the user can fix.

    Example:
        >>> search("digits", tuner="guess")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: --set search.tuner=guess: search.tuner: ...
    """
    despite = tuple(sorted(checked_despite(despite)))
    given = [*overrides(settings, None), *search_settings(trials, hours, tuner), *overrides((), seed)]
    loaded = load_recipe(recipe, given, smoke=smoke)
    folder = folder_of(out) or search_folder(recipe, loaded.seed, smoke)
    from keras_kd.workflows.search.search import search as run_search

    return run_search(
        user_path(recipe, "recipe"),
        folder,
        name=stem_of(recipe),
        settings=given,
        smoke=smoke,
        restart=restart,
        quiet=quiet,
        winner=winner,
        despite=despite,
    )


@sharing_banks
def study(
    name: PathLike,
    *,
    out: PathLike | None = None,
    settings: Settings = (),
    seeds: Iterable[int] = (),
    smoke: bool = False,
    jobs: int = 1,
    restart: bool = False,
    quiet: bool = False,
) -> "StudyResult":
    """Runs a grid of recipes and makes one table and one set of plots of it. A study that was killed resumes.

    Args:
        name: path of a study's file, or the name of one that `keras-kd list studies` shows.
        out: the folder; `saved_models/study-STUDY` by default.
        settings: as of `load_recipe`, of every recipe of it.
        seeds: instead of its seeds.
        smoke: shrinks it, to see that it works.
        jobs: processes that work on it.
        restart: throws away what is in the folder and begins again.
        quiet: no progress.

    Returns:
        What `study.json` holds.

    Raises:
        UserError: what the user can fix.

    Example:
        >>> study("label_noize")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: label_noize: no such study; did you mean 'label_noise'?
    """
    name = user_path(given_path(name, "study"), "study")
    of_its_own = study_folder(name, smoke)  # an error where there is no such study
    folder = folder_of(out) or of_its_own
    from keras_kd.workflows.study.study import study as run_study

    return run_study(
        name,
        folder,
        settings=overrides(settings, None),
        seeds=tuple(seeds) or None,
        smoke=smoke,
        restart=restart,
        jobs=jobs,
        quiet=quiet,
        log=print_note,
    )


def report(runs: "PathLike | Iterable[PathLike]") -> list[Path]:
    """Makes report.html of finished runs again, of what their files say.

    Args:
        runs: a folder, or several.

    Returns:
        The pages.

    Raises:
        UserError: there is no finished run in a folder.

    Example:
        >>> report("saved_models/of_nothing")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: saved_models/of_nothing: no such run folder; ...
    """
    from keras_kd.report.soundness import refuse_no_folder
    from keras_kd.workflows.run.write_page import write_page

    given = [runs] if isinstance(runs, str | os.PathLike) else [*runs]
    folders = [user_folder(given_path(one, "runs"), "runs") for one in given]
    for folder in folders:
        refuse_no_folder(folder)
    return [write_page(folder) for folder in folders]


def know(modules: str | Iterable[str]) -> None:
    """Makes modules of the user's own known, that define layers of saved networks."""
    from keras_kd.models import saved

    saved.know(*((modules,) if isinstance(modules, str) else modules))


def _place_of_loaded(out: PathLike | None, name: str | None, smoke: bool) -> tuple[str, Path]:
    """(name, folder) of the run of a recipe that was loaded: it does not know what its file was called."""
    from keras_kd.recipe.folders import run_name

    folder = folder_of(out)
    if folder is not None:
        return name or folder.name, folder
    if name is None:
        raise UserError("distill: a recipe that was loaded has no name; give name, or out, the folder of its run")
    return name, RUNS / run_name(name, 0, 0, smoke)
