"""A report as the few lines that a person reads in the terminal."""

from keras_kd.utils.formatting import bare_percent, size


def summary(found):
    """The lines of a report: accuracies, fidelity, cost, time, exports.

    Args:
        found: a report, as in `report.json`.

    Returns:
        text of several lines.

    Example:
        >>> print(summary({"student": {"name": "tiny", "top1": 0.97, "top5": 1.0}, "cost": {"parameters": 1498}}))
                  top-1    top-5      ECE    parameters   network
        student   97.00   100.00        -         1,498   tiny
    """
    lines = [found["verdict"]["sentence"]] if found.get("verdict") else []
    lines += [f"{'':<8} {'top-1':>6} {'top-5':>8} {'ECE':>8} {'parameters':>13}   network"]
    for role, calibration, cost in (
        ("teacher", "teacher_calibration", "teacher_cost"),
        ("student", "calibration", "cost"),
    ):
        one = found.get(role)
        if one:
            ece = (found.get(calibration) or {}).get("ece")
            size = (found.get(cost) or {}).get("parameters")
            lines.append(
                f"{role:<8} {bare_percent(one['top1']):>6} {bare_percent(one['top5']):>8} "
                f"{'-' if ece is None else f'{ece:.4f}':>8} {'-' if size is None else f'{size:,}':>13}   {one['name']}"
            )
    fidelity = found.get("fidelity")
    if fidelity:
        lines.append(f"agreement with the teacher {bare_percent(fidelity['agreement'])} %, KL {fidelity['kl']:.4f}")
    source = (found.get("teacher") or {}).get("source") or {}
    for difference in source.get("differs_from_recipe", []):
        lines.append(f"note: the teacher's run is not its recipe's: {difference}")
    seconds = found.get("time", {}).get("seconds", {})
    if "total" in seconds:
        parts = ", ".join(f"{name} {seconds[name]:.1f}" for name in ("teacher", "student", "data"))
        lines.append(f"seconds: {parts}; {seconds['total']:.1f} in all")
    for one in found.get("exports", []):
        lines.append(_export(one))
    if found.get("int8_fine_tuning"):
        lines.append(_int8_fine_tuning(found["int8_fine_tuning"]))
    if found.get("export_note"):
        lines.append(f"not exported: {found['export_note']}")
    return "\n".join(lines)


def of_search(found):
    """The lines of a search: its best trial, its winner, what it cost, what failed.

    Args:
        found: what `search.json` holds.

    Returns:
        A str of lines.
    """
    counts, seconds = found["counts"], found["seconds"]
    lines = [f"{counts['completed']} trials by {found['tuner']}, {counts['failed'] + counts['invalid']} failed"]
    errors = {}
    for one in found["trials"]:
        if one.get("error"):
            errors.setdefault(one["error"], []).append(one["trial"])
    lines += [f"failed: {error} (trial {', '.join(trials)})" for error, trials in errors.items()]
    best = next((one for one in found["trials"] if one["trial"] == found["best"]), None)
    if best is not None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in best["objectives"].items())
        values = ", ".join(f"{path} {_value(value)}" for path, value in best["values"].items())
        lines.append(f"best: trial {best['trial']}, {figures} on {found['judged_on']}: {values}")
    if found["pareto"]:
        lines.append(f"no trial is better in all objectives than {', '.join(found['pareto'])}")
    live = seconds["teacher_if_live"]
    lines.append(
        f"seconds: students {seconds['students']:.1f}, teacher {seconds['teacher']:.1f}"
        + (f" (run in every step it would have taken about {live:.1f})" if live is not None else "")
    )
    for one in (found["winner"] or {}).get("runs", ()):
        lines.append(
            f"trained on all training images, seed {one['seed']}: top-1 {bare_percent(one['top1'])} on the test images"
        )
    return "\n".join(lines)


def _value(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _export(one):
    if not one["passed"]:
        return f"{one['file']}: kept out: {'; '.join(one['failures'])}"
    return (
        f"{one['file']}: {size(one['bytes'])}, top-1 {bare_percent(one['accuracy'])} (Keras "
        f"{bare_percent(one['keras_accuracy'])}), agreement {bare_percent(one['agreement'])} %, "
        f"largest difference {one['max_difference']:.2g}, {one['images']} images"
    )


def _int8_fine_tuning(one):
    before = ", ".join(
        f"{name} top-1 {bare_percent(was['accuracy'])}, agreement {bare_percent(was['agreement'])} %"
        for name, was in one["before"].items()
    )
    return f"trained for int8: {one['epochs']} epochs, teacher {one['teacher']}; before it {before}"
