"""What is asked of `compress`, seen to be right; the command that asks for it, and where what is made lies."""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from keras_kd.utils.errors import UserError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.paths import absolute, user_path
from keras_kd.workflows.arguments import RUNS, folder_of, given_path, overrides
from keras_kd.workflows.start_checks import checked_despite

HEADER = "keras-kd compress "


class Place(NamedTuple):
    """Where what is made of one request lies.

    Args:
        name: of the run.
        run: its folder.
        recipe: the file beside it.
        images: the file of images without labels, with what the teacher says of them.
    """

    name: str
    run: Path
    recipe: Path
    images: Path


class Request(NamedTuple):
    """What is asked, whatever the target.

    Args:
        given: `keras_kd.workflows.compress.found_out.Given`.
        keep, steps: of `student.prune`.
        settings: overrides, as `--set` has them.
        words: of the command that asks for it, but for the target.
    """

    given: Any
    keep: tuple
    steps: int
    settings: list
    words: list


# What of the arguments of `compress` is the same whatever the target.
OPTIONS = {
    "keep": (), "labels": None, "image_size": None, "pixels": None, "steps": 1, "settings": (), "despite": (),
    "modules": (),
}  # fmt: skip


def request(model, data, **options):
    """The `Request` of arguments of `compress`, seen to be right.

    Args:
        model, data: as of `compress`.
        **options: some of `OPTIONS`, as of `compress`.

    Raises:
        UserError: one is not.
    """
    from keras_kd.data import is_path
    from keras_kd.models.load import PIXELS
    from keras_kd.models.saved import know
    from keras_kd.workflows.compress.found_out import Given

    options = {**OPTIONS, **options}
    labels, image_size, pixels, steps = (options[one] for one in ("labels", "image_size", "pixels", "steps"))
    model = user_path(given_path(model, "model"), "model")
    data = str(given_path(data, "data"))
    data = user_path(data, "data") if is_path(data) else data
    if is_path(data) and not Path(data).exists():
        raise UserError(f"{data}: no such file or folder; give a folder of images, or the name of a dataset")
    if pixels is not None and pixels not in PIXELS:
        raise UserError(f"pixels: found {pixels!r}; expected one of {', '.join(PIXELS)}")
    keep, modules = (options[one] for one in ("keep", "modules"))
    keep, modules = ((one,) if isinstance(one, str) else tuple(one) for one in (keep, modules))
    settings, despite = overrides(options["settings"], None), tuple(sorted(checked_despite(options["despite"])))
    for one in settings:
        if one.startswith(("student", "teacher", "data.name")):
            raise UserError(
                f"--set {one}: is what compress finds out; leave it out, or edit the recipe that --dry-run prints and "
                "give it to `keras-kd distill`"
            )
    know(*modules)
    given = Given(model, data, None if labels is None else user_path(labels), image_size, pixels, despite, modules)
    words = [model, "--data", data]
    said = {"labels": given.labels, "image-size": image_size, "pixels": pixels, "steps": steps if steps > 1 else None}
    for name, value in said.items():
        words += [] if value is None else [f"--{name}", str(value)]
    for name, values in (("keep", keep), ("set", settings), ("module", modules)):
        words += [word for one in values for word in (f"--{name}", one)]
    return Request(given, keep, steps, settings, words)


def place_of(asked, target, out=None):
    """The `Place` of what is made."""
    folder = folder_of(out) or RUNS / file_name(f"{Path(asked.given.model).stem}-{target.name}")
    recipe = folder.with_name(f"{folder.name}.yaml")
    # Of one model and one folder of images the same for all targets, so that they share the teacher's bank.
    seen = [str(absolute(asked.given.model)), str(absolute(asked.given.data)), asked.given.image_size]
    digest = hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:8]
    images = folder.with_name(f"{file_name(Path(asked.given.model).stem)}-images-{digest}.npz")
    return Place(folder.name, folder, recipe, images)


def command_of(asked, target):
    """The command that asks for a target, without what is no part of the result."""
    option = {"bytes": "size"}.get(target.field, target.field)
    value = f"{target.value:g}" if target.field != "bytes" else str(int(target.value))
    words = [*asked.words, f"--{option}", value, "--format", target.format]
    return f"{HEADER}{shlex.join(words)}"
