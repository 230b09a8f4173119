"""docs/write_a_method.md does what it says: its files are written and run as a reader would.

On JAX its laws are: the recipes and scripts that it shows run what tests of recipes and of the Distiller run there.
"""

import importlib
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from keras_kd.cli.main import commands
from keras_kd.training.law_situations import LawBroken
from keras_kd.training.laws import check_laws

PAGE = (Path(__file__).parents[2] / "docs" / "write_a_method.md").read_text()
FILES = dict(re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, flags=re.M | re.S))
PLAIN = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.M | re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in {**FILES, "my_package/__init__.py": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "my_package"]:
        del sys.modules[name]


def keras_kd(*arguments):
    done = CliRunner().invoke(commands, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_the_method_is_short():
    assert len(FILES["my_package/mine.py"].splitlines()) < 30


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("test_")])
def test_the_laws_hold(folder, name):
    namespace = {}
    exec(compile(FILES[name], name, "exec"), namespace)
    tests = [test for one, test in namespace.items() if one.startswith("test_")]
    assert len(tests) == 1
    tests[0]()


def test_the_broken_law_is_the_one_that_the_page_shows(folder):
    path = folder / "my_package" / "mine.py"
    path.write_text(path.read_text().replace("ops.sum(", "ops.mean("))
    with pytest.raises(LawBroken) as error:
        check_laws(importlib.import_module("my_package.mine").Mine(temperature=2.0))
    # Its figures differ in the last digit from backend to backend.
    said = re.search(r"^LawBroken: (.*?': )", PAGE, flags=re.M)[1]
    assert str(error.value).startswith(said)


@pytest.mark.slow
def test_the_recipe_runs(folder):
    said = keras_kd("validate", "mine.yaml")
    assert said.endswith("mine.yaml: ran my_package.mine (./my_package/mine.py)\nmine.yaml: ok\n")
    report = keras_kd("distill", "mine.yaml", "--smoke", "--quiet", "--set", "export.formats=[]")
    assert report.startswith("A shortened run: it shows that every step works.")
    history = (folder / "saved_models" / "mine-smoke" / "history.csv").read_text()
    assert "mine_loss" in history.splitlines()[0]


def test_the_python_runs(folder):
    assert len(PLAIN) == 1
    exec(compile(PLAIN[0], "write_a_method.md", "exec"), {})
