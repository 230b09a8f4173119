"""The page of a finished run, written anew."""

from pathlib import Path

from keras_kd.evaluation.predictions_file import read_predictions
from keras_kd.recipe.folders import RunFolder
from keras_kd.report.html_page import page
from keras_kd.report.soundness import refuse_changed, refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.steps import step
from keras_kd.workflows.run.folder import hold_run, is_run, read_history, read_report


def write_page(folder):
    """Writes `report.html` of a finished run, of what its files say.

    Args:
        folder: of the run.

    Returns:
        The path of the page.

    Raises:
        UserError: there is no finished run in the folder.
    """
    files = RunFolder(Path(folder))
    refuse_no_folder(folder)
    step("writing the page", tell=False)
    refuse_changed(files.path)
    report = read_report(files.path)
    if report is None or not is_run(files.path):
        raise UserError(f"{folder}: no finished run (no report.json that can be read); `keras-kd distill` makes one")
    recipe = files.recipe.read_text(encoding="utf-8") if files.recipe.exists() else ""
    text = page(report, read_history(files), read_predictions(files.predictions), recipe)
    with hold_run(files, wait=True), atomic_write(files.report_page) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return files.report_page
