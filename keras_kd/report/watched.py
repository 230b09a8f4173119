"""How far the work in a folder is, as the lines that somebody who watches it reads."""

import math
from dataclasses import dataclass, field
from typing import Any

from keras_kd.report.fields import get_path
from keras_kd.report.in_brief import in_brief, next_step
from keras_kd.utils.formatting import bare_percent, duration, plural
from keras_kd.utils.table import folded, in_blocks

RUNNING, STOPPED, FINISHED, NOT_BEGUN = "running", "stopped", "finished", "not begun"
# Of a history, what is shown, and what it is called.
FIGURES = {
    "loss": "loss",
    "accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
    "learning_rate": "learning rate",
}
LATEST = 5
BLOCKS = " ▁▂▃▄▅▆▇█"
CURVE, BAR = 40, 30


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The work in one folder.

    Args:
        title: of the work.
        folder: as it is shown.
        state: `RUNNING`, `STOPPED`, `FINISHED` or `NOT_BEGUN`.
        what: is being done now, or ""
        epochs: how many there are in all; None where that is not known.
        rows: the history, {column: floats} with "epoch".
        step: steps done of the epoch at work, 0..1.
        left: seconds until this run ends, what comes after training included, or None.
        training_left: of these, until the training ends.
        run, runs: which run of how many of its command, or None.
        others_left: seconds that the runs after this one will take, or None.
        report: of a finished run, what `report.json` holds.
        inside: another work that this one waits for.
        parts: the runs of a search or a study, of seeds and baselines: `Watched` each.
        note: what is to be done, or "".
    """

    title: str
    folder: str
    state: str
    what: str = ""
    epochs: int | None = None
    rows: dict[str, list[float]] = field(default_factory=dict)
    step: float = 0.0
    left: float | None = None
    training_left: float | None = None
    run: int | None = None
    runs: int | None = None
    others_left: float | None = None
    report: dict[str, Any] = field(default_factory=dict)
    inside: "Watched | None" = None
    parts: tuple["Watched", ...] = ()
    note: str = ""

    @property
    def epoch(self):
        """Epochs done."""
        return len(self.rows.get("epoch", ()))

    @property
    def done(self):
        """The share of the training that is done, 0..1; None where that is not known."""
        return (self.epoch + self.step) / self.epochs if self.epochs else None

    @property
    def ended(self):
        """Whether nothing will change any more without another command."""
        return self.state != RUNNING and all(one.state != RUNNING for one in self.parts)


def lines(watched, width=None):
    """What is seen of a work.

    Args:
        watched: a `Watched`.
        width: letters in a line; None for any.

    Returns:
        A list of lines.

    Example:
        >>> rows = {"epoch": [1.0, 2.0], "loss": [2.5, 1.25], "accuracy": [0.25, 0.5]}
        >>> given = {"title": "mine", "folder": "saved_models/mine", "state": RUNNING, "what": "epoch 3/4"}
        >>> one = Watched(**given, epochs=4, rows=rows, left=75.0, training_left=60.0)
        >>> print("\\n".join(lines(one)))
        mine: running, epoch 3/4
        [###############...............]  50 %, 1 min 0 s of training left, 1 min 15 s in all
        epoch    loss  training accuracy
            1  2.5000              25.00
            2  1.2500              50.00
        loss from 2.5 to 1.25                █▁
        training accuracy from 25 to 50 %    ▁█
    """
    said = [f"{watched.title}: {watched.state}{f', {watched.what}' if watched.what else ''}{_of_runs(watched)}"]
    said += folded(watched.note, width).splitlines() if watched.note else []
    if watched.state == FINISHED and watched.report:
        sentence, following = in_brief(watched.report), next_step(watched.report)
        said += folded(sentence, width).splitlines() if sentence else []
        return [*said, *([f"next, {following[0]}: {following[1]}"] if following else []), *_parts(watched, width)]
    if watched.inside is not None:
        return [*said, *(f"  {line}" for line in lines(watched.inside, None if width is None else width - 2))]
    if watched.epochs and watched.state in (RUNNING, STOPPED):
        said.append(_bar(watched))
    return [*said, *_latest(watched, width), *_curves(watched), *_parts(watched, width)]


def brief(watched):
    """The same in one line: what is done, and how far it is.

    Example:
        >>> brief(Watched(title="mine", folder="saved_models/mine", state=RUNNING, what="reading the data"))
        'mine: running, reading the data'
    """
    said = [f"{watched.title}: {watched.state}{f', {watched.what}' if watched.what else ''}{_of_runs(watched)}"]
    if watched.inside is not None:
        return f"{said[0]}: {brief(watched.inside)}"
    return " ".join([*said, *([_bar(watched)] if watched.epochs and watched.state == RUNNING else [])])


def _of_runs(watched):
    return f"; run {watched.run} of {watched.runs}" if watched.runs and watched.runs > 1 else ""


def _bar(watched):
    share = min(1.0, watched.done)
    full = math.floor(BAR * share)
    said = f"[{'#' * full}{'.' * (BAR - full)}] {100 * share:3.0f} %"
    if watched.state != RUNNING:
        return said
    if watched.left is None:
        return f"{said}, how long it takes is known after a few steps"
    parts = []
    if watched.training_left is not None and watched.left - watched.training_left >= 1:
        parts.append(f"{duration(watched.training_left)} of training left")
    parts.append(f"{duration(watched.left)} {'in all' if parts else 'left'}")
    if watched.others_left:
        parts.append(f"{duration(watched.left + watched.others_left)} with the runs after it")
    return f"{said}, {', '.join(parts)}"


def _latest(watched, width):
    names = [name for name in FIGURES if name in watched.rows]
    if not names:
        return []
    first = max(0, watched.epoch - LATEST)
    header = ["epoch", *(FIGURES[name] for name in names)]
    table = [
        [f"{watched.rows['epoch'][row]:.0f}", *(_figure(name, watched.rows[name][row]) for name in names)]
        for row in range(first, watched.epoch)
    ]
    return in_blocks([header, *table], width, right=range(len(header)))


def _figure(name, value):
    if math.isnan(value):
        return "-"
    if name.endswith("accuracy"):
        return bare_percent(value)
    return f"{value:.4g}" if name == "learning_rate" else f"{value:.4f}"


def _curves(watched):
    said = []
    for name in ("loss", "accuracy", "val_accuracy"):
        values = [one for one in watched.rows.get(name, ()) if not math.isnan(one)]
        if len(values) > 1:
            scale, unit = (100, " %") if name.endswith("accuracy") else (1, "")
            ends = f"{FIGURES[name]} from {scale * values[0]:.4g} to {scale * values[-1]:.4g}{unit}"
            said.append((ends, curve(values)))
    longest = max((len(ends) for ends, _ in said), default=0)
    return [f"{ends:<{longest}}    {drawn}" for ends, drawn in said]


def curve(values, width=CURVE):
    """A line of values as blocks, at most `width` of them, each the mean of its part.

    Example:
        >>> curve([0.0, 0.5, 1.0])
        '▁▄█'
    """
    count = min(width, len(values))
    cut = [values[len(values) * place // count : len(values) * (place + 1) // count] for place in range(count)]
    means = [sum(part) / len(part) for part in cut]
    low, high = min(means), max(means)
    if high == low:
        return BLOCKS[4] * count
    return "".join(BLOCKS[1 + math.floor((len(BLOCKS) - 2) * (one - low) / (high - low))] for one in means)


def _parts(watched, width):
    if not watched.parts:
        return []
    states = [one.state for one in watched.parts]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    rows = [["run", "", "top-1"]]
    shown = [one for one in watched.parts if one.state == RUNNING] + [
        one for one in watched.parts if one.state != RUNNING
    ]
    for one in shown[:20]:
        at = one.what or one.state if one.state == RUNNING else one.state
        # Of a shortened run it would be taken for a result.
        top1 = None if one.report.get("smoke") else get_path(one.report, "student", "top1")
        rows.append([one.title, at, bare_percent(top1)])
    more = len(shown) - 20
    table = in_blocks(rows, width, right=(2,))
    return [f"{plural(len(states), 'run')}: {counted}", *table, *([f"and {more} more"] if more > 0 else [])]
