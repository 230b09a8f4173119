"""Measuring again: the student of a finished run, or any Keras model on the test images of a dataset."""

from datetime import date
from pathlib import Path

from keras_kd import data
from keras_kd.data.sources.decode import RESIZE
from keras_kd.models.network import build, cost, logits_of
from keras_kd.recipe.load import reading_once
from keras_kd.recipe.schema_networks import ModelSpec
from keras_kd.report.in_brief import MODEL
from keras_kd.report.report import Report
from keras_kd.report.summarize import summarize
from keras_kd.report.write import write
from keras_kd.utils.stages import stage, timed
from keras_kd.utils.steps import step
from keras_kd.workflows.run.environment import environment, git_commit
from keras_kd.workflows.run.folder import hold_run, mend, read_report, same_inputs
from keras_kd.workflows.run.inputs import inputs_of
from keras_kd.workflows.run.load_teacher import load_independent_teacher, load_teacher
from keras_kd.workflows.run.measure import latency, measure
from keras_kd.workflows.run.open_run import load_data, open_run
from keras_kd.workflows.run.spent import keep_spent, keep_spent_unheld
from keras_kd.workflows.run.write_page import with_page

PUT_ALL_BACK = "put back what was there, or train it again: `keras-kd distill` of its recipe with --restart"
# Of a report what measuring again does not change.
KEPT = (
    "exports", "export_note", "int8_fine_tuning", "calibration_images", "smoke", "git_commit", "environment", "verdict",
    "doctor", "delivered", "command"
)  # fmt: skip


def evaluate_model(file, dataset, pixels="pixels", from_logits=True, **sized):
    """The report of a `.keras` file on a dataset.

    Args:
        file: path of the model.
        dataset: name, as in a recipe.
        pixels: what the model takes: "pixels" (0..255), "unit", "symmetric" or "standard".
        from_logits: whether it gives logits.
        **sized: of `keras_kd.workflows.arguments.sized`: image_size and resize, as of `keras_kd.data.load`.

    Returns:
        A report without teacher, training or exports.
    """
    images = data.load(dataset, **sized)
    network = build(ModelSpec(model=str(file), pixels=pixels, from_logits=from_logits), images, "model")
    return report_of_model(file, network, images, dataset, **sized)


def report_of_model(file, network, images, name, image_size=None, resize=RESIZE):
    """The report of a `.keras` file, its `Network`, on the test images of a dataset; `name` is that of the dataset."""
    logits, seconds = logits_of(network, images.test.images)
    report = summarize(logits, None, images.test.labels)
    report.recipe, report.student.name, report.what = Path(file).name, network.name, MODEL
    report.cost, report.date = cost(network.model), date.today().isoformat()
    report.latency = latency(images.test.images[0], student=network)
    report.data = {"name": name, "test": len(images.test), "classes": images.classes}
    if resize != RESIZE:
        report.data.resize = resize
    report.time = {"seconds": {"data": round(images.seconds, 3), "student": round(seconds * len(logits), 3)}}
    report.environment, report.git_commit = environment(), git_commit()
    return report


@reading_once()
def evaluate(folder):
    """Measures the student of a run again; returns the report and writes it."""
    recipe, files = open_run(folder)
    with timed() as spent:
        with hold_run(files) as owned:
            mend(files, owned)
            before = keep_spent(spent, owned)
            with stage("measuring"):
                _measure(recipe, files, owned)
        keep_spent_unheld(spent, lambda: hold_run(files, wait=True), before)
        return with_page(folder, spent)


def _measure(recipe, files, owned):
    """Measures the student of a run whose folder is held, and writes its report."""
    before = read_report(files.path) or Report()
    smoke = before.smoke or False
    same_inputs(owned, inputs_of(recipe, files.path, smoke), PUT_ALL_BACK)
    dataset = load_data(recipe)
    same_inputs(owned, inputs_of(recipe, files.path, smoke, dataset), PUT_ALL_BACK)
    teacher = load_teacher(recipe, dataset, files.path, smoke=smoke)

    def independent():
        return load_independent_teacher(recipe, dataset, files.path, smoke=smoke)

    measured_again(recipe, dataset, teacher, files, before, independent=independent)


def measured_again(recipe, dataset, teacher, files, before, *, independent):
    """Measures the student of a finished run again, and writes the report; arguments as of `measure`.

    Args:
        before: the report as it was.
    """
    name = before.recipe or files.path.name
    step("measuring the student again")
    report = measure(recipe, dataset, teacher, files, name=name, independent=independent)
    for kept in KEPT:
        if kept in before:
            setattr(report, kept, getattr(before, kept))
    report.time = before.time or report.time
    # An export that was killed is to be made again.
    report.settings["export"] = (before.settings or {}).get("export", report.settings["export"])
    write(report, files.path)
    return report
