"""Single bytes changed at random in all that a finished run left, its bank and its cache: no figure changes in silence.

    python benchmarks/safety_damage.py [--changes 200] [--json]

After each change the same `distill`, `evaluate`, `report` and `compare` are given, and a run of another seed that reads
the bank and the cache. Each change is noticed (an error, or a line that names it), or has no effect: every figure and
weight is as without it.
"""

import contextlib
import io
import os
import random
import shutil
import tempfile
from pathlib import Path

from measuring import finish, options
from sandbox import Sandbox, digests


def outcome(box):
    """(figures of each command, what was said) where something may be damaged."""
    from keras_kd import backend
    from keras_kd.recipe.load import load
    from keras_kd.report import compare
    from keras_kd.utils.errors import UserError
    from keras_kd.workflows.run import distill as run
    from keras_kd.workflows.run.evaluate import evaluate as evaluate_run
    from keras_kd.workflows.run.write_page import write_page

    said, figures = io.StringIO(), {}
    backend.no_tracing_notes()

    def distilled(folder, settings=()):
        found = run.distill(load("small.yaml", settings), folder, name="small", quiet=True)
        return {**numbers(found), "weights": weights(Path(folder, "student.keras"))}

    calls = {
        "compare": lambda: compare.rows_of(["saved_models/small"]),
        "report": lambda: write_page("saved_models/small") and None,
        "distill": lambda: distilled("saved_models/small"),
        "evaluate": lambda: numbers(evaluate_run("saved_models/small")),
        "another seed": lambda: distilled("saved_models/other", ["seed=1", "export.formats=[]"]),
    }
    with contextlib.redirect_stderr(said), contextlib.chdir(box.work):
        for name, call in calls.items():
            try:
                figures[name] = call()
            except UserError as error:
                figures[name] = None
                print(f"{name}: {error}", file=said)
    return figures, said.getvalue()


def numbers(found):
    """The figures of a report, times apart."""
    names = ("student", "teacher", "fidelity", "calibration", "per_class", "cost", "data", "epochs", "seed", "bank")
    kept = {name: found.get(name) for name in names}
    kept["exports"] = [
        {key: one[key] for key in ("file", "bytes", "agreement", "accuracy", "passed")}
        for one in found.get("exports", [])
    ]
    return kept


def weights(file):
    import keras

    return [one.tobytes() for one in keras.saving.load_model(file, compile=False).get_weights()]


def restored(box, kept):
    """Puts everything back as it was."""
    for part in ("work", "cache"):
        shutil.rmtree(box.folder / part)
        shutil.copytree(kept / part, box.folder / part, symlinks=True)


def main():
    chosen = options(__doc__, changes=(int, 200, "bytes"), seed=(int, 0, "of the places"))
    changes, chance = 5 if chosen.quick else chosen.changes, random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as place:
        box, kept = Sandbox(Path(place) / "box"), Path(place) / "kept"
        os.environ.update({name: box.environment[name] for name in ("HOME", "KERAS_KD_CACHE")})
        box.run("distill", "small.yaml", "--quiet", check=True)
        box.run("bench", "saved_models/small", "--runs", "3", check=True)
        for part in ("work", "cache"):
            shutil.copytree(box.folder / part, kept / part)
        wanted, nothing = outcome(box)
        rows = []
        files = [name for name in digests(kept) if (kept / name).is_file() and (kept / name).stat().st_size]
        files = [name for name in files if name.startswith("cache/") or name.startswith("work/saved_models/")]
        while len(rows) < changes:
            order = files[:]
            chance.shuffle(order)
            for name in order[: changes - len(rows)]:
                restored(box, kept)
                content = bytearray((box.folder / name).read_bytes())
                at, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
                content[at] ^= bit
                (box.folder / name).write_bytes(content)
                figures, said = outcome(box)
                same = all(figures[call] == wanted[call] for call in wanted)
                noticed = said.replace(nothing, "").strip() != ""
                kind = "noticed" if noticed else "without effect" if same else "SILENT"
                rows.append({"file": name, "byte": at, "bit": bit, "kind": kind})
                if not chosen.json and (kind == "SILENT" or len(rows) % 20 == 0):
                    print(f"{len(rows):>4}  {kind:<15} {name} byte {at}", flush=True)
    counts = {kind: sum(row["kind"] == kind for row in rows) for kind in ("noticed", "without effect", "SILENT")}
    table = f"{len(rows)} changes of a byte in {len(files)} files: " + ", ".join(
        f"{n} {kind}" for kind, n in counts.items()
    )
    finish(
        "safety_damage", {"seed": chosen.seed, "files": len(files), "counts": counts, "changes": rows}, table, chosen
    )


if __name__ == "__main__":
    main()
