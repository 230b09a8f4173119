"""The schema of how the terms that count are chosen."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from keras_kd.recipe.schema_types import ABOVE_ZERO, SEED, Number, Part, Whole, yes_or_no
from keras_kd.training.selection import DISCOUNT, HORIZON, MEASURES, POLICIES, UNITS

MOST_STEPS, MOST_CHOICES = 10**9, 1000


class SelectionSpec(Part):
    """A policy chooses which terms count (Wang et al. 2022), and learns from the change of a figure of the validation
    images over the interval for which a choice stays; it needs `data.validation`. A plain string is the policy. The
    paper's settings could not be read: these are ours.

    Where no term is chosen the student learns from labels alone. A term that is not chosen is computed and weighs 0.
    Terms differ in size, by orders of magnitude, so a choice also changes how far a step goes; see `normalize`. At the
    end of each interval the validation images are looked at once; what `search` or `deliver: best` judge by them has
    then seen them."""

    policy: Literal[POLICIES] = Field(
        "bandit",
        description="bandit: a probability for each term; actor_critic: one that depends on the figure measured last, "
        "the last reward and the last choice",
    )
    interval: Whole = Field(1, gt=0, le=MOST_STEPS, description="for how long a choice stays, in `unit`")
    unit: Literal[UNITS] = Field(
        "epochs", description="epochs or steps; where several steps are one call a choice lasts to the end of the call"
    )
    metric: Literal[MEASURES] = Field(
        "accuracy",
        description="of the validation images: accuracy, or loss, the label loss, whose fall is the reward: finer "
        "where they are few",
    )
    labels: bool = Field(
        False, description="true: the label loss may be chosen as well; it counts anyway where nothing else does"
    )
    normalize: bool = Field(
        False,
        description="true: the weights of what counts are multiplied by what may be chosen over what is, in number, so "
        "that a choice of few takes no smaller steps; sensible where the weights make the terms comparable",
    )
    learning_rate: Number = Field(0.2, **ABOVE_ZERO, description="of the policy's SGD")
    discount: Annotated[Number, Field(ge=0, le=1)] | None = Field(
        None, description=f"of actor_critic: what a later reward counts for an earlier choice; {DISCOUNT} by default"
    )
    horizon: Annotated[Whole, Field(gt=0, le=MOST_CHOICES)] | None = Field(
        None, description=f"of actor_critic: choices that are learnt from together; {HORIZON} by default"
    )
    critic_weight: Number = Field(
        0.5, **ABOVE_ZERO, description="of the loss of what rewards are compared with, next to that of the choices"
    )
    seed: Annotated[Whole, Field(**SEED)] | None = Field(
        None, description="decides what is drawn; that of the recipe by default"
    )


def short_selection(value):
    """A selection as fields; a plain string is its policy, true the defaults, false none."""
    value = yes_or_no(value)
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, str):
        return {"policy": value}
    if not isinstance(value, dict | BaseModel | None):
        raise ValueError("a policy, or fields such as {policy: bandit, interval: 2}")
    return value
