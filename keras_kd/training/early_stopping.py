"""When a training ends before its last epoch, and whose epoch's weights it keeps."""

from typing import NamedTuple


class Judged(NamedTuple):
    """What the figures of the epochs so far say.

    Args:
        best: the number of the epoch whose weights are kept, counted from 1; 0 before the first.
        stopped: the epoch after which training ended, or None.
    """

    best: int
    stopped: int | None


def judged(rows, monitor, patience, min_delta=0.0):
    """What the epochs so far say, as `keras.callbacks.EarlyStopping(restore_best_weights=True)` would judge them.

    Args:
        rows: the history, a dict of figures per epoch, with "epoch" (counted from 1).
        monitor: the figure; one that ends in "loss" is better the smaller it is, all others the larger.
        patience: epochs without improvement after which training ends, 0 or more.
        min_delta: an improvement is more than this, 0 or more.

    Returns:
        `Judged`.

    Example:
        >>> rows = [{"epoch": 1 + e, "val_loss": loss} for e, loss in enumerate([2.0, 1.0, 1.5, 1.2])]
        >>> judged(rows, "val_loss", patience=2)
        Judged(best=2, stopped=4)
        >>> judged(rows, "val_loss", patience=3)
        Judged(best=2, stopped=None)
    """
    sign = -1.0 if monitor.endswith("loss") else 1.0
    best, reached, waited = 0, float("-inf"), 0
    for row in rows:
        epoch, value = int(row["epoch"]), sign * float(row[monitor])
        best = best or epoch
        waited += 1
        if value - min_delta > reached:
            best, reached, waited = epoch, value, 0
        elif waited >= patience and epoch > 1:
            return Judged(best, epoch)
    return Judged(best, None)


def judged_by(rows, spec):
    """`judged` by the `early_stopping` of a recipe's fit; of None the last epoch is kept."""
    if spec is None:
        return Judged(len(rows), None)
    return judged(rows, spec.monitor, spec.patience, spec.min_delta)


def kept_row(rows, spec):
    """The figures of the epoch whose weights are kept; empty where there are no epochs.

    Args:
        rows: the history; figures may be text, as they stand in `history.csv`.
        spec: the `early_stopping` of a recipe's fit, or None.
    """
    if spec is not None and all(is_figure(row.get(spec.monitor)) for row in rows) and rows:
        best = judged_by(rows, spec).best
        return next(row for row in rows if int(row["epoch"]) == best)
    return rows[-1] if rows else {}


def why_stopped(rows, spec):
    """That a training was ended, as a line.

    Args:
        rows: the history.
        spec: the `early_stopping` of the recipe's fit.
    """
    found = judged_by(rows, spec)
    value = float(next(row for row in rows if int(row["epoch"]) == found.best)[spec.monitor])
    return (
        f"early stopping: ended after epoch {found.stopped}, as {spec.monitor} had been best, {value:.4g}, after epoch "
        f"{found.best}, whose weights are kept"
    )


def is_figure(value):
    """Whether a value is a number, or the text of one."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
