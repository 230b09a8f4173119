"""Whether a network knows every class: what it never names, its student learns not to name."""

import numpy as np

from keras_kd.utils.formatting import listed
from keras_kd.workflows.doctor.findings import CLASSES, finding, percent
from keras_kd.workflows.doctor.members import is_right
from keras_kd.workflows.doctor.preprocessing import reading

# How improbable so few right images of a class must be, were they as likely right as the others.
LARGEST_P = 1e-3
# Where more than this share of the classes is weak, the teacher is.
MANY = 1 / 3


def check_classes(case, member):
    """Whether a network is far worse on some classes than on the others.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    read = reading(case, member)
    if read is None or read.better is not None or read.permutation is not None:
        return None  # what is wrong is found elsewhere, and says nothing of classes
    on_held = _finding_on(case.held, case, member)
    if on_held["outcome"] == "good" and len(case.held) < len(case.training):
        # Of few images of a class nothing is sure: the images that a network was trained on show a blind one too.
        on_training = _finding_on(case.training, case, member)
        return on_held if on_training["outcome"] == "good" else on_training
    return on_held


def _finding_on(shown, case, member):
    """The finding of `check_classes` on some images."""
    from scipy.stats import binom

    right = is_right(member.probabilities(shown), shown.true_labels)
    count = np.bincount(shown.true_labels, minlength=case.dataset.classes)
    hits = np.bincount(shown.true_labels, weights=right, minlength=case.dataset.classes)
    shares = hits / np.maximum(count, 1)
    typical = float(np.median(shares[count > 0]))
    by_chance = binom.cdf(hits, np.maximum(count, 1), typical)
    weak = np.flatnonzero((count > 0) & (shares < typical / 3) & (by_chance < LARGEST_P / max((count > 0).sum(), 1)))
    evidence = {"images": len(shown), "split": shown.name, "median": typical, "weak": weak.tolist()}
    # Of a teacher that knows hardly any class well the classes are not the cause.
    evidence["many"] = bool(len(weak) > MANY * (count > 0).sum())
    evidence["accuracy"] = [float(share) if images else None for share, images in zip(shares, count, strict=True)]
    if not len(weak):
        told = f"no class far below the median of {percent(typical)}, on {len(shown):,} {shown.name} images"
        return finding(CLASSES, "good", told, evidence=evidence)
    names = listed([f"{case.dataset.class_names[one]} {percent(shares[one])}" for one in weak], 4)
    return finding(
        CLASSES,
        "warning",
        f"{len(weak)} of {case.dataset.classes} classes far below the median of {percent(typical)}, on {len(shown):,} "
        f"{shown.name} images: {names}",
        why="What a teacher hardly ever names it teaches its student not to name, whatever the weight of the labels.",
        fix="train the teacher on images of these classes; `baseline: true` and `export.deliver: best` keep the harm "
        "out of what is delivered",
        evidence=evidence,
    )
