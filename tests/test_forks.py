"""A fork of the process that imported TensorFlow is what a new process would be."""

import json
import os
import signal
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.usefixtures("forked"),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every process is new"),
]


def test_it_has_the_arguments_environment_folder_and_modules_of_its_own(tmp_path):
    program = """if True:
        import json, os, sys
        begun = "tensorflow" in sys.modules
        print(json.dumps([sys.argv, os.getcwd(), os.environ["MINE"], sys.stdin.read(), sys.path, begun]))
        sys.exit(3)
    """
    call = [sys.executable, "-c", program, "one", "two"]
    environment = {**os.environ, "MINE": "yes", "PYTHONPATH": str(tmp_path / "modules")}
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=environment, input="hello")
    arguments, folder, mine, given, path, begun = json.loads(done.stdout)
    assert (done.returncode, arguments, mine, given, begun) == (3, ["-c", "one", "two"], "yes", "hello", True)
    assert folder == str(tmp_path) and path[:2] == ["", str(tmp_path / "modules")]
    assert str(tmp_path) not in os.getcwd() and "MINE" not in os.environ


def test_two_draw_different_numbers():
    call = [sys.executable, "-c", "import random, numpy; print(random.random(), numpy.random.uniform())"]
    one, other = (subprocess.run(call, capture_output=True, text=True).stdout.split() for _ in range(2))
    assert not set(one) & set(other)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_is_ended_by_a_signal(number):
    program = "import time; print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n" and process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == -number


def test_a_traceback_is_told_as_ever():
    done = subprocess.run([sys.executable, "-c", "1 / 0"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_another_backend_and_other_options_begin_anew():
    program = "import sys; print('tensorflow' in sys.modules)"
    for options, environment in ((["-I", "-c"], {}), (["-c"], {"KERAS_BACKEND": "jax"})):
        call = [sys.executable, *options, program]
        done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, **environment})
        assert done.stdout == "False\n"
