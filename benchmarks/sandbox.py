"""A place of its own for the safety scripts: images, a teacher, a student, a study; what lies there; how it ended."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
RECIPES = {
    "teacher.yaml": "data: {name: images}\nstudent: digits_cnn\nfit: {epochs: 2, batch_size: 20, deterministic: true}\n"
    "export: {formats: []}\n",
    "small.yaml": "data: {name: images, views: flip}\nteacher: teacher.yaml\nstudent: digits_tiny\n"
    "terms: [{method: kd}]\nlabel_weight: 0.1\nfit: {epochs: 3, batch_size: 20, deterministic: true}\n"
    "export: {gates: {int8_accuracy_drop: 1, int8_agreement: 0}, calibration_images: 16}\n"
    "search: {space: {terms.0.temperature: {float: [1, 9]}}, trials: 3, validation: 0.2}\n",
    "study.yaml": "question: Does it help?\nbase: student\nseeds: [0]\nrecipes:\n"
    "  big: {data: {name: images}, student: digits_cnn, fit: {epochs: 1, deterministic: true}}\n"
    "  student: {data: {name: images}, teacher: big.yaml, student: digits_tiny, terms: [kd], "
    "fit: {epochs: 2, deterministic: true}}\n"
    "axes: {temperature: {low: {terms.0.temperature: 1}, high: {terms.0.temperature: 8}}}\n",
}
# What no two runs share: times, and the digests of archives in which times stand.
OF_A_TIME = ("time", "date", "environment", "git_commit", "seconds", "load_seconds", "sha256")


class Sandbox:
    """A folder with images and recipes, a home folder and a cache of its own.

    Args:
        folder: made.
    """

    def __init__(self, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="keras_kd-"))
        self.work, self.home = self.folder / "work", self.folder / "home"
        for one in (self.work, self.home):
            one.mkdir(parents=True, exist_ok=True)
        for name, text in RECIPES.items():
            (self.work / name).write_text(text, encoding="utf-8")
        _images(self.work / "images")
        self.environment = {
            **os.environ,
            "HOME": str(self.home),
            "KERAS_KD_CACHE": str(self.folder / "cache"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": str(ROOT),
        }

    def command(self, *words):
        """The command line of a keras-kd command."""
        return [sys.executable, "-m", "keras_kd", *words]

    def run(self, *words, cwd=None, **options):
        """Runs a keras-kd command to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=cwd or self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            **options,
        )


def _images(folder):
    """30 training and 15 test images of 8x8 pixels in three classes."""
    from PIL import Image

    random = np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 5)):
        for number, name in enumerate(("dark", "grey", "light")):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for image in range(count):
                pixels = np.clip(random.normal(60 + 60 * number, 40, (8, 8, 3)), 0, 255).astype("uint8")
                Image.fromarray(pixels).save(folder / split / name / f"{image}.png")


def digests(folder):
    """What lies in a folder: {path: digest, or where a link leads, or "-" for a folder}."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "-"
    return found


def end_of(folder):
    """How work in a folder ended: {path: what it holds, but for times}; the same to the bit where two are equal."""
    return {name: _content(Path(folder) / name) for name, digest in digests(folder).items() if digest != "-"}


def _content(path):
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text(encoding="utf-8")), path.name)
    if path.name == "history.csv":
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        return [{key: value for key, value in row.items() if "seconds" not in key} for row in rows]
    if path.suffix == ".keras":
        import keras

        weights = keras.saving.load_model(path, compile=False).get_weights()
        return [hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest() for one in weights]
    if path.suffix in (".npz", ".tflite", ".bin", ".npy", ".yaml", ".py"):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return "there"  # pages with times in them, SavedModels with numbers of their own, events of TensorBoard


def _without_times(value, name):
    if name == "made.json":
        return sorted(value["made"])
    if name in ("checked.json", "seconds.json"):
        return "there"
    if name == "oracle.json":
        value["tried_so_far"].sort()  # a set, which KerasTuner writes in any order
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in OF_A_TIME and not key.endswith("_seconds")}
        if kept.get("format") == "saved_model":
            del kept["bytes"]  # a number of its own is written into each
        return {key: _without_times(one, "") for key, one in kept.items()}
    if isinstance(value, list):
        return [_without_times(one, "") for one in value]
    return value


def differences(one, other):
    """In which files two ends differ: [text]."""
    found = [f"{name} is only in one" for name in sorted(set(one) ^ set(other))]
    for name in sorted(set(one) & set(other)):
        if one[name] != other[name]:
            found.append(f"{name} differs{_where(one[name], other[name])}")
    return found


def _where(one, other):
    """Where two plain values first differ."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        key = next(key for key in one if one[key] != other[key])
        return f".{key}{_where(one[key], other[key])}"
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        place = next(place for place in range(len(one)) if one[place] != other[place])
        return f"[{place}]{_where(one[place], other[place])}"
    return f": {str(one)[:60]} and {str(other)[:60]}"
