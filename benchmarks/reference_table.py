"""What `against_reference.py` found: means, spreads and intervals of both sides, and a word for each row."""

import json

import numpy as np

LEVEL = 0.95
# Name: (what it is, factor of the table).
MEASURES = {
    "top1": ("test top-1", 100),
    "label_loss": ("cross-entropy of the last epoch, in training", 1),
    "term_loss": ("the method's own term of the last epoch, unweighted", 1),
}
# How far an interval may reach for "agree" to say anything: as a share of PyTorch's mean.
REACH = 1 / 12


def of_side(values):
    """{"mean", "std", "interval", "each"} of the seeds of one side."""
    from scipy.stats import t

    values = np.asarray(values, float)
    mean, n = float(values.mean()), len(values)
    std = float(values.std(ddof=1)) if n > 1 else None
    reach = float(t.ppf((1 + LEVEL) / 2, n - 1)) * std / n**0.5 if n > 1 else None
    return {
        "mean": mean,
        "std": std,
        "interval": None if reach is None else [mean - reach, mean + reach],
        "each": values.tolist(),
    }


def difference(ours, theirs):
    """{"mean", "interval", "word"}: keras_kd minus PyTorch, Welch's t interval of two sides that share nothing.

    The word is "differ" where the interval does not hold 0; "agree" where it does and reaches no further than `REACH`;
    else "too few seeds". It is None where a side has one seed.
    """
    from scipy.stats import ttest_ind

    mean = float(np.mean(ours) - np.mean(theirs))
    if min(len(ours), len(theirs)) < 2 or not (np.std(ours) or np.std(theirs)):
        return {"mean": mean, "interval": None, "word": None}
    found = ttest_ind(ours, theirs, equal_var=False).confidence_interval(LEVEL)
    low, high = float(found.low), float(found.high)
    narrow = max(-low, high) <= REACH * abs(np.mean(theirs))
    word = "differ" if low > 0 or high < 0 else "agree" if narrow else "too few seeds"
    return {"mean": mean, "interval": [low, high], "word": word}


def compared(work, rows):
    """What the file says.

    Args:
        work: of `against_reference.Work`.
        rows: their names.
    """
    with np.load(work.teacher) as teacher:
        taught = {"top1": float(teacher["top1"]), "cpu_seconds": float(teacher["cpu_seconds"])}
    seconds, found = {}, {}
    for row in rows:
        both = {side: work.runs(side, row) for side in ("ours", "reference")}
        for side, ran in both.items():
            seconds[side] = seconds.get(side, 0.0) + sum(one["cpu_seconds"] for one in ran.values())
        found[row] = {"n": {side: len(ran) for side, ran in both.items()}}
        for measure in MEASURES:
            if measure == "term_loss" and row == "alone":
                continue
            values = {side: [one[measure] for one in ran.values()] for side, ran in both.items()}
            found[row][measure] = {side: of_side(one) for side, one in values.items()}
            found[row][measure]["difference"] = difference(values["ours"], values["reference"])
    return {
        "settings": work.settings,
        "teacher": taught,
        "same": json.loads((work.folder / "same.json").read_text()),
        "measures": {name: what for name, (what, _) in MEASURES.items()},
        "rows": found,
        "exchanged": _exchanged(work, rows),
        "cpu_seconds": {side: round(one) for side, one in seconds.items()},
    }


def _exchanged(work, rows):
    """{what was exchanged: {row: {"seeds", a measure: {"ours", "exchanged", "published": by seed}}}}.

    `history` is the cross-entropy of each epoch: what differs by rounding alone is close in the first, and less later.
    """
    sides = sorted({path.name.partition("-")[0] for path in work.folder.glob("runs/reference+*.json")})
    found = {}
    for side in sides:
        said = found[", ".join(side.split("+")[1:])] = {}
        for row in rows:
            ran = {"ours": "ours", "exchanged": side, "published": "reference"}
            ran = {name: work.runs(one, row) for name, one in ran.items()}
            seeds = sorted(set.intersection(*map(set, ran.values())))
            if seeds:
                measures = (*MEASURES, "history")
                said[row] = {
                    what: {name: [one[seed][what] for seed in seeds] for name, one in ran.items()} for what in measures
                }
                said[row]["seeds"] = seeds
    return found


def table_of(result):
    """The rows for a person to read."""
    lines = [f"{'':<8} {'n':>5}  {'PyTorch':>16} {'keras_kd':>16}  difference"]
    for measure, (what, factor) in MEASURES.items():
        lines.append(what)
        for row, one in result["rows"].items():
            if measure not in one:
                continue
            sides = [f"{_said(one[measure][side], factor):>16}" for side in ("reference", "ours")]
            apart = one[measure]["difference"]
            word = f"  {_between(apart['interval'], factor)}  {apart['word']}" if apart["interval"] else ""
            n = f"{one['n']['reference']}/{one['n']['ours']}"
            lines.append(f"  {row:<6} {n:>5}  {' '.join(sides)}  {_number(factor * apart['mean']):>8}{word}")
    for name, rows in result["exchanged"].items():
        lines.append(
            f"PyTorch with {name}, by seed: top-1, cross-entropy of each epoch; keras_kd's; those as published"
        )
        for row, one in rows.items():
            for number, seed in enumerate(one["seeds"]):
                for side in ("exchanged", "ours", "published"):
                    epochs = " ".join(f"{value:.4f}" for value in one["history"][side][number])
                    lines.append(f"  {row:<6} {seed} {side:<9} {100 * one['top1'][side][number]:.2f}  {epochs}")
    same = result["same"]
    lines.append(
        "the first steps of both from the same weights: apart over what they went; by rounding; by a wrong decay"
    )
    for row, one in same["steps"].items():
        lines.append(f"  {row:<6} " + "  ".join(f"{one[what]:.0e}" for what in ("trained", "rounding", "wrong")))
    lines.append(f"apart: the teacher's logits {same['teacher_logits']:.0e}, losses {max(same['losses'].values()):.0e}")
    lines.append(f"teacher {100 * result['teacher']['top1']:.2f}; mean +- standard deviation over seeds,")
    lines.append(f"95 % intervals; CPU seconds: {result['cpu_seconds']}")
    return "\n".join(lines)


def _said(side, factor):
    mean = _number(factor * side["mean"], "")
    return mean if side["std"] is None else f"{mean} +- {_number(factor * side['std'], '')}"


def _between(interval, factor):
    return " to ".join(_number(factor * one) for one in interval)


def _number(value, sign="+"):
    return f"{value:{sign}.4g}"
