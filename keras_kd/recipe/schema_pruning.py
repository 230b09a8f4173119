"""How a student is made from its teacher: the field `student.prune` of a recipe."""

from typing import Literal

from pydantic import Field

from keras_kd.export.formats import MEASURABLE
from keras_kd.recipe.schema_types import LARGE, VALUES, Bytes, Line, Number, Part, Whole

# In which a file is measured where none is named.
FORMAT = "litert_int8"
# What may be asked for, one of it; of the last two an exported file is measured.
TARGETS = ("macs", "parameters", "speedup", "bytes")
MEASURED = ("speedup", "bytes")


class PruneSpec(Part):
    """The student is the teacher with fewer channels; batch normalisation is measured anew on training images before it
    is trained."""

    macs: Number | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of the teacher's multiply-accumulates that is left; or give one of the next",
    )
    parameters: Number | None = Field(None, gt=0, lt=1, description="share of the teacher's parameters that is left")
    speedup: Number | None = Field(
        None, gt=1, le=1000, description="how many times faster than the teacher's its file is to be, measured here"
    )
    bytes: Bytes | None = Field(None, gt=0, le=LARGE, description="of its file at most, such as 1MB; measured")
    format: Literal[MEASURABLE] | None = Field(
        None,
        description=f"of the file that is measured; {FORMAT} where `speedup` or `bytes` asks for one; with the other "
        "targets it is measured for the report",
    )
    criterion: Line = Field(
        "l2",
        description="what a channel is worth: l2 or l1 of its weights, bn_scale, random, taylor (of training images), "
        "or `package.module:Class`: a `keras_kd.Criterion` of your own",
    )
    round_to: Whole = Field(8, ge=1, le=1024, description="channels of a layer are a multiple of it")
    minimum: Number = Field(0.1, ge=0, le=1, description="share of a layer's channels that stays at least")
    steps: Whole = Field(
        1, ge=1, le=10, description="how often it is pruned, taught by the teacher in between: fit.epochs each time"
    )
    keep: tuple[Line, ...] = Field(
        (), max_length=VALUES, description="layers of the teacher whose channels all stay, such as [stem]; a list"
    )

    @property
    def target(self):
        """(what is asked for, one of `TARGETS`, and its value)."""
        return next((name, getattr(self, name)) for name in TARGETS if getattr(self, name) is not None)

    @property
    def is_measured(self):
        """Whether a file is measured to find out how much goes."""
        return self.target[0] in MEASURED

    @property
    def measured_format(self):
        """The format whose file is measured, or None."""
        return self.format or (FORMAT if self.is_measured else None)
