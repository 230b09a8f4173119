"""What to try next, in the order in which it pays."""

from keras_kd.utils.formatting import plural
from keras_kd.workflows.doctor.findings import TEMPERATURE
from keras_kd.workflows.run.baseline import LABELS

LEAST_SEEDS = 3


def next_steps(recipe, findings, report=None):
    """What to try next.

    Args:
        recipe: a `Recipe`.
        findings: of its examination.
        report: of its finished run, or None.

    Returns:
        A list of lines: what is bad is fixed first, then what may be; then what tells whether distilling helps; then
        what may make it better.
    """
    steps = []
    for outcome in ("bad", "warning"):
        # What another check must fix is said there.
        fixed = [one for one in findings if one["outcome"] == outcome and "cause" not in one["evidence"]]
        untrained = [
            one for one in findings if one["outcome"] == outcome and one["evidence"].get("cause") == "untrained"
        ]
        steps += [f"{one['check']}: {one['fix']}" for one in (*untrained, *fixed) if one["fix"]]
    steps += [
        one["fix"] for one in findings if one["outcome"] == "unknown" and one["check"] == "teacher" and one["fix"]
    ]
    if any(one["outcome"] == "bad" for one in findings):
        return _once(steps)
    if recipe.teacher is None and not recipe.terms and not recipe.peers:
        return _once(steps)
    seeds = recipe.seeds or (recipe.seed,)
    if recipe.baseline is None:
        steps.append(
            "`baseline: true` and `seeds: [0, 1, 2]` in the recipe: without them nobody knows whether distilling helps"
        )
    elif len(seeds) < LEAST_SEEDS:
        steps.append(f"`seeds: [0, 1, 2]`: {plural(len(seeds), 'seed')} cannot tell a gain from luck")
    verdict = ((report or {}).get("verdict") or {}).get("against", {}).get(LABELS)
    if verdict is not None and verdict["outcome"] == "better":
        return _once(steps)
    if recipe.search is None and any(one["check"] == TEMPERATURE for one in findings):
        steps.append("`keras-kd search` of this recipe tries temperatures and label weights on images set aside")
    steps += _softer(findings)
    if verdict is not None:
        steps += [
            "train longer: a student follows its teacher better with more epochs and stronger `data.views`",
            "another method of `keras-kd list methods`, or an ensemble as the teacher",
        ]
    return _once(steps)


def _softer(findings):
    """The temperature at which the teacher says most, where the recipe's is far from it."""
    for one in findings:
        if one["check"] == TEMPERATURE and one["outcome"] == "good":
            rows = one["evidence"].get("terms", ())
            return [
                f"temperature {row['suggested']:g} for {row['method']}: at {row['temperature']:g} the target has "
                f"{row['entropy']:.2f} of the largest entropy, there half of it"
                for row in rows
                if not 0.1 <= row["entropy"] <= 0.95
            ]
    return []


def _once(steps):
    return list(dict.fromkeys(steps))
