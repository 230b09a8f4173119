"""A ladder: a model, and the students that were made from it, each with what its file was measured to be."""

import json
from pathlib import Path

from keras_kd.report.compare import beats, rows_of
from keras_kd.report.fields import entries, get_path, parts
from keras_kd.utils.formatting import DASH, bare_percent, milliseconds, size
from keras_kd.utils.table import folded, in_blocks

COLUMNS = ("", "top-1", "points", "size", "smaller", "latency", "faster", "multiply-accumulates")


def rows_of_ladder(folders):
    """A row for the model that all were made from, first, and one for each student.

    Args:
        folders: of finished runs whose students were made from one teacher and measured as files.

    Returns:
        Rows of `keras_kd.report.compare.rows_of`, with "share" (of the multiply-accumulates) and "format" in addition;
        sizes and latencies are of the files in that format, timed in turns with the teacher's. The latency of each is
        that of the teacher's file in the first run over how many times faster it was.

    Raises:
        UserError: as `rows_of`.
    """
    rows, reports = rows_of(folders), [_read(folder) for folder in folders]
    whole = None
    for row, report in zip(rows, reports, strict=True):
        found = parts(report, "pruning", "measured")
        before, after = entries(report, "pruning", "macs") or (None, None)
        row.update(share=after / before if before else None, format=found.get("format"))
        if not found:
            continue
        (large, small), (slow, fast) = found.get("bytes"), found.get("milliseconds")
        if whole is None:
            whole = _of_teacher(row, report, before, large, slow)
        row.update(bytes=small, milliseconds=whole["milliseconds"] * fast / slow, measured_by=whole["measured_by"])
        row.update(_of_file(report, found.get("format")))
    rows = [*([whole] if whole else []), *rows]
    for row in rows:
        row["beaten_by"] = [other["run"] for other in rows if other is not row and beats(other, row)]
    return rows


def _read(folder):
    return json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


def _of_teacher(row, report, macs, size_of_file, slow):
    name = get_path(report, "teacher", "name") or "the model"
    found = parts(report, "pruning", "measured")
    return {
        **row,
        "run": name,
        "student": name,
        "top1": get_path(report, "teacher", "top1"),
        "seeds": {},
        "agreement": None,
        "ece": None,
        "parameters": get_path(report, "teacher_cost", "parameters"),
        "macs": macs,
        "bytes": size_of_file,
        "file": found.get("format"),
        "milliseconds": slow,
        "measured_by": f"{found.get('format')}, one thread",
        "verdict": "",
        "share": 1.0,
        "format": found.get("format"),
    }


def _of_file(report, name):
    """The accuracy of the file in the format that was measured, where it was delivered; else of the Keras model."""
    for one in entries(report, "exports"):
        if one.get("format") == name and one.get("passed") and one.get("accuracy") is not None:
            return {"top1": one["accuracy"], "file": one["file"]}
    return {"top1": get_path(report, "student", "top1"), "file": "student.keras"}


def format_ladder(rows, width=None):
    """The rows as lines of aligned text, the model first.

    Args:
        rows: of `rows_of_ladder`.
        width: letters in a line; None for any.
    """
    first = rows[0]
    table = [COLUMNS]
    for row in rows:
        points = None if None in (row["top1"], first["top1"]) else 100 * (row["top1"] - first["top1"])
        table.append(
            (
                Path(row["run"]).name,
                bare_percent(row["top1"]),
                "" if row is first else DASH if points is None else f"{points:+.2f}",
                size(row["bytes"], nothing=DASH),
                "" if row is first else _times(first["bytes"], row["bytes"]),
                milliseconds(row["milliseconds"]),
                "" if row is first else _times(first["milliseconds"], row["milliseconds"]),
                DASH if row["share"] is None else f"{row['share']:.0%}",
            )
        )
    said = (
        f"sizes and latencies of {first['format']} files, one image on one thread, each timed in turns with the "
        "model's; top-1 of these files, of the model in Keras; one run each"
    )
    return [*in_blocks(table, width, right=range(1, len(COLUMNS))), *folded(said, width).splitlines()]


def _times(before, after):
    return DASH if not before or not after else f"{before / after:.2f}x"
