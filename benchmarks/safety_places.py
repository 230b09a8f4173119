"""What commands do that are pointed at places that are not theirs: nothing of what lies there may change.

    python benchmarks/safety_places.py [--quick] [--json]

Each command is given a folder with somebody's files (some of names that it would write, or all of other names), the
root, the current folder, the home folder, a link out of it, and a folder that cannot be written; what lies there and
all around it is compared by digests before and after.
"""

import ctypes
import os
import shutil
import tempfile
from pathlib import Path

from measuring import finish, options
from sandbox import Sandbox, digests

COMMANDS = {
    "distill": ["distill", "small.yaml", "--quiet", "--out"],
    "distill --restart": ["distill", "small.yaml", "--quiet", "--restart", "--out"],
    "study": ["study", "study.yaml", "--quiet", "--out"],
    "study --restart": ["study", "study.yaml", "--quiet", "--restart", "--out"],
    "search": ["search", "small.yaml", "--quiet", "--trials", "1", "--no-winner", "--out"],
    "search --restart": ["search", "small.yaml", "--quiet", "--trials", "1", "--no-winner", "--restart", "--out"],
    "new": ["new"],
    "export": ["export"],
    "evaluate": ["evaluate"],
    "report": ["report"],
    "bench": ["bench"],
    "bank prune": ["bank", "prune", "--damaged", "--older-than", "0", "--folder"],
}
# Of <linux/prctl.h> and <linux/capability.h>: what lets root pass over permissions.
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def theirs(folder):
    """Somebody's files, some of them with names that ours have too."""
    (folder / "photos").mkdir(parents=True)
    (folder / ("0123456789abcdef")).mkdir()
    for name in ("thesis.tex", "photos/one.jpg", "student.keras", "report.json", ".writing-mine", ".export-mine"):
        (folder / name).write_text(f"somebody's {name}")
    for name in ("grid.json", "search.json", "recipe.yaml", "0123456789abcdef/notes.txt"):
        (folder / name).write_text(f"somebody's {name}")
    return folder


def places(box):
    """{name: (what is given, the folder that the command is given in, what is compared)}."""
    theirs(box.folder / "foreign")
    theirs(box.folder / "current")
    theirs(box.folder / "outside")
    theirs(box.folder / "closed")
    for name in ("small.yaml", "teacher.yaml", "study.yaml"):
        shutil.copy(box.work / name, box.folder / "current" / name)
    shutil.copytree(box.work / "images", box.folder / "current" / "images")
    theirs(box.home / "papers")
    (box.work / "link").symlink_to(box.folder / "outside")
    (box.folder / "beside" / "photos").mkdir(parents=True)
    for name in ("thesis.tex", "photos/one.jpg"):
        (box.folder / "beside" / name).write_text(f"somebody's {name}")
    return {
        "foreign files": (str(box.folder / "foreign"), box.work),
        "other names": (str(box.folder / "beside"), box.work),
        "/": ("/", box.work),
        ".": (".", box.folder / "current"),
        "~": ("~", box.work),
        "a link out": ("link", box.work),
        "read-only": (str(box.folder / "closed"), box.work),
        "read-only, new": (str(box.folder / "closed" / "new"), box.work),
    }


def tried(command, place):
    """What a command does at a place: {"code", "said", "changed"}."""
    box = Sandbox()
    try:
        given, cwd = places(box)[place]
        options = {}
        if place.startswith("read-only"):
            (box.folder / "closed").chmod(0o555)
            options = {"preexec_fn": heeds_permissions} if os.geteuid() == 0 else {}
        before, root = digests(box.folder), sorted(os.listdir("/"))
        done = box.run(*COMMANDS[command], given, cwd=cwd, **options)
        after = digests(box.folder)
        changed = [name for name in before if after.get(name) != before[name]]
        new = [name for name in after if name not in before and not name.startswith(("cache/", "home/.keras"))]
        said = [line for line in (done.stderr.splitlines() or done.stdout.splitlines()) if line.startswith("keras-kd:")]
        return {
            "code": done.returncode,
            "said": (said[-1] if said else (done.stdout.splitlines() or ["nothing"])[-1]).replace(
                str(box.folder), "BOX"
            ),
            "changed": changed + [f"/{one}" for one in sorted(set(os.listdir("/")) - set(root))],
            "new": sorted({"/".join(name.split("/")[:2]) for name in new}),
            "traceback": "Traceback" in done.stderr,
        }
    finally:
        (box.folder / "closed").chmod(0o755)
        shutil.rmtree(box.folder)


def heeds_permissions():
    """Has a process of root heed permissions as anybody's does."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def main():
    chosen = options(__doc__)
    rows, names = [], list(COMMANDS)[:2] if chosen.quick else list(COMMANDS)
    with tempfile.TemporaryDirectory() as empty:
        kinds = list(places(Sandbox(Path(empty) / "box")))
    for command in names:
        for place in kinds:
            row = {"command": command, "place": place, **tried(command, place)}
            rows.append(row)
            if not chosen.json:
                print(f"{command:<18} {place:<14} {row['code']:>3}  {row['said']}", flush=True)
                if row["changed"] or row["traceback"]:
                    print(f"    CHANGED: {row['changed'][:5]}, traceback {row['traceback']}", flush=True)
    bad = [row for row in rows if row["changed"] or row["traceback"]]
    result = {"tried": len(rows), "changed_or_traceback": len(bad), "rows": rows}
    table = f"{len(rows)} commands at places that are not theirs: {len(bad)} changed something or gave a traceback"
    finish("safety_places", result, table, chosen)


if __name__ == "__main__":
    main()
