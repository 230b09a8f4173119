"""The schema of how a teacher is taught itself."""

from typing import Annotated

from pydantic import BaseModel, Field

from keras_kd.recipe.schema_types import ABOVE_ZERO, IMAGES, NOT_NEGATIVE, Number, Part, Weight, Whole, yes_or_no

MOST_BATCHES = 1000


class MetaSpec(Part):
    """The teacher learns to teach (MetaDistil, Zhou et al. 2022). In each round the student tries a step of plain SGD
    on the loss of the recipe; the teacher is moved so that the student, after it, is more right on held-out images; the
    step is taken back, and the student is trained on the same batch with the teacher as it now is. `true` is shorthand
    for the defaults, which are those of the authors' script but where said.

    The file of the teacher stays as it is; the taught one is `taught_teacher.keras` in the run. A round of one
    batch costs several steps. There is no bank, as what the teacher says changes."""

    trial_step_size: Weight = Field(
        0.05, description="learning rate of the trial, plain SGD without momentum: a number or a schedule"
    )
    teacher_learning_rate: Weight = Field(
        0.001,
        description="of the teacher's SGD: a number or a schedule; while it is 0 the teacher stays, no trial is made. "
        "In the authors' script it is 0 for the first 149 of 240 epochs, plain distillation at the cost of teaching, "
        "and 0.05 then: `{end_value: 0.5, delay: 149}` with `follow_student`. Here it is taught from the first epoch "
        "on, as in the paper's algorithm, at a rate of ours: at 0.05 from the first epoch on it was lost on digits",
    )
    teacher_momentum: Number = Field(0.9, ge=0, lt=1, description="of the teacher's SGD")
    teacher_l2: Number = Field(5e-4, **NOT_NEGATIVE, description="the teacher's coupled weight decay")
    teacher_gradient_norm: Annotated[Number, Field(**ABOVE_ZERO)] | None = Field(
        None,
        description="the most that the teacher's gradient may measure, a longer one is shortened; null for none, as in "
        "the authors' script for images; 1 in that for language",
    )
    follow_student: bool = Field(
        True, description="both rates fall as the student's does by fit.drops and fit.decay; false leaves them"
    )
    batches: Whole = Field(
        1,
        gt=0,
        le=MOST_BATCHES,
        description="training batches of a round: so many trial steps, then one of the teacher",
    )
    held_out: Number = Field(
        0.1,
        gt=0,
        le=IMAGES,
        description="training images that are held out for it, as a fraction (below 1) or a number of images, next to "
        "data.validation; the script has no default, this one is ours",
    )
    held_out_batches: Whole = Field(
        1,
        gt=0,
        le=MOST_BATCHES,
        description="batches of held-out images, of fit.batch_size, that judge a trial; the script has no default",
    )


def short_meta(value):
    """How a teacher is taught as fields; true is the defaults, false is not at all."""
    value = yes_or_no(value)
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict | BaseModel | None):
        raise ValueError("true, or fields such as {trial_step_size: 0.05}")
    return value
