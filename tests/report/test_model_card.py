"""What a deployer gets: the card says what the report says, and what it shows to load a file loads it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from reports import undescribed

from keras_kd import Report
from keras_kd.recipe.load import load
from keras_kd.report.model_card import TO_FILL, card, example
from keras_kd.workflows.run.deliver import keep_bench
from keras_kd.workflows.run.distill import distill

pytestmark = [pytest.mark.usefixtures("forked"), pytest.mark.slow]


@pytest.fixture(scope="module")
def run_folder(made_once):
    def fill(folder):
        generator = np.random.default_rng(0)
        pixels, labels = generator.integers(0, 256, (80, 8, 8, 1)).astype("uint8"), np.arange(80) % 4
        np.savez(folder / "images.npz", x_train=pixels, y_train=labels, x_test=pixels[:40], y_test=labels[:40])
        (folder / "small.yaml").write_text(
            "data: ./images.npz\nteacher: digits_cnn\nstudent: digits_tiny\nterms: [{method: kd}]\nfit: {epochs: 1}\n"
            "export: {gates: {int8_accuracy_drop: 1, int8_agreement: 0}}\n"
        )
        distill(load(folder / "small.yaml"), folder / "small", name="small", quiet=True)

    return made_once("card", fill)[0] / "small"


def test_the_card_says_what_the_report_says(run_folder):
    text, found = (run_folder / "model_card.md").read_text(), json.loads((run_folder / "report.json").read_text())
    assert text.startswith("# small\n\n") and " times smaller than its teacher, " in text.splitlines()[2]
    assert "\n\n`digits_tiny`, an image classifier for 4 classes, on images of 8x8x1 pixels, dist" in text
    assert f"{100 * found['student']['top1']:.2f} top-1" in text and "no spread is known" in text
    assert f"{found['cost']['parameters']:,} parameters" in text and text.count(TO_FILL) == 5
    for one in found["exports"]:
        assert f"| `{one['file']}` |" in text


def test_the_schema_knows_all_that_a_run_with_exports_wrote(run_folder):
    assert undescribed(Report.read(run_folder)) == []


def test_calibration_images_are_recorded(run_folder):
    found = json.loads((run_folder / "report.json").read_text())["calibration_images"]
    assert found["seed"] == 0 and len(found["positions"]) == 80 == len(set(found["positions"]))


@pytest.mark.usefixtures("new_processes")
def test_the_five_lines_load_each_file_without_this_package(run_folder):
    """One after the other in one process, which begins but once."""
    text, programs = (run_folder / "model_card.md").read_text(), []
    for name in ("student.keras", "saved_model", "student.tflite", "student_int8.tflite"):
        (code,) = re.findall(rf"^`{re.escape(name)}`:\n\n```python\n(.*?)^```", text, flags=re.M | re.S)
        assert len(code.splitlines()) <= 5
        programs.append(code)
    program = f"for code in {programs!r}:\n    exec(code, {{}})\n    print()\n    print('one more')"
    program += "\nimport sys\nassert 'keras_kd' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=run_folder)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split("one more")
    assert len(answers) == len(programs) + 1
    for answer in answers[:-1]:
        assert re.fullmatch(r"\[\d\]", answer.strip().splitlines()[-1])


def test_the_example_runs_alone(run_folder, tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((20, 20, 3), "uint8")).save(tmp_path / "image.png")
    for arguments in ([], [str(tmp_path / "image.png")]):
        done = subprocess.run(
            [sys.executable, "example/run.py", *arguments], capture_output=True, text=True, cwd=run_folder
        )
        assert done.returncode == 0, done.stderr
        shares = [float(line.split(" %")[0]) for line in done.stdout.splitlines()]
        assert len(shares) == 4 and sum(shares) == pytest.approx(100, abs=0.1)


def test_latencies_go_into_the_card(run_folder):
    of_the_run = (run_folder / "model_card.md").read_text()
    assert re.search(r"on the machine that made the files: `student.keras` [\d.]+ (ms|µs), `saved_model` ", of_the_run)
    row = {
        "file": str(run_folder / "student.tflite"), "image_shape": [8, 8, 1], "threads": 1, "peak_bytes": 2 * 10**6,
        "device": "2 CPU cores",
        "latency_ms": {"median": 0.25, "p90": 0.5, "n": 50, "warm_up": 10}, "images_a_second": {"1": 4000.0, "8": None},
    }  # fmt: skip
    keep_bench(run_folder, [row])
    text = (run_folder / "model_card.md").read_text()
    assert "| `student.tflite` | 0.25 ms | 0.50 ms | 4,000 | 2.0 MB |" in text
    assert "on the machine that made" not in text and "1 thread, on 2 CPU cores." in text
    assert json.loads((run_folder / "bench.json").read_text()) == [row]


def test_a_card_of_a_run_without_exports_and_teacher():
    found = {
        "student": {"name": "net", "top1": 0.5, "top5": None}, "seed": 1,
        "data": {"classes": 3, "test": 10, "train": 20, "name": "x"},
    }  # fmt: skip
    text = card(Report(**found), (4, 4, 3))
    assert "50.00 top-1, - top-5 on 10 test images" in text and "saved_model" not in text


def test_class_names_go_into_the_example_as_they_are():
    names = ["{file}", "{{x}}", "$shape", "it's"]
    export = {"format": "litert_float32", "file": "student.tflite", "passed": True}
    text = example(Report(class_names=names, exports=[export]), (4, 4, 3))
    assert f"CLASSES = {names!r}\n" in text and "HEIGHT, WIDTH, CHANNELS = (4, 4, 3)" in text
    compile(text, "run.py", "exec")
    assert example(Report(class_names=names, exports=[]), (4, 4, 3)) is None
