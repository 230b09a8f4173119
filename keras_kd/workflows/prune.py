"""Pruning to a target, whether it is counted or measured: `keras_kd.prune`."""

import time

from pydantic import TypeAdapter, ValidationError

from keras_kd.export.trial_files import check_format
from keras_kd.models.pruning.plan import Pruner
from keras_kd.models.pruning.plan import prune as prune_to_share
from keras_kd.recipe.schema_pruning import FORMAT, MEASURED, TARGETS
from keras_kd.recipe.schema_types import Bytes
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_note
from keras_kd.utils.steps import telling
from keras_kd.workflows.run.measured_plans import MeasuredPlans
from keras_kd.workflows.run.measured_target import Asked, reach, told


def prune(
    model,
    *,
    macs=None,
    parameters=None,
    speedup=None,
    bytes=None,
    format=None,
    criterion="l2",
    round_to=8,
    minimum=0.1,
    keep=(),
    images=None,
    labels=None,
    seed=0,
    input_shape=None,
    quiet=False,
):
    """Plans which channels of a network go, so that it does a share of its work, has a share of its parameters, or its
    exported file is as fast or as small as is asked for.

    All layers are looked at together: those channels go that are worth least over the whole network. What is left
    equals the network with zero for every weight that reads a removed channel. Of a file that is asked for the share is
    searched: files of a few plans are made, and timed in turns with that of the whole network, so that what else the
    machine does hits both alike; that takes a minute or two.

    Args:
        model: a built functional or sequential `keras.Model`; it stays as it is.
        macs: the share of the multiply-accumulates that is left at most, above 0 and below 1; or give one of the next.
        parameters: the share of the parameters that is left at most.
        speedup: how many times faster than the whole network's the exported file is, one image on one thread.
        bytes: how large the exported file is at most: a number, or "1MB".
        format: of the file, such as "litert_float32"; "litert_int8" by default. With `macs` or `parameters` it is
            measured too.
        criterion: what a channel is worth: "l2", "l1", "bn_scale", "random", "taylor" (takes images), a
            `keras_kd.Criterion`, or "package.module:Class".
        round_to: the channels of a layer are a multiple of it, where as many can stay; 8 suits most kernels.
        minimum: the share of the channels of each layer that stays at least.
        keep: names of layers, or paths through nested models, whose channels all stay.
        images: (n, ...) as the network takes them, for criteria that take some; they also set the ranges of int8.
        labels: the classes of the images, whole numbers (n,); without them taylor draws from the network's own word.
        seed: of what is drawn.
        input_shape: of one example, where the network leaves dimensions open.
        quiet: no progress.

    Returns:
        A `Plan`: `print(plan)`, `plan.frozen`, `plan.model()`; `plan.measured` of its file.

    Raises:
        UserError: the network cannot be read, a target or a name is wrong, or it cannot be reached: then it says what
            can.

    Source:
        Labels of channels are the dependency graph of Fang et al. 2023 (arXiv:2301.12900), found on values; a target
        that is measured on the device is that of NetAdapt (Yang et al. 2018, arXiv:1804.03230).

    Example:
        >>> import keras
        >>> from keras_kd.models import build
        >>> keras.utils.set_random_seed(0)
        >>> prune(build("digits_tiny", (8, 8, 1), 10), macs=0.5, round_to=2).macs
        (23200, 10448)
    """
    given = {"macs": macs, "parameters": parameters, "speedup": speedup, "bytes": bytes}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) != 1:
        found = " and ".join(given) or "no target"
        raise UserError(f"prune: found {found}; expected one of {', '.join(TARGETS)}, such as macs=0.5")
    ((target, wanted),) = given.items()
    options = {"criterion": criterion, "round_to": round_to, "minimum": minimum, "keep": keep, "images": images}
    options |= {"labels": labels, "seed": seed, "input_shape": input_shape}
    if target not in MEASURED and format is None:
        return prune_to_share(model, **given, **options)
    format = format or FORMAT
    check_format(format, "prune: format")
    asked = Asked(target, _checked(target, wanted)) if target in MEASURED else None
    with telling("prune", quiet):
        # Without a search the plan is that of the share; its file is measured all the same.
        plan = None if asked else prune_to_share(model, **given, **options)
        pruner = Pruner(model, **options) if asked else None
        begun = time.monotonic()
        with MeasuredPlans(format, model, _image_shape(model, input_shape), images) as measure:
            if asked is None:
                plan.measured = measure(plan)
                return plan
            found = reach(pruner, asked, measure)
        found.plan.found = {asked.searched: found.share}
    if not quiet:
        print_note(f"prune: {told(found, asked, time.monotonic() - begun)}")
    return found.plan


def _checked(target, wanted):
    if target == "speedup":
        if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not wanted > 1:
            raise UserError(f"prune: speedup: found {wanted!r}; expected a number above 1, such as 2")
        return wanted
    try:
        size = TypeAdapter(Bytes).validate_python(wanted)
    except ValidationError:
        size = 0
    if size <= 0:
        raise UserError(f"prune: bytes: found {wanted!r}; expected bytes, such as 500000 or '1MB'")
    return size


def _image_shape(model, input_shape):
    """Of one image, as a file of the network is timed on."""
    shape = input_shape
    if shape is None and len(model.inputs) == 1:
        shape = tuple(model.inputs[0].shape[1:])
    if shape is None or len(shape) != 3 or None in shape:
        found = shape or f"{len(model.inputs)} inputs"
        raise UserError(
            f"prune: found {found}; expected one image of a fixed size to measure files on; give input_shape"
        )
    return tuple(shape)
