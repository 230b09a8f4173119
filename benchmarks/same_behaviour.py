"""Whether two states of the code do the same: resolved recipes, runs, banks, a search and exports, value for value.

    python benchmarks/same_behaviour.py COMMIT [--json]

The first state is a commit, checked out next to this one. Each state works in a folder of its own with the same
recipes, all of them with `deterministic: true`. The first state does everything twice: what differs between its own two
runs (times, dates, folders) is not compared, and is listed in the result.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
DETERMINISTIC = "fit: {{epochs: {epochs}, batch_size: 32, optimizer: adam, learning_rate: 0.01, deterministic: true}}\n"
RECIPES = {
    "teacher": "data: digits\nstudent: digits_cnn\nexport: {formats: []}\n" + DETERMINISTIC.format(epochs=3),
    "logits": "data: {name: digits, validation: 0.1}\nteacher: teacher.yaml\nstudent: digits_tiny\nlabel_weight: 0.1\n"
    "terms: [{method: kd, weight: 0.9, temperature: 4}]\n" + DETERMINISTIC.format(epochs=3),
    "features": "data: {name: digits, validation: 0.1, views: crop_flip}\nteacher: teacher.yaml\nstudent: digits_tiny\n"
    "terms: [{method: crd}, {method: kd, weight: 1.0}]\n" + DETERMINISTIC.format(epochs=3),
}
COMMANDS = [
    ["distill", "logits.yaml", "--quiet"],
    ["distill", "features.yaml", "--quiet"],
    ["search", "logits.yaml", "--trials", "2", "--no-winner", "--quiet"],
    ["doctor", "logits.yaml", "--json"],
    ["compare", "saved_models/logits", "saved_models/features", "--json"],
]


def keras_kd(tree, folder, *arguments):
    """What a command prints, run with the code of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-m", "keras_kd", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tree}: keras-kd {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def works(tree, folder):
    """Does all the work with one tree; gives {name: value} of all that can be compared."""
    folder.mkdir()
    for name, text in RECIPES.items():
        (folder / f"{name}.yaml").write_text(text)
    values = {}
    for path in sorted((tree / "recipes").rglob("*.yaml")):
        shown = keras_kd(tree, folder, "show", str(path))
        values[f"recipe {path.relative_to(tree / 'recipes')}"] = shown.replace(str(tree), "")
    for command in COMMANDS:
        printed = keras_kd(tree, folder, *command)
        if "--json" in command:
            values.update(flat(json.loads(printed), " ".join(command)))
    for path in sorted((folder / "saved_models").rglob("*")):
        if path.is_file():
            values.update(of_file(path, str(path.relative_to(folder))))
    return {name.replace(str(folder), ""): value for name, value in values.items()}


def of_file(path, name):
    """{name: value} of what a file holds."""
    if path.suffix in (".json", ".jsonl"):
        try:
            return flat(json.loads(path.read_text()), name)
        except json.JSONDecodeError:
            return {name: path.read_text()}
    if path.suffix == ".csv":
        rows = csv.DictReader(path.read_text().splitlines())
        return {f"{name} {number} {key}": value for number, row in enumerate(rows) for key, value in row.items()}
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {f"{name} {key}": digest(arrays[key].tobytes()) for key in arrays.files}
    if path.suffix == ".md":  # its figures are those of report.json
        return {
            f"{name} {number}": re.sub(r"\d+", "N", line) for number, line in enumerate(path.read_text().split("\n"))
        }
    if path.suffix == ".keras":
        return of_model(path, name)
    return {name: digest(path.read_bytes())}


def of_model(path, name):
    """The layers of a model and the values of its weights; not when it was saved and which module a class stands in."""
    import h5py

    values = {}
    with zipfile.ZipFile(path) as archive:
        for key, value in flat(json.loads(archive.read("config.json")), f"{name} config").items():
            if not key.endswith(".module"):
                values[key] = value
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            weights.visititems(
                lambda key, one: (
                    values.update({f"{name} {key}": digest(one[()].tobytes())})
                    if isinstance(one, h5py.Dataset)
                    else None
                )
            )
    return values


def flat(value, name):
    """A nest of dicts and lists as {path: value}."""
    if isinstance(value, dict) and value:
        return {key: one for part, held in value.items() for key, one in flat(held, f"{name}.{part}").items()}
    if isinstance(value, list) and value:
        return {key: one for part, held in enumerate(value) for key, one in flat(held, f"{name}.{part}").items()}
    return {name: value}


def digest(content):
    return hashlib.sha256(content).hexdigest()[:16]


def measured(name):
    """Whether a value is a time, or the size of a file in which names are numbered by the process that wrote it."""
    return "seconds" in name or name.endswith("exports.0.bytes")


def differing(one, other):
    """The names of the values that two states do not share."""
    return {name for name in one.keys() | other.keys() if one.get(name, "absent") != other.get(name, "absent")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="a commit")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--keep", type=Path, help="a folder that is not there yet, where the work is left")
    chosen = parser.parse_args()
    place = chosen.keep or Path(tempfile.mkdtemp())
    place.mkdir(exist_ok=True)
    tree = place / "before"
    subprocess.run(["git", "worktree", "add", "-q", "--detach", tree, chosen.before], cwd=ROOT, check=True)
    try:
        before, again, after = works(tree, place / "1"), works(tree, place / "2"), works(ROOT, place / "3")
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
        if not chosen.keep:
            shutil.rmtree(place)
    noise = differing(before, again) | {name for name in before.keys() | after.keys() if measured(name)}
    unequal = sorted(differing(before, after) - noise)
    result = {
        "before": subprocess.run(
            ["git", "rev-parse", chosen.before], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip(),
        "compared": len(before.keys() - noise),
        "unequal": {name: [before.get(name, "absent"), after.get(name, "absent")] for name in unequal},
        "not_compared": sorted(noise),
    }
    if chosen.json:
        print(json.dumps(result, indent=1))
    else:
        for name, (old, new) in result["unequal"].items():
            print(f"{name}\n    before: {str(old)[:200]}\n    after:  {str(new)[:200]}")
        print(f"{result['compared']} values compared, {len(unequal)} differ; {len(noise)} differ from run to run")
    sys.exit(bool(unequal))


if __name__ == "__main__":
    main()
