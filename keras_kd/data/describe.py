"""What is known of a dataset without its images: for checking a recipe where they are not yet."""

from dataclasses import dataclass

from keras_kd.data.known import known
from keras_kd.data.load import load
from keras_kd.data.sources import kind
from keras_kd.data.sources.names import tfds_set
from keras_kd.data.sources.options import SourceOptions
from keras_kd.data.sources.tfds import is_cached
from keras_kd.data.standardization import PUBLISHED
from keras_kd.data.values import size_of


@dataclass(frozen=True)
class Description:
    """What a recipe's networks must know of its data."""

    image_shape: tuple
    classes: int
    train_count: int
    test_count: int
    mean: tuple
    std: tuple
    here: bool  # whether the images are on this machine
    class_names: tuple | None = None  # None where they are not known without the images


def describe(name, **options):
    """The shape, classes and counts of a dataset.

    Args:
        name, **options: as of `keras_kd.data.load`.

    Returns:
        `Description`. A set that must first be downloaded is described from what is published, if it is one of a fixed
        size; the others are loaded.

    Example:
        >>> describe("digits").train_count
        1442
    """
    if kind(name) == "tfds":
        about = known(name, **{field: one for field, one in options.items() if field != "cache_dir"})
        if about is not None and not is_cached(name, _where(options)):
            shape, found = about
            usual = PUBLISHED.get(tfds_set(str(name)), ((0.5,) * shape[2], (0.25,) * shape[2]))
            mean, std = (options.get(field) or one for field, one in zip(("mean", "std"), usual, strict=True))
            return Description(shape, found.classes, len(found.train), len(found.test), mean, std, False)
    found = load(name, **options)
    counts = len(found.train), len(found.test)
    return Description(found.image_shape, found.classes, *counts, found.mean, found.std, True, found.class_names)


def _where(options):
    given = {name: options[name] for name in ("data_dir", "cache_dir", "resize") if name in options}
    return SourceOptions(size_of(options.get("image_size")), **given)
