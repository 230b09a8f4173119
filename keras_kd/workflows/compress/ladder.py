"""Several shares of one model, each distilled: what each is worth, one table and one page of all."""

import json

from keras_kd.report.compare import page, refuse_foreign_page
from keras_kd.report.ladder import rows_of_ladder
from keras_kd.utils.errors import GateError, UserError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.files import atomic_write
from keras_kd.utils.screen import print_note
from keras_kd.workflows.arguments import RUNS
from keras_kd.workflows.compress.compress import Looked, distilled, prepared
from keras_kd.workflows.compress.request import place_of


def ladder_page(asked, out=None):
    """Where the page of a ladder lies: beside its runs.

    Args:
        asked: `keras_kd.workflows.compress.request.Request`.
        out: a folder that holds all of it; `saved_models` by default.
    """
    stem = file_name(asked.given.model.rsplit("/", 1)[-1].removesuffix(".keras"))
    return (RUNS if out is None else out) / f"{stem}-ladder.html"


def climb(asked, targets, *, out=None, restart=False, quiet=False):
    """Runs every rung, the largest first; they share what was found out and the teacher's bank.

    Args:
        asked: `keras_kd.workflows.compress.request.Request`.
        targets: `Target`s.
        out: a folder that holds all of it.
        restart, quiet: as of `compress`.

    Returns:
        ([row], page, [message of a gate that failed]): rows of `keras_kd.report.ladder.rows_of_ladder`.

    Raises:
        UserError: what the user can fix; a rung that cannot be reached is said before any is run.
    """
    file, failed, folders = ladder_page(asked, out), [], []
    refuse_foreign_page(file)
    with Looked(asked) as looked:
        ready = []
        for number, target in enumerate(targets, 1):
            place = place_of(asked, target, None if out is None else out / place_of(asked, target).name)
            if not quiet:
                print_note(f"ladder: rung {number} of {len(targets)}: {place.name}")
            try:
                recipe = prepared(asked, target, place, looked, restart=restart, quiet=quiet)
            except UserError as error:
                raise UserError(f"{place.name}: {error}") from None
            ready.append((recipe, place))
        for recipe, place in ready:
            try:
                distilled(recipe, place, restart=restart, quiet=quiet, despite=asked.given.despite)
            except GateError as error:
                failed.append(str(error))
            folders.append(place.run)
    rows = rows_of_ladder(folders)
    with atomic_write(file) as temporary:
        temporary.write_text(page(rows), encoding="utf-8")
    with atomic_write(file.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows, file, failed
