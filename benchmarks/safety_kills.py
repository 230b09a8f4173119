"""Commands killed at random moments: the same command again ends as one that was never killed.

    python benchmarks/safety_kills.py [--kills 6] [--only distill] [--json]

Each command runs to its end once; then it is killed by SIGKILL at random moments, each time in a fresh place, given
again, and what lies there in the end is compared: the same files, the same weights, figures, histories and rows to the
bit, times apart.
"""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from measuring import finish, options
from sandbox import Sandbox, differences, end_of

COMMANDS = {
    "distill": ["distill", "small.yaml", "--quiet"],
    "search": ["search", "small.yaml", "--quiet"],
    "study": ["study", "study.yaml", "--quiet", "--out", "saved_models/study"],
    "export": ["export", "saved_models/small", "--quiet"],
    "bank build": ["bank", "build", "small.yaml"],
}


def prepared(place, template):
    """A sandbox with what a command needs to be there already; always at one place, as paths stand in reports."""
    box = Sandbox(place)
    if template is not None:
        for part in ("work", "cache"):
            shutil.copytree(template / part, box.folder / part, dirs_exist_ok=True)
    return box


def killed(box, words, seconds):
    """Whether a command was killed before it ended."""
    process = subprocess.Popen(
        box.command(*words),
        cwd=box.work,
        env=box.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    hit = process.poll() is None
    if hit:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return hit


def tried(name, kills, chance, log):
    """How often a command was killed, and what then was not as without."""
    words, template, rows, count = COMMANDS[name], None, [], 0
    top = Path(tempfile.mkdtemp(prefix="keras_kd-"))
    place = top / "box"
    if name == "export":
        prepared(place, None).run("distill", "small.yaml", "--quiet", check=True)
        template = place.rename(top / "template")
    whole, begun = prepared(place, template), time.monotonic()
    whole.run(*words, check=True)
    seconds, wanted = time.monotonic() - begun, end_of(whole.work)
    shutil.rmtree(place)
    while len(rows) < kills and count < 2 * kills:
        count += 1
        box, moment = prepared(place, template), chance.uniform(0.5, seconds)
        hit = killed(box, words, moment)
        again = box.run(*words)
        found = differences(wanted, end_of(box.work)) if again.returncode == 0 else [again.stderr[-500:]]
        if hit:
            rows.append({"after_seconds": round(moment, 2), "differences": found})
            if found:
                log(f"{name} killed after {moment:.2f} s: {found[:5]}")
        shutil.rmtree(place)
    shutil.rmtree(top)
    log(f"{name:<12} {len(rows):>3} kills, {sum(not row['differences'] for row in rows):>3} ended the same")
    return {"seconds_unbroken": round(seconds, 1), "kills": rows}


def main():
    chosen = options(
        __doc__,
        kills=(int, 6, "of each command"),
        only=(str, None, "one of the commands"),
        seed=(int, 0, "of moments"),
    )
    chance = random.Random(chosen.seed)
    kills = 2 if chosen.quick else chosen.kills
    names = [chosen.only] if chosen.only else list(COMMANDS)
    found = {name: tried(name, kills, chance, lambda line: chosen.json or print(line, flush=True)) for name in names}
    total = sum(len(one["kills"]) for one in found.values())
    same = sum(not row["differences"] for one in found.values() for row in one["kills"])
    table = f"{total} kills, {same} ended as a run that was never killed"
    chosen.quick = chosen.quick or chosen.only is not None
    finish("safety_kills", {"seed": chosen.seed, "total": total, "same": same, "commands": found}, table, chosen)


if __name__ == "__main__":
    main()
