"""Code that is not keras_kd's: which commands run it, what of the current folder it stands for, how it may end."""

import json
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from networks import cnn

from keras_kd import Distiller, Method, data
from keras_kd.cli.main import commands
from keras_kd.export import export as exporting
from keras_kd.export import latency
from keras_kd.export.export import export
from keras_kd.methods.find import find
from keras_kd.models import build
from keras_kd.recipe.load import load
from keras_kd.utils import child_process, foreign_code
from keras_kd.utils.errors import Exit, UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.ownership import held
from keras_kd.workflows.study import study

ROOT = Path(__file__).parent.parent
RECIPE = """\
data: digits
teacher: digits_teacher.yaml
student: digits_tiny
terms: [{method: "mine_method:Mine", power: 3}]
fit: {epochs: 1}
"""
MINE = """
from keras_kd import Method

open("ran-mine_method", "w").close()

class Mine(Method):
    power: float = 2.0
    other: float = 1.0
    cites = ("hinton2015kd",)

    def loss(self, signals, labels, adapters):
        return self.power * signals["student"]["logits"][:, 0]
"""
# Each stands in for something that keras_kd or what it works with imports.
SHADOWS = ("random.py", "json.py", "secrets.py", "keras.py", "numpy/__init__.py", "colorsys.py", "sitecustomize.py")
OF_TESTS = ("mine", "mine_method", "my_", "helper_of_", "twin_of_", "colorsys")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    (folder / "mine.yaml").write_text(RECIPE)
    path = list(sys.path)
    yield folder
    assert sys.path == path
    for name in [name for name in sys.modules if name.startswith(OF_TESTS)]:
        del sys.modules[name]


def write(name, text):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def write_shadows():
    for name in SHADOWS:
        top = name.split("/")[0].removesuffix(".py")
        write(name, f"open({str(Path(f'ran-{top}').absolute())!r}, 'w').close()")


def ran():
    return sorted(path.name.removeprefix("ran-") for path in Path().glob("ran-*"))


def run(*arguments):
    return CliRunner().invoke(commands, [str(one) for one in arguments], prog_name="keras-kd")


def error_of(*arguments):
    done = run(*arguments)
    assert done.exit_code == 2 and "Traceback" not in done.output, done.output
    return [line.removeprefix("keras-kd: ") for line in done.stderr.splitlines() if line.startswith("keras-kd: ")]


# How a module may end while it is imported.

OUT = "take it out, or put it under `if __name__ == '__main__':`"
ENDS = {
    "raise SystemExit(0)": f"ends the program (SystemExit: 0); {OUT}",
    "raise SystemExit('no\\nlicence')": f"ends the program (SystemExit: no licence); {OUT}",
    "import sys\nsys.exit()": f"ends the program (SystemExit); {OUT}",
    "raise GeneratorExit": f"ends the program (GeneratorExit); {OUT}",
    "class Stop(BaseException): pass\nraise Stop(3)": f"ends the program (Stop: 3); {OUT}",
    "def f(): f()\nf()": "fails with RecursionError: maximum recursion depth exceeded; correct it",
    "import click\nclick.Context(click.Command('x')).exit(0)": "fails with Exit: 0; correct it",
    "raise StopIteration": "fails with StopIteration; correct it",
    "class Odd(Exception):\n    def __str__(self): raise self\nraise Odd": "fails with Odd; correct it",
    "raise ModuleNotFoundError('by hand')": "fails with ModuleNotFoundError: by hand; correct it",
}


@pytest.mark.parametrize("text", ENDS)
def test_a_module_cannot_end_the_program(text):
    write("mine_method.py", text)
    said = f"importing 'mine_method' {ENDS[text]}"
    assert error_of("validate", "mine.yaml") == [f"mine.yaml:4: terms[0]: mine_method:Mine: {said}"]
    for use in (lambda: build("mine_method:net", (8, 8, 1), 10), lambda: data.load("mine_method:net")):
        with pytest.raises(UserError) as error:
            use()
        assert str(error.value) == f"mine_method:net: {said}"


def test_an_interrupt_in_a_module_is_an_interrupt():
    write("mine_method.py", "raise KeyboardInterrupt")
    assert run("validate", "mine.yaml").exit_code == 130


def test_a_module_that_ends_when_it_is_asked_for_a_name():
    write(
        "mine_method.py", "def __getattr__(name):\n    if name == 'Mine': raise SystemExit(0)\n    raise AttributeError"
    )
    assert error_of("cite", "mine.yaml") == [
        f"mine.yaml:4: terms[0]: mine_method:Mine: looking it up ends the program (SystemExit: 0); {OUT}"
    ]


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise GeneratorExit"])
def test_functions_that_are_called_cannot_end_the_program(end):
    write("my_functions.py", f"import sys\ndef net(image_shape, classes):\n    {end}\ndef pets():\n    {end}")
    for name, use, doing in (
        ("net", lambda name: build(name, (8, 8, 1), 10), "the call (image_shape, classes, ...)"),
        ("pets", data.load, "calling it"),
    ):
        with pytest.raises(UserError, match="ends the program") as error:
            use(f"my_functions:{name}")
        assert str(error.value).startswith(f"my_functions:{name}: {doing} ends the program (")
        assert "\n" not in str(error.value)


def test_a_class_cannot_end_the_program_while_it_is_made():
    write(
        "mine_method.py",
        f"""{textwrap.indent(MINE, " " * 8)}
            def __init__(self, **given):
                raise SystemExit(0)
        """,
    )
    assert error_of("validate", "mine.yaml") == [
        f"mine.yaml:4: terms[0]: mine_method:Mine: making it ends the program (SystemExit: 0); {OUT}"
    ]


def test_a_class_whose_settings_cannot_be_told_is_said_in_one_line():
    write("mine_method.py", MINE.replace("power: float = 2.0", "power: object = object()").replace("= 1.0", "= 2.0"))
    write("mine.yaml", RECIPE.replace(", power: 3", ""))
    (line,) = error_of("validate", "mine.yaml")
    assert "mine_method:Mine: making it fails with PydanticSerializationError" in line


@pytest.mark.parametrize("what", ["taps", "check", "adapters", "student", "loss"])
@pytest.mark.parametrize("raised", [SystemExit(0), KeyError("x")], ids=["end", "error"])
def test_no_part_of_a_method_can_end_the_program(what, raised):
    def fails(self, *arguments):
        raise raised

    own = type("Own", (Method,), {"loss": lambda self, signals, labels, adapters: signals["student"]["logits"][:, 0]})
    setattr(own, what, fails)
    with pytest.raises(UserError) as error:
        Distiller(cnn(2, name="student"), cnn(3, name="teacher"), terms=[own()])
    said = str(error.value)
    assert said.startswith("own: ") and f"{what}()" in said or what == "loss" and "KeyError" in said
    assert "\n" not in said and ("ended" in said or "ends" in said or isinstance(raised, KeyError))


@pytest.mark.parametrize("raised", [SystemExit(0), SystemExit("all done"), GeneratorExit(), click.exceptions.Exit(0)])
def test_the_last_net(monkeypatch, raised):
    """What is caught nowhere else is no success either."""

    def ends(*arguments, **options):
        raise raised

    monkeypatch.setattr("keras_kd.report.compare.rows_of", ends)
    (line,) = error_of("compare", "here")
    assert line.startswith("compare: code of the recipe's ended the program (") and line.endswith("take that out of it")
    monkeypatch.setattr("keras_kd.bank.folder.banks_in", ends)
    (line,) = error_of("bank", "info")
    assert line.startswith("info: code of the recipe's ended the program (")


def test_our_own_ends_keep_their_codes(monkeypatch):
    assert run("validate", "digits", "--json").exit_code == 0
    assert run("validate", "nothing", "--json").exit_code == 2
    assert run("validate", "--help").exit_code == run("bank", "info", "--help").exit_code == 0

    def ends(*arguments):
        raise Exit(1)

    monkeypatch.setattr("keras_kd.report.compare.rows_of", ends)
    done = run("compare", "here")
    assert (done.exit_code, done.output) == (1, "")


def test_a_dry_run_goes_on_after_a_recipe_that_ends_it(monkeypatch):
    write("mine_method.py", MINE)

    def plan(recipe, smoke, look):
        raise SystemExit(0)

    monkeypatch.setattr("keras_kd.workflows.run.plan.plan", plan)
    said = "dry run: code of the recipe's ended the program (SystemExit: 0); take that out of it"
    assert error_of("validate", "mine.yaml", "digits", "--dry-run") == [f"mine.yaml: {said}", f"digits: {said}"]


# What of the current folder is imported.


def test_the_current_folder_stands_in_for_nothing():
    """In a process of its own, as all of these are imported here already."""
    write_shadows()
    write("mine_method.py", f"import colorsys, json, random, secrets\n{MINE}")
    call = [sys.executable, "-m", "keras_kd.cli", "validate", "mine.yaml"]
    done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (0, "mine.yaml: ok\n"), done.stderr
    assert done.stderr == "mine.yaml: ran mine_method (./mine_method.py)\n"
    assert ran() == ["mine_method"]


def test_python_puts_the_current_folder_first_and_we_put_it_last(monkeypatch):
    for first in ("", os.getcwd()):
        monkeypatch.setattr(sys, "path", [first, "/there", "/elsewhere"])
        foreign_code.current_folder_last()
        assert sys.path == ["/there", "/elsewhere", first]
    monkeypatch.setattr(sys, "path", ["/scripts", ""])
    foreign_code.current_folder_last()
    assert sys.path == ["/scripts", ""]
    monkeypatch.undo()


@pytest.mark.parametrize("top", ["random", "json", "secrets", "colorsys"])
def test_a_name_of_the_standard_library_is_refused(top):
    write_shadows()
    write("mine.yaml", RECIPE.replace("mine_method", top))
    said = f"{top}:Mine: '{top}' is a module of the standard library; give yours another name"
    for command in (["validate"], ["cite"], ["show"], ["validate", "--no-code"]):
        assert error_of(*command, "mine.yaml") == [f"mine.yaml:4: terms[0]: {said}"]
    for use in (lambda: build(f"{top}:Mine", (8, 8, 1), 10), lambda: data.load(f"{top}:Mine")):
        with pytest.raises(UserError) as error:
            use()
        assert str(error.value) == said
    assert ran() == []


@pytest.mark.parametrize("top", ["keras", "numpy"])
def test_a_name_that_keras_kd_works_with_is_refused_where_a_file_of_it_lies_here(top):
    write_shadows()
    with pytest.raises(
        UserError, match=f"'{top}' is a package that keras_kd works with; give yours in .* another name"
    ):
        find(f"{top}:Mine")
    assert ran() == []
    with pytest.raises(UserError, match="found no class 'Mine'"):  # and elsewhere it is what it is
        find("keras.layers:Mine") if not Path("keras.py").unlink() else None


def installed(tmp_path, monkeypatch, name, text):
    """A module in a folder where Python finds installed ones."""
    folder = tmp_path / "site"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(folder)
    return folder


def test_a_module_of_the_current_folder_wins_over_an_installed_one(tmp_path, monkeypatch, here):
    installed(tmp_path, monkeypatch, "twin_of_mine.py", "raise ValueError")
    write("twin_of_mine.py", MINE)
    assert find("twin_of_mine:Mine").__module__ == "twin_of_mine"
    assert Path(sys.modules["twin_of_mine"].__file__) == here / "twin_of_mine.py"
    monkeypatch.undo()


def test_one_in_use_is_not_replaced(tmp_path, monkeypatch):
    folder = installed(tmp_path, monkeypatch, "twin_of_mine.py", "")
    import twin_of_mine

    write("twin_of_mine.py", MINE)
    with pytest.raises(UserError) as error:
        find("twin_of_mine:Mine")
    assert f"'twin_of_mine' is also a module in use, {folder / 'twin_of_mine.py'}; give yours in" in str(error.value)
    assert sys.modules["twin_of_mine"] is twin_of_mine and ran() == []
    monkeypatch.undo()


def test_what_a_module_imports_next_to_it(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, "twin_of_mine.py", "where = 'installed'")
    write("twin_of_mine.py", "where = 'here'")
    write("helper_of_mine.py", "value = 3")
    write("mine_method.py", f"import helper_of_mine, twin_of_mine\n{MINE}")
    with foreign_code.watched() as seen:
        find("mine_method:Mine")
    assert sys.modules["twin_of_mine"].where == "installed"
    assert seen == [("mine_method", "./mine_method.py"), ("helper_of_mine", "./helper_of_mine.py")]
    with foreign_code.watched() as again:  # imported already: it is told all the same
        find("mine_method:Mine")
    assert again == seen
    monkeypatch.undo()


def test_what_a_function_imports_as_it_is_called():
    write("helper_of_mine.py", "import numpy as np\ntrain = np.zeros((4, 2, 2), 'uint8')")
    write(
        "my_functions.py",
        """
        def pets():
            from helper_of_mine import train
            return {"x_train": train, "y_train": [0, 1, 0, 1]}
        """,
    )
    assert data.load("my_functions:pets").classes == 2


def test_a_package_and_a_folder_without_init():
    write("my_package/__init__.py", "")
    write("my_package/inner.py", f"from .other import value\n{MINE}")
    write("my_package/other.py", "value = 1")
    write("my_space/inner.py", MINE)
    with foreign_code.watched() as seen:
        assert find("my_package.inner:Mine").__module__ == "my_package.inner"
        assert find("my_space.inner:Mine").__module__ == "my_space.inner"
    assert [f"{one.module} {one.file}" for one in seen] == [
        "my_package ./my_package/__init__.py",
        "my_package.inner ./my_package/inner.py",
        "my_package.other ./my_package/other.py",
        "my_space.inner ./my_space/inner.py",
    ]


def test_a_folder_without_init_comes_after_an_installed_package(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, "twin_of_mine.py", MINE)
    write("twin_of_mine/inner.py", "")
    assert find("twin_of_mine:Mine").__module__ == "twin_of_mine"
    monkeypatch.undo()


def test_another_folder_has_another_module_of_that_name(tmp_path, monkeypatch):
    write("helper_of_mine.py", "power = 2.0")
    text = f"import helper_of_mine\n{MINE}".replace("float = 2.0", "float = helper_of_mine.power")
    write("mine_method.py", text)
    assert find("mine_method:Mine")().power == 2.0
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    write("helper_of_mine.py", "power = 5.0")
    write("mine_method.py", text)
    assert find("mine_method:Mine")().power == 5.0


def test_a_module_that_was_made_by_hand_is_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "my_made", types.SimpleNamespace(Mine=3))
    with pytest.raises(UserError, match="found no method"):
        find("my_made:Mine")


def test_a_keras_file_imports_nothing_of_the_current_folder(here):
    write("keras_hub.py", "open('ran-keras_hub', 'w').close()")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save("net.keras")
    from zipfile import ZipFile

    with ZipFile("net.keras") as old, ZipFile("other.keras", "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == "config.json":
                text = text.replace(b'"keras.layers", "class_name": "Flatten"', b'"keras_hub", "class_name": "Flat"')
            new.writestr(name, text)
    with pytest.raises(UserError, match="other.keras: "):
        build("other.keras", (8, 8, 1), 10)
    assert ran() == []


# Which commands run it.


def test_validate_and_cite_say_what_they_ran():
    write("mine_method.py", MINE)
    for command in ("validate", "cite"):
        done = run(command, "mine.yaml")
        assert (done.exit_code, done.stderr) == (0, "mine.yaml: ran mine_method (./mine_method.py)\n")
        assert "module:Class" in run(command, "--help").stdout
    told = json.loads(run("validate", "mine.yaml", "digits", "--json").stdout)
    assert told["code"] == [{"recipe": "mine.yaml", "module": "mine_method", "file": "./mine_method.py"}]
    assert "hinton2015kd" in run("cite", "mine.yaml").stdout


def test_no_code_runs_none():
    write("mine_method.py", MINE)
    done = run("validate", "mine.yaml", "--no-code")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == ("mine.yaml: ok\n  not checked: the settings of mine_method:Mine, as --no-code is given\n")
    told = json.loads(run("validate", "mine.yaml", "--no-code", "--json").stdout)
    assert (told["code"], told["notes"]) == ([], ["the settings of mine_method:Mine, as --no-code is given"])
    done = run("cite", "mine.yaml", "--no-code")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "# Without an entry here: mine.yaml: mine_method:Mine" in done.stdout
    assert ran() == []


def test_without_code_all_else_is_checked():
    recipe = RECIPE.replace("power: 3", "power: 3, weight: -1").replace("digits_tiny", "digits_tny")
    write("mine.yaml", recipe.replace("epochs: 1", "epochs: 0"))
    lines = error_of("validate", "mine.yaml", "--no-code")
    assert [line.split(": ")[1] for line in lines] == ["student", "terms[0].weight", "fit.epochs"]
    write("mine.yaml", RECIPE.replace("mine_method:Mine", "mine_method:Mine:x"))
    assert "no method 'mine_method:Mine:x'" in error_of("show", "mine.yaml")[0]
    write("mine.yaml", RECIPE.replace("power: 3", "weight: 0"))
    assert "teacher: no term with a weight above 0 uses it" in error_of("validate", "mine.yaml", "--no-code")[0]
    write("mine.yaml", RECIPE.replace("fit:", "label_weight: 0\npeers: [digits_tiny]\nfit:"))
    assert run("validate", "mine.yaml", "--no-code").exit_code == 0  # it may read both


def test_show_prints_the_settings_as_given():
    write("mine_method.py", MINE)
    write("mine.yaml", RECIPE.replace("power: 3", "power: {end_value: 3, duration: 2}, since: 2020-01-01"))
    done = run("show", "mine.yaml", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["terms"] == [
        {"method": "mine_method:Mine", "power": {"end_value": 3, "duration": 2}, "since": "2020-01-01"}
    ]
    assert done.stderr == "mine.yaml: the defaults of mine_method:Mine are not filled: show runs no code\n"
    assert run("show", "digits").stderr == "" and ran() == []


def test_a_dry_run_without_code_is_refused_for_what_needs_it():
    write("mine_method.py", MINE)
    write("my_functions.py", "open('ran-my_functions', 'w').close()")
    write("net.yaml", "data: digits\nstudent: my_functions:net\nfit: {epochs: 1}\n")
    write("data.yaml", "data: my_functions:pets\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    write("of.yaml", "data: digits\nteacher: mine.yaml\nstudent: digits_tiny\nterms: [kd]\nfit: {epochs: 1}\n")
    fix = "a dry run needs its code, which --no-code leaves alone; leave one of the two options out"
    assert error_of("validate", "--dry-run", "--no-code", "mine.yaml", "net.yaml", "data.yaml", "of.yaml") == [
        f"mine.yaml: mine_method:Mine: {fix}",
        f"net.yaml: my_functions:net: {fix}",
        f"data.yaml: my_functions:pets: {fix}",
        f"of.yaml: mine.yaml:4: terms[0]: mine_method:Mine: {fix}",
    ]
    assert ran() == []


def test_a_dry_run_says_what_it_ran():
    write(
        "my_functions.py",
        """
        import keras

        def net(image_shape, classes):
            return keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(classes)])
        """,
    )
    write("net.yaml", "data: digits\nstudent: my_functions:net\nfit: {epochs: 1}\n")
    assert run("validate", "net.yaml").stderr == ""
    done = run("validate", "net.yaml", "--dry-run", "--set", "export.formats=[]")
    assert done.stderr == "net.yaml: ran my_functions (./my_functions.py)\n"


def finished_run():
    """A run folder as far as read-only commands look at it."""
    report = {"student": {"name": "x", "top1": 0.5, "top5": 1.0}, "time": {"seconds": {}}, "settings": {}}
    report["cost"] = {"file_bytes": 3, "parameters": 2, "macs": 1}
    with held("run", "run"):
        for name, text in (("report.json", json.dumps(report)), ("recipe.yaml", RECIPE)):
            with atomic_write(f"run/{name}") as temporary:
                temporary.write_text(text)


@pytest.mark.parametrize(
    "command",
    ["show mine.yaml", "list", "compare run", "bank info", "bank prune --damaged", "new other --from mine.yaml"]
    + ["report run", "validate mine.yaml --no-code", "cite mine.yaml --no-code", "validate of.yaml"]
    + ["cite of.yaml --no-code", "show of.yaml"],
)
def test_commands_that_only_read_run_nothing(command):
    write("mine_method.py", MINE)
    write("recipes/mine.yaml", RECIPE)
    write("of.yaml", "data: digits\nteacher: mine.yaml\nstudent: digits_tiny\nterms: [kd]\nfit: {epochs: 1}\n")
    finished_run()
    done = run(*command.split())
    assert done.exit_code == 0, done.output
    assert ran() == [] and "mine_method" not in sys.modules


def test_a_term_that_is_overridden_is_not_imported(monkeypatch):
    """The seed in the file decides how a run's folder is called; its methods do not."""
    write("mine_method.py", MINE)
    monkeypatch.setattr("keras_kd.workflows.seeds.distill", lambda *arguments, **options: {"student": {"top1": 1.0}})
    monkeypatch.setattr("keras_kd.cli.run._print_report", lambda *arguments: None)
    assert run("distill", "mine.yaml", "--set", "terms=[kd]").exit_code == 0
    assert ran() == []


# Child processes.


def test_a_child_does_not_import_from_the_current_folder(monkeypatch):
    write_shadows()
    monkeypatch.setattr(sys, "path", ["", os.getcwd(), ".", "/nowhere", *sys.path])
    assert os.getcwd() not in child_process.search_path() and "/nowhere" not in child_process.search_path()
    job = {"kind": "litert", "file": "none.tflite", "threads": 1}
    done = subprocess.run(
        child_process.command("keras_kd.export.latency"),
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=child_process.environment(),
    )
    assert "none.tflite" in json.loads(done.stdout)["error"], done.stderr
    assert ran() == []
    monkeypatch.undo()


def test_a_child_keeps_what_the_user_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", "")
    assert os.getcwd() not in child_process.search_path() and str(tmp_path) in child_process.search_path()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/there", "."]))
    assert child_process.search_path()[:2] == [os.getcwd(), str(tmp_path)]
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(ROOT)
    assert child_process.search_path()[:2] == [str(ROOT), str(tmp_path)]  # it holds keras_kd
    monkeypatch.setattr(sys, "path", [])
    assert child_process.search_path() == [str(ROOT)]
    monkeypatch.undo()


def test_every_child_is_started_so(monkeypatch):
    started = []

    def start(command, **options):
        started.append((command, options["env"]["PYTHONPATH"].split(os.pathsep)))
        raise OSError("not started")

    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(subprocess, "Popen", start)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save("student.keras")
    images = np.zeros((2, 8, 8, 1), "uint8")
    given = {"calibration_images": images, "test_images": images, "test_labels": np.zeros(2, int)}
    with pytest.raises(UserError, match="not started"):
        export("student.keras", "run", **given)
    with pytest.raises(OSError, match="not started"):
        latency.measure("student.keras")
    with pytest.raises(OSError, match="not started"):
        list(study._others(1, "mine", Path("out"), (), (0,), True))
    assert [command[1:3] for command, _ in started] == [
        ["-Pm", "keras_kd.export.worker"], ["-Pm", "keras_kd.export.latency"], ["-Pm", "keras_kd.cli"]
    ]  # fmt: skip
    assert all(os.getcwd() not in path and "" not in path and str(ROOT) in path for _, path in started)
    assert started[-1][0][3:5] == ["study", "mine"]
    monkeypatch.undo()


def test_an_export_is_told_where_the_layers_of_the_user_lie(here, tmp_path, monkeypatch):
    write("helper_of_mine.py", "factor = 0.5")
    write(
        "my_layers.py",
        """
        import keras
        from helper_of_mine import factor

        @keras.saving.register_keras_serializable("mine")
        class Halve(keras.layers.Layer):
            def call(self, x):
                return x * factor

        def net(image_shape, classes):
            image = keras.Input(image_shape)
            return keras.Model(image, Halve()(keras.layers.Dense(classes)(keras.layers.Flatten()(image))))
        """,
    )
    build("my_layers:net", (8, 8, 1), 10).save("student.keras")
    (given,) = exporting.custom_modules(here / "student.keras")
    assert given == ("my_layers", str(here))
    # As the child does it, which does not stand in that folder and has it on no path.
    for name in ("my_layers", "helper_of_mine"):
        del sys.modules[name]
    monkeypatch.chdir(tmp_path)
    foreign_code.import_module_of(*given)
    assert Path(sys.modules["helper_of_mine"].__file__).parent == here
    assert str(here) not in sys.path


def test_load_without_code_reads_back_what_a_run_resolved():
    write("mine_method.py", MINE)
    resolved = load("mine.yaml")
    assert resolved.terms[0].settings == {"power": 3.0, "other": 1.0}
    import yaml

    write("again.yaml", yaml.safe_dump(resolved.dump()))
    assert load("again.yaml", code=False).dump() == resolved.dump()
