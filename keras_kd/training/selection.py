"""How the terms that count are chosen while a student trains."""

from dataclasses import dataclass

from keras_kd.training.schedules import Schedule
from keras_kd.training.term import is_weight
from keras_kd.utils.errors import UserError
from keras_kd.utils.settings_class import named_settings

POLICIES = ("bandit", "actor_critic")
UNITS = ("epochs", "steps")
MEASURES = ("accuracy", "loss")
# Of a bandit, which has no state and so sees no further than its reward.
NO_FURTHER = {"discount": 0.0, "horizon": 1}
# Of an actor-critic that is not told.
DISCOUNT, HORIZON = 0.9, 4


@named_settings
@dataclass(frozen=True)
class Selection:
    """How a `SelectingDistiller` chooses the terms that count, and learns from what came of it.

    Args:
        policy: "bandit" has a probability for each term; "actor_critic" has one that depends on the state of training:
            the figure measured last, the last reward, the last choice.
        interval: whole number, 1 or more: how long a choice stays, in `unit`s.
        unit: "epochs" or "steps".
        metric: of validation examples, whose change over an interval is the reward: "accuracy", or "loss", the label
            loss, whose fall is.
        labels: whether the label loss may be chosen too, the paper's kind "fine-tuning"; it counts in any case where
            nothing else does.
        normalize: the weights of what counts are multiplied by (all that may be chosen) / (what is), so that a choice
            of few takes no smaller steps. It takes the terms' weights to make them comparable.
        learning_rate: of the policy's SGD, above 0. Rewards are divided by the root mean square of about the last ten,
            so it does not depend on the size of the metric.
        discount: 0..1, what a later reward counts for an earlier choice; 0.9, and 0 of a bandit, by default.
        horizon: choices that are learnt from together, 1 or more; 4, and 1 of a bandit, by default.
        critic_weight: of the critic's loss next to the actor's, above 0.
        seed: whole number that decides what is drawn.

    Raises:
        UserError: a value out of its range; discount or horizon of a bandit.

    Source:
        Wang et al. 2022 (EMNLP), arXiv:2302.00444. Equations only; settings ours, and so are the state, the division of
        the rewards and the bandit.

    Example:
        >>> Selection("actor_critic").horizon, Selection("bandit").horizon
        (4, 1)
    """

    policy: str = "bandit"
    interval: int = 1
    unit: str = "epochs"
    metric: str = "accuracy"
    labels: bool = False
    normalize: bool = False
    learning_rate: float = 0.2
    discount: float | None = None
    horizon: int | None = None
    critic_weight: float = 0.5
    seed: int = 0

    def __post_init__(self):
        for name, known in (("policy", POLICIES), ("unit", UNITS), ("metric", MEASURES)):
            if getattr(self, name) not in known:
                raise UserError(f"Selection: {name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        for name, least in (("interval", 1), ("horizon", 1), ("seed", 0)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
            if not whole and not (name == "horizon" and value is None):
                raise UserError(f"Selection: {name} is {value!r}; expected a whole number, {least} or more")
        for name in ("learning_rate", "critic_weight"):
            value = getattr(self, name)
            if not is_weight(value) or isinstance(value, Schedule) or not value:
                raise UserError(f"Selection: {name} is {value!r}; expected a number above 0")
        for name in ("labels", "normalize"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"Selection: {name} is {getattr(self, name)!r}; expected True or False")
        self._look_ahead()

    def _look_ahead(self):
        """Discount and horizon as they are for the policy."""
        discount = self.discount
        if discount is not None and (not is_weight(discount) or isinstance(discount, Schedule) or discount > 1):
            raise UserError(f"Selection: discount is {discount!r}; expected a number in 0..1")
        for name, of_bandit in NO_FURTHER.items():
            value = getattr(self, name)
            if self.policy == "bandit" and value not in (None, of_bandit):
                raise UserError(
                    f"Selection: {name} is {value!r} and a bandit sees no further than its reward; leave it out, or "
                    "take policy='actor_critic'"
                )
            if value is None:
                told = {"discount": DISCOUNT, "horizon": HORIZON} if self.policy != "bandit" else NO_FURTHER
                object.__setattr__(self, name, told[name])
