"""Teachers of all kinds: ensembles, calibrated, mapped, resized, checkpoints, generations, assistants."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from networks import outputs_of

from keras_kd.evaluation import metrics
from keras_kd.evaluation.metrics.ensemble_weights import fit_ensemble_weights
from keras_kd.evaluation.metrics.temperature import fit_temperature, negative_log_likelihood
from keras_kd.models import build
from keras_kd.models.wrappers.calibrated import calibrated
from keras_kd.models.wrappers.class_map import class_map
from keras_kd.models.wrappers.ensemble import ensemble, mean_of_logits
from keras_kd.models.wrappers.resized import resized
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.evaluate import evaluate as evaluate_run
from keras_kd.workflows.run.plan import plan


def numpy_of(value):
    return keras.ops.convert_to_numpy(value)


def said(network, images):
    return numpy_of(outputs_of(network, images))


def pixels(count=6, shape=(8, 8, 1)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("float32")


def softmax(logits):
    shifted = np.exp(np.asarray(logits, "float64") - np.max(logits, -1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def says(logits):
    """A network that says the same of every image."""
    image = keras.Input((8, 8, 1))
    dense = keras.layers.Dense(len(logits), kernel_initializer="zeros", name="logits")
    model = keras.Model(image, dense(keras.layers.Flatten()(image)))
    dense.bias.assign(np.asarray(logits, "float32"))
    return model


@pytest.fixture(scope="module")
def members():
    return [build("digits_tiny", (8, 8, 1), 10) for _ in range(3)]


# Ensembles


@pytest.mark.parametrize("options", [{}, {"mean": "logits"}, {"mean": "softened", "temperature": 4.0}])
def test_an_ensemble_of_one_equals_the_model(members, options):
    alone, one = said(members[0], pixels()), said(ensemble(members[:1], **options), pixels())
    np.testing.assert_allclose(softmax(one), softmax(alone), rtol=1e-5)


def test_the_means_are_those_of_their_names(members):
    weights = np.array([0.5, 0.3, 0.2])
    each = np.stack([said(one, pixels()) for one in members])
    of_probabilities = said(ensemble(members, weights=weights), pixels())
    np.testing.assert_allclose(np.exp(of_probabilities), np.einsum("m,mbc->bc", weights, softmax(each)), rtol=1e-5)
    of_logits = said(ensemble(members, weights=weights, mean="logits"), pixels())
    np.testing.assert_allclose(of_logits, np.einsum("m,mbc->bc", weights, each), rtol=1e-4, atol=1e-5)
    softened = said(ensemble(members, weights=weights, mean="softened", temperature=4.0), pixels())
    np.testing.assert_allclose(np.exp(softened / 4), np.einsum("m,mbc->bc", weights, softmax(each / 4)), rtol=1e-5)


def test_equal_weights_and_weights_that_do_not_sum_to_one_are_scaled(members):
    equal = said(ensemble(members), pixels())
    np.testing.assert_allclose(said(ensemble(members, weights=[5, 5, 5]), pixels()), equal, rtol=1e-5)
    alone = said(ensemble(members[:1]), pixels())
    np.testing.assert_allclose(said(ensemble(members, weights=[1, 0, 0]), pixels()), alone, rtol=1e-5)


def test_members_may_give_probabilities():
    logits, probabilities = says([2.0, 0.0]), says([0.25, 0.75])
    both = ensemble([logits, probabilities], from_logits=[True, False])
    np.testing.assert_allclose(np.exp(said(both, pixels(1))[0]), (softmax([2.0, 0.0]) + [0.25, 0.75]) / 2, rtol=1e-5)


def test_huge_logits_stay_finite():
    far = [np.array([[1e4, -1e4, 0.0]], "float32"), np.array([[-1e4, 1e4, 0.0]], "float32")]
    for options in ({}, {"mean": "logits"}, {"mean": "softened", "temperature": 4.0}):
        assert np.isfinite(numpy_of(mean_of_logits(far, **options))).all()


def test_an_ensemble_is_saved_and_loaded_without_keras_kd_classes(members, tmp_path):
    both = ensemble(members, weights=[0.5, 0.3, 0.2])
    mapped = class_map(calibrated(both, 1.7), [[0, 1], 2, None])
    large = resized(mapped, (16, 12, 1))
    large.save(tmp_path / "teacher.keras")
    loaded = keras.saving.load_model(tmp_path / "teacher.keras")
    images = pixels(shape=(16, 12, 1))
    np.testing.assert_allclose(said(loaded, images), said(large, images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"weights": [1, 1]}, "found 2 for 3 members"),
        ({"weights": [1, -1, 1]}, "numbers of 0 or more"),
        ({"weights": [0, 0, 0]}, "one at least above 0"),
        ({"mean": "softened"}, "a softened mean needs one above 0"),
        ({"temperature": 4.0}, "only a softened mean has one"),
        ({"mean": "median"}, "expected one of probabilities, logits, softened"),
        ({"from_logits": [True]}, "found 1 answers for 3 members"),
    ],
)
def test_ensembles_that_cannot_be(members, options, message):
    with pytest.raises(UserError, match=message):
        ensemble(members, **options)


def test_members_of_other_classes_or_images_are_refused(members):
    with pytest.raises(UserError, match=r"differ in their outputs: \(10,\), \(5,\)"):
        ensemble([members[0], build("digits_tiny", (8, 8, 1), 5)])
    with pytest.raises(UserError, match="differ in their images"):
        ensemble([members[0], build("digits_tiny", (16, 16, 1), 10)])


# Fitted weights and temperatures


def held_out(count=400, classes=4, seed=0):
    """Labels, and logits of three members that are right more and less often, as float64."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    noise = generator.normal(size=(3, count, classes))
    return [skill * np.eye(classes)[labels] + one for skill, one in zip((3, 1, 0), noise, strict=True)], labels


def mixture_loss(weights, members, labels):
    mixed = np.einsum("m,mbc->bc", weights, softmax(np.stack(members)))
    return -np.log(mixed[np.arange(len(labels)), labels]).mean()


def test_fitted_weights_are_the_best_of_all_weights():
    members, labels = held_out()
    best = fit_ensemble_weights(members, labels)
    assert best.min() >= 0 and abs(best.sum() - 1) < 1e-12
    loss = mixture_loss(best, members, labels)
    for other in np.random.default_rng(1).dirichlet(np.ones(3), 200):
        assert loss <= mixture_loss(other, members, labels) + 1e-8
    for own in np.eye(3):
        assert loss <= mixture_loss(own, members, labels) + 1e-8


def test_fitted_weights_do_not_care_for_the_order_of_members():
    members, labels = held_out()
    there = fit_ensemble_weights(members, labels)
    np.testing.assert_allclose(fit_ensemble_weights(members[::-1], labels)[::-1], there, atol=1e-6)


def test_the_fitted_temperature_is_the_best_of_a_fine_grid():
    members, labels = held_out()
    for logits in (members[0] * 5, members[0] / 5, members[1]):
        fitted = fit_temperature(logits, labels)
        grid = [negative_log_likelihood(logits / t, labels) for t in np.geomspace(0.01, 100, 2001)]
        assert negative_log_likelihood(logits / fitted, labels) <= min(grid) + 1e-12
        assert negative_log_likelihood(logits / fitted, labels) <= negative_log_likelihood(logits, labels)


def test_logits_k_times_as_large_have_k_times_the_temperature():
    members, labels = held_out()
    once = fit_temperature(members[0], labels)
    assert fit_temperature(7 * members[0], labels) == pytest.approx(7 * once, rel=1e-6)


def test_a_calibrated_network_gives_the_loss_that_was_promised_and_the_same_classes(members):
    logits = said(members[0], pixels(50))
    labels = np.arange(50) % 10
    temperature = fit_temperature(logits, labels)
    after = said(calibrated(members[0], temperature), pixels(50))
    assert negative_log_likelihood(after, labels) == pytest.approx(
        negative_log_likelihood(logits / temperature, labels), rel=1e-5
    )
    assert metrics.agreement(after, logits) == 1.0


def test_what_is_always_right_gets_the_lowest_temperature_and_what_is_not_finite_none():
    assert fit_temperature(np.eye(3), [0, 1, 2]) == pytest.approx(0.01)
    with pytest.raises(UserError, match="not finite"):
        fit_temperature([[np.nan, 0.0]], [0])
    with pytest.raises(UserError, match="needs a class_map"):
        fit_ensemble_weights([np.zeros((2, 3))], [0, 3])


# Class maps and sizes


def test_a_class_map_adds_orders_and_leaves_out():
    teacher = says(np.log([0.1, 0.2, 0.3, 0.4]))
    mapped = softmax(said(class_map(teacher, [3, [0, 1], None]), pixels(1))[0])
    np.testing.assert_allclose(mapped, [0.4 / 0.7, 0.3 / 0.7, 0.0], atol=1e-6)
    same = softmax(said(class_map(teacher, [0, 1, 2, 3]), pixels(1))[0])
    np.testing.assert_allclose(same, [0.1, 0.2, 0.3, 0.4], rtol=1e-5)


def test_a_class_map_of_improbable_classes_is_exact():
    teacher = says([1000.0, 0.0, 1.0])
    np.testing.assert_allclose(softmax(said(class_map(teacher, [1, 2]), pixels(1))[0]), softmax([0.0, 1.0]), rtol=1e-5)


@pytest.mark.parametrize(
    "classes, message",
    [
        ([None, None], "no student class has a teacher class"),
        ([0, 4], r"class_map\[1\]: found 4; expected the teacher's classes, 0 to 3"),
        ([0, []], r"class_map\[1\]: found an empty list"),
        ([0, [1, 1]], "name each teacher class once"),
        ([0, -1], "found -1"),
    ],
)
def test_class_maps_that_cannot_be(classes, message):
    with pytest.raises(UserError, match=message):
        class_map(says([0.0, 0.0, 0.0, 0.0]), classes)


def test_a_resized_network_sees_what_it_would_have_seen(members):
    flat = np.full((2, 16, 16, 1), 77.0, "float32")
    inside = said(resized(members[0], (16, 16, 1)), flat)
    np.testing.assert_allclose(inside, said(members[0], flat[:, :8, :8]), rtol=1e-4, atol=1e-4)
    assert resized(members[0], (8, 8, 1)) is members[0]


def test_taps_keep_their_names_in_a_calibrated_network_and_are_paths_in_an_ensemble(members):
    from keras_kd.models.taps import Tapped

    one = Tapped("teacher", calibrated(members[0], 2.0), ["stage2"], True)
    assert one.run(pixels(2), training=False)[1]["stage2"].shape == (2, 4, 4, 16)
    many = Tapped("teacher", ensemble(members), ["member_2/stage2"], True)
    assert many.run(pixels(2), training=False)[1]["member_2/stage2"].shape == (2, 4, 4, 16)
    with pytest.raises(UserError, match="no layer 'stage2' in 'ensemble'"):
        Tapped("teacher", ensemble(members), ["stage2"], True)


# Recipes

DATA = "data: {name: digits, train_images: 120, test_images: 60, validation: 40}\n"
FIT = "fit: {epochs: 1, batch_size: 40, optimizer: adam, learning_rate: 0.01}\nexport: {formats: []}\n"
TEACHER = DATA + "student: digits_cnn\n" + FIT.replace("epochs: 1", "epochs: 2, checkpoints: [1]")
STUDENT = DATA + "teacher: {teacher}\nstudent: digits_tiny\nterms: [kd]\n" + FIT


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("big.yaml").write_text(TEACHER)
    Path("other.yaml").write_text(TEACHER)


def write(teacher, name="small.yaml", text=STUDENT):
    Path(name).write_text(text.replace("{teacher}", teacher))
    return name


def errors_of(teacher, text=STUDENT):
    with pytest.raises(UserError) as error:
        load(write(teacher, text=text))
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    "teacher, expected",
    [
        ("{calibrate: true}", ["teacher: names no network; give model, or ensemble: [...]"]),
        ("{model: big.yaml, ensemble: [big.yaml]}", ["teacher.ensemble: and model exclude each other; keep one"]),
        (
            "{model: big.yaml, ensemble_mean: logits}",
            ["teacher.ensemble_mean: is of an ensemble; give ensemble: [...], or leave it out"],
        ),
        (
            "{ensemble: [big.yaml, big.yaml], seed: 3}",
            ["teacher.seed: is of one network; give it to the members of the ensemble"],
        ),
        (
            "{ensemble: [big.yaml, other.yaml], ensemble_weights: [1]}",
            ["teacher.ensemble_weights: has 1 for 2 members; give one per member"],
        ),
        (
            "{ensemble: [big.yaml, other.yaml], ensemble_mean: softened}",
            ["teacher.ensemble_mean: softened needs ensemble_temperature, as the term's temperature"],
        ),
        (
            "{ensemble: [big.yaml], ensemble_mean: logits, ensemble_weights: fitted}",
            ["teacher.ensemble_weights: are fitted for ensemble_mean: probabilities; take it, or give numbers"],
        ),
        (
            "{model: big.yaml, epoch: 3}",
            ["teacher.epoch: is 3; big.yaml trains for 2 epochs"],
        ),
        ("{model: digits_cnn, epoch: 3}", ["teacher.epoch: only a recipe has it, digits_cnn is none; leave it out"]),
        (
            "[big.yaml, {model: bg.yaml}]",
            ["teacher.ensemble[1]: no recipe 'bg.yaml' next to small.yaml or here"],
        ),
        (
            "[big.yaml, {model: big.yaml, sed: 1}]",
            ["teacher.ensemble[1].sed: no such field for teacher.ensemble.1; did you mean 'seed'?"],
        ),
        ("{model: big.yaml, class_map: [0, []]}", ["teacher.class_map: [1]: found an empty list; give null"]),
        (
            "{model: digits_cnn, input_size: 0}",
            ["teacher.input_size: is 0; expected 1 or more pixels"],
        ),
        ("{model: digits_cnn, mean: [0.5]}", ["teacher.mean: mean and std go together; give both or neither"]),
    ],
)
def test_teachers_that_cannot_be_are_named_with_their_line(teacher, expected):
    found = errors_of(teacher)
    assert len(found) == len(expected)
    for line, text in zip(found, expected, strict=True):
        assert line.startswith(f"small.yaml:2: {text}"), line


def test_a_members_error_has_the_members_line():
    assert errors_of("\n  - big.yaml\n  - {model: big.yaml, epoch: 5}") == [
        "small.yaml:4: teacher.ensemble[1].epoch: is 5; big.yaml trains for 2 epochs"
    ]


def test_an_epoch_that_a_recipe_does_not_keep_is_refused_with_the_fix():
    Path("big.yaml").write_text(TEACHER.replace("epochs: 2", "epochs: 9"))
    assert errors_of("{model: big.yaml, epoch: 4}") == [
        "small.yaml:2: teacher.epoch: big.yaml does not keep epoch 4; add checkpoints: [1, 4] to its fit"
    ]
    Path("big.yaml").write_text(TEACHER.replace("epochs: 2, checkpoints: [1]", "epochs: 9, checkpoint_every: 2"))
    assert load(write("{model: big.yaml, epoch: 4}")).teacher.epoch == 4


@pytest.mark.parametrize(
    "teacher, field",
    [
        ("{model: big.yaml, calibrate: true}", "teacher.calibrate"),
        ("{ensemble: [big.yaml, {model: other.yaml, calibrate: true}]}", "teacher.ensemble[1].calibrate"),
        ("{ensemble: [big.yaml, other.yaml], ensemble_weights: fitted}", "teacher.ensemble_weights"),
    ],
)
def test_what_is_fitted_needs_held_out_images(teacher, field):
    (line,) = errors_of(teacher, STUDENT.replace(", validation: 40", ""))
    assert line.startswith(f"small.yaml:2: {field}: ")
    assert line.endswith("on held-out images and there are none; set data.validation")


def test_checkpoints_beyond_the_training_are_refused():
    for given, said in (("checkpoints: [3, 1]", "rising epochs"), ("checkpoints: [2]", "has only 1 epochs")):
        (line,) = errors_of("big.yaml", STUDENT.replace("epochs: 1", f"epochs: 1, {given}"))
        assert line.endswith(said), line


def test_a_list_is_an_ensemble_and_reads_back_equal():
    recipe = load(write("[big.yaml, {model: big.yaml, seed: 1}]"))
    assert [one.seed for one in recipe.teacher.members] == [None, 1]
    assert [Path(one.model).name for one in recipe.teacher.members] == ["big.yaml", "big.yaml"]
    Path("run").mkdir()
    Path("run/recipe.yaml").write_text(yaml.safe_dump(recipe.dump("run")))
    assert "../big.yaml" in Path("run/recipe.yaml").read_text()
    assert load("run/recipe.yaml") == recipe


def test_members_can_be_overridden():
    recipe = load(write("[big.yaml, other.yaml]"), ["teacher.ensemble.1.seed=7", "teacher.calibrate=true"])
    assert (recipe.teacher.ensemble[1].seed, recipe.teacher.calibrate) == (7, True)


def test_a_circle_through_a_member_is_found():
    Path("big.yaml").write_text(STUDENT.replace("{teacher}", "[digits_cnn, small.yaml]"))
    assert "leads back to itself: small.yaml, big.yaml, small.yaml" in errors_of("[other.yaml, big.yaml]")[0]


def test_generations_need_a_term_but_no_teacher():
    assert load(write("null", text=STUDENT + "generations: 3\n")).generations == 3
    (line,) = errors_of("null", (STUDENT + "label_weight: 1\ngenerations: 3\n").replace("terms: [kd]\n", ""))
    assert line.endswith("generations: no term learns from the one before; add terms: [{method: kd}], or drop it")


@pytest.mark.slow
def test_a_dry_run_builds_every_kind_of_teacher():
    planned = plan(load(write("[big.yaml, {model: big.yaml, seed: 1}, {model: resnet8, input_size: 16}]")))
    assert planned["teacher"]["name"] == "ensemble of digits_cnn + digits_cnn + resnet8"
    assert len(planned["teacher_run"]["runs"]) == 2
    fine = write("{model: digits_cnn, classes: 3, class_map: [0, 1, 2, 0, 1, 2, 0, 1, 2, null], calibrate: true}")
    assert plan(load(fine))["teacher"]["parameters"] > 0
    with pytest.raises(UserError, match="class_map: has 2 entries, the data 10 classes"):
        plan(load(write("{model: digits_cnn, class_map: [0, 1]}")))
    with pytest.raises(UserError, match="the teacher gives 3 classes"):
        plan(load(write("{model: digits_cnn, classes: 3}")))
    again = plan(load(write("null", text=STUDENT + "generations: 3\n")))
    assert again["teacher"]["name"] == "digits_tiny" and again["epochs"] == 3


def test_what_was_trained_on_the_held_out_images_is_not_fitted_on_them():
    Path("big.yaml").write_text(TEACHER.replace(", validation: 40", ""))
    with pytest.raises(
        UserError, match=r"was trained on images that are held out here \(data\.validation is 0\.0 there"
    ):
        plan(load(write("{model: big.yaml, calibrate: true}")))


# Whole runs


def distill(recipe, folder, **options):
    return run.distill(load(recipe), folder, name=Path(recipe).stem, quiet=True, **options)


@pytest.mark.slow
def test_a_run_by_an_ensemble_of_seeds_and_epochs_with_fitted_weights():
    name = write("{ensemble: [big.yaml, {model: big.yaml, epoch: 1}, {model: big.yaml, seed: 1}], "
                 "ensemble_weights: fitted, calibrate: true}")  # fmt: skip
    found = distill(name, "runs/small")
    source = found["teacher"]["source"]
    assert [one["run"] for one in source["members"]] == ["../big", "../big", "../big-seed1"]
    assert [(one["epoch"], one["seed"]) for one in source["members"]] == [(2, 0), (1, 0), (2, 1)]
    assert sum(one["weight"] for one in source["members"]) == pytest.approx(1)
    assert source["held_out"]["nll_after"] <= source["held_out"]["nll_before"]
    assert len({one["sha256"] for one in source["members"]}) == 3
    page = Path("runs/small/report.md").read_text()
    assert "| big epoch 1 (digits_cnn) | ../big | 1 | 0 |" in page

    # A copy that lies next to the runs of its teachers is measured as the first, and fits nothing anew.
    shutil.copytree("runs/small", "runs/copy")
    kept = json.loads(Path("runs/copy/teacher.json").read_text())
    again = evaluate_run("runs/copy")
    assert again["teacher"]["top1"] == found["teacher"]["top1"]
    assert again["teacher"]["source"]["temperature"] == source["temperature"]
    assert json.loads(Path("runs/copy/teacher.json").read_text()) == kept

    # The finished run lacks an epoch that its recipe has come to name.
    Path("runs/big/checkpoints/epoch_0001.keras").unlink()
    with pytest.raises(UserError, match=r"kept no epoch 1; `keras-kd distill .*big\.yaml --restart`"):
        evaluate_run("runs/small")


@pytest.mark.slow
def test_a_killed_run_keeps_its_checkpoints_and_makes_the_same(monkeypatch):
    class Stop(Exception):
        pass

    text = TEACHER.replace("epochs: 2, checkpoints: [1]", "epochs: 3, checkpoints: [1, 2], deterministic: true")
    Path("big.yaml").write_text(text)
    distill("big.yaml", "straight")
    saved = training.save_state

    def dies(distiller, rows, path, kept):
        if len(rows) == 2:
            raise Stop
        saved(distiller, rows, path, kept)

    with monkeypatch.context() as patched:
        patched.setattr(training, "save_state", dies)
        with pytest.raises(Stop):
            distill("big.yaml", "killed")
    first = Path("killed/checkpoints/epoch_0001.keras").read_bytes()
    distill("big.yaml", "killed")
    assert Path("killed/checkpoints/epoch_0001.keras").read_bytes() == first
    for name in ("checkpoints/epoch_0001.keras", "checkpoints/epoch_0002.keras", "student.keras"):
        one, other = (keras.saving.load_model(Path(place, name)).get_weights() for place in ("straight", "killed"))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True)), name
    assert not Path("killed/checkpoints/epoch_0003.keras").exists()


@pytest.mark.slow
def test_generations_teach_each_other_and_are_reported():
    name = write("null", text=STUDENT + "generations: 3\nlabel_weight: 0.1\n")
    found = distill(name, "runs/small")
    assert [one["generation"] for one in found["generations"]] == [1, 2, 3]
    assert [one["seed"] for one in found["generations"]] == [2000, 1000, 0]
    assert found["generations"][0]["agreement"] is None and found["generations"][2]["agreement"] is not None
    assert found["generations"][2]["top1"] == found["student"]["top1"]
    assert found["teacher"]["source"]["run"] == "generation_2"
    assert found["teacher"]["top1"] == found["generations"][1]["top1"]
    first = yaml.safe_load(Path("runs/small/generation_1/recipe.yaml").read_text())
    assert (first["terms"], first["label_weight"], first["export"]["formats"]) == ([], 1.0, [])
    assert "| generation | run | seed |" in Path("runs/small/report.md").read_text()
    assert evaluate_run("runs/small")["generations"] == found["generations"]
    middle = evaluate_run("runs/small/generation_2")
    assert middle["teacher"]["source"]["run"] == "../generation_1"

    # A run that lost its last generation goes on with the others as they are.
    stamp = Path("runs/small/generation_2/student.keras").stat().st_mtime_ns
    Path("runs/small/student.keras").unlink()
    distill(name, "runs/small")
    assert Path("runs/small/generation_2/student.keras").stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_a_chain_of_assistants_is_trained_from_its_beginning():
    Path("assistant.yaml").write_text(STUDENT.replace("{teacher}", "big.yaml"))
    found = distill(write("assistant.yaml"), "runs/small")
    assert Path("runs/big/student.keras").exists() and Path("runs/assistant/student.keras").exists()
    assert found["teacher"]["source"]["run"] == "../assistant"


@pytest.mark.one_backend
def test_a_teacher_of_other_classes_size_and_normalisation_teaches():
    build("resnet8", (16, 16, 1), 4).save("teacher.keras")
    name = write(
        "{model: teacher.keras, pixels: standard, mean: [0.3], std: [0.2], input_size: 16, classes: 4, "
        "class_map: [0, 1, 2, 3, null, [0, 1], 2, 3, 0, 1], calibrate: true}"
    )
    found = distill(name, "runs/small")
    assert found["teacher"]["source"]["temperature"] > 0
    assert found["teacher"]["top1"] is not None and found["teacher_cost"]["macs"] > 0


@pytest.mark.slow
def test_a_smoke_run_of_an_early_stopped_teacher_takes_its_end():
    recipe = load(write("{model: big.yaml, epoch: 1}"), smoke=True)
    found = run.distill(recipe, "runs/small-smoke", name="small", smoke=True, quiet=True)
    assert found["teacher"]["source"]["run"] == "../big-smoke"
    assert found["teacher"]["source"]["epoch"] == 1
