"""Nothing of a person's is deleted, overwritten or mistaken for a result; what was damaged is noticed."""

import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from stand_ins import at_once

from keras_kd.bank.folder import prune
from keras_kd.recipe.load import load
from keras_kd.report import compare
from keras_kd.utils.account import MARK, changes
from keras_kd.utils.errors import FolderLockedError, MachineError, UserError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.files import atomic_write
from keras_kd.utils.ownership import held, within
from keras_kd.utils.removal import remove_file
from keras_kd.utils.working_place import refuse_foreign_file
from keras_kd.workflows import seeds as repeated_seeds
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.distill import trained_teacher
from keras_kd.workflows.run.evaluate import evaluate as evaluate_run
from keras_kd.workflows.run.export import export as export_run
from keras_kd.workflows.run.folder import is_run
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.write_page import write_page
from keras_kd.workflows.search import trials
from keras_kd.workflows.search.search import search
from keras_kd.workflows.study import study
from keras_kd.workflows.study.study_file import load_study

RECIPE = """\
data: {name: digits, train_images: 100, test_images: 50}
student: digits_tiny
fit: {epochs: 1, batch_size: 50}
export: {formats: []}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(RECIPE)


@pytest.fixture(scope="module")
def finished(made_once):
    """A finished run of `RECIPE`."""

    def fill(folder):
        (folder / "small.yaml").write_text(RECIPE)
        run.distill(load(folder / "small.yaml"), folder / "done", name="small", quiet=True)
        write_page(folder / "done")

    return made_once("finished", fill)[0] / "done"


@pytest.fixture
def done(finished, tmp_path):
    """A copy of it, which may be damaged."""
    return shutil.copytree(finished, tmp_path / "done")


def distilled(folder="done", settings=(), **options):
    return run.distill(load("small.yaml", settings), folder, name="small", quiet=True, **options)


def digests(folder):
    """What lies in a folder: {path: digest, or what it is}."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        plain = path.is_file() and not path.is_symlink()
        found[path.relative_to(folder).as_posix()] = (
            hashlib.sha256(path.read_bytes()).hexdigest() if plain else os.readlink(path) if path.is_symlink() else "-"
        )
    return found


def foreign(folder):
    """A folder of somebody's."""
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")
    thesis(folder)
    return folder


def thesis(folder):
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "one.jpg").write_bytes(b"\xff\xd8 a photo")
    (folder / "thesis.tex").write_text("years of work")
    return folder


# What is emptied.


def test_restart_empties_no_folder_that_is_no_run(tmp_path):
    folder = thesis(tmp_path / "p")
    before = digests(folder)
    with pytest.raises(UserError, match=r"holds no run of keras-kd \(it holds photos, thesis.tex\), and --restart"):
        distilled("p", restart=True)
    assert digests(folder) == before


@pytest.mark.parametrize("place", ["root", "home", "repository", "current repository"])
@pytest.mark.parametrize("restart", [False, True])
def test_some_places_are_never_a_run(place, restart, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    where = {"root": Path("/"), "home": thesis(home), "repository": foreign(tmp_path / "repository")}
    where["current repository"] = Path(".")
    if place == "current repository":
        foreign(tmp_path / "current")
        monkeypatch.chdir(tmp_path / "current")
    recipe, before = load(tmp_path / "small.yaml"), digests(tmp_path)
    with pytest.raises(UserError, match="is (the root of|your home|the top of a repository)"):
        run.distill(recipe, where[place], name="small", restart=restart, quiet=True)
    assert digests(tmp_path) == before


def test_restart_takes_away_what_the_run_made_and_nothing_else(done):
    thesis(done)
    (done / "checkpoints").mkdir()
    (done / "checkpoints" / "mine.keras").write_text("mine")
    (done / "example").mkdir(exist_ok=True)
    (done / "example" / "notes.txt").write_text("mine")
    (done / "link").symlink_to("photos")
    before = {path: digest for path, digest in digests(done).items() if not path.startswith(MARK)}
    student = (done / "student.keras").stat().st_mtime_ns
    distilled(settings=["seed=1"], restart=True)
    after = digests(done)
    theirs = ["photos/one.jpg", "thesis.tex", "checkpoints/mine.keras", "example/notes.txt", "link"]
    assert [after[path] for path in theirs] == [before[path] for path in theirs]
    assert (done / "student.keras").stat().st_mtime_ns != student and changes(done) == {}


def test_folders_that_hold_nothing_are_in_nobodys_way(tmp_path):
    """TensorFlow makes `assets` in a SavedModel and leaves it empty."""
    model = tmp_path / "saved_model"
    for theirs in ("", "notes.txt"):
        (model / "assets" / "deep").mkdir(parents=True)
        (model / "saved_model.pb").write_text("model")
        if theirs:
            (model / theirs).write_text("mine")
        remove_file(tmp_path, "saved_model/saved_model.pb")
        assert model.exists() == bool(theirs) and not (model / "saved_model.pb").exists()
    with pytest.raises(UserError, match="is there already and was not made by keras-kd"):
        refuse_foreign_file(model)
    assert (model / "assets" / "deep").is_dir()
    (model / "notes.txt").unlink()
    refuse_foreign_file(model)
    assert not model.exists()


def test_restart_says_what_it_leaves(done, capsys):
    thesis(done)
    distilled(settings=["fit.epochs=2"], restart=True)
    assert "done: not made by keras-kd, and left as it is: photos, thesis.tex" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings, network",
    [(["student=no_such"], None), (["data.name=nowhere.npz"], None), ([], "broken"), ([], "foreign images")],
)
def test_restart_throws_nothing_away_before_all_is_known_to_fit(done, settings, network, tmp_path):
    before = digests(done)
    if network == "broken":
        Path("nets.py").write_text("def net(image_shape, classes):\n    raise ValueError('no network')\n")
        Path("small.yaml").write_text(RECIPE.replace("digits_tiny", "nets:net"))
    elif network == "foreign images":
        np.savez("cut.npz", x_train=np.zeros((20, 8, 8, 1), "uint8"), y_train=np.arange(20) % 10)
        whole_file = Path("cut.npz").read_bytes()
        Path("cut.npz").write_bytes(whole_file[: len(whole_file) // 2])
        Path("small.yaml").write_text(
            RECIPE.replace("name: digits, train_images: 100, test_images: 50", "name: cut.npz")
        )
    with pytest.raises(UserError):
        distilled(settings=settings, restart=True)
    assert digests(done) == before


def test_a_run_of_an_earlier_version_is_known_and_emptied_of_its_own_alone(done):
    shutil.rmtree(done / MARK)
    thesis(done)
    (done / "student.onnx").write_text("not ours: no such thing was made")
    assert is_run(done) and distilled()["epochs"] == 1
    shutil.rmtree(done / MARK)
    distilled(settings=["fit.epochs=2"], restart=True)
    assert (done / "thesis.tex").read_text() == "years of work" and (done / "photos" / "one.jpg").exists()


def test_a_recipe_of_somebodys_is_no_run(tmp_path):
    folder = thesis(tmp_path / "project")
    (folder / "recipe.yaml").write_text(RECIPE)
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(
        folder / "student.keras"
    )
    before = digests(folder)
    for call in (export_run, evaluate_run, write_page):
        with pytest.raises(UserError):
            call(folder)
    with pytest.raises(UserError, match="was not made by keras-kd"):
        distilled(folder)
    with pytest.raises(UserError, match="holds no run"):
        distilled(folder, restart=True)
    assert digests(folder) == before


# What is written.


@pytest.mark.parametrize(
    "name", ["student.keras", "report.md", "history.csv", "model_card.md", "recipe.yaml", ".keras_kd"]
)
def test_a_file_of_somebodys_is_not_written_over(name, tmp_path):
    folder = thesis(tmp_path / "p")
    (folder / name).write_text("mine")
    before = digests(folder)
    with pytest.raises(UserError, match=re.escape(name)):
        distilled("p")
    assert digests(folder) == before


def test_next_to_files_of_somebodys_a_run_has_its_place(tmp_path):
    before = digests(thesis(tmp_path / "p"))
    distilled("p")
    after = digests(tmp_path / "p")
    assert {path: after[path] for path in before} == before and "student.keras" in after


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "student.keras", "example"])
def test_nothing_is_written_through_a_link_out_of_the_folder(name, tmp_path):
    outside = thesis(tmp_path / "outside")
    before = digests(outside)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / name).symlink_to(outside / "thesis.tex" if "." in name else outside)
    with pytest.raises(UserError, match="leads out of|was not made by keras-kd"):
        run.distill(
            load("small.yaml", ["fit.epochs=2", "fit.checkpoints=[1]", "export.formats=[litert_float32]"]),
            "p",
            name="small",
            quiet=True,
        )
    assert digests(outside) == before


def test_a_link_to_a_folder_is_that_folder(tmp_path):
    outside = thesis(tmp_path / "outside")
    (tmp_path / "link").symlink_to(outside)
    before = digests(outside)
    with pytest.raises(UserError, match="holds no run"):
        distilled("link", restart=True)
    assert digests(outside) == before


def test_a_card_that_its_owner_filled_in_stays(done, capsys):
    card = done / "model_card.md"
    card.write_text(card.read_text() + "\nTrained by Ann.\n")
    from keras_kd.workflows.run.deliver import write_card

    with held(done, "run"):
        write_card(done, run.read_report(done), (8, 8, 1))
    assert card.read_text().endswith("Trained by Ann.\n") and (done / "model_card.new.md").exists()
    assert "it is left as it is, and the new one is model_card.new.md" in capsys.readouterr().err


def test_a_folder_of_another_kind_is_refused(tmp_path):
    with held("p", "search"), atomic_write("p/search.json") as temporary:
        temporary.write_text("{}")
    with pytest.raises(UserError, match="p: holds a search"):
        distilled("p")


def test_work_within_goes_with_the_work_and_other_work_stays(tmp_path):
    for place in ("s", "s/cell", "s/mine"):
        Path(place).mkdir()
    with held("s", "study") as owned:
        with within(owned), held("s/cell", "run"), atomic_write("s/cell/a") as temporary:
            temporary.write_text("of the study")
        with held("s/mine", "run"), atomic_write("s/mine/a") as temporary:
            temporary.write_text("of somebody's own command")
        with held("s/cell", "run"), pytest.raises(FolderLockedError):
            owned.empty()
        assert owned.empty() == ["mine"]
    assert not Path("s/cell").exists() and Path("s/mine/a").exists()


# Names.


@pytest.mark.parametrize(
    "text",
    [
        "../x",
        "/etc/passwd",
        "..",
        ".",
        "",
        " ",
        "a/b",
        "a\\b",
        "a\0b",
        ".hidden",
        "a\nb",
        "con",
        "x" * 300,
        "~",
        "é" * 200,
    ],
)
def test_a_name_becomes_one_plain_file_name(text):
    name = file_name(text)
    assert name == Path(name).name and name not in (".", "..", "") and not name.startswith((".", "~"))
    assert len(name.encode()) <= 100 and name.isprintable() and "/" not in name and "\\" not in name
    assert file_name(name) == name and file_name(text, distinct=True) != file_name(f"{text}!", distinct=True)


@pytest.mark.parametrize("name", ["../../victim/config", "/tmp/victim", "a\\0b", ".x", "..", "a/b"])
def test_a_study_writes_nothing_outside_its_folder(name, tmp_path):
    Path("study.yaml").write_text(
        f'question: q\nrecipes:\n  "{name}": {{data: digits, student: digits_cnn, fit: {{epochs: 1}}}}\n'
        "  s: {data: digits, student: digits_tiny, fit: {epochs: 1}}\nbase: s\naxes: {way: {one: {}}}\nseeds: [0]\n"
    )
    before = digests(tmp_path)
    with pytest.raises(UserError, match=r"study.yaml:3: recipes.*(is no plain name of a file|the character U\+0000)"):
        study.study("study.yaml", "out", quiet=True)
    assert digests(tmp_path) == before
    with pytest.raises(UserError):
        load_study("study.yaml")


@pytest.mark.parametrize("name", ["..yaml", "...yaml", "a b.yaml", ".yaml.yaml"])
def test_a_recipe_s_name_leads_nowhere(name):
    from keras_kd.recipe.folders import run_name

    place = run_name(Path(name).stem, 0, 0, False)
    assert Path("saved_models", place).resolve().parent == Path("saved_models").resolve()


@pytest.mark.slow
def test_a_study_keeps_a_recipe_that_somebody_changed(tmp_path):
    Path("study.yaml").write_text(
        "question: q\nrecipes:\n  s: {data: {name: digits, train_images: 50, test_images: 20}, student: digits_tiny, "
        "fit: {epochs: 1}}\nbase: s\naxes: {way: {one: {}}}\nseeds: [0]\n"
    )
    study.study("study.yaml", "out", quiet=True)
    (tmp_path / "out" / "recipes" / "one.yaml").write_text("mine")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="one.yaml: was changed since the study made it"):
        study.study("study.yaml", "out", quiet=True)
    study.study("study.yaml", "out", quiet=True, restart=True)
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine" and "one.yaml" in os.listdir("out/recipes")


# What a run depends on.


def network(seed):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
    return keras.Sequential(layers)


OTHER_CONTENT = {
    "teacher": r"the teacher teacher.keras \(sha256 \w{8}... then, \w{8}... now\)",
    "student": "the student start.keras",
    "images": "the images and labels",
    "code": "the code of mine:Mine",
}


@pytest.fixture(scope="module")
def run_with_its_inputs(made_once):
    """A folder with a finished run, and with all that it depends on."""

    def fill(folder):
        with contextlib.chdir(folder):
            network(0).save("teacher.keras")
            network(1).save("start.keras")
            images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype="uint8")
            np.savez("data.npz", x_train=images, y_train=np.arange(60) % 10)
            Path("mine.py").write_text("from keras_kd import KD\n\n\nclass Mine(KD):\n    pass\n")
            Path("small.yaml").write_text(
                "data: {name: data.npz, test_fraction: 0.3}\nteacher: teacher.keras\nstudent: start.keras\n"
                "terms: [{method: kd}, {method: 'mine:Mine', weight: 1}]\nfit: {epochs: 1}\nexport: {formats: []}\n"
            )
            distilled("run")

    return made_once("run_with_its_inputs", fill)[0]


OTHERS = [
    ("finished", "teacher"), ("finished", "images"), ("killed", "student"), ("killed", "code"),
    *(pytest.param(*other, marks=pytest.mark.slow)
      for other in (("finished", "student"), ("finished", "code"), ("killed", "teacher"), ("killed", "images"))),
]  # fmt: skip


@pytest.mark.parametrize(("state", "what"), OTHERS)
def test_other_content_under_the_same_name_is_told_before_anything_is_trained(
    what, state, run_with_its_inputs, tmp_path
):
    shutil.copytree(run_with_its_inputs, tmp_path, dirs_exist_ok=True)
    if state == "killed":
        Path("run/student.keras").unlink()
    if what == "teacher":
        network(2).save("teacher.keras")
    elif what == "student":
        network(2).save("start.keras")
    elif what == "images":
        with np.load("data.npz") as kept:
            images = kept["x_train"].copy()
        images[0] += 1
        np.savez("data.npz", x_train=images, y_train=np.arange(60) % 10)
    else:
        Path("mine.py").write_text("from keras_kd import KD\n\n\nclass Mine(KD):\n    other: int = 1\n")
    before = digests("run")
    with pytest.raises(UserError, match=OTHER_CONTENT[what]) as error:
        distilled("run")
    assert "--restart" in str(error.value) and "another --out" in str(error.value)
    assert digests("run") == before
    distilled("run", restart=True)
    assert distilled("run")["epochs"] == 1


@pytest.mark.slow
def test_two_recipes_of_one_name_do_not_share_a_teacher():
    for place, seed in (("a", 0), ("b", 7)):
        Path(place).mkdir()
        Path(place, "t.yaml").write_text(RECIPE.replace("data:", f"seed: {seed}\ndata:"))
        Path(place, "s.yaml").write_text(f"{RECIPE}teacher: t.yaml\nterms: [kd]\n")
    run.distill(load("a/s.yaml"), "saved_models/s", name="s", quiet=True)
    before = digests("saved_models")
    with pytest.raises(UserError, match=r"saved_models/t: holds the run of another recipe .*seed is 0 there, 7 here"):
        run.distill(load("b/s.yaml"), "saved_models/s2", name="s", quiet=True)
    assert digests("saved_models") == before
    taken = load("b/s.yaml", ["teacher=saved_models/t/student.keras"])
    assert run.distill(taken, "saved_models/s3", name="s", quiet=True)["teacher"]["name"] == "student.keras"


# What was damaged.


def flip(path, place=None):
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    Path(path).write_bytes(content)


@pytest.mark.parametrize("name", ["student.keras", "recipe.yaml"])
def test_what_cannot_be_made_again_is_refused_where_it_was_changed(done, name):
    flip(done / name, -1)
    before = digests(done)
    for call in (distilled, lambda: evaluate_run("done"), lambda: export_run("done")):
        with pytest.raises(UserError, match=f"done/{name}: is not as this run made it"):
            call()
    for call in (lambda: write_page("done"), lambda: compare.rows_of(["done"])):
        with pytest.raises(UserError, match=f"done: not as the run made it .*: {name}; put it back"):
            call()
    assert digests(done) == before


@pytest.mark.parametrize("name", ["report.json", "history.csv", "predictions.npz"])
def test_what_can_be_made_again_is_said_kept_aside_and_made_again(done, name, capsys):
    first, text = run.read_report(done), (done / name).read_bytes()
    changed = text.replace(b"0", b"1", 1)
    (done / name).write_bytes(changed)
    with pytest.raises(UserError, match=f"done: not as the run made it .*: {name}; `keras-kd evaluate done`"):
        compare.rows_of(["done"])
    with pytest.raises(UserError, match="not as the run made it"):
        write_page("done")
    found = distilled()
    aside = f"{Path(name).stem}.changed{Path(name).suffix}"
    said = capsys.readouterr().err
    assert f"done/{name}: is not as it was written (damaged, or changed by somebody); it is kept as {aside}" in said
    assert (done / aside).read_bytes() == changed
    assert changes(done) == {} and found["student"] == first["student"] and found["epochs"] == first["epochs"]
    if name == "history.csv":
        assert (done / name).read_bytes() == text
    distilled()
    assert capsys.readouterr().err == ""


def test_an_edited_number_is_not_carried_on_by_evaluate(done, capsys):
    first = run.read_report(done)
    (done / "report.json").write_text((done / "report.json").read_text().replace('"smoke": false', '"smoke": true'))
    assert evaluate_run("done")["student"] == first["student"]
    assert "report.json: is not as it was written" in capsys.readouterr().err


def test_the_account_itself_is_checked(done):
    account = done / MARK / "made.json"
    account.write_text(account.read_text().replace('"run"', '"Run"', 1))
    for call in (distilled, lambda: evaluate_run("done"), lambda: compare.rows_of(["done"])):
        with pytest.raises(UserError, match=r"made.json: is damaged, so it cannot be told what keras-kd made in done"):
            call()


def test_a_damaged_teacher_does_not_teach(done):
    Path("pupil.yaml").write_text(f"{RECIPE}teacher: small.yaml\nterms: [kd]\n")
    shutil.move("done", "small")
    flip("small/student.keras")
    with pytest.raises(UserError, match="small/student.keras: is not as it was written"):
        run.distill(load("pupil.yaml"), "pupil", name="pupil", quiet=True)


# What is completed.


@pytest.mark.parametrize("gone", ["model_card.md", "report.md", "report.json", "predictions.npz"])
def test_the_same_command_completes_what_is_missing(done, gone):
    names = set(digests(done))
    (done / gone).unlink()
    distilled()
    assert set(digests(done)) == names and changes(done) == {}


def test_a_state_that_a_kill_left_behind_is_taken_away(done):
    with held(done, "run"), atomic_write(done / "training_state.npz", sealed=False) as temporary:
        temporary.write_text("left")
    distilled()
    assert not (done / "training_state.npz").exists()


def test_a_finished_run_needs_its_teacher_no_more():
    Path("t.yaml").write_text(RECIPE)
    Path("small.yaml").write_text(f"{RECIPE}teacher: t.yaml\nterms: [kd]\n")
    first = distilled("saved_models/s")
    shutil.rmtree("saved_models/t")
    assert distilled("saved_models/s") == first.as_json() and not Path("saved_models/t").exists()


# Other commands that delete or write.


@pytest.mark.parametrize("restart", [False, True])
def test_a_search_and_a_study_leave_what_is_somebody_s(restart, tmp_path):
    folder = thesis(tmp_path / "p")
    for name in ("search.json", "grid.json"):
        (folder / name).write_text("mine")
    Path("study.yaml").write_text(
        "question: q\nrecipes:\n  s: {data: digits, student: digits_tiny, fit: {epochs: 1}}\n"
        "base: s\naxes: {way: {one: {}}}\n"
    )
    Path("small.yaml").write_text(RECIPE + "search: {space: {label_weight: {float: [0.5, 1]}}}\n")
    before = digests(folder)
    with pytest.raises(UserError, match="holds no search" if restart else "search.json: is there already"):
        search("small.yaml", "p", name="small", restart=restart, quiet=True)
    with pytest.raises(UserError, match="holds no study" if restart else "grid.json: is there already"):
        study.study("study.yaml", "p", restart=restart, quiet=True)
    assert digests(folder) == before


def test_only_what_a_bank_wrote_is_pruned(tmp_path):
    bank, lookalike = tmp_path / "bank" / ("a" * 16), tmp_path / "bank" / ("b" * 16)
    (bank / "logits-float16").mkdir(parents=True)
    for name in ("about.json", "mine.txt", "logits-float16/rows.bin", "logits-float16/notes.txt"):
        (bank / name).write_text("")
    lookalike.mkdir()
    (lookalike / "thesis.tex").write_text("years of work")
    (tmp_path / "bank" / ("c" * 16)).symlink_to(lookalike)
    (gone,) = prune(tmp_path / "bank", damaged=True)
    assert gone["left"] == ["logits-float16", "logits-float16/notes.txt", "mine.txt"]
    assert set(digests(tmp_path / "bank")) == {
        "a" * 16, f"{'a' * 16}/logits-float16", f"{'a' * 16}/logits-float16/notes.txt", f"{'a' * 16}/mine.txt",
        "b" * 16, f"{'b' * 16}/thesis.tex", "c" * 16,
    }  # fmt: skip
    assert (lookalike / "thesis.tex").read_text() == "years of work"


def test_a_comparison_is_written_over_by_another_alone(done, tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<html>my page</html>")
    with pytest.raises(UserError, match="index.html is there already and is no comparison as keras-kd made it"):
        compare.refuse_foreign_page(page)
    page.write_text(compare.page(compare.rows_of([done])))
    compare.refuse_foreign_page(page)


def test_an_examination_leaves_nothing_behind(tmp_path):
    Path("small.yaml").write_text(
        "data: {name: digits, train_images: 100, test_images: 50, validation: 20}\n"
        "teacher: {model: digits_cnn, calibrate: true}\nstudent: digits_tiny\nterms: [kd]\nfit: {epochs: 1}\n"
    )
    folder = thesis(tmp_path / "p")
    (folder / "teacher.json").write_text("mine")
    before = digests(folder)
    trained_teacher(load("small.yaml"), load_data(load("small.yaml")), folder, quiet=True)
    assert digests(folder) == before


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError(), OSError(27, "File too large")]
)
def test_a_trial_that_the_machine_failed_does_not_count(error, monkeypatch, tmp_path):
    Path("small.yaml").write_text(
        RECIPE + "search: {space: {label_weight: {float: [0.5, 1]}}, trials: 2, validation: 0.2}\n"
    )
    with monkeypatch.context() as patched:

        def fails(*arguments, **options):
            raise error

        patched.setattr(trials, "trial", fails)
        with pytest.raises(
            MachineError, match="trial .*it does not count: fix that, and the same command tries it again"
        ):
            search("small.yaml", "found", name="small", quiet=True, winner=False)
    monkeypatch.setattr(trials, "trial", at_once)
    found = search("small.yaml", "found", name="small", quiet=True, winner=False)
    assert found["counts"] == {"completed": 2, "failed": 0, "invalid": 0, "running": 0}


# What a person does with what was made.


def test_a_copied_recipe_does_not_make_a_folder_ours(done, tmp_path):
    folder = thesis(tmp_path / "p")
    shutil.copy(done / "recipe.yaml", folder / "recipe.yaml")
    for name in ("report.md", "bench.json", "saved_model/assets/photo.jpg", "example/run.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    before = digests(folder)
    for restart in (False, True):
        with pytest.raises(UserError):
            distilled("p", restart=restart)
    assert digests(folder) == before and not is_run(folder)


def test_a_copy_of_work_inside_stays(tmp_path):
    with held("s", "study") as owned, within(owned), held("s/cell", "run"), atomic_write("s/cell/a") as temporary:
        temporary.write_text("of the study")
    shutil.copytree("s/cell", "s/keep_best")
    shutil.copytree("s", "backup")
    shutil.move("backup", "s/backup")
    with held("s", "study") as owned:
        assert owned.empty() == ["backup", "keep_best"]
    assert Path("s/keep_best/a").exists() and Path("s/backup/cell/a").exists() and not Path("s/cell").exists()


def test_what_somebody_changed_stays_when_another_takes_its_place(done, capsys):
    (done / "report.html").write_text("my notes")
    write_page("done")
    assert (done / "report.changed.html").read_text() == "my notes"
    (done / "model_card.md").write_text("my card")
    distilled(settings=["seed=3"], restart=True)
    assert (done / "model_card.changed.md").read_text() == "my card"
    said = capsys.readouterr().err
    assert "it is kept as report.changed.html" in said and "it is kept as model_card.changed.md" in said


@pytest.mark.parametrize("name", ["bank.json", "example/run.py", "checkpoints/epoch_0001.keras", "teacher.json"])
def test_all_names_are_looked_at_before_anything_begins(name, tmp_path):
    folder = thesis(tmp_path / "p")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = digests(folder)
    with pytest.raises(UserError, match=f"{name}: is there already"):
        distilled("p", settings=["fit.epochs=2", "fit.checkpoints=[1]", "export.formats=[litert_float32]"])
    assert digests(folder) == before


def test_the_places_of_all_seeds_are_looked_at_before_the_first_begins(done):
    thesis(Path("done-seed1"))
    before = digests(".")
    with pytest.raises(UserError, match="done-seed1: holds no run"):
        repeated_seeds.distill(load("small.yaml", ["seeds=[0, 1]"]), "done", name="small", restart=True, quiet=True)
    assert digests(".") == before


def test_a_run_that_was_moved_is_the_same_run(tmp_path):
    network(0).save("teacher.keras")
    Path("small.yaml").write_text(f"{RECIPE}teacher: teacher.keras\nterms: [kd]\n")
    first = distilled("saved_models/s")
    Path("deep/er").mkdir(parents=True)
    shutil.move("saved_models/s", "deep/er/s")
    with pytest.raises(UserError, match="deep/er/s: was moved, or what its recipe names was"):
        evaluate_run("deep/er/s")
    assert distilled("deep/er/s") == first.as_json()
    assert evaluate_run("deep/er/s")["student"] == first["student"]


def test_a_name_that_is_too_long_is_told():
    from keras_kd.utils.paths import user_path

    with pytest.raises(UserError, match="--out: found a name of more than 200 bytes"):
        user_path("runs/" + "x" * 300, "--out")
