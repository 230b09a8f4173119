"""What the benchmark scripts share: options, interleaved timing, medians with their spread, JSON with its evidence."""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def options(description, **extra):
    """The command line of a benchmark: --quick, --json, --backend and what it adds (name=(type, default, help))."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small networks and few rounds: under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--backend", choices=("tensorflow", "jax"), help="tensorflow (default) or jax")
    parser.add_argument(
        "--onednn", action="store_true", help="oneDNN's kernels, as TensorFlow takes them by itself with AVX-512 VNNI"
    )
    for name, (kind, default, text) in extra.items():
        parser.add_argument(f"--{name}", type=kind, default=default, help=text)
    chosen = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if chosen.backend:
        os.environ["KERAS_BACKEND"] = chosen.backend
    if chosen.onednn:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    return chosen


def interleaved(workloads, rounds):
    """Times workloads in turn, round after round, after one round that is thrown away.

    The order within a round is drawn anew, so that none always follows the heaviest on a machine that throttles.

    Args:
        workloads: {name: function of no arguments that returns when the work is done}.
        rounds: how often each is timed.

    Returns:
        {name: {"wall": float64 (rounds,), "cpu": float64 (rounds,)}} in seconds.
    """
    times = {name: {"wall": [], "cpu": []} for name in workloads}
    order = np.random.default_rng(0)
    for number in range(rounds + 1):
        for name in order.permutation(list(workloads)):
            work = workloads[name]
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number:
                times[name]["wall"].append(time.perf_counter() - wall)
                times[name]["cpu"].append(time.process_time() - cpu)
    return {name: {kind: np.array(values) for kind, values in one.items()} for name, one in times.items()}


def distill(recipe, folder, settings=(), seed=None):
    """Runs `keras-kd distill` to its end, going on where it was killed; returns its command and its report."""
    command = [sys.executable, "-m", "keras_kd.cli", "distill", recipe, "--json"]
    command += ["--out", os.path.relpath(folder, RESULTS.parent.parent)]
    for one in settings:
        command += ["--set", one]
    if seed is not None:
        command += ["--seed", str(seed)]
    done = subprocess.run(command, cwd=RESULTS.parent.parent, stdout=subprocess.PIPE, text=True)
    if done.returncode == 2:
        sys.exit(f"failed: {' '.join(command)}")
    report = json.loads((Path(folder) / "report.json").read_text())
    for large in ("per_class", "class_names"):
        report.pop(large, None)
    return {"command": " ".join(["keras-kd", *command[3:]]), "exit_code": done.returncode, "report": report}


def spread(values):
    """{"median", "low", "high", "n"}: the median and the quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {
        "median": round(float(median), 5),
        "low": round(float(low), 5),
        "high": round(float(high), 5),
        "n": len(values),
    }


def finish(name, result, table, chosen, by_backend=True):
    """Prints the table or the JSON, and writes results/NAME_BACKEND.json unless the run was a quick one.

    With oneDNN's kernels the file's name ends in `_onednn`; without `by_backend` it is NAME.json.
    """
    from keras_kd.workflows.run.environment import environment, git_commit

    result = {
        "benchmark": name,
        "date": date.today().isoformat(),
        "quick": chosen.quick,
        **result,
        "environment": environment(),
        "git_commit": git_commit(),
    }
    RESULTS.mkdir(exist_ok=True)
    backend = result["environment"]["backend"]
    if not chosen.quick:
        name = f"{name}_{backend}{'_onednn' if chosen.onednn else ''}" if by_backend else name
        path = RESULTS / f"{name}.json"
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        table += f"\n{path.relative_to(RESULTS.parent.parent)}"
    print(json.dumps(result) if chosen.json else table)
