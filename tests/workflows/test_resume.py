"""A run killed at any moment goes on with the same command and ends with the same student.

On both backends: what is trained, kept in a state and trained on. Which files a folder holds, which are refused and
what is measured again from them is the same on any.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd.recipe.load import load
from keras_kd.training.callbacks import StopOnNonFinite
from keras_kd.utils.errors import NonFiniteLoss, UserError
from keras_kd.utils.files import atomic_write, folder_lock, tidy
from keras_kd.utils.ownership import held
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run import train as training
from keras_kd.workflows.run.evaluate import evaluate as evaluate_run

RECIPE = """\
data: {name: digits, train_images: 200, test_images: 50, views: crop_flip}
student: digits_tiny
fit: {epochs: 4, batch_size: 25, optimizer: adam, learning_rate: 0.01, decay: cosine, deterministic: true}
export: {formats: []}
"""

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(RECIPE)


@pytest.fixture(scope="module")
def trained(made_once):
    """A finished run of one epoch."""

    def fill(folder):
        (folder / "small.yaml").write_text(RECIPE)
        run.distill(load(folder / "small.yaml", ["fit.epochs=1"]), folder / "done", name="small", quiet=True)

    return made_once("trained", fill)[0] / "done"


def distilled(folder):
    """A finished run of the recipe, never killed."""
    run.distill(load("small.yaml"), folder / "small", name="small", quiet=True)


def weights(folder):
    return [np.asarray(one) for one in keras.saving.load_model(Path(folder, "student.keras")).get_weights()]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


class Stop(Exception):
    pass


@pytest.mark.both_backends
@pytest.mark.parametrize("epoch, step", [pytest.param(0, 0, marks=pytest.mark.slow), (3, 6)])
def test_a_run_that_dies_in_a_step_ends_with_the_same_student(epoch, step, made_once, monkeypatch):
    recipe = load("small.yaml")
    straight = made_once("straight", distilled)[0] / "small"

    class Dies(training.StopOnNonFinite):
        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (epoch, step):
                raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(training, "StopOnNonFinite", Dies)
        with pytest.raises(Stop):
            run.distill(recipe, "killed", name="small", quiet=True)
    assert not Path("killed/student.keras").exists()
    found = run.distill(recipe, "killed", name="small", quiet=True)
    assert equal(straight, "killed")
    assert found["epochs"] == 4
    lines = Path("killed/history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2", "3", "4"]
    assert not Path("killed/training_state.npz").exists()


@pytest.mark.both_backends
@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_student(tmp_path):
    # Beyond its weights it remembers statistics and where its random numbers are.
    Path("nets.py").write_text(
        "import keras\n"
        "from keras_kd.models import build\n"
        "def net(image_shape, classes):\n"
        "    body = build('digits_tiny', image_shape, classes)\n"
        "    dropped = keras.layers.Dropout(0.3)(body.get_layer('pooled').output)\n"
        "    return keras.Model(body.input, keras.layers.Dense(classes)(dropped))\n"
    )
    Path("small.yaml").write_text(RECIPE.replace("digits_tiny", "nets:net").replace("epochs: 4", "epochs: 60"))
    command = [sys.executable, "-m", "keras_kd.cli", "distill", "small.yaml", "--quiet", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(Path(run.__file__).parents[3])}
    subprocess.run([*command, "straight"], check=True, env=environment, capture_output=True)
    kills = 0
    for seconds in (0.0, 0.4, 0.9, 0.2):
        process = subprocess.Popen(
            [*command, "killed"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        state = Path("killed/training_state.npz")
        before = state.stat().st_mtime_ns if state.exists() else 0
        while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns > before):
            time.sleep(0.01)
        time.sleep(seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    done = subprocess.run([*command, "killed"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert equal("straight", "killed")
    assert len(Path("killed/history.csv").read_text().splitlines()) == 61


@pytest.mark.both_backends
@pytest.mark.parametrize("epochs", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_kill_between_the_state_and_the_history_loses_no_epoch(epochs, monkeypatch):
    recipe = load("small.yaml", [f"fit.epochs={epochs}"])

    def dies(rows, path):
        if len(rows) == epochs:
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(training, "write_csv", dies)
        with pytest.raises(Stop):
            run.distill(recipe, "killed", name="small", quiet=True)
    found = run.distill(recipe, "killed", name="small", quiet=True)
    assert found["epochs"] == epochs
    assert len(Path("killed/history.csv").read_text().splitlines()) == epochs + 1


@pytest.mark.both_backends
def test_a_deleted_student_is_trained_and_measured_again(trained):
    shutil.copytree(trained, "done")
    Path("done/student.keras").unlink()
    before = Path("done/report.json").read_text()
    run.distill(load("small.yaml", ["fit.epochs=1"]), "done", name="small", quiet=True)
    assert Path("done/report.json").read_text() != before, "the time, at least, is that of the new training"


def test_a_finished_run_is_not_trained_again():
    recipe = load("small.yaml")
    first = run.distill(recipe, "done", name="small", quiet=True)
    stamp = Path("done/student.keras").stat().st_mtime_ns
    assert run.distill(recipe, "done", name="small", quiet=True) == first.as_json()
    assert Path("done/student.keras").stat().st_mtime_ns == stamp


def test_a_folder_with_a_run_of_other_settings_is_refused_and_kept(trained):
    shutil.copytree(trained, "taken")
    before = Path("taken/student.keras").read_bytes()
    with pytest.raises(UserError) as error:
        run.distill(load("small.yaml"), "taken", name="small", quiet=True)
    assert str(error.value) == (
        "taken: holds a run of other settings (fit.epochs is 1 there, 4 here); give another --out, or --restart to "
        "throw it away"
    )
    assert Path("taken/student.keras").read_bytes() == before
    assert run.distill(load("small.yaml"), "taken", name="small", quiet=True, restart=True)["epochs"] == 4


@pytest.mark.both_backends
@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_a_damaged_state_is_refused_by_name(damage, trained):
    shutil.copytree(trained, "broken")
    Path("broken/student.keras").unlink()
    with held("broken", "run"), atomic_write("broken/training_state.npz", sealed=False) as state:
        if damage == "cut":
            state.write_bytes(b"PK\x03\x04 half a file")
        else:
            np.savez(state, variable_0=np.zeros(3), history=np.array("[]"))
    with pytest.raises(UserError, match=r"broken/training_state\.npz: .*--restart"):
        run.distill(load("small.yaml", ["fit.epochs=1"]), "broken", name="small", quiet=True)


@pytest.mark.parametrize(
    "name, content",
    [
        *(("report.json", content) for content in (None, b"", b"{}", b"\xff\x00 no such thing")),
        *((name, content) for name in ("history.csv", "report.md") for content in (None, b"\xff\x00 no such thing")),
        *(
            pytest.param(name, content, marks=pytest.mark.slow)
            for name in ("history.csv", "report.md")
            for content in (b"", b"{}")
        ),
    ],
)
def test_what_can_be_measured_again_is(name, content, trained):
    shutil.copytree(trained, "done")
    recipe, first = load("small.yaml", ["fit.epochs=1"]), json.loads(Path("done/report.json").read_text())
    path = Path("done", name)
    path.unlink() if content is None else path.write_bytes(content)
    assert run.distill(recipe, "done", name="small", quiet=True)["student"] == first["student"]
    assert evaluate_run("done")["student"] == first["student"]


@pytest.mark.parametrize("name", ["recipe.yaml", "student.keras"])
def test_what_cannot_be_measured_again_is_named(name, trained):
    shutil.copytree(trained, "done")
    Path("done", name).write_bytes(b"{ no such thing")
    with pytest.raises(UserError, match=f"done/{name}"):
        evaluate_run("done")


@pytest.mark.both_backends
def test_a_loss_that_is_no_number_stops_the_run_and_says_where():
    recipe = load("small.yaml", ["fit.optimizer=sgd", "fit.learning_rate=1e9", "fit.decay=constant"])
    # Where the processor has AVX-512, TensorFlow's ReLU makes 0 of NaN: then the weights tell.
    said = r"the loss is (nan|inf) at epoch 1, step \d \(from: label\)|holds nan or inf after epoch 1"
    with pytest.raises(NonFiniteLoss, match=said):
        run.distill(recipe, "nan", name="small", quiet=True)
    assert not Path("nan/student.keras").exists()


@pytest.mark.both_backends
def test_weights_that_are_no_numbers_stop_the_run_though_the_loss_is_one():
    class Lost(keras.layers.Layer):
        def build(self, shape):
            self.lost = self.add_weight(shape=(2,), initializer=keras.initializers.Constant(np.nan), name="lost")

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((2,)), Lost(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NonFiniteLoss, match=r"lost holds nan or inf after epoch 1; try a lower learning_rate"):
        model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0, callbacks=[StopOnNonFinite()])


def test_only_what_a_dead_process_of_ours_was_writing_is_taken_away(tmp_path):
    theirs = [".writing-a", ".writing-mine.txt", ".keras_kd-writing-mine", f".keras_kd-writing-{'0' * 32}.a.b"]
    for name in theirs:
        (tmp_path / name).write_text("somebody else's")
    (tmp_path / f".keras_kd-writing-{'1' * 32}.txt").mkdir()
    (tmp_path / f".keras_kd-writing-{'2' * 32}.txt").symlink_to(tmp_path / ".writing-a")
    dead = tmp_path / f".keras_kd-writing-{'3' * 32}.txt"
    dead.write_text("half")
    with atomic_write(tmp_path / "report.json") as temporary:
        temporary.write_text("whole")
        with folder_lock(tmp_path):
            assert not dead.exists()
        tidy(tmp_path)
    assert (tmp_path / "report.json").read_text() == "whole"
    left = {path.name for path in tmp_path.iterdir()} - {"report.json", "small.yaml", ".lock"}
    assert left == {*theirs, *(f".keras_kd-writing-{one * 32}.txt" for one in "12")}


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    code = (
        "import sys, time\n"
        "from keras_kd.utils.files import folder_lock\n"
        "with folder_lock('shared'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(run.__file__).parents[3])}
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match="shared: another keras-kd process works in this folder"),
            folder_lock("shared"),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
    with folder_lock("shared"):
        pass


def test_folders_are_locked_where_the_system_has_no_flock(monkeypatch):
    pytest.importorskip("filelock")
    monkeypatch.setattr("keras_kd.utils.files.fcntl", None)
    for _ in range(2):
        with folder_lock("shared"):
            with pytest.raises(UserError, match="shared: another keras-kd process works in this folder"):
                with folder_lock("shared"):
                    pass


def test_a_folder_in_which_nothing_was_made_is_taken_away(tmp_path):
    with pytest.raises(Stop), held("deep/nothing", "run"):
        raise Stop
    assert not Path("deep").exists()
    with held("something", "run"):
        Path("something/kept").write_text("")
    assert [path.name for path in Path("something").iterdir()] == ["kept"]


def test_a_file_is_whole_or_not_there(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(Stop), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise Stop
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if "writing" in path.name] == []


@pytest.mark.slow
def test_tensorboard_reads_each_epoch_once():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run.distill(load("small.yaml"), "logged", name="small", quiet=True)
    events = EventAccumulator("logged/tensorboard").Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_filling_that_takes_long_is_told_in_the_log_of_the_run(monkeypatch, capsys):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save("teacher.keras")
    Path("small.yaml").write_text(f"{RECIPE}teacher: teacher.keras\nterms: [kd]\n")
    # As if each part of it took ten seconds.
    monkeypatch.setattr(training, "progress_log", lambda log: lambda done, of: log(f"{done} of {of} views"))
    run.distill(load("small.yaml", ["fit.epochs=1"]), "told", name="small")
    assert "bank 200 of 200 views" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.both_backends
def test_views_that_a_killed_filling_asked_about_are_counted(monkeypatch):
    teacher = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    teacher.save("teacher.keras")
    Path("small.yaml").write_text(f"{RECIPE}teacher: teacher.keras\nterms: [kd]\n")
    recipe = load("small.yaml")
    straight = run.distill(recipe, "one/straight", name="small", quiet=True)

    class Dies(training.StopOnNonFinite):
        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (2, 3):
                raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(training, "StopOnNonFinite", Dies)
        with pytest.raises(Stop):
            run.distill(recipe, "two/killed", name="small", quiet=True)
    assert Path("two/killed/bank_filling.json").exists()
    found = run.distill(recipe, "two/killed", name="small", quiet=True)
    assert found["bank"]["computed_by_this_run"] == straight["bank"]["computed_by_this_run"] > 0
    assert {path.name for path in Path("two/killed").iterdir()} == {
        path.name for path in Path("one/straight").iterdir()
    }
