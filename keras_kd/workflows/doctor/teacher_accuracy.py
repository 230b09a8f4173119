"""How good the teacher is in this very pipeline, and whether it was trained at all."""

import keras
import numpy as np

from keras_kd.backend.keras_private import flat_layers
from keras_kd.workflows.doctor.findings import finding, percent
from keras_kd.workflows.doctor.members import is_right
from keras_kd.workflows.doctor.preprocessing import CLASS_ORDER, PIXELS, reading
from keras_kd.workflows.doctor.teacher_output import OUTPUT

ACCURACY, NORMALISATION = "teacher accuracy", "batch normalisation"
BY_CHANCE = 0.999
# Below what its own run says: so many standard errors and so much beside.
ERRORS, BESIDE = 2.58, 0.02


def above_chance(probabilities, labels):
    """Whether a network is right more often than a guess that says each class as often as it does.

    Args:
        probabilities: (n, classes).
        labels: int (n,).

    Returns:
        dict: "accuracy", "chance" of such a guess, "bound": the accuracy that it passes with probability 0.001.

    Example:
        >>> found = above_chance(np.eye(2)[[0, 0, 0, 0]], np.array([0, 1, 0, 1]))
        >>> found["accuracy"], found["chance"], found["bound"]
        (0.5, 0.5, 1.0)
    """
    from scipy.stats import binom

    classes = probabilities.shape[1]
    said = np.bincount(probabilities.argmax(1), minlength=classes) / len(labels)
    asked = np.bincount(labels, minlength=classes) / len(labels)
    # One that always names the most frequent class has the accuracy of that class, and has learnt nothing.
    chance = float(np.sum(said * asked))
    return {
        "accuracy": float(is_right(probabilities, labels).mean()),
        "chance": chance,
        "bound": float(binom.ppf(BY_CHANCE, len(labels), chance) / len(labels)),
    }


def cause_of_failure(case, member):
    """The check that tells what is wrong with a network which is hardly ever right, or None of a good one.

    Args:
        case: a `Case`.
        member: one of its `Member`s.

    Returns:
        "logits or probabilities", "pixels", "class order" or "teacher accuracy" (it is untrained, or of other data).
    """
    if member.names_other_classes:
        return None
    kind, _ = member.gives(case.training)
    if kind == "not finite":
        return OUTPUT
    found = reading(case, member)
    if found["better"] is not None:
        return PIXELS
    if found["permutation"] is not None:
        return CLASS_ORDER
    measured = above_chance(member.probabilities(case.held), case.held.true_labels)
    poor = measured["accuracy"] <= measured["bound"] or not case.looks_trained(measured["accuracy"])
    return ACCURACY if poor else None


def check_accuracy(case, member):
    """Whether a network is any good on the images of the recipe, fed as a run feeds them.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    if member.names_other_classes:
        return finding(ACCURACY, "unknown", f"it names other classes than the data's {case.dataset.classes}")
    held = case.held
    measured = above_chance(member.probabilities(held), held.true_labels)
    accuracy = measured["accuracy"]
    images = f"{len(held):,} {held.name} images as they are"
    beside = "" if held.name == "validation" else " (none are set aside for validation; test images are not looked at)"
    evidence = {**measured, "images": len(held), "split": held.name, "nearest_class_mean": case.yardstick}
    told = f"{percent(accuracy)} of {images}{beside}"
    cause = cause_of_failure(case, member)
    if cause in (OUTPUT, PIXELS, CLASS_ORDER):
        weak = accuracy <= measured["bound"] or not case.looks_trained(accuracy)
        return finding(
            ACCURACY,
            "bad" if weak else "warning",
            told,
            why=f"What is wrong is found under {cause!r}.",
            cure=f"cure {cause!r} first",
            evidence={**evidence, "cause": cause},
        )
    if cause == ACCURACY:
        worse = f"no better than chance ({percent(measured['chance'])})"
        if accuracy > measured["bound"]:
            worse = f"naming the nearest class mean of the pixels gets {percent(case.yardstick)}"
        return finding(
            ACCURACY,
            "bad",
            f"{told}: {worse}; no other pixels or order of classes help",
            why="It is untrained, or trained on other data: a student learns next to nothing from it.",
            cure=_train_it(member),
            evidence={**evidence, "cause": "untrained"},
        )
    source = (member.network.source or {}).get("top1") if member.class_map is None else None
    if source is not None:
        evidence["top1_of_its_run"] = source
        allowed = ERRORS * np.sqrt(source * (1 - source) / len(held)) + BESIDE
        if accuracy < source - allowed:
            return finding(
                ACCURACY,
                "warning",
                f"{told}; the report of its own run says {percent(source)}",
                why="It is fed otherwise here than where it was measured, or these are other images.",
                cure="give both recipes the same data; `keras-kd evaluate` of its run measures it again",
                evidence=evidence,
            )
        told += f"; the report of its own run says {percent(source)} of its test images"
    if accuracy < case.yardstick:
        return finding(
            ACCURACY,
            "warning",
            f"{told}; naming the nearest class mean of the pixels gets {percent(case.yardstick)} without any training",
            why="A teacher that is worse than no training at all is hardly trained.",
            cure=_train_it(member),
            evidence=evidence,
        )
    if held.name == "validation" and (member.network.source or {}).get("trained_on_held_out"):
        return finding(
            ACCURACY,
            "warning",
            f"{told}; it was trained on these images",
            why="What is set aside here was not set aside there, so this is its training accuracy.",
            cure="give both recipes the same data, validation and its seed included",
            evidence={**evidence, "trained_on_held_out": True},
        )
    return finding(ACCURACY, "good", told, evidence=evidence)


def _train_it(member):
    if member.kind == "zoo":
        return f"{member.spec.model} has random weights here: make it the student of a recipe, and name that recipe"
    if member.kind == "application":
        return (
            f"{member.spec.model} has a classifier of random weights here: make it the student of a recipe, and name "
            "that recipe"
        )
    if member.kind in ("recipe", "generation"):
        return "train it longer, or with other settings: look at its run's report"
    return "train it on this data first, or give the file that holds its trained weights"


def check_batch_normalisation(case, member):
    """Whether batch normalisation has ever seen an image.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    layers = [
        layer
        for layer in flat_layers(member.network.model)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built
    ]
    if not layers:
        return None
    initial = [layer.name for layer in layers if _never_ran(layer)]
    evidence = {"layers": len(layers), "at_their_initial_values": initial}
    if not initial:
        return finding(NORMALISATION, "good", f"statistics in all {len(layers)} layers", evidence=evidence)
    everywhere = len(initial) == len(layers)
    which = f"all {len(layers)} layers" if everywhere else f"{len(initial)} of {len(layers)} layers ({initial[0]}, ...)"
    cure = _train_it(member)
    if member.kind in ("file", "function"):
        cure += "; or run it over training images with training=True, and save it again"
    return finding(
        NORMALISATION,
        "bad" if everywhere else "warning",
        f"mean 0 and variance 1, as a new layer has them, in {which}",
        why="These never saw an image in training, and a teacher runs on them.",
        cure=cure,
        evidence=evidence,
    )


def _never_ran(layer):
    mean, variance = (keras.ops.convert_to_numpy(one) for one in (layer.moving_mean, layer.moving_variance))
    return bool((mean == 0).all() and (variance == 1).all())
