"""Runs with early stopping, averaged weights, class weights and smoothed labels: killed, banked, judged, shown."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd.data import load as load_data
from keras_kd.recipe.load import load
from keras_kd.report.html_page import page as html_page
from keras_kd.report.report import Report
from keras_kd.training.averaged_weights import moving_averages
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.baseline import LABELS, SMOOTHING, baselines_of
from keras_kd.workflows.run.folder import read_history
from keras_kd.workflows.run.open_run import open_run

RECIPE = """\
data: {name: digits, train_images: 150, test_images: 50, views: crop_flip, validation: 40,
       imbalance: {profile: exponential, ratio: 5}}
teacher: teacher.keras
student: digits_tiny
terms: [{method: kd, weight: 0.5}]
bank: {mode: ahead, format: float32}
fit: {epochs: 9, batch_size: 10, optimizer: adam, learning_rate: 0.01, ema: 0.8, label_smoothing: 0.1,
      class_weight: balanced, early_stopping: {monitor: val_accuracy, patience: 2}, deterministic: true}
export: {formats: []}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)


def write(folder):
    (folder / "mine.yaml").write_text(RECIPE)
    keras.utils.set_random_seed(3)
    pixels = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
    keras.Sequential(pixels).save(folder / "teacher.keras")


def straight(made_once):
    """The folder of a run that was never killed."""

    def fill(folder):
        write(folder)
        run.distill(load(folder / "mine.yaml"), folder / "mine", name="mine", quiet=True)

    return made_once("fit_run", fill)[0] / "mine"


def weights(file):
    return [np.asarray(one) for one in keras.saving.load_model(file, compile=False).get_weights()]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


class Killed(Exception):
    pass


def test_a_stopped_run_keeps_its_best_epoch_and_says_so(made_once):
    folder = straight(made_once)
    report, rows = Report.read(folder), read_history(open_run(folder)[1])
    found, values = report.early_stopping, [float(row["val_accuracy"]) for row in rows]
    assert found.stopped_epoch == len(rows) == report.epochs < 9
    assert found.kept_epoch == 1 + int(np.argmax(values)) == len(rows) - 2 and found.value == max(values)
    # The best on the validation images is kept twice: as it was then, and as the student.
    assert equal(folder / "student.keras", folder / "checkpoints" / "best_validation.keras")
    assert report.splits["validation"]["student_top1"] == pytest.approx(found.value, abs=1e-6)
    page = (folder / "report.md").read_text()
    assert f"Training ended early, after epoch {len(rows)} of 9; the figures are of the weights of epoch" in page
    assert "moving averages of training (ema 0.8)" in page and "(class_weight: balanced)" in page
    assert "Of each label 10.00 % was spread over all classes (label_smoothing)." in page
    assert f"{len(rows)} epochs, weights of epoch {found.kept_epoch}" in page and "last epoch" not in page
    data = load_data(**load("mine.yaml").data.model_dump(exclude={"views"}))
    counts = np.bincount(data.train.labels, minlength=10)
    np.testing.assert_allclose(report.class_weight, counts.sum() / (10 * counts))
    assert "weight in the label loss" in html_page(report) and not (folder / "training_state.npz").exists()


@pytest.mark.parametrize("when", ["in a step", "once it had stopped"])
def test_a_killed_run_ends_with_the_same_student(when, made_once, monkeypatch):
    whole, recipe = straight(made_once), load("mine.yaml")

    class Dies(training.StopOnNonFinite):
        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (2, 2):
                raise Killed

    def dies(*given):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(
            training, "StopOnNonFinite" if when == "in a step" else "keep", Dies if when == "in a step" else dies
        )
        with pytest.raises(Killed):
            run.distill(recipe, "killed", name="mine", quiet=True)
    assert not Path("killed/student.keras").exists()
    run.distill(recipe, "killed", name="mine", quiet=True)
    assert equal(whole / "student.keras", "killed/student.keras")
    names = ("loss", "val_loss", "val_accuracy")
    rows = [[[row[name] for name in names] for row in read_history(open_run(one)[1])] for one in (whole, "killed")]
    assert rows[0] == rows[1]


def test_a_banked_run_is_that_of_a_live_teacher(made_once):
    run.distill(load("mine.yaml", ["bank.mode=live"]), "live", name="mine", quiet=True)
    for one, other in zip(weights(straight(made_once) / "student.keras"), weights("live/student.keras"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6, rtol=1e-5)


def test_what_is_kept_of_an_epoch_is_what_a_run_of_so_many_epochs_ends_with(made_once):
    """Of early stopping and averages together: the student is the average after its epoch, and no later one."""
    folder = straight(made_once)
    kept = Report.read(folder).early_stopping.kept_epoch
    settings = [f"fit.epochs={kept}", "fit.early_stopping=null"]
    run.distill(load("mine.yaml", settings), "short", name="mine", quiet=True)
    assert equal(folder / "student.keras", "short/student.keras")


def test_the_student_on_labels_alone_has_the_same_settings():
    recipe = load("mine.yaml", ["baseline={label_smoothing: 0.2}", "fit.label_smoothing=0"])
    found = baselines_of(recipe, recipe, Path("runs/mine"))
    alone, smoothed = found[LABELS][0], found[SMOOTHING][0]
    assert alone.fit == recipe.fit and (alone.terms, alone.label_weight) == ((), 1.0)
    # Class weights weigh the label loss: it stays, and its labels are smoothed.
    assert smoothed.fit == recipe.fit.model_copy(update={"label_smoothing": 0.2})
    assert (smoothed.terms, smoothed.label_weight) == ((), 1.0)
    free = load("mine.yaml", ["baseline={label_smoothing: 0.2}", "fit.label_smoothing=0", "fit.class_weight=null"])
    assert [term.method for term in baselines_of(free, free, Path("runs/mine"))[SMOOTHING][0].terms] == [
        "label_smoothing"
    ]


def test_a_wrong_class_is_said_before_anything_is_trained():
    with pytest.raises(
        UserError, match="fit.class_weight: found no class 'cat'; expected a name, or a number below 10"
    ):
        run.distill(load("mine.yaml", ["fit.class_weight={cat: 2}"]), "mine", name="mine", quiet=True)
    assert not Path("mine/student.keras").exists() and not Path("mine/history.csv").exists()


def test_a_folder_without_validation_images_says_so(monkeypatch):
    recipe = load("mine.yaml", ["data.validation=10"])
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"validation": 0})})
    with pytest.raises(UserError, match="fit.early_stopping: is judged by validation images and there are none"):
        run.distill(recipe, "mine", name="mine", quiet=True)


def test_checkpoints_are_of_the_averages():
    class Looks(training.Record):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            averages.append(
                [keras.ops.convert_to_numpy(average) for _, average in moving_averages(self.model.optimizer)]
            )

    averages = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "Record", Looks)
        settings = ["fit.epochs=2", "fit.early_stopping=null", "fit.checkpoints=[1]"]
        run.distill(load("mine.yaml", settings), "mine", name="mine", quiet=True)
    for file, values in zip(("checkpoints/epoch_0001.keras", "student.keras"), averages, strict=True):
        saved = keras.saving.load_model(Path("mine", file), compile=False).trainable_variables
        assert len(saved) == len(values) > 3
        for one, other in zip(saved, values, strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), other)
