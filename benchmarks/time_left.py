"""Is the time left that a run says right? Runs are watched, and what was said is compared with what came.

    python benchmarks/time_left.py [--quick] [--json]

Each run is a `keras-kd distill` of its own; its folder is looked at once a second, as `keras-kd watch` does.
What counts is from the first tenth of the run's time on until nine tenths: how far the time left that was said is from
the time that was left, as a share of it. A run begins where its process says so in its folder: the teachers' runs are
there before.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring

TEN = "classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
SMALL = f"data: {{name: cifar100, {TEN}, image_size: 16, views: VIEWS, train_images: 2500}}"
FIT = "fit: {epochs: EPOCHS, batch_size: 64, optimizer: sgd, learning_rate: 0.05}\nexport: {formats: FORMATS}\n"
TEACHER = f"{SMALL}\nstudent: resnet20\n{FIT}"
STUDENT = f"{SMALL}\nteacher: teacher.yaml\nstudent: resnet8\nlabel_weight: 0.1\nterms: [{{method: kd}}]\n{FIT}"
# By name: views, epochs, formats.
RUNS = {
    "digits": ("digits", 40, None),
    "resnet8, a bank that fills": ("crop_flip", 30, "[]"),
    "resnet8, one view": ("none", 40, "[]"),
    "resnet8, exported": ("flip", 12, "[litert_float32, litert_int8]"),
}


def main():
    """Watches the runs; prints a table, and writes it."""
    chosen = measuring.options(__doc__)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "teacher.yaml").write_text(filled(TEACHER, "crop_flip", 3, "[]"))
        for name in list(RUNS)[:1] if chosen.quick else RUNS:
            found[name] = of_run(folder, name)
    measuring.finish("time_left", {"runs": found}, table_of(found), chosen, by_backend=False)


def table_of(found):
    """The table, as text."""
    header = f"{'run':<28} {'took':>6} {'median error':>13} {'largest':>8} {'within a fifth':>15}"
    return "\n".join(
        [header]
        + [
            f"{name:<28} {one['seconds']:>4.0f} s {one['median']:>13.0%} {one['worst']:>8.0%} {one['within']:>15.0%}"
            for name, one in found.items()
        ]
    )


def filled(recipe, views, epochs, formats):
    """A recipe with what stands in capitals."""
    return recipe.replace("VIEWS", views).replace("EPOCHS", str(epochs)).replace("FORMATS", formats)


def of_run(folder, name):
    """What was said of one run, and what came."""
    from keras_kd.workflows.watch import look

    views, epochs, formats = RUNS[name]
    recipe = "digits"
    if formats is not None:
        recipe = "student.yaml"
        (folder / recipe).write_text(filled(STUDENT, views, epochs, formats))
    place = folder / "saved_models" / f"watched_{len(list(folder.glob('saved_models/watched*')))}"
    given = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    asked = [sys.executable, "-m", "keras_kd", "distill", recipe, "--out", str(place), "--despite", "teacher-accuracy"]
    process, said, begun = subprocess.Popen(asked, **given), [], None
    while process.poll() is None:
        time.sleep(1.0)
        if not place.is_dir():
            continue
        seen = look(place)
        if seen.state == "running" and seen.inside is None:
            begun = begun or time.monotonic()
            said.append((time.monotonic(), seen.left))
    if process.returncode:
        raise SystemExit(process.stderr.read())
    ended = time.monotonic()
    seconds = ended - begun
    errors = []
    for at, left in said:
        true = ended - at
        if 0.1 * seconds <= at - begun <= 0.9 * seconds:
            errors.append(1.0 if left is None else abs(left - true) / true)
    return {
        "seconds": seconds,
        "looks": len(errors),
        "median": statistics.median(errors),
        "worst": max(errors),
        "within": sum(one <= 0.2 for one in errors) / len(errors),
        "said": [[round(at - begun, 1), left] for at, left in said],
    }


if __name__ == "__main__":
    main()
