"""What is removed of a network: a plan, to be looked at before the smaller network is made."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from keras_kd.models.pruning.channels import Channels
from keras_kd.models.pruning.criteria import criterion_of
from keras_kd.models.pruning.shrink import shrunk
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import size


@dataclass(frozen=True)
class Frozen:
    """Channels of a layer that stay, and why."""

    layer: str
    channels: int
    why: str


@dataclass(frozen=True)
class Row:
    """The channels that a layer makes, before and after."""

    layer: str
    before: int
    after: int
    why: str = ""


class Plan:
    """Which channels of a network go.

    Args:
        channels: the `Channels` of the network.
        stays: bool (labels,), by root: which are kept.

    Attributes:
        rows: a `Row` for each layer that makes channels.
        frozen: a `Frozen` for each reason for which channels of a layer have to stay.
        macs, parameters: (before, after); macs is None where the network leaves the size of its input open.
        measured: what its exported file was measured to be next to that of the whole network, see
            `keras_kd.export.trial_files.compared`; None where nothing was measured.
        found: {"macs" or "parameters": the share} with which that was reached, where it was searched; else None.
    """

    def __init__(self, channels, stays):
        self._channels, self._stays, self.measured, self.found = channels, stays, None, None
        self.frozen = tuple(_frozen(channels))
        self.rows = tuple(_rows(channels, stays, self.frozen))
        self.parameters = channels.parameters(channels.all), channels.parameters(stays)
        try:
            self.macs = channels.macs(channels.all), channels.macs(stays)
        except UserError:
            self.macs = None

    def model(self):
        """The smaller network, with the weights that stay.

        Its batch normalisation has the statistics of the whole network: `keras_kd.re_estimate_batch_norm` measures them
        anew, which is to be done before anything else.

        Returns:
            A `keras.Model` as `keras.Model(inputs, outputs)` makes it, uncompiled; it shares nothing with the original.

        Raises:
            UserError: a layer cannot be made anew from its configuration.
        """
        return shrunk(self._channels, self._stays)

    @property
    def removed(self):
        """The labels that go, whole numbers: with the same network they are the same plan, by `Plan.of`."""
        return np.flatnonzero(~self._stays).tolist()

    @classmethod
    def of(cls, channels, removed):
        """The plan of the labels that another one removed of the same network."""
        stays = channels.all.copy()
        stays[list(removed)] = False
        return cls(channels, stays)

    def __str__(self):
        rows = [(one.layer, f"{one.before}", f"-> {one.after}", one.why) for one in self.rows]
        rows = [("layer", "channels", "", "stays"), *rows]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            f"{layer:<{widths[0]}}  {before:>{widths[1]}} {after:<{widths[2]}}  {why}".rstrip()
            for layer, before, after, why in rows
        ]
        before, after = self.parameters
        lines.append(f"parameters {before:,} -> {after:,} ({after / before:.0%})")
        if self.macs:
            before, after = self.macs
            lines.append(f"multiply-accumulates {before:,} -> {after:,} ({after / max(before, 1):.0%})")
        if self.measured:
            lines.append(_in_words(self.measured))
        return "\n".join(lines)

    def __repr__(self):
        return f"<Plan of {self._channels.model.name}: {len(self.removed)} labels of channels go>"


def prune(
    model,
    *,
    macs=None,
    parameters=None,
    criterion="l2",
    round_to=8,
    minimum=0.1,
    keep=(),
    images=None,
    labels=None,
    seed=0,
    input_shape=None,
):
    """Plans which channels of a network go, so that it does a share of its work, or has a share of its parameters.

    All layers are looked at together: those channels go that are worth least over the whole network. What is left
    equals the network with zero for every weight that reads a removed channel.

    Args:
        model: a built functional or sequential `keras.Model`; it stays as it is.
        macs: the share of the multiply-accumulates that is left at most, above 0 and below 1; or give `parameters`.
        parameters: the share of the parameters that is left at most.
        criterion: what a channel is worth: "l2", "l1", "bn_scale", "random", "taylor" (takes images), a
            `keras_kd.Criterion`, or "package.module:Class".
        round_to: the channels of a layer are a multiple of it, where as many can stay; 8 suits most kernels.
        minimum: the share of the channels of each layer that stays at least.
        keep: names of layers, or paths through nested models, whose channels all stay.
        images: (n, ...) as the network takes them, for criteria that take some.
        labels: the classes of the images, whole numbers (n,); without them taylor draws from the network's own word.
        seed: of what is drawn.
        input_shape: of one example, where the network leaves dimensions open.

    Returns:
        A `Plan`: `print(plan)`, `plan.frozen`, `plan.model()`.

    Raises:
        UserError: the network cannot be read, a share or a name is wrong, or so little cannot be reached.

    Source:
        Labels of channels are the dependency graph of Fang et al. 2023 (arXiv:2301.12900), found on values.

    Example:
        >>> import keras
        >>> from keras_kd.models import build
        >>> keras.utils.set_random_seed(0)
        >>> plan = prune(build("digits_tiny", (8, 8, 1), 10), macs=0.5, round_to=2)
        >>> print(plan)
        layer          channels        stays
        stage1_1_conv         8 -> 6
        stage2_1_conv        16 -> 8
        logits               10 -> 10  an output of the network
        parameters 1,442 -> 604 (42%)
        multiply-accumulates 23,200 -> 10,448 (45%)
        >>> plan.model().count_params() < 1000
        True
    """
    share = {name: value for name, value in (("macs", macs), ("parameters", parameters)) if value is not None}
    if len(share) != 1:
        found = "macs and parameters" if share else "no target"
        raise UserError(f"prune: found {found}; expected one of macs and parameters, such as macs=0.5")
    ((target, wanted),) = share.items()
    _check_number("prune", target, wanted, "a share above 0 and below 1, such as 0.5", 0 < _number(wanted) < 1)
    given = {"criterion": criterion, "round_to": round_to, "minimum": minimum, "keep": keep}
    pruner = Pruner(model, **given, images=images, labels=labels, seed=seed, input_shape=input_shape)
    return pruner.plan(target, wanted)


class Pruner:
    """Plans of one network for any number of targets: it is walked once, and its channels are judged once.

    Args:
        model, criterion, round_to, minimum, keep, images, labels, seed, input_shape: as of `prune`.

    Raises:
        UserError: as of `prune`.

    Example:
        >>> import keras
        >>> from keras_kd.models import build
        >>> keras.utils.set_random_seed(0)
        >>> pruner = Pruner(build("digits_tiny", (8, 8, 1), 10), round_to=2)
        >>> [pruner.plan("macs", share).macs[1] for share in (0.75, 0.5)]
        [15692, 10448]
        >>> pruner.least("macs")
        0.076
    """

    def __init__(
        self,
        model,
        *,
        criterion="l2",
        round_to=8,
        minimum=0.1,
        keep=(),
        images=None,
        labels=None,
        seed=0,
        input_shape=None,
    ):
        _check_number("prune", "minimum", minimum, "a share from 0 to 1", 0 <= _number(minimum) <= 1)
        whole = isinstance(round_to, int) and not isinstance(round_to, bool) and round_to >= 1
        _check_number("prune", "round_to", round_to, "a whole number from 1 on", whole)
        criterion = criterion_of(criterion)
        if criterion.takes_images and images is None:
            raise UserError(f"prune: criterion {type(criterion).__name__} takes images; give images=")
        self.channels = Channels(model, (keep,) if isinstance(keep, str) else keep, input_shape)
        worth = np.array(criterion.scores(self.channels, images=images, labels=labels, seed=seed), "float64")
        if criterion.work_power:
            worth = worth / np.maximum(self.channels.work_of_each(), 1) ** criterion.work_power
        self._worth, self._round_to = worth, round_to
        self._kept = partial(_kept, self.channels, worth, round_to, minimum)

    def plan(self, target, wanted):
        """The `Plan` that leaves at most a share.

        Args:
            target: of what: "macs" or "parameters".
            wanted: the share, above 0 and below 1.

        Raises:
            UserError: so little cannot be reached.
        """
        asked = target, wanted
        return Plan(self.channels, _least_removed(self.channels, self._worth, self._kept, self._round_to, asked))

    def least(self, target):
        """The least share that can be left of "macs" or "parameters", rounded up to a thousandth."""
        cost = getattr(self.channels, target)
        return _rounded_up(cost(self._kept(np.inf)) / cost(self.channels.all))


def _in_words(measured):
    """What the file of a plan was measured to be, in a line."""
    (slow, fast), (large, small) = measured["milliseconds"], measured["bytes"]
    return (
        f"{measured['format']}: {slow:.3g} -> {fast:.3g} ms an image ({slow / fast:.2f} times faster), "
        f"{size(large)} -> {size(small)} ({large / small:.2f} times smaller)"
    )


def _number(value):
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _check_number(where, name, value, expected, right):
    if not right:
        raise UserError(f"{where}: {name}: found {value!r}; expected {expected}")


def _rounded_up(share):
    return math.ceil(1000 * share) / 1000


def _least_removed(channels, worth, kept, round_to, asked):
    """Which labels stay: with the lowest threshold that is low enough in cost, one for the whole network."""
    target, wanted = asked
    cost = getattr(channels, target)
    whole, least = cost(channels.all), cost(kept(np.inf))
    if least > wanted * whole:
        raise UserError(
            f"prune: {target}: found {wanted}; {_rounded_up(least / whole):g} is the least that can be "
            "reached here; lower minimum or round_to, keep fewer layers, or ask for more"
        )
    thresholds = np.unique(np.concatenate([worth[group] for group in channels.groups]))
    low, high = 0, len(thresholds) - 1
    while low < high:
        middle = (low + high) // 2
        if cost(kept(thresholds[middle])) <= wanted * whole:
            high = middle
        else:
            low = middle + 1
    return _filled(channels, worth, kept(thresholds[low]), round_to, lambda stays: cost(stays) <= wanted * whole)


def _filled(channels, worth, stays, round_to, fits):
    """Which labels stay where those that are worth most come back as long as it fits: rounding took too many."""
    left = {number: group[~stays[group]] for number, group in enumerate(channels.groups)}
    while left:
        number = max(left, key=lambda one: (worth[left[one]].max() if len(left[one]) else -np.inf, -one))
        group = left[number]
        best = group[np.argsort(-worth[group], kind="stable")[: _step(channels, group, round_to)]] if len(group) else ()
        more = stays.copy()
        more[best] = True
        if len(best) and fits(more):
            stays, left[number] = more, np.setdiff1d(group, best)
        else:
            del left[number]
    return stays


def _step(channels, group, round_to):
    """How many labels of a group are a multiple of so many channels."""
    return round_to // math.gcd(round_to, channels.channels_of_each(group))


def _kept(channels, worth, round_to, minimum, threshold):
    """Which labels stay where what is worth no more than a threshold goes, but for the minimum and the rounding."""
    stays = channels.all.copy()
    for group in channels.groups:
        step = _step(channels, group, round_to)
        least = max(math.ceil(minimum * len(group)), 1)
        number = max(int((worth[group] > threshold).sum()), least)
        number = min(math.ceil(number / step) * step, len(group))
        stays[group[np.argsort(worth[group], kind="stable")[: len(group) - number]]] = False
    return stays


def _frozen(channels):
    for part in channels.parts:
        if part.made is None:
            continue
        reasons = {}
        for label in channels.root[part.made].tolist():
            if label in channels.reasons:
                reasons[channels.reasons[label]] = reasons.get(channels.reasons[label], 0) + 1
        for why, number in reasons.items():
            yield Frozen(part.path, number, why)


def _rows(channels, stays, frozen):
    why = {}
    for one in frozen:
        why.setdefault(one.layer, []).append(one)
    for part in channels.parts:
        if part.made is not None:
            before = len(part.made)
            said = [
                one.why if one.channels == before else f"{one.channels} of them: {one.why}"
                for one in why.get(part.path, ())
            ]
            yield Row(part.path, before, channels.count(part.made, stays), "; ".join(said))
