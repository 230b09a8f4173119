"""Runs the lines of the queue until a moment: what may go side by side does, what measures has the device alone."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gpu_choice import MEMORY
from gpu_queue import ROOT, STUDIES

HERE = Path(__file__).parent
WATCH = 0.2  # seconds between two looks at what runs
PATIENCE = 30.0  # seconds that processes have to end when asked to
LEAST = 45.0  # seconds that must be left for a process to be begun


@dataclass(frozen=True)
class Task:
    """One process of a line.

    Args:
        line: the `Line`.
        seeds: of it that the process trains.
        alone: whether nothing else may run beside it.
    """

    line: object
    seeds: tuple[int, ...]
    alone: bool

    @property
    def name(self):
        return " ".join([self.line.name, *(f"seed {seed}" for seed in self.seeds if len(self.line.seeds) > 1)])


def tasks_of(line, choice, shrunk=False):
    """The processes that a line is made of.

    Args:
        line: a `Line`.
        choice: what `gpu_choice.choose` found, or None before.
        shrunk: whether its times are of no interest, so that it needs nothing for itself; the choice does.
    """
    if line.kind != "train":
        return [Task(line, (), line.kind == "measure" and (not shrunk or line.name == "choice"))]
    if len(line.seeds) > 1 and choice and choice["seeds"] == "mapped":
        return [Task(line, line.seeds, False)]
    return [Task(line, (seed,), False) for seed in line.seeds]


class Runs:
    """The processes of a call.

    Args:
        place: the `Place`.
        lines: those asked for, in the queue's order.
        until: moment of `time.monotonic` at which it stops.
        cost: of a line, to its `Cost` now.
        say: called with a line of progress.
        kept: called whenever something has come to its end.
    """

    def __init__(self, place, lines, until, cost, say, kept):
        self.place, self.lines, self.until = place, lines, until
        self.cost, self.say, self.kept = cost, say, kept
        self.running, self.failed = {}, {}

    def work(self):
        """Runs until all is done, the time is over, or nothing that is left can be run; returns whether all is done."""
        self.place.end_children()
        told = time.monotonic()
        try:
            while time.monotonic() < self.until:
                self._reap()
                self._start()
                if not self.running:
                    break
                if time.monotonic() - told > 20:
                    told = time.monotonic()
                    self._tell()
                time.sleep(WATCH)
        finally:
            self.stop()
        return all(self.place.is_done(line) for line in self.lines)

    def stop(self):
        """Asks what runs to end, waits, and ends by force what does not listen; completed epochs are kept."""
        for process, _ in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        until = time.monotonic() + PATIENCE
        for task, (process, file) in self.running.items():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            file.close()
            if self._succeeded(task, process.returncode):
                self._ended(task)
        self.running = {}
        self.place.keep(children=[])

    def _tell(self):
        for task in self.running:
            rows = [len(self.place.history(task.line, seed)) for seed in task.seeds]
            epochs = f": epoch {min(rows)} of {self.place.epochs(task.line)}" if rows else ""
            self.say(f"{task.name}{epochs}")

    def _reap(self):
        for task, (process, file) in list(self.running.items()):
            if process.poll() is None:
                continue
            file.close()
            del self.running[task]
            if self._succeeded(task, process.returncode):
                self._ended(task)
            else:
                self._failed(task, process.returncode)
            self.place.keep(children=[one.pid for one, _ in self.running.values()])
            self.kept()

    def _succeeded(self, task, code):
        """Whether a process has left what it was to leave; of a bank and a study its exit code tells."""
        if task.line.kind in ("bank", "study"):
            return code == 0
        return all(self.place.is_done(task.line, seed) for seed in task.seeds or (None,))

    def _ended(self, task):
        if task.line.kind in ("bank", "study"):
            self.place.keep(done=[*self.place.state["done"], task.line.name])
        failed = {name: why for name, why in self.place.state["failed"].items() if name != task.name}
        self.place.keep(failed=failed)
        self.say(f"{task.name}: done")

    def _failed(self, task, code):
        said = self._log(task).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        self.failed[task.name] = f"exit code {code}: {' / '.join(said)[-600:]}"
        self.place.keep(failed={**self.place.state["failed"], task.name: self.failed[task.name]})
        self.say(f"{task.name}: {self.failed[task.name]}")

    def _log(self, task):
        logs = self.place.path / "logs"
        logs.mkdir(exist_ok=True)
        return logs / f"{task.name.replace(' ', '-')}.txt"

    # What may begin.

    def _start(self):
        choice = self.place.choice
        room = (choice or {}).get("processes", 1)
        of_name = {line.name: line for line in self.lines}
        for line in self.lines:
            if self.place.is_done(line):
                continue
            waits = any(one in of_name and not self.place.is_done(of_name[one]) for one in line.after)
            for task in tasks_of(line, choice, self.place.shrunk):
                if self._is_over(task):
                    continue
                if task.alone:
                    if not self.running and not waits and self._fits(task):
                        self._begin(task, 1)
                    if task in self.running or self._fits(task):
                        # What comes later would keep the device from it.
                        return
                elif not waits and len(self.running) < room and self._fits(task):
                    if any(one.alone for one in self.running):
                        return
                    self._begin(task, room)

    def _is_over(self, task):
        seeds = all(self.place.is_done(task.line, seed) for seed in task.seeds) if task.seeds else False
        return seeds or task in self.running or task.name in self.failed

    def _fits(self, task):
        left = self.until - time.monotonic()
        if self.place.shrunk:
            return left > 0
        # What measures keeps nothing when it is stopped.
        return left > (self.cost(task.line).seconds if task.alone else LEAST)

    def _begin(self, task, room):
        environment = {
            **os.environ,
            **task.line.environment,
            "KERAS_BACKEND": "jax",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "GPU_QUEUE_PARENT": str(os.getpid()),
            "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{MEMORY / room:.3f}",
        }
        environment.pop("KERAS_KD_BANK", None)
        if not self.place.shrunk:
            # A program that one process has compiled is read by the next.
            environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(self.place.path / "compiled"))
        file = self._log(task).open("w", encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(HERE / "gpu_child.py"), *self.command(task)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running[task] = process, file
        self.place.keep(children=[one.pid for one, _ in self.running.values()])
        self.say(f"{task.name}: begins")

    def command(self, task):
        """What the process of a task runs."""
        line, place = task.line, self.place
        if line.kind == "measure":
            script = "gpu_choice.py" if line.name == "choice" else "gpu_speed.py"
            part = [] if line.name == "choice" else [line.name]
            shrunk = ["--shrunk"] if place.shrunk else []
            return [str(HERE / script), *part, "--out", str(place.measured / f"{line.name}.json"), *shrunk]
        if line.kind == "study":
            settings = dict(line.settings)
            if (place.path / "cifar100.npz").exists():
                settings["data.name"] = str(place.path / "cifar100.npz")
            command = ["keras_kd.cli", "study", STUDIES.get(line.name, line.name), "--backend", "jax", "--quiet"]
            command += ["--out", str(place.studies / line.name)]
            return command + [word for name, value in settings.items() for word in _set(name, value)]
        recipe = str(place.recipe(line))
        for name in line.after:
            self._write_recipe(name)
        if line.kind == "bank":
            return ["keras_kd.cli", "bank", "build", recipe, "--backend", "jax", "--out", str(place.run(line, 0))]
        weak = ["--despite", "teacher-accuracy"] if place.shrunk else []
        if len(task.seeds) > 1:
            seeds = ",".join(map(str, task.seeds))
            return [str(HERE / "mapped_seeds.py"), recipe, str(place.runs), "--seeds", seeds, *weak]
        seed = task.seeds[0]
        command = ["keras_kd.cli", "distill", recipe, "--backend", "jax", "--seed", str(seed), "--quiet", *weak]
        return [*command, "--out", str(place.run(line, seed))]

    def _write_recipe(self, name):
        """A teacher's recipe is next to those that name it."""
        for line in self.lines:
            if line.name == name and line.kind in ("train", "bank"):
                self.place.recipe(line)
                for before in line.after:
                    self._write_recipe(before)


def _set(name, value):
    return "--set", f"{name}={json.dumps(value)}"
