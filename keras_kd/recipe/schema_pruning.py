"""How a student is made from its teacher: the field `student.prune` of a recipe."""

from pydantic import Field

from keras_kd.recipe.schema_types import VALUES, Line, Number, Part, Whole


class PruneSpec(Part):
    """The student is the teacher with fewer channels; batch normalisation is measured anew on training images before it
    is trained."""

    macs: Number | None = Field(
        None, gt=0, lt=1, description="share of the teacher's multiply-accumulates that is left; or give `parameters`"
    )
    parameters: Number | None = Field(None, gt=0, lt=1, description="share of the teacher's parameters that is left")
    criterion: Line = Field(
        "l2",
        description="what a channel is worth: l2 or l1 of its weights, bn_scale, random, taylor (of training images), "
        "or `package.module:Class`: a `keras_kd.Criterion` of your own",
    )
    round_to: Whole = Field(8, ge=1, le=1024, description="channels of a layer are a multiple of it")
    minimum: Number = Field(0.1, ge=0, le=1, description="share of a layer's channels that stays at least")
    steps: Whole = Field(1, ge=1, le=1, description="how often it is pruned: once")
    keep: tuple[Line, ...] = Field(
        (), max_length=VALUES, description="layers of the teacher whose channels all stay, such as [stem]; a list"
    )
