"""Which classes pay: a mean accuracy can rise while some classes fall."""

import math

import numpy as np

from keras_kd.evaluation.metrics.paired import paired_interval
from keras_kd.utils.errors import UserError

LEAST_RUNS = 3
FLAGGED = -0.02


def who_pays(per_class):
    """How unequal the classes are served.

    Args:
        per_class: accuracies 0..1, one per class; None or NaN for a class without images, which is left out.

    Returns:
        A dict: "worst_class" {"class", "accuracy"}, of equal ones the smaller number; "worst_tenth", the mean accuracy
        of the worst tenth of the classes, rounded up; "spread", the standard deviation over the classes. All None
        where no class has images.

    Raises:
        UserError: anything but a number per class.

    Source: Lukasik et al., Teacher's pet: understanding and mitigating biases in distillation, arXiv:2106.10494.

    Example:
        >>> who_pays([0.5, None, 1.0])
        {'worst_class': {'class': 0, 'accuracy': 0.5}, 'worst_tenth': 0.5, 'spread': 0.25}
    """
    scores = _numbers("per_class", per_class, "(classes,)", dimensions=1)
    known = np.flatnonzero(~np.isnan(scores))
    if not len(known):
        return {"worst_class": None, "worst_tenth": None, "spread": None}
    order = known[np.argsort(scores[known], kind="stable")]
    return {
        "worst_class": {"class": int(order[0]), "accuracy": float(scores[order[0]])},
        "worst_tenth": float(scores[order[: math.ceil(len(known) / 10)]].mean()),
        "spread": float(scores[known].std()) if np.ptp(scores[known]) else 0.0,
    }


def class_changes(distilled, baseline, images=None):
    """What distillation does to each class, over runs paired by seed.

    The interval is that of each class alone: of many classes a few lie below 0 by chance.

    Args:
        distilled: per-class accuracies 0..1, (runs, classes); None or NaN for a class without images.
        baseline: as `distilled`, of the same student without a teacher; run i with the seed of run i there.
        images: how many images of each class the accuracies were counted on, (classes,), or None; see
            `keras_kd.evaluation.metrics.paired.paired_interval`.

    Returns:
        A dict: "runs"; "change", the mean of distilled minus baseline per class, None without images; "harmed", the
        classes whose mean change is below 0; "surely_harmed", those whose two-sided 95 % t interval lies below 0, none
        with fewer than 3 runs; "worst_change" {"class", "change"} or None; "flagged", the classes with a mean change
        below -0.02.

    Raises:
        UserError: shapes that do not fit.

    Source: Lukasik et al., Teacher's pet: understanding and mitigating biases in distillation, arXiv:2106.10494.

    Example:
        >>> changes = class_changes([[0.9, 0.5, None]], [[0.8, 0.6, None]])
        >>> changes["change"], changes["harmed"], changes["surely_harmed"], changes["flagged"]
        ([0.1, -0.1, None], [1], [], [1])
    """
    distilled = _numbers("distilled", distilled, "(runs, classes)", dimensions=2)
    baseline = _numbers("baseline", baseline, "(runs, classes)", dimensions=2)
    if distilled.shape != baseline.shape:
        raise UserError(
            f"distilled: found {distilled.shape}, and {baseline.shape} of the baseline; expected the same "
            "(runs, classes), run by run of the same seed"
        )
    change, surely = [], []
    for number, of_class in enumerate((distilled - baseline).T):
        known = of_class[~np.isnan(of_class)]
        # A change of exactly 0, or of exactly the limit, must not fall on either side by a rounding error.
        change.append(round(float(known.mean()), 12) + 0.0 if len(known) else None)
        counted = None if images is None else images[number]
        interval = paired_interval(known, images=counted) if len(known) >= LEAST_RUNS else None
        if interval and round(interval[1], 12) < 0:
            surely.append(number)
    known = {number: value for number, value in enumerate(change) if value is not None}
    worst = min(known, key=known.get, default=None)
    return {
        "runs": len(distilled),
        "change": change,
        "harmed": [number for number, value in known.items() if value < 0],
        "surely_harmed": surely,
        "worst_change": None if worst is None else {"class": worst, "change": known[worst]},
        "flagged": [number for number, value in known.items() if value < FLAGGED],
    }


def groups(train_counts, per_class):
    """The accuracy on frequent, middling and rare classes of long-tailed training data.

    The groups are thirds of the classes by their number of training images, as equal as can be; what is left over goes
    to the head first. So every data set has the three, other than by fixed numbers of images as in the source.

    Args:
        train_counts: integers 0 or more, (classes,): the training images of each class; equal ones are ordered by
            class number.
        per_class: accuracies 0..1, (classes,), on a test set; None or NaN for a class without images.

    Returns:
        A dict: "head", "middle" and "tail", the mean over the group's classes, None without any; "head_classes",
        "middle_classes" and "tail_classes", lists of class numbers, most training images first.

    Raises:
        UserError: shapes or numbers that do not fit.

    Source: Liu et al., Large-Scale Long-Tailed Recognition in an Open World, arXiv:1904.05160 (many, medium, few).

    Example:
        >>> grouped = groups([10, 500, 100, 20], [0.25, 1.0, 0.5, 0.75])
        >>> grouped["head"], grouped["head_classes"], grouped["tail"], grouped["tail_classes"]
        (0.75, [1, 2], 0.25, [0])
    """
    scores, counts = _numbers("per_class", per_class, "(classes,)", dimensions=1), np.asarray(train_counts)
    if counts.dtype.kind not in "iu" or counts.shape != scores.shape or counts.min() < 0:
        raise UserError(
            f"train_counts: found {counts.dtype} of shape {counts.shape}; expected integers of 0 or more of shape "
            f"{scores.shape}, one per class"
        )
    parts = np.array_split(np.argsort(-counts.astype("int64"), kind="stable"), 3)
    found = {}
    for name, part in zip(("head", "middle", "tail"), parts, strict=True):
        known = scores[part][~np.isnan(scores[part])]
        found[name], found[f"{name}_classes"] = float(known.mean()) if len(known) else None, part.tolist()
    return found


def _numbers(name, values, shape, *, dimensions):
    try:
        # NumPy makes NaN of None.
        values = np.asarray(values, "float64")
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: found no table of numbers ({error}); expected {shape}, None for no images") from error
    if values.ndim != dimensions or not values.size:
        raise UserError(f"{name}: found shape {values.shape}; expected {shape}, at least one of each")
    return values
