"""A training step, and a teacher's word on a batch, with oneDNN's kernels compared with TensorFlow's own, on the CPU.

    python benchmarks/cpu_kernels.py [--quick] [--json]

TensorFlow decides which it takes when it is imported, so that each has a process of its own; they are asked in turn,
order drawn anew each round, while the other one waits. Ratios are medians over rounds.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np
from measuring import finish, options, spread

LIKE = {"image_shape": (32, 32, 3), "classes": 100, "mean": (0.5,) * 3, "std": (0.25,) * 3}
PAIRS = (("resnet56", "resnet20"), ("resnet32x4", "resnet8x4"), ("wrn_40_2", "wrn_16_2"))
SETTINGS = {"oneDNN": "1", "Eigen": "0"}


def works(pairs, steps, batch):
    """{name: function} of a process: each student's steps, each teacher's inference."""
    from keras_kd import SGD, VIEWS, Distiller, Epochs, ViewRenderer, backend
    from keras_kd.models import build

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (steps * batch, 32, 32, 3), dtype="uint8")
    labels = generator.integers(0, 100, steps * batch).astype("int32")
    found = {}
    for teacher, student in pairs:
        views = VIEWS["crop_flip"]
        alone = Distiller(build(student, **LIKE), None, [], label_weight=1.0, views=ViewRenderer(views, images))
        alone.compile(optimizer=SGD(0.05, momentum=0.9, l2=5e-4), metrics=["accuracy"])
        epochs = Epochs(None, labels, views, batch)
        found[f"{student} trains"] = lambda alone=alone, epochs=epochs: alone.fit(epochs, verbose=0)
        says, pixels = backend.inference(build(teacher, **LIKE)), images[: 4 * batch].astype("float32")
        found[f"{teacher} says"] = lambda says=says, pixels=pixels: np.asarray(says(pixels))
    return found


def serve(pairs, steps, batch):
    """Does what it is asked for by name, a line each, and tells how long it took."""
    from keras_kd import backend

    found = works(pairs, steps, batch)
    print(json.dumps([backend.cpu_kernels(), list(found)]), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        found[line.strip()]()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


def start(kernels, arguments):
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": SETTINGS[kernels], "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, __file__, "--serve", json.dumps(arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def ask(process, name):
    process.stdin.write(name + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main():
    chosen = options(
        __doc__,
        rounds=(int, 9, "rounds timed"),
        steps=(int, 10, "steps a round"),
        batch=(int, 64, "images per step"),
        serve=(json.loads, None, "what a process of its own measures (JSON); given by this script"),
    )
    if chosen.serve:
        serve(*chosen.serve)
        return
    pairs, rounds = ((("resnet20", "resnet8"),), 2) if chosen.quick else (PAIRS, chosen.rounds)
    processes = {kernels: start(kernels, [pairs, chosen.steps, chosen.batch]) for kernels in SETTINGS}
    try:
        told = {kernels: json.loads(process.stdout.readline()) for kernels, process in processes.items()}
        names = told["Eigen"][1]
        wrong = {kernels: said for kernels, (said, _) in told.items() if said != kernels}
        if wrong:
            sys.exit(f"asked for {list(wrong)}, TensorFlow took {list(wrong.values())}")
        times = {(kernels, name): [] for kernels in processes for name in names}
        order = np.random.default_rng(0)
        for number in range(rounds + 1):
            for at in order.permutation(len(times)):
                kernels, name = list(times)[at]
                taken = ask(processes[kernels], name)
                if number:
                    times[kernels, name].append(taken)
    finally:
        for process in processes.values():
            process.stdin.close()
            process.wait()
    ratios = {
        name: dict(
            zip(
                ("wall", "cpu"),
                map(spread, (np.array(times["Eigen", name]) / np.array(times["oneDNN", name])).T),
                strict=True,
            )
        )
        for name in names
    }
    rows = [f"{'Eigen over oneDNN':<22} wall   CPU"]
    rows += [f"{name:<22} {one['wall']['median']:.2f}   {one['cpu']['median']:.2f}" for name, one in ratios.items()]
    finish("cpu_kernels", {"batch_size": chosen.batch, "eigen_over_onednn": ratios}, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
