"""How networks behave on images that were changed, in sentences and tables; as `keras_kd.report.tables`."""

from keras_kd.report.fields import get_path, parts
from keras_kd.utils.formatting import NOTHING, number, percent

# Of what is measured of corrupted images, that which is no corruption.
SUMMARIES = ("clean", "mean")
TRANSFERS = ("teacher_to_student", "student_to_teacher")


def corruptions(report):
    """Accuracy on corrupted images: (header, rows)."""
    corrupted = {role: parts(one) for role, one in parts(report, "properties", "corruptions").items()}
    names = list(dict.fromkeys(name for one in corrupted.values() for name in one if name not in SUMMARIES))
    rows = [
        [role, percent(one.get("clean")), *(mean_of(one.get(name)) for name in names), percent(one.get("mean"))]
        for role, one in corrupted.items()
    ]
    return ["accuracy", "clean", *(name.replace("_", " ") for name in names), "mean"], rows


def mean_of(values):
    """The mean of those shares that are known, in percent."""
    known = [one for one in values if one is not None] if isinstance(values, list) else []
    return percent(sum(known) / len(known)) if known else NOTHING


def attacks(report):
    """Accuracy under attack, and whether attacks transfer: (header, rows)."""
    rows, seen = [], set()
    for role, one in parts(report, "properties", "attacks").items():
        # Each network's attacks are measured next to its teacher's, which are the same every time.
        for who, name in (("student", role), ("teacher", "teacher")):
            scores = parts(one, who)
            if scores and name not in seen:
                seen.add(name)
                rows.append([name, *(percent(scores.get(key)) for key in ("clean", "fgsm", "pgd"))])
                rows[-1] += [_transferred(one, way) if who == "student" else NOTHING for way in TRANSFERS]
    header = ["accuracy under attack", "clean", "FGSM", "PGD", "the teacher's fool it", "its own fool the teacher"]
    return header, rows


def _transferred(one, way):
    transfer = parts(one, "transfer", way)
    return (
        f"{percent(transfer['fooled'])} of {transfer.get('images')}" if transfer.get("fooled") is not None else NOTHING
    )


def attack_settings(report):
    """How strong the attacks are."""
    one = next(iter(parts(report, "properties", "attacks").values()), {})
    if get_path(one, "epsilon") is None:
        return ""
    farthest, steps = number(get_path(one, "epsilon")), get_path(one, "steps")
    return f"A pixel of 0..255 moves by {farthest} at most, PGD in {steps} steps. "


def invariance(report):
    """What stays the same when images are changed: (header, rows)."""
    kept = parts(report, "properties", "invariance", "networks")
    names = list(dict.fromkeys(name for one in kept.values() for name in one))
    rows = [[role, *(percent(one.get(name)) for name in names)] for role, one in kept.items()]
    rows += [
        [pair.replace("/", " and ") + ", agreement", *(percent(get_path(one, name, "agreement")) for name in names)]
        for pair, one in parts(report, "properties", "invariance", "pairs").items()
    ]
    return ["images changed by", *(name.replace("_", " ") for name in names)], rows


def attention(report):
    """How far Grad-CAM maps of two networks fall together: (header, rows)."""
    rows = [
        [pair.replace("/", " and "), number(get_path(one, "iou")), number(get_path(one, "cosine"))]
        for pair, one in parts(report, "properties", "attention").items()
    ]
    return ["Grad-CAM maps of", "intersection over union", "cosine"], rows
