"""Where student and teacher disagree: the confusions in which they differ, and the images."""

import base64
import io

import numpy as np

from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.report.blocks import Plot, images, plots, section, table, text
from keras_kd.report.fields import class_name
from keras_kd.report.plots import axes
from keras_kd.utils.formatting import percent, words
from keras_kd.utils.lazy import installed

# More classes than these make squares that nobody can read.
SQUARES = 20
ROWS = 12
MORE, LESS = (0.84, 0.37, 0.0), (0.0, 0.45, 0.7)


def confusion(report, evidence):
    """Which classes student and teacher take for each other, and where they differ in it."""
    if not evidence or "teacher_logits" not in evidence:
        return None
    labels = evidence["labels"]
    student, teacher = (_classes(evidence[name]) for name in ("student_logits", "teacher_logits"))
    known = (student >= 0) & (teacher >= 0)
    labels, student, teacher = labels[known], student[known], teacher[known]
    parted = student != teacher
    rows = [
        [*(class_name(report, number) for number in triple), count, _right(*triple)]
        for triple, count in most_frequent_disagreements(labels, teacher, student)[:ROWS]
    ]
    classes = evidence["student_logits"].shape[1]
    said = (
        f"On {parted.sum():,} of {len(labels):,} test images the two name different classes: on "
        f"{(parted & (teacher == labels)).sum():,} of them the teacher is right, on "
        f"{(parted & (student == labels)).sum():,} the student, on the others neither."
    )
    return section(
        "confusion",
        "Where student and teacher disagree",
        text(said),
        table(
            ["true", "teacher says", "student says", "images", "right"],
            rows,
            "The most frequent ones. The same pair again and again is a boundary that the student did not learn.",
        ),
        plots(_squares(report, labels, teacher, student, classes) if classes <= SQUARES and parted.any() else None),
    )


def most_frequent_disagreements(labels, teacher, student):
    """How often two networks disagree, by the true class and what each of them says.

    Args:
        labels, teacher, student: int arrays (images,), of classes.

    Returns:
        [((true, teacher's, student's), count)], most frequent first, of equal ones the smaller numbers.

    Example:
        >>> most_frequent_disagreements(np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([1, 1, 1]))
        [((0, 0, 1), 2)]
    """
    apart = np.stack([labels, teacher, student], axis=1)[teacher != student]
    triples, counts = np.unique(apart, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(tuple(triples[place].tolist()), int(counts[place])) for place in order]


def _right(true, teacher, student):
    return {teacher: "teacher", student: "student"}.get(true, "neither")


def _classes(logits):
    """The class of each image, -1 where its logits hold NaN."""
    logits = np.asarray(logits, "float64")
    return np.where(np.isnan(logits).any(1), -1, logits.argmax(1))


def _squares(report, labels, teacher, student, classes):
    """The student's confusions minus the teacher's, as squares of a colour."""
    how = (
        "How many images more (orange, +) or fewer (blue, −) the student takes for a class than its teacher does, by "
        "their true class. Blue on the diagonal: images that the teacher has right and the student has not; the orange "
        "squares of that row say what the student takes them for."
    )
    names = [words(class_name(report, number), longest=14) for number in range(classes)]
    return Plot("Confusions, student minus teacher", how, lambda: _draw_squares(names, labels, teacher, student))


def _draw_squares(names, labels, teacher, student):
    classes = len(names)
    found = np.zeros((classes, classes), int)
    np.add.at(found, (labels, student), 1)
    np.add.at(found, (labels, teacher), -1)
    most = np.abs(found).max() or 1
    cells = np.zeros((classes, classes, 4))
    cells[..., :3] = np.where(found[..., None] > 0, MORE, LESS)
    # Zero has no colour, so that it is the page's in light and dark.
    cells[..., 3] = np.where(found == 0, 0.0, 0.12 + 0.63 * np.abs(found) / most)
    side = 1.5 + 0.3 * classes
    drawn, plot = axes(side + 0.6, side)
    plot.grid(visible=False)
    plot.imshow(cells, interpolation="nearest")
    for true, said in zip(*np.nonzero(found), strict=True):
        label = f"{found[true, said]:+d}".replace("-", "−")
        plot.text(said, true, label, ha="center", va="center", fontsize=8 if classes > 12 else 9)
    upright = max(map(len, names)) > 2
    plot.set_xticks(range(classes), names, rotation=90 if upright else 0)
    plot.set_yticks(range(classes), names)
    plot.set_xlabel("said")
    plot.set_ylabel("true")
    return drawn


def disagreements(report, evidence):
    """The test images on which student and teacher disagree most."""
    if not evidence or "images" not in evidence or "teacher_logits" not in evidence or not installed("PIL"):
        return None
    shown = []
    for image, place in zip(evidence["images"], evidence["positions"], strict=True):
        named, lines = {}, [f"true: {class_name(report, int(evidence['labels'][place]))}"]
        for role in ("teacher", "student"):
            logits = np.asarray(evidence[f"{role}_logits"][place], "float64")[None]
            number, sure = int(logits.argmax()), float(np.exp(log_softmax(logits)).max())
            named[role] = number
            lines.append(f"{role}: {class_name(report, number)}, {percent(sure, '.0f')}")
        shown.append((data_uri(image), lines, named["teacher"] != named["student"]))
    said = (
        "Of all test images those whose probabilities differ most (total variation), the largest difference first. "
        "Look for what they have in common: wrong labels, rare views, a class that the student has no room for. A "
        "frame marks those on which they name different classes; of the others they are not equally sure."
    )
    return section("images", "The images they disagree on most", text(said, soft=True), images(shown))


def data_uri(image):
    """An image inside the page.

    Args:
        image: uint8 (height, width, channels): 3 and 4 channels are colours, of any other number the first is shown.

    Returns:
        A data URI of a PNG.

    Example:
        >>> data_uri(np.zeros((8, 8, 1), "uint8"))[:22]
        'data:image/png;base64,'
    """
    from PIL import Image

    image = np.asarray(image)
    picture = Image.fromarray(np.ascontiguousarray(image if image.shape[2] in (3, 4) else image[..., 0]))
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
