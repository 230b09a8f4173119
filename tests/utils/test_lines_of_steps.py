"""What a work tells while it goes on, and where its time goes."""

import time

import pytest
from click.testing import CliRunner

from keras_kd.cli.common import command, quiet_option
from keras_kd.utils import screen, steps
from keras_kd.utils.stages import Stages, added, mark, stage, timed, was_asked
from keras_kd.utils.steps import during, step, telling


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_each_second_belongs_to_one_stage_and_they_sum_to_the_whole():
    clock = Clock()
    stages = Stages(clock=clock)
    clock.now = 2.0
    with stages.stage("training"):
        clock.now = 5.0
        with stages.stage("bank"):
            clock.now = 9.0
        clock.now = 10.0
    clock.now = 10.5
    assert stages.seconds() == {"starting": 2.5, "training": 4.0, "bank": 4.0}
    assert sum(stages.seconds().values()) == 10.5


def test_a_work_inside_counts_by_its_own_stages_or_as_part_of_a_stage():
    with timed() as outer:
        with timed() as own, stage("training"):
            time.sleep(0.02)
        with stage("baselines"), timed() as other:
            other.worked = True
            with stage("training"):
                time.sleep(0.03)
    found = outer.seconds()
    assert found["training"] == pytest.approx(own.seconds()["training"], abs=0.01)
    assert found["baselines"] >= 0.03 and outer.worked and not own.worked
    with stage("nowhere"):  # no work goes on
        mark()


def test_the_time_since_the_command_was_given_is_part_of_it():
    was_asked(time.monotonic() - 5)
    with timed() as outer, timed() as own:
        pass
    assert 5 <= sum(outer.seconds().values()) < 6 and sum(own.seconds().values()) < 1
    with timed() as later:
        pass
    assert sum(later.seconds().values()) < 1


def test_what_has_passed_is_kept_as_a_stage_ends_and_where_it_is_marked():
    kept = []
    with timed(keep=kept.append), stage("baselines"):
        with timed(), stage("training"):
            mark()
    assert [set(one) for one in kept] == [{"starting", "baselines"}] * 2
    assert added({"a": 1.0}, {"a": 0.5, "b": 2.0}) == {"a": 1.5, "b": 2.0}


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_a_quiet_training_inside_a_work_is_at_its_epochs():
    from keras_kd.training.progress import QuietProgress

    seen, progress = [], QuietProgress(epochs=7)
    with telling("a study", patience=60), telling("a run", quiet=True):
        step("building the student", tell=False)
        for epoch in (2, 3):
            progress.on_epoch_begin(epoch)
            seen.append(steps._State.what)
        progress.stop()
        seen.append(steps._State.what)
    assert seen == ["epoch 3/7", "epoch 4/7", "what comes after training"]


def test_steps_are_told_with_the_title_of_their_work(capsys):
    step("nothing goes on")
    with telling("digits", patience=60):
        step("measuring the student")
        step("in silence", tell=False)
        with telling("digits, seed 1"):
            step("measuring the student")
        with telling("digits, seed 2", quiet=True), telling("inside it"):
            step("measuring the student")
    assert lines(capsys) == ["digits: measuring the student", "digits, seed 1: measuring the student"]


def test_nothing_is_silent_for_long(capsys):
    with telling("digits", patience=0.2):
        time.sleep(0.3)
        with telling("cell, seed 1", quiet=True):
            step("exporting litert_float32")
            time.sleep(0.3)
        step(None)  # a bar shows it
        time.sleep(0.3)
    said = lines(capsys)
    assert said[0] == "digits: still at starting, 0 s"
    assert "digits: still at exporting litert_float32 (cell, seed 1), 0 s" in said
    assert len(said) <= 4
    with telling("digits", quiet=True, patience=0.05):
        time.sleep(0.2)
        step("measuring")
    assert lines(capsys) == []


def test_a_line_that_is_said_is_sign_of_life_enough(capsys):
    with telling("digits", patience=0.5):
        for number in range(6):
            time.sleep(0.15)
            screen.print_note(f"epoch {number}")
    assert lines(capsys) == [f"epoch {number}" for number in range(6)]


def test_a_step_that_takes_a_while_is_told_of_less_often(capsys, monkeypatch):
    monkeypatch.setattr(steps, "A_WHILE", 0.3)
    with telling("digits", patience=0.1):
        time.sleep(0.9)
    assert 1 <= len(lines(capsys)) <= 4


def test_every_command_says_that_it_goes_on_unless_it_is_to_be_quiet(monkeypatch):
    monkeypatch.setattr(steps, "PATIENCE", 0.1)

    @command()
    @quiet_option
    def waits(quiet):
        time.sleep(0.6)

    assert "waits: still at starting, 0 s" in CliRunner().invoke(waits).stderr
    assert CliRunner().invoke(waits, ["--quiet"]).stderr == ""
    plain = command("plain")(lambda: time.sleep(0.6))
    assert "plain: still at starting, 0 s" in CliRunner().invoke(plain).stderr


def test_a_step_inside_is_what_the_work_is_at_and_then_again_what_it_was_at(capsys):
    with telling("digits", patience=0.02):
        with during("reading the data"):
            time.sleep(0.08)
        during("reading the teacher")(time.sleep)(0.08)
        time.sleep(0.08)
    at = [line.partition("still at ")[2].partition(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert list(dict.fromkeys(at)) == ["reading the data", "reading the teacher", "starting"]
