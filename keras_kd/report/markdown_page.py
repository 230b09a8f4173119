"""A run's report as a page for people."""

from keras_kd.report import page_evidence as evidence
from keras_kd.report import tables
from keras_kd.report.markdown_table import line, table
from keras_kd.utils.formatting import NOTHING, number, percent, size

# Parts of a run's time, in words.
TIME_NAMES = {
    "teacher": "the teacher's part of training",
    "student": "the student's part of training",
    "data": "data",
    "training": "training in all",
    "measuring": "measuring",
    "teacher_run": "training the teacher, in a run of its own",
    "total": "this run",
}


def page(report):
    """The report as Markdown: what is in the dict is shown, what is missing is left out.

    Args:
        report: the dict of `keras_kd.report.write.write`: "recipe", "student" and "teacher" ("name", "top1", "top5"),
            "generations", "calibration" and "teacher_calibration", "cost" and "teacher_cost", "fidelity", "per_class",
            "time", "exports", "export_note", "int8_fine_tuning", "data", "environment", "seed", "epochs", "git_commit",
            "shortened", "notes".

    Returns:
        A str.

    Example:
        >>> print(page({"recipe": "digits", "student": {"name": "digits_tiny", "top1": 0.98}}))
        # digits
        <BLANKLINE>
        ## Student and teacher
        <BLANKLINE>
        |  | top-1 | top-5 | ECE | NLL | Brier | parameters | MACs | weights |
        | --- | --- | --- | --- | --- | --- | --- | --- | --- |
        | student digits_tiny | 98.00 % | – | – | – | – | – | – | – |
        <BLANKLINE>
    """
    parts = (_heading, evidence.verdict, _networks, evidence.epochs, _teachers, _generations, evidence.fidelity)
    parts += (evidence.calibration, _classes, evidence.noise, evidence.imbalance, evidence.properties)
    parts += (evidence.doctor, _exports, _time, _data, _environment, _notes)
    return "\n\n".join(text for part in parts if (text := part(report))) + "\n"


def _heading(report):
    facts = [
        f"seed {report['seed']}" if report.get("seed") is not None else None,
        f"{report['epochs']} epochs" if report.get("epochs") is not None else None,
        f"commit {report['git_commit']}" if report.get("git_commit") else None,
    ]
    lines = [f"# {line(report.get('recipe') or 'Report')}", ", ".join(fact for fact in facts if fact)]
    if report.get("shortened") or report.get("smoke"):
        lines.append("**A shortened run: it shows that every step works. Its numbers are no result.**")
    return "\n\n".join(line for line in lines if line)


def _networks(report):
    header, rows = tables.networks(report)
    if not rows:
        return ""
    paragraphs = ["## Student and teacher", table(header, rows), tables.units(report), tables.savings(report)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _teachers(report):
    """Where the teacher comes from: a row a network of it."""
    source = (report.get("teacher") or {}).get("source") or {}
    members = source.get("members") or ([{"name": report["teacher"].get("name"), **source}] if source else [])
    if not members:
        return ""
    rows = [
        [
            *(one.get(key) for key in ("name", "run", "epoch", "seed")),
            percent(one.get("top1")),
            number(one.get("weight")),
            number(one.get("temperature")),
            (one.get("sha256") or NOTHING)[:12],
        ]
        for one in members
    ]
    header = ["network", "run", "epoch", "seed", "top-1", "weight", "fitted temperature", "sha256"]
    paragraphs = ["## The teacher's networks", table(header, rows)]
    if source.get("members"):
        paragraphs.append(f"One teacher of the mean of their {source.get('mean')}, weights {source.get('weights')}.")
    for one in [source, *source.get("members", ())]:
        held_out = one.get("held_out")
        if held_out:
            name = one.get("name") or "The teacher"
            paragraphs.append(
                f"{line(name)} at temperature {number(one.get('temperature'))}, on {held_out['images']} held-out "
                f"images: NLL {number(held_out['nll_before'])} before, {number(held_out['nll_after'])} after; "
                f"ECE {number(held_out['ece_before'])} before, {number(held_out['ece_after'])} after."
            )
    return "\n\n".join(paragraphs)


def _generations(report):
    header, rows = tables.generations(report)
    return "## Generations\n\n" + table(header, rows) if rows else ""


def _classes(report):
    scores = sorted((score, index) for index, score in enumerate(report.get("per_class") or []) if score is not None)
    if not scores:
        return ""
    names = report.get("class_names") or []
    rows = [[names[index] if index < len(names) else index, percent(score)] for score, index in scores[:5]]
    return "## The student's weakest classes\n\n" + table(["class", "accuracy"], rows)


def _exports(report):
    exports, note = report.get("exports"), report.get("export_note")
    if not exports:
        return f"## Exports\n\nNot exported: {note}." if note else ""
    header = [
        "file", "format", "size", "largest difference", "mean difference", "agreement", "accuracy", "drop", "gate"
    ]  # fmt: skip
    rows = [
        [
            export.get("file") or NOTHING,
            export.get("format") or NOTHING,
            size(export.get("bytes")),
            number(export.get("max_difference")),
            number(export.get("mean_difference")),
            percent(export.get("agreement")),
            percent(export.get("accuracy")),
            percent(export.get("accuracy_drop")),
            {True: "passed", False: "**failed**"}.get(export.get("passed"), NOTHING),
        ]
        for export in exports
    ]
    paragraphs = ["## Exports", table(header, rows)]
    images = sorted({export["images"] for export in exports if export.get("images")})
    if images:
        counts = " and ".join(map(str, images))
        paragraphs.append(f"Compared with Keras on {counts} test images; differences are of logits.")
    tuned = report.get("int8_fine_tuning") or {}
    if tuned.get("before"):
        before = "; ".join(
            f"{name} accuracy {percent(was.get('accuracy'))}, agreement {percent(was.get('agreement'))}"
            for name, was in tuned["before"].items()
        )
        paragraphs.append(
            f"The int8 files failed their gate ({before}), so a copy of the student was trained for int8: "
            f"{tuned.get('epochs')} epochs, its quantisation simulated, taught by {tuned.get('teacher')}. They are "
            "made of it, their agreement is that with its simulation, their drop that from the student."
        )
    for export in exports:
        if export.get("flex_ops"):
            operators = ", ".join(export["flex_ops"])
            paragraphs.append(f"{export.get('file')} needs operators that LiteRT has not built in: {operators}.")
        if export.get("failures"):
            paragraphs.append(f"{export.get('file')} was kept out: {'; '.join(export['failures'])}.")
    return "\n\n".join(paragraphs)


def _time(report):
    time = report.get("time") or {}
    seconds = {part: value for part, value in (time.get("seconds") or {}).items() if value is not None}
    if not seconds:
        return ""
    total = seconds.get("total")
    rows = []
    for part, value in seconds.items():
        of_total = total and part != "teacher_run" and value <= total
        rows.append([TIME_NAMES.get(part, part), f"{value:.1f}", percent(value / total) if of_total else NOTHING])
    text = "## Time\n\n" + table(["", "seconds", "share"], rows)
    return f"{text}\n\n{line(time['how'])}." if time.get("how") else text


def _data(report):
    return _facts("## Data", report.get("data"))


def _environment(report):
    return _facts("## Environment", report.get("environment"))


def _notes(report):
    notes = report.get("notes")
    return "## Notes\n\n" + "\n".join(f"- {line(note)}" for note in notes) if notes else ""


def _facts(title, facts):
    rows = [
        [name, ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value]
        for name, value in (facts or {}).items()
        if value is not None
    ]
    return f"{title}\n\n{table(['', ''], rows)}" if rows else ""
