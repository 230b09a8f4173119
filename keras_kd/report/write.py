"""The files of a report: `report.json` for programs, `report.md` to read."""

from pathlib import Path

from keras_kd.report.markdown_page import page
from keras_kd.utils.files import atomic_write
from keras_kd.utils.json_safe import json_safe, json_text


def write(report, folder):
    """Write `report.json` and `report.md`, each whole or not at all.

    Args:
        report: a `keras_kd.Report`, or a dict. All of it goes into the JSON, where numbers that are not finite become
            null; what the page knows of it (see `keras_kd.report.sections`) goes on the page.
        folder: where to write; made if missing.

    Returns:
        The paths of the two files.

    Raises:
        UserError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> paths = write({"recipe": "digits", "student": {"top1": 0.98}}, tempfile.mkdtemp())
        >>> [path.name for path in paths]
        ['report.json', 'report.md']
    """
    report = json_safe(report)
    texts = {
        "report.json": json_text(report) + "\n",
        "report.md": page(report),
    }
    for name, text in texts.items():
        with atomic_write(Path(folder) / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return [Path(folder) / name for name in texts]
