"""The recipe that is proposed: what was found out, what was asked for, and a schedule for this machine."""

import math
import os
import tempfile
from pathlib import Path

import keras

from keras_kd.backend.keras_private import flat_layers
from keras_kd.export.formats import DEFAULTS
from keras_kd.recipe.load import load
from keras_kd.recipe.pruning import GENTLE
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.utils.formatting import duration
from keras_kd.utils.paths import from_folder

# A student that is made from its teacher is taught for so many steps, and so many epochs at least and at most.
STEPS, EPOCHS = 2000, (12, 60)
# Longer than this a run is made shorter, but not below so many epochs.
PATIENCE, FEWEST = 2 * 3600, 6
# {training images from which on: images of a batch}.
BATCHES = {30_000: 128, 2_000: 64, 0: 32}


def proposed(found, prune, *, modules=()):
    """The plain data of a recipe.

    Args:
        found: `keras_kd.workflows.compress.found_out.Found`.
        prune: fields of `student.prune`.
        modules: of the user's own.

    Returns:
        dict, its paths absolute.
    """
    count = len(found.case.dataset.train)
    batch = next(batch for least, batch in BATCHES.items() if count >= least)
    epochs = min(max(round(STEPS / math.ceil(count / batch)), EPOCHS[0]), EPOCHS[1])
    normalised = any(isinstance(one, keras.layers.BatchNormalization) for one in flat_layers(found.network.model))
    # Where batch normalisation keeps its size sgd does best; where none does, Adam is the one that never diverges.
    optimizer = {"optimizer": "sgd", "l2": 5e-4} if normalised else {"optimizer": "adam"}
    weight = 0.9 if found.labelled else 1.0
    formats = list(dict.fromkeys([*DEFAULTS, *([prune["format"]] if prune.get("format") else [])]))
    return {
        "data": found.data,
        "teacher": found.teacher,
        "student": {"from_logits": found.teacher["from_logits"], "prune": prune},
        "label_weight": round(1 - weight, 1),
        "terms": [{"method": "kd", "weight": weight, "temperature": 4}],
        "fit": {
            "epochs": epochs,
            "batch_size": batch,
            **optimizer,
            "learning_rate": GENTLE[optimizer["optimizer"]],
            "decay": "cosine",
            "warmup_epochs": 1,
        },
        "export": {"formats": formats},
        **({"modules": list(modules)} if modules else {}),
    }


def with_room_to_warm_up(raw, settings):
    """The recipe without the warm-up that is proposed where it was given one epoch alone.

    Args:
        raw: of `proposed`, its overrides written in.
        settings: these overrides, as `--set` has them.

    Example:
        >>> with_room_to_warm_up({"fit": {"epochs": 1, "warmup_epochs": 1}}, ["fit.epochs=1"])
        {'fit': {'epochs': 1, 'warmup_epochs': 0}}
    """
    given = any(one.startswith("fit.warmup_epochs=") for one in settings)
    if given or raw["fit"].get("epochs") != 1:
        return raw
    return {**raw, "fit": {**raw["fit"], "warmup_epochs": 0}}


def for_this_machine(raw, seconds):
    """The recipe with fewer epochs where it would take too long here, and the line that says so.

    Args:
        raw: of `proposed`.
        seconds: that it is estimated to take.

    Returns:
        (dict, line or None).

    Example:
        >>> for_this_machine({"fit": {"epochs": 12}}, 60)
        ({'fit': {'epochs': 12}}, None)
        >>> for_this_machine({"fit": {"epochs": 12}}, 12 * 3600)[1]
        '12 epochs would take about 12 h 0 min here: 6 are proposed; --set fit.epochs=12 takes them all'
    """
    epochs = raw["fit"]["epochs"]
    fewer = max(FEWEST, int(epochs * PATIENCE / max(seconds, 1)))
    if seconds <= PATIENCE or fewer >= epochs:
        return raw, None
    line = f"{epochs} epochs would take about {duration(seconds)} here: {fewer} are proposed; "
    return {**raw, "fit": {**raw["fit"], "epochs": fewer}}, f"{line}--set fit.epochs={epochs} takes them all"


def as_recipe(raw):
    """The `Recipe` of plain data whose paths are absolute, read as one of a file is.

    Args:
        raw: of `proposed`.

    Raises:
        UserError: every error of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "proposed.yaml"
        file.write_text(write_yaml(raw), encoding="utf-8")
        return load(file)


def text_of(raw, header, folder):
    """The text of the recipe's file.

    Args:
        raw: of `proposed`.
        header: lines that stand first, as comments.
        folder: in which it lies, from which its paths lead.
    """
    data, teacher = dict(raw["data"]), dict(raw["teacher"])
    for part, field in ((data, "name"), (teacher, "model")):
        if os.path.isabs(part[field]):
            part[field] = from_folder(part[field], folder)
    said = "".join(f"# {line}\n" for line in header)
    return said + write_yaml({**raw, "data": data, "teacher": teacher})
