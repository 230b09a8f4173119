"""The page of a finished run, written anew."""

from pathlib import Path

from keras_kd.evaluation.metrics.verdict import LABELS_ALONE
from keras_kd.evaluation.predictions_file import read_predictions
from keras_kd.recipe.folders import RunFolder
from keras_kd.report.fields import entries
from keras_kd.report.html_page import page
from keras_kd.report.sections import page_of_run
from keras_kd.report.soundness import refuse_changed, refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.stages import stage
from keras_kd.utils.steps import step
from keras_kd.workflows.run.folder import hold_run, is_run, read_history, read_report
from keras_kd.workflows.run.spent import with_time


def write_page(folder):
    """Writes `report.html` of a finished run, of what its files say.

    Args:
        folder: of the run.

    Returns:
        The path of the page.

    Raises:
        UserError: there is no finished run in the folder.
    """
    return RunPage(folder).write()


def with_page(folder, spent, command=None):
    """The report of a run that has come to its end: its page drawn, all of the command's time in both.

    Args:
        folder: of the run.
        spent: the `Stages` of the command.
        command: by which the run was made, for the report; None leaves what it says.
    """
    with stage("page"):
        drawn = RunPage(folder)
    report = with_time(folder, spent, command)
    # The plots are drawn: what the page says is now what the report says.
    drawn.write()
    return report


class RunPage:
    """The page of a run, its plots drawn; arguments and errors as of `write_page`."""

    def __init__(self, folder):
        self.files = RunFolder(Path(folder))
        refuse_no_folder(folder)
        step("writing the page", tell=False)
        refuse_changed(self.files.path)
        if read_report(self.files.path) is None or not is_run(self.files.path):
            raise UserError(
                f"{folder}: no finished run (no report.json that can be read); `keras-kd distill` makes one"
            )
        self.drawn = {}
        self._text()

    def write(self):
        """Writes it; returns its path."""
        text = self._text()
        with hold_run(self.files, wait=True), atomic_write(self.files.report_page) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        return self.files.report_page

    def _text(self):
        return page(*_contents(self.files), drawn=self.drawn)


def page_of(files):
    """The `keras_kd.report.blocks.Page` of a finished run.

    Args:
        files: its `RunFolder`.
    """
    return page_of_run(*_contents(files))


def _contents(files):
    """What the page of a run is made of: report, history, predictions, recipe as text, history on labels alone."""
    report = read_report(files.path)
    recipe = files.recipe.read_text(encoding="utf-8") if files.recipe.exists() else ""
    return report, read_history(files), read_predictions(files.predictions), recipe, _history_alone(files, report)


def _history_alone(files, report):
    """The history of the same student on labels alone, of the seed of the run; empty where there is none."""
    runs = entries(report.as_json(), "verdict", "against", LABELS_ALONE, "runs")
    of_seed = [one["run"] for one in runs if one.get("seed") == report.seed and one.get("run")]
    return read_history(RunFolder(files.path / of_seed[0])) if of_seed else []
