"""Whether there is a teacher, whether it gives what `from_logits` says, and how good it is in this very pipeline."""

import numpy as np

from keras_kd.models.outputs import check_from_logits
from keras_kd.recipe.files import shown
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import plural
from keras_kd.workflows.doctor.findings import (
    ACCURACY,
    CLASS_ORDER,
    NORMALISATION,
    OUTPUT,
    PIXELS,
    TEACHER,
    finding,
    percent,
)
from keras_kd.workflows.doctor.members import is_right, settings_of, train_it
from keras_kd.workflows.doctor.normalisation import needs_statistics
from keras_kd.workflows.doctor.preprocessing import reading


def check_teacher(case):
    """Whether the teacher is there and fits the recipe.

    Args:
        case: a `Case`.
    """
    recipe = case.recipe
    if case.missing:
        names = ", ".join(dict.fromkeys(shown(spec.model) for spec in case.missing))
        return finding(
            TEACHER,
            "unknown",
            f"the teacher's run is not there: {names}",
            why="What it is worth is known once it is trained.",
            fix="; ".join(dict.fromkeys(map(_trains_it, case.missing))),
            evidence={"missing": [spec.model for spec in case.missing]},
        )
    if case.teacher_error is not None:
        return _cannot_be_had(case.teacher_error)
    if not case.members:
        if recipe.generations > 1:
            return finding(TEACHER, "unknown", "the first generation, which is not trained yet")
        text = "none: the student learns from labels alone"
        if recipe.peers or recipe.terms:
            text = "none: the method needs no teacher"
        return finding(TEACHER, "good", text)
    try:
        name = case.teacher.name
    except UserError as error:
        return _cannot_be_had(str(error))
    return finding(TEACHER, "good", name, evidence={"members": [member.name for member in case.members]})


def _cannot_be_had(reason):
    found, _, fix = reason.rpartition("; ")
    return finding(
        TEACHER,
        "bad",
        f"it cannot be used: {found or reason}",
        why="A run would stop here.",
        fix=fix if found else "correct the teacher in the recipe",
    )


def _trains_it(spec):
    if spec.settings:
        return "`keras-kd distill` of this recipe trains it first"
    seed = "" if spec.seed is None else f" --seed {spec.seed}"
    return f"`keras-kd distill {shown(spec.model)}{seed}` trains it"


WHY = "A softmax of probabilities is nearly uniform, and a logarithm of logits is none: the target would be noise."


def check_output(case, member):
    """Whether a network gives what `from_logits` says, by its numbers and by its last layer.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    kind, figures = member.gives(case.training)
    said = member.network.from_logits
    count = f"on {len(case.training):,} training images"
    flag = "from_logits is true" if said else "from_logits is false"
    evidence = {"kind": kind, "from_logits": said, **figures}

    def bad(found, fix):
        return finding(OUTPUT, "bad", found, why=WHY, fix=fix, evidence=evidence)

    if kind == "not finite":
        images = figures["images_not_finite"]
        return finding(
            OUTPUT,
            "bad",
            f"NaN or infinite {count}, {images:,} of them",
            why="A loss with one such number is none, and training stops.",
            fix="train the teacher again, or take an earlier checkpoint of it",
            evidence=evidence,
        )
    between = f"{figures['smallest']:.3g} to {figures['largest']:.3g}"
    sums = f"rows that sum to {figures['least_sum']:.3f}"
    if kind == "probabilities" and said:
        return bad(f"probabilities ({between}, {sums}) {count}, and {flag}", _flag(member, False))
    if kind == "scaled probabilities":
        return bad(
            f"probabilities times a number ({between}, {sums}) {count}, and {flag}",
            "take the softmax and what scales it off the end of the network, so that it gives logits",
        )
    if kind == "sigmoids":
        return bad(
            f"numbers in 0..1 that do not sum to 1 ({between}) {count}: sigmoids, it seems",
            "give the last layer no activation, or a softmax",
        )
    if kind == "logits" and not said:
        return bad(
            f"logits ({between}, rows that sum to {figures['least_sum']:.3g} and up to {figures['largest_sum']:.3g}) "
            f"{count}, and {flag}",
            _flag(member, True),
        )
    try:
        check_from_logits(member.called, member.network.model, said)
    except UserError as error:
        reason, _, fix = str(error).rpartition("; ")
        if kind == "probabilities":
            fix = "let the network end in its softmax, without the layers after it"
        return bad(f"{kind} by the numbers, but a run refuses it: {reason}", fix)
    return finding(OUTPUT, "good", f"{kind} ({between}) {count}, and {flag}", evidence=evidence)


def _flag(member, gives_logits):
    if member.kind in ("recipe", "generation"):
        value = str(gives_logits).lower()
        return f"`student.from_logits: {value}` in its own recipe, and run that again with --restart"
    return settings_of(member, from_logits=gives_logits)


BY_CHANCE = 0.999
# Below what its own run says: by so many standard errors and by so much more.
ERRORS, BESIDE = 2.58, 0.02


def above_chance(probabilities, labels):
    """Whether a network is right more often than a guess that says each class as often as it does.

    Args:
        probabilities: (n, classes).
        labels: int (n,).

    Returns:
        dict: "accuracy", "chance" of such a guess, "bound": the accuracy that it passes with probability 0.001.

    Example:
        >>> measured = above_chance(np.eye(2)[[0, 0, 0, 0]], np.array([0, 1, 0, 1]))
        >>> measured["accuracy"], measured["chance"], measured["bound"]
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
        "logits or probabilities", "pixels", "class order", "batch normalisation" or "teacher accuracy" (it is
        untrained, or of other data).
    """
    if member.names_other_classes:
        return None
    kind, _ = member.gives(case.training)
    if kind == "not finite":
        return OUTPUT
    found = reading(case, member)
    if found.better is not None:
        return PIXELS
    if found.permutation is not None:
        return CLASS_ORDER
    measured = above_chance(member.probabilities(case.held), case.held.true_labels)
    poor = measured["accuracy"] <= measured["bound"] or not case.looks_trained(measured["accuracy"])
    if not poor:
        return None
    return NORMALISATION if needs_statistics(case, member) else ACCURACY


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
    note = "" if held.name == "validation" else f" ({_why_training(case)}; test images are not looked at)"
    evidence = {**measured, "images": len(held), "split": held.name, "nearest_class_mean": case.class_mean_baseline}
    told = f"{percent(accuracy)} of {images}{note}"
    cause = cause_of_failure(case, member)
    if cause is not None:
        return _failed(case, member, cause, told, evidence)
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
                fix="give both recipes the same data; `keras-kd evaluate` of its run measures it again",
                evidence=evidence,
            )
        told += f"; the report of its own run says {percent(source)} of its test images"
    return _against_labels_alone(case, told, evidence) or _against_no_training(case, member, told, evidence)


def _why_training(case):
    """Why a network is judged on images that it may have been trained on."""
    validation = case.dataset.validation
    if validation is None or not len(validation):
        return "none are set aside for validation"
    return f"the {plural(len(validation), 'validation image')} are too few to tell a weak network from chance"


def _against_labels_alone(case, told, evidence):
    """The finding of a network that is no better than what it is to teach, where that is on disk; else None."""
    worth, followed = case.worth_of_teacher, case.followed
    if followed is not None and followed.outgrown and evidence["accuracy"] < followed.student:
        return finding(
            ACCURACY,
            "warning",
            f"{told}; its own student gets {percent(followed.student)} of {followed.images:,} training images, the "
            f"teacher {percent(followed.teacher)}",
            why="A teacher that knows less than its student learnt from labels holds it back.",
            fix="train the teacher further, or take a better one; until then raise `label_weight`, or leave it out",
            evidence={**evidence, "worse_than": "its student"},
        )
    # Of several, only those that are themselves below it.
    if worth is None or not worth["worse"] or evidence["accuracy"] >= worth["labels_alone"]:
        return None
    return finding(
        ACCURACY,
        "warning",
        f"{told}; the same student on labels alone gets {percent(worth['labels_alone'])} of the test images, the "
        f"teacher {percent(worth['teacher'])} of {worth['images']}",
        why="It teaches a student that learns more from the labels than it knows itself.",
        fix="train the teacher further, or take a better one; until then raise `label_weight`, or leave it out",
        evidence={**evidence, **worth, "worse_than": "labels alone"},
    )


def _failed(case, member, cause, told, evidence):
    """The finding of a network that `cause_of_failure` found something wrong with."""
    weak = evidence["accuracy"] <= evidence["bound"] or not case.looks_trained(evidence["accuracy"])
    if cause != ACCURACY:
        return finding(
            ACCURACY,
            "bad" if weak else "warning",
            told,
            why=f"What is wrong is found under {cause!r}.",
            fix=f"fix {cause!r} first",
            evidence={**evidence, "cause": cause},
        )
    worse = f"no better than chance ({percent(evidence['chance'])})"
    if evidence["accuracy"] > evidence["bound"]:
        worse = f"naming the nearest class mean of the pixels gets {percent(case.class_mean_baseline)}"
    return finding(
        ACCURACY,
        "bad",
        f"{told}: {worse}; no other pixels or order of classes help",
        why="It is untrained, or trained on other data: a student learns next to nothing from it.",
        fix=train_it(member),
        evidence={**evidence, "cause": "untrained"},
    )


def _against_no_training(case, member, told, evidence):
    """The finding of a network that is as good as its own run says."""
    # Of easy images both get nearly all: which of the two gets one more is chance.
    error = np.sqrt(case.class_mean_baseline * (1 - case.class_mean_baseline) / len(case.held))
    if evidence["accuracy"] < case.class_mean_baseline - ERRORS * error - BESIDE:
        return finding(
            ACCURACY,
            "warning",
            f"{told}; naming the nearest class mean of the pixels gets {percent(case.class_mean_baseline)} without any "
            "training",
            why="A teacher that is worse than no training at all is hardly trained.",
            fix=train_it(member),
            evidence={**evidence, "worse_than": "no training"},
        )
    if case.held.name == "validation" and (member.network.source or {}).get("trained_on_held_out"):
        return finding(
            ACCURACY,
            "warning",
            f"{told}; it was trained on these images",
            why="What is set aside here was not set aside there, so this is its training accuracy.",
            fix="give both recipes the same data, validation and its seed included",
            evidence={**evidence, "trained_on_held_out": True},
        )
    return finding(ACCURACY, "good", told, evidence=evidence)
