"""The command line: exact output, one-line errors, exit codes.

On both backends: that commands train, measure, fill a bank, and see what is no number. What else they say, refuse and
lay into folders is the same on any; a plan is made on both by tests/workflows/test_teachers.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_kd import METHODS
from keras_kd.cli.common import bank_settings
from keras_kd.cli.main import commands
from keras_kd.methods.taxonomy import PROBLEMS
from keras_kd.utils import steps
from keras_kd.utils.errors import UserError

ROOT = Path(__file__).parents[2]
SMALL = "--set data.train_images=96 --set data.test_images=50 --set fit.epochs=1 --set export.formats=[]".split()

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())


def run(*arguments):
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="keras-kd")


def fails(*arguments, code=2):
    """The one error line of a command that must fail with that exit code and no traceback."""
    done = run(*arguments)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    lines = [line for line in done.stderr.splitlines() if line.startswith("keras-kd: ")]
    assert done.stderr.splitlines() == lines, done.stderr
    return "\n".join(line.removeprefix("keras-kd: ") for line in lines)


@pytest.mark.parametrize("name", [None, *commands.commands])
def test_every_command_has_help_with_an_example(name):
    done = run(*([name] if name else []), "--help")
    assert done.exit_code == 0 and "Example" in done.stdout


def examples():
    """The examples of all help texts that name a recipe of this repository."""
    for command in commands.commands.values():
        for line in command.help.splitlines():
            words = line.strip().split("   ")[0].split()
            if words[:1] == ["keras-kd"] and words[1] in ("show", "validate", "distill") and "mine.yaml" not in words:
                yield words[2:]


@pytest.mark.parametrize("words", list(examples()), ids=" ".join)
def test_the_examples_of_the_help_texts_are_true(words):
    words = [word for word in words if word != "recipes/*.yaml"] or ["digits"]
    apart = {"--out", "--backend", "--bank"}
    kept = [word for before, word in zip(["", *words], words, strict=False) if not apart & {before, word}]
    kept = [word for word in kept if word != "--dry-run"]
    assert run("show", *kept).exit_code == 0


@pytest.mark.parametrize("name", commands.commands)
def test_every_command_is_in_the_readme(name):
    assert f"keras-kd {name}" in (ROOT / "README.md").read_text()


def test_list():
    lines = run("list", "methods").stdout.splitlines()
    assert lines[0] == "methods:"
    assert re.fullmatch("method {15}paper {23}needs {36}weight  numbers from", lines[1])
    assert max(map(len, lines)) <= 120
    assert any(re.fullmatch(r"kd +Hinton et al. 2015 +0.9 +RepDistiller scripts", line) for line in lines)
    assert any(re.fullmatch(r"fsp +Yim et al. 2017 +stem, stage1-3 +50 +RepDistiller scripts", line) for line in lines)
    assert json.loads(run("list", "methods", "--json").stdout)["crd"]["needs"] == ["pooled", "index", "adapters"]
    assert {"methods", "models", "datasets", "recipes", "studies"} == set(json.loads(run("list", "--json").stdout))
    assert "resnet56_to_resnet20" in json.loads(run("list", "recipes", "--json").stdout)
    assert (
        fails("list", "teachers") == "list: no 'teachers'; expected one of methods, models, datasets, recipes, studies"
    )


def test_list_groups_methods_by_knowledge_scheme_and_problem():
    head, *groups, problems, more = run("list", "methods").stdout.rstrip().split("\n\n")
    assert more.startswith("not a loss, and so fields of a recipe: meta (MetaDistil), selection, ")
    inside = {}
    for group in groups:
        title, *rows = group.splitlines()
        inside[tuple(title.split(": ")[0].split(", "))] = [row.split()[0] for row in rows]
    assert {name for names in inside.values() for name in names} == set(METHODS)
    for (knowledge, scheme), names in inside.items():
        assert [(METHODS[name].knowledge, METHODS[name].scheme) for name in names] == [(knowledge, scheme)] * len(names)
    assert inside["response", "online"] == ["dml", "one"]
    named = dict(re.split(r"  +", line) for line in problems.splitlines()[1:])
    assert list(named) == list(PROBLEMS)
    for problem, names in named.items():
        answers = [name for name in METHODS if problem in METHODS[name].problems]
        assert names == (", ".join(answers) or "none of these")


def test_list_chooses_methods():
    shown = run("list", "methods", "--knowledge", "feature", "--problem", "capacity gap")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[3] == "feature, offline: what layers inside a network make of an example"
    assert [line.split()[0] for line in lines[4:6]] == ["at", "fitnet"] and lines[6] == ""
    assert (
        lines[7] == "capacity gap (the teacher is much larger or much better than its student), as their sources say:"
    )
    assert lines[8].startswith("at      compared under capacity gaps: Sarfraz et al. 2020") and len(lines) == 10
    online = json.loads(run("list", "methods", "--scheme", "online", "--json").stdout)
    assert list(online) == ["dml", "one"] and list(online["dml"]["problems"]) == ["capacity gap", "noise", "imbalance"]
    assert online["dml"]["knowledge"] == "response" and online["dml"]["cites"] == ["zhang2018dml"]
    assert json.loads(run("list", "methods", "--knowledge", "feature", "--scheme", "self", "--json").stdout) == {}
    none = run("list", "methods", "--knowledge", "feature", "--scheme", "self")
    assert none.stdout == "methods:\nnone; docs/sources.md names the systems that are not built yet, and why\n"
    assert none.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["methods", "--knowledge", "featur"],
            "list methods: --knowledge: found 'featur'; did you mean 'feature'?; expected one of response, feature, "
            "relation",
        ),
        (["methods", "--scheme", "x"], "list methods: --scheme: found 'x'; expected one of offline, online, self"),
        (
            ["methods", "--problem", "capacity_gap"],
            "list methods: --problem: found 'capacity_gap'; did you mean 'capacity gap'?; expected one of capacity "
            "gap, noise, imbalance, many classes, no data, no labels",
        ),
        (["models", "--scheme", "self"], "list: --scheme chooses methods; give `keras-kd list methods --scheme WORD`"),
        (["--problem", "noise"], "list: --problem chooses methods; give `keras-kd list methods --problem WORD`"),
    ],
)
def test_list_says_what_it_cannot_choose_by(arguments, message):
    assert fails("list", *arguments) == message


def test_show_fills_every_default():
    shown = json.loads(
        run("show", "resnet56_to_resnet20", "--set", "fit.epochs=3", "--set", "fit.drops=[]", "--json").stdout
    )
    assert shown["fit"]["epochs"] == 3 and shown["fit"]["momentum"] == 0.9
    assert shown["terms"] == [
        {"method": "kd", "weight": 0.9, "standardize": False, "target": "identity", "temperature": 4.0}
    ]
    assert run("show", "digits").stdout.startswith("data: {name: digits, views: none,")


def test_new_copies_a_recipe_and_overwrites_nothing():
    assert run("new", "mine", "--from", "digits").stdout == (
        "mine.yaml: a copy of digits.yaml; edit it, then `keras-kd validate mine.yaml --dry-run`\n"
    )
    assert Path("mine.yaml").read_text() == (ROOT / "recipes" / "digits.yaml").read_text()
    assert fails("new", "mine.yaml") == "mine.yaml: exists already; give another name"
    assert fails("new", "other", "--from", "digit") == "digit: no such recipe; did you mean 'digits'?"


def test_validate_names_every_error_of_every_recipe():
    Path("one.yaml").write_text("data: digits\nstudent: digits_tny\nfit: {epochs: 0}\n")
    Path("two.yaml").write_text("data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\nfiit: 3\n")
    assert fails("validate", "one.yaml", "digits", "two.yaml").splitlines() == [
        "one.yaml:2: student: no model 'digits_tny'; did you mean 'digits_tiny'?; `keras-kd list models` names all",
        "one.yaml:3: fit.epochs: is 0; expected more than 0",
        "two.yaml:4: fiit: no such field for a recipe; did you mean 'fit'?",
    ]
    told = run("validate", "one.yaml", "--json")
    assert told.exit_code == 2 and json.loads(told.stdout)["ok"] is False
    assert run("validate", "digits").stdout == "digits: ok\n"


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_validates(path):
    done = run("validate", path)
    assert done.exit_code == 0, done.output
    first = path.read_text().splitlines()[0]
    assert re.fullmatch(r"# .+\.  keras-kd (distill recipes/[\w/]+\.yaml|new mine\.yaml)", first), first
    assert path.read_text().splitlines()[1].startswith("# Aim: ")


@pytest.mark.slow
def test_a_dry_run_prints_what_a_run_costs():
    plan = json.loads(run("validate", "resnet56_to_resnet20", "--dry-run", "--json").stdout)["plans"]
    plan = plan["resnet56_to_resnet20"]
    assert plan["teacher"]["parameters"] == 861_620 and plan["student"]["parameters"] == 278_324
    assert plan["steps"] == 240 * 782
    assert plan["seconds"] > 0 and plan["bytes"] > 0
    assert plan["bank_bytes"] == pytest.approx(50_000 * 125.3 * 204, rel=1e-3)
    said = run("validate", "digits", "--dry-run").stdout
    assert "student  digits_tiny: 1,442 parameters" in said
    assert "training 1,840 steps in 40 epochs" in said
    assert "and 35 kB for the teacher's bank" in said
    read_in_the_step = ["--set", "terms=[{method: at, student_taps: [stage1], teacher_taps: [stage1]}]"]
    maps = run("validate", "digits", *read_in_the_step, "--dry-run").stdout
    assert "student  digits_tiny" in maps and "bank" not in maps, "its maps are read in the step"


def test_distill_evaluate_and_reuse():
    done = run("distill", "digits_teacher", *SMALL, "--quiet")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "saved_models/digits_teacher"
    report = json.loads(Path("saved_models/digits_teacher/report.json").read_text())
    assert run("distill", "digits_teacher", *SMALL, "--quiet", "--json").stdout == json.dumps(report, indent=2) + "\n"
    again = json.loads(run("evaluate", "saved_models/digits_teacher", "--json").stdout)
    assert again["student"] == report["student"]
    alone = json.loads(
        run("evaluate", "saved_models/digits_teacher/student.keras", "--data", "digits", "--json").stdout
    )
    assert alone["cost"]["parameters"] == report["cost"]["parameters"]
    assert "teacher" not in alone or alone["teacher"] is None
    said = fails("distill", "digits", *SMALL, "--quiet")
    assert said.startswith("saved_models/digits_teacher: holds the run of another recipe than the teacher ")
    assert "fit.epochs is 1 there, 20 here" in said
    assert said.endswith("`--set teacher=saved_models/digits_teacher/student.keras` takes it as it is")
    assert not Path("saved_models/digits").exists()
    taken = ["--set", "teacher=saved_models/digits_teacher/student.keras", "--quiet"]
    assert "teacher accuracy: " in fails("distill", "digits", *SMALL, *taken), "it was trained for one epoch"
    assert not Path("saved_models/digits/student.keras").exists()
    run("distill", "digits", *SMALL, *taken, "--despite", "teacher-accuracy")
    report = json.loads(Path("saved_models/digits/report.json").read_text())
    for path in (
        "student.top1 student.top5 teacher.top1 fidelity.agreement fidelity.kl calibration.ece calibration.bins "
        "calibration.nll calibration.brier cost.parameters cost.macs cost.bytes time.seconds.teacher "
        "time.seconds.student time.seconds.data environment.device environment.backend environment.keras seed "
        "latency.student.median latency.teacher.median latency.runtime date command teacher_per_class"
    ).split():
        value = report
        for key in path.split("."):
            value = value[key]
        assert value is not None, path
    assert report["calibration"]["bins"] == 15
    assert "git_commit" in report
    names = {path.name for path in Path("saved_models/digits").iterdir()}
    assert {"recipe.yaml", "student.keras", "history.csv", "tensorboard", "report.json", "report.md"} <= names


@pytest.mark.slow
def test_seeds_and_smoke_runs_have_folders_of_their_own():
    run("distill", "digits_teacher", *SMALL, "--quiet", "--seed", "3")
    run("distill", "digits_teacher", "--quiet", "--smoke")
    assert {path.name for path in Path("saved_models").iterdir()} == {"digits_teacher-seed3", "digits_teacher-smoke"}


@pytest.mark.slow
def test_a_smoke_run_takes_what_there_is_and_is_evaluated_against_its_own_teacher(monkeypatch):
    Path("taught.yaml").write_text(
        f"data: {arrays()}\nstudent: digits_cnn\nfit: {{epochs: 9}}\nexport: {{formats: []}}\n"
    )
    path = recipe(data="./images.npz", teacher="taught.yaml", terms="[{method: kd}]")
    assert run("distill", path, "--smoke", "--quiet").exit_code == 0
    before = json.loads(Path("saved_models/small-smoke/report.json").read_text())
    assert before["data"]["test"] == 20, "no more than there is"
    at, now = [], steps._now
    monkeypatch.setattr(steps, "_now", lambda what: at.append(what) or now(what))
    after = json.loads(run("evaluate", "saved_models/small-smoke", "--json").stdout)
    told = ["starting", "comparing the files of the run with its account", "reading the data", "reading the teacher"]
    assert list(dict.fromkeys(at))[:4] == told and "measuring the student again" in at and at[-1] == "writing the page"
    assert (after["teacher"], after["fidelity"]) == (before["teacher"], before["fidelity"])
    assert {path.name for path in Path("saved_models").iterdir()} == {"small-smoke", "taught-smoke", "bank"}
    shutil.rmtree("saved_models/taught-smoke")
    assert "the run of the teacher is not there" in fails("evaluate", "saved_models/small-smoke")


def test_what_cannot_be_done_is_said_in_one_line(monkeypatch):
    assert (
        fails("distill", "digits", "--backend", "torch") == "--backend: no backend 'torch'; expected tensorflow or jax"
    )
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert fails("distill", "digits") == "KERAS_BACKEND: no backend 'numpy'; expected tensorflow or jax"
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    assert fails("distill", "nothing.yaml") == "nothing.yaml: no such recipe; `keras-kd list recipes` names all"
    assert fails("evaluate", "nowhere") == (
        "nowhere: no such run folder; `keras-kd distill RECIPE` makes one under saved_models/"
    )
    Path("c.py").write_text("")
    for command in ("evaluate", "export", "report", "compare"):
        said = fails(command, "c.py")
        assert said == "c.py: is a file, and not the folder of a run; give a folder, such as saved_models/mine"
    Path("mine.yaml").write_text("data: digits")
    assert fails("export", "mine.yaml").startswith(
        "mine.yaml: is a recipe, and not the folder of a run; `keras-kd distill"
    )
    Path("run").mkdir()
    for name in ("recipe.yaml", "report.json"):
        Path("run", name).write_text("{}")
        said = fails("report", f"run/{name}")
        assert said == f"run/{name}: is a file of a run, and not the folder of a run; give run"
    assert fails("bench", "c.py") == (
        "c.py: found no model; expected a .keras, .tflite or .onnx file, or the folder of a SavedModel"
    )
    Path("a.tflite").write_bytes(b"x")
    assert fails("evaluate", "a.tflite", "--data", "digits").startswith(
        "a.tflite: is a file, and not the folder of a run"
    )
    assert fails("bank", "info", "--folder", "no_banks") == (
        "--folder: no such folder no_banks; give that in which banks lie, such as saved_models/bank"
    )
    assert fails("bench", "a.tflite", "run") == (
        "run: a folder without a model; give a run, a file, or the folder of a SavedModel"
    )
    assert fails("distill", "digits", "--out", "") == "--out: is empty; give a folder, such as saved_models/mine"
    assert fails("new", "") == "NAME: is empty; give a path"
    for command in (["distill"], ["search"], ["validate", "--dry-run"]):
        assert fails(*command, "nothing.yaml", "--despite", "pixel") == (
            "--despite: no check 'pixel'; did you mean 'pixels'?"
        )
    assert fails("distill") == "Missing argument 'RECIPE'; `keras-kd distill --help` says more"
    assert fails("distil", "digits").startswith("No such command 'distil'")
    assert fails("evaluate", "m.keras", "--data", "digits", "--pixels", "foo") == (
        "--pixels: no 'foo'; expected one of pixels, unit, symmetric, standard"
    )
    Path("empty").mkdir()
    assert fails("export", "empty") == "empty: no run of keras-kd (it has no recipe.yaml of its making)"
    assert fails("export", "empty", "--format", "tflite") == (
        "--format: no format 'tflite'; expected one of saved_model, litert_float32, litert_float16, litert_dynamic, "
        "litert_int8, litert_int8_float, onnx"
    )
    assert fails("evaluate", "model.keras") == (
        "model.keras: give --data NAME, the dataset to measure it on; `keras-kd list datasets` names some"
    )


def recipe(**lines):
    """A small recipe in small.yaml."""
    fields = {"data": "digits", "student": "digits_tiny", "fit": "{epochs: 1}", "export": "{formats: []}", **lines}
    Path("small.yaml").write_text("".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None))
    return "small.yaml"


def arrays(**changed):
    """A small .npz of images."""
    generator = np.random.default_rng(0)
    given = {
        "x_train": generator.integers(0, 256, (40, 8, 8, 1)).astype("uint8"),
        "y_train": np.arange(40) % 4,
        "x_test": generator.integers(0, 256, (20, 8, 8, 1)).astype("uint8"),
        "y_test": np.arange(20) % 4,
        **changed,
    }
    np.savez("images.npz", **given)
    return "./images.npz"


def nothing_was_made(folder="saved_models/small"):
    made = {path.name for path in Path(folder).iterdir()} if Path(folder).exists() else set()
    return not made - {".lock", "recipe.yaml"}


@pytest.mark.both_backends
def test_labels_out_of_range():
    for labels in (np.arange(40) % 4 - 1, np.arange(40) % 4 + 0.5):
        path = recipe(data=arrays(y_train=labels))
        message = fails("distill", path, "--quiet")
        assert "images.npz" in message and "y_train" in message
    path = recipe(data=arrays(y_test=np.full(20, 7), label_names=np.array(list("abcd"))))
    message = fails("distill", path, "--quiet")
    assert "y_test" in message and "7" in message
    assert nothing_was_made()


def test_an_unreadable_image():
    for name in ("cats", "dogs"):
        Path("pictures", name).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(f"pictures/{name}/{number}.png")
    Path("pictures/dogs/3.png").write_bytes(b"\x89PNG not a picture")
    message = fails("distill", recipe(data="./pictures"), "--quiet")
    assert "pictures/dogs/3.png" in message
    assert nothing_was_made()


def saved_teacher(classes=4, shape=(8, 8, 1), activation=None):
    model = keras.Sequential(
        [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes, activation=activation)]
    )
    model.save("teacher.keras")
    return "teacher.keras"


@pytest.mark.parametrize(
    "teacher, expected",
    [
        ({"classes": 7}, r"teacher\.keras.*\b7\b.*\b4\b"),
        ({"shape": (9, 9, 1)}, r"teacher\.keras.*\(9, 9, 1\).*\(8, 8, 1\)"),
        ({"activation": "softmax"}, r"teacher: .* gives probabilities .* set from_logits to false"),
    ],
)
def test_a_teacher_that_does_not_fit(teacher, expected):
    path = recipe(data=arrays(), teacher=saved_teacher(**teacher), terms="[{method: kd}]")
    for command in (["distill", path, "--quiet"], ["validate", path, "--dry-run"]):
        message = fails(*command)
        assert len(message.splitlines()) == 1
        assert re.search(expected, message), message
    assert nothing_was_made()


def test_a_teacher_that_is_no_model():
    Path("teacher.keras").write_bytes(b"not a zip file")
    message = fails("distill", recipe(data=arrays(), teacher="teacher.keras", terms="[{method: kd}]"), "--quiet")
    assert message.startswith("teacher.keras") or "teacher.keras" in message
    assert len(message.splitlines()) == 1


@pytest.mark.both_backends
def test_a_loss_that_is_no_number_ends_with_code_1():
    Path("overflow.py").write_text(
        "import keras\n"
        "def net(image_shape, classes):\n"
        "    layers = [keras.Input(image_shape), keras.layers.Rescaling(1e38), keras.layers.Rescaling(1e38)]\n"
        "    return keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(classes)])\n"
    )
    message = fails("distill", recipe(student="'overflow:net'"), "--quiet", code=1)
    assert message.startswith("the loss is nan at epoch 1, step 1 (from: label)")
    assert not Path("saved_models/small/student.keras").exists()


def test_a_folder_that_cannot_be_written():
    Path("taken").write_text("a file")
    message = fails("distill", recipe(), "--out", "taken/run", "--quiet")
    assert "taken/run" in message and "--out" in message


def test_a_full_disk(monkeypatch):
    import errno

    from keras_kd.training import checkpoint as resume

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(resume.np, "savez", full)
    message = fails("distill", recipe(), "--quiet")
    assert message == (
        "saved_models/small/training_state.npz: the disk is full, so it was not written; "
        "fix that and give the same command again"
    )
    assert not list(Path("saved_models/small").rglob("*writing-*"))
    monkeypatch.undo()


@pytest.mark.slow
def test_a_failed_gate_ends_with_code_1_and_keeps_the_file_out():
    path = recipe(
        export="{formats: [litert_float32], gates: {images: 20, float32_agreement: 1, float32_max_difference: 0}}"
    )
    message = fails("distill", path, "--quiet", code=1)
    assert "export.gates" in message
    assert not Path("saved_models/small/student.tflite").exists()
    assert Path("saved_models/small/student.keras").exists()
    report = json.loads(Path("saved_models/small/report.json").read_text())
    assert report["exports"][0]["passed"] is False


def test_a_teacher_that_leads_back_to_itself():
    Path("a.yaml").write_text(
        "data: digits\nteacher: b.yaml\nstudent: digits_tiny\nterms: [{method: kd}]\nfit: {epochs: 1}\n"
    )
    Path("b.yaml").write_text(Path("a.yaml").read_text().replace("b.yaml", "a.yaml"))
    for command in (["distill", "a.yaml", "--quiet"], ["validate", "a.yaml", "--dry-run"]):
        assert "leads back to itself" in fails(*command)


@pytest.mark.parametrize(
    "changed, said",
    [
        ("terms: [{method: kd, target: {topk: 11}}]", "kd: target topk keeps 11 classes, and the teacher gives 10"),
        ("terms: [{method: kd}, {method: dist}]\ntrust: {}", "trust: dist has one loss for the whole batch"),
        ("terms: [{method: at, student_taps: [stage9], teacher_taps: [stage1]}]", "student: no layer 'stage9'"),
        ("terms: [{method: kd}]\npeers: [digits_tiny]", "no term reads them"),
    ],
)
def test_what_does_not_fit_is_found_before_a_teacher_is_trained(changed, said):
    head = "data: {name: digits, validation: 100}\nteacher: digits_teacher.yaml\nstudent: digits_tiny\n"
    Path("a.yaml").write_text(f"{head}{changed}\nfit: {{epochs: 1}}\n")
    assert said in fails("distill", "a.yaml", "--quiet")
    assert not list(Path("saved_models").glob("*"))


def test_a_teacher_of_another_input_size_is_refused_before_it_is_trained():
    Path("a.yaml").write_text(
        "data: digits\nteacher: {model: digits_teacher.yaml, input_size: 16}\nstudent: digits_tiny\n"
        "terms: [{method: kd}]\nfit: {epochs: 1}\n"
    )
    for command in (["distill", "a.yaml", "--quiet"], ["validate", "a.yaml", "--dry-run"]):
        assert "its network takes images of (8, 8, 1) and would be shown (16, 16, 1); leave input_size out" in fails(
            *command
        )


@pytest.mark.parametrize(
    "views, said",
    [
        ("{cutout: 2, fill: [1, 2, 3]}", "data.views.fill: has 3 numbers and the images 1 channel; give one number"),
        ("{cutout: 9}", "data.views.cutout: is 9 and the images are 8x8; expected a hole smaller than the image"),
    ],
)
def test_views_that_do_not_fit_the_images_are_refused_in_one_line(views, said):
    Path("a.yaml").write_text(f"data: {{name: digits, views: {views}}}\nstudent: digits_tiny\nfit: {{epochs: 1}}\n")
    for command in (["distill", "a.yaml", "--quiet"], ["validate", "a.yaml", "--dry-run"]):
        assert said in fails(*command)


# The bank.

BANKED = "data: {name: digits, views: crop_flip}\nteacher: digits_teacher.yaml\nstudent: digits_tiny\n"


@pytest.mark.slow
@pytest.mark.both_backends
def test_a_bank_is_shared_by_runs_and_told_of():
    short = ["--set", "data.train_images=96", "--set", "fit.epochs=2", "--set", "export.formats=[]"]
    taught = [*short, "--despite", "teacher-accuracy"]
    Path("a.yaml").write_text(f"{BANKED}terms: [{{method: kd}}]\nfit: {{epochs: 3}}\nexport: {{formats: []}}\n")
    teacher = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    teacher.save("teacher.keras")
    Path("a.yaml").write_text(Path("a.yaml").read_text().replace("digits_teacher.yaml", "./teacher.keras"))
    done = run("distill", "a.yaml", "--json", *taught, "--bank", "views:4")
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)
    assert first["bank"]["views_an_image"] == 4 and first["bank"]["signals"] == {"logits": "float16"}
    assert 96 <= first["bank"]["computed_by_this_run"] <= 192
    assert "bank saved_models/bank/" in done.stderr
    second = json.loads(run("distill", "a.yaml", "--json", *taught, "--bank", "full,views:4", "--seed", "1").stdout)
    assert first["bank"]["computed_by_this_run"] + second["bank"]["computed_by_this_run"] == 384
    assert second["time"]["how"] == "teacher: the seconds in which the bank was filled"
    other = ["--seed", "2", "--set", "terms.0.temperature=8"]
    third = json.loads(run("distill", "a.yaml", "--json", *taught, "--bank", "views:4", *other).stdout)
    assert third["bank"]["computed_by_this_run"] == 0 and third["time"]["seconds"]["teacher"] == 0
    (known,) = json.loads(run("bank", "info", "--json").stdout)
    assert known["key"] == first["bank"]["key"]
    assert known["tables"] == {"logits-float16": {"filled": 384, "places": 384}}
    said = run("bank", "verify", "a.yaml", "--bank", "views:4", *short)
    assert said.exit_code == 0 and "384 views, 0 damaged rows" in said.stdout
    assert "largest difference of 384 views 0." in said.stdout
    table = Path("saved_models/bank") / known["key"] / "logits-float16" / "rows.bin"
    table.write_bytes(table.read_bytes()[:-1] + b"?")
    assert run("bank", "verify", "a.yaml", "--bank", "views:4", *short).exit_code == 1
    again = ["--quiet", "--bank", "views:4", "--seed", "3"]
    assert "is damaged" in fails("distill", "a.yaml", *again, *taught)
    assert f"{known['key']}: gone" in run("bank", "prune", known["key"][:6]).stdout
    assert run("bank", "info").stdout == "saved_models/bank: no banks\n"


@pytest.mark.slow
def test_a_run_may_be_gone_on_with_by_another_way_to_fill():
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save("teacher.keras")
    Path("a.yaml").write_text(
        f"{BANKED}terms: [{{method: kd}}]\nfit: {{epochs: 1}}\nexport: {{formats: []}}\n".replace(
            "digits_teacher.yaml", "./teacher.keras"
        )
    )
    assert run("distill", "a.yaml", "--quiet", *SMALL, "--despite", "teacher-accuracy").exit_code == 0
    assert run("distill", "a.yaml", "--quiet", *SMALL, "--bank", "full", "--despite", "teacher-accuracy").exit_code == 0
    assert "bank.mode is not live there, live here" in fails("distill", "a.yaml", "--quiet", *SMALL, "--bank", "live")


@pytest.mark.parametrize(
    "terms, words, said",
    [
        pytest.param(
            "[{method: bss}]", "ahead", "bank.mode: ahead cannot be: bss asks it in the step", marks=pytest.mark.slow
        ),
        pytest.param(
            "[{method: at, student_taps: [map], teacher_taps: [map]}]",
            "full",
            "feature maps are read (map), which",
            marks=pytest.mark.slow,
        ),
        ("[{method: kd}]", "view:3", "--bank view:3: found 'view:3'; expected some of live, ahead, full, views:16"),
        ("[{method: kd}]", "views:0", "--bank views:0: found 'views:0'; expected 1 or more, such as views:16"),
    ],
)
def test_a_bank_that_cannot_be_is_refused(terms, words, said):
    image = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(2, 3, activation="relu", name="map")(image)
    network = keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(maps)))
    network.save("teacher.keras")
    keras.models.clone_model(network).save("student.keras")
    Path("a.yaml").write_text(
        f"data: digits\nteacher: ./teacher.keras\nstudent: ./student.keras\nterms: {terms}\nfit: {{epochs: 1}}\n"
    )
    assert said in fails("distill", "a.yaml", "--quiet", *SMALL, "--bank", words), "told before the teacher is judged"
    if words in ("ahead", "full"):
        done = run("distill", "a.yaml", *SMALL, "--despite", "teacher-accuracy")
        assert done.exit_code == 0 and "the teacher runs in each step: " in done.stderr


@pytest.mark.slow
def test_my_images_the_template(tmp_path):
    """The template as a user copies it: own folder of images, own teacher, a keras.applications student."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 8)):
        for number, name in enumerate(("red", "green", "blue")):
            folder = Path("images", split, name)
            folder.mkdir(parents=True)
            for one in range(count):
                pixels = generator.integers(0, 80, (40, 50, 3)).astype("uint8")
                pixels[..., number] += 150
                Image.fromarray(pixels).save(folder / f"{one}.jpg")
    layers = [keras.Input((96, 96, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")]
    keras.Sequential(layers).save("teacher.keras")
    run("new", "mine")
    untried = ["--set", "export.formats=[]"]  # the run tries them
    assert "from_logits to false" in fails("distill", "mine.yaml", *untried, "--smoke", "--quiet")
    options = ["--set", "teacher.from_logits=false", "--smoke"]
    assert run("validate", "mine.yaml", *options, *untried, "--dry-run").exit_code == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "keras_kd.cli", "distill", "mine.yaml", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert {"student.keras", "student.tflite", "student_int8.tflite", "saved_model"} <= {
        path.name for path in Path("saved_models/mine-smoke").iterdir()
    }


@pytest.mark.parametrize(
    "words, message",
    [
        ("float16,int8", "--bank float16,int8: float16 and int8 exclude each other; keep one"),
        ("live,full", "--bank live,full: live and full exclude each other; keep one"),
        ("views:-3", "--bank views:-3: found 'views:-3'; expected 1 or more, such as views:16"),
        ("topk:", "--bank topk:: found 'topk:'; expected 1 or more, such as topk:16"),
    ],
)
def test_words_of_a_bank_that_cannot_be(words, message):
    with pytest.raises(UserError) as error:
        bank_settings(words)
    assert str(error.value) == message


def test_every_command_is_there_as_a_module(tmp_path):
    call = [sys.executable, "-m", "keras_kd.cli", "bank", "info", "--folder", str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}: no banks\n"), done.stderr


def test_no_run_lies_among_banks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bank = tmp_path / "saved_models" / "bank" / ("0" * 16)
    bank.mkdir(parents=True)
    (bank / "about.json").write_text("{}")
    for out in ("saved_models/bank", "saved_models/bank/mine"):
        said = fails("distill", "digits", "--quiet", "--restart", "--out", out)
        assert said.startswith(f"{out}: ") and said.endswith(
            "is where banks lie; give another --out, or the recipe another name"
        )
    assert bank.is_dir() and list(bank.parent.iterdir()) == [bank]
