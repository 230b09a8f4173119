"""resnet56, then resnet20 distilled from it, on CIFAR-100, on JAX: one command of ten minutes, again until it is done.

    python benchmarks/gpu.py [--data cifar100.npz] [--minutes 9] [--json]

Trains the teacher, fills the bank as the student asks for it, distills the student: 240 epochs each, by the command
line itself. When the minutes are over it keeps the state, writes what there is, and goes on with the same command. It
needs JAX, keras and what keras_kd needs in addition to them; with `--data` (x_train, y_train, x_test, y_test) neither
TensorFlow nor a network. Where there is no accelerator the run is shrunk, and says so.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from measuring import RESULTS, finish, options

ROOT = RESULTS.parent.parent
RECIPES = ("resnet56", "resnet56_to_resnet20")
SHRUNK = {
    "resnet56": {"fit.epochs": 2, "fit.drops": [1], "data.train_images": 640, "data.test_images": 500},
    "resnet56_to_resnet20": {"fit.epochs": 3, "fit.drops": [2], "data.train_images": 640, "data.test_images": 500},
}
QUICK = {"fit.epochs": 1, "fit.drops": [], "data.train_images": 128, "data.test_images": 100}


def run(recipe, folder, settings, until):
    """`keras-kd distill` until a moment; returns (whether it is done, what it said where it failed)."""
    command = [sys.executable, "-m", "keras_kd.cli", "distill", recipe, "--backend", "jax", "--out", str(folder)]
    for name, value in settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, said = process.communicate(timeout=max(1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
        return False
    # 1 is a student that was trained and an export that its gate refused.
    if process.returncode not in (0, 1):
        sys.exit(f"{recipe}: exit code {process.returncode}\n{said[-2000:]}")
    return True


def progress(folder, images):
    """What a run has done so far, from its history and, at its end, its report."""
    history = folder / "history.csv"
    rows = list(csv.DictReader(history.open())) if history.exists() else []
    seconds = [float(row["seconds"]) for row in rows]
    teaching = [float(row.get("teacher_seconds") or 0) for row in rows]
    views = sum(int(float(row.get("teacher_views") or 0)) for row in rows)
    report = folder / "report.json"
    found = json.loads(report.read_text()) if report.exists() else None
    steady = sorted(whole - taught for whole, taught in zip(seconds[1:], teaching[1:], strict=True))
    return {
        "epochs": len(rows),
        "training_seconds": round(sum(seconds) - sum(teaching), 1),
        "bank_seconds": round(sum(teaching), 1),
        "bank_views": views,
        "bank_views_a_second": round(views / sum(teaching)) if sum(teaching) else None,
        "images_a_second": round(images / steady[len(steady) // 2]) if steady else None,
        "done": found is not None,
        "top1": found["student"]["top1"] if found else None,
        "agreement": found["fidelity"]["agreement"] if found and found.get("fidelity") else None,
        "seconds_in_report": found["time"]["seconds"] if found else None,
    }


def main():
    os.environ["KERAS_BACKEND"] = "jax"
    chosen = options(
        __doc__,
        data=(str, None, "an .npz file of CIFAR-100; the recipes' own data by default"),
        minutes=(float, 9, "after which it stops, to be called again"),
        precision=(str, "float32", "float32, mixed_bfloat16 or mixed_float16"),
        folder=(str, None, "where the runs are kept; saved_models/gpu by default"),
    )
    from keras_kd import backend

    until = time.monotonic() + 60 * chosen.minutes
    shrunk = backend.device() == "CPU"
    folder = Path(chosen.folder or ROOT / "saved_models" / f"gpu{'-quick' if chosen.quick else ''}").absolute()
    stages, images = {}, 50_000
    for recipe in RECIPES:
        settings = {"export.formats": [], "fit.precision": chosen.precision}
        if chosen.data:
            settings["data.name"] = str(Path(chosen.data).absolute())
        settings.update(QUICK if chosen.quick else SHRUNK[recipe] if shrunk else {})
        images = settings.get("data.train_images", images)
        done = time.monotonic() < until and run(recipe, folder / recipe, settings, until)
        stages[recipe] = progress(folder / recipe, images)
        if not done:
            break
    rows = [
        f"{'':<22} {'epochs':>6} {'images/s':>9} {'training s':>11} {'bank s':>8} {'bank views/s':>13} {'top-1':>7}"
    ]
    for name, one in stages.items():
        top1 = "-" if one["top1"] is None else f"{100 * one['top1']:.2f}"
        rows.append(
            f"{name:<22} {one['epochs']:>6} {one['images_a_second'] or '-':>9} {one['training_seconds']:>11.1f} "
            f"{one['bank_seconds']:>8.1f} {one['bank_views_a_second'] or '-':>13} {top1:>7}"
        )
    whole = len(stages) == len(RECIPES) and all(one["done"] for one in stages.values())
    note = (
        "shrunk: no accelerator was found; one seed: no verdict" if shrunk else "one seed: no verdict about the method"
    )
    rows += [note, "done" if whole else "not done: the same command goes on"]
    result = {"shrunk": shrunk, "done": whole, "note": note, "precision": chosen.precision, "stages": stages}
    finish("gpu", result, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
