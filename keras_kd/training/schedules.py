"""What changes over the epochs: weights, numbers of methods, the learning rate."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_bool(value):
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_no_bool), Field(ge=0)]


class ByEpoch(BaseModel):
    """A value that goes from `begin` to `end`: after `after` epochs, over `over` epochs, and is 0 past `until`.

    So a warm-up is `ByEpoch(end=0.9, over=20)`, a term that stops (early-stopped distillation, Cho and Hariharan 2019)
    `ByEpoch(end=0.9, until=60)`, and one that takes over in a second phase `ByEpoch(end=1.0, after=30)`.

    Args:
        end: the value at last.
        begin: the value at first.
        after: epochs that pass at `begin`, 0 or more.
        over: epochs that the way takes; 0 for a step.
        shape: the way: "linear"; "cosine", half a wave; "sigmoid", begin + (end - begin) exp(-5 (1 - x)^2).
        until: past so many epochs the value is 0; None for never.

    Source:
        The linear warm-up is DKD's, arXiv:2203.08679; "sigmoid" is the ramp-up of ONE, arXiv:1806.04606, after Laine
        and Aila, arXiv:1610.02242.

    Example:
        >>> warm_up = ByEpoch(end=0.8, over=4, until=6)
        >>> [round(warm_up.at(epoch), 2) for epoch in range(8)]
        [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.0, 0.0]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    end: Number = Field(description="the value at last")
    begin: Number = Field(default=0.0, description="the value at first")
    after: Whole = Field(default=0, description="epochs that pass at `begin`")
    over: Whole = Field(default=0, description="epochs that the way from `begin` to `end` takes; 0 for a step")
    shape: Literal["linear", "cosine", "sigmoid"] = Field(
        default="linear", description="the way; sigmoid is ONE's ramp-up"
    )
    until: Annotated[int, BeforeValidator(_no_bool), Field(gt=0)] | None = Field(
        default=None, description="past so many epochs the value is 0"
    )

    def at(self, epoch):
        """The value in an epoch, counted from 0: epoch 0 is the first of those that `after` and `over` count."""
        passed = epoch + 1
        if self.until is not None and passed > self.until:
            return 0.0
        if passed <= self.after:
            return self.begin
        share = min((passed - self.after) / self.over, 1.0) if self.over else 1.0
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        elif self.shape == "sigmoid":
            share = math.exp(-5 * (1 - share) ** 2)
        return self.begin + (self.end - self.begin) * share

    def values(self):
        """Every value that can matter to a check: those of all epochs until it stays as it is.

        Example:
            >>> ByEpoch(end=2.0, begin=1.0, over=2).values()
            [1.5, 2.0]
        """
        last = max(self.after + self.over, self.until or 0) + 1
        return list(dict.fromkeys(self.at(epoch) for epoch in range(last)))


def at(value, epoch):
    """A number, or the value of a `ByEpoch` in an epoch.

    Example:
        >>> at(0.9, epoch=3), at(ByEpoch(end=1.0, after=5), epoch=3)
        (0.9, 0.0)
    """
    return value.at(epoch) if isinstance(value, ByEpoch) else value


def learning_rate(epoch, *, base, epochs, drops=(), drop_factor=0.1, decay="constant", warmup_epochs=0):
    """The learning rate of an epoch, counted from 0.

    Args:
        epoch: whole number, 0 .. epochs - 1.
        base: the rate at the start, after the warm-up.
        epochs: how many there are.
        drops: after each of these many epochs the rate is multiplied by `drop_factor`.
        drop_factor: see `drops`.
        decay: "constant", or "cosine" to fall to zero over the epochs after the warm-up.
        warmup_epochs: epochs over which the rate rises linearly to `base`.

    Returns:
        float.

    Source:
        The published CIFAR protocol drops when epoch > stage with epochs counted from 1 (RepDistiller); cosine:
        Loshchilov and Hutter, arXiv:1608.03983.

    Example:
        >>> [learning_rate(e, base=0.1, epochs=240, drops=(150, 180)) for e in (149, 150)]
        [0.1, 0.010000000000000002]
    """
    if epoch < warmup_epochs:
        return base * (epoch + 1) / (warmup_epochs + 1)
    rate = base * drop_factor ** sum(epoch >= drop for drop in drops)
    if decay == "cosine":
        done = (epoch - warmup_epochs) / (epochs - warmup_epochs)
        rate *= (1 + math.cos(math.pi * done)) / 2
    return rate
