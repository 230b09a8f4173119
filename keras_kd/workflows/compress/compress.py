"""A trained model made smaller: looked at, pruned to a target that is measured, distilled from itself, exported."""

import shlex
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from keras_kd.bank.places import BANKS, shared
from keras_kd.utils.errors import GateError, UserError
from keras_kd.utils.screen import print_note
from keras_kd.workflows.arguments import RUNS, PathLike, Settings
from keras_kd.workflows.compress.request import HEADER, command_of, place_of, request
from keras_kd.workflows.compress.targets import accuracy_of, target_of
from keras_kd.workflows.finished_run import Run


def compress(
    model: PathLike,
    data: PathLike,
    *,
    speedup: float | str | None = None,
    size: int | str | None = None,
    macs: float | str | None = None,
    parameters: float | str | None = None,
    format: str | None = None,
    least_accuracy: float | None = None,
    keep: Iterable[str] = (),
    labels: PathLike | None = None,
    image_size: int | None = None,
    pixels: str | None = None,
    steps: int = 1,
    settings: Settings = (),
    despite: Iterable[str] = (),
    modules: Iterable[str] = (),
    out: PathLike | None = None,
    restart: bool = False,
    quiet: bool = False,
) -> "Run":
    """Makes a trained model smaller: pruned to a target, distilled from itself, measured, exported.

    What can be found out is found out: the pixels that it takes, logits or probabilities, the size of its images, the
    order of its classes, which augmentation it stands, whether it is any good on these images. A recipe is written
    beside the run, `saved_models/MODEL-2x.yaml`, and run; the same call goes on with a run that was killed.

    Args:
        model: a `.keras` file of a functional or sequential model, an image in, classes out.
        data: a folder of images, one for each class or without any, or what a recipe's data names.
        speedup: how many times faster the exported file is to be, such as 2 or "2x"; or give one of the next.
        size: of the exported file at most, such as "1MB".
        macs, parameters: the share that is left, such as 0.5 or "50%".
        format: of the exported file that is measured; "litert_int8" by default.
        least_accuracy: how far below the model the student may be, in points: -1.0. None for any.
        keep: layers whose channels all stay.
        labels: a file of the model's class names; one beside the model is found.
        image_size: of a model that leaves it open.
        pixels: that the model takes, where they cannot be told: "pixels", "unit", "symmetric" or "standard".
        steps: how often it is pruned, distilled in between.
        settings: overrides of the recipe, as of `keras_kd.load_recipe`.
        despite: as of `keras_kd.distill`.
        modules: of your own, that define layers of the model.
        out: the run folder.
        restart: throws away what is there and begins again.
        quiet: no progress.

    Returns:
        The `keras_kd.Run`.

    Raises:
        UserError: what the user can fix; nothing was written.
        GateError: an exported file is not as the model, or the student is further below it than `least_accuracy`.

    Example:
        >>> compress("my_model.keras", "images/")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: compress: found no target; expected one of --speedup 2x, --size 1MB, \
--macs 50%, --parameters 50%, --ladder 75,50,35,25
    """
    target = target_of({"speedup": speedup, "size": size, "macs": macs, "parameters": parameters}, format)
    least = accuracy_of(least_accuracy, "least_accuracy")
    asked = request(
        model, data, keep=keep, labels=labels, image_size=image_size, pixels=pixels, steps=steps, settings=settings,
        despite=despite, modules=modules,
    )  # fmt: skip
    with shared(RUNS / BANKS), Looked(asked) as looked:
        place = place_of(asked, target, out)
        ready = prepared(asked, target, place, looked, restart=restart, quiet=quiet)
        report = distilled(ready, place, restart=restart, quiet=quiet, despite=asked.given.despite)
    refuse_worse(report, least, place.name)
    return Run(place.run)


class Ready(NamedTuple):
    """What is ready to be run.

    Args:
        recipe: a `Recipe`.
        text: of its file, or None where the file is there.
        images: a file that is to be moved to `Place.images`, or None.
    """

    recipe: Any
    text: str | None = None
    images: Path | None = None


class Looked:
    """What was found out of a request, once for all its targets; a context.

    Args:
        asked: `Request`.
    """

    def __init__(self, asked):
        self._asked, self._found, self._work = asked, None, None

    def __enter__(self):
        self._work = tempfile.mkdtemp(prefix="keras_kd-")
        return self

    def __exit__(self, *error):
        shutil.rmtree(self._work, ignore_errors=True)

    @property
    def images(self):
        """The file of images without labels, while the context is open."""
        return Path(self._work) / "images.npz"

    def found(self, say):
        """`Found`; what there is to say of it is said as it is found.

        Args:
            say: called with a line.
        """
        from keras_kd.workflows.compress.found_out import find_out

        if self._found is None:
            self._found = find_out(self._asked.given, self.images)
            for line in self._found.lines:
                say(line)
        return self._found


def prepared(asked, target, place, looked, *, restart=False, quiet=False, writes=True):
    """The recipe of a request: the one that is there, or a new one, which is then written.

    Args:
        asked: `Request`.
        target: `Target`.
        place: `Place`.
        looked: `Looked` of the request.
        restart: a recipe that is there is written anew.
        quiet: no progress.
        writes: whether files are written.

    Returns:
        `Ready`.

    Raises:
        UserError: what cannot be; nothing is written then.
    """
    from keras_kd.recipe.load import load
    from keras_kd.utils.steps import telling

    command = command_of(asked, target)
    if writes and not restart and place.recipe.exists():
        _refuse_other(place.recipe, command)
        return Ready(load(place.recipe))
    with telling(place.name, quiet):
        ready = _proposed(asked, target, place, command, looked, quiet)
    if writes:
        _write(ready, place)
        return Ready(load(place.recipe))
    return ready


def _proposed(asked, target, place, command, looked, quiet):
    """`Ready`, nothing of it written."""
    from keras_kd.recipe.overrides import override
    from keras_kd.utils.steps import step
    from keras_kd.workflows.compress.proposed_recipe import (
        as_recipe,
        for_this_machine,
        proposed,
        text_of,
        with_room_to_warm_up,
    )
    from keras_kd.workflows.run.plan import in_words, plan

    def say(line):
        if not quiet:
            print_note(f"{place.name}: {line}")

    found = looked.found(say)
    prune, reached = _prune_of(asked, target, found, say)
    raw = proposed(found, prune, modules=asked.given.modules)
    for one in asked.settings:
        override(raw, one)
    raw = with_room_to_warm_up(raw, asked.settings)
    recipe = as_recipe(raw)
    step("trying all of it, untrained")
    planned = plan(recipe)
    if not any(one.startswith("fit.epochs=") for one in asked.settings):
        raw, shorter = for_this_machine(raw, planned["seconds"])
        if shorter:
            say(shorter)
            recipe = as_recipe(raw)
            planned = plan(recipe)
    for line in in_words(planned).splitlines():
        say(line.strip())
    header = [command, *([reached] if reached else [])]
    if not found.labelled:
        raw = {**raw, "data": {**raw["data"], "name": str(place.images.absolute())}}
    return Ready(recipe, text_of(raw, header, place.recipe.parent), None if found.labelled else looked.images)


def _prune_of(asked, target, found, say):
    """(fields of `student.prune`, the line of what was reached or None): a measured target is found here, so that the
    recipe names a share and is the same whenever it is run."""
    from keras_kd.models.pruning.plan import Pruner
    from keras_kd.workflows.run.measured_plans import MeasuredPlans
    from keras_kd.workflows.run.measured_target import Asked, reach, told

    network, images = found.network, found.case.dataset.train.images
    spelled = {"format": target.format, "keep": list(asked.keep)}
    spelled |= {"steps": asked.steps} if asked.steps > 1 else {}
    spelled = {name: value for name, value in spelled.items() if value}
    pruner = Pruner(network.model, keep=asked.keep)
    if not target.is_measured:
        pruner.plan(target.field, target.value)  # which says what the least is
        return {target.field: target.value, **spelled}, None
    wanted, begun = Asked(target.field, target.value), time.monotonic()
    with MeasuredPlans(target.format, network.model, found.case.dataset.image_shape, images) as measure:
        best = reach(pruner, wanted, measure, "compress")
    line = told(best, wanted, time.monotonic() - begun)
    say(line)
    return {wanted.searched: best.share, **spelled}, line.rpartition(" (")[0]


def distilled(ready, place, *, restart, quiet, despite):
    """The report of a recipe that is ready, run to its end.

    Args:
        ready: `Ready`, of which nothing is to be written any more.
        place: `Place`.
        restart, quiet, despite: as of `compress`.
    """
    from keras_kd.workflows import seeds

    command = shlex.join(
        ["keras-kd", "distill", str(place.recipe), *([] if place.run.parent == RUNS else ["--out", str(place.run)])]
    )
    return seeds.distill(
        ready.recipe, place.run, name=place.name, restart=restart, quiet=quiet, despite=despite, command=command
    )


def _refuse_other(file, command):
    """Refuses a recipe that is there and that another command wrote."""
    first = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].removeprefix("# ")
    if first != command:
        what = f"is of `{first}`" if first.startswith(HEADER) else "was not written by this command"
        raise UserError(f"{file}: is there and {what}; give another --out, or --restart to begin anew")


def _write(ready, place):
    """Writes the recipe and, where they are made, the images: the recipe last, as it names what is there."""
    from keras_kd.utils.files import atomic_write

    place.recipe.parent.mkdir(parents=True, exist_ok=True)
    if ready.images is not None:
        with atomic_write(place.images) as temporary:
            shutil.copyfile(ready.images, temporary)
    with atomic_write(place.recipe) as temporary:
        temporary.write_text(ready.text, encoding="utf-8")


def refuse_worse(report, least, name):
    """Says of a student that is further below its teacher than it may be.

    Args:
        report: the `keras_kd.Report`.
        least: points, 0 or below; None for any.
        name: of the run.

    Raises:
        GateError: it is; its files are there all the same.
    """
    if least is None or report.teacher is None or report.teacher.top1 is None:
        return
    points = 100 * (report.student.top1 - report.teacher.top1)
    if points < least - 1e-9:
        raise GateError(
            f"{name}: the student is {-points:.2f} points below the model, and at most {-least:g} were asked for "
            "(--least-accuracy); ask for less of it, such as a larger share, or train longer: --set fit.epochs=..."
        )
