"""A search of 20 trials on real images, by one process, and by a chief and two workers of which one is killed.

    python benchmarks/search.py [--quick] [--json] [--backend jax]

Temperature and label weight of ResNet-20 to ResNet-8 on the first 20 classes of CIFAR-100 at 16x16 (see `methods.py`).
It tells what the teacher and the students cost, what live teachers would have cost, and whether the recipe that the
search wrote gives its figure again. One seed: no verdict about temperatures.
"""

import json
import signal
import socket
import subprocess
import sys
import time

import small_pair
from measuring import finish, options

# (training images, test images, teacher's epochs, student's epochs, trials)
FULL, QUICK = (10_000, 2_000, 12, 3, 20), (320, 320, 1, 1, 3)
SEARCH = (
    "search: {{trials: {}, space: {{label_weight: {{float: [0, 1]}}, "
    "terms.0.temperature: {{float: [1, 20], sampling: log}}}}}}\n"
)


def keras_kd(*arguments):
    """A process of the command line, begun."""
    call = [sys.executable, "-m", "keras_kd.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(call, cwd=small_pair.HERE, env=small_pair.environment(), **pipes)


def result(process):
    """What a process printed as JSON."""
    said, told = process.communicate()
    if process.returncode:
        sys.exit(f"exit code {process.returncode}\n{told[-2000:]}")
    return json.loads(said), told


def two_workers(recipe, folder, trials):
    """A search by a chief and two workers; the first is killed while it runs its second trial."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{one.getsockname()[1]}"
    common = [recipe, "--out", folder, "--quiet"]
    chief = keras_kd("search", *common[:-1], "--chief", where, "--json", "--no-winner")
    workers = [keras_kd("search", *common, "--worker", where, "--name", name) for name in ("one", "two")]
    while len(list((folder / "trials").glob("*/trial.json"))) < min(2, trials - 1) and chief.poll() is None:
        time.sleep(0.2)
    workers[0].send_signal(signal.SIGKILL)
    found, told = result(chief)
    for worker in workers:
        worker.wait()
    return found, [line for line in told.splitlines() if "no sign of life" in line]


def main():
    chosen = options(__doc__)
    images, tested, taught, learned, trials = QUICK if chosen.quick else FULL
    base, data = small_pair.begun("search-bench", chosen.quick, images, tested, taught)
    recipe = base / "small.yaml"
    recipe.write_text(small_pair.student(data, "resnet8", learned) + SEARCH.format(trials))
    alone, _ = result(keras_kd("search", recipe, "--out", base / "small-search", "--quiet", "--json"))
    best = base / "small-search" / "small.best.yaml"
    again, _ = result(keras_kd("distill", best, "--out", base / "again", "--restart", "--quiet", "--json"))
    shared, killed = two_workers(recipe, base / "shared-search", trials)
    # A search that is done already when this goes on loses no worker: what was told when it was run is kept.
    log = base / "killed.txt"
    if killed:
        log.write_text("\n".join(killed))
    killed = log.read_text().splitlines() if log.exists() else []
    first, second = alone["winner"]["runs"][0]["top1"], again["student"]["top1"]
    rows = [f"{'':<28} {'alone':>10} {'two workers':>12}"]
    for name, of in (
        ("trials completed", lambda one: one["counts"]["completed"]),
        ("best val_accuracy", lambda one: max(t["objectives"]["val_accuracy"] for t in one["trials"])),
        ("students' seconds", lambda one: one["seconds"]["students"]),
        ("teacher's seconds", lambda one: one["seconds"]["teacher"]),
        ("teacher's seconds, if live", lambda one: one["seconds"]["teacher_if_live"]),
        ("views asked", lambda one: one["seconds"]["views_asked"]),
        ("views shown", lambda one: one["seconds"]["views_shown"]),
    ):
        cells = [of(one) for one in (alone, shared)]
        rows.append(f"{name:<28} " + " ".join("-".rjust(10) if one is None else f"{one:>10g}" for one in cells))
    rows.append(f"the best recipe: top-1 {100 * first:.2f} by the search, {100 * second:.2f} run again from its file")
    rows += killed
    kept = ("trials", "counts", "best", "seconds", "space", "tuner", "judged_on", "winner")
    outcome = {
        "alone": {key: alone[key] for key in kept},
        "two_workers": {key: shared[key] for key in kept},
        "killed": killed,
        "run_again": {"top1": second, "as_before": first == second},
        "note": "one seed: no verdict about temperatures",
    }
    finish("search", outcome, "\n".join(rows), chosen)


if __name__ == "__main__":
    main()
