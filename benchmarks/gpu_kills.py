"""Whether the queue of `gpu.py`, shrunk, ends as one that was never stopped: `python benchmarks/gpu.py --check-kills`.

For both ways of training several seeds: once without a break, and once killed by SIGKILL while the teacher trains,
stopped by SIGINT while the students do, and gone on with in another folder from what that call has kept. Weights,
figures of the reports and histories are compared to the bit; times, and what was asked of the bank when, apart.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import date
from pathlib import Path

from gpu_choice import SEEDS
from gpu_queue import PAIR
from measuring import RESULTS

GPU = Path(__file__).with_name("gpu.py")
TIMES = ("seconds", "teacher_seconds", "teacher_views")
# Of what a report says of its teacher's run: its seconds, and the digest of an archive that says when it was made.
OF_THE_MAKING = {"teacher.source.seconds", "teacher.source.sha256"}
# Figures of a report that depend on nothing but the weights and the images.
FIGURES = ("student", "teacher", "fidelity", "calibration", "who_pays", "per_class", "splits")
WAYS = ("processes", "mapped")


def queue(folder, keep, *more):
    """A call of the shrunk queue of the pair, begun."""
    command = [sys.executable, str(GPU), PAIR, "--quick", "--minutes", "60"]
    command += ["--folder", str(folder), "--keep", str(keep), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def decided(folder, way):
    """A folder in which it is decided already how several seeds are trained, so that both queues do the same."""
    (folder / "measured").mkdir(parents=True)
    choice = {"seeds": way, "processes": 2, "gains": [1.0, 1.0], "why": "decided by the check", "images_a_second": {}}
    (folder / "measured" / "choice.json").write_text(json.dumps(choice))
    return folder


def broken(folder, run, epochs, number):
    """Sends a call a signal once a run has so many epochs; returns how many it had then, None where it ended before."""
    history, process = folder / "runs" / run / "history.csv", queue(folder, folder.parent / "kept")
    while process.poll() is None and len(_rows(history)) < epochs:
        time.sleep(0.02)
    there = len(_rows(history)) if process.poll() is None else None
    if there is not None:
        os.kill(process.pid, number)
    # -9 where it was killed, 130 where it has stopped what ran, and kept what there was.
    return there if process.wait() in (-signal.SIGKILL, 130) else None


def _rows(history):
    if not history.exists():
        return []
    with history.open(newline="") as lines:
        return list(csv.DictReader(lines))


def found_in(folder):
    """{run: {what: comparable content}} of all runs of a queue."""
    found = {}
    for report in sorted((folder / "runs").glob("*/report.json")):
        run, said = report.parent, json.loads(report.read_text())
        rows = [{name: one for name, one in row.items() if name not in TIMES} for row in _rows(run / "history.csv")]
        with zipfile.ZipFile(run / "student.keras") as archive:
            weights = archive.read("model.weights.h5")
        figures = {path: one for name in FIGURES for path, one in _leaves(name, said.get(name))}
        found[run.name] = {"weights": weights, "history": rows} | figures
    return found


def _leaves(path, value):
    """[(dotted path, figure)] of all that depends on weights and images alone."""
    if isinstance(value, dict):
        return [leaf for name, one in value.items() for leaf in _leaves(f"{path}.{name}", one)]
    return [] if path in OF_THE_MAKING else [(path, value)]


def check(way, base):
    """What became of a queue that was stopped twice and moved, compared with one that was not."""
    whole = decided(base / "whole", way)
    if queue(whole, base / "kept-whole").wait():
        raise SystemExit(f"the unbroken queue failed; see {whole / 'logs'}")
    first, second = decided(base / "broken", way), base / "elsewhere" / "broken"
    kills = [
        {"signal": "SIGKILL", "at": "resnet56", "epochs": broken(first, "resnet56", 3, signal.SIGKILL)},
        {"signal": "SIGINT", "at": PAIR, "epochs": broken(first, PAIR, 5, signal.SIGINT)},
    ]
    size = sum(file.stat().st_size for file in (base / "kept").iterdir())
    kept = {"files": len(list((base / "kept").iterdir())), "bytes": size}
    shutil.rmtree(first)
    ended = queue(second, base / "kept-again", "--from", str(base / "kept")).wait()
    one, other = found_in(whole), found_in(second)
    differing = [
        f"{run}: {what}"
        for run in sorted({*one, *other})
        for what in sorted({*one.get(run, {}), *other.get(run, {})})
        if one.get(run, {}).get(what) != other.get(run, {}).get(what)
    ]
    compared = sum(map(len, one.values()))
    return {
        "stopped": kills,
        "kept": kept,
        "runs": list(one),
        "compared": compared,
        "ended": ended == 0,
        "differing": differing,
    }


def check_kills(as_json):
    """Prints the comparison, writes benchmarks/results/gpu_kills_jax.json; exit code 1 where something differs."""
    found = {}
    for way in WAYS:
        print(f"{way}: an unbroken queue, then one that is stopped twice", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as base:
            found[way] = check(way, Path(base))
    from gpu import look

    result = {
        "benchmark": "gpu_kills",
        "date": date.today().isoformat(),
        "shrunk": True,
        "seeds_mapped_by_the_choice": SEEDS,
        "ways": found,
        "environment": look(),
    }
    (RESULTS / "gpu_kills_jax.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    lines = []
    for way, one in found.items():
        stops = ", ".join(f"{stop['signal']} at epoch {stop['epochs']} of {stop['at']}" for stop in one["stopped"])
        verdict = "equal to the bit" if not one["differing"] else f"differing: {', '.join(one['differing'])}"
        kept = f"{one['kept']['files']} files, {one['kept']['bytes'] / 1e6:.2f} MB kept"
        lines.append(
            f"{way}: {stops}; {kept}, moved and gone on with; {one['compared']} things of {len(one['runs'])} runs "
            f"{verdict}"
        )
    print(json.dumps(result) if as_json else "\n".join([*lines, "benchmarks/results/gpu_kills_jax.json"]))
    sys.exit(0 if all(map(_is_sound, found.values())) else 1)


def _is_sound(one):
    """Whether a queue was stopped twice indeed, came to its end, and ended as the unbroken one."""
    hit = all(stop["epochs"] is not None for stop in one["stopped"])
    return hit and one["ended"] and not one["differing"]
