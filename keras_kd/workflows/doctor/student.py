"""Whether the student is large enough, can learn, and is given steps and weights to learn by."""

import math

import keras
import numpy as np
from keras import ops

from keras_kd.backend.keras_private import flat_layers
from keras_kd.models import cost as bench
from keras_kd.models.network import cost
from keras_kd.training.schedules import at
from keras_kd.utils.paths import KERAS, ends_in
from keras_kd.workflows.doctor.findings import CAPACITY, RATE, SIZE, STUDENT, WEIGHTS, finding, percent

FROZEN, UNREACHED = 0.5, 0.5
# Of its length: a network that moves less from its start is not trained.
STILL = 1e-3
# In lengths of the weights, one step: above this it undoes all others.
FAR = 1.0
# What is usual; a rate so many times more or less is the first to be doubted where little was learnt.
USUAL, UNUSUAL = {"sgd": 0.05, "adam": 0.001, "adamw": 0.001}, 10.0
# Of its length: a network drawn at random that cannot move so far learns hardly anything.
LITTLE = 0.1


def check_student(case):
    """Whether the student's weights train, and whether a gradient reaches them.

    Args:
        case: a `Case`.
    """
    if case.recipe.student.prune is not None and case.teacher is None:
        told = "is made from its teacher, which is not there now"
        return finding(STUDENT, "unknown", told, why="A run trains the teacher first.")
    model = case.student.model
    every = bench.parameters(model)
    trains = sum(int(np.prod(one.shape)) for one in model.trainable_variables)
    share = trains / max(every, 1)
    evidence = {"parameters": every, "trainable": trains, "share": share}
    unfreeze = "set trainable = True on its layers before it is saved or returned"
    if share < FROZEN:
        told = "frozen: none" if not trains else f"mostly frozen: {trains:,}"
        return finding(
            STUDENT,
            "bad",
            f"{told} of its {every:,} parameters train",
            why="What is frozen learns nothing, from labels or teacher.",
            fix=f"{unfreeze}; or take another student",
            evidence=evidence,
        )
    measured = None if case.lacks_teacher else case.gradients
    told = f"{trains:,} of its {every:,} parameters train"
    if measured is None or not measured.parts:
        return finding(STUDENT, "good", told, evidence=evidence)
    evidence["reached"] = measured.reached
    if not measured.reached and not measured.unknown and not measured.refused:
        return finding(
            STUDENT,
            "bad",
            f"{told}, but their gradient is exactly 0 on the first batches",
            why="A network without a gradient does not learn.",
            fix="look for a stop_gradient, a rounding or an argmax in it, and for units that are dead at the start",
            evidence=evidence,
        )
    if measured.reached < UNREACHED and not measured.unknown and not measured.refused:
        return finding(
            STUDENT,
            "warning",
            f"{told}, but a gradient reaches only {percent(measured.reached)} of them on the first batches",
            why="The others stay as they were drawn.",
            fix="look for a stop_gradient in it; or give a label_weight above 0, which reaches all of it",
            evidence=evidence,
        )
    return finding(STUDENT, "good", f"{told}, and a gradient reaches {percent(measured.reached)}", evidence=evidence)


def check_learning_rate(case):
    """Whether the optimizer's steps move the weights somewhere, and not out of all bounds.

    Args:
        case: a `Case`.
    """
    fit = case.recipe.fit
    steps = -(-len(case.dataset.train) // fit.batch_size) * fit.epochs * case.recipe.generations
    variables = case.student.model.trainable_variables
    if not variables:
        return None
    count = sum(int(np.prod(one.shape)) for one in variables)
    length = np.sqrt(sum(float((ops.convert_to_numpy(one) ** 2).sum()) for one in variables))
    if fit.optimizer == "sgd":
        relative = None if case.lacks_teacher else case.gradients.relative
        if relative is None:
            return None
        moved = steps * fit.learning_rate * relative / (1 - fit.momentum)
    else:
        # A step of Adam moves each weight by the learning rate at most.
        moved = steps * fit.learning_rate * np.sqrt(count) / max(length, 1e-30)
    moved = float(moved)
    evidence = {"steps": steps, "learning_rate": fit.learning_rate, "optimizer": fit.optimizer, "most_moved": moved}
    told = f"{fit.optimizer} at {fit.learning_rate:g} for {steps:,} steps moves the weights at most {moved:.2g} lengths"
    step, times = moved / steps, fit.learning_rate / USUAL[fit.optimizer]
    behind = case.followed is not None and case.followed.behind
    if not step <= FAR:
        return finding(
            RATE,
            "warning",
            f"{told}, {step:.2g} in one step",
            why="Steps longer than the weights themselves leave nothing of what was learnt before them.",
            fix=f"lower {USUAL_RATES}",
            evidence=evidence,
        )
    if behind and times > UNUSUAL:
        return _unusual(case, told, evidence, "lower")
    if moved < STILL:
        return finding(
            RATE,
            "bad",
            told,
            why="The student ends where it began.",
            fix=f"raise {USUAL_RATES}, or `fit.epochs`",
            evidence=evidence,
        )
    if times < 1 / UNUSUAL and (behind or (moved < LITTLE and _drawn_at_random(case.recipe.student))):
        return _unusual(case, told, evidence, "raise")
    return finding(RATE, "good", told, evidence=evidence)


USUAL_RATES = "`fit.learning_rate` (sgd 0.05, adam 0.001 are usual)"


def _drawn_at_random(spec):
    """Whether a student's initial weights are drawn: one that comes trained need not move far."""
    if spec.prune is not None or spec.start_from_teacher is not None or spec.weights is not None:
        return False
    return not ends_in(spec.model, KERAS)


def _unusual(case, told, evidence, change):
    followed = case.followed
    if followed is None:
        why = "The student ends near the random weights with which it began."
    else:
        why = (
            f"The trained student gets {percent(followed.student)} of its training images where its teacher gets "
            f"{percent(followed.teacher)}, and the rate is far from what is usual."
        )
    return finding(RATE, "warning", told, why=why, fix=f"{change} {USUAL_RATES}", evidence=evidence)


def check_weights(case):
    """Whether there is something to learn from in every epoch.

    Args:
        case: a `Case`.
    """
    recipe = case.weighed
    every = [recipe.label_weight, *(term.weight for term in recipe.terms)]
    idle = [epoch + 1 for epoch in range(recipe.fit.epochs) if not any(at(weight, epoch) for weight in every)]
    evidence = {"idle_epochs": len(idle), "epochs": recipe.fit.epochs}
    if not idle:
        return finding(WEIGHTS, "good", f"above 0 in all {recipe.fit.epochs} epochs", evidence=evidence)
    return finding(
        WEIGHTS,
        "bad" if 2 * len(idle) >= recipe.fit.epochs else "warning",
        f"label_weight and all terms are 0 in {len(idle)} of {recipe.fit.epochs} epochs, from epoch {idle[0]} on",
        why="In these epochs nothing is learnt.",
        fix="give `label_weight` or a term a weight above 0 there",
        evidence=evidence,
    )


NOT_KNOWN = "the teacher is no Keras network: its parameters and multiply-accumulates are not known"


def check_size(case):
    """Whether the student is smaller than its teacher, as compressing wants it.

    Args:
        case: a `Case`.
    """
    if case.teacher is None:
        return None
    teacher, student = cost(case.teacher.model), cost(case.student.model)
    if teacher["macs"] is None:
        return finding(SIZE, "unknown", NOT_KNOWN)
    shares = {name: student[name] / max(teacher[name], 1) for name in ("parameters", "macs")}
    evidence = {"teacher": teacher, "student": student, **{f"{name}_share": one for name, one in shares.items()}}
    told = (
        f"the student has {shares['parameters']:.3g} times its teacher's parameters and {shares['macs']:.3g} times its "
        "multiply-accumulates"
    )
    # One of the same size is born again on purpose; one that is larger in all was taken by mistake.
    if min(shares.values()) <= 1 or case.recipe.generations > 1:
        return finding(SIZE, "good", told, evidence=evidence)
    return finding(
        SIZE,
        "warning",
        told,
        why="Nothing becomes smaller or faster by it.",
        fix="take a smaller student, unless its accuracy is what you are after",
        evidence=evidence,
    )


LARGE = 10.0
# A teacher so much better than what takes no training has learnt something that takes capacity.
HARD = 0.2
WHY = "A student that is much smaller than its teacher may follow it worse than it would follow a smaller one."


def check_capacity(case):
    """Whether the teacher is too large for the student; after a run, whether the student could follow.

    Args:
        case: a `Case`.

    Source:
        Mirzadeh et al., Improved Knowledge Distillation via Teacher Assistant, arXiv:1902.03393; Cho and Hariharan,
        arXiv:1910.01348.
    """
    if case.teacher is None:
        return None
    teacher, student = cost(case.teacher.model), cost(case.student.model)
    if teacher["macs"] is None:
        return finding(CAPACITY, "unknown", NOT_KNOWN)
    ratios = {name: teacher[name] / max(student[name], 1) for name in ("parameters", "macs")}
    evidence = {"teacher": teacher, "student": student, **{f"{name}_ratio": one for name, one in ratios.items()}}
    told = (
        f"the teacher has {ratios['parameters']:.1f} times the student's parameters and {ratios['macs']:.1f} times its "
        "multiply-accumulates"
    )
    fix = "`teacher: assistant.yaml`, a network of a size between the two that learns from this teacher; or an earlier "
    fix += "checkpoint of the teacher (`teacher.epoch`)"
    if case.followed is not None:
        return _after(case, told, evidence, fix)
    narrow = _narrow(case)
    if narrow is not None:
        return finding(CAPACITY, "warning", f"{told}; {narrow}", evidence=evidence, **TOO_NARROW)
    if max(ratios.values()) <= LARGE:
        return finding(CAPACITY, "good", told, evidence=evidence)
    if case.comparable:
        gained = case.teacher_accuracy(case.training) - case.class_mean_baseline
        evidence["beyond_nearest_class_mean"] = gained
        if gained <= HARD:
            text = (
                f"{told}, but the task is easy: naming the nearest class mean gets {percent(case.class_mean_baseline)}"
            )
            return finding(CAPACITY, "good", text, evidence=evidence)
    return finding(CAPACITY, "warning", told, why=WHY, fix=fix, evidence=evidence)


TOO_NARROW = {
    "why": "Numbers that each tell two halves of the classes apart must be as many as the classes have halvings.",
    "fix": "take a student whose last layer reads more numbers",
}


def _narrow(case):
    """What is said of a student whose last layer reads too few numbers to tell the classes apart, or None."""
    last = [
        layer
        for layer in flat_layers(case.student.model)
        if isinstance(layer, keras.layers.Dense) and layer.built and layer.units == case.dataset.classes
    ]
    width = last[-1].kernel.shape[0] if last else None
    if width is None or width >= math.log2(case.dataset.classes):
        return None
    return f"its last layer reads {width} number{'s' * (width > 1)} of an image, for {case.dataset.classes} classes"


def _after(case, told, evidence, fix):
    found = case.followed
    names = {"student_train": found.student, "teacher_train": found.teacher, "train_agreement": found.agrees}
    evidence = {**evidence, **names, "labels_alone_train": found.alone}
    told = (
        f"{told}; of {found.images:,} training images the trained student gets {percent(found.student)}, its teacher "
        f"{percent(found.teacher)}, and they agree on {percent(found.agrees)}"
    )
    if not found.behind:
        return finding(CAPACITY, "good", told, evidence=evidence)
    if found.can:
        told += f"; on labels alone the same student gets {percent(found.alone)}: it is large enough"
        return finding(CAPACITY, "good", told, evidence=evidence)
    if found.alone is not None:
        told += f"; on labels alone the same student gets {percent(found.alone)}"
    larger = max(evidence["parameters_ratio"], evidence["macs_ratio"]) > 2
    why = "It does not follow on the images that it was trained on: the student is too small for what it is to learn."
    fix = f"take a larger student{f'; {fix}' if larger else ''}"
    return finding(CAPACITY, "warning", told, why=why, fix=fix, evidence=evidence)
