"""The commands of a recipe's run: validate, distill, evaluate, export, report."""

from pathlib import Path

import click

from keras_kd.cli import completion
from keras_kd.cli.common import (
    A_FOLDER,
    A_PATH,
    A_RUN,
    backend_option,
    bank_option,
    bank_settings,
    check_loaded,
    choose_backend,
    command,
    despite_option,
    end,
    json_option,
    keeps,
    know_modules,
    load_recipe,
    log_code,
    no_code_option,
    of_model_options,
    own_methods,
    print_json,
    quiet_option,
    recipe_options,
    start_keras,
    takes_modules,
)
from keras_kd.report.soundness import refuse_no_folder
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import printable
from keras_kd.utils.screen import print_result
from keras_kd.utils.table import terminal_width
from keras_kd.workflows.arguments import (
    checked_formats,
    checked_model,
    command_of,
    export_folder,
    is_model_file,
    of_a_file_alone,
    run_folder,
    sized,
    stem_of,
)
from keras_kd.workflows.inspecting import planned

UNREAD = "the settings of {}, as --no-code is given"


@command()
@click.argument("recipes", type=A_PATH, shell_complete=completion.recipes, nargs=-1, required=True, metavar="RECIPE...")
@recipe_options
@click.option("--dry-run", is_flag=True, help="Also build the models, look at the teacher, print what a run costs.")
@despite_option
@click.option("--backend", help="tensorflow (default) or jax, for --dry-run.")
@no_code_option
@json_option
def validate(recipes, settings, seed, smoke, dry_run, despite, backend, no_code, as_json):
    """Check recipes: all errors at once, each with its line.

    Runs the code of module:Class terms, and with --dry-run that of models and data given as module:function, unless
    --no-code is given. With --dry-run a teacher that is there is also looked at, as before a training.

    \b
    Example:
        keras-kd validate recipes/*.yaml
        keras-kd validate mine.yaml --dry-run
    """
    loaded, errors, notes, plans, ran = {}, [], {}, {}, {}
    if despite and not dry_run:
        raise UserError("--despite: is of what --dry-run tries; give --dry-run too")
    if dry_run:
        choose_backend(backend)  # a method of the user's own imports Keras while the recipe is read
    for path in recipes:
        notes[path] = []
        try:
            with foreign_code.watched() as ran[path]:
                absent = None if dry_run else notes[path]
                recipe = load_recipe(path, settings, seed, smoke, notes=absent, code=not no_code)
                check_loaded(recipe, path, settings, seed, smoke, absent=bool(absent), code=not no_code)
                loaded[path] = recipe
        except UserError as error:
            errors.append(str(error))
    if dry_run and loaded:
        start_keras(backend)
        for path, recipe in loaded.items():
            with foreign_code.watched() as built:
                try:
                    plans[path] = planned(recipe, path, smoke=smoke, code=not no_code, despite=despite)
                except UserError as error:
                    errors += [f"{path}: {line}" for line in str(error).splitlines()]
            ran[path] += [one for one in built if one not in ran[path]]
    unread = {path: own_methods(recipe) if no_code else [] for path, recipe in loaded.items()}
    if as_json:
        noted = [note for path in recipes for note in [*notes[path], *map(UNREAD.format, unread.get(path, ()))]]
        code = [{"recipe": path, **one._asdict()} for path in dict.fromkeys(recipes) for one in ran[path]]
        told = {"ok": not errors, "errors": "\n".join(errors).splitlines(), "notes": noted, "plans": plans}
        print_json({**told, "code": code})
        end(2 if errors else 0)
    for path, of_path in ran.items():
        log_code(path, of_path)
    for path in loaded:
        if not dry_run or path in plans:
            _print_checked(path, notes[path], unread[path], plans.get(path))
    if errors:
        raise UserError("\n".join(errors))


def _print_checked(path, notes, unread, planned):
    """A recipe without an error, and what there is to say of it."""
    print_result(f"{printable(path)}: ok")
    for note in notes:
        print_result(f"  not there yet: {note}")
    for method in unread:
        print_result(f"  not checked: {UNREAD.format(method)}")
    if planned is not None:
        from keras_kd.workflows.run.plan import in_words

        print_result(in_words(planned))


@command()
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@recipe_options
@click.option("--out", type=A_FOLDER, help="The run folder; saved_models/RECIPE by default.")
@click.option("--restart", is_flag=True, help="Throw away what is in the run folder and begin again.")
@click.option(
    "--deliver",
    type=click.Choice(["distilled", "best"]),
    help="The student that is exported; best: the better of it and that on labels alone (with baseline: true).",
)
@despite_option
@bank_option
@backend_option
@quiet_option
@json_option
def distill(recipe, settings, seed, smoke, out, restart, deliver, despite, bank, backend, quiet, as_json):
    """Run a recipe to its end: train, measure, export. A run that was killed resumes.

    \b
    Example:
        keras-kd distill recipes/digits.yaml
        keras-kd distill recipes/resnet56_to_resnet20.yaml --set fit.epochs=3 --out saved_models/short
        keras-kd distill digits --seed 1 --backend jax
        keras-kd distill resnet56_to_resnet20 --bank full,views:16
    """
    choose_backend(backend)  # a method of the user's own imports Keras while the recipe is read
    given = [*settings, *bank_settings(bank), *([f"export.deliver={deliver}"] if deliver else [])]
    loaded = load_recipe(recipe, given, seed, smoke)
    name = stem_of(recipe)
    own = None if settings or seed is not None else loaded.seed
    folder = Path(out) if out else run_folder(recipe, loaded.seed, smoke, own)
    start_keras(backend)
    from keras_kd.workflows import seeds as repeated_seeds

    keeps("distill", folder, restart)
    asked = {"restart": restart, "smoke": smoke, "quiet": quiet, "despite": despite}
    found = repeated_seeds.distill(
        loaded, folder, name=name, command=command_of(recipe, given, seed, smoke, out), **asked
    )
    _print_report(found, folder, as_json)


@command()
@click.argument("run", type=A_RUN, shell_complete=completion.runs)
@click.option("--once", is_flag=True, help="Show it once, and end.")
@click.option("--every", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Seconds between two looks.")
def watch(run, once, every):
    """Watch how far a run, a search or a study is, until it ends. Reads files only.

    Epochs, figures, the time that is left; on a terminal in place, elsewhere a line for each change. Exit code 1 if the
    work was stopped before its end.

    \b
    Example:
        keras-kd watch saved_models/resnet56_to_resnet20
        keras-kd watch saved_models/digits --once
    """
    from keras_kd.workflows.watch import watch as watch_run

    ended = watch_run(run, once=once, every=every)
    end(0 if ended or once else 1)


@command()
@click.argument("run", type=A_RUN, shell_complete=completion.runs, metavar="RUN|MODEL.keras")
@of_model_options
@takes_modules
@backend_option
@json_option
def evaluate(run, dataset, pixels, image_size, resize, probabilities, backend, as_json):
    """Measure the student of a run again, or any Keras model on a dataset.

    \b
    Example:
        keras-kd evaluate saved_models/digits
        keras-kd evaluate teacher.keras --data cifar100 --pixels unit
        keras-kd evaluate teacher.keras --data cifar100 --module my_layers
    """
    if is_model_file(run):
        dataset = checked_model(run, dataset, pixels, "--{}".format)
        start_keras(backend)
        know_modules()
        from keras_kd.workflows.run.evaluate import evaluate_model

        found = evaluate_model(run, dataset, pixels, not probabilities, **sized(image_size, resize, "--{}".format))
        return _print_report(found, run, as_json)
    given = {"data": dataset, "pixels": pixels != "pixels", "image-size": image_size, "resize": resize}
    given["probabilities"] = probabilities
    of_a_file_alone(run, {name: one for name, one in given.items() if one}, "--{}".format)
    start_keras(backend)
    know_modules()
    from keras_kd.workflows.run.evaluate import evaluate as evaluate_run

    keeps("evaluate", run)
    _print_report(evaluate_run(run), run, as_json, "measured now: the student again; nothing was trained or exported")


@command()
@click.argument("run", type=A_RUN, shell_complete=completion.runs, metavar="RUN|MODEL.keras")
@click.option(
    "--format",
    "formats",
    multiple=True,
    shell_complete=completion.formats,
    help="One of the formats of docs/recipes.md; repeatable.",
)
@click.option("--out", type=A_FOLDER, help="For a MODEL.keras: the folder; MODEL-exported by default.")
@of_model_options
@takes_modules
@quiet_option
@json_option
def export(run, formats, out, dataset, pixels, image_size, resize, probabilities, quiet, as_json):
    """Export the student of a run, or any Keras model: each file is compared with Keras before it is delivered.

    A file that differs by more than the recipe's gates allow is kept out of the folder: exit code 1.

    \b
    Example:
        keras-kd export saved_models/digits
        keras-kd export saved_models/digits --format litert_int8
        keras-kd export my.keras --data cifar100 --format litert_int8
    """
    formats = checked_formats(formats, "--format")
    if is_model_file(run):
        dataset = checked_model(run, dataset, pixels, "--{}".format)
        start_keras()
        know_modules()
        from keras_kd.workflows.run.export import export_model

        folder = export_folder(run, out)
        given = {"pixels": pixels, "from_logits": not probabilities, **sized(image_size, resize, "--{}".format)}
        keeps("export", folder)
        found = export_model(run, dataset, folder, formats=formats, quiet=quiet, **given)
        return _print_report(found, folder, as_json, _exported(found))
    given = {"data": dataset, "out": out, "pixels": pixels != "pixels", "image-size": image_size, "resize": resize}
    given["probabilities"] = probabilities
    of_a_file_alone(run, {name: one for name, one in given.items() if one}, "--{}".format)
    start_keras()
    know_modules()
    from keras_kd.workflows.run.export import export as export_run

    keeps("export", run)
    found = export_run(run, formats=formats, quiet=quiet)
    _print_report(found, run, as_json, _exported(found, formats))


@command()
@click.argument("runs", type=A_RUN, shell_complete=completion.runs, nargs=-1, required=True, metavar="RUN...")
def report(runs):
    """Make report.html of finished runs again, of what their files say.

    \b
    Example:
        keras-kd report saved_models/digits
    """
    for folder in runs:
        refuse_no_folder(folder)
    start_keras()
    from keras_kd.workflows.run.write_page import write_page

    keeps("report")
    for folder in runs:
        print_result(write_page(folder))


def _print_report(found, where, as_json, done=None):
    from keras_kd.report.terminal import summary

    if as_json:
        return print_json(found)
    print_result(summary(found, terminal_width()))
    if done:
        print_result(done)
    print_result(f"{where}")


def _exported(found, formats=()):
    """What an export of some formats, or of all, has made now, in words."""
    names = [one.file for one in found.exports or [] if one.passed and (not formats or one.format in formats)]
    return f"exported now: {', '.join(names)}"
