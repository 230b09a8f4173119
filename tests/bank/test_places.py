"""Where banks lie: next to runs, where all that is begun in one place share them, or where a person wants them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from stand_ins import UNTRAINED

import keras_kd
from keras_kd.bank.formats import Format
from keras_kd.bank.places import VARIABLE, common_place, places, shared
from keras_kd.bank.table import Table
from keras_kd.cli.main import commands
from keras_kd.models import build
from keras_kd.recipe.folders import folders_of_banks
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.distill import distill
from keras_kd.workflows.run.folder import differences

RECIPE = """
data: {name: ./images.npz}
teacher: ./taught.keras
student: digits_tiny
label_weight: 0.5
terms: [{method: kd, temperature: 4}]
fit: {epochs: 1, batch_size: 20}
evidence: {representation: false}
export: {formats: []}
"""
DESPITE = [word for name in UNTRAINED for word in ("--despite", name)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (40, 8, 8, 1)).astype("uint8"), np.arange(40) % 4
    np.savez("images.npz", x_train=pixels, y_train=labels, x_test=pixels[:20], y_test=labels[:20])
    Path("small.yaml").write_text(RECIPE)
    build("digits_cnn", (8, 8, 1), 4).save("taught.keras")


def banks(folder):
    return sorted(one.name for one in Path(folder).glob("*") if one.is_dir())


def command(*words, **environment):
    done = CliRunner().invoke(commands, ["distill", "small.yaml", "--quiet", *DESPITE, *words], env=environment)
    assert done.exit_code == 0, done.output
    return json.loads((Path(words[words.index("--out") + 1]) / "report.json").read_text())["bank"]


def asked(*words, **environment):
    return command(*words, **environment)["computed_by_this_run"]


@pytest.mark.slow
def test_runs_that_are_begun_in_one_place_share_a_bank_wherever_they_lie():
    assert asked("--out", "saved_models/a") > 0
    assert asked("--out", "elsewhere/b") == asked("--out", "saved_models/study-x/c") == 0
    report = keras_kd.distill("small.yaml", out="further/d", quiet=True, despite=UNTRAINED).report
    assert report.bank["computed_by_this_run"] == 0
    assert len(banks("saved_models/bank")) == 1
    assert [*Path().glob("*/*/bank"), *Path().glob("[ef]*/bank")] == []


@pytest.mark.slow
def test_a_bank_next_to_the_run_is_used_where_it_is():
    recipe = load("small.yaml")
    distill(recipe, "elsewhere/a", name="a", quiet=True)  # as earlier versions made it
    assert len(banks("elsewhere/bank")) == 1
    assert asked("--out", "elsewhere/b") == 0 and not Path("saved_models").exists()
    assert asked("--out", "elsewhere/c", **{VARIABLE: "common"}) == 0 and not Path("common").exists()


@pytest.mark.slow
def test_the_variable_and_the_setting_name_a_place():
    assert asked("--out", "one/a", **{VARIABLE: "common"}) > 0 and len(banks("common")) == 1
    assert asked("--out", "two/a", "--bank", "folder:common") == 0
    assert asked("--out", "three/a", "--set", "bank.folder=apart", **{VARIABLE: "common"}) > 0
    assert len(banks("apart")) == 1 and not Path("saved_models").exists()
    # Where a bank lies is nothing of a run: it may be moved.
    assert asked("--out", "three/a", "--set", "bank.folder=common") > 0  # the report of before
    for name, text in (("", "saved_models/bank: no banks"), ("common", banks("common")[0])):
        assert text in CliRunner().invoke(commands, ["bank", "info"], env={VARIABLE: name}).output


def test_a_recipe_keeps_the_place_and_one_without_is_as_it_was():
    there = load("small.yaml", ["bank.folder=common"])
    assert there.bank.folder == there.dump("run")["bank"]["folder"] == str(Path("common").absolute())
    assert "folder" not in load("small.yaml").dump()["bank"] and differences(there, load("small.yaml")) == []


def test_a_place_that_is_none_is_refused():
    Path("file").write_text("")
    with pytest.raises(UserError, match="bank.folder: file is a file; expected the folder that banks lie in"):
        places("beside", "file")
    os.environ[VARIABLE] = "file"
    try:
        with pytest.raises(UserError, match=f"{VARIABLE}: file is a file"):
            common_place("beside")
    finally:
        del os.environ[VARIABLE]


def test_a_place_where_nothing_can_be_made_is_told_with_what_names_another():
    Path("file").write_text("")
    with pytest.raises(UserError, match="cannot be written: .*; name another folder for banks: bank.folder, --bank"):
        Table("file/key/logits", 4, (2,), Format("float16", 2), {})


def test_without_a_command_runs_have_their_banks_next_to_them():
    assert folders_of_banks("a/b") == (Path("a/bank"), Path("a/bank"))
    with shared("saved_models/bank"):
        assert folders_of_banks("a/b") == (Path("a/bank"), Path("saved_models/bank"))
