"""The `data` of a recipe: images, views, and faults put into them on purpose."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag
from pydantic_core import PydanticCustomError

from keras_kd.data.injected.imbalance import PROFILES as IMBALANCES
from keras_kd.data.injected.label_noise import KINDS as NOISE_KINDS
from keras_kd.data.sources.decode import RESIZE, RESIZED
from keras_kd.data.views import PRESETS, VIEWS, family
from keras_kd.data.views.rand_augment import STRONGEST
from keras_kd.recipe.schema_types import (
    ABOVE_ZERO,
    IMAGES,
    LARGE,
    NETWORKS,
    PIXELS,
    SEED,
    Class,
    Line,
    Mean,
    Number,
    Part,
    Pixel,
    Size,
    Whole,
)
from keras_kd.utils.suggest import closest


class RandAugmentSpec(Part):
    """Operations drawn at random, all of one magnitude (Cubuk et al. 2020)."""

    operations: Whole = Field(2, gt=0, le=10, description="how many, one after another")
    magnitude: Whole = Field(10, ge=0, le=STRONGEST, description="of all of them, on torchvision's scale of 0 to 30")
    seeds: Whole = Field(16, gt=0, le=1000, description="lists of operations for each view of the base")


def _one_or_more(value):
    if value in ([], ()):
        raise ValueError("one number, or one a channel")
    return value if isinstance(value, list | tuple) else (value,)


class ViewsSpec(Part):
    """Augmentation of the training images, one part on another; the teacher sees the student's view."""

    base: Literal[tuple(VIEWS)] = Field(
        "crop_flip", description="what is beneath: none, flip (mirror images), crop_flip (pad-4 crops as well)"
    )
    rand_augment: RandAugmentSpec | None = Field(None, description="fields, such as {operations: 2, magnitude: 10}")
    cutout: Whole | None = Field(
        None, gt=0, le=PIXELS, description="side of a square hole in pixels; published: 8 on CIFAR-100"
    )
    holes: Whole = Field(16, gt=0, le=1000, description="of cutout: places of it for each view of the base")
    fill: Annotated[tuple[Pixel, ...], BeforeValidator(_one_or_more)] = Field(
        (0,),
        description="of cutout: the pixel in the hole, 0..255, or one number a channel; published: the mean",
    )
    mixup: Number | None = Field(None, gt=0, le=100, description="alpha of its Beta distribution; published: 1")
    cutmix: Number | None = Field(None, gt=0, le=100, description="alpha of its Beta distribution; published: 1")
    cutmix_probability: Number = Field(0.5, ge=0, le=1, description="of a view to be mixed by cutmix")
    mixes: Whole = Field(16, gt=0, le=1000, description="of mixup and cutmix: partners of each view of an image")


def _views_by_name(name):
    names = (*VIEWS, *PRESETS)
    if isinstance(name, str) and name in names:
        return name
    # Where a plain family was meant, the plain ones are the choice.
    options = VIEWS if closest(name, names) in VIEWS else names
    raise PydanticCustomError("literal_error", "no such views", {"expected": ", ".join(map(repr, options))})


def _name_or_fields(value):
    return "views[]" if isinstance(value, dict | ViewsSpec) else "str"


Family = Annotated[
    Annotated[object, PlainValidator(_views_by_name), Tag("str")] | Annotated[ViewsSpec, Tag("views[]")],
    Discriminator(_name_or_fields),
]


# That it is a share, 0 to 1, is said of the matrix as a whole.
Share = Annotated[Number, Field(ge=-LARGE, le=LARGE)]


class LabelNoiseSpec(Part):
    """Wrong labels, planted in the training images; the test images keep theirs."""

    kind: Literal[NOISE_KINDS] = Field(
        "symmetric",
        description="symmetric: any other class alike; pair: the class of the next number; superclass: the next class "
        "of the same superclass; matrix: by transition matrix",
    )
    rate: Number | None = Field(
        None, ge=0, le=1, description="share of the images that get a wrong label; not of matrix"
    )
    matrix: tuple[tuple[Share, ...], ...] | Line | None = Field(
        None,
        description="rows that sum to 1, row c the shares of class c's images labelled as each class; or a .npy or "
        ".csv file of them",
    )
    superclasses: tuple[Class, ...] | None = Field(
        None, description="the superclass of each class, a number; those of cifar100 are known"
    )
    clean_validation: bool = Field(False, description="whether images that are set aside keep their own labels")
    seed: Whole = Field(0, **SEED, description="decides which images get which label")


class ImbalanceSpec(Part):
    """Classes made rare in the training images; the test images stay as they are."""

    profile: Literal[IMBALANCES] = Field(
        "exponential", description="exponential: fewer from class to class; step: the last classes have few"
    )
    ratio: Number = Field(ge=1, le=LARGE, description="of the largest class to the smallest, such as 100")
    rare: Number | None = Field(
        None, gt=0, lt=1, description="of step alone: share of the classes that are rare; 0.5 where none is given"
    )
    seed: Whole = Field(0, **SEED, description="decides which images stay")


class DataSpec(Part):
    """Which images, and how they are augmented."""

    name: Line = Field(
        min_length=1,
        description="`digits`, `known_probabilities` and `known_probabilities/unrelated` (drawn), a TFDS name "
        "(`cifar100`), a folder of images, an `.npz` file, `package.module:function`",
    )
    views: Family = Field(
        "none",
        description=f"augmentation of the training images: {', '.join((*VIEWS, *PRESETS))}; or fields (see data.views)",
    )
    data_dir: Line | None = Field(None, description="where TFDS keeps its data")
    image_size: Size | tuple[Size, Size] | None = Field(
        None, description="height and width (one number: both) to which a folder's images are resized"
    )
    resize: Literal[tuple(RESIZED)] = Field(
        RESIZE,
        description="antialias: bilinearly, sides in any proportion; stretch: so without antialiasing; crop: what is "
        "too much of the longer side is cut off; pad: black is added to the shorter one; the last three are those of "
        "Keras's image_dataset_from_directory",
    )
    classes: tuple[Annotated[Class, Field(ge=0)], ...] | None = Field(
        None, min_length=2, description="keep only the classes of these numbers, in this order, such as [0, 1, 2]"
    )
    groups: tuple[tuple[Annotated[Class, Field(ge=0)], ...], ...] | None = Field(
        None,
        min_length=2,
        description="lists of class numbers, as `classes` leaves them, each class in one list; a list becomes one "
        "class, such as [[0, 1, 2], [3, 4]]",
    )
    train_images: Whole | None = Field(
        None, gt=0, le=IMAGES, description="use at most so many training images, class-balanced"
    )
    test_images: Whole | None = Field(
        None, gt=0, le=IMAGES, description="use at most so many test images, class-balanced"
    )
    validation: Number = Field(
        0.0, ge=0, le=IMAGES, description="fraction (below 1) or number of training images set aside for validation"
    )
    test_fraction: Number | None = Field(
        None, gt=0, lt=1, description="share of the images tested on, where the data has no test split"
    )
    folds: Whole | None = Field(
        None, ge=2, le=NETWORKS, description="parts of the training images, of which one is not learnt from"
    )
    without_fold: Whole | None = Field(
        None, ge=0, lt=NETWORKS, description="of `folds`: the number of that one, from 0; `teacher.folds` sets both"
    )
    mean: tuple[Mean, ...] | None = Field(None, description="per channel, of pixels / 255; computed if not given")
    std: tuple[Annotated[Number, Field(**ABOVE_ZERO)], ...] | None = Field(None, description="as `mean`")
    label_noise: LabelNoiseSpec | None = Field(
        None, description="wrong labels planted in the training images, such as {kind: symmetric, rate: 0.4}"
    )
    imbalance: ImbalanceSpec | None = Field(
        None, description="classes made rare in the training images, such as {profile: exponential, ratio: 100}"
    )
    seed: Whole = Field(
        0, **SEED, description="decides what `validation`, `train_images`, `test_fraction`, `folds` take"
    )

    @property
    def family(self):
        """The family of views that `views` names."""
        return family(self.views if isinstance(self.views, str) else self.views.model_dump())


def short_data(value):
    """A dataset as fields; a plain string is its name."""
    return {"name": value} if isinstance(value, str) else value
