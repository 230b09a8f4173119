"""A trial of a search: a student trained and measured on images that were set aside."""

import shutil
from dataclasses import replace
from pathlib import Path

from keras_kd.recipe.folders import RunFolder
from keras_kd.report.write import write
from keras_kd.training.early_stopping import kept_row
from keras_kd.utils.files import atomic_write
from keras_kd.utils.now import tell, told_in
from keras_kd.workflows.run.context import RunContext
from keras_kd.workflows.run.folder import hold_run, keep_recipe, read_history, read_report
from keras_kd.workflows.run.measure import measure
from keras_kd.workflows.run.train import train


def trial(recipe, dataset, teacher, folder, *, name, epochs=None, begin_from=None, home_folder=None):
    """Trains and measures a student on images that were set aside, for a search; nothing is exported.

    Args:
        recipe: a `Recipe`.
        dataset: its data, the validation split of which stands in for the test images, which are not looked at.
        teacher: its `Network`, or None.
        folder: of the trial.
        name: for the report.
        epochs: after which it stops; its schedules are those of all epochs.
        begin_from: folder of another trial, of the same settings, that stopped earlier: resumes from there.
        home_folder: a run folder next to which the banks lie; `folder` by default.

    Returns:
        The report.
    """
    files = RunFolder(Path(folder))
    seen = replace(dataset, test=dataset.validation)
    with hold_run(files, recipe, wait=True, log=False) as owned, told_in(files.path):
        tell(title=name)
        report = read_report(files.path)
        if report is not None and files.student.exists():
            _tidy(files, owned, recipe, epochs)
            return report
        if begin_from is not None and not files.state.exists():
            before = RunFolder(Path(begin_from))
            # The state last: killed in between, both are copied again.
            for mine, other in ((files.history, before.history), (files.state, before.state)):
                with atomic_write(mine, sealed=False) as temporary:
                    shutil.copyfile(other, temporary)
        context = RunContext(recipe, seen, files, name, quiet=True)
        train(context, teacher, begin=lambda: keep_recipe(files, recipe), until=epochs, home_folder=home_folder)
        _tidy(files, owned, recipe, epochs)
        report = measure(recipe, seen, teacher, files, name=name, brief=True)
        kept = kept_row(read_history(files), recipe.fit.early_stopping)
        report.history = {key: _number(value) for key, value in kept.items()}
        write(report, files.path)
    return report


def _tidy(files, owned, recipe, epochs):
    """Takes away what the training of a trial needs no more; one of fewer epochs may be gone on with."""
    owned.remove(files.filling)
    if epochs is None or epochs >= recipe.fit.epochs:
        owned.remove(files.state)


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
