"""The commands of many runs: search, study."""

import os
from pathlib import Path

import click

from keras_kd.cli import completion
from keras_kd.cli.common import (
    A_FOLDER,
    A_PATH,
    adds_modules,
    backend_option,
    choose_backend,
    command,
    despite_option,
    end,
    json_option,
    keeps,
    load_recipe,
    print_json,
    quiet_option,
    recipe_options,
    start_keras,
)
from keras_kd.utils import stopping
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import installed
from keras_kd.utils.screen import print_note, print_result
from keras_kd.workflows.arguments import overrides, search_folder, search_settings, stem_of, study_folder


@command()
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@recipe_options
@click.option("--trials", type=click.IntRange(1), help="Settings to try, instead of the recipe's search.trials.")
@click.option("--hours", type=float, help="After which no trial begins, instead of search.hours.")
@click.option("--tuner", help="random, grid, bayesian or hyperband, instead of search.tuner.")
@click.option("--out", type=A_FOLDER, help="The folder; saved_models/RECIPE-search by default.")
@click.option("--restart", is_flag=True, help="Throw away what is in the folder and begin again.")
@click.option("--no-winner", is_flag=True, help="Leave the best recipe as a file and do not train it.")
@click.option("--chief", metavar="HOST:PORT", help="Hand out trials to workers here, instead of running them.")
@click.option("--worker", metavar="HOST:PORT", help="Run trials for the chief there.")
@click.option("--name", help="Of a worker; another one for each.")
@despite_option
@backend_option
@quiet_option
@json_option
def search(
    recipe,
    settings,
    seed,
    smoke,
    trials,
    hours,
    tuner,
    out,
    restart,
    no_winner,
    chief,
    worker,
    name,
    despite,
    backend,
    quiet,
    as_json,
):
    """Search the settings of a recipe; the best becomes a recipe, trained on all images and tested.

    Trials are judged on images set aside from the training images, never on the test images. All share the teacher's
    bank. A search that was killed resumes. Several processes share one, on machines that see the same folder: a chief
    and workers, given the same recipe and folder.

    \b
    Example:
        keras-kd search digits --trials 5
        keras-kd search resnet56_to_resnet20 --tuner bayesian --hours 8
        keras-kd search digits --chief 127.0.0.1:9000
        keras-kd search digits --worker 127.0.0.1:9000 --name one
    """
    _set_role(chief, worker, name)
    choose_backend(backend)
    settings = [*settings, *search_settings(trials, hours, tuner), *overrides((), seed)]
    loaded = load_recipe(recipe, settings, None, smoke)
    folder = Path(out) if out else search_folder(recipe, loaded.seed, smoke)
    if not installed("keras_tuner"):
        raise UserError("search: keras-tuner is not installed; pip install keras-tuner")
    start_keras(backend)
    from keras_kd.report.terminal import of_search
    from keras_kd.workflows.search.search import search as run_search

    keeps("worker" if worker else "search", folder, restart)
    result = run_search(
        recipe,
        folder,
        name=stem_of(recipe),
        settings=settings,
        smoke=smoke,
        restart=restart,
        quiet=quiet,
        winner=not no_winner,
        despite=despite,
    )
    if result is None:
        return
    if as_json:
        print_json(result)
    else:
        print_result(of_search(result))
        print_result(f"{folder}")
    if result.best is None:
        end(1)


def _set_role(chief, worker, name):
    """--chief and --worker as KerasTuner's environment variables."""
    if chief and worker:
        raise UserError("search: --chief and --worker exclude each other; give one")
    if name and not worker:
        raise UserError("--name: is of a worker; give --worker HOST:PORT too")
    if worker and not name:
        raise UserError("--worker: give it a name of its own too, such as --name one")
    if name and ("chief" in name or not all(letter.isalnum() or letter in "-_" for letter in name)):
        raise UserError(f"--name: found {name!r}; expected letters, digits, - and _, and not the word chief")
    if chief or worker:
        host, port = address(chief or worker, "--chief" if chief else "--worker")
        os.environ.update(KERASTUNER_ORACLE_IP=host, KERASTUNER_ORACLE_PORT=port)
        os.environ["KERASTUNER_TUNER_ID"] = "chief" if chief else name


def address(text, option):
    """(host, port) of "host:port".

    Raises:
        UserError: it is something else.

    Example:
        >>> address("127.0.0.1:9000", "--chief")
        ('127.0.0.1', '9000')
    """
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 2**16):
        raise UserError(f"{option}: found {text!r}; expected host:port, such as 127.0.0.1:9000")
    return host, port


@command()
@click.argument("name", type=A_PATH, metavar="STUDY", shell_complete=completion.studies)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    shell_complete=completion.settings,
    help="Override a field of every recipe.",
)
@adds_modules
@click.option(
    "--seed", "seeds", type=click.IntRange(0, 2**31 - 1), multiple=True, help="Instead of its seeds; repeatable."
)
@click.option("--smoke", is_flag=True, help="Shrink it, to see that it works.")
@click.option("--out", type=A_FOLDER, help="The folder; saved_models/study-STUDY by default.")
@click.option("--restart", is_flag=True, help="Throw away what is in the folder and begin again.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that work on it.")
@click.option("--joins", is_flag=True, hidden=True)
@backend_option
@quiet_option
@json_option
def study(name, settings, seeds, smoke, out, restart, jobs, joins, backend, quiet, as_json):
    """Run a grid of recipes and make one table and one set of plots of it.

    Runs that are there are not run again; all share teachers and banks. A study that was killed resumes. Ready ones:
    `keras-kd list studies`; docs/studies.md says how to write one.

    \b
    Example:
        keras-kd study label_noise --jobs 2
        keras-kd study mine.yaml --seed 0 --seed 1
    """
    of_its_own = study_folder(name, smoke)  # an error where there is no such study
    choose_backend(backend)
    folder = Path(out) if out else of_its_own
    start_keras(backend)
    from keras_kd.report.study_page import as_markdown
    from keras_kd.workflows.study.study import study as run_study

    if joins:
        stopping.keeps(None)  # the process that has begun this one says it
    else:
        keeps("study", folder, restart)
    result = run_study(
        name,
        folder,
        settings=settings,
        seeds=seeds or None,
        smoke=smoke,
        restart=restart,
        jobs=jobs,
        quiet=quiet,
        log=print_note,
        joins=joins,
    )
    if result is None:
        return
    if as_json:
        return print_json(result)
    print_result(as_markdown(result).rstrip())
    print_result(f"{folder}")
