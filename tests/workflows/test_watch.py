"""A run that is watched: what is read of its files, and the time that is left."""

import json
import os
import platform
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import keras_kd
from keras_kd.cli.main import commands
from keras_kd.report.running_page import running_page
from keras_kd.report.watched import FINISHED, NOT_BEGUN, RUNNING, STOPPED, lines
from keras_kd.training.time_left import time_left
from keras_kd.utils.account import MARK, digest_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.now import NAME, read_now, tell, told_in
from keras_kd.workflows.watch import look

RECIPE = """
data: digits
student: digits_tiny
terms: []
label_weight: 1.0
fit: {epochs: 4, batch_size: 64, learning_rate: 0.05}
export: {formats: []}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return keras_kd.distill("mine.yaml", quiet=True)


def begun_again(run, **said):
    """Makes a finished run look as it did after its second epoch."""
    rows = (run.folder / "history.csv").read_text().splitlines()
    (run.folder / "report.json").unlink()
    account = run.folder / MARK / "made.json"
    plain = json.loads(account.read_text())
    plain["made"] = dict.fromkeys(plain["made"])
    account.write_text(json.dumps({**plain, "digest": digest_of(plain)}))
    (run.folder / "history.csv").write_text("\n".join(rows[:3]) + "\n")
    now = {"pid": os.getpid(), "host": platform.node(), "begun": time.time(), "at": time.time(), **said}
    (run.folder / MARK / NAME).write_text(json.dumps(now))


def test_a_finished_run_says_what_came_of_it(run):
    seen = look(run.folder)
    assert seen.state == FINISHED and seen.ended
    assert lines(seen)[:2] == ["mine: finished", str(run).splitlines()[0]]
    assert keras_kd.watch(run, once=True) is True
    # Nothing of watching, and of having been watched, stays.
    assert not (run.folder / MARK / NAME).exists()


def test_a_run_at_work_says_how_far_it_is(run):
    begun_again(run, title="mine", what="epoch 3/4", epochs=4, steps=10, step=5, rate=0.1, views=1)
    seen = look(run.folder)
    assert (seen.state, seen.epoch, seen.step, seen.done) == (RUNNING, 2, 0.5, 0.625)
    header, _, second = (run.folder / "history.csv").read_text().splitlines()
    seconds = float(dict(zip(header.split(","), second.split(","), strict=True))["seconds"])
    assert seen.training_left == pytest.approx(1.5 * seconds) and seen.left > seen.training_left
    told = CliRunner().invoke(commands, ["watch", str(run.folder), "--once"], prog_name="keras-kd")
    assert told.exit_code == 0 and told.stdout.startswith(
        "mine: running, epoch 3/4\n[##################............]  62 %"
    )
    assert "loss from" in told.stdout and told.stderr == ""


def test_figures_and_words_that_are_none_are_passed_over(run):
    begun_again(run, title=3, what="epoch 3/4", epochs="4", steps=None, step="half", rate=[], trained={})
    history = run.folder / "history.csv"
    header, *rows = history.read_text().splitlines()
    rows = [f"{row},much" for row in rows]
    history.write_text("\n".join([f"{header},teacher_views", *rows]) + "\n")
    seen = look(run.folder)
    assert (seen.state, seen.title, seen.epochs, seen.step) == (RUNNING, "mine", 4, 0.0) and seen.left > 0
    assert lines(seen)[0] == "mine: running, epoch 3/4"


def test_one_whose_process_is_gone_was_stopped(run):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    begun_again(run, pid=dead.pid, command="keras-kd distill mine.yaml")
    seen = look(run.folder)
    assert seen.state == STOPPED and seen.note.endswith("`keras-kd distill mine.yaml` resumes it")
    told = CliRunner().invoke(commands, ["watch", str(run.folder)], prog_name="keras-kd")
    assert told.exit_code == 1 and told.stdout.startswith("mine: stopped")


def test_seeds_that_are_not_begun_are_named(run):
    recipe = run.folder / "recipe.yaml"
    text = recipe.read_text()
    recipe.write_text(text.replace("seeds: []", "seeds: [0, 1]"))
    assert "seeds: [0, 1]" in recipe.read_text()
    seen = look(run.folder)
    assert [(one.title, one.state) for one in seen.parts] == [("mine-seed1", NOT_BEGUN)]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such run folder"):
        keras_kd.watch(tmp_path / "none")
    with pytest.raises(UserError, match="no run of keras-kd, nor a search or a study"):
        keras_kd.watch(tmp_path)
    with pytest.raises(UserError, match="every: found 0; expected seconds, 0.1 or more"):
        keras_kd.watch(tmp_path, every=0)


def test_works_inside_each_other_name_the_inner_one(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / MARK).mkdir(parents=True)
    with told_in(tmp_path / "a"):
        tell(what="the runs of its teachers")
        with told_in(tmp_path / "b"):
            tell(what="epoch 1/2")
            until = time.monotonic() + 20
            while time.monotonic() < until and not (read_now(tmp_path / "a") or {}).get("inside"):
                time.sleep(0.05)
            assert read_now(tmp_path / "a")["inside"] == "../b"
        assert read_now(tmp_path / "b") is None
    assert read_now(tmp_path / "a") is None


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    with told_in(tmp_path / "not_there"):
        tell(what="training")


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"pid": 1}'])
def test_what_cannot_be_read_is_nothing(tmp_path, damage):
    (tmp_path / MARK).mkdir()
    (tmp_path / MARK / NAME).write_text(damage)
    assert read_now(tmp_path) is None


def test_the_time_left_leaves_out_what_is_paid_once():
    # Compiling, in the first epoch; a teacher whose only view of an image is asked about once.
    rows = [{"seconds": 60.0, "teacher_seconds": 20.0, "teacher_views": 100}, {"seconds": 10.0}, {"seconds": 10.0}]
    assert time_left(rows, 13, views=1) == 100.0
    # With 162 views nearly all of an early epoch's are new, and fewer each time.
    rows = [{"seconds": 30.0, "teacher_seconds": 20.0, "teacher_views": 100}] * 2
    left = time_left(rows, 102, views=162)
    new = [100 * (161 / 162) ** epoch for epoch in range(1, 101)]
    assert left == pytest.approx(100 * 10 + 0.2 * sum(new))
    assert time_left(rows, 102, views=None) == pytest.approx(100 * 30)
    assert time_left(rows, 2) == 0.0


def test_the_page_of_a_run_at_work(tmp_path):
    history = [
        {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "val_accuracy": 0.4},
        {"epoch": 2, "loss": 1.0, "accuracy": 0.75},
    ]
    page = running_page("a <b>", history, 3, None, "data: digits")
    assert '<meta http-equiv="refresh" content="5">' in page and "<b>" not in page.replace("<body>", "")
    assert page.count("<svg") == 2 and "epoch 2 of 3 is done." in page and "data: digits" in page
    assert "matplotlib" not in page and "<script" not in page


@pytest.mark.slow
def test_a_run_is_watched_to_its_end(tmp_path):
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("epochs: 4", "epochs: 60"))
    given = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    trained = subprocess.Popen([sys.executable, "-m", "keras_kd", "distill", "mine.yaml"], **given)
    folder, pages = tmp_path / "saved_models" / "mine", set()
    while not (folder / MARK / NAME).exists() and trained.poll() is None:
        time.sleep(0.1)
    watched = subprocess.Popen([sys.executable, "-m", "keras_kd", "watch", str(folder), "--every", "0.2"], **given)
    while trained.poll() is None:
        if (folder / "report.html").exists():
            pages.add((folder / "report.html").read_text().partition("Running: epoch ")[2][:2])
        time.sleep(0.2)
    trained.communicate()
    printed, told = watched.communicate(timeout=60)
    assert (watched.returncode, told) == (0, "")
    assert (
        "mine: running, epoch " in printed
        and "left" in printed
        and "mine: finished\ndigits_tiny is right on" in printed
    )
    # It was written while the run went on, and at its end it is the whole one.
    assert len(pages) > 1
    page = (folder / "report.html").read_text()
    assert "Running:" not in page and "http-equiv" not in page and not (folder / MARK / NAME).exists()
