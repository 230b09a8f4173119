"""The command line: each command parses, calls one function, prints. Heavy imports are inside the commands."""

import contextlib
import gc
import json
import os
import re
import sys
from pathlib import Path

import click

import keras_kd
from keras_kd.utils import foreign_code, stopping
from keras_kd.utils.errors import Exit, GateError, NonFiniteLoss, UserError
from keras_kd.utils.files import UNWRITABLE, fault_of_the_machine
from keras_kd.utils.lazy import installed
from keras_kd.utils.paths import KERAS, RECIPE, ends_in, user_folder, user_path

BACKENDS = ("tensorflow", "jax")
PIXELS = ("pixels", "unit", "symmetric", "standard")
# What is said of a command that is stopped; of others, that nothing was changed.
KEPT = {
    "distill": "every whole epoch is kept in {folder} and in the runs beside it; {again} goes on from there",
    "search": "finished trials are kept in {folder}; {again} goes on from there",
    "worker": "its trial goes to another worker of {folder}; the same command joins again",
    "study": "finished runs and whole epochs are kept in {folder}; {again} goes on from there",
    "export": "files that were in {folder} stay or were replaced whole; the same command makes the rest",
    "evaluate": "the report in {folder} is as it was or was replaced whole; the same command measures again",
    "report": "each report.html is as it was or was replaced whole; the same command makes the rest",
    "compare": "{folder} is as it was or was written whole; the same command writes it",
    "bench": "bench.json in {folder} is as it was or was replaced whole; the same command measures again",
    "bank build": "rows that were computed, and epochs of a teacher, are kept beside {folder}; the same command goes "
    "on from there",
    "bank prune": "a bank in {folder} may be gone in part; `keras-kd bank prune --damaged` throws the rest of it away",
}


class Command(click.Command):
    """A command that code of a recipe's cannot end as if all had gone well."""

    def invoke(self, context):
        # A program may be ended in click's way too; a help text of ours ends before this.
        try:
            with foreign_code.unended(context.info_name):
                return super().invoke(context)
        except click.exceptions.Exit as error:
            text = f"{context.info_name}: code of the recipe's ended the program (click's Exit); take that out of it"
            raise UserError(text) from error


class Commands(click.Group):
    """Turns the errors a user can cause into one line each: exit code 2, or 1 where a run failed its checks."""

    command_class = Command
    group_class = type

    def main(self, *arguments, standalone_mode=True, **options):
        if not standalone_mode:
            return super().main(*arguments, standalone_mode=False, **options)
        try:
            code = super().main(*arguments, standalone_mode=False, **options)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            code = 2
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "keras-kd"
            _fail(f"{error.format_message().rstrip('.')}; `{path} --help` says more", 2)
        except click.Abort as error:
            _stopped(stopping.stop_in(error) or KeyboardInterrupt())
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, context):
        if context.parent is not None:
            return super().invoke(context)  # of a group inside: the outer one tells
        stopping.begin()
        try:
            with stopping.as_stop():
                return super().invoke(context)
        except UserError as error:
            _fail(error, 2)
        except (GateError, NonFiniteLoss) as error:
            _fail(error, 1)
        except OSError as error:
            fault = fault_of_the_machine(error)
            if fault is None and error.errno in UNWRITABLE and error.filename:
                _fail(f"{error.filename}: {error.strerror}; give another path", 2)
            if fault is None:
                raise
            where = f" ({error.filename})" if error.filename else ""
            _fail(f"{fault}{where}; cure that and give the same command again", 2)
        except KeyboardInterrupt as error:
            _stopped(error)


def _fail(message, code):
    for line in str(message).splitlines():
        click.echo(f"keras-kd: {line}", err=True)
    sys.exit(code)


def _end(code):
    """Ends a command with an exit code."""
    raise Exit(code)


class UserPath(click.Path):
    """A path: `~` is written out, and what can be none is refused in one line."""

    def __init__(self, spelled=user_path, **checks):
        super().__init__(**checks)
        self.spelled = spelled

    def convert(self, value, param, ctx):
        option = param.param_type_name == "option"
        return super().convert(self.spelled(value, param.opts[0] if option else param.human_readable_name), param, ctx)


A_PATH = UserPath()
A_RUN = UserPath(user_folder)
A_FOLDER = UserPath(user_folder, file_okay=False)


def _keeps(command, folder=None, restart=False):
    """Registers what is kept should the command be stopped from now on, and how to go on."""
    again = "the same command without --restart" if restart else "the same command"
    stopping.keeps(KEPT[command].format(folder=folder, again=again))


def _stopped(stop):
    said = stopping.line(stop)
    if said is not None:
        stopping.say(said)
    sys.exit(stopping.exit_code(stop))


def main():
    """The `keras-kd` command."""
    stopping.install()
    # Read by libraries at import: their start-up notes are no news to a user of this command.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Before anything heavy is imported: no file of the current folder stands in for a module of another.
    foreign_code.current_folder_last()
    stopping.to_its_end(lambda: commands(prog_name="keras-kd"))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(keras_kd.__version__, prog_name="keras-kd")
def commands():
    """Compress Keras models by knowledge distillation.

    A recipe pairs a teacher with a student and a method; the tool trains, measures and exports.

    \b
    Example:
        keras-kd distill digits                          the quick start, under a minute
        keras-kd new mine.yaml                           a recipe of your own to edit
        keras-kd validate mine.yaml --dry-run            everything checked before anything runs
        keras-kd distill mine.yaml                       train, measure, export: saved_models/mine/
    """


backend_option = click.option("--backend", help="tensorflow (default) or jax.")


def choose_backend(backend=None):
    """Sets the Keras backend for this process: as given, else KERAS_BACKEND, else Keras's own settings."""
    where = "--backend" if backend else "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else "keras.json"
    backend = backend or os.environ.get("KERAS_BACKEND") or _keras_settings().get("backend", "tensorflow")
    if backend not in BACKENDS:
        raise UserError(f"{where}: no backend {backend!r}; expected tensorflow or jax")
    if not installed(backend):
        extra = "keras-kd[jax]" if backend == "jax" else "tensorflow"
        others = [other for other in BACKENDS if installed(other)]
        cure = f", or set KERAS_BACKEND={others[0]}" if others else ""
        raise UserError(f"{where}: {backend} is not installed; pip install '{extra}'{cure}")
    os.environ["KERAS_BACKEND"] = backend


def start_keras(backend=None):
    """Chooses the backend and imports it, without its start-up notes."""
    from keras_kd.utils.quiet import quiet_start, without

    choose_backend(backend)
    # Making and tracing networks leaves millions of objects that stay, among which there is little garbage to be found.
    gc.set_threshold(200_000, 50, 50)
    # Keras imports both for its wrappers and plots, which no command uses.
    with quiet_start(), without("sklearn", "matplotlib"):
        from keras_kd.backend import device, no_tracing_notes

        device()
        no_tracing_notes()


def _keras_settings():
    if os.environ.get("KERAS_HOME"):
        # Keras itself takes it as it stands.
        os.environ["KERAS_HOME"] = user_path(os.environ["KERAS_HOME"], "KERAS_HOME")
    home = Path(os.environ.get("KERAS_HOME", os.path.expanduser("~/.keras")))
    try:
        settings = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def recipe_options(command):
    """`--set`, `--seed`, `--smoke`: what changes a recipe from the command line."""
    command = click.option("--smoke", is_flag=True, help="Shrink it to under a minute, to see that it works.")(command)
    command = click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Instead of the recipe's seed.")(command)
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Override a field: --set fit.epochs=3; repeatable.",
    )(command)


BANK_WORDS = "live, ahead, full, views:16, float16, float32, int8, topk:10, maps"
bank_option = click.option("--bank", metavar="WORDS", help=f"How the teacher is looked up: some of {BANK_WORDS}.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress.")


NOT_RUN = "a dry run needs its code, which --no-code leaves alone; leave one of the two options out"
UNREAD = "the settings of {}, as --no-code is given"
no_code_option = click.option("--no-code", is_flag=True, help="Import nothing that the recipe names.")


def _load(path, settings, seed, smoke, notes=None, code=True):
    from keras_kd.recipe.load import load

    # One seed that is asked for is the only one.
    seeds = [] if seed is None else [f"seed={seed}", "seeds=[]"]
    return load(path, [*settings, *seeds], smoke=smoke, notes=notes, code=code)


def _own_methods(recipe):
    """The methods of a recipe that are classes of the user's own."""
    return list(dict.fromkeys(term.method for term in recipe.terms if term.is_foreign))


def _tell_of_code(recipe, ran):
    """Says on standard error which modules were imported for a recipe."""
    for one in ran:
        click.echo(f"{recipe}: ran {one.module} ({one.file})", err=True)


def bank_settings(words):
    """`--bank full,views:16` as settings of a recipe."""
    settings, given = [], {}
    for word in words.split(",") if words is not None else ():
        name, colon, number = word.strip().partition(":")
        kind = "mode" if name in ("auto", "live", "ahead", "full") else name
        kind = "format" if name in ("float16", "float32", "int8", "topk") else kind
        if kind in given:
            raise UserError(f"--bank {words}: {given[kind]} and {word.strip()} exclude each other; keep one")
        given[kind] = word.strip()
        if name in ("views", "topk") and colon and not re.fullmatch("[1-9][0-9]*", number):
            raise UserError(f"--bank {words}: found {word.strip()!r}; expected 1 or more, such as {name}:16")
        if name in ("auto", "live", "ahead", "full") and not number:
            settings.append(f"bank.mode={name}")
        elif name in ("float16", "float32", "int8") and not number:
            settings.append(f"bank.format={name}")
        elif name == "maps" and not number:
            settings.append("bank.maps=true")
        elif name == "views" and number.isdigit():
            settings.append(f"bank.views={number}")
        elif name == "topk" and (number.isdigit() or not number):
            settings += ["bank.format=topk", *([f"bank.kept={number}"] if number else [])]
        else:
            raise UserError(f"--bank {words}: found {word.strip()!r}; expected some of {BANK_WORDS}, joined by commas")
    return settings


def _print_json(value):
    click.echo(json.dumps(value, indent=2))


@commands.command("list")
@click.argument("what", required=False, metavar="[methods|models|datasets|recipes|studies]")
@json_option
def list_command(what, as_json):
    """What there is: methods, models, datasets, recipes, studies.

    \b
    Example:
        keras-kd list models
    """
    from keras_kd.workflows.catalogue import CATALOGUE, in_lines

    if what is not None and what not in CATALOGUE:
        raise UserError(f"list: no {what!r}; expected one of {', '.join(CATALOGUE)}")
    tables = {name: CATALOGUE[name]() for name in ([what] if what else CATALOGUE)}
    if as_json:
        return _print_json(tables[what] if what else tables)
    for name, table in tables.items():
        click.echo("\n".join([f"{name}:", *in_lines(name, table)]))


@commands.command()
@click.argument("recipe", type=A_PATH)
@recipe_options
@json_option
def show(recipe, settings, seed, smoke, as_json):
    """A recipe with every default filled.

    Runs no code: the settings of a module:Class term are shown as they are given.

    \b
    Example:
        keras-kd show resnet56_to_resnet20 --set fit.epochs=30
    """
    import yaml

    loaded = _load(recipe, settings, seed, smoke, notes=[], code=False)
    for method in _own_methods(loaded):
        click.echo(f"{recipe}: the defaults of {method} are not filled: show runs no code", err=True)
    resolved = loaded.dump()
    if as_json:
        return _print_json(resolved)
    click.echo(yaml.safe_dump(resolved, sort_keys=False, default_flow_style=None, width=100).rstrip())


@commands.command()
@click.argument("recipe", type=A_PATH)
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Override a field; repeatable.")
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
    _tell_of_code(recipe, ran)
    click.echo(text.rstrip())


@commands.command()
@click.argument("name", type=A_PATH)
@click.option("--from", "template", type=A_PATH, default="my_images", show_default=True, help="The recipe to copy.")
def new(name, template):
    """Copy a recipe, to edit it.

    \b
    Example:
        keras-kd new flowers.yaml
        keras-kd new mine.yaml --from resnet56_to_resnet20
    """
    from keras_kd.recipe.files import find

    target = _new_file(name)
    source = find(template)
    text = source.read_text(encoding="utf-8")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = open(target, "x", encoding="utf-8")
    except OSError as error:
        if os.path.lexists(target):
            raise UserError(f"{target}: exists already; give another name") from None
        raise UserError(f"{target}: cannot be written: {error.strerror}; give another name") from None
    try:
        with file:
            file.write(text)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    click.echo(f"{target}: a copy of {source.name}; edit it, then `keras-kd validate {target} --dry-run`")


def _new_file(name):
    """The file that `new` writes: never beside a folder of that name, and none without a name of its own."""
    if Path(name).is_dir() or name.endswith(("/", os.sep)):
        inside = Path(name) / "mine.yaml"
        raise UserError(f"new: {name} is a folder; give the name of a file, such as {inside}")
    if not Path(name).stem.strip(".~") or ends_in(Path(name).stem, RECIPE):
        raise UserError(f"new: {name!r} is no name of a file; give one, such as mine.yaml")
    return Path(name if ends_in(name, RECIPE) else f"{name}.yaml")


@commands.command()
@click.argument("recipes", type=A_PATH, nargs=-1, required=True, metavar="RECIPE...")
@recipe_options
@click.option("--dry-run", is_flag=True, help="Also build the models, check every shape, and print what a run costs.")
@click.option("--backend", help="tensorflow (default) or jax, for --dry-run.")
@no_code_option
@json_option
def validate(recipes, settings, seed, smoke, dry_run, backend, no_code, as_json):
    """Check recipes: all errors at once, each with its line.

    Runs the code of module:Class terms, and with --dry-run that of models and data given as module:function, unless
    --no-code is given.

    \b
    Example:
        keras-kd validate recipes/*.yaml
        keras-kd validate mine.yaml --dry-run
    """
    loaded, errors, notes, plans, ran = {}, [], {}, {}, {}
    if dry_run:
        choose_backend(backend)  # a method of the user's own imports Keras while the recipe is read
    for path in recipes:
        notes[path] = []
        try:
            with foreign_code.watched() as ran[path]:
                absent = None if dry_run else notes[path]
                loaded[path] = _load(path, settings, seed, smoke, notes=absent, code=not no_code)
        except UserError as error:
            errors.append(str(error))
    if dry_run and loaded:
        start_keras(backend)
        for path, recipe in loaded.items():
            with foreign_code.watched() as built:
                try:
                    plans[path] = _planned(recipe, smoke, no_code)
                except UserError as error:
                    errors.append(f"{path}: {error}")
            ran[path] += [one for one in built if one not in ran[path]]
    unread = {path: _own_methods(recipe) if no_code else [] for path, recipe in loaded.items()}
    if as_json:
        noted = [note for path in recipes for note in [*notes[path], *map(UNREAD.format, unread.get(path, ()))]]
        code = [{"recipe": path, **one._asdict()} for path in dict.fromkeys(recipes) for one in ran[path]]
        told = {"ok": not errors, "errors": "\n".join(errors).splitlines(), "notes": noted, "plans": plans}
        _print_json({**told, "code": code})
        _end(2 if errors else 0)
    for path, of_path in ran.items():
        _tell_of_code(path, of_path)
    for path in loaded:
        if dry_run and path not in plans:
            continue
        click.echo(f"{path}: ok")
        for note in notes[path]:
            click.echo(f"  not there yet: {note}")
        for method in unread[path]:
            click.echo(f"  not checked: {UNREAD.format(method)}")
        if path in plans:
            from keras_kd.workflows.run.plan import in_words

            click.echo(in_words(plans[path]))
    if errors:
        raise UserError("\n".join(errors))


def _planned(recipe, smoke, no_code):
    """What a recipe will cost; what it names is not imported with --no-code."""
    from keras_kd.workflows.run.plan import plan

    with foreign_code.unended("dry run"), foreign_code.forbidden(NOT_RUN) if no_code else contextlib.nullcontext():
        return plan(recipe, smoke=smoke)


@commands.command()
@click.argument("recipe", type=A_PATH)
@recipe_options
@click.option("--out", type=A_FOLDER, help="The run folder; saved_models/RECIPE by default.")
@backend_option
@json_option
def doctor(recipe, settings, seed, smoke, out, backend, as_json):
    """Examine a recipe before a run, or after one: why would it not help? Trains nothing.

    Is the teacher any good in this very pipeline: its output, class order, pixels, temperature? Can the student learn
    from it? Each finding has its figures and its cure. Exit code 1 if something is bad. Runs the code that the recipe
    names: methods, models and data of your own.

    \b
    Example:
        keras-kd doctor digits
        keras-kd doctor resnet56_to_resnet20 --set terms.0.temperature=100
    """
    from keras_kd.recipe.files import find

    choose_backend(backend)  # a method of the user's own imports Keras while the recipe is read
    loaded = _load(recipe, settings, seed, smoke)
    name = find(recipe).stem
    folder = Path(out) if out else Path("saved_models") / _folder_name(recipe, name, loaded.seed, smoke)
    start_keras(backend)
    from keras_kd.workflows.doctor import examine, in_lines, summary_line

    found = examine(loaded, folder, name=name, smoke=smoke)
    if as_json:
        _print_json(found)
    else:
        click.echo("\n".join(in_lines(found)))
        click.echo(summary_line(found))
    _end(1 if any(one["outcome"] == "bad" for one in found["findings"]) else 0)


@commands.command()
@click.argument("recipe", type=A_PATH)
@recipe_options
@click.option("--out", type=A_FOLDER, help="The run folder; saved_models/RECIPE by default.")
@click.option("--restart", is_flag=True, help="Throw away what is in the run folder and begin again.")
@bank_option
@backend_option
@quiet_option
@json_option
def distill(recipe, settings, seed, smoke, out, restart, bank, backend, quiet, as_json):
    """Run a recipe to its end: train, measure, export. A run that was killed goes on.

    \b
    Example:
        keras-kd distill recipes/digits.yaml
        keras-kd distill recipes/resnet56_to_resnet20.yaml --set fit.epochs=3 --out saved_models/short
        keras-kd distill digits --seed 1 --backend jax
        keras-kd distill resnet56_to_resnet20 --bank full,views:16
    """
    from keras_kd.recipe.files import find

    choose_backend(backend)  # a method of the user's own imports Keras while the recipe is read
    loaded = _load(recipe, [*settings, *bank_settings(bank)], seed, smoke)
    name = find(recipe).stem
    folder = Path(out) if out else Path("saved_models") / _folder_name(recipe, name, loaded.seed, smoke)
    start_keras(backend)
    from keras_kd.workflows import seeds as claim

    _keeps("distill", folder, restart)
    found = claim.distill(loaded, folder, name=name, restart=restart, smoke=smoke, quiet=quiet)
    _print_report(found, folder, as_json)


def _folder_name(recipe, name, seed, smoke):
    """A seed other than the recipe's own, and a smoke run, have folders of their own."""
    from keras_kd.recipe.files import run_name

    return run_name(name, seed, _load(recipe, (), None, False, notes=[], code=False).seed, smoke)


@commands.command()
@click.argument("recipe", type=A_PATH)
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
    backend,
    quiet,
    as_json,
):
    """Search the settings of a recipe; the best becomes a recipe, trained on all images and tested.

    Trials are judged on images set aside from the training images, never on the test images. All share the teacher's
    bank. A search that was killed goes on. Several processes share one, on machines that see the same folder: a chief
    and workers, given the same recipe and folder.

    \b
    Example:
        keras-kd search digits --trials 5
        keras-kd search resnet56_to_resnet20 --tuner bayesian --hours 8
        keras-kd search digits --chief 127.0.0.1:9000
        keras-kd search digits --worker 127.0.0.1:9000 --name one
    """
    from keras_kd.recipe.files import find

    _set_role(chief, worker, name)
    choose_backend(backend)
    given = {"trials": trials, "hours": hours, "tuner": tuner}
    overrides = [*settings, *(f"search.{key}={value}" for key, value in given.items() if value is not None)]
    overrides += [] if seed is None else [f"seed={seed}", "seeds=[]"]
    loaded = _load(recipe, overrides, None, smoke)
    stem = find(recipe).stem
    folder = Path(out) if out else Path("saved_models") / f"{_folder_name(recipe, stem, loaded.seed, smoke)}-search"
    if not installed("keras_tuner"):
        raise UserError("search: keras-tuner is not installed; pip install keras-tuner")
    start_keras(backend)
    from keras_kd.report.terminal import of_search
    from keras_kd.workflows.search.search import search as run_search

    _keeps("worker" if worker else "search", folder, restart)
    found = run_search(
        recipe,
        folder,
        name=stem,
        settings=overrides,
        smoke=smoke,
        restart=restart,
        quiet=quiet,
        winner=not no_winner,
    )
    if found is None:
        return
    if as_json:
        _print_json(found)
    else:
        click.echo(of_search(found))
        click.echo(f"{folder}")
    if found["best"] is None:
        _end(1)


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


@commands.command()
@click.argument("name", type=A_PATH, metavar="STUDY")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Override a field of every recipe.")
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

    Runs that are there are not run again; all share teachers and banks. A study that was killed goes on. Ready ones:
    `keras-kd list studies`; docs/studies.md says how to write one.

    \b
    Example:
        keras-kd study label_noise --jobs 2
        keras-kd study mine.yaml --seed 0 --seed 1
    """
    from keras_kd.utils.file_names import file_name
    from keras_kd.workflows.study.study_file import find_study

    path = find_study(name)
    choose_backend(backend)
    folder = Path(out) if out else Path("saved_models") / f"study-{file_name(path.stem)}{'-smoke' if smoke else ''}"
    start_keras(backend)
    from keras_kd.report.study_page import as_markdown
    from keras_kd.workflows.study.study import study as run_study

    if joins:
        stopping.keeps(None)  # the process that has begun this one says it
    else:
        _keeps("study", folder, restart)
    found = run_study(
        name,
        folder,
        settings=settings,
        seeds=seeds or None,
        smoke=smoke,
        restart=restart,
        jobs=jobs,
        quiet=quiet,
        tell=lambda line: click.echo(line, err=True),
        joins=joins,
    )
    if found is None:
        return
    if as_json:
        return _print_json(found)
    click.echo(as_markdown(found).rstrip())
    click.echo(f"{folder}")


@commands.command()
@click.argument("runs", type=A_RUN, nargs=-1, required=True, metavar="RUN...")
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
    from keras_kd.report.compare import in_lines, page, refuse_foreign_page, rows_of

    if out is not None and Path(out).suffix not in (".html", ".htm"):
        raise UserError(f"--out: found {out}; expected a name that ends in .html: the page is written there")
    if out is not None:
        refuse_foreign_page(out)
    rows = rows_of(runs)
    if out is not None:
        from keras_kd.utils.files import whole

        _keeps("compare", out)
        with whole(out) as temporary:
            temporary.write_text(page(rows), encoding="utf-8")
    if as_json:
        return _print_json(rows)
    click.echo("\n".join(in_lines(rows)))
    if out is not None:
        click.echo(out)


@commands.command()
@click.argument("run", type=A_RUN, metavar="RUN|MODEL.keras")
@click.option("--data", "dataset", help="For a MODEL.keras: the dataset whose test images it is measured on.")
@click.option(
    "--pixels", default="pixels", show_default=True, help="For a MODEL.keras: pixels, unit, symmetric, standard."
)
@click.option("--image-size", type=click.IntRange(1), help="For a MODEL.keras and a folder of images: their size.")
@click.option("--probabilities", is_flag=True, help="For a MODEL.keras that gives probabilities, not logits.")
@backend_option
@json_option
def evaluate(run, dataset, pixels, image_size, probabilities, backend, as_json):
    """Measure the student of a run again, or any Keras model on a dataset.

    \b
    Example:
        keras-kd evaluate saved_models/digits
        keras-kd evaluate teacher.keras --data cifar100 --pixels unit
    """
    if ends_in(run, KERAS) and not Path(run).is_dir():
        if dataset is None:
            raise UserError(
                f"{run}: give --data NAME, the dataset to measure it on; `keras-kd list datasets` names some"
            )
        if pixels not in PIXELS:
            raise UserError(f"--pixels: no {pixels!r}; expected one of {', '.join(PIXELS)}")
        from keras_kd.data import kind

        if kind(dataset) in ("folder", "npz"):
            dataset = user_path(dataset, "--data")
        start_keras(backend)
        from keras_kd.workflows.run.evaluate import evaluate_model

        found = evaluate_model(run, dataset, pixels, not probabilities, image_size)
        return _print_report(found, run, as_json)
    start_keras(backend)
    from keras_kd.workflows.run.distill import evaluate as evaluate_run

    _keeps("evaluate", run)
    _print_report(evaluate_run(run), run, as_json)


@commands.command()
@click.argument("run", type=A_RUN)
@click.option("--format", "formats", multiple=True, help="One of the formats of docs/recipes.md; repeatable.")
@quiet_option
@json_option
def export(run, formats, quiet, as_json):
    """Export the student of a run: SavedModel and LiteRT, each compared with Keras before it is handed over.

    A file that differs by more than the recipe's gates allow is kept out of the run folder: exit code 1.

    \b
    Example:
        keras-kd export saved_models/digits
        keras-kd export saved_models/digits --format litert_int8
    """
    from keras_kd.export.formats import FORMATS

    for one in formats:
        if one not in FORMATS:
            raise UserError(f"--format: no format {one!r}; expected one of {', '.join(FORMATS)}")
    start_keras()
    from keras_kd.workflows.run.distill import export as export_run

    _keeps("export", run)
    _print_report(export_run(run, formats=formats, quiet=quiet), run, as_json)


@commands.command()
@click.argument("runs", type=A_RUN, nargs=-1, required=True, metavar="RUN...")
def report(runs):
    """Make report.html of finished runs again, of what their files say.

    \b
    Example:
        keras-kd report saved_models/digits
    """
    start_keras()
    from keras_kd.workflows.run.distill import write_page

    _keeps("report")
    for folder in runs:
        click.echo(write_page(folder))


@commands.command()
@click.argument("files", type=A_RUN, nargs=-1, required=True, metavar="FILE|RUN...")
@click.option("--runs", type=click.IntRange(3), default=50, show_default=True, help="Timed, of one image.")
@click.option("--warm-up", type=click.IntRange(0), default=10, show_default=True, help="Runs before those.")
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="0: the runtime's own choice.")
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, help="Images at once; repeatable; 1 8 32.")
@click.option("--image-size", type=click.IntRange(1), help="Where a file leaves the size of its images open.")
@backend_option
@json_option
def bench(files, runs, warm_up, threads, batches, image_size, backend, as_json):
    """Measure files: latency, throughput, memory, size, each in a process of its own.

    \b
    Example:
        keras-kd bench saved_models/digits
        keras-kd bench teacher.keras saved_models/mine/student.tflite --threads 2
    """
    from keras_kd.export.latency import files_in, in_lines, kind_of, measure

    named = [one for file in files for one in (files_in(file) if _is_run(file) else [file])]
    if not named:
        raise UserError(f"{files[0]}: a folder without a model")
    # A deployed file is measured where there is no Keras.
    if "keras" in {kind_of(file) for file in named}:
        choose_backend(backend)
    given = {"runs": runs, "warm_up": warm_up, "threads": threads or None, "batches": batches or (1, 8, 32)}
    given["image_size"] = image_size and (image_size, image_size)
    rows = [measure(file, **given) for file in named]
    if len(files) == 1 and _is_run(files[0]):
        start_keras(backend)
        from keras_kd.workflows.run.deliver import keep_bench
        from keras_kd.workflows.run.folder import is_run

        if is_run(Path(files[0])):
            _keeps("bench", files[0])
            keep_bench(files[0], rows)
    if as_json:
        return _print_json(rows)
    click.echo("\n".join(in_lines(rows)))


def _is_run(file):
    return Path(file).is_dir() and not (Path(file) / "saved_model.pb").exists()


def _print_report(found, where, as_json):
    from keras_kd.report.terminal import summary

    if as_json:
        return _print_json(found)
    click.echo(summary(found))
    click.echo(f"{where}")


@commands.group("bank")
def bank_commands():
    """What teachers say, computed once: fill, look at, check, throw away.

    \b
    Example:
        keras-kd bank build resnet56_to_resnet20 --bank views:16
        keras-kd bank info
    """


folder_option = click.option(
    "--folder", default="saved_models/bank", show_default=True, type=A_FOLDER, help="Of the banks."
)
settings_option = click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Override a field.")
beside_option = click.option(
    "--out", type=A_FOLDER, help="The run folder beside which the bank lies; saved_models/RECIPE."
)


def _bank(recipe, settings, words, backend, may_train, out):
    """The bank of a recipe, beside a run folder."""
    from keras_kd.recipe.files import find

    choose_backend(backend)
    loaded = _load(recipe, [*settings, *bank_settings(words)], None, False)
    start_keras(backend)
    from keras_kd.workflows.run.build_bank import open_bank

    folder = Path(out or Path("saved_models") / find(recipe).stem)
    if may_train:
        _keeps("bank build", folder)
    return open_bank(loaded, folder, may_train=may_train, tell=lambda line: click.echo(line, err=True))


@bank_commands.command("build")
@click.argument("recipe", type=A_PATH)
@settings_option
@bank_option
@beside_option
@backend_option
@json_option
def bank_build(recipe, settings, bank, out, backend, as_json):
    """Fill the bank of a recipe's teacher with every view; trains the teacher first if its run is missing.

    \b
    Example:
        keras-kd bank build resnet56_to_resnet20 --bank views:16
    """
    opened = _bank(recipe, settings, bank, backend, True, out)
    from keras_kd.workflows.run.build_bank import build

    shown = [0]

    def progress(done, of):
        if done * 20 // of > shown[0]:
            shown[0] = done * 20 // of
            click.echo(f"{done:,} of {of:,} views", err=True)

    found = build(opened, progress)
    if as_json:
        return _print_json(found)
    click.echo(
        f"{found['folder']}: {found['views']:,} views, {found['computed']:,} of them computed now in "
        f"{found['seconds']:.1f} s; {found['bytes'] / 1e6:.1f} MB on the disk"
    )


@bank_commands.command("info")
@folder_option
@json_option
def bank_info(folder, as_json):
    """The banks that are there: of which teacher, how full, how large.

    \b
    Example:
        keras-kd bank info
    """
    from keras_kd.bank.folder import banks_in

    found = banks_in(folder)
    if as_json:
        return _print_json(found)
    if not found:
        click.echo(f"{folder}: no banks")
    for one in found:
        if "damaged" in one:
            cure = f"`keras-kd bank prune {one['key']} --folder {folder}` removes it"
            click.echo(f"{one['key']}  damaged: {one['damaged']}; {cure}")
            continue
        click.echo(f"{one['key']}  {one['teacher']}, {one['images']:,} images, {one['bytes'] / 1e6:.1f} MB")
        for name, table in one["tables"].items():
            click.echo(f"  {name:<20} {table['filled']:,} of {table['places']:,} views")


@bank_commands.command("verify")
@click.argument("recipe", type=A_PATH)
@settings_option
@bank_option
@beside_option
@click.option(
    "--sample", default=1000, show_default=True, type=click.IntRange(1), help="Views to ask the teacher again."
)
@backend_option
@json_option
def bank_verify(recipe, settings, bank, out, sample, backend, as_json):
    """Check every row of a recipe's bank, and ask the teacher about some of them again. Exit code 1 if one is damaged.

    \b
    Example:
        keras-kd bank verify resnet56_to_resnet20
    """
    opened = _bank(recipe, settings, bank, backend, False, out)
    found = opened.verify(sample)
    if as_json:
        _print_json(found)
    else:
        click.echo(f"{opened.folder}: {found['views']:,} views, {found['damaged']:,} damaged rows")
        for tap, difference in found["largest_difference"].items():
            name = opened.tables[tap].format.name
            click.echo(f"  {tap}: largest difference of {found['sampled']:,} views {difference:.2g} ({name})")
    _end(1 if found["damaged"] else 0)


@bank_commands.command("prune")
@click.argument("keys", nargs=-1, metavar="[KEY...]")
@click.option("--older-than", type=click.FloatRange(0), metavar="DAYS", help="Also those that no run used for longer.")
@click.option("--damaged", is_flag=True, help="Also those that cannot be read.")
@folder_option
def bank_prune(keys, older_than, damaged, folder):
    """Throw banks away; what is needed of them is computed again.

    \b
    Example:
        keras-kd bank prune --older-than 30
    """
    from keras_kd.bank.folder import prune

    if not keys and older_than is None and not damaged:
        raise UserError("bank prune: found nothing to go by; give keys, --older-than DAYS or --damaged")
    _keeps("bank prune", folder)
    for one in prune(folder, keys, older_than, damaged):
        left = f"; not a bank's, and left as it is: {', '.join(one['left'])}" if one["left"] else ""
        click.echo(f"{one['key']}: gone, {one['bytes'] / 1e6:.1f} MB free{left}")
