"""A target that is measured: how much of a network is left is searched until its exported file is as fast, or as small,
as was asked for."""

import math
from typing import NamedTuple

from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import duration, listed, milliseconds, size
from keras_kd.utils.steps import step

# How many plans are tried, and how near a ratio must come to the one that is asked for.
TRIED, NEAR = 9, 0.05
# Shares nearer to each other than this are not worth another file.
APART = 0.004
LARGEST = 0.999
# What is first believed: a file has its share of the parameters; a share of the multiply-accumulates to this power is
# the share of the time, as half of them make a network 1.3 to 1.6 times faster.
POWER = {"bytes": 1.0, "speedup": 0.55}
# What is searched over: a file is as large as its parameters, and as slow as its work.
SEARCHED = {"bytes": "parameters", "speedup": "macs"}
IN_WORDS = {"macs": "the multiply-accumulates", "parameters": "the parameters"}


class Asked(NamedTuple):
    """What is asked of an exported file.

    Args:
        target: "speedup" or "bytes".
        wanted: how many times faster than the whole network's, or bytes at most.
    """

    target: str
    wanted: float

    @property
    def searched(self):
        """Of what the share is searched: "macs" or "parameters"."""
        return SEARCHED[self.target]

    def ratio(self, measured):
        """What is left of what was asked to fall: 1 of the whole network; at most `bound` where it is reached."""
        whole, left = measured["bytes" if self.target == "bytes" else "milliseconds"]
        return left / whole

    def bound(self, measured):
        """What `ratio` may be."""
        return self.wanted / measured["bytes"][0] if self.target == "bytes" else 1 / self.wanted

    def in_words(self, measured):
        """What a file was measured to be."""
        if self.target == "bytes":
            return size(measured["bytes"][1])
        slow, fast = measured["milliseconds"]
        return f"{slow / fast:.2f} times faster ({milliseconds(fast)})"

    @property
    def said(self):
        """What is asked, in words."""
        return f"{size(self.wanted)}" if self.target == "bytes" else f"{self.wanted:g} times faster"


class Found(NamedTuple):
    """A plan whose file was measured.

    Args:
        share: of the parameters or multiply-accumulates, as `Pruner.plan` was asked for it.
        plan: the `Plan`.
        measured: of `TrialFiles.compared`.
        ratio: `Asked.ratio`.
    """

    share: float
    plan: object
    measured: dict
    ratio: float


def reach(pruner, asked, measure, where="prune"):
    """The largest share of a network whose exported file is as fast, or as small, as was asked for.

    Args:
        pruner: a `keras_kd.models.pruning.plan.Pruner`.
        asked: `Asked`.
        measure: a `keras_kd.workflows.run.measured_plans.MeasuredPlans`.
        where: the field, for errors.

    Returns:
        `Found`; its plan has `measured`.

    Raises:
        UserError: nothing is to be done, or it cannot be reached; it names what can be.
    """
    search = _Search(pruner, asked, measure, where)
    low = pruner.least(asked.searched)
    share = _first(pruner, asked, measure.name)
    while True:
        one = search.tried(share)
        if search.is_near(one) or len(search.found) >= TRIED:
            break
        share = search.next(low)
        if share is None:
            break
    best = search.best()
    if best is None and min(one.share for one in search.found) > low:
        search.tried(low)
        best = search.best()
    if best is None:
        raise UserError(search.out_of_reach(low))
    best.plan.measured = best.measured
    return best


def guessed(pruner, asked, name):
    """The `Plan` with which a search begins, before any file is measured.

    Args:
        pruner, asked: as of `reach`.
        name: of the format.
    """
    return pruner.plan(asked.searched, _first(pruner, asked, name))


def _first(pruner, asked, name):
    """The share with which a search begins."""
    share = (1 / asked.wanted) ** (1 / POWER["speedup"])
    if asked.target == "bytes":
        of_each = 1 if "int8" in name or "dynamic" in name else 4
        share = asked.wanted / (of_each * pruner.channels.parameters(pruner.channels.all))
    return min(max(share, pruner.least(asked.searched)), LARGEST)


class _Search:
    def __init__(self, pruner, asked, measure, where):
        self.pruner, self.asked, self.measure, self.where = pruner, asked, measure, where
        self.found, self.known = [], {}

    def tried(self, share):
        """A share, measured."""
        asked = self.asked
        share = min(round(share, 4), LARGEST)
        plan = self.pruner.plan(asked.searched, share)
        key = tuple(plan.removed)
        if key not in self.known:
            step(f"measuring {share:.1%} of {IN_WORDS[asked.searched]}")
            self.known[key] = self.measure(plan)
        measured = self.known[key]
        one = Found(share, plan, measured, asked.ratio(measured))
        if asked.bound(measured) >= 1:
            raise UserError(
                f"{self.where}: found {asked.said}, and the {measured['format']} file of the whole network has "
                f"{size(measured['bytes'][0])} already; ask for less, or export it: `keras-kd export`"
            )
        self.found.append(one)
        step(f"{share:.1%} of {IN_WORDS[asked.searched]}: {asked.in_words(measured)}")
        return one

    def is_near(self, one):
        """Whether nothing better is worth looking for."""
        bound = self.asked.bound(one.measured)
        return bound * (1 - NEAR) <= one.ratio <= bound

    def best(self):
        """Of what reaches it the largest share, or None."""
        enough = [one for one in self.found if one.ratio <= self.asked.bound(one.measured)]
        return max(enough, key=lambda one: one.share, default=None)

    def next(self, low):
        """The share to be tried next, between the nearest ones on both sides; None where none is left."""
        bound = self.asked.bound(self.found[-1].measured)
        below = [one for one in self.found if one.ratio <= bound]
        above = [(one.share, one.ratio) for one in self.found if one.ratio > bound]
        share_above, ratio_above = min(above, default=(1.0, 1.0))
        under = [one for one in below if one.share < share_above]
        if under:
            under = max(under, key=lambda one: one.share)
            share_below, ratio_below = under.share, under.ratio
        elif any(one.share <= low + APART for one in self.found):
            return None
        else:
            share_below, ratio_below = low, None
        if share_above - share_below < max(APART, 0.02 * share_above):
            return None
        aimed = bound * (1 - NEAR / 2)
        if ratio_below is None:
            share = share_above * (aimed / ratio_above) ** (1 / POWER[self.asked.target])
            return max(share, low)
        # Between two points a straight line of logarithms; never so near to one of them that little is learnt.
        part = math.log(aimed / ratio_below) / math.log(ratio_above / ratio_below) if ratio_above > ratio_below else 0.5
        return share_below * (share_above / share_below) ** min(max(part, 0.15), 0.85)

    def out_of_reach(self, low):
        """What can be reached instead."""
        steps = sorted({one.share: one for one in self.found}.values(), key=lambda one: -one.share)
        of_what = IN_WORDS[self.asked.searched]
        reached = [f"{one.share:.1%} of {of_what}: {self.asked.in_words(one.measured)}" for one in steps]
        name = steps[0].measured["format"]
        return (
            f"{self.where}: found {self.asked.said}, which no part of the network reaches as {name}; within reach: "
            f"{listed(reached, between='; ')}; the last is the least that minimum and round_to leave: ask for what is "
            "within reach, or lower them"
        )


def told(found, asked, seconds):
    """What a search came to, in a line.

    Args:
        found: `Found`.
        asked: `Asked`.
        seconds: that it took.
    """
    return (
        f"asked for {asked.said}: {asked.in_words(found.measured)} as {found.measured['format']} with "
        f"{found.share:.1%} of {IN_WORDS[asked.searched]} ({duration(seconds)})"
    )
