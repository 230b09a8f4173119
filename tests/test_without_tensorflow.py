"""On JAX the way from recipe to report needs neither TensorFlow nor scikit-learn, tensorboard or Pillow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

PACKAGE = Path(__file__).parent.parent
ABSENT = ("tensorflow", "tensorflow_datasets", "sklearn", "tensorboard", "PIL", "ai_edge_litert", "keras_tuner")
RUN = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from keras_kd.cli import main
main()
"""


def keras_kd(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, cwd=cwd, env=environment
    )


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
    done = keras_kd("distill", "small.yaml", "--backend", "jax", "--json", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["environment"]["backend"] == "jax"
    assert (tmp_path / "saved_models/small/report.json").exists()


def test_what_is_missing_is_said_in_one_line(tmp_path):
    done = keras_kd("distill", "digits", "--backend", "jax", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and "scikit-learn" in done.stderr, done.stderr
    done = keras_kd("distill", "digits", "--backend", "tensorflow", cwd=tmp_path)
    assert done.stderr == "keras-kd: --backend: tensorflow is not installed; pip install 'tensorflow'\n"
