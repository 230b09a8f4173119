"""Whether distillation helped: one outcome, the test behind it, and a sentence for people."""

import numpy as np

from keras_kd.evaluation.metrics.paired import paired_interval
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import percent, plural

LABELS_ALONE = "labels alone"


def verdict(distilled, baseline, *, teacher=None, least_seeds=3, level=0.95, against=LABELS_ALONE, images=None):
    """Whether a distilled student is better than the same student without a teacher, over seeds.

    Runs are paired by the seeds that both have, and the differences tested by a two-sided paired t test: one
    comparison, with no correction for others that are made next to it.

    Args:
        distilled: {seed: top-1 in 0..1} of the distilled student.
        baseline: {seed: top-1 in 0..1} of the student that it is compared with.
        teacher: the teacher's top-1 in 0..1, or None.
        least_seeds: with fewer pairs than this the outcome is undecided, at least 1. With 1, a single pair is judged
            by its sign, and the sentence says that no spread is known.
        level: coverage of the interval, above 0 and below 1.
        against: what the baseline learned from, for the sentence: "labels alone", or such as "label smoothing".
        images: how many test images the accuracies were counted on, or None; see
            `keras_kd.evaluation.metrics.paired.paired_interval`.

    Returns:
        A dict: "outcome", "better", "worse" or "undecided": the last with too few seeds, or where the interval contains
        0. "difference", the mean of distilled minus baseline, in 0..1 as all accuracies here, None without a pair;
        "interval" [low, high] and "p", None with fewer than two pairs; "level"; "n", the number of pairs; "seeds";
        "test"; "differences" {seed: difference}; "distilled" and "baseline" {"mean", "std"} over the pairs, the
        standard deviation with n - 1, None with fewer than two; "why" it is undecided, or that no spread is known, or
        None; "gap_recovered", (distilled - baseline) / (teacher - baseline) of the means, None unless the teacher is
        above the baseline; "sentence".

    Raises:
        UserError: an accuracy outside 0..1, or settings out of range.

    Source: Dietterich, Approximate Statistical Tests for Comparing Supervised Classification Learning Algorithms,
        Neural Computation 1998, for what such a test assumes.

    Example:
        >>> compared = verdict({0: 0.70, 1: 0.71, 2: 0.72}, {0: 0.69, 1: 0.70, 2: 0.69}, teacher=0.74)
        >>> compared["outcome"], [round(end, 4) for end in compared["interval"]]
        ('undecided', [-0.012, 0.0454])
        >>> verdict({0: 0.71}, {0: 0.70})["sentence"]
        'Undecided: 1 seed of the 3 that a verdict needs; distilled minus labels alone is +1.00 points.'
    """
    distilled, baseline = _accuracies("distilled", distilled), _accuracies("baseline", baseline)
    if teacher is not None:
        teacher = _accuracies("teacher", {"top1": teacher})["top1"]
    if isinstance(least_seeds, bool) or not isinstance(least_seeds, int) or least_seeds < 1:
        raise UserError(f"least_seeds: found {least_seeds!r}; expected an integer of at least 1")
    if not 0 < level < 1:
        raise UserError(f"level: found {level}; expected a number above 0 and below 1")
    seeds = sorted(set(distilled) & set(baseline))
    differences = {seed: distilled[seed] - baseline[seed] for seed in seeds}
    tested = paired_interval(list(differences.values()), level, images)
    compared = {
        "outcome": "undecided",
        "difference": float(np.mean(list(differences.values()))) if seeds else None,
        "interval": list(tested[:2]) if tested else None,
        "level": float(level),
        "n": len(seeds),
        "seeds": seeds,
        "test": "paired t",
        "p": tested[2] if tested else None,
        "differences": differences,
        "distilled": _mean_and_std([distilled[seed] for seed in seeds]),
        "baseline": _mean_and_std([baseline[seed] for seed in seeds]),
    }
    compared["outcome"], compared["why"] = _outcome(compared, least_seeds)
    compared["gap_recovered"] = _gap_recovered(compared, teacher)
    return {**compared, "sentence": _sentence(compared, least_seeds, against)}


def _accuracies(name, scores):
    for seed, score in scores.items():
        if not isinstance(score, int | float | np.number) or not 0 <= score <= 1:
            raise UserError(f"{name}: found {score!r} for {seed}; expected an accuracy in 0..1; leave out what is not")
    return {seed: float(score) for seed, score in scores.items()}


def _mean_and_std(scores):
    return {
        "mean": float(np.mean(scores)) if scores else None,
        "std": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
    }


def _outcome(compared, least_seeds):
    """The outcome, and why it is undecided or worth little."""
    n, interval = compared["n"], compared["interval"]
    if not n:
        return "undecided", "no seed in common"
    if n < least_seeds:
        return "undecided", f"{_seeds(n)} of the {least_seeds} that a verdict needs"
    if interval and interval[0] <= 0 <= interval[1]:
        return "undecided", f"the {_level(compared)} interval contains 0"
    outcome = "better" if compared["difference"] > 0 else "worse" if compared["difference"] < 0 else "undecided"
    return outcome, None if interval else "one seed, so no spread is known"


def _gap_recovered(compared, teacher):
    if teacher is None or not compared["n"]:
        return None
    # A teacher as good as the mean must not be above it by a rounding error.
    gap = round(teacher - compared["baseline"]["mean"], 12)
    return compared["difference"] / gap if gap > 0 else None


def _sentence(compared, least_seeds, against):
    if not compared["n"]:
        return f"Undecided: the distilled student and {against} have no seed in common."
    if compared["outcome"] == "undecided":
        few = f"{compared['why']}; " if compared["n"] < least_seeds else ""
        lone = f", of {compared['why']}" if not few and not compared["interval"] else ""
        points = f"{_points(compared['difference']):+.2f} points"
        return f"Undecided: {few}distilled minus {against} is {points}{_test(compared)}{lone}."
    sign = 1 if compared["outcome"] == "better" else -1
    student = f"the same student {'on' if against == LABELS_ALONE else 'with'} {against}"
    sentence = (
        f"Distillation is {compared['outcome']} than {student} by {_points(sign * compared['difference']):.2f} points"
    )
    sentence += _test(compared, sign) if compared["interval"] else f", of {compared['why']}"
    if compared["outcome"] == "better" and compared["gap_recovered"] is not None:
        sentence += f"; it recovers {percent(compared['gap_recovered'], '.0f')} of the gap to the teacher"
    return sentence + "."


def _test(compared, sign=1):
    if not compared["interval"]:
        return ""
    low, high = sorted(_points(sign * end) for end in compared["interval"])
    p = "p < 0.001" if compared["p"] < 0.001 else f"p = {compared['p']:.3f}"
    return f" ({_level(compared)} interval {low:.2f} to {high:.2f}, n = {_seeds(compared['n'])}, paired t test, {p})"


def _points(share):
    """In percentage points as they are shown, without a zero below zero."""
    return round(100 * share, 2) or 0.0


def _level(compared):
    return percent(compared["level"], "g")


def _seeds(n):
    return plural(n, "seed")
