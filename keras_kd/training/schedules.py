"""What changes over the epochs: weights, numbers of methods, the learning rate."""

import math
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from keras_kd.utils.moved import renamed
from keras_kd.utils.plain_number import plain_number
from keras_kd.utils.settings_class import Settings

# Far within what float32 holds, and what float64 counts by ones.
LARGEST, LAST = 1e9, 10**15
Number = Annotated[float, BeforeValidator(plain_number), Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(plain_number), Field(ge=0, le=LAST)]


# The fields of a `Schedule` under the names that they had in version 0.1; read for one release.
RENAMED = {
    "begin": "start_value",
    "end": "end_value",
    "after": "delay",
    "over": "duration",
    "until": "stop_after",
}


class Schedule(Settings):
    """A value that goes from `start_value` to `end_value` over the epochs, and is 0 once it has stopped.

    So a warm-up is `Schedule(end_value=0.9, duration=20)`, a term that stops (early-stopped distillation, Cho and
    Hariharan 2019) `Schedule(end_value=0.9, stop_after=60)`, and one that takes over in a second phase
    `Schedule(end_value=1.0, delay=30)`.

    Args:
        end_value: the value at the end.
        start_value: the value at the start.
        delay: epochs that pass at `start_value`, 0 or more.
        duration: epochs from `start_value` to `end_value`; 0 for a step.
        shape: of the change: "linear"; "cosine", half a wave; "sigmoid", start + (end - start) exp(-5 (1 - x)^2).
        stop_after: after so many epochs, counted from the first, the value is 0; None for never.

    Source:
        The linear warm-up is DKD's, arXiv:2203.08679; "sigmoid" is the ramp-up of ONE, arXiv:1806.04606, after Laine
        and Aila, arXiv:1610.02242.

    Example:
        >>> warm_up = Schedule(end_value=0.8, duration=4, stop_after=6)
        >>> [round(warm_up.at(epoch), 2) for epoch in range(8)]
        [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.0, 0.0]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    end_value: Number = Field(description="the value at the end")
    start_value: Number = Field(default=0.0, description="the value at the start")
    delay: Whole = Field(default=0, description="epochs that pass at `start_value`")
    duration: Whole = Field(default=0, description="epochs from `start_value` to `end_value`; 0 for a step")
    shape: Literal["linear", "cosine", "sigmoid"] = Field(
        default="linear", description="of the change; sigmoid is ONE's ramp-up"
    )
    stop_after: Annotated[int, BeforeValidator(plain_number), Field(gt=0, le=LAST)] | None = Field(
        default=None, description="after so many epochs, counted from the first, the value is 0"
    )

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, fields):
        now = under_new_names(fields)
        if now is not fields:
            old = [name for name in fields if name in RENAMED]
            renamed(f"{', '.join(old)} of a schedule", ", ".join(RENAMED[name] for name in old), level=5)
        return now

    def at(self, epoch):
        """The value in an epoch, counted from 0: epoch 0 is the first of those that `delay` and `duration` count."""
        passed = epoch + 1
        if self.stop_after is not None and passed > self.stop_after:
            return 0.0
        if passed <= self.delay:
            return self.start_value
        share = min((passed - self.delay) / self.duration, 1.0) if self.duration else 1.0
        if self.shape == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        elif self.shape == "sigmoid":
            share = math.exp(-5 * (1 - share) ** 2)
        return self.start_value + (self.end_value - self.start_value) * share

    def values(self, epochs=None):
        """The values at the ends of its parts: all others lie between two of these, as each part only rises or falls.

        Args:
            epochs: only of so many epochs; by default of all until it stays as it is.

        Example:
            >>> Schedule(end_value=2.0, start_value=1.0, duration=2).values()
            [1.5, 2.0]
            >>> Schedule(end_value=2.0, duration=10**12).values(epochs=1)
            [2e-12]
        """
        last = max(self.delay + self.duration, self.stop_after or 0) + 1
        last = last if epochs is None else min(last, epochs)
        turns = (0, self.delay, self.delay + self.duration, self.stop_after or 0, last)
        ends = sorted({epoch for turn in turns for epoch in (turn - 1, turn) if 0 <= epoch < last})
        return list(dict.fromkeys(map(self.at, ends)))


def under_new_names(fields):
    """The fields of a schedule, those with old names under the new ones; the same object where there are none.

    Raises:
        ValueError: a field is given under both.

    Example:
        >>> under_new_names({"end": 1.0, "duration": 5})
        {'end_value': 1.0, 'duration': 5}
    """
    if not isinstance(fields, dict) or not RENAMED.keys() & fields.keys():
        return fields
    for old, new in RENAMED.items():
        if old in fields and new in fields:
            raise ValueError(f"one of {old} and {new}, which are one field")
    return {RENAMED.get(name, name): value for name, value in fields.items()}


def __getattr__(name):
    if name == "ByEpoch":
        renamed(f"{__name__}.ByEpoch", f"Schedule, with the fields {', '.join(RENAMED.values())}")
        return Schedule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def at(value, epoch):
    """A number, or the value of a `Schedule` in an epoch.

    Example:
        >>> at(0.9, epoch=3), at(Schedule(end_value=1.0, delay=5), epoch=3)
        (0.9, 0.0)
    """
    return value.at(epoch) if isinstance(value, Schedule) else value


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
