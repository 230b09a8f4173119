"""How long a new process takes until it says or does something.

    python benchmarks/cold_start.py [--quick] [--json] [--backend jax]

`keras-kd --help`; and the time from the start of `keras-kd distill` to the end of its first training step, of a student
on its labels (digits, and resnet56 on all of CIFAR-100) and with a teacher in the step (resnet56_to_resnet20). Imports,
reading the data, building the networks and compiling the step are in it. With an empty bank the teacher's word on the
first epoch comes before the first step: that is work and not a start, and is not in it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import RESULTS, finish, options, spread

ROOT = RESULTS.parent.parent
# Ends the process after its first training step, with the time that it took.
FIRST_STEP = """
import json, os, sys, time
import keras_kd.cli.main

start = keras_kd.cli.run.start_keras
def start_and_watch(*given):
    start(*given)
    import keras
    from keras_kd.training.distiller import Distiller

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            {name: float(value) for name, value in logs.items()}
            print(json.dumps(time.time() - float(os.environ["BEGUN"])), flush=True)
            os._exit(0)

    fit = Distiller.fit
    Distiller.fit = lambda self, *given, **options: fit(
        self, *given, **{**options, "callbacks": [*options.get("callbacks", []), Stop()]}
    )
keras_kd.cli.run.start_keras = start_and_watch

sys.argv[0] = "keras-kd"
keras_kd.cli.main.main()
"""


def seconds_to_help():
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "keras_kd.cli", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def seconds_to_first_step(arguments, folder):
    environment = {**os.environ, "BEGUN": str(time.time())}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_STEP, "distill", *arguments, "--quiet", "--out", str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    try:
        return float(json.loads(done.stdout.strip().splitlines()[-1]))
    except (IndexError, ValueError):
        sys.exit(f"{arguments}: no step was taken\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")


def untrained_teacher(folder):
    """A resnet56 file: how good it is plays no part here."""
    from keras_kd.models import build

    path = Path(folder) / "resnet56.keras"
    build("resnet56", (32, 32, 3), 100, mean=(0.5,) * 3, std=(0.25,) * 3).save(path)
    return path


def main():
    chosen = options(__doc__, rounds=(int, 5, "processes of each kind"))
    rounds = 1 if chosen.quick else chosen.rounds
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        arguments = {"digits_teacher": ["digits_teacher"]}
        if not chosen.quick:
            arguments["resnet56"] = ["resnet56"]
            teacher = json.dumps({"model": str(untrained_teacher(folder))})
            arguments["resnet56_to_resnet20, teacher live"] = [
                "resnet56_to_resnet20", "--bank", "live", "--set", f"teacher={teacher}"
            ]  # fmt: skip
        ways = {"--help": seconds_to_help}
        for name, given in arguments.items():
            ways[f"first step of {name}"] = lambda given=given, name=name: seconds_to_first_step(
                given, Path(folder) / f"{name.split(',')[0]}-{time.time_ns()}"
            )
        for _ in range(rounds):
            for name, way in ways.items():
                measured.setdefault(name, []).append(way())
    found = {name: spread(values) for name, values in measured.items()}
    rows = [
        f"{name:<55} {one['median']:>7.2f} s ({one['low']:.2f} to {one['high']:.2f})" for name, one in found.items()
    ]
    finish("cold_start", {"seconds": found}, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
