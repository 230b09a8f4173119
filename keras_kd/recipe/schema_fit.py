"""The schema of how a recipe's student is trained."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from keras_kd.recipe.schema_types import (
    ABOVE_ZERO,
    EPOCHS,
    LARGE,
    NOT_NEGATIVE,
    VALUES,
    Epoch,
    Number,
    Part,
    Whole,
    yes_or_no,
)
from keras_kd.utils.plain_number import plain_number


class EarlyStoppingSpec(Part):
    """Ends a training that no longer gets better on validation images; the weights of its best epoch are kept. `true`
    is shorthand for the defaults."""

    monitor: Literal["val_accuracy", "val_loss"] = Field(
        "val_accuracy", description="which figure of the validation images; val_loss is of labels and regularisers"
    )
    patience: Whole = Field(10, ge=0, le=EPOCHS, description="epochs in a row without improvement that end it")
    min_delta: Number = Field(0.0, **NOT_NEGATIVE, description="less than this, or as much, is no improvement")


def short_early_stopping(value):
    """Early stopping as fields; true is one of defaults, false is none."""
    value = yes_or_no(value)
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict | BaseModel | None):
        raise ValueError("true, or fields such as {monitor: val_accuracy, patience: 10}")
    return value


BALANCED = "balanced"
CLASS_WEIGHTS = "balanced, a list with a weight for each class, or weights by class such as {cat: 2.0}"


def weights_of_classes(value):
    """Class weights as they may stand in a recipe: None, `balanced`, a tuple of numbers, or numbers by class.

    Raises:
        ValueError: what was expected.

    Example:
        >>> weights_of_classes({0: 2, "cat": 0.5}), weights_of_classes([1, 2])
        ({'0': 2.0, 'cat': 0.5}, (1.0, 2.0))
    """
    if value is None or (isinstance(value, str) and value == BALANCED):
        return value
    listed = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError(CLASS_WEIGHTS)
    for one in listed:
        plain_number(one)
        if not isinstance(one, int | float) or not 0 <= one <= LARGE:
            raise ValueError("weights of 0 or more")
    if not any(listed):
        raise ValueError("some class with a weight above 0")
    if not isinstance(value, dict):
        return tuple(map(float, value))
    named = {str(key): float(one) for key, one in value.items()}
    if len(named) < len(value):
        raise ValueError("each class once")
    return named


class FitSpec(Part):
    """How the student is trained.

    On labels alone each setting ends where Keras's own does: `ema` is `use_ema` of its optimizers, `early_stopping` is
    `EarlyStopping(restore_best_weights=True)`. `class_weight` multiplies the label loss of each training image, and the
    sum is divided by the number of images, as `class_weight` of Keras's `fit` does; terms and validation images are not
    weighed (in Python `Distiller(class_weight=...)`; that of `Distiller.fit` is Keras's sample weight, and weighs the
    terms as well). `label_smoothing` is of the label loss too, on training and validation images. The student on labels
    alone, of `baseline`, has the same settings, and may stop at another epoch. Images that end a training are no longer
    strange to it: what a student is worth, test images say.
    """

    epochs: Epoch = Field(description="passes over the training images")
    batch_size: Whole = Field(64, gt=0, le=10**6, description="images per step")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="sgd couples `l2` as PyTorch does")
    learning_rate: Number = Field(
        0.05,
        **ABOVE_ZERO,
        description="at the start, after the warm-up; of a student with `prune` 0.02, with adam or adamw 0.0003",
    )
    momentum: Number = Field(0.9, ge=0, lt=1, description="of sgd")
    nesterov: bool = Field(False, description="of sgd")
    drops: tuple[Epoch, ...] = Field(
        (), max_length=VALUES, description="after these epochs the rate is multiplied by `drop_factor`"
    )
    drop_factor: Number = Field(0.1, gt=0, le=1, description="see `drops`")
    decay: Literal["constant", "cosine"] = Field("constant", description="cosine: falls to zero over the epochs")
    warmup_epochs: Whole = Field(0, ge=0, le=EPOCHS, description="the rate rises linearly over the first epochs")
    l2: Number = Field(0.0, **NOT_NEGATIVE, description="sgd's coupled weight decay, on every variable; 5e-4 in papers")
    weight_decay: Number = Field(0.0, **NOT_NEGATIVE, description="adamw's decoupled weight decay")
    clip_norm: Number | None = Field(
        None, **ABOVE_ZERO, description="longer gradients, of all variables as one, are scaled to this norm"
    )
    ema: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        None,
        description="such as 0.999: what is validated, kept and exported are moving averages of the weights, of which "
        "each step keeps so much (Keras's use_ema)",
    )
    label_smoothing: Number = Field(
        0.0, ge=0, lt=1, description="of the label loss: the share of each label that is spread over all classes"
    )
    class_weight: Annotated[object, BeforeValidator(weights_of_classes)] = Field(
        None,
        description="what an example of each class counts in the label loss: a list; numbers by the names or numbers "
        "of classes, 1 for the others; balanced: images / (classes x images of the class)",
    )
    early_stopping: Annotated[EarlyStoppingSpec | None, BeforeValidator(short_early_stopping)] = Field(
        None, description="true ends the training where validation images say so; needs data.validation"
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="of the networks; losses are always float32"
    )
    deterministic: bool = Field(False, description="bit-equal results from equal seeds; slower on a GPU")
    steps_per_execution: Literal["auto"] | Annotated[Whole, Field(gt=0, le=10**6)] = Field(
        "auto", description="steps in one call; auto: 16 on JAX with an accelerator, one compiled loop, else 1"
    )
    jit_compile: Literal["auto"] | bool = Field("auto", description="XLA; auto: where it pays")
    checkpoints: tuple[Epoch, ...] = Field(
        (),
        max_length=VALUES,
        description="epochs after which the student is kept as checkpoints/epoch_0020.keras, to teach others",
    )
    checkpoint_every: Epoch | None = Field(None, description="of 20: also after every 20 epochs")

    def keeps(self, epoch):
        """Whether the student as it is after an epoch stays on the disk; the last one always does."""
        every = self.checkpoint_every
        return epoch in (*self.checkpoints, self.epochs) or (every is not None and epoch % every == 0)

    def kept(self):
        """The epochs, rising, after which the student as it is then stays on the disk."""
        every = self.checkpoint_every
        of_every = range(every, self.epochs + 1, every) if every else ()
        return sorted({*(one for one in self.checkpoints if one <= self.epochs), *of_every, self.epochs})
