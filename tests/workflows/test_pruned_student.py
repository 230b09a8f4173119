"""A recipe whose student is its teacher made smaller: taught, gone on with after a kill, reported, exported."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

import keras_kd
from keras_kd.models import build
from keras_kd.recipe.load import load
from keras_kd.report.in_brief import in_brief
from keras_kd.utils.errors import UserError
from keras_kd.workflows import seeds
from keras_kd.workflows.doctor import examine
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import prune_student
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.baseline import baseline_of
from keras_kd.workflows.run.plan import plan

RECIPE = """\
data: {name: digits, train_images: 200, test_images: 50, views: crop_flip}
teacher: teacher.keras
student: {prune: {macs: 0.5, round_to: 2, keep: [stage1]}}
terms: [{method: kd}]
fit: {epochs: 2, batch_size: 32, deterministic: true}
export: {formats: []}
"""
NOTHING_LEARNT = ["fit.learning_rate=1e-12", "fit.epochs=1"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a teacher and a recipe whose student is made from it."""
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(7)
    teacher = build("digits_tiny", (8, 8, 1), 10)
    teacher.save("teacher.keras")
    (tmp_path / "small.yaml").write_text(RECIPE)
    return teacher


def student_of(folder):
    return keras.saving.load_model(f"{folder}/student.keras")


def weights_of(folder):
    return student_of(folder).get_weights()


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def report_of(folder):
    return json.loads(Path(folder, "report.json").read_text())


def test_the_student_is_the_teacher_made_smaller(here):
    report = run.distill(load("small.yaml", NOTHING_LEARNT), "small", name="small", quiet=True)
    made = keras_kd.prune(here, macs=0.5, round_to=2, keep=["stage1"])
    student, planned = student_of("small"), made.model()
    assert [layer.name for layer in student.layers] == [layer.name for layer in here.layers]
    kernels = [one.get_layer("stage2_1_conv").get_weights()[0] for one in (student, planned)]
    np.testing.assert_allclose(*kernels, atol=1e-6)
    # Batch normalisation is measured anew before training: its statistics are neither the teacher's nor the first ones.
    means = [one.get_layer("stage1_1_bn").get_weights()[2] for one in (student, planned)]
    assert np.abs(means[0] - means[1]).max() > 1e-3
    assert report.student.name == "teacher_pruned"
    assert report.pruning.macs == list(made.macs) and report.cost.macs == made.macs[1]
    assert report.pruning.layers[0] == {"layer": "stage1_1_conv", "before": 8, "after": 8, "why": "keep: stage1"}
    assert "Pruned from the teacher: 11,580 of 23,200 multiply-accumulates (50 %)" in str(report)
    page = Path("small/report.md").read_text()
    assert "What was removed of the teacher" in page and "| stage1_1_conv | 8 | 8 | keep: stage1 |" in page
    resolved = yaml.safe_load(Path("small/recipe.yaml").read_text())["student"]
    assert resolved["prune"] == {
        "macs": 0.5,
        "parameters": None,
        "speedup": None,
        "bytes": None,
        "format": None,
        "criterion": "l2",
        "round_to": 2,
        "minimum": 0.1,
        "steps": 1,
        "keep": ["stage1"],
    }
    assert "model" not in resolved
    # What is resolved is read as it was, and answers at once.
    assert load("small/recipe.yaml").student == load("small.yaml").student
    again = run.distill(load("small.yaml", NOTHING_LEARNT), "small", name="small", quiet=True)
    assert again.student.top1 == report.student.top1


def dies_in(monkeypatch, epoch, place=training):
    class Dies(training.StopOnNonFinite):
        def on_epoch_begin(self, now, logs=None):
            super().on_epoch_begin(now, logs)
            if now == epoch:
                raise KeyboardInterrupt

    monkeypatch.setattr(place, "StopOnNonFinite", Dies)


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_run_that_goes_on_has_the_same_student(here, monkeypatch, epoch):
    recipe = load("small.yaml", ["student.prune.criterion=taylor", "student.prune.keep=[]"])
    run.distill(recipe, "straight", name="small", quiet=True)
    with monkeypatch.context() as patched:
        dies_in(patched, epoch)
        with pytest.raises(KeyboardInterrupt):
            run.distill(recipe, "killed", name="small", quiet=True)
    run.distill(recipe, "killed", name="small", quiet=True)
    assert equal(weights_of("straight"), weights_of("killed"))
    assert report_of("straight")["pruning"] == report_of("killed")["pruning"]


def test_a_run_that_goes_on_chooses_no_other_channels(here, monkeypatch):
    recipe = load("small.yaml", ["student.prune.criterion=random", "student.prune.keep=[]"])
    with monkeypatch.context() as patched:
        dies_in(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            run.distill(recipe, "killed", name="small", quiet=True)
    before = json.loads(Path("killed/pruning.json").read_text())["removed"]
    # Rounding on another machine might choose others: what was chosen is kept.
    monkeypatch.setattr(prune_student, "Pruner", None)
    run.distill(recipe, "killed", name="small", quiet=True)
    assert json.loads(Path("killed/pruning.json").read_text())["removed"] == before


def test_on_labels_alone_and_as_its_own_baseline(here):
    recipe = load("small.yaml", ["baseline=true", "fit.epochs=1"])
    alone = baseline_of(recipe)
    assert alone.teacher == recipe.teacher and alone.terms == ()
    report = run.distill(alone, "alone", name="alone", quiet=True)
    assert report.student.name == "teacher_pruned" and report.pruning.macs[1] == report.cost.macs
    again = load("small.yaml", ["terms=[]", "fit.epochs=1"])
    run.distill(again, "labels", name="labels", quiet=True)
    assert equal(weights_of("alone"), weights_of("labels"))


def test_a_teacher_that_is_a_recipe_and_a_student_that_teaches(here):
    Path("large.yaml").write_text(
        "data: {name: digits, train_images: 200, test_images: 50}\nstudent: digits_tiny\nfit: {epochs: 1}\n"
        "export: {formats: []}\n"
    )
    Path("small.yaml").write_text(RECIPE.replace("teacher.keras", "large.yaml"))
    planned = plan(load("small.yaml"))
    assert planned["student"]["name"] == "large_pruned"
    assert planned["student"]["macs"] == 11580
    Path("smaller.yaml").write_text(RECIPE.replace("teacher.keras", "small.yaml").replace("0.5", "0.8"))
    planned = plan(load("smaller.yaml"))
    assert planned["teacher"]["macs"] == 11580 and planned["student"]["macs"] <= 0.8 * 11580
    report = run.distill(load("smaller.yaml", ["fit.epochs=1"]), "runs/smaller", name="smaller", quiet=True)
    assert report.pruning.macs[0] == 11580 == report.teacher_cost.macs
    assert Path("runs/large/student.keras").exists() and Path("runs/small/student.keras").exists()


def test_the_doctor_before_the_teacher_is_trained(here):
    Path("large.yaml").write_text("data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    Path("small.yaml").write_text(RECIPE.replace("teacher.keras", "large.yaml"))
    findings = examine(load("small.yaml"), "small")["findings"]
    assert [one["outcome"] for one in findings if one["check"] == "student"] == ["unknown"]
    assert not [one for one in findings if one["outcome"] == "bad"]


class Measured:
    """Stands for the files: half of the time goes with the work, none of the size but the parameters."""

    def __init__(self, name, model, image_shape, images=None, inputs="float32"):
        self.name, self.asked = name, []
        Measured.last = self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __call__(self, plan):
        work, kept = (after / before for before, after in (plan.macs, plan.parameters))
        self.asked.append(work)
        times, sizes = [1.0, 0.5 + 0.5 * work], [10_000, round(2000 + 8000 * kept)]
        return {"format": self.name, "milliseconds": times, "bytes": sizes}


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(prune_student, "MeasuredPlans", Measured)


UNTRAINED = ["batch normalisation", "teacher accuracy"]
FASTER = ["student.prune={speedup: 1.4, round_to: 1}", "fit.epochs=1"]


def test_a_target_that_is_measured_and_its_baseline(here, measured, capsys):
    report = seeds.distill(
        load("small.yaml", [*FASTER, "baseline=true"]), Path("runs/fast"), name="fast", despite=UNTRAINED
    )
    slow, fast = report.pruning.measured["milliseconds"]
    assert 1.4 <= slow / fast <= 1.4 * 1.1
    share = report.pruning.found["macs"]
    assert "times faster, both as litert_int8 files" in in_brief(report.as_json())
    said = capsys.readouterr().err
    assert f"fast: asked for 1.4 times faster: {slow / fast:.2f} times faster" in said
    # The student on labels alone is the same one, and nothing is measured for it.
    alone = next(Path("runs/baselines").glob("*"))
    assert load(alone / "recipe.yaml").student.prune.macs == share
    removed = [json.loads((one / "pruning.json").read_text())["removed"] for one in (Path("runs/fast"), alone)]
    assert removed[0] == removed[1]


def test_a_run_that_goes_on_measures_nothing_anew(here, measured, monkeypatch):
    recipe = load("small.yaml", [*FASTER, "fit.epochs=2"])
    with monkeypatch.context() as patched:
        dies_in(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            run.distill(recipe, "killed", name="small", quiet=True)
    monkeypatch.setattr(prune_student, "MeasuredPlans", None)
    report = run.distill(recipe, "killed", name="small", quiet=True)
    assert report.pruning.measured["format"] == "litert_int8" and 0 < report.pruning.found["macs"] < 1


def test_a_file_is_measured_of_a_share_too(here, measured):
    recipe = load("small.yaml", ["student.prune={macs: 0.5, round_to: 2, format: litert_float32}", "fit.epochs=1"])
    report = run.distill(recipe, "half", name="half", quiet=True)
    assert report.pruning.measured["format"] == "litert_float32" and report.pruning.found is None
    assert len(Measured.last.asked) == 1


def test_what_cannot_be_reached_says_what_can_and_writes_nothing(here, measured):
    for asked, said in (
        (
            "speedup: 3",
            "found 3 times faster, which no part of the network reaches as litert_int8; within",
        ),
        (
            "bytes: 1kB",
            "found 1.0 kB, which no part of the network reaches as litert_int8; within reach: ",
        ),
        (
            "bytes: 1MB",
            "found 1.00 MB, and the litert_int8 file of the whole network has 10.0 kB already",
        ),
    ):
        with pytest.raises(UserError) as refused:
            run.distill(load("small.yaml", [f"student.prune={{{asked}}}"]), "small", name="small", quiet=True)
        assert str(refused.value).startswith(f"student.prune: {said}")
        assert not Path("small/recipe.yaml").exists() and not Path("small/pruning.json").exists()


@pytest.mark.slow
def test_its_files(here):
    report = run.distill(
        load("small.yaml", ["export.formats=[litert_float32, litert_int8]"]), "small", name="small", quiet=True
    )
    assert [one.passed for one in report.exports] == [True, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["student={}"], "student: names no network; give model, or prune: {macs: 0.5}"),
        (["student.model=digits_tiny"], "student.prune: and model exclude each other; keep one"),
        (
            ["student.prune={}"],
            "student.prune: names none; give one of macs, parameters, speedup, bytes, such as {macs: 0.5}",
        ),
        (
            ["student.prune.parameters=0.5"],
            "student.prune: names macs and parameters; give one of macs, parameters, speedup, bytes, such as",
        ),
        (["student.prune.macs=1"], "student.prune.macs: is 1; expected less than 1"),
        (["student.prune.steps=30"], "student.prune.steps: is 30; expected 10 or less"),
        (
            ["student.prune={speedup: 2, steps: 3}"],
            "student.prune.steps: is 3, and what a file is after further steps is not known before; give macs or",
        ),
        (
            ["student.prune.criterion=tailor"],
            "student.prune.criterion: no criterion 'tailor'; did you mean 'taylor'?",
        ),
        (
            ["student.prune={bytes: many}"],
            "student.prune.bytes: is 'many'; expected a whole number",
        ),
        (
            ["student.prune={bytes: 1 parsec}"],
            "student.prune.bytes: is '1 parsec'; expected bytes, such as 500000 or 1MB",
        ),
        (["student.prune={speedup: 1}"], "student.prune.speedup: is 1; expected more than 1"),
        (
            ["student.prune={speedup: 2, format: saved_model}"],
            "student.prune.format: is 'saved_model'; expected one of litert_float32, ",
        ),
        (
            ["student.pixels=unit"],
            "student.pixels: a student that is made from its teacher has the teacher's; leave it out",
        ),
        (
            ["teacher=null", "terms=[]"],
            "student.prune: there is no teacher to be made smaller; give one",
        ),
        (
            ["teacher=[teacher.keras, teacher.keras]"],
            "student.prune: makes one network smaller, and the teacher is several; name one of them as the teacher",
        ),
        (
            ["generations=2"],
            "generations: a student that is made from its teacher has one generation; leave it out",
        ),
    ],
)
def test_recipes_that_cannot_be(here, settings, message):
    with pytest.raises(UserError) as refused:
        load("small.yaml", settings)
    assert message in str(refused.value)


def test_what_is_found_once_the_teacher_is_there(here):
    for settings, message in (
        (
            ["student.prune.macs=0.01"],
            "student.prune: macs: found 0.01; 0.299 is the least that can be reached here; lower minimum or round_to, "
            "keep fewer layers, or ask for more",
        ),
        (
            ["student.prune.keep=[stage7]"],
            "student.prune: keep: no layer 'stage7' in 'digits_tiny'; did you mean 'stage2'?",
        ),
    ):
        with pytest.raises(UserError) as refused:
            plan(load("small.yaml", settings))
        assert str(refused.value).startswith(message)


def test_a_teacher_of_probabilities(here):
    image = here.inputs[0]
    keras.Model(image, keras.layers.Softmax(name="softmax")(here.outputs[0])).save("teacher.keras")
    recipe = load("small.yaml", ["teacher={model: teacher.keras, from_logits: false}"])
    with pytest.raises(UserError) as refused:
        plan(recipe)
    assert str(refused.value) == (
        "student.from_logits: is true, and the teacher that the student is made from gives probabilities; set "
        "student.from_logits: false"
    )
    planned = plan(
        load("small.yaml", ["teacher={model: teacher.keras, from_logits: false}", "student.from_logits=false"])
    )
    assert planned["student"]["macs"] < planned["teacher"]["macs"]


def test_in_steps_each_prunes_the_one_before(here):
    recipe = load("small.yaml", ["student.prune={macs: 0.35, round_to: 2, steps: 2}", "fit.epochs=1"])
    report = run.distill(recipe, "steps", name="steps", quiet=True)
    first = report_of("steps/step_1")["pruning"]
    assert first["macs"][0] == 23200 and first["macs"][1] <= 0.35**0.5 * 23200
    assert report.pruning.macs[0] == 23200 and report.pruning.macs[1] <= 0.35 * 23200
    assert report.cost.macs == report.pruning.macs[1]
    # Told as what is left of the teacher, which taught both.
    assert [one["before"] for one in report.pruning.layers] == [8, 16, 10]
    assert report.teacher.name == "teacher.keras" and report.teacher_cost.macs == 23200
    # The second begins with what the first has learnt: nothing is trained again, and it answers at once.
    again = run.distill(recipe, "steps", name="steps", quiet=True)
    assert again.student.top1 == report.student.top1
    assert not (Path("steps/step_1") / "student.tflite").exists()
