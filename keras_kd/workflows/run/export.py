"""Exporting the student of a finished run, or any Keras model."""

import tempfile
from pathlib import Path

import numpy as np

from keras_kd import data
from keras_kd.data.sources.decode import RESIZE
from keras_kd.data.views.crop_flip import epoch_order
from keras_kd.export.export import export as export_files
from keras_kd.export.formats import DEFAULTS, missing_here
from keras_kd.models.network import build
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.schema import ExportSpec
from keras_kd.recipe.schema_networks import ModelSpec
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.screen import print_note
from keras_kd.utils.stages import stage, timed
from keras_kd.utils.steps import telling
from keras_kd.workflows.run.context import RunContext
from keras_kd.workflows.run.deliver import deliver
from keras_kd.workflows.run.evaluate import report_of_model
from keras_kd.workflows.run.folder import hold_run, mend, read_report
from keras_kd.workflows.run.load_teacher import load_teacher
from keras_kd.workflows.run.open_run import load_data, open_run
from keras_kd.workflows.run.prune_student import know_student_of
from keras_kd.workflows.run.spent import keep_spent, keep_spent_unheld
from keras_kd.workflows.run.write_page import with_page


def export(folder, *, formats=None, quiet=False):
    """Exports the student of a run again; returns the report.

    Args:
        folder: the run.
        formats: some of `keras_kd.export.formats.FORMATS`; the recipe's by default.
        quiet: no progress.
    """
    recipe, files = open_run(folder, moved=True)
    formats = tuple(formats or recipe.export.formats)
    know_student_of(recipe)
    missing = missing_here(formats)
    if missing:
        raise UserError(f"export: {missing}")
    with timed() as spent:
        with hold_run(files) as owned:
            mend(files, owned)
            before = keep_spent(spent, owned)
            _deliver(recipe, files, owned, formats, quiet)
        keep_spent_unheld(spent, lambda: hold_run(files, wait=True), before)
        report = with_page(folder, spent)
    refuse_failed(report)
    return report


def export_model(file, dataset, folder, *, formats=(), pixels="pixels", from_logits=True, quiet=False, **sized):
    """Exports a `.keras` file that is no run's, each file compared with Keras on the test images of a dataset.

    Args:
        file: path of the model.
        dataset: name, as in a recipe; the ranges of int8 files are measured on its training images.
        folder: where the files go; made if missing.
        formats: some of `keras_kd.export.formats.FORMATS`; SavedModel, LiteRT and LiteRT int8 by default.
        pixels, from_logits: as of `keras_kd.workflows.run.evaluate.evaluate_model`. The exported files take pixels
            0..255.
        quiet: no progress.
        **sized: as there.

    Returns:
        A report of the model, with "exports".

    Raises:
        GateError: a file differs from the Keras model by more than the gates allow.
    """
    formats = tuple(formats or DEFAULTS)
    missing = missing_here(formats)
    if missing:
        raise UserError(f"export: {missing}")
    with telling(Path(file).name, quiet), tempfile.TemporaryDirectory() as work:
        images = data.load(dataset, **sized)
        network = build(ModelSpec(model=str(file), pixels=pixels, from_logits=from_logits), images, "model")
        report = report_of_model(file, network, images, dataset, **sized)
        # As it takes pixels of 0..255, whatever it takes itself.
        saved = RunFolder(Path(work)).student
        network.model.save(saved)
        picked = np.sort(epoch_order(0, 0, len(images.train))[: ExportSpec().calibration_images])
        report.exports = export_files(
            saved,
            folder,
            formats=formats,
            from_logits=from_logits,
            calibration_images=np.asarray(images.train.images[picked]),
            test_images=np.asarray(images.test.images),
            test_labels=images.test.labels,
            class_names=images.class_names,
            resize=sized.get("resize", RESIZE),
            quiet=True,
        )
    return report


def _deliver(recipe, files, owned, formats, quiet):
    """Exports the student of a run whose folder is held, and writes its report."""
    dataset, folder = load_data(recipe), files.path
    report = read_report(folder)
    if report is None:
        raise UserError(f"{folder}: has no report.json; `keras-kd evaluate {folder}` writes it")

    def teacher():
        try:
            return load_teacher(recipe, dataset, folder, smoke=report.smoke or False)
        except MachineError:
            raise
        except UserError as error:
            # Of a run that was moved, say.
            said = f"{folder}: the teacher cannot be asked ({error}); the student in float32 teaches its copy for int8"
            print_note(said)
            return None

    with telling(folder.name, quiet), stage("exports"):
        context = RunContext(recipe, dataset, files, folder.name, quiet)
        deliver(context, report, owned=owned, teacher=teacher, formats=formats)


def refuse_failed(report):
    """Makes an error of the exported files of a report that failed their gates, if there are any.

    Args:
        report: a `keras_kd.Report`.

    Raises:
        GateError: names each file and what of it failed.
    """
    failed = [one for one in report.exports or [] if not one.passed]
    if failed:
        texts = [f"{one.file}: {text}" for one in failed for text in one.failures]
        raise GateError("\n".join(texts), [one.as_json() for one in report.exports])
