"""The schema of a recipe: what may stand in one, with its type, range and meaning."""

import os
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from keras_kd.data.sources.decode import RESIZE
from keras_kd.export.formats import DEFAULTS, FORMATS, INPUTS, OUTPUTS
from keras_kd.export.gates import GATES
from keras_kd.recipe.schema_bank import BankSpec, short_bank
from keras_kd.recipe.schema_cooperative import CooperativeSpec, short_cooperative
from keras_kd.recipe.schema_data import DataSpec, short_data
from keras_kd.recipe.schema_fit import FitSpec
from keras_kd.recipe.schema_meta import MetaSpec, short_meta
from keras_kd.recipe.schema_networks import Member, Network, StudentSpec, Teacher, short_model
from keras_kd.recipe.schema_selection import SelectionSpec, short_selection
from keras_kd.recipe.schema_types import (
    ABOVE_ZERO,
    EPOCHS,
    IMAGES,
    LARGE,
    NETWORKS,
    NOT_NEGATIVE,
    SEED,
    VALUES,
    DottedPath,
    LabelWeight,
    Line,
    Modules,
    Number,
    Part,
    Value,
    Weight,
    Whole,
    yes_or_no,
)
from keras_kd.training.schedules import Schedule
from keras_kd.utils.foreign_code import is_foreign
from keras_kd.utils.paths import from_folder


class TermSpec(Part):
    """One method of `keras-kd list methods`, its weight, and its own settings next to them."""

    method: Line = Field(
        description="a name of `keras-kd list methods`, or `package.module:Class`: a `keras_kd.Method` of your own"
    )
    weight: Weight | None = Field(
        None, description="weight of the term, a number or a schedule (see below); the published one by default"
    )
    settings: dict[str, object] = Field({}, exclude=True)
    schedules: dict[str, Schedule] = Field({}, exclude=True)

    @property
    def is_foreign(self):
        """Whether the method is a class of the user's own."""
        return is_foreign(self.method)


class TrustSpec(Part):
    """How far the teacher is trusted on each class (Lukasik et al. 2022): an example of class y has 1 - a_y of the
    label loss and a_y of every term, a_y = weight x what the teacher achieves on held-out images of class y."""

    measure: Literal["accuracy", "margin"] = Field(
        "accuracy",
        description="of the teacher on the validation images of the class: its accuracy, or the mean of its "
        "probability of the class minus the largest other, not below 0",
    )
    weight: Number = Field(1.0, gt=0, le=1, description="trust in a class on which the teacher is perfect")


class GateSpec(Part):
    """What an exported file may differ from the Keras model; see `keras-kd export --help`."""

    images: Whole = Field(GATES["images"], gt=0, le=IMAGES, description="test images that each file is run on")
    float32_max_difference: Number = Field(
        GATES["float32_max_difference"], **NOT_NEGATIVE, description="of logits, relative to the largest if above 1"
    )
    float32_agreement: Number = Field(GATES["float32_agreement"], ge=0, le=1, description="minimum top-1 agreement")
    float16_max_difference: Number = Field(
        GATES["float16_max_difference"], **NOT_NEGATIVE, description="as float32_max_difference, of litert_float16"
    )
    float16_agreement: Number = Field(GATES["float16_agreement"], ge=0, le=1, description="minimum top-1 agreement")
    int8_accuracy_drop: Number = Field(GATES["int8_accuracy_drop"], ge=0, le=1, description="most accuracy lost")
    int8_agreement: Number = Field(GATES["int8_agreement"], ge=0, le=1, description="minimum top-1 agreement")


class Int8FineTuningSpec(Part):
    """How a student is trained for int8 where an int8 file fails its gate: its quantisation simulated, its teacher's
    bank as the target."""

    epochs: Whole = Field(2, ge=0, le=EPOCHS, description="over the training images; 0 leaves such a file out")
    learning_rate: Number = Field(1e-4, **ABOVE_ZERO, description="of Adam at the start; a cosine takes it to 0")


class ExportSpec(Part):
    """Which files are delivered."""

    formats: tuple[Literal[FORMATS], ...] = Field(
        DEFAULTS, description=f"some of {', '.join(FORMATS)}; an empty list exports nothing"
    )
    deliver: Literal["distilled", "best"] = Field(
        "distilled",
        description="the student that is exported; best: of the distilled one and that on labels alone the one with "
        "more accuracy on validation images, or else on test images; needs `baseline`",
    )
    inputs: Literal[INPUTS] = Field("float32", description="uint8: the files take pixels as images have them")
    outputs: Literal[OUTPUTS] = Field("logits", description="probabilities: the files end with a softmax")
    litert_batch: Literal[1, "any"] = Field(
        1,
        description="images at once of LiteRT files: 1, so that all shapes are known when they are made, as compilers "
        "for phones and microcontrollers want; any: of any number",
    )
    calibration_images: Whole = Field(256, gt=0, le=IMAGES, description="training images that set the int8 ranges")
    gates: GateSpec = Field(GateSpec(), description="parity gates")
    int8_fine_tuning: Int8FineTuningSpec = Field(
        Int8FineTuningSpec(), description="a second chance for int8 files that fail their gate"
    )

    @property
    def batch_of_litert(self):
        """Images at once of LiteRT files; None for any number."""
        return None if self.litert_batch == "any" else self.litert_batch


# Of a range that is searched: what fields may be.
Bound = Annotated[Number, Field(ge=-LARGE, le=LARGE)]
WholeBound = Annotated[Whole, Field(ge=-LARGE, le=LARGE)]


class SettingSpace(Part):
    """The values that a search tries for one field of the recipe: one of `float`, `int`, `choice`, `boolean`."""

    float: tuple[Bound, Bound] | None = Field(None, description="minimum and maximum, such as [1, 20]")
    int: tuple[WholeBound, WholeBound] | None = Field(None, description="as `float`, whole numbers")
    choice: tuple[Value, ...] | None = Field(
        None, min_length=1, max_length=VALUES, description="a list of values of any kind"
    )
    boolean: Literal[True] | None = Field(None, description="true: both true and false are tried")
    sampling: Literal["linear", "log", "reverse_log"] = Field(
        "linear", description="of `float` and `int`: log tries as many values from 1 to 2 as from 10 to 20"
    )
    step: Number | None = Field(
        None, **ABOVE_ZERO, description="of `float` and `int`: between values tried; with `sampling: log` a factor"
    )
    when: dict[str, Value] = Field(
        {},
        description="only where others of the space have these values: {terms.0.method: dkd}, or a list of values",
    )


class ObjectiveSpec(Part):
    """A figure that a search makes large or small."""

    name: Line = Field(
        min_length=1,
        description="`val_accuracy` or `val_loss`, after the last epoch; or a figure of report.json by its path, such "
        "as calibration.ece, fidelity.agreement, cost.macs; of the images set aside, never of the test images",
    )
    direction: Literal["max", "min"] | None = Field(None, description="max or min; known for the usual figures")


def short_objectives(value):
    """Objectives as a list of fields; a plain string is one by its name."""
    listed = value if isinstance(value, list | tuple) else [value]
    return [{"name": one} if isinstance(one, str) else one for one in listed]


class SearchSpec(Part):
    """What `keras-kd search` tries."""

    space: dict[DottedPath, SettingSpace] = Field(
        {},
        description="values by dotted path: {terms.0.temperature: {float: [1, 20], sampling: log}}; by default label "
        "weight, and the temperature of every term that has one",
    )
    objective: Annotated[tuple[ObjectiveSpec, ...], BeforeValidator(short_objectives)] = Field(
        (ObjectiveSpec(name="val_accuracy"),),
        min_length=1,
        max_length=NETWORKS,
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
        gt=0,
        le=IMAGES,
        description="fraction or number of training images set aside for judging, where data.validation is 0",
    )
    seed: Whole = Field(0, **SEED, description="decides which settings are tried")


class BaselineSpec(Part):
    """The same student on labels alone: same epochs, seeds, views. `true` is shorthand for the defaults."""

    label_smoothing: Number | None = Field(
        None, gt=0, lt=1, description="also trains it on labels smoothed by so much, such as 0.1"
    )
    least_seeds: Whole = Field(3, gt=0, le=VALUES, description="with fewer, the verdict is `undecided`")


def short_baseline(value):
    """A baseline as fields; true is one of defaults, false is none."""
    value = yes_or_no(value)
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict | BaseModel | None):
        raise ValueError("true, or fields such as {label_smoothing: 0.1}")
    return value


class EvidenceSpec(Part):
    """What is measured of the trained student in addition to accuracy, fidelity and calibration."""

    independent_teacher: Member | None = Field(
        None,
        description="a network as good as the teacher that taught nothing here: fidelity to it is the control, as two "
        "accurate networks agree anyway (Stanton et al. 2021)",
    )
    train_images: Whole = Field(
        2000, ge=0, le=IMAGES, description="training images, as they are, on which fidelity is measured too; 0 for none"
    )
    representation: bool = Field(True, description="linear CKA of teacher and student by stage, on test images")
    corruptions: bool = Field(False, description="accuracy on test images with noise, blur, contrast, pixelation, JPEG")
    attacks: bool = Field(False, description="accuracy under FGSM and PGD, and whether attacks on the teacher transfer")
    attention: bool = Field(False, description="overlap of Grad-CAM maps of teacher, student and baseline")
    invariance: bool = Field(False, description="agreement under colour jitter and rotation")
    statistics: bool = Field(
        False,
        description="error, bias and variance of the teacher's probabilities and variance of the student's loss (Menon "
        "et al. 2021), from true probabilities where the data know them, else from the mean of the teacher's members",
    )
    images: Whole = Field(
        500, gt=0, le=IMAGES, description="test images that these and `representation` look at, `statistics` aside"
    )
    epsilon: Number = Field(2.0, gt=0, le=255, description="of attacks: the most a pixel 0..255 may change")


EVERYTHING = dict.fromkeys(("corruptions", "attacks", "attention", "invariance", "statistics"), True)


def short_evidence(value):
    """Evidence as fields; the text `all` switches everything on."""
    if not isinstance(value, dict | BaseModel) and value != "all":
        raise ValueError("`all`, or fields such as {attacks: true}")
    return dict(EVERYTHING) if value == "all" else value


class Recipe(Part):
    """A teacher, a student, a method and how they meet: one experiment, in one file."""

    data: Annotated[DataSpec, BeforeValidator(short_data)] = Field(
        description="the images, such as data: {name: cifar100, views: crop_flip}; a plain string is the name"
    )
    teacher: Teacher | None = Field(None, description="null trains the student on labels alone")
    student: Annotated[StudentSpec, BeforeValidator(short_model)] = Field(
        description="the network to train, such as student: resnet20"
    )
    label_weight: LabelWeight = Field(
        1.0,
        description="weight of the label loss: a number, a schedule (see below), or auto: more, and that of the terms "
        "less, the less the teacher is right on validation images (see below)",
    )
    terms: tuple[TermSpec, ...] = Field(
        (), max_length=NETWORKS, description="what the student learns from the teacher; a list"
    )
    peers: tuple[Network, ...] = Field(
        (),
        max_length=NETWORKS,
        description="networks trained with the student and dropped, for dml, or kept beside it, for "
        "cooperative; a list",
    )
    trust: TrustSpec | None = Field(None, description="the teacher's word weighed by class; needs data.validation")
    meta: Annotated[MetaSpec | None, BeforeValidator(short_meta)] = Field(
        None, description="true also teaches the teacher: to teach (MetaDistil)"
    )
    selection: Annotated[SelectionSpec | None, BeforeValidator(short_selection)] = Field(
        None, description="a policy chooses which terms count; needs data.validation"
    )
    cooperative: Annotated[CooperativeSpec | None, BeforeValidator(short_cooperative)] = Field(
        None, description="true has student and peers teach each other by examples that they write"
    )
    fit: FitSpec = Field(description="how it is trained, such as fit: {epochs: 240}")
    bank: Annotated[BankSpec, BeforeValidator(short_bank)] = Field(
        BankSpec(), description="what the teacher says, computed once and looked up; a plain string is its mode"
    )
    generations: Whole = Field(
        1, gt=0, le=100, description="born-again networks: each generation's student teaches the next; the last counts"
    )
    export: ExportSpec = Field(ExportSpec(), description="what is delivered")
    search: SearchSpec | None = Field(None, description="what `keras-kd search` tries; `distill` passes it over")
    baseline: Annotated[BaselineSpec | None, BeforeValidator(short_baseline)] = Field(
        None, description="true also trains the student on labels alone, and the report says whether distilling helped"
    )
    evidence: Annotated[EvidenceSpec, BeforeValidator(short_evidence)] = Field(
        EvidenceSpec(),
        description="what else is measured; `all` switches all of it on that is true or false",
    )
    modules: Modules = Field(
        (),
        max_length=NETWORKS,
        description="modules of your own that define layers and functions of saved networks, such as my_layers; a "
        "list, or one name; imported as the recipe is read; `--module` adds to them",
    )
    seed: Whole = Field(0, **SEED, description="decides initial weights, order, views, dropout")
    seeds: tuple[Annotated[Whole, Field(**SEED)], ...] = Field(
        (),
        max_length=VALUES,
        description="a run for each, in folders next to each other, such as [0, 1, 2]; the report of the first judges "
        "them all",
    )

    def with_seed(self, seed):
        """The recipe of one run, with this seed and no other, that is judged by nothing."""
        return self.model_copy(update={"seed": seed, "seeds": (), **self.alone()})

    def alone(self, **export):
        """The fields, as changes, of a recipe that is compared with nothing; with changes of its `export`."""
        return {"baseline": None, "export": self.export.model_copy(update={"deliver": "distilled", **export})}

    def dump(self, folder=None, brief=False):
        """The resolved recipe as plain data; with `folder`, paths relative to it; `brief` leaves out defaults."""
        plain = self.model_dump(mode="json", exclude_defaults=brief)
        for raw, term in zip(plain.get("terms", ()), self.terms, strict=True):
            if term.weight is None and term.is_foreign:
                raw.pop("weight", None)  # that of a class that was not looked at
            raw.update(term.settings)
            raw.update({field: schedule.model_dump(mode="json") for field, schedule in term.schedules.items()})
        # Recipes that know of none are as they were before there were these fields.
        for field in ("modules", "meta", "selection", "cooperative"):
            if not plain.get(field):
                plain.pop(field, None)
        for field in ("prune", "model"):
            if plain["student"].get(field) is None:
                plain["student"].pop(field, None)
        if (plain.get("teacher") or {}).get("ensemble_views") == "same":
            plain["teacher"].pop("ensemble_views")
        if plain["data"].get("resize") == RESIZE:
            plain["data"].pop("resize")
        if not plain["data"].get("groups"):
            plain["data"].pop("groups", None)
        if not (plain.get("bank") or {}).get("folder"):
            plain.get("bank", {}).pop("folder", None)
        if folder is not None:
            teacher, evidence = plain.get("teacher") or {}, plain.get("evidence") or {}
            networks = [teacher, *teacher.get("ensemble", ()), plain["student"], *plain.get("peers", ())]
            networks.append(evidence.get("independent_teacher") or {})
            noise = plain["data"].get("label_noise") or {}
            named = [(plain["data"], "name"), *((network, "model") for network in networks)]
            named += [(noise, "matrix")] * isinstance(noise.get("matrix"), str)
            for part, field in named:
                if part.get(field) and os.path.isabs(part[field]):
                    part[field] = from_folder(part[field], folder)
        return plain
