"""The command line: each command parses, calls one function, prints. Heavy imports are inside the commands."""

import os

import click

import keras_kd
from keras_kd.cli import bank, compress, inspect, published, run, search
from keras_kd.cli.common import Commands
from keras_kd.utils import foreign_code, stopping


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
        keras-kd compress my_model.keras --data images/ --speedup 2x
                                                         a trained model made smaller and faster, with proof
        keras-kd distill digits                          the quick start, under a minute
        keras-kd new mine.yaml                           a recipe of your own to edit
        keras-kd validate mine.yaml --dry-run            everything checked before anything runs
        keras-kd distill mine.yaml                       train, measure, export: saved_models/mine/
    """


# In the order of docs/commands.md.
for one in (
    compress.compress,
    inspect.list_command,
    inspect.show,
    inspect.cite,
    inspect.new,
    run.validate,
    inspect.doctor,
    run.distill,
    run.watch,
    search.search,
    search.study,
    inspect.compare,
    run.evaluate,
    run.export,
    run.report,
    inspect.bench,
    published.import_command,
    bank.bank_commands,
):
    commands.add_command(one)
