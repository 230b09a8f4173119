"""Ten faults put into two states of the code, one after the other: the tests of which state find each.

    python benchmarks/seeded_faults.py COMMIT [--only N]

A fault is a line of the package that is exchanged, in a checkout of its own; the tests are the files that judge its
room. A fault counts as found when they fail, and they have to pass without it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
FAULTS = [
    (
        "KD without the factor T^2",
        "return self.temperature**2 * kl_divergence(teacher / self",
        "return kl_divergence(teacher / self",
        "test_golden",
    ),
    (
        "the teacher runs as in training",
        "_, values = self._tapped[role].run(images, training=False)",
        "_, values = self._tapped[role].run(images, training=True)",
        "test_distiller test_steps",
    ),
    (
        "a bank is of any weights",
        ".encode())\n        digest.update(np.ascontiguousarray(weight).tobytes())",
        ".encode())",
        "test_bank",
    ),
    (
        "the mirror images of other images",
        "shift, mirrored = (view // 2, view % 2) if self.flip",
        "shift, mirrored = (view // 2, 1 - view % 2) if self.flip",
        "test_views",
    ),
    (
        "a circle of teachers is not seen",
        "if recipe in seen:\n            return [*seen, recipe]",
        "if recipe in seen:\n            return None",
        "test_recipe_errors test_teachers",
    ),
    ("every gate lets pass", "passed = measured <= allowed + 1e-9 if bound", "passed = True if bound", "test_export"),
    ("a schedule is an epoch late", "passed = epoch + 1\n", "passed = epoch\n", "test_steps test_recipes"),
    (
        "calibration error without its sign",
        "np.sum(counts / len(labels) * np.abs(accuracies - confidences))",
        "np.sum(counts / len(labels) * (accuracies - confidences))",
        "test_metrics",
    ),
    ("a learning rate that never falls", "rate *= (1 + math.cos(math.pi * done)) / 2", "rate *= 1", "test_optimizers"),
    (
        "weights that are no numbers go on",
        "if not np.isfinite(keras.ops.convert_to_numpy(one)).all():",
        "if one is None:",
        "test_resume",
    ),
]


def exchanged(tree, before, after):
    """The file of a tree's package in which a text stands once, with another in its place; None where it does not."""
    for path in sorted((tree / "keras_kd").rglob("*.py")):
        text = path.read_text()
        if text.count(before) == 1:
            return path, text, text.replace(before, after)
    return None


def passes(tree, names):
    """Whether the tests of some files pass in a tree."""
    files = [str(path) for name in names.split() for path in (tree / "tests").rglob(f"{name}.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{tree}: {' '.join(files)}: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.returncode == 0


def outcome(tree, before, after, names):
    """ "found", "not found", "no such line" or "fails without it"."""
    found = exchanged(tree, before, after)
    if found is None:
        return "no such line"
    path, text, wrong = found
    path.write_text(wrong)
    try:
        if passes(tree, names):
            return "not found"
    finally:
        path.write_text(text)
    return "found" if passes(tree, names) else "fails without it"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="a commit")
    parser.add_argument("--only", type=int, help="one fault, by its number from 1")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        trees = {"before": chosen.before, "now": "HEAD"}
        for name, commit in trees.items():
            tree = Path(place) / name
            subprocess.run(["git", "worktree", "add", "-q", "--detach", tree, commit], cwd=ROOT, check=True)
        worse = False
        try:
            for number, (what, text, instead, names) in enumerate(FAULTS, 1):
                if chosen.only in (None, number):
                    said = {name: outcome(Path(place) / name, text, instead, names) for name in trees}
                    worse |= said["before"] == "found" and said["now"] != "found"
                    print(f"{number:>2}  {what:<40}  {said['before']:<18}{said['now']}", flush=True)
        finally:
            for name in trees:
                subprocess.run(["git", "worktree", "remove", "--force", Path(place) / name], cwd=ROOT, check=True)
    sys.exit(worse)


if __name__ == "__main__":
    main()
