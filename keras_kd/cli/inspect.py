"""The commands that look and train nothing: list, show, cite, new, doctor, compare, bench."""

from pathlib import Path

import click

from keras_kd.cli import completion
from keras_kd.cli.common import (
    A_FOLDER,
    A_PATH,
    A_RUN,
    UserPath,
    backend_option,
    choose_backend,
    command,
    end,
    json_option,
    keeps,
    know_modules,
    load_recipe,
    log_code,
    no_code_option,
    own_methods,
    print_json,
    recipe_options,
    start_keras,
    takes_modules,
)
from keras_kd.utils import foreign_code
from keras_kd.utils.formatting import printable
from keras_kd.utils.screen import print_note, print_result
from keras_kd.utils.table import terminal_width
from keras_kd.workflows.arguments import checked_page, run_folder, stem_of
from keras_kd.workflows.inspecting import compare as compare_runs
from keras_kd.workflows.inspecting import files_to_measure, is_run_folder, keep_measured, list_known
from keras_kd.workflows.inspecting import new as new_recipe


@command("list")
@click.argument(
    "what", required=False, metavar="[methods|models|datasets|recipes|studies]", shell_complete=completion.tables
)
@click.option("--knowledge", metavar="WORD", help="Of methods: response, feature or relation.")
@click.option("--scheme", metavar="WORD", help="Of methods: offline, online or self.")
@click.option("--problem", metavar="WORDS", help="Of methods: what their sources say they answer, such as noise.")
@json_option
def list_command(what, knowledge, scheme, problem, as_json):
    """List available methods, models, datasets, recipes and studies.

    Methods are grouped by the knowledge that they pass on, by who teaches, and by the problems that they answer.

    \b
    Example:
        keras-kd list models
        keras-kd list methods --knowledge feature --problem "capacity gap"
    """
    from keras_kd.workflows.catalogue import format_text

    tables = list_known(what, knowledge=knowledge, scheme=scheme, problem=problem)
    if as_json:
        return print_json(tables)
    tables = {what: tables} if what else tables
    for name, table in tables.items():
        chosen_by = problem if name == "methods" else None
        print_result("\n".join([f"{name}:", *format_text(name, table, chosen_by, terminal_width())]))


@command()
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@recipe_options
@json_option
def show(recipe, settings, seed, smoke, as_json):
    """A recipe with every default filled.

    Runs no code: the settings of a module:Class term are shown as they are given.

    \b
    Example:
        keras-kd show resnet56_to_resnet20 --set fit.epochs=30
    """
    from keras_kd.recipe.yaml_writer import write_yaml

    loaded = load_recipe(recipe, settings, seed, smoke, notes=[], code=False)
    for method in own_methods(loaded):
        print_note(f"{recipe}: the defaults of {method} are not filled: show runs no code")
    resolved = loaded.dump()
    if as_json:
        return print_json(resolved)
    print_result(write_yaml(resolved).rstrip())


@command()
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    shell_complete=completion.settings,
    help="Override a field; repeatable.",
)
@no_code_option
def cite(recipe, settings, no_code):
    """BibTeX of the papers that a recipe relies on, its teachers' recipes included.

    Runs the code of module:Class terms, which say what they cite, unless --no-code is given.

    \b
    Example:
        keras-kd cite resnet56_to_resnet20
    """
    from keras_kd.recipe.cite import cite as bibtex_of

    with foreign_code.watched() as ran:
        text = bibtex_of(recipe, settings, code=not no_code)
    log_code(recipe, ran)
    print_result(text.rstrip())


@command()
@click.argument("name", type=A_PATH)
@click.option(
    "--from",
    "template",
    type=A_PATH,
    shell_complete=completion.recipes,
    default="my_images",
    show_default=True,
    help="The recipe to copy.",
)
def new(name, template):
    """Copy a recipe, to edit it.

    \b
    Example:
        keras-kd new flowers.yaml
        keras-kd new mine.yaml --from resnet56_to_resnet20
    """
    from keras_kd.recipe.files import find

    shown = printable(str(new_recipe(name, template)))
    copied = find(template).name
    print_result(f"{shown}: a copy of {copied}; edit it, then `keras-kd validate {shown} --dry-run`")


@command()
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@recipe_options
@click.option("--out", type=A_FOLDER, help="The run folder; saved_models/RECIPE by default.")
@backend_option
@json_option
def doctor(recipe, settings, seed, smoke, out, backend, as_json):
    """Examine a recipe before a run, or after one: why would it not help? Trains nothing.

    Is the teacher any good in this very pipeline: its output, class order, pixels, temperature? Can the student learn
    from it? Each finding has its figures and its fix. Exit code 1 if something is bad. Runs the code that the recipe
    names: methods, models and data of your own.

    \b
    Example:
        keras-kd doctor digits
        keras-kd doctor resnet56_to_resnet20 --set terms.0.temperature=100
    """
    choose_backend(backend)  # a method of the user's own imports Keras while the recipe is read
    loaded = load_recipe(recipe, settings, seed, smoke)
    name = stem_of(recipe)
    own = None if settings or seed is not None else loaded.seed
    folder = Path(out) if out else run_folder(recipe, loaded.seed, smoke, own)
    start_keras(backend)
    from keras_kd.workflows.doctor import examine, format_text, summary_line

    examined = examine(loaded, folder, name=name, smoke=smoke)
    if as_json:
        print_json(examined)
    else:
        print_result("\n".join(format_text(examined)))
        print_result(summary_line(examined))
    end(1 if any(one["outcome"] == "bad" for one in examined["findings"]) else 0)


@command()
@click.argument("runs", type=A_RUN, shell_complete=completion.runs, nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=UserPath(dir_okay=False), help="Also write a page with plots there, such as compare.html.")
@json_option
def compare(runs, out, as_json):
    """Finished runs side by side: accuracy, size, latency, calibration, and which of them no other beats.

    Latency is there for runs that `keras-kd bench RUN` measured.

    \b
    Example:
        keras-kd compare saved_models/digits saved_models/digits_teacher
        keras-kd compare saved_models/* --out compare.html
    """
    from keras_kd.report.compare import format_text

    if out is not None:
        keeps("compare", checked_page(out, "--out"))
    rows = compare_runs(runs, out=out)
    if as_json:
        return print_json(rows)
    print_result("\n".join(format_text(rows, terminal_width())))
    if out is not None:
        print_result(out)


@command()
@click.argument("files", type=A_RUN, shell_complete=completion.runs, nargs=-1, required=True, metavar="FILE|RUN...")
@click.option("--runs", type=click.IntRange(3), default=50, show_default=True, help="Timed, of one image.")
@click.option("--warm-up", type=click.IntRange(0), default=10, show_default=True, help="Runs before those.")
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="0: the runtime's own choice.")
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, help="Images at once; repeatable; 1 8 32.")
@click.option("--image-size", type=click.IntRange(1), help="Where a file leaves the size of its images open.")
@takes_modules
@backend_option
@json_option
def bench(files, runs, warm_up, threads, batches, image_size, backend, as_json):
    """Measure files: latency, throughput, memory, size, each in a process of its own.

    \b
    Example:
        keras-kd bench saved_models/digits
        keras-kd bench teacher.keras saved_models/mine/student.tflite --threads 2
    """
    from keras_kd.export.latency import format_text, kind_of, measure

    named = files_to_measure(files)
    # A deployed file is measured where there is no Keras.
    if "keras" in {kind_of(file) for file in named}:
        choose_backend(backend)
        know_modules()
        _know_modules_of([file for file in files if is_run_folder(file)])
    given = {"runs": runs, "warm_up": warm_up, "threads": threads or None, "batches": batches or (1, 8, 32)}
    given["image_size"] = image_size and (image_size, image_size)
    rows = [measure(file, **given) for file in named]
    if len(files) == 1 and is_run_folder(files[0]):
        start_keras(backend)
        keeps("bench", files[0])
        keep_measured(files[0], rows)
    if as_json:
        return print_json(rows)
    print_result("\n".join(format_text(rows, terminal_width())))


def _know_modules_of(runs):
    """Makes the modules known that the students of runs need; other folders hold none that say so."""
    from keras_kd.workflows.run.folder import is_run
    from keras_kd.workflows.run.open_run import know_modules_of

    for run in runs:
        if is_run(Path(run)):
            know_modules_of(run)
