"""The recipes that come with the package: each validates, says what it aims at, is found by its name, and fits."""

import functools
import re
from pathlib import Path

import pytest
from networks import weights_by_numpy

from keras_kd.methods import METHODS
from keras_kd.recipe import load as loading
from keras_kd.recipe import written
from keras_kd.recipe.files import find, headline, known, read
from keras_kd.recipe.load import load
from keras_kd.training.schedules import Schedule
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.inputs import same_teachers
from keras_kd.workflows.run.missing import missing_teachers
from keras_kd.workflows.run.plan import plan

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
# Its images and its teacher are the user's.
OF_THE_USER = {"my_images"}

# Teacher, student, and their figures in RepDistiller's README: KD, the student alone, the teacher.
PAIRS = {
    "resnet56_to_resnet20": (70.66, 69.06, 72.34),
    "resnet110_to_resnet20": (70.67, 69.06, 74.31),
    "resnet110_to_resnet32": (73.08, 71.14, 74.31),
    "resnet32x4_to_resnet8x4": (73.33, 72.50, 79.42),
    "wrn_40_2_to_wrn_16_2": (74.92, 73.26, 75.61),
    "wrn_40_2_to_wrn_40_1": (73.54, 71.98, 75.61),
    "vgg13_to_vgg8": (72.98, 70.36, 74.64),
    "vgg13_to_mobilenetv2_half": (67.37, 64.60, 74.64),
    "resnet50_cifar_to_mobilenetv2_half": (67.35, 64.60, 79.34),
    "resnet50_cifar_to_vgg8": (73.81, 70.36, 79.34),
    "resnet32x4_to_shufflenet_v1": (74.07, 70.50, 79.42),
    "resnet32x4_to_shufflenet_v2": (74.45, 71.82, 79.42),
    "wrn_40_2_to_shufflenet_v1": (74.83, 70.50, 75.61),
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_validates_and_says_what_it_is_for(path):
    load(path, notes=[] if path.stem in OF_THE_USER else None)
    lines = path.read_text().splitlines()
    command = f"distill {path.relative_to(ROOT)}" if path.stem not in OF_THE_USER else "new mine.yaml"
    assert lines[0].startswith("# ") and lines[0].endswith(f".  keras-kd {command}")
    assert lines[1].startswith("# Aim: ")
    comments = [line for line in lines if line.startswith("#")]
    assert any("Got: " in line for line in comments)


def test_every_recipe_has_a_name_of_its_own_by_which_it_is_found(tmp_path, monkeypatch):
    stems = [path.stem for path in RECIPES]
    assert len(set(stems)) == len(stems)
    monkeypatch.chdir(tmp_path)
    assert {name: path.absolute() for name, path in known().items()} == {path.stem: path for path in RECIPES}
    for path in RECIPES:
        for name in (path.stem, path.name, str(path.relative_to(ROOT)), str(path.relative_to(ROOT).with_suffix(""))):
            assert find(name) == path
        assert headline(path)


@pytest.mark.parametrize("name", PAIRS)
def test_the_pairs_are_those_of_repdistiller(name):
    path = find(name)
    raw, _ = read(path)
    teacher, student = name.split("_to_")
    assert (raw["teacher"], raw["student"]) == (f"{teacher}.yaml", student)
    assert raw["terms"] == [{"method": "kd", "weight": 0.9, "temperature": 4}] and raw["label_weight"] == 0.1
    slow = student.startswith(("mobilenet", "shufflenet"))
    published = {"epochs": 240, "batch_size": 64, "optimizer": "sgd", "drops": [150, 180, 210], "l2": 5e-4}
    assert raw["fit"] == {**published, "learning_rate": 0.01 if slow else 0.05}
    assert read(find(teacher))[0]["fit"] == {**published, "learning_rate": 0.05}
    assert read(find(teacher))[0]["student"] == teacher

    distilled, alone, taught = PAIRS[name]
    aim = path.read_text().splitlines()[1]
    assert [float(number) for number in re.findall(r"\d+\.\d+", aim)] == [distilled, alone, taught]
    assert f"{taught:.2f} %" in find(teacher).read_text()


def test_a_teacher_in_another_folder_is_found_by_its_name():
    recipe = load("wrn_40_2_to_wrn_16_2")
    assert Path(recipe.teacher.model) == ROOT / "recipes" / "teachers" / "wrn_40_2.yaml"


def test_recipes_of_ones_own_come_first_also_in_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "recipes" / "digits.yaml").read_text()
    for place in ("recipes/a/digits.yaml", "recipes/b/digits.yaml", "recipes/b/own.yaml"):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(text)
    assert find("digits") == find("a/digits") == tmp_path / "recipes" / "a" / "digits.yaml"
    assert find("b/digits") == tmp_path / "recipes" / "b" / "digits.yaml"
    assert find("own") == find("recipes/b/own.yaml") == tmp_path / "recipes" / "b" / "own.yaml"
    assert set(list(known())[:3]) == {"digits", "own", "b/digits"}
    with pytest.raises(UserError, match="c/own: no such recipe; did you mean 'own'"):
        find("c/own")


# Dry runs build every network of a recipe: the cheap ones always, the others with `-m slow`.
CHEAP = {"digits", "digits_teacher"}
# Of many teachers, whose networks would be built many times over: test_smoke_runs runs these whole, with smaller ones.
RUN_WHOLE = {f"{name}_resnet56_to_resnet20" for name in ("crossfit", "evolved", "own_views")}
TEACHERS, COSTS = {}, {}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] * (path.stem not in CHEAP), id=path.stem)
        for path in RECIPES
        if path.stem not in OF_THE_USER | RUN_WHOLE
    ],
)
def test_every_recipe_fits_its_data(path, monkeypatch):
    from keras_kd.workflows.run import dry_run as dry_runs
    from keras_kd.workflows.run import plan

    # Most have the same few teachers: each is built, planned and counted once.
    build, count = dry_runs._teacher, plan.cost

    def once(recipe, about, *others):
        key = recipe.teacher.model_dump_json(), recipe.data.name
        if key not in TEACHERS:
            TEACHERS[key] = build(recipe, about, *others)
        return TEACHERS[key]

    def counted(model):
        # What is kept here is alive, so no other has its number.
        if not any(teacher.model is model for teacher in TEACHERS.values()):
            return count(model)
        if id(model) not in COSTS:
            COSTS[id(model)] = count(model)
        return COSTS[id(model)]

    monkeypatch.setattr(dry_runs, "_teacher", once)
    monkeypatch.setattr(plan, "cost", counted)
    with weights_by_numpy():
        planned = plan.plan(load(path))
    assert planned["student"]["parameters"] > 0 and planned["steps"] > 0


@functools.cache
def _methods_of(path):
    recipe = load(path, notes=[])
    return [(term.method, term.weight) for term in recipe.terms], recipe


# Student and teacher of the methods whose recipe cannot have the pair of the others.
OWN_PAIRS = {
    "ada_margin": ("resnet20", "resnet56_held_out"),
    "subclass": ("resnet20", "subclass_teacher"),
    "subclass_teacher": ("resnet56", None),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_recipe_with_its_published_weight(name):
    without_teacher = "teacher" not in METHODS[name].roles
    expected = OWN_PAIRS.get(name, ("resnet20", None if without_teacher else "resnet56"))
    weights = []
    for path in RECIPES:
        terms, recipe = _methods_of(path)
        teacher = recipe.teacher and Path(recipe.teacher.model or "").stem
        if (recipe.student.model, teacher) == expected:
            weights += [weight for method, weight in terms if method == name]
    ends = [max(weight.start_value, weight.end_value) if isinstance(weight, Schedule) else weight for weight in weights]
    assert METHODS[name].default_weight in ends


# Method, and what else its published recipe says: the label weight, and fields of the term.
PUBLISHED = {
    "at": (1, {"power": 2}),
    "crd": (1, {"negatives": 16384, "temperature": 0.07, "momentum": 0.5, "embedding_size": 128}),
    "dkd": (1, {"alpha": 1, "beta": 2, "temperature": 4}),
    "dist": (1, {"beta": 1, "gamma": 1, "temperature": 4}),
    "fitnet": (1, {"student_tap": "stage2", "teacher_tap": "stage2"}),
    "logit_standardization": (0.1, {"temperature": 2, "standardize": True}),
    "rkd": (1, {"distance_weight": 25, "angle_weight": 50}),
    "sp": (1, {"student_taps": ("stage3",)}),
    "pkt": (1, {}),
    "vid": (1, {"initial_variance": 5}),
    "nst": (1, {}),
    "cc": (1, {"embedding_size": 128}),
    "simkd": (0, {"factor": 2}),
    "fcfd": (1, {"temperature": 4, "mixture_weight": 1, "kd_weight": 1, "paths_per_step": 2, "directions": "both"}),
    "mgd": (1, {"mask": "channel", "mask_ratio": 0.15}),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_the_published_ones(name):
    recipe = load(name)
    label_weight, fields = PUBLISHED[name]
    assert recipe.label_weight == label_weight
    settings = recipe.terms[0].settings
    assert {field: settings[field] for field in fields} == {
        field: list(value) if isinstance(value, tuple) else value for field, value in fields.items()
    }


def test_two_phases_follow_each_other():
    for name in ("fitnet_two_phases", "fsp"):
        recipe = load(name)
        labels, feature = recipe.label_weight, recipe.terms[0].weight
        for epoch in range(recipe.fit.epochs):
            assert bool(feature.at(epoch)) == (epoch < 30) and bool(labels.at(epoch)) == (epoch >= 30)


def test_bss_weights_fall_as_its_authors_let_them():
    kd, bss = (term.weight for term in load("bss").terms)
    for epoch in range(80):
        # Their epochs count from 0; ours name the share that has passed when the epoch ends.
        passed = (epoch + 1) / 80
        assert 9 * kd.at(epoch) == pytest.approx(max(3 * (1 - passed), 0) + 1, abs=1e-3)
        assert bss.at(epoch) == pytest.approx(max(2 * (1 - 4 / 3 * passed), 0), abs=1e-9)


def test_the_features_of_fcfd_count_more_over_twenty_epochs_as_its_authors_let_them():
    weight = load("fcfd").terms[0].schedules["feature_weight"]
    assert [weight.at(epoch) for epoch in (0, 4, 19, 239)] == pytest.approx([0.001, 0.005, 0.02, 0.02])


def test_each_recipe_is_loaded_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = "data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\n"
    taught = small + "teacher: %s.yaml\nterms: [kd]\nlabel_weight: 0.1\n"
    (tmp_path / "first.yaml").write_text(small)
    (tmp_path / "assistant.yaml").write_text(taught % "first")
    (tmp_path / "last.yaml").write_text(taught % "assistant")
    loaded, read = [], written.read
    monkeypatch.setattr(written, "read", lambda path: loaded.append(path.name) or read(path))
    recipe = load("last.yaml")
    assert loaded == ["last.yaml"]
    plan(recipe)
    assert sorted(loaded) == ["assistant.yaml", "first.yaml", "last.yaml"]
    with loading.reading_once():
        for _ in range(3):
            same_teachers(recipe, tmp_path / "runs" / "last", smoke=False)
            missing_teachers(recipe, tmp_path / "runs" / "last", smoke=False)
    assert sorted(loaded) == ["assistant.yaml", "assistant.yaml", "first.yaml", "first.yaml", "last.yaml"]
