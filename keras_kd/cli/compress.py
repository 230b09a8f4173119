"""The command that makes a trained model smaller: compress."""

import click

from keras_kd.cli.common import (
    A_FOLDER,
    A_PATH,
    backend_option,
    checked_modules,
    choose_backend,
    command,
    despite_option,
    json_option,
    keeps,
    module_option,
    print_json,
    quiet_option,
    start_keras,
)
from keras_kd.utils.errors import GateError, UserError
from keras_kd.utils.screen import print_result
from keras_kd.utils.table import terminal_width
from keras_kd.workflows.compress.targets import OPTIONS, accuracy_of, ladder_of, target_of


def _spelled(name):
    return f"--{name}"


@command()
@click.argument("model", type=A_PATH, metavar="MODEL.keras")
@click.option("--data", required=True, help="A folder of images, or what a recipe's data names, such as cifar100.")
@click.option("--speedup", metavar="2x", help="How many times faster its exported file is to be, measured here.")
@click.option("--size", metavar="1MB", help="How large its exported file is to be at most.")
@click.option("--macs", metavar="50%", help="The share of the multiply-accumulates that is left.")
@click.option("--parameters", metavar="50%", help="The share of the parameters that is left.")
@click.option("--ladder", metavar="75,50,35,25", help="Several shares of the multiply-accumulates, one table of all.")
@click.option("--format", help="Of the exported file that is measured; litert_int8 by default.")
@click.option("--least-accuracy", type=float, metavar="-1.0", help="Points below the model at most; else exit code 1.")
@click.option("--keep", multiple=True, metavar="LAYER", help="A layer whose channels all stay; repeatable.")
@click.option("--labels", type=A_PATH, help="A file of the model's class names; one beside the model is found.")
@click.option("--image-size", type=click.IntRange(1), help="Of a model that leaves the size of its images open.")
@click.option("--pixels", help="That the model takes, where it cannot be told: pixels, unit, symmetric, standard.")
@click.option("--steps", type=click.IntRange(1, 10), default=1, help="How often it is pruned, distilled in between.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="A field of the recipe; repeatable.")
@click.option("--out", type=A_FOLDER, help="The run folder; saved_models/MODEL-2x by default.")
@click.option("--dry-run", is_flag=True, help="Find all out and print the recipe; write nothing.")
@click.option("--restart", is_flag=True, help="Throw away what is in the run folder and begin again.")
@despite_option
@module_option
@backend_option
@quiet_option
@json_option
def compress(model, data, speedup, size, macs, parameters, ladder, format, least_accuracy, dry_run, **options):
    """Make a trained model smaller: prune it, distil it from itself, export it, with proof.

    What can be measured is not asked for: the pixels that it takes, logits or probabilities, the order of its classes,
    which augmentation it stands, whether it is any good on these images. The recipe is written beside the run,
    saved_models/MODEL-2x.yaml; the same command goes on with a run that was killed.

    \b
    Example:
        keras-kd compress my_model.keras --data images/ --speedup 2x
        keras-kd compress my_model.keras --data images/ --size 1MB --least-accuracy -1.0
        keras-kd compress my_model.keras --data cifar100 --macs 50% --dry-run
        keras-kd compress my_model.keras --data images/ --ladder 75,50,35,25
    """
    asked = {"speedup": speedup, "size": size, "macs": macs, "parameters": parameters}
    if ladder is None:
        targets = [target_of(asked, format, _spelled)]
    else:
        others = [_spelled(name) for name, value in asked.items() if value is not None]
        if others:
            raise UserError(f"compress: found --ladder and {others[0]}; expected one of {', '.join(OPTIONS)}")
        targets = ladder_of(ladder, format, _spelled)
    least = accuracy_of(least_accuracy, "--least-accuracy")
    backend, quiet, as_json, out, restart = (
        options.pop(one) for one in ("backend", "quiet", "as_json", "out", "restart")
    )
    options["modules"] = checked_modules(options["modules"])
    choose_backend(backend)
    start_keras(backend)
    from keras_kd.workflows.compress import compress as work
    from keras_kd.workflows.compress.request import place_of, request

    asked = request(model, data, **options)
    if dry_run:
        return _print_dry(work, asked, targets, out, quiet, as_json)
    if ladder is not None:
        return _ladder(asked, targets, out, restart, quiet, as_json, least)
    place = place_of(asked, targets[0], out)
    keeps("compress", place.run, restart)
    with work.Looked(asked) as looked:
        ready = work.prepared(asked, targets[0], place, looked, restart=restart, quiet=quiet)
        report = work.distilled(ready, place, restart=restart, quiet=quiet, despite=asked.given.despite)
    from keras_kd.report.terminal import summary

    if as_json:
        print_json(report)
    else:
        print_result(summary(report, terminal_width()))
        print_result(f"recipe: {place.recipe}")
        print_result(f"{place.run}")
    work.refuse_worse(report, least, place.name)


def _print_dry(work, asked, targets, out, quiet, as_json):
    """The recipes that would be written."""
    from keras_kd.workflows.compress.request import place_of

    texts = {}
    with work.Looked(asked) as looked:
        for target in targets:
            place = place_of(asked, target, None if len(targets) > 1 else out)
            texts[str(place.recipe)] = work.prepared(asked, target, place, looked, quiet=quiet, writes=False).text
    if as_json:
        return print_json(texts)
    for file, text in texts.items():
        print_result(f"# {file}, not written: a dry run\n{text.rstrip()}")


def _ladder(asked, targets, out, restart, quiet, as_json, least):
    """All rungs, their table and their page."""
    from pathlib import Path

    from keras_kd.report.ladder import format_ladder
    from keras_kd.workflows.compress.ladder import climb, ladder_page

    place = None if out is None else Path(out)
    keeps("compress", ladder_page(asked, place).parent, restart)
    rows, page, failed = climb(asked, targets, out=place, restart=restart, quiet=quiet)
    if as_json:
        print_json(rows)
    else:
        print_result("\n".join(format_ladder(rows, terminal_width())))
        print_result(page)
    if least is not None and rows[0]["top1"] is not None:
        points = {row["run"]: 100 * (row["top1"] - rows[0]["top1"]) for row in rows[1:] if row["top1"] is not None}
        if points and all(one < least - 1e-9 for one in points.values()):
            failed.append(f"every rung is more than {-least:g} points below the model (--least-accuracy)")
    if failed:
        raise GateError("\n".join(failed))
