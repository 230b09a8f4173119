"""Which way uses a device best: one process, several that share it, or seeds mapped into one step. Under a minute.

    python benchmarks/gpu_choice.py --out choice.json [--shrunk]

Processes of the bare step of a student (see `limit.py`) take turns of a few seconds each: one alone, two, four at once,
and one with the steps of three seeds mapped together. What trains most images a second is chosen.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEMORY = 0.9  # of the device, shared by the processes
SEEDS = 3  # mapped together
WORTH = 1.05  # what a more involved way must gain
PATIENCE = 240.0  # seconds for all to compile


def worker(folder, number, shrunk):
    """A process that trains in its turns and counts images."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax
    import jax.numpy as jnp
    import numpy as np
    from limit import DIGITS, LIKE, step_of_jax

    from keras_kd.models import build

    name, like, batch = ("digits_tiny", DIGITS, 64) if shrunk else ("resnet20", LIKE, 64)
    # On a CPU a loop runs convolutions on one core.
    count = 16 if jax.default_backend() != "cpu" else 1
    step, state = step_of_jax(build(name, **like))
    generator = np.random.default_rng(number)
    images = jnp.asarray(generator.integers(0, 256, (count, batch, *like["image_shape"])).astype("float32"))
    labels = jnp.asarray(generator.integers(0, like["classes"], (count, batch)).astype("int32"))

    def several(one):
        def run(state, parts):
            if count == 1:
                return one(state, jax.tree.map(lambda part: part[0], parts))
            return jax.lax.scan(lambda state, part: (one(state, part), None), state, parts)[0]

        return jax.jit(run, donate_argnums=0)

    own = several(step), (images, labels), state, 1
    turns = {"own": own}
    if number == 0:
        mapped_parts = jax.tree.map(lambda part: jnp.stack([part] * SEEDS, 1), (images, labels))
        mapped_state = jax.tree.map(lambda one: jnp.stack([one] * SEEDS), state)
        turns["mapped"] = several(jax.vmap(step)), mapped_parts, mapped_state, SEEDS
    states = {}
    for way, (run, parts, first, _) in turns.items():
        states[way] = jax.block_until_ready(run(jax.tree.map(jnp.copy, first), parts))
    (folder / f"ready-{number}").touch()
    schedule = _wait_for(folder / "schedule.json")
    counted = {}
    for turn, (begins, ends, way, processes) in schedule.items():
        if number >= processes or way not in turns:
            continue
        run, parts, _, seeds = turns[way]
        time.sleep(max(0.0, begins - time.time()))
        trained, begun = 0, time.time()
        while time.time() < ends:
            states[way] = jax.block_until_ready(run(states[way], parts))
            trained += count * batch * seeds
        counted[turn] = trained / (time.time() - begun)
    (folder / f"counted-{number}.json").write_text(json.dumps(counted))


def _wait_for(path):
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > until:
            raise SystemExit(f"{path.name} did not come within {PATIENCE:.0f} s")
        time.sleep(0.05)
    return json.loads(path.read_text() or "{}")


def measure(shrunk, seconds):
    """{way: images a second}, all processes and seeds of it together."""
    counts = (1, 2) if shrunk else (1, 2, 4)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = {**os.environ, "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{MEMORY / counts[-1]:.3f}"}
        environment["GPU_QUEUE_PARENT"] = str(os.getpid())
        command = [sys.executable, str(Path(__file__).with_name("gpu_child.py")), __file__, "--worker", place]
        command += ["--shrunk"] if shrunk else []
        workers = [subprocess.Popen([*command, "--number", str(one)], env=environment) for one in range(counts[-1])]
        for one in range(counts[-1]):
            _wait_for(folder / f"ready-{one}")
        turns, begins = {}, time.time() + 0.5
        for way, processes in [("own", one) for one in counts] + [("mapped", 1)]:
            turns[f"{way} {processes}"] = (begins, begins + seconds, way, processes)
            begins += seconds + 0.5
        schedule = folder / "schedule.part"
        schedule.write_text(json.dumps(turns))
        schedule.rename(folder / "schedule.json")
        for one in workers:
            if one.wait():
                raise SystemExit(f"a process of the choice ended with {one.returncode}")
        found = [json.loads((folder / f"counted-{one}.json").read_text()) for one in range(counts[-1])]
    return {turn: sum(one.get(turn, 0.0) for one in found) for turn in turns}


def choose(rates):
    """What the queue does, and why, of {way: images a second}.

    Returns:
        {"seeds": "mapped" or "processes", "processes": how many at once, "gains": over one process [of lines of one
        seed, of several], "why": in words, "images_a_second": rates}.
    """
    alone = rates["own 1"]
    of_count = {int(way.split()[1]): rate for way, rate in rates.items() if way.startswith("own ")}
    best = max(of_count, key=of_count.get)
    processes = best if of_count[best] > WORTH * alone else 1
    mapped = rates["mapped 1"]
    by_mapping = mapped > WORTH * of_count[processes]
    told = ", ".join(f"{count} process{'' if count == 1 else 'es'} {rate:,.0f}" for count, rate in of_count.items())
    why = (
        f"images a second of the bare step: {told}, {SEEDS} seeds mapped in one process {mapped:,.0f}; so "
        f"{'the seeds of a line are mapped' if by_mapping else 'no seeds are mapped'} and "
        f"{f'{processes} processes share the device' if processes > 1 else 'one process has the device'} "
        f"(a way must gain {WORTH - 1:.0%})"
    )
    shared = of_count[processes] / alone
    rounded = {way: round(rate, 1) for way, rate in rates.items()}
    return {
        "seeds": "mapped" if by_mapping else "processes",
        "processes": processes,
        "gains": [round(shared, 3), round(mapped / alone if by_mapping else shared, 3)],
        "why": why,
        "images_a_second": rounded,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--shrunk", action="store_true")
    parser.add_argument("--worker", type=Path)
    parser.add_argument("--number", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.worker:
        return worker(chosen.worker, chosen.number, chosen.shrunk)
    found = choose(measure(chosen.shrunk, 0.5 if chosen.shrunk else 4.0))
    part = chosen.out.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1))
    part.rename(chosen.out)
    print(found["why"])


if __name__ == "__main__":
    main()
