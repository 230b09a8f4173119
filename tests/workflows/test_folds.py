"""A recipe whose teacher is one of folds: each image is taught by the network that did not see it."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd import data
from keras_kd.data.folds import fold_of
from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.models.network import Network, logits_of
from keras_kd.recipe.cite import cite
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.build_bank import open_bank
from keras_kd.workflows.run.choose_bank import known_folds, known_images
from keras_kd.workflows.run.folder import read_report
from keras_kd.workflows.run.load_teacher import load_teacher
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.plan import plan

TEACHER = """\
data: {name: known_probabilities, train_images: 60, test_images: 20}
student: digits_tiny
fit: {epochs: 1, batch_size: 30, optimizer: adam, learning_rate: 0.01, deterministic: true}
export: {formats: []}
"""
RECIPE = """\
data: {name: known_probabilities, train_images: 60, test_images: 20, validation: 10}
teacher: {model: big.yaml, folds: 2}
student: digits_tiny
label_weight: 0.5
terms: [{method: kd, weight: 0.5, temperature: 2}]
bank: {mode: auto, format: float32}
evidence: {statistics: true}
fit: {epochs: 2, batch_size: 25, optimizer: adam, learning_rate: 0.01, deterministic: true}
export: {formats: []}
"""


def write(folder):
    Path(folder, "big.yaml").write_text(TEACHER)
    Path(folder, "folds.yaml").write_text(RECIPE)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)


def distilled(folder):
    """A finished run of the recipe, never killed."""
    write(folder)
    run.distill(load(folder / "folds.yaml"), folder / "runs" / "folds", name="folds", quiet=True)


@pytest.fixture
def straight(made_once):
    folder, _ = made_once("folds", distilled)
    return folder / "runs" / "folds"


def test_each_image_is_taught_by_the_network_that_did_not_see_it(straight):
    recipe = load(straight.parents[1] / "folds.yaml")
    dataset = load_data(recipe)
    teacher, whole = load_teacher(recipe, dataset, straight), dataset.train.whole
    members, fold = teacher.source["members"], fold_of(whole.labels, 2)
    for number, member in enumerate(members):
        taught = load(straight / member["run"] / "recipe.yaml")
        seen = load_data(taught).train
        assert np.array_equal(seen.positions, np.flatnonzero(fold != number)) and len(seen) == 30
    bank = open_bank(recipe, straight, may_train=False)
    logits = [logits_of(Network("one", model, True), whole.images)[0] for model in teacher.members[0]]
    got = bank.rows(np.arange(60)[dataset.train.positions], np.zeros(50, "int32"))["logits"]
    own = np.stack(logits)[fold, np.arange(60)][dataset.train.positions]
    assert np.abs(logits[0] - logits[1]).max() > 1e-2
    np.testing.assert_allclose(got, own, atol=1e-4)
    # What the run asked is no more than one teacher would have been.
    assert read_report(straight).bank["computed_by_this_run"] == 50 and bank.filled() == 50
    assert bank.asks_in_all() == 10 and bank.fill_all() == 10 and bank.verify()["damaged"] == 0
    assert read_report(straight).teacher.source["folds"] == 2
    assert "the one of 2 networks that did not see it" in read_report(straight).notes[0]
    view = read_report(straight).statistical_view
    assert (view.members, view.against, view.images) == (2, "true probabilities", 20)
    assert view.teacher["mse"] == pytest.approx(view.teacher["bias2"] + view.teacher["variance"])
    # What is known of the data is told of both; two networks as one teacher have no class vectors of their own.
    assert set(view.difficulty["test"]) == set(view.difficulty["train"]) == {"teacher", "student", "weights"}
    assert view.relations["teacher"] is None and -1 <= view.relations["student"] <= 1
    assert -1 <= view.relations["teacher_said"] <= 1
    assert "How right are the teacher's probabilities?" in (straight / "report.md").read_text()
    mean = logits_of(teacher, dataset.test.images)[0]
    parts = [logits_of(Network("one", one, True), dataset.test.images)[0] for one in teacher.members[0]]
    np.testing.assert_allclose(
        np.exp(log_softmax(mean)), np.mean([np.exp(log_softmax(one)) for one in parts], 0), atol=1e-5
    )


NOISE = "data.label_noise={kind: symmetric, rate: 0.5}"
RARE = "data.imbalance={profile: step, ratio: 2}"


@pytest.mark.parametrize(
    "settings", [(), (NOISE,), (NOISE, RARE), (NOISE, "data.validation=0.2"), ("data.seed=3", NOISE)]
)
def test_the_fold_that_a_bank_knows_is_the_one_that_was_left_out(settings):
    recipe = load("folds.yaml", ["data.validation=0", *settings])
    dataset = load_data(recipe)
    fold = known_folds(recipe, dataset, 3)
    images = known_images(recipe, dataset).images
    for number in range(3):
        seen = data.load(
            **recipe.data.model_dump(exclude={"views", "folds", "without_fold"}), folds=3, without_fold=number
        )
        mine = {image.tobytes() for image in images[fold == number]}
        assert len(mine) == 20 and not mine & {image.tobytes() for image in seen.train.images}


@pytest.mark.slow
@pytest.mark.both_backends
def test_a_run_that_dies_ends_with_the_same_student(straight, monkeypatch):
    class Stop(Exception):
        pass

    class Dies(training.StopOnNonFinite):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1 and self.model.teacher is None and self.model.banked:
                raise Stop

    recipe = load("folds.yaml")
    with monkeypatch.context() as patched:
        patched.setattr(training, "StopOnNonFinite", Dies)
        with pytest.raises(Stop):
            run.distill(recipe, "runs/folds", name="folds", quiet=True)
    kept = {file: file.stat().st_mtime_ns for file in Path("runs").glob("big*/student.keras")}
    assert len(kept) == 2
    run.distill(recipe, "runs/folds", name="folds", quiet=True)
    assert kept == {file: file.stat().st_mtime_ns for file in Path("runs").glob("big*/student.keras")}
    one, other = (keras.saving.load_model(Path(path, "student.keras")) for path in (straight, "runs/folds"))
    for before, after in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(before, after)


def test_a_plan_tells_of_all_teachers_and_the_paper_is_cited():
    planned = plan(load("folds.yaml"), everything=False)
    assert len(planned["teacher_run"]["runs"]) == 2 and planned["teacher"]["name"] == "2 folds of big"
    cited = cite("folds.yaml")
    assert "dao2021semiparametric" in cited and "menon2021statistical" in cited


@pytest.mark.parametrize(
    "settings, said",
    [
        (["bank.mode=live"], "live cannot be with teacher.folds, which need the bank"),
        (["data.views=crop_flip_mixup"], "that mix two images show a fold's teacher images that it was trained on"),
        (["teacher.model=digits_cnn"], "digits_cnn is no recipe"),
        (["teacher.folds=1"], "is 1; expected 2 or more"),
        (["terms.0.method=bss"], "bss asks the teacher in the step"),
        (["teacher.settings={data.folds: 2}"], "set data.folds, which teacher.folds does"),
        (["teacher.ensemble_mean=logits"], "is of an ensemble"),
        (["data.folds=3"], "is not given and data.folds is"),
        (["data.folds=3", "data.without_fold=3"], "expected 0 to 2"),
    ],
)
def test_what_folds_cannot_be_with_is_said_before_training(settings, said):
    with pytest.raises(UserError, match=said):
        load("folds.yaml", settings)


@pytest.mark.parametrize(
    "settings, said",
    [
        (["data.seed=1"], "its folds would not be those of the images here"),
        (["terms=[{method: at}]"], "layers are read"),
    ],
)
def test_what_does_not_fit_is_said_before_a_teacher_is_trained(settings, said):
    with pytest.raises(UserError, match=said):
        run.distill(load("folds.yaml", settings), "runs/folds", name="folds", quiet=True)
    assert not list(Path("runs").glob("big*/student.keras"))
