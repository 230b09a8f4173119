"""A teacher that makes its student worse: what is said of it first, which student is delivered, how labels weigh."""

import json
import shutil

import numpy as np
import pytest

from keras_kd import Report
from keras_kd.recipe.load import load
from keras_kd.report.compare import rows_of
from keras_kd.report.first_sentence import first_sentence
from keras_kd.report.report import Scores
from keras_kd.utils.errors import UserError
from keras_kd.workflows import seeds as repeated_seeds
from keras_kd.workflows.doctor.start import AT_THE_START
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import label_weight
from keras_kd.workflows.run.evaluate import evaluate
from keras_kd.workflows.run.export import export
from keras_kd.workflows.run.open_run import load_data

UNKNOWN = "Not known whether the teacher helped: no student on labels alone stands next to it (baseline: true)."
RECIPE = """
data: {name: ./images.npz, validation: 40}
teacher: teacher.yaml
student: digits_tiny
label_weight: 0.1
terms: [{method: kd, weight: 0.9, temperature: 4}]
fit: {epochs: 4, batch_size: 20, optimizer: adam, learning_rate: 0.01, deterministic: true}
export: {formats: []}
"""
BEST = "{formats: [litert_float32], deliver: best}"
TEACHER = """
data: {name: ./TAUGHT.npz, validation: 40}
student: digits_cnn
fit: {epochs: 6, batch_size: 20, optimizer: adam, learning_rate: 0.01}
export: {formats: []}
"""

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with images, the same with each label moved to the next class, and the recipe of a teacher of those."""
    monkeypatch.chdir(tmp_path)
    generator, labels = np.random.default_rng(0), np.arange(340) % 4
    pixels = np.clip(generator.normal(60 * labels[:, None, None, None], 20, (340, 8, 8, 1)), 0, 255).astype("uint8")
    for name, step in (("images", 0), ("moved", 1)):
        given = (labels + step) % 4
        arrays = {"x_train": pixels[:240], "y_train": given[:240], "x_test": pixels[240:], "y_test": given[240:]}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    (tmp_path / "teacher.yaml").write_text(TEACHER.replace("TAUGHT", "moved"))
    return tmp_path


def distilled(folder, name="mine", **changed):
    text = RECIPE
    for field, value in changed.items():
        text = "\n".join(line for line in text.splitlines() if not line.startswith(f"{field}:")) + f"\n{field}: {value}"
    (folder / f"{name}.yaml").write_text(text + "\n")
    return repeated_seeds.distill(
        load(folder / f"{name}.yaml"), folder / "runs" / name, name=name, quiet=True, despite=AT_THE_START
    )


@pytest.mark.slow
def test_a_teacher_that_harms_is_named_first_and_the_better_student_delivered(folder):
    report = distilled(folder, baseline="true", export=BEST)
    place = folder / "runs" / "mine"
    (alone,) = report.verdict.against["labels alone"]["runs"]
    said = report.verdict.sentence
    assert said.startswith("Distillation is worse than labels alone on these 100 test images: ") and "1 seed of" in said
    assert report.delivered.learned_from == "labels alone" and report.delivered.judged_on == "validation images"
    assert report.exports[0].accuracy == alone["top1"] > report.student.top1 + 0.2
    first = str(report).splitlines()[0]
    assert first.startswith(said) and "Delivered: the student on labels alone, " in first
    page, card = (place / "report.md").read_text(), (place / "model_card.md").read_text()
    assert page.index(said) < page.index("## ") and card.startswith(f"# mine\n\n{said}")
    assert "Delivered: the student on labels alone, " in card[: card.index("| | |")]
    (row,) = rows_of([place])
    assert row["agreement"] is None and row["top1"] == alone["top1"]
    assert row["ece"] == Report.read(place / alone["run"]).calibration.ece != report.calibration.ece
    assert f"{100 * alone['top1']:.2f} top-1" in card and "`delivered.keras`" in card and "distilled from" not in card
    assert (place / "delivered.keras").read_bytes() == (place / alone["run"] / "student.keras").read_bytes()
    assert evaluate(place).delivered == report.delivered
    stamp = (place / "student.tflite").stat().st_mtime_ns
    again = distilled(folder, baseline="true", export=BEST).as_json()
    # Measuring again has taken time.
    timed = {"time": None, "latency": None}
    assert {**again, **timed} == {**report.as_json(), **timed}
    assert (place / "student.tflite").stat().st_mtime_ns == stamp
    # Without the other run it stays with what was chosen.
    shutil.rmtree(folder / "runs" / "baselines")
    assert export(place).exports[0].accuracy == alone["top1"]


@pytest.mark.slow
def test_a_teacher_that_helps_or_knows_nothing_leaves_the_distilled_student(folder):
    (folder / "teacher.yaml").write_text(TEACHER.replace("TAUGHT", "images"))
    report = distilled(folder, baseline="true", export=BEST, label_weight="auto")
    assert report.label_weight.teacher_accuracy > 0.9
    chosen = report.delivered
    assert (chosen.learned_from == "the teacher") == (chosen.distilled >= chosen.labels_alone)
    figures = report.student if chosen.learned_from == "the teacher" else Scores(**chosen.figures["student"])
    assert report.exports[0].accuracy == figures.top1


@pytest.mark.slow
def test_auto_is_the_numbers_that_it_came_to(folder):
    (folder / "teacher.yaml").write_text(TEACHER.replace("TAUGHT", "images").replace("epochs: 6", "epochs: 2"))
    one = distilled(folder, label_weight="auto")
    weight, trust = one.label_weight.label_weight, one.label_weight.trust
    assert 0 < trust < 1 and weight == 1 - 0.9 * trust
    terms = f"[{{method: kd, weight: {0.9 * trust!r}, temperature: 4}}]"
    other = distilled(folder, name="numbers", label_weight=repr(weight), terms=terms)
    histories = [(folder / "runs" / name / "history.csv").read_text().splitlines() for name in ("mine", "numbers")]
    losses = [[line.split(",")[:3] for line in history] for history in histories]
    assert losses[0] == losses[1] and one.student.top1 == other.student.top1
    assert f"and the terms {trust:.4f} of their own weights" in (folder / "runs" / "mine" / "report.md").read_text()


def test_weights_fall_with_the_teachers_accuracy(folder, monkeypatch):
    recipe = load_text(folder, label_weight="auto")
    dataset = load_data(recipe)
    for wrong in (0, 10, 40):
        said = np.eye(4, dtype="float32")[dataset.validation.labels]
        said[:wrong] = np.roll(said[:wrong], 1, axis=1)
        monkeypatch.setattr(label_weight, "logits_of", lambda teacher, images, said=said: (said, 0.0))
        weighed, found = label_weight.with_measured_weights(recipe, dataset, None)
        chance = np.bincount(dataset.validation.labels).max() / 40
        trust = max(0.0, ((40 - wrong) / 40 - chance) / (1 - chance)) ** 4
        assert found["trust"] == pytest.approx(trust) and found["images"] == 40
        assert weighed.label_weight == pytest.approx(1 - 0.9 * trust)
        assert weighed.terms[0].weight == pytest.approx(0.9 * trust)
    assert label_weight.with_assumed_weights(recipe).label_weight == 0.5
    smoothed = load_text(folder, label_weight="auto", terms="[{method: kd}, {method: label_smoothing, weight: 0.5}]")
    weighed, _ = label_weight.with_measured_weights(smoothed, dataset, None)
    assert [term.weight for term in weighed.terms] == [0.0, 0.5], "the second asks no teacher"
    plain = load_text(folder)
    assert label_weight.with_measured_weights(plain, dataset, None) == (plain, None)
    assert label_weight.with_assumed_weights(plain) is plain


def load_text(folder, **changed):
    text = "\n".join(
        f"{line.split(':')[0]}: {changed[line.split(':')[0]]}" if line.split(":")[0] in changed else line
        for line in RECIPE.splitlines()
    )
    (folder / "one.yaml").write_text(text)
    return load(folder / "one.yaml", notes=[])


@pytest.mark.parametrize(
    "changed, said",
    [
        (
            {"label_weight": "auto", "teacher": "null", "terms": "[]"},
            "label_weight: is auto and there is no teacher; give a number, such as 1",
        ),
        (
            {"label_weight": "auto", "data": "digits"},
            "label_weight: auto is measured on validation images and there are none; set data.validation",
        ),
        ({"label_weight": "ato"}, "label_weight: is 'ato'; expected a number, a schedule, or auto"),
        (
            {"export": "{deliver: best}"},
            "export.deliver: best compares with the student on labels alone; set baseline: true, or leave it out",
        ),
    ],
)
def test_what_cannot_be_is_refused(folder, changed, said):
    with pytest.raises(UserError) as error:
        load_text(folder, **changed)
    assert str(error.value).endswith(said)


def test_of_a_file_it_is_known_once_it_is_read_whether_images_are_held_out(folder):
    recipe = load_text(folder, label_weight="auto", data="./images.npz")
    with pytest.raises(UserError, match="label_weight: auto is measured on validation images and there are none"):
        run.distill(recipe, folder / "runs" / "one", name="one", quiet=True)
    assert not list((folder / "runs").rglob("*.keras"))


def test_what_is_said_first():
    taught = {"student": {"top1": 0.5}, "teacher": {"name": "t"}}
    assert first_sentence(taught) == UNKNOWN
    assert (
        str(Report(**taught)).splitlines()[0]
        == f"the student is right on 50.00 % of the test images, one run. {UNKNOWN}"
    )
    assert first_sentence({"student": {"top1": 0.5}}) == ""
    judged = {**taught, "verdict": {"sentence": "It helped.", "against": {"labels alone": {}}}}
    assert first_sentence({**judged, "verdict": {**judged["verdict"], "against": {"labels alone": {"n": 1}}}}) == (
        "It helped."
    )
    seeds = {**taught, "verdict": {"sentence": "97 % over 3 seeds.", "against": {}}}
    # What several seeds have alone says nothing of the teacher; the sentence before it has their mean and spread.
    assert first_sentence(json.loads(json.dumps(seeds))) == UNKNOWN


@pytest.mark.slow
def test_a_run_with_a_teacher_and_no_baseline_says_that_nothing_is_known(folder):
    (folder / "one.yaml").write_text(RECIPE.replace("epochs: 4", "epochs: 1"))
    report = run.distill(load(folder / "one.yaml"), folder / "runs" / "one", name="one", quiet=True)
    assert str(report).splitlines()[0].endswith(UNKNOWN)
    page = (folder / "runs" / "one" / "report.md").read_text()
    assert page.index(UNKNOWN) < page.index("## ")
