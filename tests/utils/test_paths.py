"""Paths as a user writes them: `~`, slashes, dots, links, capitals; wherever a path is taken."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from keras_kd import data, models
from keras_kd.cli.common import _keras_settings
from keras_kd.cli.main import commands
from keras_kd.data.injected.label_noise import read_matrix
from keras_kd.data.sources import cache
from keras_kd.models.load import from_file
from keras_kd.models.saved import in_small_letters
from keras_kd.recipe.files import find
from keras_kd.recipe.load import load
from keras_kd.report.compare import rows_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import absolute, from_folder, same_place, user_folder, user_path
from keras_kd.workflows.run.folder import differences
from keras_kd.workflows.study.study_file import READY, find_study

SMALL = "data: {data}\nstudent: digits_tiny\nfit: {{epochs: 1}}\nexport: {{formats: []}}\n"
TAUGHT = SMALL + "teacher: {teacher}\nterms: [{{method: kd}}]\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home folder, next to the current one."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    return home


def run(*arguments):
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="keras-kd")


def fails(*arguments):
    done = run(*arguments)
    assert done.exit_code == 2 and done.stderr.count("\n") == 1, done.output
    return done.stderr.removeprefix("keras-kd: ").removesuffix("\n")


# The two functions.


def test_what_is_written_out_and_what_stays(home):
    assert user_path("~") == str(home) and user_path("~/x/") == f"{home}/x/"
    assert user_path("~root") == os.path.expanduser("~root") != "~root"
    for text in ("a/../b", "a//b", "./a", "x/", "a~", "./~", "a b", "é"):
        assert user_path(text) == text
    assert user_path(Path("~/x")) == f"{home}/x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--out: is empty; give a path"),
        (" ", "--out: is empty; give a path"),
        ("a\0b", "--out: found 'a\\x00b'; expected a path, which has no NUL character; leave it out"),
        (
            "~nobody-here/x",
            "--out: found '~nobody-here/x', and there is no user 'nobody-here'; give the whole path, or "
            "./~nobody-here/x for what is here",
        ),
        (
            "~\\x",
            "--out: found '~\\\\x', and there is no user '\\\\x'; give the whole path, or ./~\\x for what is here",
        ),
    ],
)
def test_what_can_be_no_path(text, said):
    with pytest.raises(UserError) as error:
        user_path(text, "--out")
    assert str(error.value) == said


def test_a_folder_has_a_name(home):
    here = os.path.realpath(".")
    os.mkdir("a")
    for text in (".", "./", "a/..", "a/../", "a/."):
        assert user_folder(text) == (here if text != "a/." else f"{here}/a")
    assert user_folder("a/") == "a/" and user_folder("~/a") == f"{home}/a"
    with pytest.raises(UserError, match="^--out: found '/', the root of all folders; give a folder in it$"):
        user_folder("/", "--out")


def test_one_spelling_of_a_path(tmp_path):
    (tmp_path / "real" / "inside").mkdir(parents=True)
    os.symlink(tmp_path / "real" / "inside", "link")
    here = Path.cwd()
    assert absolute("a/.././/b") == here / "b"
    assert absolute("link") == here / "link"
    # Behind a link `..` is where the link leads.
    assert absolute("link/..") == tmp_path / "real"
    assert same_place(str(here / "link"), str(tmp_path / "real" / "inside")) and not same_place("link", "real")


# The command line.


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["distill", "digits", "--out"], "--out"),
        (["doctor", "digits", "--out"], "--out"),
        (["search", "digits", "--out"], "--out"),
        (["study", "label_noise", "--out"], "--out"),
        (["compare", "x", "--out"], "--out"),
        (["bank", "build", "digits", "--out"], "--out"),
        (["bank", "info", "--folder"], "--folder"),
        (["bank", "prune", "abcd", "--folder"], "--folder"),
        (["new", "x", "--from"], "--from"),
        (["distill"], "RECIPE"),
        (["validate"], "RECIPE..."),
        (["show"], "RECIPE"),
        (["cite"], "RECIPE"),
        (["study"], "STUDY"),
        (["new"], "NAME"),
        (["evaluate"], "RUN|MODEL.keras"),
        (["export"], "RUN|MODEL.keras"),
        (["report"], "RUN..."),
        (["compare"], "RUN..."),
        (["bench"], "FILE|RUN..."),
        (["evaluate", "m.keras", "--data"], "--data"),
    ],
    ids=" ".join,
)
def test_every_path_of_the_command_line_is_read_alike(words, where):
    assert fails(*words, "~nobody-here/x").startswith(f"{where}: found '~nobody-here/x', and there is no user")
    if where != "--data":
        assert fails(*words, "").startswith(f"{where}: is empty; give a ")
    assert not Path("~nobody-here").exists() and list(Path().iterdir()) == []


def test_a_folder_in_the_home_folder(monkeypatch, home):
    folders = []
    monkeypatch.setattr(
        "keras_kd.workflows.seeds.distill", lambda recipe, folder, **options: folders.append(folder) or {}
    )
    monkeypatch.setattr("keras_kd.cli.run._print_report", lambda *arguments: None)
    done = run("distill", "digits", "--out", "~/x")
    assert done.exit_code == 0, done.output
    assert folders == [home / "x"] and not Path("~").exists()


def test_a_model_and_images_in_the_home_folder(monkeypatch, home):
    given = []
    monkeypatch.setattr(
        "keras_kd.workflows.run.evaluate.evaluate_model", lambda *arguments, **options: given.append(arguments) or {}
    )
    monkeypatch.setattr("keras_kd.cli.run._print_report", lambda found, where, as_json: None)
    assert run("evaluate", "~/m.keras", "--data", "~/images").exit_code == 0
    assert run("evaluate", "M.KERAS", "--data", "cifar10").exit_code == 0
    assert [one[:2] for one in given] == [(f"{home}/m.keras", f"{home}/images"), ("M.KERAS", "cifar10")]


def test_a_run_with_a_slash_behind(monkeypatch):
    monkeypatch.setattr("keras_kd.workflows.run.evaluate.evaluate", lambda run: {"of": run})
    monkeypatch.setattr("keras_kd.report.terminal.summary", lambda found, width: found["of"])
    os.makedirs("runs/x")
    os.makedirs("runs/y.keras")
    now = "measured now: the student again; nothing was trained or exported"
    assert run("evaluate", "runs/x/").stdout == f"runs/x/\n{now}\nruns/x/\n"
    assert run("evaluate", "runs/y.keras").stdout.startswith("runs/y.keras")
    monkeypatch.chdir("runs/x")
    # The runs of its teachers are looked for next to it.
    assert run("evaluate", ".").stdout.startswith(os.path.realpath("."))


def test_a_run_named_twice_by_other_spellings(home):
    os.makedirs("runs/x")
    os.symlink("runs/x", "link")
    os.symlink(Path("runs/x").absolute(), home / "x")
    for other in (
        "runs/x/",
        "./runs/x",
        "runs//x",
        "runs/../runs/x",
        "link",
        "link/",
        "~/x",
        Path("runs/x").absolute(),
    ):
        assert fails("compare", "runs/x", other) == "compare: a run is named twice; name each once"
        with pytest.raises(UserError, match="named twice"):
            rows_of(["runs/x", other])


def test_the_settings_of_keras_in_the_home_folder(monkeypatch, home):
    (home / "k").mkdir()
    (home / "k" / "keras.json").write_text(json.dumps({"backend": "jax"}))
    monkeypatch.setenv("KERAS_HOME", "~/k")
    assert _keras_settings() == {"backend": "jax"}
    # Keras itself would take it as it stands.
    assert os.environ["KERAS_HOME"] == str(home / "k")
    monkeypatch.setenv("KERAS_HOME", "~nobody-here")
    with pytest.raises(UserError, match="^KERAS_HOME: found '~nobody-here', and there is no user"):
        _keras_settings()


# Recipes and studies.


def test_a_recipe_by_any_spelling(home):
    (home / "r").mkdir()
    os.mkdir("a")
    for file in (Path("mine.yaml"), home / "r" / "mine.yaml", Path("big.YAML"), Path("a/one.yml"), Path("digits.yaml")):
        file.write_text(SMALL.format(data="digits"))
    here = Path.cwd()
    for text in ("mine.yaml", "./mine.yaml", "mine", "./mine", "a/../mine.yaml", ".//mine", f"{here}/mine"):
        assert find(text) == here / "mine.yaml", text
    for text in ("~/r/mine.yaml", "~/r/mine", "~/r//mine.yaml", home / "r" / "mine.yaml"):
        assert find(text) == home / "r" / "mine.yaml", text
    assert find("big.YAML") == here / "big.YAML" and find("a/one") == here / "a" / "one.yml"
    # A name alone is that of a recipe that comes with the package, if there is one.
    assert find("digits").parent.name == "recipes" and find("./digits") == here / "digits.yaml"
    assert load("~/r/mine").student.model == "digits_tiny"
    assert run("show", "~/r/mine").exit_code == 0


def test_a_study_by_any_spelling(home):
    for file in (Path("mine.yaml"), home / "mine.yaml", Path("label_noise.yaml")):
        file.touch()
    here = Path.cwd()
    for text in ("mine", "mine.yaml", "./mine", "./mine.yaml", ".//mine.yaml", "../here/mine.yaml"):
        assert find_study(text) == here / "mine.yaml", text
    assert find_study("~/mine.yaml") == find_study("~/mine") == home / "mine.yaml"
    assert find_study("label_noise") == READY / "label_noise.yaml"
    assert find_study("./label_noise") == find_study("label_noise.yaml") == here / "label_noise.yaml"


def recipe(text, **given):
    Path("mine.yaml").write_text(text.format(**given))
    return load("mine.yaml")


def images(folder):
    for split in ("train", "test"):
        for name in "ab":
            (folder / split / name).mkdir(parents=True)


def test_images_by_any_spelling(home):
    images(home / "images")
    images(Path("images"))
    os.mkdir("a")
    here = Path.cwd()
    for text in ("images/", "./images", "images", "a/../images", ".//images//", f"{here}/images/"):
        assert recipe(SMALL, data=f"'{text}'").data.name == str(here / "images"), text
    for text in ("~/images", "~/images/", "~//images"):
        assert recipe(SMALL, data=f"'{text}'").data.name == str(home / "images"), text
    os.symlink(home / "images", "link")
    linked, straight = recipe(SMALL, data="link/"), recipe(SMALL, data="'~/images'")
    assert differences(linked, straight) == []


def test_files_by_any_spelling(home):
    for name in ("pets.npz", "PETS.NPZ", "t.keras", "T.KERAS"):
        (home / name).touch()
    np.savetxt(home / "m.csv", np.eye(10), delimiter=",")
    for name in ("pets.npz", "PETS.NPZ"):
        assert recipe(SMALL, data=f"~/{name}").data.name == str(home / name)
    for name in ("t.keras", "T.KERAS"):
        taught = recipe(TAUGHT, data="digits", teacher=f"~/{name}")
        assert taught.teacher.model == str(home / name)
    ensemble = recipe(TAUGHT, data="digits", teacher="['~/t.keras', '~/T.KERAS']").teacher.ensemble
    assert [one.model for one in ensemble] == [str(home / "t.keras"), str(home / "T.KERAS")]
    peers = recipe(SMALL + "peers: ['~/T.KERAS']\nterms: [{{method: dml}}]\n", data="digits").peers
    assert peers[0].model == str(home / "T.KERAS")
    noise = "{{name: digits, label_noise: {{kind: matrix, matrix: ~/m.csv}}}}"
    assert recipe(SMALL.replace("{data}", noise)).data.label_noise.matrix == str(home / "m.csv")
    assert recipe(SMALL.replace("digits_tiny", "~/T.KERAS"), data="digits").student.model == str(home / "T.KERAS")


def test_recipes_of_teachers_by_any_spelling(home):
    (home / "t.yaml").write_text(SMALL.format(data="digits"))
    Path("t.YAML").write_text(SMALL.format(data="digits"))
    for text, file in (("~/t.yaml", home / "t.yaml"), ("./t.YAML", Path.cwd() / "t.YAML")):
        spec = recipe(TAUGHT, data="digits", teacher=text).teacher
        assert spec.model == str(file) and spec.is_recipe
    assert "mine.yaml:5: teacher: no recipe '~/none.yaml' next to mine.yaml or here; give its path" == error_of(
        TAUGHT, data="digits", teacher="~/none.yaml"
    )


def error_of(text, **given):
    with pytest.raises(UserError) as error:
        recipe(text, **given)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SMALL.format(data="~nobody-here/x"), "mine.yaml:1: data.name: "),
        (SMALL.format(data="{name: ~nobody-here/x.npz}"), "mine.yaml:1: data.name: "),
        (SMALL.format(data="{name: cifar10, data_dir: ~nobody-here/x}"), "mine.yaml:1: data.data_dir: "),
        (TAUGHT.format(data="digits", teacher="~nobody-here/x.keras"), "mine.yaml:5: teacher: "),
        (TAUGHT.format(data="digits", teacher="~nobody-here/x.yaml"), "mine.yaml:5: teacher: "),
        (
            SMALL.format(data="{name: digits, label_noise: {kind: matrix, matrix: ~nobody-here/x}}"),
            "mine.yaml:1: data.label_noise.matrix: ",
        ),
    ],
)
def test_a_path_of_a_recipe_that_can_be_none_is_said_with_its_line(text, line):
    said = error_of(text.replace("{", "{{").replace("}", "}}"))
    assert said.startswith(f"{line}found '~nobody-here/x") and "there is no user 'nobody-here'" in said
    assert "\n" not in said


def test_where_tfds_keeps_its_data_is_one_place(home):
    for text, place in (
        ("~/d/", str(home / "d")),
        ("d", str(Path.cwd() / "d")),
        ("./d//", str(Path.cwd() / "d")),
        ("gs://bucket/d", "gs://bucket/d"),
    ):
        found = recipe(SMALL.replace("{data}", "{{name: cifar10, data_dir: '{place}'}}"), place=text)
        assert found.data.data_dir == place


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("~/images", "folder"), ("images/", "folder"), ("./images", "folder"), ("~\\x", "folder"), ("..", "folder"),
        ("cifar10/", "folder"), ("~/a.npz", "npz"), ("file.NPZ", "npz"), ("cifar10", "tfds"),
    ],
)  # fmt: skip
def test_what_data_a_name_means(name, kind):
    assert data.kind(name) == kind


@pytest.mark.parametrize("name", ["~/t.keras", "./t.keras", "T.KERAS", "t.Keras", "C:\\nets\\t.keras"])
def test_what_network_a_name_means(name):
    assert models.kind(name) == "file"


# What reads the files.


def test_arrays_and_matrices_in_the_home_folder(home):
    pixels = np.zeros((4, 8, 8, 1), "uint8")
    np.savez(home / "A.NPZ", x_train=pixels, y_train=[0, 1, 0, 1], x_test=pixels, y_test=[0, 1, 0, 1])
    os.rename(home / "A.NPZ.npz", home / "A.NPZ")
    assert len(data.load("~/A.NPZ").train) == 4
    np.save(home / "m.npy", np.eye(2))
    os.rename(home / "m.npy", home / "M.NPY")
    assert read_matrix("~/M.NPY").shape == (2, 2)


def test_the_cache_in_the_home_folder(monkeypatch, home):
    monkeypatch.setenv("KERAS_KD_CACHE", "~/c")
    assert cache.folder() == home / "c" and cache.folder("~/d") == home / "d"
    monkeypatch.delenv("KERAS_KD_CACHE")
    assert cache.folder() == home / ".cache" / "keras_kd"
    monkeypatch.setenv("KERAS_KD_CACHE", "~nobody-here")
    with pytest.raises(UserError, match="^KERAS_KD_CACHE: found '~nobody-here', and there is no user"):
        cache.folder()


def test_a_saved_network_in_the_home_folder_in_capitals(home):
    model = models.build("digits_tiny", (8, 8, 1), 10)
    model.save(home / "t.keras")
    os.rename(home / "t.keras", home / "T.KERAS")
    assert from_file("~/T.KERAS", (8, 8, 1), 10).count_params() == model.count_params()
    with in_small_letters("t.keras") as file:
        assert file == Path("t.keras")
    with pytest.raises(UserError, match="^~/none.keras: no such file"):
        from_file("~/none.keras", (8, 8, 1), 10)


# A new recipe.


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("~", "new: {home} is a folder; give the name of a file, such as {home}/mine.yaml"),
        (".", "new: . is a folder; give the name of a file, such as mine.yaml"),
        ("..", "new: .. is a folder; give the name of a file, such as ../mine.yaml"),
        ("/", "new: / is a folder; give the name of a file, such as /mine.yaml"),
        ("dir/", "new: dir/ is a folder; give the name of a file, such as dir/mine.yaml"),
        ("flowers", "new: flowers is a folder; give the name of a file, such as flowers/mine.yaml"),
        ("./~", "new: './~' is no name of a file; give one, such as mine.yaml"),
        (".yaml", "new: '.yaml' is no name of a file; give one, such as mine.yaml"),
        ("there.yaml", "there.yaml: exists already; give another name"),
        ("there", "there.yaml: exists already; give another name"),
        ("there.yaml/x", "there.yaml/x.yaml: cannot be written: "),
    ],
)
def test_names_of_which_no_recipe_is_made(home, name, said):
    os.mkdir("flowers")
    Path("there.yaml").write_text("mine")
    assert fails("new", name).startswith(said.format(home=home))
    assert {one.name for one in Path().iterdir()} == {"flowers", "there.yaml"} and not list(home.iterdir())
    assert Path("there.yaml").read_text() == "mine"


def test_a_new_recipe_in_the_home_folder(home):
    assert run("new", "~/x.yaml").stdout.startswith(f"{home}/x.yaml: a copy of my_images.yaml")
    assert run("new", "~/r/y").exit_code == 0 and (home / "r" / "y.yaml").exists()
    assert run("new", "Z.YML", "--from", "~/x").exit_code == 0
    assert Path("Z.YML").read_text() == (home / "x.yaml").read_text()


def test_a_file_that_appears_in_between_is_not_overwritten(monkeypatch):
    def found(template):
        Path("x.yaml").write_text("another's")
        return find(template)

    monkeypatch.setattr("keras_kd.recipe.files.find", found)
    assert fails("new", "x.yaml") == "x.yaml: exists already; give another name"
    assert Path("x.yaml").read_text() == "another's"


def test_a_link_that_leads_nowhere_is_not_written_through(home):
    os.symlink(home / "y.yaml", "x.yaml")
    assert fails("new", "x.yaml") == "x.yaml: exists already; give another name"
    assert not (home / "y.yaml").exists()


def test_the_way_out_of_a_folder_that_is_reached_by_a_link_begins_where_it_lies(tmp_path):
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "link").symlink_to(tmp_path / "runs" / "a")
    target = tmp_path / "teacher.keras"
    target.write_text("x")
    for folder in (tmp_path / "runs" / "a", tmp_path / "elsewhere" / "deep" / "link"):
        way = from_folder(str(target), folder)
        assert way == os.path.join("..", "..", "teacher.keras") and (folder / way).read_text() == "x"
