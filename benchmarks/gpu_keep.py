"""What a call of the queue leaves to go on elsewhere: at most 8 files of 16 MB, taken up again by `--from`.

The bank is not among them: the teacher fills it again. Runs that have come to their end are kept as far as the queue
and the students that they teach need them: recipe, report, history, `.keras`, the account of the folder.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path

FILES, MEGABYTES = 8, 16
INDEX = "keep.json"
# Of a run; what can be made again from these (pages, predictions of the test images, TensorBoard's log) is left out.
OF_A_RUN = ("recipe.yaml", "report.json", "history.csv", "student.keras", "model_card.md", "report.md", "bank.json")
OF_A_TRAINING = ("recipe.yaml", "training_state.npz", "history.csv", "bank_filling.json")
ACCOUNT = ".keras_kd/made.json"


def wanted(place, lines):
    """[(importance, path relative to the folder)], the most important first, each once.

    Args:
        place: the `Place`.
        lines: all lines of the queue, in their order.
    """
    found = [(0, path) for path in (place.path / "state.json", *place.measured.glob("*.json"))]
    found += [(0, path) for path in (place.path / "recipes").glob("*.yaml")]
    found += [(0, path) for path in place.studies.glob("*/study.json")]
    teachers = {line.after[0] for line in lines if line.kind == "train" and line.after} | {"resnet56"}
    for number, line in enumerate(lines):
        for seed in line.seeds:
            run = place.run(line, seed)
            if not run.exists():
                continue
            done = place.is_done(line, seed)
            found += [(1, run / name) for name in ("report.json", "history.csv", "recipe.yaml", ACCOUNT)]
            for name in OF_A_RUN if done else OF_A_TRAINING:
                # A teacher before what is being trained, that before students that are finished.
                importance = 2 if done and line.name in teachers else 3 if not done else 4 + number
                found.append((importance, run / name))
    best = {}
    for importance, path in found:
        if path.is_file():
            best[path] = min(importance, best.get(path, importance))
    ordered = sorted(best.items(), key=lambda one: (one[1], str(one[0])))
    return [(importance, path.relative_to(place.path)) for path, importance in ordered]


def pack(place, lines, folder, files=FILES, megabytes=MEGABYTES):
    """Writes what is wanted into a folder, in parts; what was there of an earlier call goes once the new is whole.

    Args:
        place: the `Place`.
        lines: all lines of the queue.
        folder: made if missing.
        files, megabytes: how many files at most, the index with them, and how large each.

    Returns:
        {"parts": [{"name", "sha256"}], "files": [...], "left_out": [...]}.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    size, room = megabytes * 10**6, (files - 1) * megabytes * 10**6
    packed, left_out, stream = [], [], io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        used = 0
        for _, name in wanted(place, lines):
            data = (place.path / name).read_bytes()
            need = len(data) + 2 * tarfile.RECORDSIZE
            if used + need > room:
                left_out.append(str(name))
                continue
            used += need
            about = tarfile.TarInfo(str(name))
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
            packed.append(str(name))
    whole, parts = stream.getvalue(), []
    for start in range(0, len(whole), size):
        part = whole[start : start + size]
        digest = hashlib.sha256(part).hexdigest()
        name = f"part-{len(parts)}-{digest[:8]}.tar"
        parts.append({"name": name, "sha256": digest})
        (folder / name).write_bytes(part)
    index = {"shrunk": place.shrunk, "parts": parts, "files": packed, "left_out": left_out}
    new = folder / f"{INDEX}.part"
    new.write_text(json.dumps(index, indent=1), encoding="utf-8")
    new.replace(folder / INDEX)
    for old in folder.glob("part-*.tar"):
        if old.name not in {part["name"] for part in parts}:
            old.unlink()
    return index


def take_up(place, folder):
    """Puts what a call has kept into a folder in which the queue has not begun.

    Args:
        place: the `Place`; its `state.json` is not there yet.
        folder: of `pack`.

    Raises:
        SystemExit: the folder holds no such thing, a part is damaged, or the place has begun by itself.
    """
    folder = Path(folder)
    if (place.path / "state.json").exists():
        raise SystemExit(
            f"--from {folder}: the queue has begun in {place.path} already; leave --from out to go on there, or name "
            "another --folder"
        )
    if not (folder / INDEX).is_file():
        raise SystemExit(f"--from {folder}: found no {INDEX}; expected the --keep folder of an earlier call")
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    if index["shrunk"] != place.shrunk:
        kinds = {True: "shrunk", False: "full"}
        raise SystemExit(
            f"--from {folder}: found a {kinds[index['shrunk']]} queue; expected a {kinds[place.shrunk]} one"
        )
    whole = b""
    for part in index["parts"]:
        file = folder / part["name"]
        data = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(data).hexdigest() != part["sha256"]:
            raise SystemExit(f"--from {folder}: {part['name']} is missing or damaged; bring the whole folder")
        whole += data
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        # The state comes last: with it the queue counts as begun.
        names = sorted(archive.getmembers(), key=lambda one: one.name == "state.json")
        archive.extractall(place.path, members=names, filter="data")
    # The bank has stayed where it was.
    place.keep(done=[name for name in place.state["done"] if name != "bank"], children=[])
    return index
