"""The commands of banks: what teachers say, computed once."""

from pathlib import Path

import click

from keras_kd.cli import completion
from keras_kd.cli.common import (
    A_FOLDER,
    A_PATH,
    adds_modules,
    backend_option,
    bank_option,
    bank_settings,
    choose_backend,
    end,
    group,
    json_option,
    keeps,
    load_recipe,
    print_json,
    start_keras,
)
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import size
from keras_kd.utils.screen import print_note, print_result
from keras_kd.workflows.arguments import RUNS
from keras_kd.workflows.bank_commands import place_of_banks, progress


@group("bank")
def bank_commands():
    """What teachers say, computed once: fill, look at, check, throw away.

    \b
    Example:
        keras-kd bank build resnet56_to_resnet20 --bank views:16
        keras-kd bank info
    """


folder_option = click.option(
    "--folder", type=A_FOLDER, help="Of the banks; that of KERAS_KD_BANK by default, else saved_models/bank."
)
settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    shell_complete=completion.settings,
    help="Override a field.",
)
beside_option = click.option(
    "--out", type=A_FOLDER, help="The run folder next to which the bank lies; saved_models/RECIPE."
)


def _bank(recipe, settings, words, backend, may_train, out):
    """The bank of a recipe, next to a run folder."""
    from keras_kd.recipe.files import find

    choose_backend(backend)
    loaded = load_recipe(recipe, [*settings, *bank_settings(words)], None, False)
    start_keras(backend)
    from keras_kd.workflows.run.build_bank import open_bank

    folder = Path(out or RUNS / find(recipe).stem)
    if may_train:
        keeps("bank build", folder)
    return open_bank(loaded, folder, may_train=may_train, log=print_note)


@bank_commands.command("build")
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@settings_option
@adds_modules
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

    built = build(opened, progress())
    if as_json:
        return print_json(built)
    print_result(
        f"{built['folder']}: {built['views']:,} views, {built['computed']:,} of them computed now in "
        f"{built['seconds']:.1f} s; {size(built['bytes'])} on the disk"
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

    folder = place_of_banks(folder, "--folder")
    found = banks_in(folder)
    if as_json:
        return print_json(found)
    if not found:
        print_result(f"{folder}: no banks")
    for one in found:
        if "damaged" in one:
            fix = f"`keras-kd bank prune {one['key']} --folder {folder}` removes it"
            print_result(f"{one['key']}  damaged: {one['damaged']}; {fix}")
            continue
        print_result(f"{one['key']}  {one['teacher']}, {one['images']:,} images, {size(one['bytes'])}")
        for name, table in one["tables"].items():
            print_result(f"  {name:<20} {table['filled']:,} of {table['places']:,} views")


@bank_commands.command("verify")
@click.argument("recipe", type=A_PATH, shell_complete=completion.recipes)
@settings_option
@adds_modules
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
    verified = opened.verify(sample)
    if as_json:
        print_json(verified)
    else:
        print_result(f"{opened.folder}: {verified['views']:,} views, {verified['damaged']:,} damaged rows")
        for tap, difference in verified["largest_difference"].items():
            name = opened.tables[tap].format.name
            print_result(f"  {tap}: largest difference of {verified['sampled']:,} views {difference:.2g} ({name})")
    end(1 if verified["damaged"] else 0)


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
    folder = place_of_banks(folder, "--folder")
    keeps("bank prune", folder)
    for one in prune(folder, keys, older_than, damaged):
        left = f"; not a bank's, and left as it is: {', '.join(one['left'])}" if one["left"] else ""
        print_result(f"{one['key']}: gone, {size(one['bytes'])} free{left}")
