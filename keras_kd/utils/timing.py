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
        return side_by_side({"run": run}, given, runs=runs, warm_up=warm_up, seconds=seconds)["run"]
    return _told(times_of(run, given, warm_up=warm_up, runs=runs), warm_up)


def side_by_side(functions, given, *, runs=50, warm_up=10, seconds):
    """As `latency_of` for several functions, in turns: what else the machine does hits them all alike.

    Args:
        functions: {name: a function of `given`}.
        given, runs, warm_up, seconds: as of `latency_of`; seconds of each.

    Returns:
        {name: dict as of `latency_of`}.

    Example:
        >>> sorted(side_by_side({"sum": sum, "max": max}, [1, 2], runs=5, seconds=0.1))
        ['max', 'sum']
    """
    for run in functions.values():
        run(given)  # compiles
    slowest = max(times_of(run, given, warm_up=0, runs=1)[0] for run in functions.values())
    possible = int(seconds / max(slowest, 1e-9))
    runs, warm_up = max(LEAST, min(runs, possible)), min(warm_up, possible // 5)
    for run in functions.values():
        times_of(run, given, warm_up=warm_up, runs=0)
    times = {name: [] for name in functions}
    for _ in range(runs):
        for name, run in functions.items():
            times[name] += times_of(run, given, warm_up=0, runs=1)
    return {name: _told(one, warm_up + 2) for name, one in times.items()}


def _told(times, warm_up):
    median, p90 = (round(1e3 * float(np.percentile(times, share)), 4) for share in (50, 90))
    return {"median": median, "p90": p90, "n": len(times), "warm_up": warm_up}
