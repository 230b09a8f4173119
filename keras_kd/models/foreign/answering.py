"""What all teachers that are no Keras networks share: they are asked about images and answer with a row for each."""

import re

import numpy as np

from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import described


class AnswerError(UserError):
    r"""What a teacher that is no Keras network says when it is asked; without what Keras writes around an error.

    Example:
        >>> str(AnswerError("Exception encountered\n\x1b[1mmine: no\x1b[0m\nArguments received"))
        'mine: no'
    """

    def __init__(self, text):
        inside = re.search(r"\x1b\[1m(?!.*\x1b\[1m)(.*?)\x1b\[0m", text, re.DOTALL)
        super().__init__(inside[1] if inside else text)


class Answering:
    """A network, a function or a file that is asked about batches of images; a kind is a subclass with an `ask`.

    Args:
        name: as its user gave it, for errors.
        digest: hex sha256 of all that decides what it answers; a bank is found by it.
        image_shape: (height, width, channels) that it takes, None where it leaves a number open; None leaves all open.
        classes: how many numbers a row of its answers has, or None where that is seen at its first answer.

    Example:
        >>> class Grey(Answering):
        ...     def ask(self, images):
        ...         return images.mean((1, 2))
        >>> Grey("grey", "0" * 64)(np.ones((2, 4, 4, 3), "float32")).shape
        (2, 3)
    """

    splits: tuple[str, ...] | None = None  # the splits that it can answer about; None for any image

    def __init__(self, name, digest, image_shape=None, classes=None):
        self.name, self.digest = str(name), digest
        self.image_shape = (None, None, None) if image_shape is None else tuple(image_shape)
        self.classes = classes

    @property
    def short_name(self):
        """A name that a layer may have."""
        stem = self.name.rstrip("/").rpartition("/")[2].rpartition(":")[2].partition(".")[0]
        return re.sub(r"\W", "_", stem) or "teacher"

    def ask(self, images):
        """What it answers: an array (n, classes).

        Args:
            images: float32 array (n, height, width, channels).
        """
        raise TypeError(f"{type(self).__name__} answers nothing: a teacher of a kind of its own must define `ask`")

    def gives(self):
        """ "logits" or "probabilities" where that is known without asking, else None."""
        return None

    def __call__(self, images):
        """The answers about images, float32 (n, classes), checked.

        Raises:
            UserError: it fails, or answers in another shape.
        """
        images = np.asarray(images, "float32")
        try:
            found = np.asarray(self.ask(images))
        except UserError as error:
            raise AnswerError(str(error)) from error
        except Exception as error:
            raise AnswerError(
                f"{self.name}: asked about images of {images.shape}, it fails with {described(error)}"
            ) from error
        shown = ", ".join(map(str, found.shape))
        width = "classes" if self.classes is None else self.classes
        fits = found.ndim == 2 and len(found) == len(images) and self.classes in (None, found.shape[-1])
        if not fits or found.dtype.kind not in "fiu":
            raise AnswerError(
                f"{self.name}: answers {len(images)} images with an array ({shown}) of {found.dtype}; expected numbers "
                f"({len(images)}, {width}), a row for each image"
            )
        return found.astype("float32")


def in_parts(ask, images, size):
    """The answers of something that takes batches of one size only; the last one is filled up.

    Args:
        ask: from (size, ...) to (size, classes).
        images: array (n, ...).
        size: of a batch, or None for any.

    Example:
        >>> in_parts(lambda batch: batch.sum(1, keepdims=True), np.ones((5, 3)), 2).shape
        (5, 1)
    """
    if size is None:
        return ask(images)
    parts = []
    for start in range(0, len(images), size):
        part = images[start : start + size]
        missing = size - len(part)
        full = np.concatenate([part, np.repeat(part[:1], missing, 0)]) if missing else part
        parts.append(np.asarray(ask(full))[: len(part)])
    return np.concatenate(parts)


def chosen_output(name, wanted, shapes):
    """The output of a network that has several: the one that is named, or the only one.

    Args:
        name: of the network, for errors.
        wanted: a name, or None.
        shapes: {name: shape} of its outputs.

    Raises:
        UserError: no such output, or several and none named.

    Example:
        >>> chosen_output("t.onnx", None, {"logits": (None, 10), "features": (None, 64)})
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: t.onnx: has several outputs, logits (?, 10), features (?, 64); name one: \
output: logits
    """
    told = shapes.items()
    listed = ", ".join(f"{one} ({', '.join('?' if s is None else str(s) for s in shape)})" for one, shape in told)
    if wanted is not None:
        if wanted not in shapes:
            raise UserError(f"{name}: has no output {wanted!r}; its outputs: {listed}")
        return wanted
    if len(shapes) == 1:
        return next(iter(shapes))
    raise UserError(f"{name}: has several outputs, {listed}; name one: output: {next(iter(shapes))}")


def layout_of(name, wanted, takes, image_shape):
    """Whether a network takes channels first or last, by the shape of its input.

    Args:
        name: of the network, for errors.
        wanted: "channels_first", "channels_last", or None: found out.
        takes: (3,) sizes without the batch, None where open.
        image_shape: (height, width, channels) of the images that it will be shown.

    Returns:
        "channels_first" or "channels_last".

    Raises:
        UserError: it could be either.

    Example:
        >>> layout_of("t.onnx", None, (3, None, None), (32, 32, 3)), layout_of("t.onnx", None, (32, 32, 3), (32, 32, 3))
        ('channels_first', 'channels_last')
    """
    if wanted is not None:
        return wanted

    def fits(expected):
        return all(one in (None, other) for one, other in zip(takes, expected, strict=True))

    height, width, channels = image_shape
    first, last = fits((channels, height, width)), fits((height, width, channels))
    if first and last:
        # What is fixed is as a rule the number of channels.
        first, last = takes[0] is not None, takes[2] is not None
    elif not first and not last:
        # Of another size than the images: which end has as few numbers as channels are.
        first, last = takes[0] in (1, 3, 4), takes[2] in (1, 3, 4)
    if first == last:
        shown = ", ".join("?" if one is None else str(one) for one in takes)
        raise UserError(
            f"{name}: takes images of ({shown}), of which it cannot be told where the channels are; give layout: "
            "channels_first or channels_last"
        )
    return "channels_first" if first else "channels_last"


def channels_last(takes, layout):
    """(height, width, channels) of what a network takes.

    Example:
        >>> channels_last((3, 32, 24), "channels_first")
        (32, 24, 3)
    """
    return tuple(takes) if layout == "channels_last" else (takes[1], takes[2], takes[0])


def in_layout(images, layout):
    """Images (n, height, width, channels) as a network of a layout takes them."""
    return images if layout == "channels_last" else np.ascontiguousarray(images.transpose(0, 3, 1, 2))
