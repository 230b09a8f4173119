"""The queue of runs for an accelerator, in calls of under ten minutes: the same command goes on until all is done.

    python benchmarks/gpu.py --plan                         what is to be run, in which call, and what is done
    python benchmarks/gpu.py [--data cifar100.npz] [--keep FOLDER]
    python benchmarks/gpu.py --from FOLDER --data ...       goes on elsewhere with what a call has kept
    python benchmarks/gpu.py dkd sp                         these lines, and what they need
    python benchmarks/gpu.py --quick                        the same queue, shrunk, on any machine

It needs JAX, keras and what keras_kd needs in addition to them; with `--data` (x_train, y_train, x_test, y_test)
neither TensorFlow nor a network. docs/gpu.md says in which order what is run and how it is packed; `gpu_queue.py` has
the lines. Where there is no accelerator the queue is shrunk, and what only one would give is marked as not measured.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

import gpu_keep
import gpu_results
from gpu_estimates import Cost, Estimator, in_calls, plan_table
from gpu_folder import Place
from gpu_queue import LINES, ROOT, chosen_lines, shrunk_lines
from gpu_runs import Runs

# Of a call: what is kept for ending processes, packing and writing. A process of the shrunk queue takes about as long.
ENDING, SHRUNK_SECONDS = 20.0, 20.0
# In a process of its own: JAX takes most of a device's memory as it looks at it.
LOOK = (
    "import json, os; os.environ['KERAS_BACKEND'] = 'jax'; os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'] = 'false'; "
    "from keras_kd.workflows.run.environment import environment, git_commit; "
    "print(json.dumps({**environment(), 'git_commit': git_commit()}))"
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="LINE", help="lines of the queue; all by default")
    parser.add_argument("--plan", action="store_true", help="print what is to be run, and run nothing")
    parser.add_argument("--minutes", type=float, default=9, help="after which a call stops, to be called again")
    parser.add_argument("--data", help="an .npz file of CIFAR-100; the recipes' own data by default")
    parser.add_argument("--folder", help="where the queue works; saved_models/gpu by default")
    parser.add_argument("--keep", metavar="FOLDER", help="leave there what is needed to go on elsewhere")
    parser.add_argument("--from", dest="taken", metavar="FOLDER", help="go on with what a call has kept")
    parser.add_argument("--quick", action="store_true", help="the shrunk queue, wherever it runs; writes no results")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--check-kills", action="store_true", help="whether a shrunk queue survives being killed")
    return parser.parse_args()


def look():
    """The environment of this machine, its device among it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"JAX does not start here: {' / '.join(done.stderr.strip().splitlines()[-3:])}")
    return json.loads(done.stdout.splitlines()[-1])


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def estimator(place):
    """What lines cost, of this place: a function of a line to its `Cost`, and whether anything was measured."""
    choice = place.choice or {}
    known = Estimator(place.seconds_an_epoch(LINES) if not place.shrunk else {}, choice.get("gains", (1.0, 1.0)))

    def cost(line):
        left = place.left(line)
        if place.shrunk:
            runs = sum(one is not None for one in left.values()) if line.kind == "train" else left
            return Cost(SHRUNK_SECONDS * runs, whole=line.kind == "measure")
        return known.of(line, left)

    return cost, bool(known.of_line)


def plan(place, lines, minutes):
    """Prints what is to be run, in which call."""
    cost, measured = estimator(place)
    done = {}
    for line in lines:
        left = place.left(line)
        if place.is_done(line):
            done[line.name] = "done"
        elif line.kind == "train":
            epochs, ended = place.epochs(line), sum(one is None for one in left.values())
            begun = [epochs - one for one in left.values() if one is not None and one < epochs]
            parts = [f"{ended} of {len(left)} seeds done"] if ended else []
            parts += [f"epoch {one} of {epochs}" for one in begun]
            done |= {line.name: ", ".join(parts)} if parts else {}
    for name, why in place.state["failed"].items():
        done[name.split()[0]] = f"failed: {why}"
    device = place.state["device"]
    laid_out = in_calls([(line, cost(line)) for line in lines], minutes)
    print("\n".join(plan_table(laid_out, done, device if measured else None)))


def call(place, lines, environment, chosen, begun):
    """Runs what is left until the minutes are over; returns (whether all is done, whether it was stopped, failures)."""
    if place.state["device"] not in (None, environment["device"]):
        # Another device is used best in another way.
        (place.measured / "choice.json").unlink(missing_ok=True)
    calls = [*place.state["calls"], {"begun": time.strftime("%Y-%m-%d %H:%M:%S"), "device": environment["device"]}]
    place.keep(device=environment["device"], calls=calls)

    def keep():
        if chosen.keep:
            for name in gpu_keep.pack(place, LINES, chosen.keep)["left_out"]:
                say(f"{chosen.keep}: no room for {name}")

    until = begun + 60 * chosen.minutes - (0 if place.shrunk else ENDING)
    runs = Runs(place, lines, until, lambda line: estimator(place)[0](line), say, keep)
    done, stopped = False, False
    try:
        done = runs.work()
    except KeyboardInterrupt:
        stopped = True
    calls[-1]["minutes"] = round((time.monotonic() - begun) / 60, 2)
    place.keep(calls=calls)
    keep()
    return done, stopped, runs.failed


def main():
    chosen, begun = arguments(), time.monotonic()
    # A shell's `&` has Ctrl-C ignored, and a time limit sends the other: both end a call with what there is kept.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if chosen.check_kills:
        from gpu_kills import check_kills

        return check_kills(chosen.json)
    environment = None if chosen.plan else look()
    shrunk = chosen.quick or (environment is not None and environment["device"] == "CPU")
    folder = chosen.folder or ROOT / "saved_models" / f"gpu{'-quick' if shrunk else ''}"
    place = Place(folder, shrunk, chosen.data)
    if shrunk and chosen.data:
        say("--data: the shrunk queue learns from the digits; not used")
    if chosen.taken:
        say(f"{len(gpu_keep.take_up(place, chosen.taken)['files'])} files taken up from {chosen.taken}")
    lines = chosen_lines(chosen.names)
    lines = shrunk_lines(lines) if shrunk else lines
    if chosen.plan:
        return plan(place, lines, chosen.minutes)
    place.check_data()
    done, stopped, failed = call(place, lines, environment, chosen, begun)
    found = gpu_results.results_of(place, lines if shrunk else LINES, environment)
    table = gpu_results.table_of(found, shrunk)
    if not chosen.quick:
        table += gpu_results.write(found, shrunk)
    table += [f"{name}: {why}" for name, why in failed.items()]
    table.append("done" if done else "not done: the same command goes on")
    print(json.dumps({"done": done, "shrunk": shrunk, "groups": found}) if chosen.json else "\n".join(table))
    sys.exit(130 if stopped else 1 if failed else 0)


if __name__ == "__main__":
    main()
