"""A recipe whose teacher is taught to teach: what it leaves, and that a run that was killed ends with the same."""

import hashlib
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd import models
from keras_kd.data.load import load as load_data
from keras_kd.export.latency import files_in
from keras_kd.models.network import build, logits_of
from keras_kd.recipe.load import load
from keras_kd.recipe.schema_networks import ModelSpec
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.open_run import load_data as data_of
from keras_kd.workflows.run.plan import plan
from keras_kd.workflows.run.taught_teacher import as_it_was
from keras_kd.workflows.search.space import SearchInput, space_of

RECIPE = """\
data: {name: digits, train_images: 200, test_images: 50, views: crop_flip}
teacher: teacher.keras
student: digits_tiny
label_weight: 0.5
terms: [{method: kd, weight: 0.5, temperature: 2}]
meta: {teacher_learning_rate: 0.01, held_out: 40}
fit: {epochs: 3, batch_size: 25, optimizer: adam, learning_rate: 0.01, decay: cosine, deterministic: true}
export: {formats: []}
"""


def write(folder):
    keras.utils.set_random_seed(1)
    models.build("digits_cnn", (8, 8, 1), 10).save(Path(folder, "teacher.keras"))
    Path(folder, "taught.yaml").write_text(RECIPE)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)


def distilled(folder):
    """A finished run of the recipe, never killed, and the digest of its teacher's file before it."""
    write(folder)
    before = hashlib.sha256((folder / "teacher.keras").read_bytes()).hexdigest()
    run.distill(load(folder / "taught.yaml"), folder / "taught", name="taught", quiet=True)
    return before


@pytest.fixture
def straight(made_once):
    folder, before = made_once("taught", distilled)
    return folder / "taught", before


def weights(file):
    return [np.asarray(one) for one in keras.saving.load_model(file).get_weights()]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_the_taught_teacher_is_kept_and_the_file_of_the_teacher_stays(straight):
    folder, before = straight
    file = folder.parent / "teacher.keras"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert not equal(file, folder / "taught_teacher.keras")
    assert "`taught_teacher.keras`" in (folder / "model_card.md").read_text()
    lines = (folder / "history.csv").read_text().splitlines()
    assert "held_out_loss" in lines[0].split(",")


def test_the_report_says_what_teaching_changed(straight):
    report = run.read_report(straight[0])
    data = load_data("digits", train_images=200, test_images=50)
    top1 = {}
    for name in ("teacher.keras", "taught/taught_teacher.keras"):
        spec = ModelSpec(model=str(straight[0].parent / name))
        logits, _ = logits_of(build(spec, data, "teacher"), data.test.images)
        top1[name] = float((logits.argmax(1) == data.test.labels).mean())
    taught = report.taught_teacher
    assert (taught.before, taught.top1) == pytest.approx(tuple(top1.values()))
    assert report.teacher.top1 == taught.before
    assert taught.held_out == report.data.held_out == 40
    assert report.data.train == 160
    assert 0 <= taught.agreement <= 1 and taught.kl >= 0
    assert "The teacher was taught to teach (meta): " in str(report)
    assert "The teacher was taught to teach (meta): " in (straight[0] / "report.md").read_text()


def test_held_out_images_are_in_no_batch_and_validation_is_apart():
    data = data_of(load("taught.yaml", ["data.validation=20"]))
    parts = {
        name: {one.tobytes() for one in getattr(data, name).images} for name in ("train", "held_out", "validation")
    }
    assert [len(getattr(data, name)) for name in parts] == [140, 40, 20]
    whole = load_data("digits", train_images=200, test_images=50).train
    assert len({one.tobytes() for one in whole.images}) == 200, "equal images would hide an overlap"
    assert len(set.union(*parts.values())) == 200
    for part in (data.train, data.held_out):
        np.testing.assert_array_equal(part.images, part.whole.images[part.positions])


def test_held_out_images_have_planted_labels_unless_they_are_to_be_clean():
    noise = ["data.label_noise={kind: symmetric, rate: 0.5}"]
    noisy = data_of(load("taught.yaml", noise))
    assert (noisy.held_out.labels != noisy.held_out.true_labels).any()
    assert noisy.label_noise["images"] == (noisy.train.labels != noisy.train.true_labels).sum()
    clean = data_of(load("taught.yaml", ["data.label_noise={kind: symmetric, rate: 0.5, clean_validation: true}"]))
    np.testing.assert_array_equal(clean.held_out.labels, clean.held_out.true_labels)


@pytest.mark.slow
@pytest.mark.parametrize("epoch, step", [(0, 1), (2, 3)])
def test_a_run_that_dies_in_a_step_ends_with_the_same_student_and_teacher(epoch, step, straight, monkeypatch):
    class Stop(Exception):
        pass

    class Dies(training.StopOnNonFinite):
        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (epoch, step):
                raise Stop

    recipe = load("taught.yaml")
    with monkeypatch.context() as patched:
        patched.setattr(training, "StopOnNonFinite", Dies)
        with pytest.raises(Stop):
            run.distill(recipe, "killed", name="taught", quiet=True)
    assert not Path("killed/taught_teacher.keras").exists()
    run.distill(recipe, "killed", name="taught", quiet=True)
    for name in ("student.keras", "taught_teacher.keras"):
        assert equal(straight[0] / name, Path("killed", name))
    assert not Path("killed/training_state.npz").exists()


def test_a_plan_knows_what_teaching_costs():
    recipe, plain = load("taught.yaml"), load("taught.yaml", ["meta=null"])
    taught, fixed = plan(recipe, everything=False), plan(plain, everything=False)
    assert (taught["data"]["train"], fixed["data"]["train"]) == (160, 200)
    assert taught["bytes"] > fixed["bytes"] and fixed["steps"] == 8 * 3 and taught["steps"] == 7 * 3
    with pytest.raises(UserError, match=r"meta\.held_out: found 200; expected a fraction between 0 and 1"):
        plan(load("taught.yaml", ["meta.held_out=200"]), everything=False)


def test_a_teacher_is_as_it_was_whatever_happens():
    network = build(ModelSpec(model="teacher.keras"), load_data("digits"), "teacher")
    before = network.model.get_weights()
    with pytest.raises(ZeroDivisionError), as_it_was(network):
        network.model.set_weights([one + 1 for one in before])
        raise ZeroDivisionError
    for one, other in zip(before, network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_last_round_of_too_few_images_is_refused_before_anything_is_trained():
    with pytest.raises(UserError, match="rounds: the last of an epoch has 1 of 160 training images for 3 batches"):
        run.distill(load("taught.yaml", ["meta.batches=3", "fit.batch_size=53"]), "small", name="small", quiet=True)
    assert not Path("small/recipe.yaml").exists()


def test_its_taught_teacher_may_teach_another(straight):
    recipe = load("taught.yaml", [f"teacher={straight[0]}/taught_teacher.keras", "meta=null", "fit.epochs=1"])
    report = run.distill(recipe, "another", name="another", quiet=True)
    assert report.teacher.top1 == run.read_report(straight[0]).taught_teacher.top1
    assert report.taught_teacher is None


def test_a_taught_teacher_that_somebody_changed_is_refused_by_name(straight):
    shutil.copytree(straight[0], "changed")
    with open("changed/taught_teacher.keras", "ab") as file:
        file.write(b"more")
    with pytest.raises(UserError, match=r"changed/taught_teacher\.keras: is not as this run made it"):
        run.distill(load("taught.yaml"), "changed", name="taught", quiet=True)


def test_a_benchmark_of_the_run_is_of_what_is_delivered(straight):
    assert [path.name for path in files_in(straight[0])] == ["student.keras"]


def test_rates_may_be_searched_and_held_out_images_may_not():
    text = RECIPE + "search: {space: {meta.trial_step_size: {float: [0.01, 0.1]}}}\n"
    Path("searched.yaml").write_text(text)
    (setting,) = space_of(load("searched.yaml"), SearchInput("searched.yaml"))
    assert setting.path == "meta.trial_step_size"
    Path("searched.yaml").write_text(text.replace("meta.trial_step_size", "meta.held_out"))
    with pytest.raises(UserError, match=r"search\.space\.meta\.held_out: cannot be searched"):
        space_of(load("searched.yaml"), SearchInput("searched.yaml"))
