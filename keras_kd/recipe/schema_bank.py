"""The schema of a recipe's bank."""

from typing import Literal

from pydantic import Field

from keras_kd.bank.formats import FORMATS as BANK_FORMATS
from keras_kd.recipe.schema_types import CLASSES, EPOCHS, Part, Whole


class BankSpec(Part):
    """The teacher as a table on the disk. A plain string is shorthand for `{mode: string}`."""

    mode: Literal["auto", "ahead", "full", "live"] = Field(
        "auto",
        description="ahead: before each epoch the teacher is asked about those of its views that are not there yet; "
        "full: about all at the start; live: no bank, it runs in each step; auto: ahead where it is possible",
    )
    format: Literal[BANK_FORMATS] = Field(
        "float16",
        description="of the rows: float32 is exact, float16 within 2^-11 of each value, int8 within a 510th of "
        "the row's range, topk keeps the largest logits and spreads the rest",
    )
    kept: Whole = Field(10, gt=0, le=CLASSES, description="logits that `format: topk` keeps")
    views: Whole | None = Field(
        None, gt=0, le=EPOCHS, description="shows each image in so many views only, so that few are needed"
    )
    maps: bool = Field(False, description="stores feature maps too, for methods that read them; they are large")
    folder: str | None = Field(
        None,
        description="in which the bank lies, seen from where the command is started; by default next to the run if it "
        "is there already, else where the environment variable KERAS_KD_BANK says, else in `saved_models/bank`",
    )


def short_bank(value):
    """A bank as fields; a plain string is its mode."""
    return {"mode": value} if isinstance(value, str) else value
