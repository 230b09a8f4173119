"""What a check says: an outcome, what was found with its figures, why it matters, and the cure."""

OUTCOMES = ("good", "unknown", "warning", "bad")


def finding(check, outcome, found, *, why="", cure="", evidence=None):
    """One finding.

    Args:
        check: name of the check.
        outcome: one of `OUTCOMES`: "unknown" where something could not be examined.
        found: what was found, with the figures.
        why: one sentence: why it matters.
        cure: what to do; empty where there is nothing to do.
        evidence: {name: number, list or text}.

    Returns:
        A dict of these, as it stands in `examination["findings"]`.

    Example:
        >>> finding("class order", "good", "as the data's")["cure"]
        ''
    """
    return {
        "check": check,
        "outcome": outcome,
        "found": found,
        "evidence": evidence or {},
        "why": why,
        "cure": cure,
    }


def together(findings):
    """The findings of one check on several networks as one: as bad as the worst, with the figures of each.

    Args:
        findings: [(where, finding)], where such as "teacher.ensemble.1"; all of one check.

    Returns:
        A finding, the evidence by network; the only one as it is; None of none.

    Example:
        >>> one, other = finding("x", "good", "97 %"), finding("x", "bad", "9 %", why="At chance.", cure="train it")
        >>> both = together([("a", one), ("b", other)])
        >>> both["outcome"], both["found"], both["cure"]
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
    cures = list(dict.fromkeys(one["cure"] for _, one in others if one["cure"]))
    return finding(
        findings[0][1]["check"],
        worst,
        "; ".join(texts),
        why=" ".join(reasons),
        cure="; ".join(cures),
        evidence={where: one["evidence"] for where, one in findings},
    )


def percent(share):
    """A share as a person reads it.

    Example:
        >>> percent(0.98611)
        '98.6 %'
    """
    return f"{100 * share:.1f} %"
