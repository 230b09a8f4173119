"""The schema of a recipe: what may stand in one, with its type, range and meaning."""

import os
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from keras_kd.data.views import VIEWS
from keras_kd.export import FORMATS, GATES

ABOVE_ZERO = {"gt": 0, "allow_inf_nan": False}
NOT_NEGATIVE = {"ge": 0, "allow_inf_nan": False}


# Where a text alone is short for a part with this one field.
SHORT = {("data",): "name", ("teacher",): "model", ("student",): "model"}


class Part(BaseModel):
    """A part of a recipe: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def _no_bool(value):
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]
Whole = Annotated[int, BeforeValidator(_no_bool)]


class DataSpec(Part):
    """Which images, and how they are augmented."""

    name: str = Field(
        min_length=1,
        description="`digits`, a TFDS name (`cifar100`), a folder of images, an `.npz` file, `package.module:function`",
    )
    views: Literal[tuple(VIEWS)] = Field("none", description="augmentation of the training images")
    data_dir: str | None = Field(None, description="where TFDS keeps its data")
    image_size: Whole | tuple[Whole, Whole] | None = Field(
        None, description="height and width (one number: both) to which a folder's images are resized"
    )
    train_images: Whole | None = Field(None, gt=0, description="use at most so many training images, class-balanced")
    test_images: Whole | None = Field(None, gt=0, description="use at most so many test images, class-balanced")
    validation: Number = Field(
        0.0, **NOT_NEGATIVE, description="fraction (below 1) or number of training images set aside for validation"
    )
    test_fraction: Number | None = Field(
        None, gt=0, lt=1, description="share of the images tested on, where the data has no test split"
    )
    mean: tuple[Number, ...] | None = Field(None, description="per channel, of pixels / 255; computed if not given")
    std: tuple[Annotated[Number, Field(**ABOVE_ZERO)], ...] | None = Field(None, description="as `mean`")
    seed: Whole = Field(0, ge=0, description="decides what `validation`, `train_images`, `test_fraction` choose")


class ModelSpec(Part):
    """A network. A text alone is short for `{model: text}`."""

    model: str = Field(
        description="a name of `keras-kd list models`, a recipe (`x.yaml`; its student, trained first if missing), a "
        "`.keras` file, a `keras.applications` name, or `package.module:function`",
    )
    from_logits: bool = Field(True, description="whether it gives logits; false for probabilities; it is checked")
    pixels: Literal["pixels", "unit", "symmetric", "standard"] = Field(
        "pixels",
        description="what a file or function of your own takes: pixels 0..255, unit 0..1, symmetric -1..1, "
        "standard (pixels / 255 - mean) / std",
    )
    weights: Literal["imagenet"] | None = Field(None, description="pretrained weights of a `keras.applications` model")
    arguments: dict[str, object] = Field({}, description="passed on to the function that builds the model")


class TermSpec(Part):
    """One method of `keras-kd list methods`, its weight, and its own settings beside them."""

    method: str = Field(description="a name of `keras-kd list methods`")
    weight: Number | None = Field(None, **NOT_NEGATIVE, description="weight of the term; the published one by default")
    settings: dict[str, object] = Field({}, exclude=True)


class FitSpec(Part):
    """How the student is trained."""

    epochs: Whole = Field(gt=0, le=10**6, description="passes over the training images")
    batch_size: Whole = Field(64, gt=0, description="images a step")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="sgd couples `l2` as PyTorch does")
    learning_rate: Number = Field(0.05, **ABOVE_ZERO, description="at the start, after the warm-up")
    momentum: Number = Field(0.9, ge=0, lt=1, description="of sgd")
    nesterov: bool = Field(False, description="of sgd")
    drops: tuple[Annotated[Whole, Field(gt=0)], ...] = Field(
        (), description="after these epochs the rate is multiplied by `drop_factor`"
    )
    drop_factor: Number = Field(0.1, gt=0, le=1, description="see `drops`")
    decay: Literal["constant", "cosine"] = Field("constant", description="cosine: falls to zero over the epochs")
    warmup_epochs: Whole = Field(0, ge=0, description="the rate rises linearly over the first epochs")
    l2: Number = Field(0.0, **NOT_NEGATIVE, description="sgd's coupled weight decay, on every variable; 5e-4 in papers")
    weight_decay: Number = Field(0.0, **NOT_NEGATIVE, description="adamw's decoupled weight decay")
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="of the networks; losses are always float32"
    )
    deterministic: bool = Field(False, description="bit-equal results from equal seeds; slower on a GPU")
    steps_per_execution: Whole = Field(1, gt=0, description="steps in one compiled call")
    jit_compile: Literal["auto"] | bool = Field("auto", description="XLA; auto: where it pays")


class GateSpec(Part):
    """What an exported file may differ from the Keras model; see `keras-kd export --help`."""

    images: Whole = Field(GATES["images"], gt=0, description="test images that each file is run on")
    float32_max_difference: Number = Field(
        GATES["float32_max_difference"], **NOT_NEGATIVE, description="of logits, relative to the largest if above 1"
    )
    float32_agreement: Number = Field(GATES["float32_agreement"], ge=0, le=1, description="least top-1 agreement")
    int8_accuracy_drop: Number = Field(GATES["int8_accuracy_drop"], ge=0, le=1, description="most accuracy lost")
    int8_agreement: Number = Field(GATES["int8_agreement"], ge=0, le=1, description="least top-1 agreement")


class ExportSpec(Part):
    """Which files are handed over."""

    formats: tuple[Literal[FORMATS], ...] = Field(FORMATS, description="an empty list exports nothing")
    calibration_images: Whole = Field(256, gt=0, description="training images that set the int8 ranges")
    gates: GateSpec = Field(GateSpec(), description="parity gates")


def short_model(value):
    """A network as fields; a text alone is its name."""
    return {"model": value} if isinstance(value, str) else value


def short_data(value):
    """A dataset as fields; a text alone is its name."""
    return {"name": value} if isinstance(value, str) else value


Network = Annotated[ModelSpec, BeforeValidator(short_model)]


class Recipe(Part):
    """A teacher, a student, a method and how they meet: one claim, in one file."""

    data: Annotated[DataSpec, BeforeValidator(short_data)] = Field(
        description="the images, such as data: {name: cifar100, views: crop_flip}; a text alone is the name"
    )
    teacher: Network | None = Field(None, description="null trains the student on labels alone")
    student: Network = Field(description="the network to train, such as student: resnet20")
    label_weight: Number = Field(1.0, **NOT_NEGATIVE, description="weight of the label loss")
    terms: tuple[TermSpec, ...] = Field((), description="what the student learns from the teacher; a list")
    fit: FitSpec = Field(description="how it is trained, such as fit: {epochs: 240}")
    export: ExportSpec = Field(ExportSpec(), description="what is handed over")
    seed: Whole = Field(0, ge=0, lt=2**31, description="decides initial weights, order, views, dropout")

    def dump(self, folder=None):
        """The resolved recipe as plain data; with `folder`, paths relative to it."""
        plain = self.model_dump(mode="json")
        for raw, term in zip(plain["terms"], self.terms, strict=True):
            raw.update(term.settings)
        if folder is not None:
            for place, field in (("data", "name"), ("teacher", "model"), ("student", "model")):
                if plain[place] and os.path.isabs(plain[place][field]):
                    plain[place][field] = os.path.relpath(plain[place][field], folder)
                    if not plain[place][field].startswith("."):
                        plain[place][field] = f"./{plain[place][field]}"
        return plain
