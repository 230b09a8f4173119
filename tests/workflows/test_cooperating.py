"""A recipe whose networks teach each other: what it leaves, what it excludes, and that killed it ends with the same."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd.data.plane import moons
from keras_kd.recipe.cite import cite
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import cooperating
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.baseline import baseline_of
from keras_kd.workflows.run.cooperating import own_images
from keras_kd.workflows.run.plan import plan

# Points of the plane as images of two pixels.
RECIPE = """\
data: {name: points.npz, test_images: 40}
student: {model: small.keras}
peers: [{model: small.keras}]
cooperative: {rounds: 1, epochs: 2, images: parts, held_out: 20, how: descent, steps: 5}
fit: {epochs: 2, batch_size: 64, optimizer: adam, learning_rate: 0.05, deterministic: true}
export: {formats: []}
"""


def write(folder):
    arrays = {}
    for name, seed in (("train", 0), ("test", 1)):
        x, arrays[f"y_{name}"] = moons(60, seed=seed)
        arrays[f"x_{name}"] = np.round((x + 2) * 51).clip(0, 255).astype("uint8").reshape(-1, 1, 2, 1)
    np.savez(Path(folder, "points.npz"), **arrays)
    keras.utils.set_random_seed(0)
    layers = [keras.Input((1, 2, 1)), keras.layers.Rescaling(1 / 51, -2), keras.layers.Flatten(), keras.layers.Dense(4)]
    keras.Sequential([*layers, keras.layers.ReLU(), keras.layers.Dense(2)]).save(Path(folder, "small.keras"))
    Path(folder, "together.yaml").write_text(RECIPE)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)


def distilled(folder):
    write(folder)
    run.distill(load(folder / "together.yaml"), folder / "together", name="together", quiet=True)


@pytest.fixture
def straight(made_once):
    return made_once("cooperating", distilled)[0] / "together"


def weights(file):
    return [np.asarray(one) for one in keras.saving.load_model(file).get_weights()]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@pytest.mark.both_backends
def test_the_student_is_delivered_and_its_peers_are_kept(straight):
    found = json.loads((straight / "cooperation.json").read_text())
    student, peer = found["networks"]
    assert (student["file"], peer["file"]) == ("student.keras", "peer_1.keras")
    assert student["images"] == peer["images"] == 20
    assert not equal(straight / "student.keras", straight / "peer_1.keras")
    assert len((straight / "history.csv").read_text().splitlines()) == 1 + 2 + 2
    assert not (straight / "training_state.npz").exists()


def test_the_report_says_what_each_round_did(straight):
    report = run.read_report(straight)
    made = report.cooperation
    assert report.data.held_out == 20 and report.student.top1 == pytest.approx(made.networks[0]["top1"])
    assert [(one["round"], one["member"]) for one in made.rounds[2:]] == [(1, "student"), (1, "peer_1")]
    written = sum(one["written"] for one in made.rounds)
    assert written == sum(len(one["written"]) for one in made.plane["networks"]) > 0
    assert np.shape(made.plane["networks"][0]["after"]) == (48, 48)
    page = (straight / "report.md").read_text()
    assert "## Networks that taught each other" in page and "examples written by" in page
    assert "peer_1.keras" in str(report)


@pytest.mark.slow
def test_a_finished_run_answers_and_one_that_dies_ends_with_the_same(straight, monkeypatch):
    class Killed(BaseException):
        pass

    begin, calls = cooperating._AfterEpoch.on_epoch_end, []

    def dies(self, *given):
        calls.append(given)
        # The peer's second epoch in the round, trained and not kept.
        if len(calls) == 8:
            raise Killed
        begin(self, *given)

    recipe = load("together.yaml")
    with monkeypatch.context() as patched:
        patched.setattr(cooperating._AfterEpoch, "on_epoch_end", dies)
        with pytest.raises(Killed):
            run.distill(recipe, "killed", name="together", quiet=True)
        assert not Path("killed/student.keras").exists()
        run.distill(recipe, "killed", name="together", quiet=True)
        assert len(calls) == 9
        run.distill(recipe, "killed", name="together", quiet=True)
        assert len(calls) == 9
    for name in ("student.keras", "peer_1.keras"):
        assert equal(straight / name, Path("killed", name))
    assert json.loads((straight / "cooperation.json").read_text()) == json.loads(
        Path("killed/cooperation.json").read_text()
    )


def test_a_plan_counts_all_networks_and_the_baseline_has_as_many_epochs():
    recipe = load("together.yaml")
    assert plan(recipe, everything=False)["epochs"] == 8
    alone = baseline_of(recipe)
    assert (alone.fit.epochs, alone.peers, alone.cooperative) == (4, (), None)
    cited = str(cite("together.yaml"))
    assert "Cooperative Knowledge Distillation" in cited and "Counterfactual Explanations" in cited


def test_a_network_without_training_images_is_refused():
    with pytest.raises(UserError, match="images: parts leaves a network without training images"):
        own_images(np.zeros(2, int), 3, "parts")
