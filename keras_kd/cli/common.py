"""What commands share: how one ends, how Keras is started, and the options that several have."""

import contextlib
import functools
import gc
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import click

from keras_kd.bank.places import BANKS, shared
from keras_kd.cli import completion
from keras_kd.utils import foreign_code, stopping
from keras_kd.utils.errors import Exit, GateError, NonFiniteLoss, UserError
from keras_kd.utils.files import UNWRITABLE, fault_of_the_machine, reason
from keras_kd.utils.json_safe import json_safe
from keras_kd.utils.lazy import installed
from keras_kd.utils.paths import user_folder, user_path
from keras_kd.utils.screen import print_error, print_note, print_result
from keras_kd.utils.steps import telling
from keras_kd.workflows.arguments import RUNS, overrides
from keras_kd.workflows.start_checks import checked_despite

BACKENDS = ("tensorflow", "jax")
# What is said of a command that is stopped; of others, that nothing was changed.
KEPT = {
    "distill": "every completed epoch is kept in {folder} and in the runs next to it; {again} resumes from there",
    "compress": "every completed epoch is kept in {folder}, once its recipe is beside it; {again} resumes from there",
    "search": "finished trials are kept in {folder}; {again} resumes from there",
    "worker": "its trial goes to another worker of {folder}; the same command joins again",
    "study": "finished runs and completed epochs are kept in {folder}; {again} resumes from there",
    "export": "files that were in {folder} stay or were replaced whole; the same command makes the rest",
    "evaluate": "the report in {folder} is as it was or was replaced whole; the same command measures again",
    "report": "each report.html is as it was or was replaced whole; the same command makes the rest",
    "compare": "{folder} is as it was or was written whole; the same command writes it",
    "bench": "bench.json in {folder} is as it was or was replaced whole; the same command measures again",
    "bank build": "rows that were computed, and epochs of a teacher, are kept next to {folder}; the same command "
    "resumes from there",
    "bank prune": "a bank in {folder} may be gone in part; `keras-kd bank prune --damaged` throws the rest of it away",
}


# Commands that take as long as others do, and say what they see.
SHOWS_ITSELF = ("watch",)


class Command(click.Command):
    """A command that code of a recipe's cannot end as if all had gone well."""

    def invoke(self, context):
        # A program may be ended in click's way too; a help text of ours ends before this.
        try:
            with foreign_code.unended(context.info_name), _telling(context):
                return super().invoke(context)
        except click.exceptions.Exit as error:
            text = f"{context.info_name}: code of the recipe's ended the program (click's Exit); take that out of it"
            raise UserError(text) from error


def _telling(context):
    """A line now and then while a command takes long, unless it is told to be quiet; Keras is not there yet."""
    if context.params.get("quiet") or context.params.get("joins") or context.info_name in SHOWS_ITSELF:
        return contextlib.nullcontext()
    given = next((context.params[one] for one in ("recipe", "run", "name", "model") if context.params.get(one)), "")
    return telling(Path(str(given)).stem or context.info_name)


class Commands(click.Group):
    """Turns the errors a user can cause into one line each: exit code 2, or 1 where a run failed its checks."""

    command_class = Command
    group_class = type

    def list_commands(self, context):
        """In the order in which they were added: what a person begins with stands first."""
        return list(self.commands)

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
            fail(f"{error.format_message().rstrip('.')}; `{path} --help` says more", 2)
        except click.Abort as error:
            stopped(stopping.stop_in(error) or KeyboardInterrupt())
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, context):
        if context.parent is not None:
            return super().invoke(context)  # of a group inside: the outer one tells
        stopping.begin()
        try:
            # The runs of all commands that are begun in one place share the banks there.
            with stopping.as_stop(), shared(RUNS / BANKS):
                return super().invoke(context)
        except UserError as error:
            fail(error, 2)
        except (GateError, NonFiniteLoss) as error:
            fail(error, 1)
        except (ConnectionError, InterruptedError):
            raise
        except OSError as error:
            if fault_of_the_machine(error) is None and error.errno in UNWRITABLE and error.filename:
                fail(f"{error.filename}: {error.strerror}; give another path", 2)
            where = f" ({error.filename})" if error.filename else ""
            fail(f"{reason(error)}{where}; fix that and give the same command again", 2)
        except KeyboardInterrupt as error:
            stopped(error)


command = partial(click.command, cls=Command)
group = partial(click.group, cls=Commands)


def fail(message, code):
    """Ends the process with a message, each of its lines told of on standard error."""
    print_error(message)
    sys.exit(code)


def end(code):
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


def keeps(command, folder=None, restart=False):
    """Registers what is kept should the command be stopped from now on, and how to go on."""
    again = "the same command without --restart" if restart else "the same command"
    stopping.keeps(KEPT[command].format(folder=folder, again=again))


def stopped(stop):
    """Ends the process as one that was stopped, with what there is to say of it."""
    said = stopping.line(stop)
    if said is not None:
        print_error(said)
    sys.exit(stopping.exit_code(stop))


backend_option = click.option("--backend", shell_complete=completion.backends, help="tensorflow (default) or jax.")


def choose_backend(backend=None):
    """Sets the Keras backend for this process: as given, else KERAS_BACKEND, else Keras's own settings."""
    where = "--backend" if backend else "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else "keras.json"
    backend = backend or os.environ.get("KERAS_BACKEND") or _keras_settings().get("backend", "tensorflow")
    if backend not in BACKENDS:
        raise UserError(f"{where}: no backend {backend!r}; expected tensorflow or jax")
    if not installed(backend):
        extra = "keras-kd[jax]" if backend == "jax" else "tensorflow"
        others = [other for other in BACKENDS if installed(other)]
        fix = f", or set KERAS_BACKEND={others[0]}" if others else ""
        raise UserError(f"{where}: {backend} is not installed; pip install '{extra}'{fix}")
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


def checked_modules(modules):
    """The names that `--module` gives, once they are seen to be such.

    Raises:
        UserError: one is no name of a module.

    Example:
        >>> checked_modules(["my_layers.py"])
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: --module 'my_layers.py': expected the name of a module, such as my_layers
    """
    for one in modules:
        if one.endswith(".py") or not all(part.isidentifier() for part in one.split(".")):
            raise UserError(f"--module {one!r}: expected the name of a module, such as my_layers")
    return tuple(modules)


MODULES = "keras_kd.modules"
module_option = click.option(
    "--module",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="A module of your own that defines layers of saved networks, such as my_layers; repeatable.",
)


def adds_modules(command):
    """`--module` of a command that takes `settings` of recipes: it becomes one of them."""

    @module_option
    @functools.wraps(command)
    def run(*arguments, modules, settings, **options):
        added = tuple(f'modules.+="{one}"' for one in checked_modules(modules))
        return command(*arguments, settings=(*settings, *added), **options)

    return run


def takes_modules(command):
    """`--module` of a command that reads no recipe's file; it calls `know_modules` once Keras is started."""

    @module_option
    @functools.wraps(command)
    def run(*arguments, modules, **options):
        click.get_current_context().meta[MODULES] = checked_modules(modules)
        return command(*arguments, **options)

    return run


def know_modules():
    """Imports the modules that `--module` named."""
    from keras_kd.models.saved import know

    try:
        know(*click.get_current_context().meta[MODULES])
    except UserError as error:
        raise UserError(f"--module {error}") from None


def recipe_options(command):
    """`--set`, `--module`, `--seed`, `--smoke`: what changes a recipe from the command line."""
    command = adds_modules(command)
    command = click.option("--smoke", is_flag=True, help="Shrink it to under a minute, to see that it works.")(command)
    command = click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Instead of the recipe's seed.")(command)
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        shell_complete=completion.settings,
        help="Override a field: --set fit.epochs=3; repeatable.",
    )(command)


def of_model_options(command):
    """`--data`, `--pixels`, `--image-size`, `--resize`, `--probabilities`: how a Keras model of no run is measured."""
    command = click.option(
        "--probabilities", is_flag=True, help="For a MODEL.keras that gives probabilities, not logits."
    )(command)
    command = click.option(
        "--image-size", type=click.IntRange(1), help="For a MODEL.keras and a folder of images: their size."
    )(command)
    command = click.option(
        "--resize",
        metavar="WORD",
        help="For a MODEL.keras, with --image-size: antialias, stretch, crop, pad.",
    )(command)
    command = click.option(
        "--pixels", default="pixels", show_default=True, help="For a MODEL.keras: pixels, unit, symmetric, standard."
    )(command)
    return click.option(
        "--data",
        "dataset",
        shell_complete=completion.datasets,
        help="For a MODEL.keras: the dataset whose test images it is measured on.",
    )(command)


BANK_WORDS = "live, ahead, full, views:16, float16, float32, int8, topk:10, maps, folder:PATH"
bank_option = click.option("--bank", metavar="WORDS", help=f"How the teacher is looked up: some of {BANK_WORDS}.")
despite_option = click.option(
    "--despite",
    multiple=True,
    callback=lambda context, option, given: tuple(sorted(checked_despite(given, "--despite"))),
    metavar="CHECK",
    help="Go on though the checks before training find this bad, such as pixels or teacher-accuracy; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress.")
no_code_option = click.option("--no-code", is_flag=True, help="Import nothing that the recipe names.")


def load_recipe(path, settings, seed, smoke, notes=None, code=True):
    """The `Recipe` of a path or name, with what `recipe_options` gave."""
    from keras_kd.recipe.load import load

    return load(path, overrides(settings, seed), smoke=smoke, notes=notes, code=code)


def check_loaded(recipe, path, settings, seed, smoke, *, absent, code):
    """Checks what a `Recipe` leads to, read by `load_recipe` with the same arguments."""
    from keras_kd.workflows.check_recipe import check_recipe

    check_recipe(recipe, path, overrides(settings, seed), smoke=smoke, absent=absent, code=code)


def own_methods(recipe):
    """The methods of a recipe that are classes of the user's own."""
    return list(dict.fromkeys(term.method for term in recipe.terms if term.is_foreign))


def log_code(recipe, ran):
    """Says on standard error which modules were imported for a recipe."""
    for one in ran:
        print_note(f"{recipe}: ran {one.module} ({one.file})")


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
        elif name == "folder" and number:
            settings.append(f"bank.folder={json.dumps(word.strip().partition(':')[2])}")
        elif name == "maps" and not number:
            settings.append("bank.maps=true")
        elif name == "views" and number.isdigit():
            settings.append(f"bank.views={number}")
        elif name == "topk" and (number.isdigit() or not number):
            settings += ["bank.format=topk", *([f"bank.kept={number}"] if number else [])]
        else:
            raise UserError(f"--bank {words}: found {word.strip()!r}; expected some of {BANK_WORDS}, joined by commas")
    return settings


def print_json(value):
    """A value as indented JSON on standard output."""
    print_result(json.dumps(json_safe(value), indent=2))
