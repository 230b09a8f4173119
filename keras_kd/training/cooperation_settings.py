"""How networks write counterfactual examples for each other, and how they are trained on them."""

import math
from dataclasses import dataclass

from keras_kd.utils.errors import UserError
from keras_kd.utils.settings_class import named_settings

# Each way of writing, with the step that it takes unless another is given.
WAYS = {"descent": 1.0, "walk": 0.3, "search": 3.0}


@named_settings
@dataclass(frozen=True)
class Cooperation:
    """How networks cooperate: each is taught, where it is wrong, by those that are right.

    In each round, of the held-out examples x that network j has wrong, every network i that has them right writes x',
    which makes distance_weight x |x' - x| / scale + (f_i(x') - y')^2 small; f_i is its probability of the label y and
    y' = f_i(x) + toward x (1 - f_i(x)). Each network then is trained further on its own data and all (x', y) written
    for it so far. All examples of a round are written before any network is trained.

    Args:
        rounds: how often examples are written, 1 or more.
        epochs: of training after the examples of a round are written, 1 or more.
        first_epochs: of training on its own data before the first round, 0 or more; 0 for networks that are trained.
        batch_size: examples a step, where networks are trained as Keras trains them.
        toward: alpha, how far the goal lies on the way to the truth, 0..1.
        distance_weight: lambda, 0 or more.
        how: "descent", the gradient of the objective; "walk", steps along the gradient of the network's log-odds until
            the goal is reached, those of BSS, for images; "search", draws around the example, for networks without a
            gradient.
        steps: at most so many; 0 passes the held-out examples on as they are, which is the control.
        step_size: above 0, None for 1 (descent), 0.3 (walk) or 3 (search). descent: the factor of the gradient; walk:
            the share of the way to the goal, as the gradient foresees it, at most 1 a step; search: how far the last
            draws go. All with features in units of their standard deviation.
        seed: whole number, 0 or more; decides the order of training and what a search draws.

    Raises:
        UserError: a setting out of its range.

    Source:
        Livanos, Davidson, Wong, AAAI 2024, arXiv:2402.05942: equations only, from a summary; settings ours.

    Example:
        >>> Cooperation(rounds=2).step
        1.0
    """

    rounds: int = 3
    epochs: int = 10
    first_epochs: int = 0
    batch_size: int = 32
    toward: float = 0.5
    distance_weight: float = 0.01
    how: str = "descent"
    steps: int = 100
    step_size: float | None = None
    seed: int = 0

    def __post_init__(self):
        if self.how not in WAYS:
            raise UserError(f"Cooperation: how: found {self.how!r}; expected one of {', '.join(WAYS)}; correct it")
        for name, least in (("rounds", 1), ("epochs", 1), ("first_epochs", 0), ("batch_size", 1), ("steps", 0)):
            _whole(name, getattr(self, name), least)
        _whole("seed", self.seed, 0)
        for name, ok, expected in (
            ("toward", lambda one: 0 <= one <= 1, "0..1"),
            ("distance_weight", lambda one: one >= 0, "0 or more"),
            ("step_size", lambda one: one > 0, "above 0, or None"),
        ):
            value = getattr(self, name)
            if value is None and name == "step_size":
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not (number and ok(value)):
                raise UserError(f"Cooperation: {name}: found {value!r}; expected a number, {expected}; correct it")

    @property
    def step(self):
        """The step size: the one that was given, or that of the way of writing."""
        return WAYS[self.how] if self.step_size is None else self.step_size


def _whole(name, value, least):
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"Cooperation: {name}: found {value!r}; expected a whole number, {least} or more; correct it")
