"""Measuring files: latency, throughput, memory, size."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_kd.export.export import export
from keras_kd.export.latency import files_in, format_text, kind_of, measure
from keras_kd.models import build
from keras_kd.models import cost as bench
from keras_kd.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture(scope="module")
def exported(made_once):
    def fill(folder):
        build("digits_tiny", (8, 8, 1), 10).save(folder / "student.keras")
        images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1)).astype("uint8")
        gates = {"int8_accuracy_drop": 1.0, "int8_agreement": 0.0}
        given = {"calibration_images": images, "test_images": images, "test_labels": np.arange(60) % 10, "quiet": True}
        export(folder / "student.keras", folder, gates=gates, **given)

    return made_once("exported_tiny", fill)[0]


@pytest.mark.parametrize("name, kind", [
    pytest.param("student.keras", "keras", marks=pytest.mark.slow),
    pytest.param("saved_model", "saved_model", marks=pytest.mark.slow), ("student.tflite", "litert"),
    ("student_int8.tflite", "litert"),
])  # fmt: skip
def test_what_is_measured(exported, name, kind):
    found = measure(exported / name, runs=5, warm_up=1, batches=(1, 4))
    assert found["kind"] == kind and found["bytes"] > 0 and found["threads"] == 1
    assert 0 < found["latency_ms"]["median"] <= found["latency_ms"]["p90"] and found["latency_ms"]["n"] == 5
    assert all(speed > 0 for speed in found["images_a_second"].values()) and list(found["images_a_second"]) == [
        "1",
        "4",
    ]
    assert found["image_shape"] == [8, 8, 1] and found["load_seconds"] > 0 and found["peak_bytes"] >= 0
    model = keras.saving.load_model(exported / "student.keras")
    assert found["parameters"] == (bench.parameters(model) if kind == "keras" else None)


def test_a_run_is_its_student_and_its_exports(exported):
    assert [path.name for path in files_in(exported)] == [
        "student.keras", "saved_model", "student.tflite", "student_int8.tflite"
    ]  # fmt: skip


def test_the_command_prints_a_table(exported):
    call = [sys.executable, "-m", "keras_kd.cli", "bench", str(exported / "student.tflite"), "--runs", "3"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["file", "size"] and "x32" in lines[0] and "student.tflite" in lines[1]
    done = subprocess.run([*call, "--json"], capture_output=True, text=True)
    assert json.loads(done.stdout)[0]["kind"] == "litert"


@pytest.mark.parametrize(
    "make, message",
    [
        (None, "no such file"),
        (lambda path: path.write_text("x"), "found no model; expected a .keras, .tflite or .onnx file"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, make, message):
    path = tmp_path / "model.bin"
    if make:
        make(path)
    with pytest.raises(UserError, match=message):
        kind_of(path)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "student.tflite").write_bytes(os.urandom(100))
    with pytest.raises(UserError, match="student.tflite: cannot be run: "):
        measure(tmp_path / "student.tflite", runs=3, warm_up=0)


def test_numbers_that_are_missing_are_a_dash():
    row = {
        "file": "a.onnx", "bytes": 10**6, "parameters": None, "macs": None, "load_seconds": 0.5, "threads": None,
        "latency_ms": {"median": 1.5, "p90": 2.0, "n": 9, "warm_up": 1}, "peak_bytes": 3 * 10**6,
        "images_a_second": {"1": 700.0, "8": None},
    }  # fmt: skip
    lines = format_text([row])
    assert lines[1].split() == [
        "a.onnx", "1.00", "MB", "1.50", "ms", "2.00", "ms", "700", "-", "3.0", "MB", "500", "ms", "-", "-"
    ]  # fmt: skip
