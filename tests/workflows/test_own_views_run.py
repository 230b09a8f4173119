"""A recipe with an ensemble whose members see views of their own: live and through a bank, its report, its limits."""

import csv
from pathlib import Path

import keras
import pytest

from keras_kd import models
from keras_kd.recipe.cite import cite
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor import examine
from keras_kd.workflows.doctor.findings import DATA, GRADIENTS
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.plan import plan

RECIPE = """\
data: {name: digits, train_images: 120, test_images: 40, views: crop_flip}
teacher: {ensemble: [one.keras, two.keras], ensemble_views: own}
student: digits_tiny
label_weight: 0.1
terms: [{method: kd, weight: 0.9, temperature: 4}]
fit: {epochs: 2, batch_size: 40, optimizer: adam, learning_rate: 0.01, deterministic: true}
bank: {format: float32}
evidence: {attention: true, images: 16}
export: {formats: []}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("one", "two")):
        keras.utils.set_random_seed(seed)
        models.build("digits_cnn", (8, 8, 1), 10).save(f"{name}.keras")
    Path("own.yaml").write_text(RECIPE)


def losses(folder):
    with open(Path(folder, "history.csv"), newline="") as file:
        return [float(row["kd_loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.both_backends
def test_a_run_through_its_bank_is_a_run_in_the_step_and_not_one_of_the_same_views():
    no_evidence = "evidence={train_images: 0, representation: false}"
    for name, settings in (
        ("filled", []),
        ("live", ["bank.mode=live", no_evidence]),
        ("same", ["teacher.ensemble_views=same", no_evidence]),
    ):
        run.distill(load("own.yaml", settings), name, name=name, quiet=True)
    assert losses("filled") == pytest.approx(losses("live"), rel=1e-5)
    assert losses("filled") != pytest.approx(losses("same"), rel=1e-3)
    report = run.read_report(Path("filled"))
    assert report.teacher.source["view_seeds"] == [1, 2]
    assert "view_seeds" not in run.read_report(Path("same")).teacher.source
    found = report.properties["attention"]
    assert {"student/teacher_1", "teacher_1/teacher_2", "teacher_1/teacher_2, own views"} <= set(found)
    assert found["teacher_1/teacher_2, own views"]["iou"] != found["teacher_1/teacher_2"]["iou"]
    assert "teacher_1 and teacher_2, own views" in Path("filled/report.md").read_text().replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_the_doctor_tells_who_sees_what_and_measures_gradients():
    made = examine(load("own.yaml"), "saved_models/own", checks=[DATA, GRADIENTS])["findings"]
    found = {one["check"]: one for one in made}
    assert "each member of the teacher sees a view of its own" in found[DATA]["found"]
    assert found[GRADIENTS]["outcome"] != "unknown", found[GRADIENTS]


def test_it_is_planned_cited_and_left_out_of_recipes_that_know_none():
    assert plan(load("own.yaml"), everything=False)["bank_bytes"] > 0
    assert "guo2025fidelity" in cite("own.yaml")
    assert "ensemble_views" not in load("own.yaml", ["teacher.ensemble_views=same"]).dump()["teacher"]
    assert load("own.yaml").dump()["teacher"]["ensemble_views"] == "own"


@pytest.mark.parametrize(
    "settings, message",
    [
        (["data.views={base: crop_flip, mixup: 1}"], "cannot be with data.views that mix images"),
        (["data.views=none"], "data.views has one view, which all see"),
        (["teacher.ensemble_views=[1, 2, 3]"], "has 3 seeds for 2 members; give one per member, or own"),
        (["teacher.calibrate=true", "data.validation=20"], "teacher.calibrate: of the whole shows all members"),
        (["terms=[{method: at, teacher_taps: [member_1/stage1, member_1/stage2], student_taps: [stage1, stage2]}]"],
         "terms.*: at reads layers of the teacher"),
        (["teacher={model: one.keras, ensemble_views: own}"], "teacher.ensemble_views: is of an ensemble"),
    ],
)  # fmt: skip
def test_what_it_cannot_be_combined_with_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        load("own.yaml", settings)
