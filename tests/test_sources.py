"""docs/sources.md has a row for every method, and what it says of all else can be found and run."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
import yaml

from keras_kd import METHODS
from keras_kd.cli.main import commands
from keras_kd.methods.taxonomy import PROBLEMS
from keras_kd.recipe.load import load
from keras_kd.workflows.study.study_file import ready

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "sources.md").read_text()
SYSTEMS = yaml.safe_load((ROOT / "docs" / "systems.yaml").read_text())
ABSENT = [one for group in SYSTEMS["absent"] for one in group["systems"]]
ROWS = [*SYSTEMS["built"], *ABSENT]
COMMANDS = sorted(set(re.findall(r"`(keras-kd [^`]+)` \|", PAGE)))


@pytest.fixture(scope="module")
def page():
    return runpy.run_path(str(ROOT / "docs" / "sources_page.py"))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_one_row_with_its_file_and_its_command(name):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    module = METHODS[name].__module__.replace(".", "/")
    assert f"](../{module}.py)" in row and METHODS[name].paper in row
    (recipe,) = re.findall(r"`keras-kd distill (recipes/[\w/]+\.yaml)`", row)
    assert name in [term.method for term in load(ROOT / recipe).terms]
    # What the recipe says that it aims at, and what came of it.
    words = row.split(" | ")[-1].removesuffix(" |").split("; ")
    assert words[0] in " ".join((ROOT / recipe).read_text().replace("\n# ", " ").split())


def test_no_system_is_there_twice_or_with_words_of_no_meaning():
    names = [one["system"] for one in ROWS]
    assert sorted(set(names)) == sorted(names)
    ways = {"system", "paper", "where", "recipe", "run", "study", "measured", "published", "problems"}
    for one in SYSTEMS["built"]:
        assert {"system", "paper", "where"} <= set(one) <= ways and ("recipe" in one) != ("run" in one), one
        assert "recipe" in one or "published" in one, one
    for one in ABSENT:
        assert {"system", "paper"} <= set(one) <= {"system", "paper", "why", "problems"}, one
    assert all(set(one.get("problems", ())) <= set(PROBLEMS) for one in ROWS)
    assert all(group["why"] and group["title"] for group in SYSTEMS["absent"])


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one["system"])
def test_a_system_has_a_row(one):
    assert len([line for line in PAGE.splitlines() if line.startswith(f"| {one['system']} |")]) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_given(command):
    _, verb, *words = shlex.split(command)
    assert verb in commands.commands
    if verb == "distill":
        load(
            ROOT / words[0],
            [setting for option, setting in zip(words[1:], words[2:], strict=False) if option == "--set"],
        )
    if verb == "study":
        assert words[0] in ready()


def test_every_figure_is_of_a_file_that_is_there():
    named = set(re.findall(r"`(\w+\.json)`", PAGE))
    assert named and named <= {path.name for path in (ROOT / "benchmarks" / "results").iterdir()}


def test_figures_are_those_of_the_files(page):
    assert page["_small"]("dkd") == "+6.85 ± 1.65 (CPU 1.04)"
    assert page["_small"]("at") == "-6.25 ± 0.26 (CPU 1.79); -1.63 ± 0.68 (CPU 1.81) with a quarter weight"
    assert page["_small"]("nst") == "not in it"
    assert page["_study"]("three_levels", "KD").startswith(
        'study `three_levels`, "KD": +4.10 points over "labels alone" (0.22 to 7.98;'
    )


def test_a_method_without_a_recipe_is_said(page):
    with pytest.raises(LookupError, match="no recipe names the method nothing; expected recipes/methods/nothing.yaml"):
        page["recipe_of"]("nothing")
