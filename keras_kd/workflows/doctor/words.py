"""An examination as lines of text."""

MARKS = {"good": "good", "warning": "warning", "bad": "BAD", "unknown": "unknown"}


def in_lines(examination):
    """The lines of an examination: one a finding, beneath what is not good why and cure, then what to try next.

    Args:
        examination: of `keras_kd.workflows.doctor.examine`.

    Returns:
        A list of lines.

    Example:
        >>> one = {"check": "temperature", "outcome": "bad", "found": "entropy 1", "why": "Uniform.", "cure": "lower"}
        >>> print("\\n".join(in_lines({"recipe": "x", "findings": [one], "next": ["lower it"]})))
        BAD      temperature                   entropy 1
          why    Uniform.
          cure   lower
        next:
          1. lower it
    """
    lines = []
    for one in examination["findings"]:
        lines.append(f"{MARKS[one['outcome']]:<8} {one['check']:<29} {one['found']}")
        if one["outcome"] != "good":
            lines += [f"  {name:<6} {one[name]}" for name in ("why", "cure") if one[name]]
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
    warnings = f"{counts['warning']} warning{'' if counts['warning'] == 1 else 's'}"
    return f"{counts['bad']} bad, {warnings}, {counts['unknown']} unknown, {counts['good']} good"
