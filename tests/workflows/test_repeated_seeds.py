"""Repeated seeds: the same student on labels alone, the verdict, and what is measured in addition to accuracy.

On both backends: that a run, its baseline and the doctor's judgement of both come about. What is judged of finished
reports, which runs are made and what is measured of logits in NumPy is the same on any.
"""

import json
import shutil

import numpy as np
import pytest
from reports import undescribed
from stand_ins import UNTRAINED

from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows import seeds as repeated_seeds
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.folder import read_history, read_report

RECIPE = """
data: {name: ./images.npz, views: flip, validation: 20}
teacher: teacher.yaml
student: digits_tiny
label_weight: 0.5
terms: [{method: kd, temperature: 4}]
fit: {epochs: 2, batch_size: 20, optimizer: adam, learning_rate: 0.01}
export: {formats: []}
"""
TEACHER = """
data: {name: ./images.npz, views: flip, validation: 20}
student: digits_cnn
fit: {epochs: 3, batch_size: 20, optimizer: adam, learning_rate: 0.01}
export: {formats: []}
"""


@pytest.fixture(scope="module")
def made(made_once):
    """A folder with images, a teacher's recipe and its run."""

    def fill(place):
        generator = np.random.default_rng(0)
        labels = np.arange(120) % 4
        pixels = np.clip(generator.normal(60 * labels[:, None, None, None], 40, (120, 8, 8, 1)), 0, 255).astype("uint8")
        np.savez(place / "images.npz", x_train=pixels[:80], y_train=labels[:80], x_test=pixels[80:], y_test=labels[80:])
        (place / "teacher.yaml").write_text(TEACHER)
        run.distill(load(place / "teacher.yaml"), place / "runs" / "teacher", name="teacher", quiet=True)

    return made_once("repeated_seeds", fill)[0]


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A folder of a test's own with images, a teacher's recipe and its run."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def page_of(folder):
    return (folder / "runs" / "mine" / "report.md").read_text()


def distilled(folder, text="", name="mine", **options):
    (folder / f"{name}.yaml").write_text(RECIPE + text)
    return repeated_seeds.distill(
        load(folder / f"{name}.yaml"), folder / "runs" / name, name=name, quiet=True, despite=UNTRAINED, **options
    )


@pytest.mark.slow
def test_three_seeds_and_their_baselines_are_judged(folder):
    found = distilled(folder, "baseline: {label_smoothing: 0.1}\nseeds: [0, 1, 2]\n")
    assert found["seed"] == 0
    verdict = found["verdict"]
    assert [one["seed"] for one in verdict["runs"]] == [0, 1, 2]
    assert [one["run"] for one in verdict["runs"]] == [".", "../mine-seed1", "../mine-seed2"]
    assert set(verdict["against"]) == {"labels alone", "label smoothing"}
    for one in verdict["against"].values():
        tops = [read_report(folder / "runs" / "mine" / row["run"])["student"]["top1"] for row in one["runs"]]
        differences = np.array([row["top1"] for row in verdict["runs"]]) - tops
        assert one["difference"] == pytest.approx(differences.mean()) and one["n"] == 3
        assert one["outcome"] in ("better", "worse", "undecided")
    assert verdict["sentence"] == verdict["against"]["labels alone"]["sentence"]
    assert len(verdict["classes"]["change"]) == 4
    page = (folder / "runs" / "mine" / "report.md").read_text()
    assert page.index(verdict["sentence"]) < page.index("## Student and teacher")


@pytest.mark.slow
def test_a_baseline_is_the_same_student_budget_seed_and_views(folder):
    found = distilled(folder, "baseline: true\nseed: 3\n")
    (row,) = found["verdict"]["against"]["labels alone"]["runs"]
    place = folder / "runs" / "mine" / row["run"]
    alone, mine = load(place / "recipe.yaml", notes=[]), load(folder / "runs" / "mine" / "recipe.yaml", notes=[])
    assert alone.teacher is None and alone.terms == () and alone.label_weight == 1
    assert (alone.fit, alone.data, alone.student, alone.seed) == (mine.fit, mine.data, mine.student, mine.seed)
    assert found["verdict"]["sentence"].startswith("Undecided: 1 seed of the 3 that a verdict needs")
    assert mine.baseline is not None and found["doctor"]["findings"] and "## What the doctor found" in page_of(folder)
    assert (folder / "runs" / "mine" / "report.html").read_text().startswith("<!doctype html>")
    more = distilled(folder, "seed: 3\nevidence: {train_images: 10}\n")
    assert more["splits"]["train"]["images"] == 10 and more["verdict"] == found["verdict"]
    assert load(folder / "runs" / "mine" / "recipe.yaml", notes=[]).baseline is None
    assert place.parent.name == "baselines"
    assert undescribed(found) == []


@pytest.mark.slow
def test_recipes_of_one_student_and_budget_share_their_baselines(folder):
    one = distilled(folder, "baseline: true\n")
    other = distilled(
        folder, "baseline: true\nexport: {formats: []}\n".replace("export: {formats: []}\n", ""), name="hot"
    )
    assert one["verdict"]["against"]["labels alone"]["runs"] == other["verdict"]["against"]["labels alone"]["runs"]
    assert len(list((folder / "runs" / "baselines").iterdir())) == 1


@pytest.mark.slow
def test_fewer_seeds_decide_where_they_are_asked_to(folder):
    found = distilled(folder, "baseline: {least_seeds: 1}\n")
    one = found["verdict"]["against"]["labels alone"]
    assert one["n"] == 1 and one["interval"] is None
    assert one["outcome"] == ("undecided" if one["difference"] == 0 else "better" if one["difference"] > 0 else "worse")


@pytest.mark.slow
def test_what_is_there_is_not_trained_again(folder):
    distilled(folder, "baseline: true\n")
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("student.keras")}
    distilled(folder, "baseline: true\n")
    more = distilled(folder, "baseline: true\nseeds: [0, 1]\n")
    after = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("student.keras")}
    assert all(after[path] == when for path, when in before.items()) and len(after) == len(before) + 2
    assert len(more["verdict"]["runs"]) == 2


@pytest.mark.slow
def test_seeds_without_a_baseline_have_a_mean_and_no_verdict(folder):
    found = distilled(folder, "seeds: [4, 5]\n")
    assert found["seed"] == 4 and not found["verdict"]["against"]
    assert found["verdict"]["sentence"].endswith(" over 2 seeds.")
    assert "Not known whether the teacher helped" in page_of(folder)[: page_of(folder).index("## ")]


@pytest.mark.slow
def test_the_last_epoch_is_the_figure_and_the_best_on_validation_stands_next_to_it(folder):
    (folder / "mine.yaml").write_text(RECIPE.replace("epochs: 2", "epochs: 4"))
    found = repeated_seeds.distill(
        load("mine.yaml"), folder / "runs" / "mine", name="mine", quiet=True, despite=UNTRAINED
    )
    best, rows = found["best_validation"], read_history(RunFolder(folder / "runs" / "mine"))
    scores = [float(row["val_accuracy"]) for row in rows]
    assert best["val_accuracy"] == max(scores) and best["epoch"] == 1 + scores.index(max(scores))
    assert (folder / "runs" / "mine" / "checkpoints" / "best_validation.keras").exists()
    if best["epoch"] == len(rows):
        assert best["top1"] == found["student"]["top1"]


@pytest.mark.slow
def test_fidelity_is_measured_on_every_split_and_against_an_independent_teacher(folder):
    text = "evidence: {independent_teacher: {model: teacher.yaml, seed: 1}, train_images: 30}\n"
    found = distilled(folder, text)
    assert {name: one["images"] for name, one in found["splits"].items()} == {"train": 30, "validation": 20, "test": 40}
    assert found["splits"]["test"]["agreement"] == found["fidelity"]["agreement"]
    control = found["fidelity"]["control"]
    assert control["beyond_control"] == pytest.approx(found["fidelity"]["agreement"] - control["agreement"])
    assert control["name"].startswith("teacher-seed1")
    assert found["calibration_scaled"]["fitted_on"] == "validation"
    assert found["deviation"]["images"] + found["deviation"]["left_out"] == 40
    assert -1 <= found["splits"]["train"]["example_weights"]["correlation"] <= 1
    assert undescribed(found) == []


@pytest.mark.slow
def test_evidence_that_is_asked_for_later_is_measured_without_training_again(folder):
    distilled(folder)
    before = (folder / "runs" / "mine" / "student.keras").stat().st_mtime_ns
    found = distilled(folder, "baseline: true\nevidence: {attention: true, invariance: true, images: 16}\n")
    assert (folder / "runs" / "mine" / "student.keras").stat().st_mtime_ns == before
    assert found["properties"]["networks"] == ["student", "teacher", "baseline"]
    assert "teacher/baseline" in found["properties"]["attention"]
    assert json.loads((folder / "runs" / "mine" / "report.json").read_text())["properties"] == found["properties"]


@pytest.mark.slow
def test_corruptions_and_attacks(folder):
    found = distilled(folder, "evidence: {corruptions: true, attacks: true, images: 16, epsilon: 8}\n")["properties"]
    assert set(found["corruptions"]) == {"student", "teacher"} and len(found["corruptions"]["student"]["jpeg"]) == 5
    assert 0 <= found["attacks"]["student"]["student"]["pgd"] <= found["attacks"]["student"]["student"]["clean"] <= 1


@pytest.mark.slow
def test_planted_noise_is_reported(folder):
    text = RECIPE.replace("validation: 20}", "validation: 20, label_noise: {rate: 0.5}}")
    (folder / "noisy.yaml").write_text(text)
    found = repeated_seeds.distill(
        load("noisy.yaml"), folder / "runs" / "noisy", name="noisy", quiet=True, despite=UNTRAINED
    )
    assert found["data"]["label_noise"] == {"kind": "symmetric", "asked": 0.5, "rate": 0.5, "images": 30}
    train = found["splits"]["train"]
    assert 0 <= train["student_fits_noise"] <= 1 and 0 <= train["teacher_true_top1"] <= 1
    assert "## Label noise" in (folder / "runs" / "noisy" / "report.md").read_text()


@pytest.mark.slow
def test_planted_rare_classes_are_reported(folder):
    text = RECIPE.replace("validation: 20}", "imbalance: {ratio: 5}}")
    (folder / "rare.yaml").write_text(text.replace("teacher: teacher.yaml", "teacher: digits_cnn"))
    found = repeated_seeds.distill(
        load("rare.yaml"), folder / "runs" / "rare", name="rare", quiet=True, despite=UNTRAINED
    )
    groups = found["imbalance"]
    assert sorted(groups["head_classes"] + groups["middle_classes"] + groups["tail_classes"]) == [0, 1, 2, 3]
    assert "## Rare classes" in (folder / "runs" / "rare" / "report.md").read_text()


@pytest.mark.slow
def test_a_teacher_can_be_a_recipe_with_other_settings(folder):
    text = "teacher: {model: teacher.yaml, settings: {fit.epochs: 1}}"
    (folder / "mine.yaml").write_text(RECIPE.replace("teacher: teacher.yaml", text))
    repeated_seeds.distill(load("mine.yaml"), folder / "runs" / "mine", name="mine", quiet=True, despite=UNTRAINED)
    (place,) = (folder / "runs").glob("teacher-*")
    assert read_report(place)["epochs"] == 1 and load(place / "recipe.yaml", notes=[]).fit.epochs == 1
    (folder / "bad.yaml").write_text(RECIPE.replace("teacher: teacher.yaml", text.replace("epochs", "epoch")))
    with pytest.raises(UserError, match="fit.epoch: no such field for fit; did you mean 'epochs'"):
        repeated_seeds.distill(load("bad.yaml"), folder / "runs" / "bad", name="bad", quiet=True, despite=UNTRAINED)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: [1, 1]\n", "seeds: is [1, 1]; expected each seed once"),
        ("seed: 3\nseeds: [0, 1]\n", "seed: is 3 and seeds begin with 0; leave seed out"),
        ("evidence: {independent_teacher: teacher.yaml}\n", "is the teacher itself; give another seed of it"),
        ("evidence: {corruption: true}\n", "did you mean 'corruptions'?"),
        ("baseline: {label_smoothing: 2}\n", "baseline.label_smoothing: is 2; expected less than 1"),
        ("baseline: 3\n", "baseline: "),
    ],
)
def test_what_cannot_be_is_said_with_its_line(folder, text, message):
    (folder / "mine.yaml").write_text(RECIPE + text)
    with pytest.raises(UserError) as error:
        load("mine.yaml")
    assert message in str(error.value)
    (folder / "teacher2.yaml").write_text(TEACHER + "baseline: true\n")
    with pytest.raises(UserError, match="the student learns from labels alone already"):
        load("teacher2.yaml")
