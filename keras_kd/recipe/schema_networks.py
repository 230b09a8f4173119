"""The networks of a recipe: student, teacher, members of an ensemble, peers."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from keras_kd.recipe.schema_pruning import PruneSpec
from keras_kd.recipe.schema_types import (
    ABOVE_ZERO,
    CLASSES,
    NETWORKS,
    NOT_NEGATIVE,
    SEED,
    Class,
    DottedPath,
    Epoch,
    Line,
    Mean,
    Number,
    Part,
    Size,
    Value,
    Whole,
)
from keras_kd.utils.paths import RECIPE, ends_in

# Ways to find the weights of an ensemble on held-out images.
MEASURED_WEIGHTS = ("fitted", "evolved")


OWN_NETWORKS = "a name of `keras-kd list models`, a recipe (`x.yaml`; its student, trained first if missing), a "
OWN_NETWORKS += "`.keras` or whole-model `.h5` file, a `keras.applications` name, or `package.module:function`"
FOREIGN_NETWORKS = f"{OWN_NETWORKS}; or an `.onnx` or `.tflite` file or a SavedModel's folder, which a bank asks"


class ModelSpec(Part):
    """A network. A plain string is shorthand for `{model: string}`."""

    model: Line = Field(description=OWN_NETWORKS)
    from_logits: bool = Field(True, description="whether it gives logits; false for probabilities; it is checked")
    pixels: Literal["pixels", "unit", "symmetric", "standard"] = Field(
        "pixels",
        description="what a file or function of your own takes: pixels 0..255, unit 0..1, symmetric -1..1, "
        "standard (pixels / 255 - mean) / std",
    )
    weights: Literal["imagenet"] | None = Field(None, description="pretrained weights of a `keras.applications` model")
    arguments: dict[str, Value] = Field({}, description="passed on to the function that builds the model")


class MemberSpec(ModelSpec):
    """A network that teaches, alone or in an ensemble. A plain string is shorthand for `{model: string}`,
    `{predict: mine:ask}` for `{model: mine:ask, function: predicts}`, `{logits: x.npz}` for `{model: x.npz}`."""

    model: Line = Field(description=FOREIGN_NETWORKS)
    function: Literal["builds", "predicts"] = Field(
        "builds",
        description="what a `package.module:function` does: builds a Keras model for (image_shape, classes), or "
        "predicts a batch of images, a row each",
    )
    output: Line | None = Field(None, description="the name of the output that teaches, of a file that has several")
    layout: Literal["channels_last", "channels_first"] | None = Field(
        None, description="of what is no Keras network: where its images have their channels; found out by default"
    )
    seed: Whole | None = Field(None, **SEED, description="of a recipe: the run of this seed, not the recipe's")
    epoch: Epoch | None = Field(
        None, description="of a recipe: as its student was after this epoch, which its fit.checkpoints must keep"
    )
    settings: dict[DottedPath, Value] = Field(
        {},
        description="of a recipe: overrides by dotted path, such as {fit.epochs: 20}; its run has a folder of its own",
    )
    classes: Whole | None = Field(
        None, gt=0, le=CLASSES, description="how many the network has, where the data has other ones"
    )
    class_map: tuple[Class | tuple[Class, ...] | None, ...] | None = Field(
        None, description="for each class of the data the network's class, a list of them (added), or null (none)"
    )
    input_size: Size | tuple[Size, Size] | None = Field(
        None, description="height and width (one number: both) that the network takes; images are resized inside it"
    )
    mean: tuple[Mean, ...] | None = Field(None, description="of its own, for `pixels: standard`; else the data's")
    std: tuple[Annotated[Number, Field(**ABOVE_ZERO)], ...] | None = Field(None, description="as `mean`")
    calibrate: bool = Field(
        False, description="logits divided by a temperature fitted on data.validation (Guo et al. 2017)"
    )

    @property
    def is_recipe(self):
        """Whether the network is the student of a recipe."""
        return self.model is not None and ends_in(self.model, RECIPE)


def short_model(value):
    """A network as fields; a plain string is its name."""
    return {"model": value} if isinstance(value, str) else value


def short_member(value):
    """A network that teaches as fields: `predict` and `logits` say in one word what it is.

    Example:
        >>> short_member({"predict": "mine:ask", "pixels": "unit"})
        {'pixels': 'unit', 'model': 'mine:ask', 'function': 'predicts'}
    """
    value = short_model(value)
    if not isinstance(value, dict):
        return value
    for word, more in (("predict", {"function": "predicts"}), ("logits", {})):
        given = value.get(word)
        if given is not None and not {"model", "ensemble"} & value.keys():
            value = {**{key: one for key, one in value.items() if key != word}, "model": given, **more}
    return value


class StudentSpec(ModelSpec):
    """The network to train. A plain string is shorthand for `{model: string}`."""

    model: Line | None = Field(None, description=f"{ModelSpec.model_fields['model'].description}; or give `prune`")
    prune: PruneSpec | None = Field(
        None, description="the teacher made smaller is the student: {macs: 0.5}, a share of its multiply-accumulates"
    )
    start_from_teacher: Number | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the teacher's weights, of equal shapes, in the first ones: 1 starts at the teacher "
        "(Stanton et al. 2021); batch normalisation is then measured on training images. The rest are its own first "
        "ones, of `seed`, which a teacher of its shape and seed had too",
    )


class TeacherSpec(MemberSpec):
    """One network or several as one. A plain string is shorthand for `{model: string}`, a list for
    `{ensemble: [...]}`."""

    model: Line | None = Field(None, description=f"{FOREIGN_NETWORKS}; or give `ensemble`")
    ensemble: tuple[Annotated[MemberSpec, BeforeValidator(short_member)], ...] = Field(
        (), max_length=NETWORKS, description="networks that teach as one; a list, each as a teacher of its own"
    )
    folds: Whole | None = Field(
        None,
        ge=2,
        le=NETWORKS,
        description="of a recipe: so many of its networks, each trained without one part of the training images, which "
        "it alone teaches (cross-fitting, Dao et al. 2021); on all other images the teacher is their mean",
    )
    ensemble_mean: Literal["probabilities", "logits", "softened"] = Field(
        "probabilities", description="what of the members is averaged; softened: their softmax at ensemble_temperature"
    )
    ensemble_temperature: Number | None = Field(
        None, **ABOVE_ZERO, description="of `ensemble_mean: softened`; as the term's temperature"
    )
    ensemble_weights: tuple[Annotated[Number, Field(**NOT_NEGATIVE)], ...] | Literal[MEASURED_WEIGHTS] | None = Field(
        None,
        description="one per member; fitted: those of minimum loss on data.validation; evolved: those of fewest errors "
        "there, by differential evolution (Ganta et al. 2022); equal by default",
    )

    ensemble_views: Literal["same", "own"] | tuple[Annotated[Whole, Field(**SEED)], ...] = Field(
        "same",
        description="of training images: same, that of the student; own: another one for each member (Guo et al. "
        "2024); or a list of seeds, one per member, of which equal ones see the same: own is [1, 2, ...]",
    )

    @property
    def members(self):
        """The networks: those of the ensemble, one for each fold, or the one."""
        if self.folds is None:
            return self.ensemble or (self,)
        plain = {name: getattr(self, name) for name in MemberSpec.model_fields}
        parts = [{"data.folds": self.folds, "data.without_fold": number} for number in range(self.folds)]
        return tuple(MemberSpec(**{**plain, "settings": {**self.settings, **part}}) for part in parts)

    @property
    def is_mean(self):
        """Whether it is several networks as one."""
        return bool(self.ensemble) or self.folds is not None

    @property
    def view_seeds(self):
        """The seed of each member's own views; empty where all see what the student sees."""
        if self.ensemble_views == "own":
            return tuple(range(1, len(self.ensemble) + 1))
        return () if self.ensemble_views == "same" else self.ensemble_views

    @property
    def is_fitted(self):
        """Whether anything of it is fitted on held-out images."""
        return self.ensemble_weights in MEASURED_WEIGHTS or any(one.calibrate for one in (self, *self.ensemble))


def short_teacher(value):
    """A teacher as fields; a plain string is its name, a list an ensemble."""
    return {"ensemble": value} if isinstance(value, list | tuple) else short_member(value)


Network = Annotated[ModelSpec, BeforeValidator(short_model)]
Member = Annotated[MemberSpec, BeforeValidator(short_member)]
Teacher = Annotated[TeacherSpec, BeforeValidator(short_teacher)]
