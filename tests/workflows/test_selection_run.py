"""A recipe whose terms a policy chooses: what it needs, what it leaves, and that one that was killed ends the same."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd import models
from keras_kd.recipe.cite import cite
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.baseline import baseline_of
from keras_kd.workflows.search.space import SearchInput, space_of

RECIPE = """\
data: {name: digits, train_images: 200, test_images: 50, validation: 40}
teacher: teacher.keras
student: digits_tiny
terms:
  - {method: kd, weight: 0.5, temperature: 2}
  - {method: sp, weight: 100, student_taps: [stage2], teacher_taps: [stage2]}
selection: {policy: actor_critic, interval: 3, unit: steps, horizon: 2}
fit: {epochs: 4, batch_size: 40, optimizer: adam, learning_rate: 0.01, deterministic: true}
export: {formats: []}
"""


def write(folder):
    keras.utils.set_random_seed(1)
    models.build("digits_cnn", (8, 8, 1), 10).save(Path(folder, "teacher.keras"))
    Path(folder, "chosen.yaml").write_text(RECIPE)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)


def distilled(folder):
    """A finished run of the recipe, never killed."""
    write(folder)
    run.distill(load(folder / "chosen.yaml"), folder / "chosen", name="chosen", quiet=True)


@pytest.fixture
def straight(made_once):
    folder, _ = made_once("chosen", distilled)
    return folder / "chosen"


def history(folder):
    with open(Path(folder, "history.csv"), newline="") as file:
        return [{name: one for name, one in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_history_and_report_tell_what_was_chosen(straight):
    rows, found = history(straight), run.read_report(straight).selection
    # 4 steps an epoch: intervals end after 3, 6, 9, 12 and 15 of 16.
    assert [bool(row["selection_reward"]) for row in rows] == [False, True, True, True]
    for name in ("kd", "sp"):
        shares = [float(row[f"{name}_chosen"]) for row in rows]
        assert found.chosen[name] == pytest.approx(np.mean(shares)) and 0 <= min(shares) <= max(shares) <= 1
        assert found.probability[name] == float(rows[-1][f"{name}_probability"])
        assert [one["chosen"][name] for one in found.parts] == shares
    assert (found.policy, found.interval, found.unit, found.epochs_rewarded) == ("actor_critic", 3, "steps", 3)
    text = (straight / "report.md").read_text()
    assert "Of the training each term counted in: kd " in text and "Which terms were chosen" in text
    assert "Of the training each term counted in: kd " in str(run.read_report(straight))


@pytest.mark.slow
@pytest.mark.both_backends
@pytest.mark.parametrize("epoch, step", [(1, 1)])
def test_a_run_that_dies_in_a_step_ends_with_the_same_student_and_choices(epoch, step, straight, monkeypatch):
    class Stop(Exception):
        pass

    class Dies(training.StopOnNonFinite):
        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (epoch, step):
                raise Stop

    recipe = load("chosen.yaml")
    with monkeypatch.context() as patched:
        patched.setattr(training, "StopOnNonFinite", Dies)
        with pytest.raises(Stop):
            run.distill(recipe, "killed", name="chosen", quiet=True)
    run.distill(recipe, "killed", name="chosen", quiet=True)
    assert history("killed") == history(straight)
    weights = [keras.saving.load_model(Path(one, "student.keras")).get_weights() for one in (straight, "killed")]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_selection_needs_validation_images_terms_and_labels():
    recipe = load("chosen.yaml")
    without = recipe.model_copy(update={"data": recipe.data.model_copy(update={"validation": 0})})
    with pytest.raises(UserError, match="selection: is rewarded on validation images and there are none; set"):
        run.distill(without, "none", name="none", quiet=True)
    assert not Path("none/recipe.yaml").exists()


def test_what_a_recipe_says_of_it_is_kept_shrunk_cited_and_left_out_of_the_baseline():
    recipe = load("chosen.yaml", ["selection=bandit"])
    assert recipe.selection.policy == "bandit" and recipe.dump()["selection"]["interval"] == 1
    assert "selection" not in load("chosen.yaml", ["selection=null"]).dump()
    assert baseline_of(recipe).selection is None
    brief = RECIPE.replace("{policy: actor_critic, interval: 3, unit: steps, horizon: 2}", "bandit")
    Path("brief.yaml").write_text(brief)
    small = load("brief.yaml", smoke=True).selection
    assert (small.policy, small.interval, small.unit) == ("bandit", 1, "steps")
    assert "wang2022selection" in cite("chosen.yaml")


def test_its_settings_may_be_searched():
    space = "{selection.learning_rate: {float: [0.01, 1]}, selection.labels: {boolean: true}}"
    text = RECIPE + f"search: {{space: {space}}}\n"
    Path("searched.yaml").write_text(text)
    settings = space_of(load("searched.yaml"), SearchInput("searched.yaml"))
    assert [one.path for one in settings] == ["selection.learning_rate", "selection.labels"]
