"""What every kind of source is told in addition to its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceOptions:
    """How images are read; a source takes of it what concerns it.

    Args:
        image_size: (height, width) to resize to, or None.
        data_dir: where TFDS keeps what it prepares; its own default if None.
        seed: whole number, for a function that draws its images.
        cache_dir: where decoded images are kept; see `keras_kd.data.sources.cache.folder`.
    """

    image_size: tuple[int, int] | None = None
    data_dir: str | None = None
    seed: int = 0
    cache_dir: str | None = None


DEFAULTS = SourceOptions()
