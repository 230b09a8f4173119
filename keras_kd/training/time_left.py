"""How long a training goes on: from what its epochs took, and what is still to be asked of a teacher."""

import math
import statistics

# Epochs that say what the next one takes: the latest, as machines get busy and idle.
LATEST = 7


def time_left(rows, epochs, *, step=0, steps=1, rate=None, views=None):
    """Seconds until a training ends, or None where nothing is known yet.

    The student's part of an epoch is the median of the latest ones, without the first, in which the step is compiled.
    The teacher's part falls as its bank fills: of `views` views an image, drawn anew each epoch, one in `views` of
    those that are missing is asked about.

    Args:
        rows: the history, a dict an epoch: "seconds", and with a bank "teacher_seconds", "teacher_views".
        epochs: how many there are in all.
        step: steps done of the epoch that is at work.
        steps: of an epoch.
        rate: seconds a step, where that was measured in the epoch at work.
        views: that an image has; None for without end.

    Example:
        >>> rows = [{"seconds": 30.0}, {"seconds": 10.0}, {"seconds": 12.0}, {"seconds": 10.0}]
        >>> time_left(rows, 10), time_left(rows, 10, step=50, steps=100)
        (60.0, 55.0)
        >>> rows = [{"seconds": 30.0, "teacher_seconds": 20.0, "teacher_views": 100}]
        >>> time_left([*rows, {"seconds": 20.0, "teacher_seconds": 10.0, "teacher_views": 50}], 4, views=2)
        27.5
        >>> time_left([], 10), time_left([], 10, steps=100, rate=0.1)
        (None, 100.0)
    """
    ours = [max(0.0, one["seconds"] - (one.get("teacher_seconds") or 0.0)) for one in rows]
    if len(ours) > 1:
        epoch = statistics.median(ours[1:][-LATEST:])
    elif rate is not None:
        epoch = rate * steps
    elif ours:
        epoch = ours[0]
    else:
        return None
    left = epochs - len(rows)
    if left <= 0:
        return 0.0
    done = min(1.0, step / steps) if steps else 0.0
    return epoch * (left - done) + _teacher(rows, left if not step else left - 1, views)


def _teacher(rows, left, views):
    """Seconds in which a teacher will be asked, in epochs to come."""
    asked = [one.get("teacher_views") or 0 for one in rows]
    seconds = [one.get("teacher_seconds") or 0.0 for one in rows]
    if not rows or not sum(asked) or not asked[-1]:
        return 0.0
    of_a_view = sum(seconds) / sum(asked)
    stays = 1.0 if views is None or math.isinf(views) else 1 - 1 / views
    share = left if stays == 1.0 else stays * (1 - stays**left) / (1 - stays)
    return of_a_view * asked[-1] * share
