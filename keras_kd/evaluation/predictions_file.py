"""What only the networks know of a run's test images, kept in one file, so that its page can be made without them."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write

NAME = "predictions.npz"
SHOWN = 24
# A page shows images about this large; a photograph need not travel whole.
THUMBNAIL = 96
FIX = "delete it; `keras-kd evaluate` of the run makes it anew"


def write_predictions(path, student_logits, teacher_logits, labels, images):
    """Keeps the logits on the test images, and small copies of those on which student and teacher part most.

    Args:
        path: the file, `NAME` in the run folder; made whole or not at all.
        student_logits: (images, classes); kept in float16, what is beyond its range at its end.
        teacher_logits: as the student's; None without a teacher, or where its classes are others.
        labels: integers (images,).
        images: uint8 (images, height, width, channels); only those that are kept are read.

    Returns:
        The path.

    Raises:
        UserError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> student, teacher = np.array([[1.0, 0.0], [9.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 9.0]])
        >>> pixels = np.zeros((2, 8, 8, 1), "uint8")
        >>> path = write_predictions(Path(tempfile.mkdtemp()) / NAME, student, teacher, [0, 1], pixels)
        >>> kept = read_predictions(path)
        >>> kept["positions"].tolist(), kept["images"].shape, kept["student_logits"].dtype.name
        ([1], (1, 8, 8, 1), 'float16')
    """
    kept = {"student_logits": _small(student_logits), "labels": np.asarray(labels).astype("int32")}
    if teacher_logits is not None:
        kept["teacher_logits"] = _small(teacher_logits)
        positions = most_apart(student_logits, teacher_logits)
        kept["positions"] = positions.astype("int32")
        kept["images"] = np.stack([thumbnail(images[place]) for place in positions]) if len(positions) else None
    arrays = {name: value for name, value in kept.items() if value is not None}
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    return Path(path)


def read_predictions(path):
    """What `write_predictions` kept.

    Args:
        path: the file; may be missing, as in runs of earlier versions.

    Returns:
        A dict of arrays: "student_logits" and "labels"; with a teacher "teacher_logits" and "positions", those of the
        test images on which the two part most, most first, and "images", uint8 (positions, height, width, channels),
        where there are any. None where there is no such file.

    Raises:
        UserError: the file is damaged.

    Example:
        >>> read_predictions("no_such_run/predictions.npz") is None
        True
    """
    if not Path(path).exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: damaged ({_line(error)}); {FIX}") from None
    wrong = _wrong(found)
    if wrong:
        raise UserError(f"{path}: {wrong}; {FIX}")
    return found


def most_apart(student_logits, teacher_logits, count=SHOWN):
    """The images on which two networks part most, by the total variation of their probabilities, most first.

    Args:
        student_logits, teacher_logits: (images, classes).
        count: at most so many.

    Returns:
        int array of positions; without images of which both say the same, or whose logits hold NaN.

    Example:
        >>> most_apart([[0.0, 0.0], [5.0, 0.0], [5.0, 0.0]], [[0.0, 0.0], [4.0, 0.0], [0.0, 5.0]]).tolist()
        [2, 1]
    """
    apart = total_variation(student_logits, teacher_logits)
    known = np.where(np.isnan(apart), 0.0, apart)
    order = np.argsort(-known, kind="stable")[:count]
    return order[known[order] > 0]


def total_variation(student_logits, teacher_logits):
    """Half the sum over classes of the differences of two networks' probabilities.

    Args:
        student_logits, teacher_logits: (images, classes).

    Returns:
        float64 array (images,), 0..1; NaN for images whose logits hold NaN.

    Example:
        >>> total_variation([[0.0, 0.0]], [[0.0, 0.0]]).tolist()
        [0.0]
    """
    one, other = (np.exp(log_softmax(np.asarray(logits, "float64"))) for logits in (student_logits, teacher_logits))
    return 0.5 * np.abs(one - other).sum(1)


def thumbnail(image):
    """An image no larger than a page shows it.

    Args:
        image: uint8 (height, width, channels).

    Returns:
        uint8 array, neither side above `THUMBNAIL`: the means of squares of pixels.

    Example:
        >>> thumbnail(np.full((200, 100, 3), 7, "uint8")).shape, thumbnail(np.zeros((8, 8, 1), "uint8")).shape
        ((66, 33, 3), (8, 8, 1))
    """
    image = np.asarray(image)
    height, width, channels = image.shape
    side = math.ceil(max(height, width) / THUMBNAIL)
    # A strip narrower than a square stays as it is.
    down, across = min(side, height), min(side, width)
    cut = image[: height // down * down, : width // across * across].astype("float64")
    squares = cut.reshape(height // down, down, width // across, across, channels)
    return np.rint(squares.mean(axis=(1, 3))).astype("uint8")


def _small(logits):
    most = np.finfo("float16").max
    return np.clip(np.asarray(logits, "float64"), -most, most).astype("float16")


def _wrong(found):
    """What does not fit in a file that can be read, or None."""
    shapes = {name: value.shape for name, value in found.items()}
    missing = [name for name in ("student_logits", "labels") if name not in found]
    if missing:
        return f"has no {' and no '.join(missing)}"
    count, pair = shapes["labels"][:1], shapes.get("teacher_logits", shapes["student_logits"])
    if len(shapes["student_logits"]) != 2 or pair != shapes["student_logits"] or count != pair[:1]:
        return f"its parts do not fit each other: {shapes}"
    if "images" in found and ("positions" not in found or shapes["images"][:1] != shapes["positions"]):
        return f"its images and their positions do not fit each other: {shapes}"
    return None


def _line(error):
    return " ".join(str(error).split())
