"""How long something takes that is done again and again."""

import time

import numpy as np

LEAST = 3  # runs of which a median is worth telling


def times_of(run, given, *, warm_up, runs):
    """The seconds that each of some runs takes.

    Args:
        run: a function of `given` that returns once its answer is there.
        given: what it is given.
        warm_up: runs before those that count.
        runs: how many count.

    Example:
        >>> len(times_of(sum, [1, 2], warm_up=1, runs=5))
        5
    """
    for _ in range(warm_up):
        run(given)
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        run(given)
        times.append(time.perf_counter() - begun)
    return times


def latency_of(run, given, *, runs=50, warm_up=10, seconds=None):
    """How long one run takes, once it is warm.

    Args:
        run, given: as of `times_of`.
        runs, warm_up: how many count, and how many come before.
        seconds: about how long all of it may take; fewer runs count then. None for any.

    Returns:
        dict of "median" and "p90", in milliseconds, "n" and "warm_up", the runs that count and those before.

    Example:
        >>> timed = latency_of(sum, [1, 2], runs=5, warm_up=1)
        >>> timed["n"], timed["median"] <= timed["p90"]
        (5, True)
    """
    if seconds is not None:
        run(given)  # compiles
        (one,) = times_of(run, given, warm_up=0, runs=1)
        possible = int(seconds / max(one, 1e-9))
        runs, warm_up = max(LEAST, min(runs, possible)), min(warm_up, possible // 5)
    times = times_of(run, given, warm_up=warm_up, runs=runs)
    median, p90 = (round(1e3 * float(np.percentile(times, share)), 4) for share in (50, 90))
    return {"median": median, "p90": p90, "n": runs, "warm_up": warm_up + (2 if seconds is not None else 0)}
