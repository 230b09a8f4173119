"""What a check says: an outcome, what was found with its figures, why it matters, the fix; and all of it as text."""

from keras_kd.utils import formatting
from keras_kd.utils.formatting import plural
from keras_kd.workflows.start_checks import AT_THE_START

# What the checks are called, in reports too.
TEACHER, ACCURACY, CLASSES, OUTPUT, CLASS_ORDER, PIXELS, NORMALISATION, SIZE = AT_THE_START
TEMPERATURE, TRAINING_ACCURACY = "temperature", "teacher's training accuracy"
CAPACITY, GRADIENTS = "capacity", "gradients"
STUDENT, RATE, WEIGHTS, DATA = "student", "learning rate", "weights of the loss", "data"
LENGTH, VERDICT = "training length", "verdict"

OUTCOMES = ("good", "unknown", "warning", "bad")


def finding(check, outcome, found, *, why="", fix="", evidence=None):
    """One finding.

    Args:
        check: name of the check.
        outcome: one of `OUTCOMES`: "unknown" where something could not be examined, or is not decided.
        found: what was found, with the figures.
        why: one sentence: why it matters.
        fix: what to do; empty where there is nothing to do.
        evidence: {name: number, list or text}.

    Returns:
        A dict of these, as it stands in `examination["findings"]`.

    Example:
        >>> finding("class order", "good", "as the data's")["fix"]
        ''
    """
    return {
        "check": check,
        "outcome": outcome,
        "found": found,
        "evidence": evidence or {},
        "why": why,
        "fix": fix,
    }


def together(findings):
    """The findings of one check on several networks as one: as bad as the worst, with the figures of each.

    Args:
        findings: [(where, finding)], where such as "teacher.ensemble.1"; all of one check.

    Returns:
        A finding, the evidence by network; the only one as it is; None of none.

    Example:
        >>> one, other = finding("x", "good", "97 %"), finding("x", "bad", "9 %", why="At chance.", fix="train it")
        >>> both = together([("a", one), ("b", other)])
        >>> both["outcome"], both["found"], both["fix"]
        ('bad', 'b: 9 %; good: a', 'train it')
    """
    if len(findings) < 2:
        return findings[0][1] if findings else None
    worst = max((one["outcome"] for _, one in findings), key=OUTCOMES.index)
    others = [(where, one) for where, one in findings if one["outcome"] != "good"]
    good = [where for where, one in findings if one["outcome"] == "good"]
    if others:
        texts = [f"{where}: {one['found']}" for where, one in others] + [f"good: {', '.join(good)}"] * bool(good)
    elif len({one["found"] for _, one in findings}) == 1:
        texts = [f"all {len(findings)}: {findings[0][1]['found']}"]
    else:
        texts = [f"{where}: {one['found']}" for where, one in findings]
    reasons = list(dict.fromkeys(one["why"] for _, one in others if one["why"]))
    fixes = list(dict.fromkeys(one["fix"] for _, one in others if one["fix"]))
    return finding(
        findings[0][1]["check"],
        worst,
        "; ".join(texts),
        why=" ".join(reasons),
        fix="; ".join(fixes),
        evidence={where: one["evidence"] for where, one in findings},
    )


def percent(share):
    """A share as a person reads it.

    Example:
        >>> percent(0.98611)
        '98.6 %'
    """
    return formatting.percent(share, ".1f")


MARKS = {"good": "good", "warning": "warning", "bad": "BAD", "unknown": "unknown"}


def format_text(examination):
    """The lines of an examination: one a finding, beneath what is not good why and fix, then what to try next.

    Args:
        examination: of `keras_kd.workflows.doctor.examine`.

    Returns:
        A list of lines.

    Example:
        >>> one = {"check": "temperature", "outcome": "bad", "found": "entropy 1", "why": "Uniform.", "fix": "lower"}
        >>> print("\\n".join(format_text({"recipe": "x", "findings": [one], "next": ["lower it"]})))
        BAD      temperature                   entropy 1
          why    Uniform.
          fix    lower
        next:
          1. lower it
    """
    lines = []
    for one in examination["findings"]:
        lines.append(f"{MARKS[one['outcome']]:<8} {one['check']:<29} {one['found']}")
        if one["outcome"] != "good":
            lines += [f"  {name:<6} {one[name]}" for name in ("why", "fix") if one[name]]
    if examination["next"]:
        lines.append("next:")
        lines += [f"  {number}. {step}" for number, step in enumerate(examination["next"], 1)]
    return lines


def summary_line(examination):
    """How many findings there are of each outcome.

    Example:
        >>> summary_line({"findings": [{"outcome": "good"}, {"outcome": "bad"}, {"outcome": "good"}]})
        '1 bad, 0 warnings, 0 unknown, 2 good'
    """
    counts = dict.fromkeys(MARKS, 0)
    for one in examination["findings"]:
        counts[one["outcome"]] += 1
    warnings = plural(counts["warning"], "warning")
    return f"{counts['bad']} bad, {warnings}, {counts['unknown']} unknown, {counts['good']} good"
