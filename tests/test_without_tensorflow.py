"""On JAX the way from recipe to report needs neither TensorFlow nor scikit-learn, tensorboard, Pillow or matplotlib."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PACKAGE = Path(__file__).parent.parent
ABSENT = ("tensorflow", "tensorflow_datasets", "sklearn", "tensorboard", "PIL", "ai_edge_litert", "keras_tuner")
ABSENT += ("matplotlib", "jinja2")
RUN = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from keras_kd.cli.main import main
main()
"""


def keras_kd(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "KERAS_BACKEND": "jax"}
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, cwd=cwd, env=environment
    )


@pytest.mark.slow
def test_jax_alone_trains_and_reports(tmp_path):
    generator = np.random.default_rng(0)
    np.savez(
        tmp_path / "images.npz",
        x_train=generator.integers(0, 256, (64, 8, 8, 1)).astype("uint8"),
        y_train=np.arange(64) % 4,
        x_test=generator.integers(0, 256, (32, 8, 8, 1)).astype("uint8"),
        y_test=np.arange(32) % 4,
    )
    (tmp_path / "teacher.yaml").write_text(
        "data: ./images.npz\nstudent: digits_cnn\nfit: {epochs: 1}\nexport: {formats: []}\n"
    )
    (tmp_path / "small.yaml").write_text(
        "data: {name: ./images.npz, views: flip}\nteacher: teacher.yaml\nstudent: digits_tiny\n"
        "terms: [{method: kd}]\nfit: {epochs: 2}\nexport: {formats: []}\n"
    )
    done = keras_kd(
        "distill", "small.yaml", "--backend", "jax", "--json", "--quiet", "--despite", "teacher-accuracy", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["environment"]["backend"] == "jax"
    assert (tmp_path / "saved_models/small/report.json").exists()


@pytest.mark.slow
def test_what_cannot_be_exported_here_is_trained_and_reported(tmp_path):
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (40, 8, 8, 1)).astype("uint8"), np.arange(40) % 4
    np.savez(tmp_path / "images.npz", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    (tmp_path / "alone.yaml").write_text("data: ./images.npz\nstudent: digits_tiny\nfit: {epochs: 1}\n")
    done = keras_kd("distill", "alone.yaml", "--backend", "jax", cwd=tmp_path)
    why = (
        "tensorflow is not installed here; saved_model, litert_float32, litert_int8 need it; `pip install tensorflow "
        "ai_edge_litert`, or run `keras-kd export RUN` on a machine that has it"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"alone: it will not be exported: {why}"
    assert f"Not exported: {why}." in done.stdout.splitlines()
    report = json.loads((tmp_path / "saved_models/alone/report.json").read_text())
    assert "exports" not in report and report["export_note"] == why
    assert f"Not exported: {why}." in (tmp_path / "saved_models/alone/report.md").read_text()
    done = keras_kd("export", "saved_models/alone", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"keras-kd: export: {why}\n")


def test_what_is_missing_is_said_in_one_line(tmp_path):
    done = keras_kd("distill", "digits", "--backend", "jax", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and "scikit-learn" in done.stderr, done.stderr
    done = keras_kd("distill", "digits", "--backend", "tensorflow", cwd=tmp_path)
    assert (
        done.stderr
        == "keras-kd: --backend: tensorflow is not installed; pip install 'tensorflow', or set KERAS_BACKEND=jax\n"
    )
