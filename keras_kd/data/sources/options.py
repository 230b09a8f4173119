"""What every kind of source is told in addition to its name."""

from dataclasses import dataclass

from keras_kd.data.sources.decode import RESIZE


@dataclass(frozen=True)
class SourceOptions:
    """How images are read; a source takes of it what concerns it.

    Args:
        image_size: (height, width) to resize to, or None.
        data_dir: where TFDS keeps what it prepares; its own default if None.
        seed: whole number, for a function that draws its images.
        resize: how, one of `keras_kd.data.sources.decode.RESIZED`.
        cache_dir: where decoded images are kept; see `keras_kd.data.sources.cache.folder`.
    """

    image_size: tuple[int, int] | None = None
    data_dir: str | None = None
    seed: int = 0
    cache_dir: str | None = None
    resize: str = RESIZE

    @property
    def asked_of_cache(self):
        """What of these a cached entry of resized images answers to; as in earlier versions where it is as usual."""
        size = list(self.image_size) if self.image_size else None
        return {"image_size": size, **({} if self.resize == RESIZE or size is None else {"resize": self.resize})}


DEFAULTS = SourceOptions()
