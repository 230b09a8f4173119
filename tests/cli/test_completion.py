"""What bash, zsh and fish propose after `keras-kd`; that it imports nothing heavy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from keras_kd.cli import completion
from keras_kd.cli.main import commands
from keras_kd.methods import METHODS
from keras_kd.models import MODELS

HEAVY = ("keras", "tensorflow", "jax", "numpy.testing", "sklearn", "PIL", "tensorflow_datasets", "rich", "kerastuner")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for run in ("digits", "other"):
        (tmp_path / "saved_models" / run).mkdir(parents=True)
        (tmp_path / "saved_models" / run / "recipe.yaml").write_text("data: digits\n")
    (tmp_path / "saved_models" / "bank").mkdir()
    (tmp_path / "mine.yaml").write_text("data: digits\n")


def proposed(*words):
    """What is proposed for the last of the words; files as "(files)"."""
    *args, incomplete = words
    found = ShellComplete(commands, {}, "keras-kd", "_KERAS_KD_COMPLETE").get_completions(args, incomplete)
    return ["(files)" if one.type == "file" else one.value for one in found]


@pytest.mark.parametrize("command", ["distill", "show", "cite", "validate", "doctor", "search"])
def test_recipes_are_proposed_by_name_and_as_files(command):
    assert {"digits", "resnet56_to_resnet20", "mine.yaml", "(files)"} <= set(proposed(command, ""))
    assert proposed(command, "digits_t") == ["(files)", "digits_teacher"]
    assert proposed(command, "./mi") == ["(files)"]


def test_recipes_of_banks_and_templates():
    assert "digits" in proposed("bank", "build", "dig") and "digits" in proposed("new", "--from", "dig")


@pytest.mark.parametrize("command", ["evaluate", "export", "compare", "report", "bench"])
def test_folders_of_runs(command):
    assert proposed(command, "") == ["saved_models/digits", "saved_models/other"]
    assert proposed(command, "dig") == proposed(command, "saved_models/d") == ["saved_models/digits"]
    assert proposed(command, "mo") == ["(files)"]  # no run: a file


def test_other_words():
    assert proposed("list", "m") == ["methods", "models"]
    assert "label_noise" in proposed("study", "label") and "litert_int8" in proposed("export", "--format", "litert_i")
    assert proposed("distill", "digits", "--backend", "j") == ["jax"]
    assert "cifar100" in proposed("evaluate", "m.keras", "--data", "cifar")


def test_fields_of_a_recipe_and_what_they_may_be():
    def values(name, value=""):
        return [one.removeprefix(f"{name}=") for one in proposed("distill", "digits", "--set", f"{name}={value}")]

    assert {"fit.epochs=", "fit.early_stopping.patience=", "terms.0.method=", "student.model="} <= set(
        proposed("distill", "digits", "--set", "")
    )
    assert proposed("distill", "digits", "--set", "fit.optim") == ["fit.optimizer="]
    assert values("student") == list(MODELS) and values("teacher", "resnet56")[0] == "resnet56"
    assert values("terms.2.method") == list(METHODS) and values("terms.0.method", "review") == ["reviewkd"]
    assert values("fit.optimizer") == ["sgd", "adam", "adamw"] and values("fit.nesterov") == ["true", "false"]
    assert values("fit.epochs") == [] and values("no.such.field") == []


def completed(shell, words, place, code=""):
    """What the process of the command answers a shell."""
    text = (
        f"import sys\nfrom keras_kd.cli.main import main\ntry:\n    main()\nexcept SystemExit as end:\n    pass\n{code}"
    )
    environment = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": place, "_KERAS_KD_COMPLETE": f"{shell}_complete"}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "words, place, expected",
    [
        ("keras-kd distill digits_t", "2", "plain,digits_teacher"),
        ("keras-kd distill digits --set terms.0.method = review", "6", "plain,reviewkd"),
        ("keras-kd distill digits --set student = digits_t", "6", "plain,digits_tiny"),
        ("keras-kd evaluate ", "2", "plain,saved_models/digits"),
    ],
)
def test_a_completion_imports_nothing_heavy(words, place, expected):
    heavy = f"print([one for one in {HEAVY!r} if one in sys.modules])"
    *found, imported = completed("bash", words, place, heavy)
    assert expected in found and imported == "[]"


def test_other_shells_have_whole_words():
    assert completed("fish", "keras-kd distill digits --set student=digits_t", "student=digits_t") == [
        "plain,student=digits_tiny"
    ]
    assert "student=digits_tiny" in completed("zsh", "keras-kd distill digits --set student=digits_t", "4")


@pytest.mark.parametrize(
    "given, words, incomplete",
    [
        ("keras-kd distill d --set fit.epochs = 3", ["distill", "d", "--set"], "fit.epochs=3"),
        ("keras-kd distill d --set fit.epochs =", ["distill", "d", "--set"], "fit.epochs="),
        ("keras-kd distill d --set a = b --set c", ["distill", "d", "--set", "a=b", "--set"], "c"),
    ],
)
def test_words_that_bash_cut_are_joined(given, words, incomplete, monkeypatch):
    monkeypatch.setenv("COMP_WORDS", given)
    monkeypatch.setenv("COMP_CWORD", str(len(given.split()) - 1))
    found = completion.Bash(commands, {}, "keras-kd", "_KERAS_KD_COMPLETE").get_completion_args()
    assert found == (words, incomplete)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_itself_fills_in_what_it_is_told(tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "keras-kd"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m keras_kd.cli "$@"\n')
    program.chmod(0o755)
    script = """eval "$(_KERAS_KD_COMPLETE=bash_source keras-kd)"
    COMP_WORDS=(keras-kd distill digits --set student = digits_c); COMP_CWORD=6
    compopt() { :; }
    _keras_kd_completion keras-kd
    echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(completion.__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["digits_cnn"], done.stderr
