"""A command that is stopped from outside: one line, no traceback, an exit code by the signal, nothing left behind."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import forks
import pytest
from click.testing import CliRunner

from keras_kd.cli.common import KEPT
from keras_kd.cli.main import commands
from keras_kd.utils import stopping
from keras_kd.utils.children import end
from keras_kd.utils.errors import UserError
from keras_kd.utils.quiet import quiet_start
from keras_kd.utils.stopping import SIGNALS, Stopped, stop_in

AGAIN = "the same command"
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGQUIT: 131}


def heeded():
    """What a shell that runs the tests in the background has set to be ignored is not."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def handlers(monkeypatch):
    """The command's handlers in this process, beyond its start; as they were afterwards."""
    before = {number: signal.getsignal(number) for number in stopping.HELD}
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    heeded()
    stopping.install()
    stopping.begin()
    yield
    stopping.begin()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ended(monkeypatch):
    """The exit codes with which the process would have ended at once."""
    codes = []

    def leave(code):
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    return codes


@pytest.fixture
def command(monkeypatch):
    """Adds a command that calls a function; returns what was said of it, and its exit code."""

    def called(function):
        monkeypatch.setitem(commands.commands, "works", click.Command("works", callback=function))
        return CliRunner().invoke(commands, ["works"], prog_name="keras-kd")

    return called


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_told_in_a_line_and_everything_is_cleaned_up(handlers, command, number):
    cleaned = []

    def work():
        try:
            stopping.keeps("all of it is kept")
            signal.raise_signal(number)
        finally:
            cleaned.append(True)

    done = command(work)
    assert (done.stderr, done.exit_code) == (
        f"keras-kd: stopped by {signal.Signals(number).name}; all of it is kept\n",
        EXIT_CODES[number],
    )
    assert cleaned == [True]
    # The next command says nothing of this one.
    assert "; nothing was changed\n" in command(lambda: signal.raise_signal(number)).stderr


def test_ctrl_c_without_the_handlers_is_told_alike(command):
    def work():
        raise KeyboardInterrupt

    done = command(work)
    assert (done.stderr, done.exit_code) == ("keras-kd: stopped by SIGINT; nothing was changed\n", 130)


@pytest.mark.parametrize("raised", [OSError(errno.EIO, "the terminal is gone"), UserError("no"), SystemExit(3)])
def test_a_clean_up_that_fails_is_still_a_stop(handlers, command, raised):
    def work():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            raise raised

    done = command(work)
    assert (done.stderr, done.exit_code) == ("keras-kd: stopped by SIGHUP; nothing was changed\n", 129)


def test_more_signals_leave_the_clean_up_alone(handlers, command):
    cleaned = []

    def work():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in SIGNALS:
                signal.raise_signal(number)
                cleaned.append(number)

    done = command(work)
    assert (done.stderr, done.exit_code) == ("keras-kd: stopped by SIGTERM; nothing was changed\n", 143)
    assert cleaned == list(SIGNALS)


def test_a_clean_up_that_hangs_can_be_ended(handlers, ended, command, monkeypatch, capfd):
    def work():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            monkeypatch.setattr(stopping, "PATIENCE", -1.0)
            signal.raise_signal(signal.SIGINT)

    command(work)
    assert ended == [130] and capfd.readouterr().err == "keras-kd: stopped by SIGINT; nothing was changed\n"


def test_a_stop_that_a_library_swallows_can_be_given_again(handlers):
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException as swallowed:
        assert swallowed.number == signal.SIGTERM
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGTERM)


def test_a_stop_that_a_library_swallows_comes_again_by_itself(handlers, monkeypatch):
    monkeypatch.setattr(stopping, "AGAIN", 0.05)
    swallowed = 0
    with pytest.raises(Stopped) as caught:
        for number in (signal.SIGQUIT, None):
            try:
                if number:
                    signal.raise_signal(number)
                time.sleep(5)
            except Stopped:
                swallowed += 1
        time.sleep(5)
    assert swallowed == 2 and caught.value.number == signal.SIGQUIT


def test_a_stop_that_falls_into_the_end_of_an_object_comes_again(handlers, monkeypatch, capfd):
    monkeypatch.setattr(stopping, "AGAIN", 0.05)

    class Ends:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped) as caught:
        one = Ends()
        del one
        time.sleep(5)
    assert caught.value.number == signal.SIGTERM and capfd.readouterr().err == ""


def test_before_there_is_anything_to_clean_up_the_process_ends_at_once(handlers, ended, monkeypatch, capfd):
    monkeypatch.setattr(stopping._State, "at_once", True)
    for number, code in EXIT_CODES.items():
        with pytest.raises(SystemExit):
            signal.raise_signal(number)
        assert ended.pop() == code
        said = capfd.readouterr().err
        assert said == f"keras-kd: stopped by {number.name}; nothing was changed\n"


def test_what_is_ignored_stays_ignored(handlers):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    stopping.install()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    signal.raise_signal(signal.SIGHUP)


def test_a_thread_installs_nothing():
    before = [signal.getsignal(number) for number in SIGNALS]
    raised = []

    def install():
        try:
            stopping.install()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=install)
    thread.start()
    thread.join()
    assert not raised and before == [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_libraries_that_load_are_not_interrupted(handlers, number):
    loaded = []
    with pytest.raises(Stopped) as caught, quiet_start():
        signal.raise_signal(number)
        loaded.append(True)
    assert loaded and caught.value.number == number


def test_a_librarys_user_has_its_signals_as_they_were():
    before = [signal.getsignal(number) for number in SIGNALS]
    with quiet_start():
        # What would end the process still does.
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert before == [signal.getsignal(number) for number in SIGNALS]


def test_the_process_ends_where_a_stop_passes_every_command(ended, capfd):
    def run():
        raise Stopped(signal.SIGQUIT)

    stopping.begin()
    with pytest.raises(SystemExit):
        stopping.to_its_end(run)
    assert ended == [131] and capfd.readouterr().err == "keras-kd: stopped by SIGQUIT; nothing was changed\n"


def test_a_command_that_ended_by_itself_keeps_its_code(ended):
    for code in (0, 1, 2):
        with pytest.raises(SystemExit) as done:
            stopping.to_its_end(lambda code=code: sys.exit(code))
        assert done.value.code == code
    assert ended == []
    stopping.begin()


def test_stop_in_a_chain_of_errors_that_is_a_circle():
    one, other = ValueError(), OSError()
    one.__context__, other.__context__ = other, one
    assert stop_in(one) is None
    other.__cause__ = Stopped(signal.SIGTERM)
    assert stop_in(one) is other.__cause__


# What each command says.


@pytest.mark.parametrize("restart", [False, True])
def test_distill_says_where_its_epochs_are(monkeypatch, tmp_path, restart):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_kd.workflows.seeds.distill", stopped)
    again = "the same command without --restart" if restart else "the same command"
    assert said("distill", "digits", *["--restart"] * restart) == (
        f"every completed epoch is kept in saved_models/digits and in the runs next to it; {again} resumes from there"
    )


@pytest.mark.parametrize(
    ("words", "function", "sentence"),
    [
        (
            ["search", "digits", "--out", "x"],
            "workflows.search.search.search",
            KEPT["search"].format(folder="x", again=AGAIN),
        ),
        (
            ["search", "digits", "--worker", "127.0.0.1:9", "--name", "one", "--out", "x"],
            "workflows.search.search.search",
            "its trial goes to another worker of x; the same command joins again",
        ),
        (
            ["study", "label_noise", "--out", "x"],
            "workflows.study.study.study",
            KEPT["study"].format(folder="x", again=AGAIN),
        ),
        (["export", "x"], "workflows.run.export.export", KEPT["export"].format(folder="x")),
        (["evaluate", "x"], "workflows.run.evaluate.evaluate", KEPT["evaluate"].format(folder="x")),
        (["report", "x"], "workflows.run.write_page.write_page", KEPT["report"]),
        (
            ["bank", "build", "digits", "--out", "x"],
            "workflows.run.build_bank.open_bank",
            KEPT["bank build"].format(folder="x"),
        ),
        (["bank", "prune", "abcd", "--folder", "x"], "bank.folder.prune", KEPT["bank prune"].format(folder="x")),
        (["bank", "verify", "digits"], "workflows.run.build_bank.open_bank", "nothing was changed"),
        (["bank", "info"], "bank.folder.banks_in", "nothing was changed"),
        (["bench", "x"], "export.latency.measure", "nothing was changed"),
        (["compare", "x"], "report.compare.rows_of", "nothing was changed"),
        (["doctor", "digits"], "workflows.doctor.examine", "nothing was changed"),
        (["validate", "digits"], "recipe.load.load", "nothing was changed"),
        (["new", "x.yaml"], "recipe.files.find", "nothing was changed"),
        (["list"], "workflows.catalogue.format_text", "nothing was changed"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_command_says_what_is_kept(monkeypatch, tmp_path, words, function, sentence):
    monkeypatch.chdir(tmp_path)
    # What --worker sets is gone again after the test.
    for name in ("IP", "PORT"):
        monkeypatch.setenv(f"KERASTUNER_ORACLE_{name}", "")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "student.keras").touch()
    monkeypatch.setattr(f"keras_kd.{function}", stopped)
    assert said(*words) == sentence


def test_a_process_that_joins_a_study_leaves_it_to_the_one_that_began_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_kd.workflows.study.study.study", stopped)
    done = CliRunner().invoke(commands, ["study", "label_noise", "--joins"])
    assert (done.stderr, done.exit_code) == ("", 143)


def stopped(*arguments, **options):
    raise Stopped(signal.SIGTERM)


def said(*words):
    """What is said to be kept when a command is stopped."""
    done = CliRunner().invoke(commands, list(words), prog_name="keras-kd")
    assert done.exit_code == 143, done.output
    before, sentence = done.stderr.removesuffix("\n").split("; ", 1)
    assert before == "keras-kd: stopped by SIGTERM"
    return sentence


def test_a_bank_that_is_gone_in_part_is_seen_to_be_damaged(monkeypatch, tmp_path):
    from keras_kd.bank.folder import banks_in, prune

    bank = tmp_path / ("0" * 16)
    bank.mkdir()
    (bank / "about.json").write_text('{"about": {"teacher": "t", "images": 1, "views": 1}}')
    assert "damaged" not in banks_in(tmp_path)[0]
    (bank / "logits-float16").mkdir()
    (bank / "logits-float16" / "rows.bin").write_text("")
    monkeypatch.setattr("keras_kd.bank.folder.folder_lock", stopped)
    with pytest.raises(Stopped):
        prune(tmp_path, ["0000"])
    monkeypatch.undo()
    assert "damaged" in banks_in(tmp_path)[0]
    assert len(prune(tmp_path, damaged=True)) == 1 and banks_in(tmp_path) == []


# Processes that a command has begun.


def test_children_are_ended_in_time_even_those_that_do_not_listen():
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        for code in ("print(flush=True); import time; time.sleep(60)", deaf, "print(flush=True)")
    ]
    for one in children:
        one.stdout.readline()
    children[2].wait()
    begun = time.monotonic()
    end(children, patience=0.3)
    assert time.monotonic() - begun < 5
    assert [one.returncode for one in children] == [-signal.SIGTERM, -signal.SIGKILL, 0]
    for one in children:
        one.stdout.close()


@pytest.mark.parametrize("when", ["it trains", "it waits for them"])
def test_a_study_that_is_stopped_ends_those_who_work_with_it(monkeypatch, tmp_path, when):
    from keras_kd.workflows.study import study

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(study, "_others", lambda *arguments: iter([child]))
    monkeypatch.setattr(study, "write_recipes", lambda *arguments: [])
    monkeypatch.setattr(study, "_dry_run", lambda *arguments: None)
    monkeypatch.setattr(study, "_run_all", stopped if when == "it trains" else lambda *arguments, **options: {})
    if when == "it waits for them":
        wait, calls = child.wait, []
        monkeypatch.setattr(child, "wait", lambda *given: wait(*given) if calls else calls.append(1) or stopped())
    with pytest.raises(Stopped):
        study.study("label_noise", tmp_path / "out", jobs=2)
    assert child.poll() is not None


# The command itself.


def begun(*words, forked=False, **options):
    """The process of a command; as a fork it has imported TensorFlow, and heeds all signals by itself."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    call = [sys.executable, "-m", "keras_kd", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    if forked:
        return forks.Popen(call, env=environment, **pipes, **options)
    return subprocess.Popen(call, env=environment, preexec_fn=heeded, **pipes, **options)


def test_the_command_is_stopped_at_its_start():
    for delay in (0.02, 0.05, 0.1, 0.2):
        processes = {number: begun("list") for number in SIGNALS}
        time.sleep(delay)
        for number, process in processes.items():
            process.send_signal(number)
        for number, process in processes.items():
            _, told = process.communicate(timeout=30)
            # Until the first line of ours Python ends by the signal itself, of SIGINT with a traceback of its own.
            if process.returncode == EXIT_CODES[number] and told.startswith("keras-kd: "):
                assert told == f"keras-kd: stopped by {number.name}; nothing was changed\n"
            else:
                assert process.returncode in (-number, 0) or number == signal.SIGINT, told
                assert "keras_kd/cli" not in told and "click" not in told and "keras_kd/stopping" not in told


def test_nohup_is_heeded():
    call = [sys.executable, "-m", "keras_kd", "list", "methods"]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does: a process begins with it
    try:
        process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    time.sleep(0.15)
    process.send_signal(signal.SIGHUP)
    printed, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "") and printed.startswith("methods:")


def test_a_reader_that_has_enough_ends_the_command_without_a_word():
    process = begun("list")
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 1 and told == ""


def test_who_only_imports_it_keeps_his_handlers():
    code = (
        # Whoever began the tests may have had some of them ignored.
        "import signal\n"
        "numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)\n"
        "before = [signal.getsignal(one) for one in numbers]\n"
        "import keras_kd, keras_kd.cli.main, keras_kd.cli.command\n"
        "print([signal.getsignal(one) for one in numbers] == before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_training_is_stopped_and_gone_on_with(tmp_path, number):
    words = "distill digits --set teacher=null --set terms=[] --set label_weight=1 --set fit.epochs=500".split()
    process = begun(*words, "--out", tmp_path / "run", cwd=Path(__file__).parents[2], forked=True)
    wait_for(lambda: (tmp_path / "run" / "training_state.npz").exists(), process)
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.01)
    _, told = process.communicate(timeout=60)
    assert process.returncode == EXIT_CODES[number] and "Traceback" not in told
    assert told.splitlines()[-1] == (
        f"keras-kd: stopped by {number.name}; every completed epoch is kept in {tmp_path / 'run'} and in the runs next "
        "to it; the same command resumes from there"
    )
    assert not list((tmp_path / "run").glob(".writing-*"))
    assert (tmp_path / "run" / "training_state.npz").exists()


@pytest.mark.slow
def test_a_study_leaves_no_process_behind(tmp_path):
    words = ["study", "label_noise", "--smoke", "--jobs", "2", "--out", tmp_path / "out"]
    process = begun(*words, cwd=tmp_path)
    wait_for(lambda: processes_that_name("--joins", tmp_path / "out"), process)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143 and told.count("keras-kd: ") == 1 and "Traceback" not in told
    assert not processes_that_name("--joins", tmp_path / "out")


@pytest.mark.slow
def test_a_chief_and_its_worker_end_within_seconds(tmp_path):
    (tmp_path / "small.yaml").write_text(
        "data: digits\nstudent: digits_tiny\nfit: {epochs: 200}\nexport: {formats: []}\n"
        "search: {trials: 3, space: {fit.learning_rate: {float: [0.001, 0.01]}}}\n"
    )
    words = ["search", "small.yaml", "--out", "out"]
    chief = begun(*words, "--chief", "127.0.0.1:47613", cwd=tmp_path, forked=True)
    worker = begun(*words, "--worker", "127.0.0.1:47613", "--name", "one", cwd=tmp_path, forked=True)
    wait_for(lambda: list(tmp_path.glob("out/trials/*/seed0/history.csv")), worker)
    for process, sentence in (
        (worker, "its trial goes to another worker of out; the same command joins again"),
        (chief, "finished trials are kept in out; the same command resumes from there"),
    ):
        begun_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert time.monotonic() - begun_at < 15
        assert process.returncode == 143 and "Traceback" not in told, told
        assert told.splitlines()[-1] == f"keras-kd: stopped by SIGTERM; {sentence}"


def wait_for(condition, process, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def processes_that_name(*words):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        found += [process] * all(str(word).encode() in said for word in words)
    return found
