"""The schema of how networks teach each other by counterfactual examples."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from keras_kd.recipe.schema_types import ABOVE_ZERO, EPOCHS, IMAGES, NOT_NEGATIVE, Number, Part, Whole, yes_or_no


class CooperativeSpec(Part):
    """The student and its `peers` teach each other (cooperative distillation, Livanos et al. 2024). Each is trained on
    labels alone for fit.epochs. Then, in each round, every network writes, for each held-out image that it has right
    and another has wrong, that image moved until it is surer of its label; all are trained further on their own images
    and those written for them. `true` is shorthand for the defaults.

    The student is delivered; the others are `peer_1.keras`, ... in the run, and what each round did is
    `cooperation.json`. Equations only, from a summary of the paper, which names tables, not images; settings ours."""

    rounds: Whole = Field(3, gt=0, le=1000, description="how often images are written")
    epochs: Whole = Field(
        2, gt=0, le=EPOCHS, description="of each network in each round, at the learning rate of `fit`, after fit.epochs"
    )
    images: Literal["all", "parts", "classes"] = Field(
        "all",
        description="what each network is trained on. all: all training images; parts: an image is one network's "
        "alone; classes: the images of a class are missing for one network, in turn",
    )
    held_out: Number = Field(
        0.1,
        gt=0,
        le=IMAGES,
        description="training images on which is looked who is right, as a fraction (below 1) or a number of images: "
        "no network is trained on them, but on what is written from them",
    )
    toward: Number = Field(
        0.5, ge=0, le=1, description="how much surer of its label a network is to be, on the way to certain"
    )
    how: Literal["descent", "walk"] = Field(
        "walk",
        description="walk: the steps of BSS, until it is so sure; descent: the gradient of the equation, with its "
        "price of distance",
    )
    distance_weight: Number = Field(
        0.01, **NOT_NEGATIVE, description="of descent: the price of moving a pixel by the data's standard deviation"
    )
    steps: Whole = Field(
        20,
        ge=0,
        le=10**4,
        description="at most so many; 0 passes the held-out images on as they are, which is a control",
    )
    step_size: Annotated[Number, Field(**ABOVE_ZERO)] | None = Field(
        None, description="null for 0.3 (walk: the share of the way in a step) or 1 (descent: of the gradient)"
    )


def short_cooperative(value):
    """How networks cooperate as fields; true is the defaults, false is not at all."""
    value = yes_or_no(value)
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict | BaseModel | None):
        raise ValueError("true, or fields such as {rounds: 3}")
    return value
