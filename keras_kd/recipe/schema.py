"""The schema of a recipe: what may stand in one, with its type, range and meaning."""

import os
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from keras_kd.bank.formats import FORMATS as BANK_FORMATS
from keras_kd.recipe.schema_data import DataSpec, ImbalanceSpec, LabelNoiseSpec, RandAugmentSpec, ViewsSpec, short_data
from keras_kd.recipe.schema_networks import (
    MemberSpec,
    ModelSpec,
    Network,
    StudentSpec,
    TeacherSpec,
    short_model,
    short_teacher,
)
from keras_kd.recipe.schema_parts import ABOVE_ZERO, NOT_NEGATIVE, Number, Part, Weight, Whole
from keras_kd.recipe.schema_results import (
    BaselineSpec,
    EvidenceSpec,
    ExportSpec,
    GateSpec,
    Int8FineTuningSpec,
    ObjectiveSpec,
    SearchSpec,
    SettingSpace,
    short_baseline,
    short_evidence,
)
from keras_kd.training.schedules import ByEpoch
from keras_kd.utils.foreign_code import is_foreign

# All parts of a recipe are found here, wherever they stand.
__all__ = [
    "BankSpec", "BaselineSpec", "DataSpec", "EvidenceSpec", "ExportSpec", "FitSpec", "GateSpec", "ImbalanceSpec",
    "Int8FineTuningSpec", "LabelNoiseSpec", "MemberSpec", "ModelSpec", "Number", "ObjectiveSpec", "Part",
    "RandAugmentSpec", "Recipe", "SHORT", "SearchSpec", "SettingSpace", "StudentSpec", "TeacherSpec", "TermSpec",
    "TrustSpec", "ViewsSpec", "Weight", "Whole", "short_bank", "short_data", "short_model", "short_teacher",
]  # fmt: skip

# Where a text alone is short for a part with this one field.
SHORT = {
    ("data",): "name",
    ("data", "views"): "base",
    ("teacher",): "model",
    ("student",): "model",
    ("bank",): "mode",
    ("evidence", "independent_teacher"): "model",
}


class TermSpec(Part):
    """One method of `keras-kd list methods`, its weight, and its own settings beside them."""

    method: str = Field(
        description="a name of `keras-kd list methods`, or `package.module:Class`: a `keras_kd.Method` of your own"
    )
    weight: Weight | None = Field(
        None, description="weight of the term, a number or by epoch (see below); the published one by default"
    )
    settings: dict[str, object] = Field({}, exclude=True)
    schedules: dict[str, ByEpoch] = Field({}, exclude=True)

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
        "probability of the class less the largest other, not below 0",
    )
    weight: Number = Field(1.0, gt=0, le=1, description="trust in a class on which the teacher is perfect")


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
    steps_per_execution: Literal["auto"] | Annotated[Whole, Field(gt=0)] = Field(
        "auto", description="steps in one call; auto: 16 on JAX with an accelerator, one compiled loop, else 1"
    )
    jit_compile: Literal["auto"] | bool = Field("auto", description="XLA; auto: where it pays")
    checkpoints: tuple[Annotated[Whole, Field(gt=0)], ...] = Field(
        (), description="epochs after which the student is kept as checkpoints/epoch_0020.keras, to teach others"
    )
    checkpoint_every: Whole | None = Field(None, gt=0, description="of 20: also after every 20 epochs")

    def keeps(self, epoch):
        """Whether the student as it is after an epoch stays on the disk; the last one always does."""
        every = self.checkpoint_every
        return epoch in (*self.checkpoints, self.epochs) or (every is not None and epoch % every == 0)


class BankSpec(Part):
    """The teacher as a table on the disk. A text alone is short for `{mode: text}`."""

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
    kept: Whole = Field(10, gt=0, description="logits that `format: topk` keeps")
    views: Whole | None = Field(
        None, gt=0, description="shows each image in so many views only, so that few are needed"
    )
    maps: bool = Field(False, description="stores feature maps too, for methods that read them; they are large")


def short_bank(value):
    """A bank as fields; a text alone is its mode."""
    return {"mode": value} if isinstance(value, str) else value


class Recipe(Part):
    """A teacher, a student, a method and how they meet: one claim, in one file."""

    data: Annotated[DataSpec, BeforeValidator(short_data)] = Field(
        description="the images, such as data: {name: cifar100, views: crop_flip}; a text alone is the name"
    )
    teacher: Annotated[TeacherSpec, BeforeValidator(short_teacher)] | None = Field(
        None, description="null trains the student on labels alone"
    )
    student: Annotated[StudentSpec, BeforeValidator(short_model)] = Field(
        description="the network to train, such as student: resnet20"
    )
    label_weight: Weight = Field(1.0, description="weight of the label loss, a number or by epoch (see below)")
    terms: tuple[TermSpec, ...] = Field((), description="what the student learns from the teacher; a list")
    peers: tuple[Network, ...] = Field((), description="networks trained with the student and dropped, for dml; a list")
    trust: TrustSpec | None = Field(None, description="the teacher's word weighed by class; needs data.validation")
    fit: FitSpec = Field(description="how it is trained, such as fit: {epochs: 240}")
    bank: Annotated[BankSpec, BeforeValidator(short_bank)] = Field(
        BankSpec(), description="what the teacher says, computed once and looked up; a text alone is its mode"
    )
    generations: Whole = Field(
        1, gt=0, le=100, description="born-again networks: each generation's student teaches the next; the last counts"
    )
    export: ExportSpec = Field(ExportSpec(), description="what is handed over")
    search: SearchSpec | None = Field(None, description="what `keras-kd search` tries; `distill` passes it over")
    baseline: Annotated[BaselineSpec | None, BeforeValidator(short_baseline)] = Field(
        None, description="true also trains the student on labels alone, and the report says whether distilling helped"
    )
    evidence: Annotated[EvidenceSpec, BeforeValidator(short_evidence)] = Field(
        EvidenceSpec(),
        description="what else is measured; `all` switches corruptions, attacks, attention and invariance on",
    )
    seed: Whole = Field(0, ge=0, lt=2**31, description="decides initial weights, order, views, dropout")
    seeds: tuple[Annotated[Whole, Field(ge=0, lt=2**31)], ...] = Field(
        (), description="a run for each, beside one another, such as [0, 1, 2]; the report of the first judges them all"
    )

    def with_seed(self, seed):
        """The recipe of one run, with this seed and no other, that is judged by nothing."""
        return self.model_copy(update={"seed": seed, "seeds": (), "baseline": None})

    def dump(self, folder=None, brief=False):
        """The resolved recipe as plain data; with `folder`, paths relative to it; `brief` leaves out defaults."""
        plain = self.model_dump(mode="json", exclude_defaults=brief)
        for raw, term in zip(plain.get("terms", ()), self.terms, strict=True):
            if term.weight is None and term.is_foreign:
                raw.pop("weight", None)  # that of a class that was not looked at
            raw.update(term.settings)
            raw.update({field: schedule.model_dump(mode="json") for field, schedule in term.schedules.items()})
        if folder is not None:
            teacher, evidence = plain.get("teacher") or {}, plain.get("evidence") or {}
            networks = [teacher, *teacher.get("ensemble", ()), plain["student"], *plain.get("peers", ())]
            networks.append(evidence.get("independent_teacher") or {})
            noise = plain["data"].get("label_noise") or {}
            named = [(plain["data"], "name"), *((network, "model") for network in networks)]
            named += [(noise, "matrix")] * isinstance(noise.get("matrix"), str)
            for part, field in named:
                if part.get(field) and os.path.isabs(part[field]):
                    part[field] = os.path.relpath(part[field], folder)
                    if not part[field].startswith("."):
                        part[field] = f"./{part[field]}"
        return plain
