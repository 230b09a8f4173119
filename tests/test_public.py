"""The public face of `keras_kd`: its names, their types, and the functions that do what the commands do."""

import ast
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import keras_kd
from keras_kd.utils.errors import UserError

ROOT = Path(__file__).parent.parent


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_name_is_there_at_run_time_and_for_type_checkers():
    assert all(getattr(keras_kd, name) is not None for name in keras_kd.__all__)
    assert set(keras_kd.__all__) <= set(dir(keras_kd))
    (typed,) = (
        node
        for node in ast.parse(Path(keras_kd.__file__).read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    names = sorted(alias.asname or alias.name for line in typed.body for alias in line.names)
    # A star import must leave Python's own list.
    assert names == sorted([*keras_kd.__all__, "list"]) and keras_kd.list is not list


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="module 'keras_kd' has no attribute 'Nothing'"):
        keras_kd.Nothing  # noqa: B018


@pytest.mark.slow
def test_no_name_is_unknown_to_a_type_checker(tmp_path):
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed; pip install -e '.[dev]' brings it")
    script = tmp_path / "script.py"
    lines = [f"reveal_type(keras_kd.{name})" for name in keras_kd.__all__]
    script.write_text("\n".join(["import keras_kd", *lines, "keras_kd.KD()", "keras_kd.Nothing", ""]))
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", tmp_path / "cache", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    *told, unknown, last = done.stdout.splitlines()
    revealed = [line.partition("Revealed type is ")[2] for line in told]
    assert len(revealed) == len(keras_kd.__all__), done.stdout + done.stderr
    assert [name for name, one in zip(keras_kd.__all__, revealed, strict=True) if one in ('"Any"', "")] == []
    assert 'has no attribute "Nothing"' in unknown and last.startswith("Found 1 error"), done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import keras_kd.export.export as room; assert room.FORMATS",
        "import keras_kd.export.export; assert keras_kd.export.export.FORMATS",
        "from keras_kd.export import export; assert export.FORMATS",
        "import keras_kd.report.report as room; assert room.Report",
        "from keras_kd import report; import keras_kd.report.report; assert report.report.Report",
        "from keras_kd import export",
        pytest.param("from keras_kd import *", marks=pytest.mark.slow),  # imports all that there is
        "import keras_kd; keras_kd.export",
    ],
)
def test_export_is_the_room_and_the_function_however_it_is_imported(code):
    found = python(
        f"{code}\n"
        "import keras_kd\n"
        "from keras_kd.utils.errors import UserError\n"
        "from keras_kd import export\n"
        "assert export is keras_kd.export\n"
        "try:\n    export('x', 'paper')\n"
        "except UserError as error:\n    print(error)\n"
    )
    assert found.startswith("formats: no format 'paper'; expected one of saved_model, ")


def test_the_names_of_commands_cost_no_heavy_import():
    assert python("import sys, keras_kd; keras_kd.distill; keras_kd.export; print('keras' in sys.modules)") == "False"


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """What `distill` was asked to run, in an empty current folder; of what it made it gives the folder."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def distill(recipe, folder, **options):
        asked.append((recipe, folder.as_posix(), options))
        return {"student": {}}

    monkeypatch.setattr("keras_kd.workflows.seeds.distill", distill)
    monkeypatch.setattr("keras_kd.workflows.finished_run.Run", lambda folder: folder)
    return asked


OPTIONS = {"restart": False, "smoke": False, "quiet": False, "despite": ()}


def test_distill_takes_a_name_as_the_command_does(runs):
    given = {"fit.epochs": 3, "terms.0.temperature": 8}
    assert keras_kd.distill("digits", settings=given).as_posix() == "saved_models/digits"
    recipe, folder, options = runs[0]
    assert (recipe.fit.epochs, recipe.terms[0].settings["temperature"]) == (3, 8)
    # As it is given in a shell: the report says by what the run was made.
    command = "keras-kd distill digits --set fit.epochs=3 --set terms.0.temperature=8"
    assert folder == "saved_models/digits" and options == {"name": "digits", "command": command, **OPTIONS}


def test_distill_takes_a_path(runs, tmp_path):
    (tmp_path / "mine.yaml").write_text("data: digits\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    keras_kd.distill(tmp_path / "mine.yaml", seed=2, smoke=True)
    assert (runs[0][0].seed, runs[0][1]) == (2, "saved_models/mine-seed2-smoke")
    keras_kd.distill("./mine", out="~/of_mine", name="mine as well")
    assert runs[1][1] == Path("~/of_mine").expanduser().as_posix() and runs[1][2]["name"] == "mine as well"


def test_distill_takes_a_recipe_that_was_loaded(runs):
    recipe = keras_kd.load_recipe("digits", ["fit.epochs=3"], seed=4)
    assert (recipe.seed, recipe.seeds, recipe.fit.epochs) == (4, (), 3)
    keras_kd.distill(recipe, out="runs/first")
    keras_kd.distill(recipe, name="mine", smoke=True)
    assert [(one[0], one[1], one[2]["name"]) for one in runs] == [
        (recipe, "runs/first", "first"),
        (recipe, "saved_models/mine-smoke", "mine"),
    ]
    with pytest.raises(UserError, match="a recipe that was loaded has no name; give name, or out"):
        keras_kd.distill(recipe)
    with pytest.raises(UserError, match="give them to load_recipe"):
        keras_kd.distill(recipe, name="mine", settings={"fit.epochs": 1})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: keras_kd.distill(3), "recipe: found 3; expected a path or a name"),
        (lambda: keras_kd.distill("digits", settings=[3]), r"settings: found 3; expected \{'fit.epochs': 3\}"),
        (lambda: keras_kd.distill("digits", settings={"fit.epoch": 3}), "did you mean 'epochs'"),
        (lambda: keras_kd.distill("digits", out=""), "out: is empty; give a folder"),
        (lambda: keras_kd.evaluate("x.keras"), "x.keras: give data NAME, the dataset to measure it on"),
        (lambda: keras_kd.evaluate("x.keras", data="digits", pixels="bits"), "pixels: no 'bits'; expected one of"),
        (lambda: keras_kd.evaluate("runs/none"), "runs/none: no such run folder"),
        (
            lambda: keras_kd.evaluate("runs/a", pixels="unit"),
            "pixels: is of a .keras file; of runs/a its recipe",
        ),
        (lambda: keras_kd.evaluate("x.keras", data=5), "data: found 5; expected a path or a name"),
        (lambda: keras_kd.export("runs/a", formats=3), "formats: found 3; expected names of formats"),
        (lambda: keras_kd.compare(3), "runs: found 3; expected folders of runs"),
        (lambda: keras_kd.Report.read(3), "report: found 3; expected a path"),
        (lambda: keras_kd.export("runs/none"), "runs/none: no such run folder"),
        (lambda: keras_kd.compare(["runs/none"], out="page.txt"), "out: found page.txt; expected a name that ends in"),
        (lambda: keras_kd.search("digits", trials=0), "search.trials"),
        # Before the recipe is read, which is not there.
        (lambda: keras_kd.distill("not_there", despite="nonsense"), "despite: no check 'nonsense'; expected one of"),
        (lambda: keras_kd.search("not_there", despite=["pixel"]), "despite: no check 'pixel'; did you mean 'pixels'"),
        (lambda: keras_kd.study("label_noize"), "no such study; did you mean 'label_noise'"),
    ],
)
def test_what_cannot_be_done_is_a_user_error(monkeypatch, tmp_path, call, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        call()


def test_search_and_study_ask_for_what_the_commands_ask_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(
        "keras_kd.workflows.search.search.search", lambda *given, **options: asked.append((given, options))
    )
    monkeypatch.setattr(
        "keras_kd.workflows.study.study.study", lambda *given, **options: asked.append((given, options))
    )
    keras_kd.search("digits", trials=5, tuner="grid", seed=1, winner=False)
    keras_kd.study("label_noise", seeds=[0, 1], settings={"fit.epochs": 1})
    (of_search, search), (of_study, study) = asked
    assert of_search == ("digits", Path("saved_models/digits-seed1-search"))
    assert search["settings"] == ["search.trials=5", "search.tuner=grid", "seed=1", "seeds=[]"]
    assert (search["name"], search["winner"]) == ("digits", False)
    assert of_study == ("label_noise", Path("saved_models/study-label_noise"))
    assert (study["settings"], study["seeds"], study["jobs"]) == (["fit.epochs=1"], (0, 1), 1)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("laws", "training.laws", "check_laws"),
        ("errors", "utils.errors", "UserError"),
        ("int8_simulation", "export.int8_simulation", "Simulation"),
        ("metrics", "evaluation.metrics", "verdict"),
    ],
)
def test_modules_that_moved_are_found_under_their_old_names_with_a_note(old, new, name):
    sys.modules.pop(f"keras_kd.{old}", None)
    with pytest.warns(FutureWarning, match=f"keras_kd.{old} is now keras_kd.{new}"):
        found = importlib.import_module(f"keras_kd.{old}")
    assert getattr(found, name) is getattr(importlib.import_module(f"keras_kd.{new}"), name)
