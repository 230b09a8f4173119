"""The doctor names the cause: what labels alone say of a finished run, weak teachers, and what explains what."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import yaml

from keras_kd import Report
from keras_kd.models.wrappers.softened import with_output
from keras_kd.recipe.load import load
from keras_kd.workflows import seeds as repeated_seeds
from keras_kd.workflows.doctor import CHECKS, examine, examine_case, finished_run, verdict
from keras_kd.workflows.doctor.case import Case
from keras_kd.workflows.doctor.findings import finding
from keras_kd.workflows.doctor.finished_run import Followed, still_learns, worth_of_teacher
from keras_kd.workflows.doctor.preprocessing import PreprocessingFit, _is_better
from keras_kd.workflows.doctor.root_causes import with_causes
from keras_kd.workflows.doctor.student import check_capacity, check_learning_rate
from keras_kd.workflows.doctor.training_length import check_length
from keras_kd.workflows.doctor.verdict import check_verdict

KD = [{"method": "kd", "weight": 0.9, "temperature": 4}]
FIT = {"epochs": 40, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01}
CLASSES, SIDE = 6, 8
HALF = {"model": "digits_tiny", "arguments": {"width_multiplier": 0.5}}


def network(order=(0, 1, 2), normalised=False):
    """A network on pixels 0..1 that knows the patterns of `here`, its channels in some order."""
    patterns = np.random.default_rng(0).normal(0, 1, (CLASSES, SIDE, SIDE, 3))[..., list(order)]
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Rescaling(255 / 40, -128 / 40)]
    layers += [keras.layers.BatchNormalization()] if normalised else []
    model = keras.Sequential([*layers, keras.layers.Dense(CLASSES, name="logits")])
    kernel = 0.1 * patterns.reshape(CLASSES, -1).T
    model.layers[-1].set_weights([kernel, -0.15 * (kernel * patterns.reshape(CLASSES, -1).T).sum(0)])
    return model


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with coloured images of six classes, and a good teacher of them that is made, not trained."""
    monkeypatch.chdir(tmp_path)
    generator, labels = np.random.default_rng(1), np.arange(900) % CLASSES
    patterns = np.random.default_rng(0).normal(0, 1, (CLASSES, SIDE, SIDE, 3))
    noisy = 128 + 12 * patterns[labels] + 30 * generator.normal(0, 1, (900, SIDE, SIDE, 3))
    images = np.clip(noisy, 0, 255).astype("uint8")
    np.savez("images.npz", x_train=images[:600], y_train=labels[:600], x_test=images[600:], y_test=labels[600:])
    network().save("good.keras")
    return tmp_path


def blind(classes):
    """The good teacher, never naming the last classes."""
    never = np.array([0.0] * (CLASSES - classes) + [-100.0] * classes, "float32")
    with_output(keras.saving.load_model("good.keras"), lambda x: x + never, "blind").save("blind.keras")
    return "blind.keras"


def recipe_of(file="good.keras", pixels="unit", **changes):
    fields = {
        "data": "./images.npz", "teacher": {"model": file, "pixels": pixels}, "student": HALF,
        "label_weight": 0.1, "terms": KD, "fit": FIT, "export": {"formats": []}, "bank": "live", **changes,
    }  # fmt: skip
    Path("mine.yaml").write_text(yaml.safe_dump(fields))
    return load("mine.yaml")


def alarms(found):
    return {one["check"]: one for one in found["findings"] if one["outcome"] in ("bad", "warning")}


def examined(*args, checks=None, **changes):
    return examine(recipe_of(*args, **changes), "saved_models/mine", checks=checks)


# Before a run


def test_nothing_is_wrong_with_a_good_teacher(here):
    assert not alarms(examined())


@pytest.mark.parametrize("scale", ["unit", "pixels"])
def test_blue_before_red_is_found_in_any_scale(here, scale):
    model = network((2, 1, 0))
    if scale == "pixels":
        model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Rescaling(1 / 255), model])
    model.save("blue.keras")
    found = examined("blue.keras", scale, checks=["teacher accuracy", "class order", "pixels"])
    assert set(alarms(found)) == {"teacher accuracy", "pixels"}
    assert "begins with blue, green, red" in alarms(found)["pixels"]["fix"] and found["next"][0].startswith("pixels: ")


BLINDNESS = ["teacher accuracy", "accuracy by class", "class order", "pixels"]


def test_blindness_on_a_class_is_not_taken_for_wrong_pixels(here):
    """What it never names it is wrong of at a loss that outweighs all others, whatever the pixels."""
    found = examined(blind(1), checks=BLINDNESS)
    assert "accuracy by class" in alarms(found) and not {"pixels", "class order"} & set(alarms(found))
    wrong = examined("blind.keras", "symmetric", checks=BLINDNESS)
    assert "`teacher.pixels: unit`" in alarms(wrong)["pixels"]["fix"] and wrong["next"][0].startswith("pixels: ")


def test_what_is_never_named_says_nothing_of_pixels():
    labels = np.arange(80) % 4
    case = SimpleNamespace(looks_trained=lambda *given: True, dataset=SimpleNamespace(classes=4))
    known = labels < 3

    def read(right, loss, loss_of_the_blind, sure):
        losses = np.where(known, loss, loss_of_the_blind)
        return PreprocessingFit(right, float(right.mean()), None, losses, np.full(80, sure), 0.0)

    rightly = read(known, 0.3, 30.0, 0.95)
    # As many right and surer of what is wrong: the loss of one class alone is less.
    assert not _is_better(case, read(known, 0.3, 6.0, 0.9), rightly, labels)
    # Of pixels far too small it says the same of all, at less of a loss than a class costs that it never names.
    assert _is_better(case, rightly, read(labels == 0, 1.4, 1.4, 0.25), labels)


def test_few_validation_images_do_not_make_a_teacher_one_by_chance(here):
    data = {"name": "./images.npz", "validation": 24}
    found = alarms(examined(blind(2), checks=BLINDNESS, data=data))
    assert found["accuracy by class"]["evidence"]["weak"] == [4, 5]
    assert found.get("teacher accuracy", {}).get("outcome") != "bad"
    untrained = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    untrained.save("untrained.keras")
    found = alarms(examined("untrained.keras", checks=BLINDNESS, data=data))["teacher accuracy"]
    assert "the 24 validation images are too few to tell a weak network from chance" in found["found"]


@pytest.mark.both_backends
def test_batch_normalisation_that_never_ran_is_the_cause(here):
    model = network(normalised=True)
    # As if it had learnt from images whose numbers lie elsewhere.
    flat = model.layers[-2]
    flat.gamma.assign(0.75 * flat.gamma)
    far = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Rescaling(0.01, 3.0), *model.layers])
    far.save("never_ran.keras")
    found = examined("never_ran.keras")
    assert found["next"][0] == (
        "batch normalisation: run it over training images with training=True, so that it gathers statistics, and save "
        "it again"
    )
    assert alarms(found)["teacher accuracy"]["evidence"]["cause"] == "batch normalisation"
    assert "pixels" not in alarms(found)


@pytest.mark.slow
def test_a_weak_teacher_that_is_nearly_all_that_pulls_is_found(here):
    file = blind(2)
    found = examined(file, checks=["gradients"])
    (one,) = alarms(found).values()
    assert "of the pull comes from a teacher that is right on 66." in one["found"]
    assert "`label_weight`" in one["fix"] and "`terms.0.weight`" in one["fix"] and "teacher" in one["fix"]
    assert not alarms(examined(file, checks=["gradients"], label_weight=5.0))
    # Which classes it does not know explains it, and comes first.
    found = examined(file)
    assert alarms(found)["gradients"]["evidence"]["cause"] == "accuracy by class"
    assert found["next"][0].startswith("accuracy by class: ")


def test_a_teacher_as_good_as_labels_alone_is_not_weak(here):
    recipe = recipe_of(blind(2))
    for worse in (False, True):
        case = Case(recipe, "saved_models/mine")
        case.__dict__["worth_of_teacher"] = {"teacher": 0.67, "labels_alone": 0.68, "images": "x", "worse": worse}
        assert bool(alarms(examine_case(case, ["gradients"]))) is worse


def test_labels_that_are_not_there_next_to_a_term_are_found(here):
    found = alarms(examined(checks=["gradients"], label_weight=1e-5))
    assert "labels does nothing next to kd" in found["gradients"]["why"]


@pytest.mark.parametrize(("student", "wrong"), [("digits_cnn", False), (0.125, True), ("teacher", False)])
def test_a_student_that_reads_too_few_numbers(here, student, wrong):
    narrow = {"model": "digits_tiny", "arguments": {"width_multiplier": student}}
    spec = {"digits_cnn": "digits_cnn", "teacher": {"model": "good.keras", "pixels": "unit"}}.get(student, narrow)
    found = alarms(examined(student=spec, checks=["capacity"]))
    assert bool(found) is wrong
    if wrong:
        assert "its last layer reads 2 numbers of an image, for 6 classes" in found["capacity"]["found"]


def test_a_student_of_its_teachers_size_is_one_on_purpose(here):
    same = {"model": "good.keras", "pixels": "unit"}
    assert not alarms(examined(student=same, checks=["size of the student"]))
    assert alarms(examined(student="digits_cnn", checks=["size of the student"]))["size of the student"]["fix"]


@pytest.mark.parametrize(("rate", "outcome"), [(2e-7, "bad"), (2e-5, "warning"), (1e-3, "good")])
def test_a_rate_with_which_little_is_learnt(here, rate, outcome):
    fit = {**FIT, "epochs": 20, "learning_rate": rate}
    (one,) = examined(checks=["learning rate"], fit=fit)["findings"]
    assert one["outcome"] == outcome
    assert (outcome == "good") or one["fix"].startswith("raise `fit.learning_rate`")


def test_what_views_mix_is_soft_at_temperature_1(here):
    sure = with_output(keras.saving.load_model("good.keras"), lambda x: 20 * x, "sure")
    sure.save("sure.keras")
    alone = {"terms": [{"method": "kd", "temperature": 1}], "label_weight": 0, "checks": ["temperature"]}
    assert alarms(examined("sure.keras", **alone))["temperature"]["fix"].startswith("raise the temperature")
    mixed = {"name": "./images.npz", "views": {"base": "crop_flip", "mixup": 1.0}}
    assert not alarms(examined("sure.keras", **alone, data=mixed))


def test_a_teacher_that_is_unsure_though_right_is_shown_the_right_pixels(here):
    with_output(keras.saving.load_model("good.keras"), lambda x: x / 4, "unsure").save("unsure.keras")
    assert not alarms(examined("unsure.keras", checks=["teacher accuracy", "pixels"]))


# After a run


def judged(outcome, p, first, second, delivered=None):
    compared = {"outcome": outcome, "on_images": {"first_only": first, "second_only": second, "p": p}}
    chosen = {} if delivered is None else {"delivered": {"learned_from": delivered}}
    report = Report(verdict={"sentence": "Worse.", "against": {"labels alone": compared}}, **chosen)
    return check_verdict(SimpleNamespace(report=report))


def test_the_verdict_of_the_report_is_a_finding():
    assert judged("worse", 1.0, 5, 5)["outcome"] == "bad"
    assert judged("undecided", 1e-5, 2, 40)["outcome"] == "bad"
    assert judged("undecided", 1e-5, 40, 2)["outcome"] == judged("better", 1.0, 5, 5)["outcome"] == "good"
    assert judged("undecided", 0.4, 20, 15)["outcome"] == "unknown"
    harmed = judged("worse", 1.0, 5, 5, "labels alone")
    assert harmed["outcome"] == "warning" and "export.deliver" not in harmed["fix"]
    assert "`label_weight`" in harmed["fix"] and "teacher" in harmed["fix"]
    assert check_verdict(SimpleNamespace(report=None)) is None


def test_runs_on_disk_judge_where_the_report_does_not(monkeypatch):
    row = {"first_only": 2, "second_only": 40, "p": 1e-6, "images": 300, "seed": 0}
    rows = [{**row, "distilled": 0.5, "labels_alone": 0.8}]
    monkeypatch.setattr(verdict, "compared_with_labels_alone", lambda case: rows)
    found = check_verdict(SimpleNamespace(report=Report()))
    assert found["outcome"] == "bad" and "50.0 % distilled against 80.0 % on labels alone" in found["found"]
    monkeypatch.setattr(verdict, "compared_with_labels_alone", lambda case: [])
    assert check_verdict(SimpleNamespace(report=Report())) is None


def with_run(followed, **changes):
    case = Case(recipe_of(**changes), "saved_models/mine")
    case.__dict__["followed"] = followed
    return case


def test_a_student_that_does_better_on_labels_alone_is_not_too_small(here):
    behind = Followed(student=0.5, teacher=0.9, agrees=0.6, alone=0.85, images=100)
    found = check_capacity(with_run(behind))
    assert found["outcome"] == "good" and "it is large enough" in found["found"]
    for alone in (None, 0.5):
        found = check_capacity(with_run(Followed(0.5, 0.9, 0.6, alone, 100)))
        assert found["outcome"] == "warning" and "too small" in found["why"]
    assert check_capacity(with_run(Followed(0.88, 0.9, 0.6, None, 100)))["outcome"] == "good"


def test_a_student_that_still_learnt_was_trained_too_shortly(here, monkeypatch):
    losses = {"falls": np.linspace(2, 1, 12), "has fallen": 1 + 0.5 ** np.arange(12), "rises": np.linspace(1, 2, 12)}
    case = with_run(Followed(0.5, 0.9, 0.6, None, 100))
    for name, outcome in {"falls": "warning", "has fallen": "good", "rises": "good"}.items():
        rows = [{"loss": str(loss)} for loss in losses[name]]
        monkeypatch.setattr(finished_run, "read_history", lambda files, rows=rows: rows)
        assert check_length(case)["outcome"] == outcome, name
    monkeypatch.setattr(finished_run, "read_history", lambda files: [{"loss": "1.0"}])
    assert still_learns(case) and check_length(case)["fix"] == "raise `fit.epochs`, to 120 or more"
    assert check_length(with_run(Followed(0.9, 0.9, 0.9, None, 100)))["outcome"] == "good"
    # The loss of one epoch is not that of another.
    weight = {"start_value": 1.0, "end_value": 0.1, "duration": 5}
    assert still_learns(with_run(None, terms=[{**KD[0], "weight": weight}])) is None


@pytest.mark.parametrize(("rate", "change"), [(0.02, "lower"), (5e-5, "raise"), (0.001, None)])
def test_an_unusual_rate_is_doubted_where_the_student_does_not_follow(here, rate, change):
    found = check_learning_rate(with_run(Followed(0.5, 0.9, 0.6, None, 100), fit={**FIT, "learning_rate": rate}))
    assert (found["outcome"] == "good") if change is None else found["fix"].startswith(f"{change} `fit.learning_rate`")


def test_a_teacher_is_compared_with_the_same_student_on_labels_alone(here):
    def case(teacher, alone, images):
        report = Report(student={"top1": alone}, data={"test": images})
        own = Report(teacher={"name": "x", "top1": teacher})
        return SimpleNamespace(labels_alone={0: (None, None, report)}, comparable=True, report=own)

    assert worth_of_teacher(case(0.63, 0.79, 300))["worse"]
    assert not worth_of_teacher(case(0.76, 0.79, 300))["worse"], "by chance"
    assert not worth_of_teacher(case(0.90, 0.79, 300))["worse"]
    assert worth_of_teacher(SimpleNamespace(labels_alone={}, comparable=True)) is None


def test_a_teacher_that_knows_less_than_its_student_is_named(here):
    recipe = recipe_of(blind(2))
    for student, words in ((0.9, "its own student gets 90.0 %"), (0.70, "naming the nearest class mean")):
        case = Case(recipe, "saved_models/mine")
        case.__dict__.update(followed=Followed(student, 0.67, 0.6, None, 100), worth_of_teacher=None)
        assert words in alarms(examine_case(case, ["teacher accuracy"]))["teacher accuracy"]["found"]


def test_where_many_classes_are_weak_the_teacher_is():
    few = finding("accuracy by class", "warning", "1 of 10", fix="a", evidence={"many": False})
    many = {**few, "evidence": {"many": True}}
    poor = finding("teacher accuracy", "warning", "40 %", fix="b", evidence={"worse_than": "labels alone"})
    assert [one["evidence"].get("cause") for one in with_causes([poor, few])] == ["accuracy by class", None]
    assert [one["evidence"].get("cause") for one in with_causes([poor, many])] == [None, "teacher accuracy"]
    assert "cause" not in with_causes([many])[0]["evidence"]


@pytest.mark.slow
def test_a_harmful_teacher_is_named_from_what_lies_on_disk(here):
    untaught = network()
    untaught.layers[-1].set_weights([0.0 * one for one in untaught.layers[-1].get_weights()])
    untaught.save("linear.keras")
    same = {"fit": {**FIT, "epochs": 10, "decay": "cosine"}, "student": {"model": "linear.keras", "pixels": "unit"}}
    recipe = recipe_of(blind(2), **same, baseline=True, label_weight=0.02)
    repeated_seeds.distill(recipe, "saved_models/mine", name="mine", quiet=True)
    found = examine(recipe, "saved_models/mine")
    wrong = alarms(found)
    assert wrong["verdict"]["outcome"] == "bad" and "worse than labels alone" in wrong["verdict"]["found"]
    assert wrong["verdict"]["evidence"]["cause"] == "accuracy by class"
    assert found["next"][0].startswith("accuracy by class: ") and "capacity" not in wrong
    # Not begun, but the student on labels alone is there: before anything is trained.
    found = examine(recipe_of("blind.keras", **same, label_weight=0.2), "saved_models/other")
    assert not found["finished"] and "on labels alone gets" in alarms(found)["teacher accuracy"]["found"]
    assert set(CHECKS) >= set(alarms(found))
