"""What is found bad before a run begins: it stops there, unless it is asked to go on."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from keras_kd.cli.main import commands
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows import seeds as repeated_seeds
from keras_kd.workflows.doctor import start
from keras_kd.workflows.doctor.start import StartChecks

RECIPE = """
data: {name: ./images.npz, validation: 60}
teacher: {model: teacher.keras, pixels: unit}
student: digits_tiny
label_weight: 0.1
terms: [{method: kd, weight: 0.9, temperature: 4}]
fit: {epochs: 1, batch_size: 20, optimizer: adam, learning_rate: 0.01}
export: {formats: []}
"""


def teacher_of(matrix, bias=(0, 0, 0, 0)):
    """A network that tells four brightnesses of pixels 0..1 apart; `matrix` says what it calls them."""
    inputs = keras.Input((8, 8, 1))
    brightness = keras.layers.Flatten()(keras.layers.GlobalAveragePooling2D()(inputs))
    apart = keras.layers.Dense(4, name="apart")
    named = keras.layers.Dense(4, name="named")
    model = keras.Model(inputs, named(apart(brightness)))
    centres = np.array([30, 90, 150, 210]) / 255
    # Minus the squared distance to each centre, without what all have in common.
    apart.set_weights([200 * centres[None].astype("float32"), (-100 * centres**2).astype("float32")])
    named.set_weights([np.asarray(matrix, "float32"), np.asarray(bias, "float32")])
    return model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator, labels = np.random.default_rng(0), np.arange(400) % 4
    pixels = np.clip(generator.normal(30 + 60 * labels[:, None, None, None], 20, (400, 8, 8, 1)), 0, 255).astype(
        "uint8"
    )
    arrays = {"x_train": pixels[:300], "y_train": labels[:300], "x_test": pixels[300:], "y_test": labels[300:]}
    np.savez("images.npz", **arrays)
    teacher_of(np.eye(4)).save("teacher.keras")
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def distilled(*settings, **options):
    return repeated_seeds.distill(load("mine.yaml", settings), "runs/mine", name="mine", **options)


def nothing_trained(folder):
    return not list(folder.glob("runs/**/student.keras")) and not list(folder.glob("runs/**/history.csv"))


BAD = {
    "pixels": (np.eye(4), ["teacher.pixels=pixels"], "with pixels 0..1", "`teacher.pixels: unit`"),
    "class-order": (np.roll(np.eye(4), 1, axis=1), [], "shuffled classes: 4 of 4", "`teacher.class_map: [1, 2, 3, 0]`"),
    "teacher-accuracy": (np.ones((4, 4)), [], "no better than chance", "train it on this data first"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_stops_before_training_and_names_its_fix(folder, name):
    matrix, settings, found, fix = BAD[name]
    teacher_of(matrix).save("teacher.keras")
    with pytest.raises(UserError) as error:
        distilled(*settings, quiet=True)
    said, _, also = str(error.value).partition("; also size of the student: ")
    assert also, "what else is wrong is said at once"
    said += also
    assert said.startswith(f"mine: {name.replace('-', ' ')}: ") and "\n" not in said
    assert found in said and fix in said and f"go on with --despite {name}" in said
    assert nothing_trained(folder)


def test_despite_goes_on_and_says_what_is_wrong(folder, capsys):
    teacher_of(np.ones((4, 4))).save("teacher.keras")
    report = distilled(despite=["teacher-accuracy"])
    assert report.epochs == 1 and "mine: teacher accuracy: " in capsys.readouterr().err


def test_a_class_that_the_teacher_never_names_is_said(folder, capsys):
    teacher_of(np.eye(4), bias=[0, 0, -1e3, 0]).save("teacher.keras")
    distilled()
    said = capsys.readouterr().err
    assert "mine: accuracy by class: 1 of 4 classes far below the median of 100.0 %" in said and ": 2 0.0 %;" in said
    assert "size of the student" in said, "the student is larger than this teacher"


def test_names_of_checks_are_a_word_several_or_none():
    assert StartChecks("pixels").despite == StartChecks(["pixels"]).despite == {"pixels"}
    assert StartChecks(None).despite == set()
    for wrong in (5, [None]):
        with pytest.raises(UserError, match="despite: is .*; expected names of checks, such as"):
            StartChecks(wrong)


def test_the_dry_run_looks_at_the_teacher_as_a_run_does(folder):
    teacher_of(np.eye(4), bias=[0, 0, -1e3, 0]).save("teacher.keras")
    done = CliRunner().invoke(commands, ["validate", "mine.yaml", "--dry-run"], prog_name="keras-kd")
    doubtful = [line for line in done.stdout.splitlines() if line.startswith("  doubtful ")]
    assert done.exit_code == 0, done.output
    found = [line.removeprefix("  doubtful ").split(": ")[0] for line in doubtful]
    assert found == ["teacher accuracy", "accuracy by class", "size of the student"]
    teacher_of(np.ones((4, 4))).save("teacher.keras")
    done = CliRunner().invoke(commands, ["validate", "mine.yaml", "--dry-run"], prog_name="keras-kd")
    assert done.exit_code == 2 and "keras-kd: mine.yaml: teacher accuracy: 25.0 % of" in done.stderr, done.output
    despite = ["validate", "mine.yaml", "--dry-run", "--despite", "teacher-accuracy", "--json"]
    told = json.loads(CliRunner().invoke(commands, despite, prog_name="keras-kd").stdout)
    assert told["plans"]["mine.yaml"]["checks"][0].startswith("teacher accuracy: 25.0 % of")
    alone = CliRunner().invoke(commands, ["validate", "mine.yaml", "--despite", "pixels"], prog_name="keras-kd")
    assert alone.exit_code == 2 and "give --dry-run too" in alone.stderr
    assert nothing_trained(folder) and not list(folder.glob("saved_models/*"))


def test_the_dry_run_tells_all_errors_of_teacher_and_student(folder):
    teacher_of(np.ones((4, 4))).save("teacher.keras")
    (folder / "odd.py").write_text(
        "import keras\n"
        "def net(image_shape, classes):\n"
        "    inputs = keras.Input(image_shape)\n"
        "    x = keras.layers.Lambda(lambda x: x / 255)(inputs)\n"
        "    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(x)))\n"
    )
    settings = ["--set", "student=odd:net"]
    done = CliRunner().invoke(commands, ["validate", "mine.yaml", "--dry-run", *settings], prog_name="keras-kd")
    said = [line for line in done.stderr.splitlines() if line.startswith("keras-kd: mine.yaml: ")]
    assert len(said) == 2 and "no better than chance" in said[0] and "Lambda" in said[1], done.output


def test_a_good_teacher_is_not_talked_of(folder, capsys):
    StartChecks()(context(folder))
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "size of the student" in said


def test_a_shrunk_run_and_one_without_a_teacher_are_not_checked(folder):
    teacher_of(np.ones((4, 4))).save("teacher.keras")
    StartChecks(smoke=True)(context(folder))
    StartChecks()(context(folder, "teacher=null", "terms=[]", "label_weight=1"))
    with pytest.raises(UserError, match="no better than chance"):
        StartChecks()(context(folder))


def context(folder, *settings):
    from keras_kd.recipe.folders import RunFolder
    from keras_kd.workflows.run.context import RunContext
    from keras_kd.workflows.run.open_run import load_data

    recipe = load("mine.yaml", settings)
    return RunContext(recipe, load_data(recipe), RunFolder(folder / "runs" / "mine"), "mine")


def test_of_a_large_teacher_fewer_images_are_looked_at(monkeypatch):
    class Case:
        members = (SimpleNamespace(network=SimpleNamespace(model=None)),)
        dataset = SimpleNamespace(image_shape=(8, 8, 1))

    for macs, images, channels in ((1e6, 400, 1), (1e9, 166, 1), (1e9, 83, 3), (4e9, 64, 3)):
        monkeypatch.setattr(start, "cost", lambda model, macs=macs: {"macs": macs})
        Case.dataset.image_shape = (8, 8, channels)
        assert start.images_looked_at(Case) == images


@pytest.mark.slow
def test_the_commands_stop_too(folder):
    teacher_of(np.ones((4, 4))).save("teacher.keras")
    for words in (["distill", "mine.yaml"], ["search", "mine.yaml", "--trials", "1", "--no-winner"]):
        done = CliRunner().invoke(commands, [*words, "--quiet", "--json"], prog_name="keras-kd")
        assert done.exit_code == 2 and "teacher accuracy: 25.0 % of" in done.output, done.output
    assert not list(folder.glob("saved_models/**/student.keras"))
    wrong = CliRunner().invoke(commands, ["distill", "mine.yaml", "--despite", "pixel"], prog_name="keras-kd")
    assert wrong.exit_code == 2 and "no check 'pixel'; did you mean 'pixels'?" in wrong.output
    done = CliRunner().invoke(
        commands, ["distill", "mine.yaml", "--json", "--despite", "teacher-accuracy"], prog_name="keras-kd"
    )
    assert done.exit_code == 0 and json.loads(done.stdout)["epochs"] == 1
