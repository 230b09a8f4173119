"""TensorFlow's kernels on a CPU: the faster ones are asked for before it is imported."""

import os
import platform
import subprocess
import sys

import pytest

from keras_kd.cpu_kernels import prefer_fast

SETTING = "TF_ENABLE_ONEDNN_OPTS"
SHOW = "from keras_kd import backend; print(backend.cpu_kernels())"


@pytest.mark.parametrize(
    ("machine", "given", "expected"),
    [("x86_64", None, "1"), ("AMD64", None, "1"), ("x86_64", "0", "0"), ("aarch64", None, None)],
)
def test_they_are_asked_for_where_they_are_faster_and_nothing_else_is_said(monkeypatch, machine, given, expected):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.delenv(SETTING, raising=False)
    if given:
        monkeypatch.setenv(SETTING, given)
    prefer_fast()
    assert os.environ.get(SETTING) == expected


@pytest.mark.parametrize("given", [None, "0"])
def test_the_package_asks_before_tensorflow_is_imported(given):
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    environment.pop(SETTING, None)
    if given:
        environment[SETTING] = given
    said = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, env=environment, check=True)
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    expected = {"Eigen"} if given == "0" else {"oneDNN"} if x86 else {"oneDNN", "Eigen"}
    assert said.stdout.strip() in expected
