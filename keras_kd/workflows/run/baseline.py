"""The same student without its teacher: its recipe, and where its run lies."""

import hashlib
import json
from pathlib import Path

from keras_kd.methods import METHODS
from keras_kd.recipe.folders import baseline_folder
from keras_kd.recipe.pruning import student_name
from keras_kd.recipe.schema import BankSpec, EvidenceSpec, TermSpec
from keras_kd.utils.file_names import file_name
from keras_kd.workflows.run.folder import of_training
from keras_kd.workflows.run.prune_student import as_found

# What the runs learned from.
LABELS, SMOOTHING = "labels alone", "label smoothing"


def baseline_of(recipe, label_smoothing=None):
    """The recipe of the same student on labels alone: same data, views, epochs, optimizer and seed.

    Args:
        recipe: a `Recipe`.
        label_smoothing: share of a label that is spread over the classes; None trains on the labels themselves.

    Returns:
        A `Recipe` without peers, trust, generations and exports, and without the teacher that taught.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> one = baseline_of(load("digits"))
        >>> one.teacher, one.terms, one.label_weight, one.fit == load("digits").fit
        (None, (), 1.0, True)
    """
    terms, label_weight = (), 1.0
    fit, together = recipe.fit, recipe.cooperative
    if label_smoothing is not None and (fit.class_weight is not None or fit.label_smoothing):
        # These are of the label loss, in the place of which the term would stand.
        fit = fit.model_copy(update={"label_smoothing": label_smoothing})
    elif label_smoothing is not None:
        method = METHODS["label_smoothing"](smoothing=label_smoothing)
        terms, label_weight = (TermSpec(method="label_smoothing", weight=1.0, settings=method.model_dump()),), 0.0
    if together is not None:
        # As many epochs as the student has in all, and all images, those held out among them.
        fit = fit.model_copy(update={"epochs": fit.epochs + together.rounds * together.epochs})
    return recipe.model_copy(
        update={
            "fit": fit,
            # A student that is made from its teacher is the same one, and is taught nothing.
            "teacher": recipe.teacher if recipe.student.prune is not None else None,
            "student": recipe.student.model_copy(update={"start_from_teacher": None}),
            "terms": terms,
            "label_weight": label_weight,
            "peers": (),
            "trust": None,
            # Without a teacher nothing is held out for it: labels alone have all images.
            "meta": None,
            "selection": None,
            "cooperative": None,
            "bank": BankSpec(mode="live"),
            "generations": 1,
            "search": None,
            **recipe.alone(formats=()),
            "evidence": EvidenceSpec(),
            "seeds": (),
        }
    )


def baselines_of(recipe, one, folder):
    """What the run of a seed is judged against.

    Args:
        recipe: a `Recipe`.
        one: it with the seed of the run.
        folder: of the run of the recipe's own seed.

    Returns:
        {what it learns from: (`Recipe`, folder)}, empty where the recipe asks for no baseline.
    """
    if recipe.baseline is None:
        return {}
    smoothing = recipe.baseline.label_smoothing
    asked = {LABELS: None} if smoothing is None else {LABELS: None, SMOOTHING: smoothing}
    one = as_found(one, folder)
    found = {against: baseline_of(one, label_smoothing) for against, label_smoothing in asked.items()}
    student = file_name(Path(student_name(recipe)).stem.replace(":", "-"))
    return {
        against: (alone, baseline_folder(folder, student, digest_of(alone), one.seed))
        for against, alone in found.items()
    }


def digest_of(recipe):
    """What a recipe trains, its seed apart, in 8 hexadecimal digits."""
    plain = {key: value for key, value in of_training(recipe).items() if key != "seed"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:8]
