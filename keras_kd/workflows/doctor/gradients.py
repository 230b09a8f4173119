"""Where the label loss and each term pull the student at its start: the same way, or apart; and how strongly."""

from dataclasses import asdict, dataclass

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.data.epochs import Epochs
from keras_kd.data.views.member_views import MemberViews
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.methods.find import find
from keras_kd.models.foreign.layer import answering_in
from keras_kd.training.schedules import at
from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor.findings import GRADIENTS, finding, percent
from keras_kd.workflows.run.build import build_distiller, build_peers, trust_of
from keras_kd.workflows.run.class_weight import with_class_weights

LABELS = "labels"
# Batches as they come, for lengths; batches of some classes each, for directions.
BATCHES, GROUPS, IMAGES = 3, 4, 64
APART, ALIKE = -0.1, 0.5
LITTLE = 0.01
# What pulls so little is not there at all, whether what drowns it says the same or not.
NOTHING = 1e-3
# A share of the pull that leaves the labels hardly a word against what the teacher gets wrong.
MOST = 0.9
# Right on fewer of its training images a teacher passes on many mistakes. Of more than a hundred classes several fit
# one image, and good networks stay at 0.75 to 0.85 there.
EXPECTED, EXPECTED_OF_MANY, MANY = 0.9, 0.7, 100
ZERO = 1e-10


class _NotMeasured(UserError):
    """Nothing is wrong, but a gradient at the start would say nothing."""


@dataclass(frozen=True)
class Gradients:
    """Which part of the loss pulls the student where, and how hard.

    Args:
        parts: {name: {"weight": largest over the epochs, "norms": [a batch], "cosines": [a group of classes] with the
            gradient of the label loss; None of that itself and where one is 0}}.
        unknown: {name: why it was not measured}.
        refused: {name: why a run refuses it}.
        reached: share of the student's trainable weights in variables to which some part has a gradient.
        relative: the median of (length of the whole weighted gradient) / (length of the weights).
    """

    parts: dict
    unknown: dict
    refused: dict
    reached: float
    relative: float | None


def measure_gradients(case):
    """The gradients of the label loss and of each term to the student's weights, on a few batches.

    They are those of the untrained student. At the end of training they would say nothing: where their sum is zero,
    two gradients point against each other whatever the terms are worth. At the start, what all images have in common
    (the student must first unlearn the classes that it was drawn to prefer) is the larger part of every gradient, and
    is the same for any teacher. So directions are compared of batches of some classes each, minus their mean: of what
    the labels, and the teacher, say of these classes and not of others.

    Args:
        case: a `Case`.

    Returns:
        `Gradients`.

    Source:
        Du et al., Adapting Auxiliary Losses Using Gradient Similarity, arXiv:1812.02224.
    """
    recipe = case.weighed
    parts, unknown, refused = {}, {}, {}
    epochs = range(recipe.fit.epochs)
    if recipe.label_weight:
        weight = max(at(recipe.label_weight, epoch) for epoch in epochs)
        alone = {"terms": (), "label_weight": 1.0}
        try:
            parts[LABELS] = weight, _gradients_of(case, alone, ())
        except _NotMeasured as error:
            unknown[LABELS] = str(error)
    for number, term in enumerate(recipe.terms):
        name = _name(recipe, number)
        weight = max(at(term.weight, epoch) for epoch in epochs)
        if not weight:
            continue
        alone = {"terms": (term.model_copy(update={"weight": 1.0}),), "label_weight": 0.0}
        try:
            parts[name] = weight, _gradients_of(case, alone, find(term.method).roles)
        except _NotMeasured as error:
            unknown[name] = str(error)
        except UserError as error:
            refused[name] = str(error)
    variables = case.student.model.trainable_variables
    sizes = np.array([int(np.prod(variable.shape)) for variable in variables] or [0])
    reached = np.zeros(len(sizes), bool)
    length = float(np.sqrt(sum(float((ops.convert_to_numpy(one) ** 2).sum()) for one in variables)))
    whole, found = None, {}
    for name, (weight, (batches, groups)) in parts.items():
        found[name] = {"weight": weight, "norms": [_length(batch) for batch in batches]}
        cosines = None
        if LABELS in parts and name != LABELS and len(groups) > 1:
            pairs = zip(_centred(groups), _centred(parts[LABELS][1][1]), strict=True)
            cosines = [_cosine(one, other) for one, other in pairs]
        found[name]["cosines"] = None if cosines is None or None in cosines else cosines
        for batch in batches:
            reached |= np.array([float(np.abs(one).max(initial=0.0)) > ZERO for one in batch] or [False])
        weighted = [[weight * one for one in batch] for batch in batches]
        whole = (
            weighted
            if whole is None
            else [[a + b for a, b in zip(one, other, strict=True)] for one, other in zip(whole, weighted, strict=True)]
        )
    return Gradients(
        parts=found,
        unknown=unknown,
        refused=refused,
        reached=float(sizes[reached].sum() / max(sizes.sum(), 1)),
        relative=float(np.median([_length(batch) for batch in whole]) / max(length, 1e-30)) if whole else None,
    )


def _gradients_of(case, alone, roles):
    """The gradients of one part of the loss, arrays each: ([of a batch], [of a group of classes]).

    Args:
        case: a `Case`.
        alone: fields of the recipe in which this part is the only one.
        roles: of networks that the part reads.
    """
    dataset = case.dataset
    recipe = with_class_weights(case.recipe, dataset.class_names, dataset.train.labels)
    if not alone["label_weight"]:
        alone = {**alone, "fit": recipe.fit.model_copy(update={"class_weight": None})}  # which weighs labels alone
    if "teacher" in roles and case.teacher is not None and answering_in(case.teacher.model):
        raise _NotMeasured("the teacher is no Keras network and does not run in a step")
    if recipe.student.start_from_teacher is not None:
        raise _NotMeasured("the student starts at its teacher, where a term that compares the two is 0")
    # A part that reads no teacher needs none, but for the trust in it.
    teacher = case.teacher if "teacher" in roles or recipe.trust is not None else None
    peers = build_peers(recipe, dataset) if "peer" in roles else ()
    distiller = build_distiller(
        recipe.model_copy(update={**alone, "meta": None, "selection": None}),
        teacher,
        case.student,
        ViewRenderer(recipe.data.family),
        peers=peers,
        trust=None if teacher is None else trust_of(recipe, dataset, teacher),
        examples=len(dataset.train),
    )
    if distiller.student is not case.student.model:
        raise _NotMeasured("it makes a student of its own, the weights of which no other part reaches")
    trained = distiller.student.trainable_variables
    kept = {id(variable) for variable in trained}
    others = [variable for variable in distiller.variables if id(variable) not in kept]

    def part(changing, given):
        mapping = list(zip([*trained, *others], [*changing, *given["state"]], strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            joined, labels, weight = distiller.join(given["batch"])
            said = distiller(joined, training=True)
            total = distiller.compute_loss(joined, labels, said, weight, training=True)
            # The student's own regularisers belong to no part.
            for loss in distiller.losses:
                total = total - ops.sum(loss)
        return total

    run = backend.value_and_gradients(part)
    state = [ops.convert_to_tensor(variable) for variable in others]
    weights = [ops.convert_to_tensor(variable) for variable in trained]

    def gradients(batch):
        _, found = run(weights, {"state": state, "batch": batch})
        return [ops.convert_to_numpy(one).astype("float64") for one in found]

    batches, groups = _batches(case)
    return list(map(gradients, batches)), list(map(gradients, groups))


def _batches(case):
    """([the first batches of a run], [batches of some classes each])."""
    recipe, train = case.recipe, case.dataset.train
    size = min(recipe.fit.batch_size, IMAGES, len(train))
    epochs = Epochs(
        train.images,
        train.labels,
        recipe.data.family,
        size,
        recipe.seed,
        image_shape=case.dataset.image_shape,
        classes=case.dataset.classes,
        member_views=_member_views(case),
    )
    batches = [epochs[step] for step in range(min(BATCHES, len(train) // size))]
    seen = np.arange(min(len(train), 20 * GROUPS * size))
    by_class = seen[np.argsort(np.asarray(train.labels)[epochs.order[seen]], kind="stable")]
    groups = []
    for part in np.array_split(by_class, GROUPS):
        # Of one size, so that nothing is compiled anew.
        places = part[np.linspace(0, len(part) - 1, size).astype(int)] if len(part) >= size else []
        if len(places):
            groups.append(epochs.batch(epochs.order[places], epochs.view[places]))
    return batches, groups


def _member_views(case):
    """The views that the members of the teacher see, where these are their own."""
    seeds = case.teacher.view_seeds if case.teacher is not None else ()
    return MemberViews(seeds, case.recipe.data.family) if seeds else None


def _centred(batches):
    """Gradients minus their mean over the batches."""
    means = [sum(parts) / len(batches) for parts in zip(*batches, strict=True)]
    return [[one - mean for one, mean in zip(batch, means, strict=True)] for batch in batches]


def _length(arrays):
    return float(np.sqrt(sum(float((one**2).sum()) for one in arrays)))


def _cosine(one, other):
    lengths = _length(one) * _length(other)
    if not np.isfinite(lengths) or lengths <= ZERO**2:
        return None
    return float(sum(float((a * b).sum()) for a, b in zip(one, other, strict=True)) / lengths)


def check_gradients(case):
    """Whether labels and terms pull the student the same way, and none of them is drowned by another.

    Args:
        case: a `Case`.
    """
    if not case.recipe.terms or not case.student.model.trainable_variables:
        return None
    if case.lacks_teacher:
        return None
    measured = case.gradients
    parts = measured.parts
    strength = {name: one["weight"] * float(np.median(one["norms"])) for name, one in parts.items()}
    evidence = {**asdict(measured), "weighted_lengths": strength}
    texts = [f"{name}: not examined, {reason}" for name, reason in measured.unknown.items()]
    if measured.refused:
        return _refused(measured.refused, evidence)
    if not parts:
        return finding(GRADIENTS, "unknown", "; ".join(texts), evidence=evidence)
    if not all(np.isfinite(one) for one in strength.values()):
        return _not_finite(strength, evidence)
    told = [*_directions(case.recipe, parts), *_strengths(case.recipe, parts, strength)]
    weak = list(_weak_teacher(case, strength))
    evidence["only_weak_teacher"] = bool(weak) and not any(reason for _, reason, _ in told)
    told += weak
    texts += [text for text, _, _ in told]
    reasons = [reason for _, reason, _ in told if reason]
    if not reasons and len(strength) > 1:
        shares = ", ".join(f"{name} {one / sum(strength.values()):.2f}" for name, one in strength.items())
        texts.append(f"shares of the pull: {shares}")
    if not reasons and len(strength) == 1:
        texts.append(f"{next(iter(strength))} alone pulls")
    return finding(
        GRADIENTS,
        "warning" if reasons else "unknown" if measured.unknown else "good",
        "; ".join(texts),
        why=" ".join(reasons),
        fix="; ".join(dict.fromkeys(fix for _, _, fix in told if fix)),
        evidence=evidence,
    )


def _refused(refused, evidence):
    return finding(
        GRADIENTS,
        "bad",
        "; ".join(f"{name} cannot be built: {reason}" for name, reason in refused.items()),
        why="A run would stop here.",
        fix="; ".join(reason.rpartition("; ")[2] for reason in refused.values()),
        evidence=evidence,
    )


def _not_finite(strength, evidence):
    names = ", ".join(name for name, one in strength.items() if not np.isfinite(one))
    return finding(
        GRADIENTS,
        "bad",
        f"NaN or infinite of {names} on the first batches",
        why="Training would stop at its first step.",
        fix="look at the teacher's output and at the term's settings",
        evidence=evidence,
    )


def _directions(recipe, parts):
    """(text, reason, fix) of each part that was compared with the labels; no reason where nothing is wrong."""
    for name, one in parts.items():
        if one["cosines"] is None:
            continue
        median, negative = float(np.median(one["cosines"])), sum(cosine < 0 for cosine in one["cosines"])
        text, reason, fix = f"{name} and labels have cosine {median:.2f}", "", ""
        if median < APART and negative >= 0.75 * len(one["cosines"]):
            reason = f"{name} and the labels pull the student apart."
            fix = (
                "look at the class order and the teacher's accuracy; then less label_weight, or a target that agrees "
                f"with the label (`terms.{_number(recipe, name)}.target: swap`)"
            )
        yield text, reason, fix


def _strengths(recipe, parts, strength):
    """(text, reason, fix) of each part that is drowned by the largest; no reason where it does not matter."""
    largest = max(strength, key=strength.get)
    for name, one in strength.items():
        if one > LITTLE * strength[largest] or name == largest:
            continue
        share = one / strength[largest] if strength[largest] else 0.0
        text, cosines = f"{name} pulls {share:.2g} times as hard as {largest}", parts[largest]["cosines"]
        alike = cosines is not None and np.median(cosines) >= ALIKE
        if name == LABELS and alike and share >= NOTHING:
            # What the labels say, the term says too.
            yield text, "", ""
            continue
        field = "label_weight" if name == LABELS else f"terms.{_number(recipe, name)}.weight"
        yield text, f"{name} does nothing next to {largest}.", f"raise `{field}`, or leave it out"


def _weak_teacher(case, strength):
    """(text, reason, fix) of a teacher that is weak on its training images and is nearly all that pulls."""
    if not case.comparable:
        return
    numbers = [number for number, term in enumerate(case.recipe.terms) if "teacher" in find(term.method).roles]
    names = {_name(case.recipe, number): number for number in numbers}
    share = sum(one for name, one in strength.items() if name in names) / max(sum(strength.values()), 1e-300)
    accuracy = case.teacher_accuracy(case.training)
    expected = EXPECTED if case.dataset.classes <= MANY else EXPECTED_OF_MANY
    worth = case.worth_of_teacher
    # As good as the same student on labels alone is as good as it gets on these images.
    if share < MOST or accuracy >= expected or (worth is not None and not worth["worse"]):
        return
    weights = ", ".join(f"`terms.{number}.weight`" for name, number in names.items() if name in strength)
    yield (
        f"{share:.2f} of the pull comes from a teacher that is right on {percent(accuracy)} of "
        f"{len(case.training):,} training images",
        "The teacher is weak, and the labels have hardly a word against what it gets wrong.",
        f"raise `label_weight` (`auto` weighs the teacher by what it is worth) or lower {weights}, train the teacher "
        "further, or take a better one; `baseline: true` shows whether it helps",
    )


def _name(recipe, number):
    """What a part of the loss is called: a term by its method, and by its number where several have that method."""
    method = recipe.terms[number].method
    return method if sum(one.method == method for one in recipe.terms) == 1 else f"{method} {number}"


def _number(recipe, name):
    """The number of the term that a part is of."""
    method, _, number = name.partition(" ")
    return number or next(place for place, term in enumerate(recipe.terms) if term.method == method)
