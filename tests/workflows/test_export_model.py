"""A Keras model that is no run's: exported from the shell and from Python, and a recipe found by what it is called."""

import json

import keras
import pytest
from click.testing import CliRunner

import keras_kd
from keras_kd.cli.main import commands
from keras_kd.export import formats
from keras_kd.export.formats import missing_here
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_note_once


def run(*arguments):
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="keras-kd")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())


def write_model(name="my.keras"):
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(10)]).save(name)


@pytest.mark.slow
def test_a_file_is_exported_by_its_name_and_a_dataset(tmp_path):
    write_model()
    done = run("export", "my.keras", "--data", "digits", "--pixels", "unit", "--format", "litert_float32", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (one,) = told["exports"]
    # The file takes pixels of 0..255 though the model takes 0..1, and does what the model does.
    assert (one["file"], one["passed"], one["accuracy"]) == ("student.tflite", True, told["student"]["top1"])
    assert (tmp_path / "my-exported" / "student.tflite").stat().st_size == one["bytes"]


@pytest.mark.parametrize("name", ["my.keras", "saved_models/digits/student.keras"])
def test_what_is_missing_is_asked_for(name):
    done = run("export", name)
    assert done.exit_code == 2 and done.stderr.startswith(f"keras-kd: {name}: give --data NAME, the dataset")
    with pytest.raises(UserError, match="give data NAME"):
        keras_kd.export(name)


def test_what_is_of_a_file_is_refused_for_a_run():
    for option in (["--data", "digits"], ["--out", "x"], ["--probabilities"]):
        done = run("export", "saved_models/digits", *option)
        assert done.exit_code == 2 and f"{option[0]}: is of a .keras file; of saved_models/digits" in done.stderr


def test_a_missing_package_comes_with_its_pip_line(monkeypatch):
    monkeypatch.setattr(formats, "installed", lambda name: name in ("tensorflow", "ai_edge_litert"))
    assert missing_here(["litert_int8"]) is None
    said = missing_here(["onnx"])
    assert said.startswith("tf2onnx is not installed here; onnx needs it; `pip install tf2onnx onnxruntime`, or run ")


def test_a_recipe_is_found_by_its_name_and_by_its_run(tmp_path):
    assert run("new", "mine").exit_code == 0
    of_file = run("cite", "mine")
    assert of_file.exit_code == 0 and of_file.stdout.startswith("# mine.yaml: kd\n")
    assert "mne: no such recipe; did you mean 'mine'?" in run("cite", "mne").stderr
    folder = tmp_path / "saved_models" / "mine"
    folder.mkdir(parents=True)
    (tmp_path / "mine.yaml").rename(folder / "recipe.yaml")
    assert run("cite", folder).stdout.replace("recipe.yaml", "mine.yaml") == of_file.stdout
    said = "saved_models/mine: a folder; expected a recipe file (.yaml), such as saved_models/mine/recipe.yaml"
    assert said in run("show", "saved_models/mine").stderr


def test_of_two_recipes_of_one_name_the_other_one_is_named(tmp_path):
    (tmp_path / "digits.yaml").write_text("data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    print_note_once.cache_clear()
    done = run("show", "digits")
    assert (
        done.exit_code == 0
        and "digits: the ready recipe; digits.yaml, which lies here, is ./digits.yaml" in done.stderr
    )
