"""How a network reads the data: whether it is right as it is fed, or would be with other pixels or classes."""

from dataclasses import dataclass, field

import numpy as np

from keras_kd.workflows.doctor.findings import CLASS_ORDER, PIXELS, finding, percent
from keras_kd.workflows.doctor.measures import class_permutation, scalings, skill
from keras_kd.workflows.doctor.members import is_right, settings_of
from keras_kd.workflows.doctor.normalisation import needs_statistics

# Images on which other pixels are tried, at most.
TRIED = 1000
# Another order or scaling must make of the network one that is worth this share of what takes no training.
WORTH = 0.6
# More right by so much under other pixels, and how improbable that must be by chance.
LEAST_GAIN, LARGEST_P = 0.02, 1e-4
# So much more right that it is no luck, whatever the loss.
FAR_MORE = 0.2
NOTHING = 1e-12
# How sure a network may be, of chance to certain, that is shown pixels hundreds of times too small.
UNSURE = 0.2
# Its loss under other pixels, as a share of the loss as fed, and by how much it must be less.
LIKELIER = ((1 / 2, 0.2), (1 / 3, 0.05))


@dataclass(frozen=True)
class PreprocessingFit:
    """How well one preprocessing of the images fits a network.

    Args:
        right: bool (n,), in the order of classes that fits best.
        accuracy: as the classes are.
        permutation: of `class_permutation`, where another order fits, or None.
        losses: float (n,), -log p of the right class, in the order of classes that fits best.
        sure: float (n,), its largest probability.
        saturated: share of the images whose second class has no probability to speak of.
    """

    right: np.ndarray
    accuracy: float
    permutation: dict | None
    losses: np.ndarray
    sure: np.ndarray
    saturated: float

    @property
    def nll(self):
        """The mean of the losses."""
        return float(self.losses.mean())


@dataclass
class Reading:
    """How a network reads the images.

    Args:
        fit: the `PreprocessingFit` of the images as the recipe feeds them.
        permutation: under the better scaling, or else as fed; None where no other order of classes fits.
        tried: {name of a scaling: accuracy}.
        better: (`Scaling`, `PreprocessingFit`) of one under which the network is far better, or None.
    """

    fit: PreprocessingFit
    permutation: dict | None
    tried: dict = field(default_factory=dict)
    better: tuple | None = None


def reading(case, member):
    """How a member reads the images.

    Args:
        case: a `Case`.
        member: one of its `Member`s.

    Returns:
        A `Reading`; None where it names other classes.
    """
    if member.called not in case.readings:
        case.readings[member.called] = None if member.names_other_classes else _reading(case, member)
    return case.readings[member.called]


def _reading(case, member):
    shown = case.training
    probabilities = member.probabilities(shown)
    whole = _read(case, probabilities, shown.true_labels)
    found = Reading(whole, whole.permutation)
    # Without its statistics a network's answers to other pixels mean nothing.
    if member.kind not in ("file", "function") or needs_statistics(case, member):
        return found
    # Drawn from all: images often lie in the order of their classes.
    some = np.sort(np.random.default_rng(0).permutation(len(shown))[:TRIED])
    images, labels = shown.images[some], shown.true_labels[some]
    fed = _read(case, probabilities[some], labels)
    given, others = scalings(member.spec, case.dataset)
    best = None
    for scaling in others:
        pixels = given.undone(scaling.of(images)).astype("float32")
        # Two settings that come to the same pixels are one.
        if np.abs(pixels - images).max() < 0.5:
            continue
        read = _read(case, member.probabilities(shown, pixels), labels)
        found.tried[scaling.name] = float(read.right.mean())
        if _is_better(case, read, fed, labels) and (best is None or _worth(read) > _worth(best[1])):
            best = scaling, read
    if best is not None:
        found.better, found.permutation = best, best[1].permutation
    return found


def _worth(read):
    return read.right.mean() - 0.01 * read.nll


def _read(case, probabilities, labels):
    permutation = class_permutation(probabilities, labels)
    if permutation is not None and not case.looks_trained(permutation["accuracy_in_order"], WORTH):
        permutation = None
    expected = labels if permutation is None else np.asarray(permutation["order"])[labels]
    right = is_right(probabilities, expected)
    return PreprocessingFit(
        right,
        float(is_right(probabilities, labels).mean()),
        permutation,
        -np.log(probabilities[np.arange(len(labels)), expected]),
        probabilities.max(1),
        float(np.mean(np.partition(probabilities, -2, axis=1)[:, -2] < NOTHING)),
    )


def _is_better(case, read, fed, labels):
    """Whether a network is far better when it is fed otherwise."""
    from scipy.stats import binom

    if not case.looks_trained(read.right.mean(), WORTH):
        return False
    gained, lost = int(np.sum(read.right & ~fed.right)), int(np.sum(fed.right & ~read.right))
    known = _known(read, fed, labels)
    nll, as_fed = float(read.losses[known].mean()), float(fed.losses[known].mean())
    # More right at a higher loss is luck, unless it is far more: under the pixels that it was trained on both are
    # better.
    more = gained - lost >= LEAST_GAIN * len(labels)
    if more and (nll < as_fed or gained - lost >= FAR_MORE * len(labels)):
        if binom.sf(gained - 1, gained + lost, 0.5) < LARGEST_P:
            return True
    # A network with little bias in it names the same classes at any scale, but is then sure of everything: only where
    # it is fed rightly does it know what it does not know.
    if gained < lost - 0.005 * len(labels) or abs(_overconfidence(read, known)) > 0.1:
        return False
    # One that is less sure than right was trained to be, as by soft labels; of pixels that are far too small it would
    # say next to nothing.
    overconfidence = _overconfidence(fed, known)
    sure = skill(overconfidence + float(fed.right[known].mean()), case.dataset.classes)
    if overconfidence < 0 and sure > UNSURE:
        return False
    likelier = any(nll < share * as_fed and as_fed - nll > least for share, least in LIKELIER)
    return likelier or (fed.saturated > 0.5 and read.saturated < 0.05)


def _known(read, fed, labels):
    """bool (n,): the images of classes that a network knows in one way or another.

    Of a class that it never names it is wrong whatever the pixels, and at a loss that outweighs all others.
    """
    count = np.bincount(labels)
    right = np.maximum(np.bincount(labels, read.right), np.bincount(labels, fed.right)) / np.maximum(count, 1)
    return (right >= np.median(right[count > 0]) / 3)[labels]


def _overconfidence(read, known):
    """How much surer a network is of some images than right."""
    return float(read.sure[known].mean() - read.right[known].mean())


def check_class_order(case, member):
    """Whether the classes that a network names are the data's.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    found = reading(case, member)
    shown = case.training
    if found is None:
        gives, has = member.network.model.output_shape[-1], case.dataset.classes
        return finding(
            CLASS_ORDER,
            "unknown",
            f"it names {gives} classes and the data has {has}",
            why="What it says of classes can be compared with nothing; only layers inside it can teach.",
            fix=f"for a method that reads logits give `{member.where}.class_map`",
        )
    permutation, read = found.permutation, found.fit
    if permutation is None:
        return finding(
            CLASS_ORDER,
            "good",
            f"no other order of its classes fits {len(shown):,} training images better",
            evidence={"images": len(shown), "accuracy": read.accuracy},
        )
    moved, classes = permutation["moved"], case.dataset.classes
    before, after = permutation["accuracy"], permutation["accuracy_in_order"]
    few = ": " + ", ".join(
        f"{case.dataset.class_names[one]} is called {case.dataset.class_names[permutation['order'][one]]}"
        for one in moved[:4]
    )
    mapped = _composed(member.class_map, permutation["order"])
    unsure = permutation["unsure"]
    doubt = f" (few images say which: {', '.join(map(str, unsure))}; look at these yourself)" if unsure else ""
    return finding(
        CLASS_ORDER,
        "bad",
        f"shuffled classes: {len(moved)} of {classes} are in each other's place{few}{', ...' * (len(moved) > 4)}; "
        f"{percent(before)} right as it is, {percent(after)} in the right order",
        why="The student is taught one class under the name of another.",
        fix=settings_of(member, class_map=mapped) + doubt,
        evidence={**permutation, "class_map": mapped},
    )


def _composed(class_map, order):
    """The class_map that names each class by the one which stands for it."""
    if class_map is None:
        return list(order)
    entries = [list(entry) if isinstance(entry, tuple) else entry for entry in class_map]
    return [entries[one] for one in order]


def check_pixels(case, member):
    """Whether a network is shown pixels as it was when it was trained.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    if member.kind == "stored":
        return finding(PIXELS, "good", "stored answers are shown no pixels")
    if member.kind not in ("file", "function"):
        return finding(PIXELS, "good", "it takes pixels 0..255 and normalises them itself")
    found = reading(case, member)
    if found is None:
        return finding(PIXELS, "unknown", "it names other classes than the data, so that nothing can be compared")
    given = scalings(member.spec, case.dataset)[0]
    own = float(found.fit.right.mean())
    evidence = {"given": given.name, "accuracy": own, "nll": found.fit.nll, "accuracy_under": found.tried}
    if found.better is None:
        tried = max(found.tried.values(), default=0.0)
        text = f"{percent(own)} right with pixels {given.name} as given, at most {percent(tried)} with others"
        return finding(PIXELS, "good", text, evidence=evidence)
    scaling, read = found.better
    if scaling.settings is None:
        fix = f"give it as a function (package.module:function) that begins with {scaling.name}"
    else:
        fix = settings_of(member, **scaling.settings)
    sure = f"; as given it is sure of nearly everything (loss {found.fit.nll:.3f}), with these not ({read.nll:.3f})"
    loss = sure if read.right.mean() < own + LEAST_GAIN else ""
    return finding(
        PIXELS,
        "bad",
        f"{percent(own)} right with pixels {given.name} as given, {percent(float(read.right.mean()))} with pixels "
        f"{scaling.name}{loss}",
        why="It was trained on pixels of another scale, and what it says of these is not what it has learnt.",
        fix=fix,
        evidence={**evidence, "better": scaling.name, "nll_under_better": read.nll, "settings": scaling.settings},
    )
