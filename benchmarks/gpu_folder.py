"""The folder in which the queue works: its recipes, its runs, what was measured; what of a line is done."""

import csv
import json
import os
import signal
import time
from pathlib import Path

from gpu_queue import ROOT, SHRUNK

DATA = "cifar100.npz"


class Place:
    """A folder of the queue.

    Args:
        path: of it; made if missing.
        shrunk: whether its runs are the shrunk ones.
        data: an .npz file of CIFAR-100, or None for the recipes' own data.
    """

    def __init__(self, path, shrunk, data=None):
        self.path, self.shrunk = Path(path).absolute(), shrunk
        self._done = set()
        self.runs, self.measured, self.studies = self.path / "runs", self.path / "measured", self.path / "studies"
        for folder in (self.path / "recipes", self.runs, self.measured, self.studies):
            folder.mkdir(parents=True, exist_ok=True)
        if data is not None:
            self._link(Path(data).absolute())

    def _link(self, data):
        """The data by a name in the folder, so that recipes and runs name no path of this machine."""
        link = self.path / DATA
        if not data.is_file():
            raise SystemExit(f"--data: found no file {data}; expected an .npz file of CIFAR-100")
        if link.is_symlink() or not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(data)

    def check_data(self):
        """Sees that the queue goes on with the data it has begun with, and keeps which kind that is."""
        given, before = (self.path / DATA).exists(), self.state.get("npz")
        if before not in (None, given):
            kinds = {True: "an .npz file", False: "the recipes' own data"}
            raise SystemExit(
                f"{self.path}: has begun with {kinds[before]}, and there is {kinds[given]} now; "
                f"{'give --data FILE' if before else 'name another --folder'}"
            )
        self.keep(npz=given)

    # What the queue keeps of itself.

    @property
    def state(self):
        """{"calls": [...], "failed": {...}, "done": [...], "device": ..., "children": [...]}."""
        found = _read(self.path / "state.json") or {}
        return {"calls": [], "failed": {}, "done": [], "device": None, "children": [], **found}

    def keep(self, **changes):
        """Writes what changes of the state; the old one stands until the new one is whole."""
        state = {"shrunk": self.shrunk, **self.state, **changes}
        part = self.path / "state.part"
        part.write_text(json.dumps(state, indent=1), encoding="utf-8")
        part.replace(self.path / "state.json")

    @property
    def choice(self):
        """Of `gpu_choice.choose`; None before."""
        return _read(self.measured / "choice.json")

    def end_children(self):
        """Ends processes of a call that was killed, where the system has not done so."""
        for number in self.state["children"]:
            line = Path(f"/proc/{number}/cmdline")
            try:
                ours = str(self.path).encode() in line.read_bytes()
            except OSError:
                continue
            if ours:
                os.kill(number, signal.SIGKILL)
                until = time.monotonic() + 10
                while line.exists() and time.monotonic() < until:
                    time.sleep(0.05)

    # Recipes and runs.

    def recipe(self, line):
        """The recipe of a line as the queue runs it, written into the folder: nothing exported, data by a name."""
        from keras_kd.recipe.files import read
        from keras_kd.recipe.overrides import set_field
        from keras_kd.recipe.yaml_writer import write_yaml

        raw, _ = read(line.path)
        settings = {"export.formats": [], **line.settings}
        if self.shrunk:
            settings.update(SHRUNK[line.name])
        elif (self.path / DATA).exists():
            settings["data.name"] = f"../{DATA}"
        for name, value in settings.items():
            set_field(raw, name, value)
        if isinstance(raw.get("teacher"), str):
            raw["teacher"] = Path(raw["teacher"]).name
        file = self.path / "recipes" / f"{line.stem}.yaml"
        text = f"# {line.path.relative_to(ROOT)} as the queue runs it.\n{write_yaml(raw)}"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
        return file

    def run(self, line, seed):
        """The folder of a seed's run."""
        return self.runs / (line.stem if seed == 0 else f"{line.stem}-seed{seed}")

    def epochs(self, line):
        """How many epochs a line's recipe has."""
        from keras_kd.recipe.load import load

        return load(str(self.recipe(line))).fit.epochs

    def history(self, line, seed):
        """The rows of a seed's history so far, numbers as text."""
        file = self.run(line, seed) / "history.csv"
        if not file.exists():
            return []
        with file.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))

    def is_done(self, line, seed=None):
        """Whether a line, or one seed of it, has come to its end."""
        if line.kind == "train":
            return all(self._ended(line, one) for one in (line.seeds if seed is None else (seed,)))
        if line.kind == "measure":
            return (self.measured / f"{line.name}.json").exists()
        return line.name in self.state["done"]

    def _ended(self, line, seed):
        """Whether a run is whole; one that is stays so."""
        run = self.run(line, seed)
        if run not in self._done and self._is_whole(run):
            self._done.add(run)
        return run in self._done

    @staticmethod
    def _is_whole(run):
        from keras_kd.recipe.folders import RunFolder
        from keras_kd.workflows.run.folder import is_whole

        return is_whole(RunFolder(run))

    def report(self, line, seed):
        """The report of a run that has ended; None before."""
        return _read(self.run(line, seed) / "report.json") if self._ended(line, seed) else None

    def left(self, line):
        """What is left of a line, as `Estimator.of` takes it: {seed: epochs}, else a share."""
        if line.kind != "train":
            return 0.0 if self.is_done(line) else 1.0
        epochs = self.epochs(line)
        return {
            seed: None if self.is_done(line, seed) else epochs - len(self.history(line, seed)) for seed in line.seeds
        }

    def seconds_an_epoch(self, lines):
        """{name: seconds an epoch of one seed, the bank's filling left out} of the trainings that have such epochs.

        They are shared among what trains at once: the seeds that are mapped, else the processes.
        """
        found = {}
        for line in lines:
            rows = [row for seed in line.seeds for row in self.history(line, seed)[1:]] if line.kind == "train" else []
            seconds = sorted(float(row["seconds"]) - float(row.get("teacher_seconds") or 0) for row in rows)
            if seconds:
                choice = self.choice or {"seeds": "processes", "processes": 1}
                mapped = choice["seeds"] == "mapped" and len(line.seeds) > 1
                together = len(line.seeds) if mapped else choice["processes"]
                found[line.name] = seconds[len(seconds) // 2] / together
        return found


def _read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
