"""The doctor: every planted defect is found and named with its fix, and what is healthy is left alone.

On both backends: a good teacher and what asks for gradients and steps. How what a teacher says is judged is NumPy.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from keras_kd import data
from keras_kd.cli.main import commands
from keras_kd.data.dataset import Split
from keras_kd.models import build
from keras_kd.models.wrappers.softened import with_output
from keras_kd.recipe.load import load
from keras_kd.workflows.doctor import CHECKS, examination_of_run, examine, format_text
from keras_kd.workflows.doctor.measures import class_permutation, nearest_class_mean, output_kind
from keras_kd.workflows.doctor.teacher import above_chance
from keras_kd.workflows.doctor.temperature import normalised_entropy, temperature_for
from keras_kd.workflows.run import distill as run

KD = [{"method": "kd", "weight": 0.9, "temperature": 4}]
FIT = {"epochs": 40, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01}
OF_A_FINISHED_RUN = ("verdict", "training length")
OF_THE_TEACHER = (
    "teacher",
    "teacher accuracy",
    "logits or probabilities",
    "class order",
    "pixels",
    "batch normalisation",
    "temperature",
    "teacher's training accuracy",
)


def network(normalised=True):
    """A small network on pixels 0..1."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(16, 3, padding="same", use_bias=not normalised)]
    layers += [keras.layers.BatchNormalization(momentum=0.9)] if normalised else []
    layers += [keras.layers.ReLU(), keras.layers.MaxPooling2D(), keras.layers.Flatten(), keras.layers.Dense(10)]
    return keras.Sequential(layers)


def trained(model):
    train = data.load("digits").train
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate.assign(0.005)
    model.fit(train.images / 255.0, train.labels, epochs=4, batch_size=32, verbose=0)
    return model


@pytest.fixture(scope="module")
def teachers(made_once):
    """Files of a good teacher on pixels 0..1, and of what it becomes by planted defects."""

    def fill(folder):
        keras.utils.set_random_seed(0)
        good = trained(network())
        image = good.inputs[0]
        softmax = keras.layers.Softmax()(good.outputs[0])
        swapped = [0, 1, 2, 7, 4, 5, 6, 3, 8, 9]
        made = {
            "good": good,
            "plain": trained(network(normalised=False)),
            "untrained": network(),
            "untrained_plain": network(normalised=False),
            "shuffled": with_output(good, lambda x: keras.ops.take(x, [3, 1, 4, 0, 5, 9, 2, 6, 8, 7], -1), "shuffled"),
            "swapped": with_output(good, lambda x: keras.ops.take(x, swapped, -1), "swapped"),
            "softmaxed": keras.Model(image, softmax),
            "cast": keras.Model(image, keras.layers.Activation("linear", dtype="float32")(softmax)),
            "scaled": keras.Model(image, keras.layers.Rescaling(10.0)(softmax)),
            "log_softmaxed": with_output(good, keras.ops.log_softmax, "log_softmaxed"),
            "times_ten": with_output(good, lambda x: 10 * x, "times_ten"),
            "not_a_number": with_output(good, lambda x: x * np.nan, "not_a_number"),
        }
        for name, model in made.items():
            model.save(folder / f"{name}.keras")
        return list(made)

    folder, names = made_once("teachers", fill)
    return {name: str(folder / f"{name}.keras") for name in names}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    return tmp_path


def recipe_of(teacher=None, **changes):
    fields = {"data": "digits", "student": "digits_tiny", "label_weight": 0.1, "terms": KD, "fit": FIT, **changes}
    if teacher is not None:
        fields["teacher"] = teacher
    Path("mine.yaml").write_text(yaml.safe_dump(fields))
    return load("mine.yaml")


def examined(teacher=None, checks=None, **changes):
    """{check: finding} of a recipe."""
    found = examine(recipe_of(teacher, **changes), "saved_models/mine", checks=checks)
    assert json.dumps(found)
    for one in found["findings"]:
        assert set(one) == {"check", "outcome", "found", "evidence", "why", "fix"}
        assert one["outcome"] == "good" or one["why"] or one["outcome"] == "unknown", one
    return {one["check"]: one for one in found["findings"]}


def outcomes(findings, *names):
    return [findings[name]["outcome"] for name in names]


def no_alarm(findings, *names):
    wrong = {name: one["found"] for name, one in findings.items() if one["outcome"] in ("bad", "warning")}
    assert not {name for name in wrong if not names or name in names}, wrong


def unit(file, **more):
    return {"model": file, "pixels": "unit", **more}


# What is healthy


@pytest.mark.both_backends
def test_a_healthy_recipe_has_no_finding(here, teachers):
    findings = examined(unit(teachers["good"]))
    assert list(findings) == [name for name in CHECKS if name not in OF_A_FINISHED_RUN]
    no_alarm(findings)
    assert findings["teacher accuracy"]["evidence"]["accuracy"] > 0.95


@pytest.mark.parametrize("name", ["plain", "log_softmaxed"])
def test_other_good_teachers(here, teachers, name):
    no_alarm(examined(unit(teachers[name]), OF_THE_TEACHER))


def test_probabilities_that_are_said_to_be_probabilities(here, teachers):
    findings = examined(unit(teachers["softmaxed"], from_logits=False), OF_THE_TEACHER)
    no_alarm(findings)
    assert findings["logits or probabilities"]["found"].startswith("probabilities (")


def test_an_ensemble_and_a_mapped_and_a_calibrated_teacher(here, teachers):
    members = [unit(teachers["good"]), unit(teachers["softmaxed"], from_logits=False)]
    no_alarm(examined(members, OF_THE_TEACHER))
    no_alarm(
        examined(unit(teachers["good"], calibrate=True), OF_THE_TEACHER, data={"name": "digits", "validation": 0.2})
    )


@pytest.mark.slow
def test_a_teacher_that_is_a_recipe_and_its_missing_run(here):
    fit = {**FIT, "epochs": 5, "learning_rate": 0.003, "decay": "cosine"}
    taught = {"data": "digits", "student": "digits_cnn", "fit": fit, "export": {"formats": []}}
    Path("taught.yaml").write_text(yaml.safe_dump(taught))
    before = examined("taught.yaml")
    assert before["teacher"]["outcome"] == "unknown"
    assert before["teacher"]["found"] == "the teacher's run is not there: taught.yaml"
    assert before["teacher"]["fix"] == "`keras-kd distill taught.yaml` trains it"
    assert "teacher accuracy" not in before and before["student"]["outcome"] == "good"
    assert not Path("saved_models").exists()
    run.distill(load("taught.yaml"), "saved_models/taught", name="taught", quiet=True)
    findings = examined("taught.yaml", OF_THE_TEACHER)
    no_alarm(findings)
    assert findings["pixels"]["found"] == "it takes pixels 0..255 and normalises them itself"
    assert "of its own run says" in findings["teacher accuracy"]["found"]


def test_a_recipe_without_a_teacher(here):
    findings = examined(None, label_weight=1.0, terms=[])
    assert findings["teacher"]["found"] == "none: the student learns from labels alone"
    assert "temperature" not in findings
    no_alarm(findings)


def test_a_teacher_of_more_classes_is_mapped_rightly_and_wrongly(here, teachers):
    pair = {"name": "digits", "classes": [3, 8], "validation": 0.2}
    checks = OF_THE_TEACHER[:-1]
    findings = examined(unit(teachers["good"], classes=10, class_map=[3, 8]), checks, data=pair)
    no_alarm(findings)
    assert findings["teacher accuracy"]["evidence"]["split"] == "validation"
    findings = examined(unit(teachers["good"], classes=10, class_map=[[8, 1], 3]), checks, data=pair)
    assert findings["class order"]["fix"] == "`teacher.class_map: [3, [8, 1]]`"
    findings = examined(unit(teachers["good"], classes=10), checks, data=pair)
    assert findings["class order"]["outcome"] == findings["teacher accuracy"]["outcome"] == "unknown"


@pytest.fixture
def hundred(here):
    """100 classes of coloured images, and a good teacher of them that was not trained: the classes' own patterns."""
    draw = np.random.default_rng(0)
    patterns = draw.normal(0, 1, (100, 8, 8, 3))
    labels = np.arange(4000) % 100
    images = np.clip(128 + 12 * patterns[labels] + 55 * draw.normal(0, 1, (4000, 8, 8, 3)), 0, 255).astype("uint8")
    np.savez("hundred.npz", x_train=images, y_train=labels)
    kernel = patterns.reshape(100, -1).T
    image = keras.Input((8, 8, 3))
    dense = keras.layers.Dense(100, name="logits")
    model = keras.Model(image, dense(keras.layers.Flatten()(keras.layers.Rescaling(1 / 40, -128 / 40)(image))))
    dense.set_weights([kernel * 0.35, -0.35 * 0.15 * (kernel**2).sum(0)])
    model.save("hundred.keras")
    return model


@pytest.mark.slow
def test_a_hundred_classes_and_two_of_them_swapped(hundred):
    findings = examined("hundred.keras", OF_THE_TEACHER, data="hundred.npz")
    accuracy = findings["teacher accuracy"]["evidence"]["accuracy"]
    assert 0.4 < accuracy < 0.999
    no_alarm(findings)
    order = list(range(100))
    order[17], order[60] = 60, 17
    with_output(hundred, lambda x: keras.ops.take(x, order, -1), "swapped").save("swapped.keras")
    findings = examined("swapped.keras", ["class order"], data="hundred.npz")
    assert findings["class order"]["outcome"] == "bad"
    assert findings["class order"]["evidence"]["moved"] == [17, 60]
    assert findings["class order"]["evidence"]["class_map"] == order


# The planted defects


def test_shuffled_classes_are_found_and_the_printed_map_fixes_them(here, teachers):
    findings = examined(unit(teachers["shuffled"]), OF_THE_TEACHER)
    assert outcomes(findings, "class order", "teacher accuracy") == ["bad", "bad"]
    assert findings["class order"]["found"].startswith("shuffled classes: ")
    assert findings["teacher accuracy"]["fix"] == "fix 'class order' first"
    name, _, value = findings["class order"]["fix"].strip("`").partition(": ")
    assert name == "teacher.class_map" and not findings["class order"]["evidence"]["unsure"]
    no_alarm(examined(unit(teachers["shuffled"], class_map=yaml.safe_load(value)), OF_THE_TEACHER))


def test_two_swapped_classes_are_found(here, teachers):
    findings = examined(unit(teachers["swapped"]), ["teacher accuracy", "class order", "pixels"])
    assert findings["class order"]["evidence"]["moved"] == [3, 7]
    assert outcomes(findings, "class order", "teacher accuracy") == ["bad", "warning"]


@pytest.mark.parametrize("name", ["good", "plain"])
def test_unnormalised_pixels_are_found_and_the_printed_setting_fixes_them(here, teachers, name):
    findings = examined(teachers[name], ["teacher accuracy", "class order", "pixels"])
    assert findings["pixels"]["outcome"] == "bad"
    assert findings["class order"]["outcome"] == "good"
    setting, _, value = findings["pixels"]["fix"].strip("`").partition(": ")
    assert (setting, value) == ("teacher.pixels", "unit")
    no_alarm(examined({"model": teachers[name], "pixels": value}, OF_THE_TEACHER))


def test_pixels_normalised_twice_are_found(here, teachers):
    wants_pixels = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255)])
    wants_pixels.add(keras.saving.load_model(teachers["good"]))
    wants_pixels.save("wants_pixels.keras")
    assert examined("wants_pixels.keras", ["pixels"])["pixels"]["outcome"] == "good"
    findings = examined(unit("wants_pixels.keras"), ["pixels"])
    assert findings["pixels"]["fix"] == "`teacher.pixels: pixels`"


@pytest.mark.parametrize("name", ["softmaxed", "cast"])
def test_probabilities_taken_for_logits_are_found(here, teachers, name):
    findings = examined(unit(teachers[name]), [*OF_THE_TEACHER, "gradients"])
    assert findings["logits or probabilities"]["outcome"] == "bad"
    assert findings["logits or probabilities"]["fix"] == "`teacher.from_logits: false`"
    no_alarm(findings, "teacher", "teacher accuracy", "class order", "pixels", "temperature", "gradients")


def test_scaled_probabilities_logits_taken_for_probabilities_and_nan_are_found(here, teachers):
    findings = examined(unit(teachers["scaled"]), ["logits or probabilities"])
    assert findings["logits or probabilities"]["outcome"] == "bad"
    assert findings["logits or probabilities"]["found"].startswith("probabilities times a number")
    findings = examined(unit(teachers["good"], from_logits=False), ["logits or probabilities"])
    assert findings["logits or probabilities"]["fix"] == "`teacher.from_logits: true`"
    findings = examined(unit(teachers["not_a_number"]))
    assert findings["logits or probabilities"]["found"].startswith("NaN or infinite")


# A network of the zoo takes pixels.
@pytest.mark.parametrize(
    ("teacher", "pixels"),
    [(one, pixels) for one in ("untrained", "untrained_plain") for pixels in ("unit", "pixels")] + [("zoo", "pixels")],
)
def test_an_untrained_teacher_is_found_and_is_not_taken_for_another_defect(here, teachers, teacher, pixels):
    spec = "digits_cnn" if teacher == "zoo" else {"model": teachers[teacher], "pixels": pixels}
    findings = examined(spec, ["teacher accuracy", "class order", "pixels", "batch normalisation"])
    assert findings["teacher accuracy"]["outcome"] == "bad"
    assert findings["teacher accuracy"]["evidence"]["cause"] == "untrained"
    assert outcomes(findings, "class order", "pixels") == ["good", "good"]
    if teacher != "untrained_plain":
        assert findings["batch normalisation"]["outcome"] == "bad"


def test_temperature_100_is_found_and_the_printed_one_fixes_it(here, teachers):
    findings = examined(unit(teachers["good"]), terms=[{**KD[0], "temperature": 100}], checks=["temperature"])
    assert findings["temperature"]["outcome"] == "bad"
    name, value = findings["temperature"]["fix"].split("`")[1].split(": ")
    assert name == "terms.0.temperature"
    findings = examined(unit(teachers["good"]), terms=[{**KD[0], "temperature": float(value)}], checks=OF_THE_TEACHER)
    assert 0.4 < findings["temperature"]["evidence"]["terms"][0]["entropy"] < 0.6
    no_alarm(findings)


def test_a_temperature_that_rises_to_100_is_found(here, teachers):
    schedule = {"start_value": 2.0, "end_value": 100.0, "duration": 40}
    findings = examined(unit(teachers["good"]), ["temperature"], terms=[{**KD[0], "temperature": schedule}])
    assert findings["temperature"]["outcome"] == "bad"
    assert len(findings["temperature"]["evidence"]["terms"]) == 2


def test_a_teacher_that_is_sure_of_everything_is_found(here, teachers):
    findings = examined(unit(teachers["times_ten"]), ["temperature"], terms=[{**KD[0], "temperature": 1}])
    assert findings["temperature"]["outcome"] == "warning"
    assert "raise the temperature" in findings["temperature"]["fix"]


@pytest.mark.both_backends
@pytest.mark.parametrize("how", ["whole", "layers"])
def test_a_frozen_student_is_found(here, teachers, how):
    student = build("digits_tiny", (8, 8, 1), 10)
    for layer in [student] if how == "whole" else student.layers[:-1]:
        layer.trainable = False
    student.save("student.keras")
    findings = examined(unit(teachers["good"]), ["student"], student="student.keras")
    assert findings["student"]["outcome"] == "bad" and "frozen" in findings["student"]["found"]


@pytest.mark.both_backends
def test_a_student_that_no_gradient_reaches_is_found(here, teachers):
    Path("cut_off.py").write_text(
        "import keras\n"
        "from keras_kd.models import build\n"
        "class Cut(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return keras.ops.stop_gradient(x)\n"
        "def student(image_shape, classes):\n"
        "    inner = build('digits_tiny', image_shape, classes)\n"
        "    return keras.Model(inner.inputs[0], Cut()(inner.outputs[0]))\n"
    )
    try:
        findings = examined(unit(teachers["good"]), ["student"], student="cut_off:student")
    finally:
        sys.modules.pop("cut_off", None)
    assert findings["student"]["outcome"] == "bad" and "gradient is exactly 0" in findings["student"]["found"]


def test_one_bad_member_of_an_ensemble_is_found(here, teachers):
    findings = examined(
        [unit(teachers["good"]), unit(teachers["shuffled"]), teachers["good"]],
        ["teacher accuracy", "class order", "pixels"],
    )
    assert findings["class order"]["outcome"] == "bad"
    assert findings["class order"]["fix"].startswith("`teacher.ensemble.1.class_map: [")
    assert findings["pixels"]["fix"] == "`teacher.ensemble.2.pixels: unit`"
    assert findings["teacher accuracy"]["found"].endswith("good: teacher.ensemble.0")


# Settings


def test_a_term_that_does_nothing_and_a_rate_that_does_nothing_are_found(here, teachers):
    findings = examined(
        unit(teachers["good"]),
        ["gradients", "learning rate"],
        terms=[{**KD[0], "weight": 1e-5}],
        label_weight=1.0,
        fit={**FIT, "learning_rate": 1e-9},
    )
    assert outcomes(findings, "gradients", "learning rate") == ["warning", "bad"]
    assert "kd does nothing next to labels" in findings["gradients"]["why"]
    findings = examined(
        unit(teachers["good"]), ["learning rate"], fit={**FIT, "optimizer": "sgd", "learning_rate": 1e-9}
    )
    assert findings["learning rate"]["outcome"] == "bad"


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 10), ("sgd", 1000)])
def test_a_rate_that_throws_everything_away_is_found(here, teachers, optimizer, rate):
    fit = {**FIT, "optimizer": optimizer, "learning_rate": rate}
    found = examined(unit(teachers["good"]), ["learning rate"], fit=fit)["learning rate"]
    assert found["outcome"] == "warning" and found["fix"].startswith("lower `fit.learning_rate`")


def test_labels_and_a_teacher_that_says_the_opposite_pull_apart(here, teachers):
    with_output(keras.saving.load_model(teachers["good"]), lambda x: -x, "opposite").save("opposite.keras")
    findings = examined(unit("opposite.keras"), ["gradients"])
    assert findings["gradients"]["outcome"] == "warning" and "apart" in findings["gradients"]["why"]
    assert np.median(findings["gradients"]["evidence"]["parts"]["kd"]["cosines"]) < 0


def test_epochs_without_a_weight_are_found(here, teachers):
    stopping = {"end_value": 1.0, "stop_after": 5}
    findings = examined(
        unit(teachers["good"]), ["weights of the loss"], label_weight=stopping, terms=[{**KD[0], "weight": stopping}]
    )
    assert findings["weights of the loss"]["outcome"] == "bad"
    assert findings["weights of the loss"]["evidence"]["idle_epochs"] == 35


def test_planted_label_noise_does_not_hide_a_good_teacher(here, teachers):
    noise = {"name": "digits", "label_noise": {"kind": "symmetric", "rate": 0.4}}
    findings = examined(unit(teachers["good"]), [*OF_THE_TEACHER, "data"], data=noise)
    no_alarm(findings)
    assert findings["data"]["evidence"]["teacher_fits_noise"] < 0.1


@pytest.mark.both_backends
@pytest.mark.parametrize(
    "terms",
    [
        [{"method": "kd", "standardize": True, "temperature": 2, "weight": 9}],
        [{"method": "at", "student_taps": ["stage1"], "teacher_taps": ["stage1"]}],
        pytest.param([{"method": "ctkd"}, {"method": "dkd"}], marks=pytest.mark.slow),
        pytest.param([{"method": "bss", "steps": 2}], marks=pytest.mark.slow),
    ],
    ids=lambda terms: "+".join(term["method"] for term in terms),
)
def test_other_methods_are_examined(here, teachers, terms):
    teacher = "digits_cnn" if terms[0]["method"] == "at" else unit(teachers["good"])
    findings = examined(teacher, ["gradients", "temperature"], terms=terms)
    assert findings["gradients"]["outcome"] in ("good", "warning"), findings["gradients"]
    assert set(findings["gradients"]["evidence"]["parts"]) == {"labels", *(term["method"] for term in terms)}


def test_a_term_that_does_not_fit_is_found(here, teachers):
    findings = examined(unit(teachers["good"]), ["gradients"], terms=[{"method": "at"}])
    assert findings["gradients"]["outcome"] == "bad" and "no layer 'stage3'" in findings["gradients"]["found"]


def test_a_first_generation_that_is_not_trained_yet(here):
    findings = examined(None, generations=2)
    assert findings["teacher"]["outcome"] == "unknown" and "gradients" not in findings
    no_alarm(findings)


def test_peers_without_a_teacher(here):
    findings = examined(None, label_weight=1.0, terms=[{"method": "dml"}], peers=["digits_tiny"])
    assert findings["teacher"]["found"] == "none: the method needs no teacher"
    no_alarm(findings)


# After a run, and the command


@pytest.mark.slow
def test_a_finished_run_is_examined_with_its_student(here, teachers):
    recipe = recipe_of(unit(teachers["good"]), fit={**FIT, "epochs": 1}, export={"formats": []}, bank="live")
    run.distill(recipe, "saved_models/mine", name="mine", quiet=True)
    found = examination_of_run(recipe, "saved_models/mine")
    capacity = next(one for one in found["findings"] if one["check"] == "capacity")
    assert found["finished"] and found["recipe"] == "mine"
    assert 0 < capacity["evidence"]["train_agreement"] <= 1
    other = examine(recipe_of(unit(teachers["good"]), fit={**FIT, "epochs": 2}), "saved_models/mine")
    assert not other["finished"]


def command(*words):
    return CliRunner().invoke(commands, ["doctor", *words], prog_name="keras-kd")


@pytest.mark.slow
def test_the_command(here, teachers):
    recipe_of(unit(teachers["good"]))
    done = command("mine.yaml")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"good     teacher                       {Path(teachers['good']).name}"
    assert "next:" in lines and lines[-1] == "0 bad, 0 warnings, 0 unknown, 16 good"
    done = command("mine.yaml", "--set", "terms.0.temperature=100", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1 and found["recipe"] == "mine"
    assert len(found["findings"]) == len(CHECKS) - len(OF_A_FINISHED_RUN)
    lines = [line.split()[0] for line in format_text(found)]
    assert lines[lines.index("BAD") + 1 : lines.index("BAD") + 3] == ["why", "fix"]
    done = command("nothing.yaml")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1


def test_a_teacher_that_cannot_be_used_is_a_finding(here, teachers):
    findings = examined({"model": teachers["good"]}, data={"name": "digits", "classes": [0, 1, 2]})
    assert findings["teacher"]["outcome"] == "bad" and "gives outputs of (10,)" in findings["teacher"]["found"]
    assert findings["student"]["outcome"] == "good"


# The parts


def test_an_order_of_classes_is_not_seen_in_chance():
    draw = np.random.default_rng(0)
    for classes in (2, 10, 100):
        labels = draw.integers(0, classes, 40 * classes)
        assert class_permutation(draw.dirichlet(np.ones(classes), len(labels)), labels) is None
        # Weak, and sure of a few classes only.
        weak = draw.normal(0, 1, (len(labels), classes)) + 1.2 * np.eye(classes)[labels] + draw.normal(0, 1, classes)
        assert class_permutation(np.exp(weak) / np.exp(weak).sum(1, keepdims=True), labels) is None


def test_an_order_of_classes_is_seen_in_a_weak_network():
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 10, 1000)
    order = draw.permutation(10)
    logits = draw.normal(0, 1, (1000, 10)) + 2.5 * np.eye(10)[order[labels]]
    found = class_permutation(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), labels)
    assert found["order"] == order.tolist() and not found["unsure"]


def test_chance_is_measured_against_what_a_network_says():
    labels = np.array([0] * 900 + [1] * 100)
    always = np.eye(2)[np.zeros(1000, int)]
    found = above_chance(always, labels)
    assert found["accuracy"] <= found["bound"]
    better = np.eye(2)[np.where(np.arange(1000) % 10 == 0, labels, 0)]
    assert above_chance(better, labels)["accuracy"] == pytest.approx(0.91)


def test_outputs_by_their_numbers():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (50, 5))
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert output_kind(logits)[0] == "logits"
    assert output_kind(softmax.astype("float16"))[0] == "probabilities"
    assert output_kind(100 * softmax)[0] == "scaled probabilities"
    assert output_kind(1 / (1 + np.exp(-logits)))[0] == "sigmoids"
    assert output_kind(np.log(softmax))[0] == "logits"
    assert output_kind(np.maximum(logits, 0))[0] == "logits"
    assert output_kind(np.zeros((50, 5)))[0] == "logits"


def test_the_temperature_of_an_entropy():
    logits = np.random.default_rng(0).normal(0, 5, (100, 10))
    assert normalised_entropy(logits, temperature_for(logits)) == pytest.approx(0.5, abs=0.03)


def test_the_nearest_class_mean_of_digits():
    train = data.load("digits").train
    assert isinstance(train, Split) and 0.85 < nearest_class_mean(train.images, train.labels, 10) < 0.95
