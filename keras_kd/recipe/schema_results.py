"""The schema of what comes of a student: exported files, a search, a baseline, evidence."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from keras_kd.export.formats import DEFAULTS, FORMATS, INPUTS, OUTPUTS
from keras_kd.export.gates import GATES
from keras_kd.recipe.schema_networks import MemberSpec, short_model
from keras_kd.recipe.schema_parts import ABOVE_ZERO, NOT_NEGATIVE, Number, Part, Whole


class GateSpec(Part):
    """What an exported file may differ from the Keras model; see `keras-kd export --help`."""

    images: Whole = Field(GATES["images"], gt=0, description="test images that each file is run on")
    float32_max_difference: Number = Field(
        GATES["float32_max_difference"], **NOT_NEGATIVE, description="of logits, relative to the largest if above 1"
    )
    float32_agreement: Number = Field(GATES["float32_agreement"], ge=0, le=1, description="least top-1 agreement")
    float16_max_difference: Number = Field(
        GATES["float16_max_difference"], **NOT_NEGATIVE, description="as float32_max_difference, of litert_float16"
    )
    float16_agreement: Number = Field(GATES["float16_agreement"], ge=0, le=1, description="least top-1 agreement")
    int8_accuracy_drop: Number = Field(GATES["int8_accuracy_drop"], ge=0, le=1, description="most accuracy lost")
    int8_agreement: Number = Field(GATES["int8_agreement"], ge=0, le=1, description="least top-1 agreement")


class Int8FineTuningSpec(Part):
    """How a student is trained for int8 where an int8 file fails its gate: its quantisation simulated, its teacher's
    bank as the target."""

    epochs: Whole = Field(2, ge=0, description="over the training images; 0 leaves such a file out")
    learning_rate: Number = Field(1e-4, **ABOVE_ZERO, description="of Adam at the start; a cosine takes it to 0")


class ExportSpec(Part):
    """Which files are handed over."""

    formats: tuple[Literal[FORMATS], ...] = Field(
        DEFAULTS, description=f"some of {', '.join(FORMATS)}; an empty list exports nothing"
    )
    inputs: Literal[INPUTS] = Field("float32", description="uint8: the files take pixels as images have them")
    outputs: Literal[OUTPUTS] = Field("logits", description="probabilities: the files end with a softmax")
    calibration_images: Whole = Field(256, gt=0, description="training images that set the int8 ranges")
    gates: GateSpec = Field(GateSpec(), description="parity gates")
    int8_fine_tuning: Int8FineTuningSpec = Field(
        Int8FineTuningSpec(), description="a second chance for int8 files that fail their gate"
    )


class SettingSpace(Part):
    """The values that a search tries for one field of the recipe: one of `float`, `int`, `choice`, `boolean`."""

    float: tuple[Number, Number] | None = Field(None, description="the least and the largest, such as [1, 20]")
    int: tuple[Whole, Whole] | None = Field(None, description="as `float`, whole numbers")
    choice: tuple[object, ...] | None = Field(None, min_length=1, description="a list of values of any kind")
    boolean: Literal[True] | None = Field(None, description="true: both true and false are tried")
    sampling: Literal["linear", "log", "reverse_log"] = Field(
        "linear", description="of `float` and `int`: log tries as many values from 1 to 2 as from 10 to 20"
    )
    step: Number | None = Field(
        None, **ABOVE_ZERO, description="of `float` and `int`: between values tried; with `sampling: log` a factor"
    )
    when: dict[str, object] = Field(
        {},
        description="only where others of the space have these values: {terms.0.method: dkd}, or a list of values",
    )


class ObjectiveSpec(Part):
    """A figure that a search makes large or small."""

    name: str = Field(
        min_length=1,
        description="`val_accuracy` or `val_loss`, after the last epoch; or a figure of report.json by its path, such "
        "as calibration.ece, fidelity.agreement, cost.macs; of the images set aside, never of the test images",
    )
    direction: Literal["max", "min"] | None = Field(None, description="max or min; known for the usual figures")


def short_objectives(value):
    """Objectives as a list of fields; a text alone is one by its name."""
    listed = value if isinstance(value, list | tuple) else [value]
    return [{"name": one} if isinstance(one, str) else one for one in listed]


class SearchSpec(Part):
    """What `keras-kd search` tries."""

    space: dict[str, SettingSpace] = Field(
        {},
        description="values by dotted path: {terms.0.temperature: {float: [1, 20], sampling: log}}; by default label "
        "weight, and the temperature of every term that has one",
    )
    objective: Annotated[tuple[ObjectiveSpec, ...], BeforeValidator(short_objectives)] = Field(
        (ObjectiveSpec(name="val_accuracy"),),
        min_length=1,
        description="what is best: a name, such as val_accuracy; fields; or a list of several for a Pareto set",
    )
    trials: Whole = Field(20, gt=0, le=10**5, description="settings that are tried, at most")
    hours: Number | None = Field(None, **ABOVE_ZERO, description="after which no trial begins")
    tuner: Literal["random", "grid", "bayesian", "hyperband"] = Field(
        "random", description="KerasTuner's; hyperband trains many for few epochs and few for all of fit.epochs"
    )
    seeds: Whole = Field(1, gt=0, le=100, description="runs of a trial, of the recipe's seed and those after it")
    validation: Number = Field(
        0.1,
        **ABOVE_ZERO,
        description="fraction or number of training images set aside for judging, where data.validation is 0",
    )
    seed: Whole = Field(0, ge=0, lt=2**31, description="decides which settings are tried")


class BaselineSpec(Part):
    """The same student on labels alone: same epochs, seeds, views. `true` is short for the defaults."""

    label_smoothing: Number | None = Field(
        None, gt=0, lt=1, description="also trains it on labels smoothed by so much, such as 0.1"
    )
    least_seeds: Whole = Field(3, gt=0, description="with fewer, the verdict is `undecided`")


def short_baseline(value):
    """A baseline as fields; true is one of defaults, false is none."""
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict | BaseModel | None):
        raise ValueError("true, or fields such as {label_smoothing: 0.1}")
    return value


class EvidenceSpec(Part):
    """What is measured of the trained student beside accuracy, fidelity and calibration."""

    independent_teacher: Annotated[MemberSpec, BeforeValidator(short_model)] | None = Field(
        None,
        description="a network as good as the teacher that taught nothing here: fidelity to it is the control, as two "
        "accurate networks agree anyway (Stanton et al. 2021)",
    )
    train_images: Whole = Field(
        2000, ge=0, description="training images, as they are, on which fidelity is measured too; 0 for none"
    )
    representation: bool = Field(True, description="linear CKA of teacher and student by stage, on test images")
    corruptions: bool = Field(False, description="accuracy on test images with noise, blur, contrast, pixelation, JPEG")
    attacks: bool = Field(False, description="accuracy under FGSM and PGD, and whether attacks on the teacher transfer")
    attention: bool = Field(False, description="overlap of Grad-CAM maps of teacher, student and baseline")
    invariance: bool = Field(False, description="agreement under colour jitter and rotation")
    images: Whole = Field(500, gt=0, description="test images that the last four and `representation` look at")
    epsilon: Number = Field(2.0, **ABOVE_ZERO, description="of attacks: the most a pixel 0..255 may change")


EVERYTHING = dict.fromkeys(("corruptions", "attacks", "attention", "invariance"), True)


def short_evidence(value):
    """Evidence as fields; the text `all` switches everything on."""
    if not isinstance(value, dict | BaseModel) and value != "all":
        raise ValueError("`all`, or fields such as {attacks: true}")
    return dict(EVERYTHING) if value == "all" else value
