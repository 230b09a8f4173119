"""What a student is worth: accuracy, fidelity to its teacher, calibration; and the files that say so.

All metrics are plain NumPy in float64 on logits of shape (images, classes). An image whose logits hold NaN counts as
wrong, so that a network that diverged cannot score.
"""

import json
import math
from pathlib import Path

import numpy as np

from keras_kd.errors import UserError
from keras_kd.files import whole
from keras_kd.page import page

BINS = 15


def accuracy(logits, labels, k=1):
    """The share of images whose label is among the k classes of the largest logits.

    Of equal logits the class with the smaller index comes first, as in `argmax`.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        k: at least 1; more than there are classes means all of them.

    Returns:
        A float in 0..1.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> accuracy([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]], [0, 2]), accuracy([[0.0, 2.0, 1.0]], [2], k=2)
        (0.5, 1.0)
    """
    logits, labels = _checked(logits, labels)
    return float(np.mean(_rank(logits, labels) < min(k, logits.shape[1])))


def agreement(student_logits, teacher_logits, k=1):
    """The share of images whose first class by the teacher is among the student's first k.

    Args:
        student_logits, teacher_logits: (images, classes).
        k: as in `accuracy`.

    Returns:
        A float in 0..1.

    Raises:
        UserError: shapes that do not fit.

    Source: Stanton et al., Does Knowledge Distillation Really Work?, arXiv:2106.05945 (k = 1).

    Example:
        >>> agreement([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]], [[9.0, 1.0, 0.0], [9.0, 2.0, 1.0]])
        0.5
    """
    student, teacher = _checked_pair(student_logits, teacher_logits)
    within = _rank(student, teacher.argmax(1)) < min(k, student.shape[1])
    return float(np.mean(within & ~np.isnan(teacher).any(1)))


def linear_cka(one, other):
    """How alike two representations of the same images are, up to rotation and scale: linear centred kernel alignment.

    Args:
        one: float array (n, d), features of n images; maps (n, height, width, channels) are flattened.
        other: float array (n, e), of the same images.

    Returns:
        float in 0..1; 1 for features that differ by rotation, scale and shift alone.

    Source:
        Kornblith et al., Similarity of Neural Network Representations Revisited, arXiv:1905.00414.

    Example:
        >>> features = np.random.default_rng(0).normal(size=(16, 4))
        >>> round(linear_cka(features, 3 * features[:, ::-1] + 1), 6)
        1.0
    """
    x, y = (np.asarray(features, "float64").reshape(len(features), -1) for features in (one, other))
    x, y = x - x.mean(0), y - y.mean(0)
    between = np.linalg.norm(y.T @ x) ** 2
    return float(between / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def predictive_kl(student_logits, teacher_logits):
    """KL(teacher || student) of the predicted probabilities at temperature 1, mean over images, in nats.

    Args:
        student_logits, teacher_logits: (images, classes).

    Returns:
        A float, at least 0; infinite where the student excludes (a logit of -inf) what the teacher does not.

    Raises:
        UserError: shapes that do not fit.

    Source: Stanton et al., arXiv:2106.05945.

    Example:
        >>> round(predictive_kl([[0.0, 0.0]], [[0.0, 1.0]]), 6)
        0.110944
    """
    student, teacher = _checked_pair(student_logits, teacher_logits)
    student, teacher = _log_softmax(student), _log_softmax(teacher)
    probabilities = np.exp(teacher)
    with np.errstate(invalid="ignore"):
        terms = np.where(probabilities == 0, 0.0, probabilities * (teacher - student))
    # The sum of terms of either sign can miss zero by a rounding error.
    return float(np.mean(np.maximum(terms.sum(1), 0.0)))


def calibration(logits, labels, bins=BINS):
    """How far the predicted probabilities can be believed.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        bins: number of equal-width bins of the confidence, (i / bins, (i + 1) / bins].

    Returns:
        A dict: "ece", the expected calibration error, sum over bins of share |accuracy - confidence|; "nll", the mean
        negative log-likelihood of the labels in nats; "brier", the mean over images of the sum over classes of
        (probability - label)^2, in 0..2; "bins".

    Raises:
        UserError: shapes or labels that do not fit.

    Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599 (ECE).

    Example:
        >>> {name: round(value, 4) for name, value in calibration([[0.0, 0.0]], [0]).items()}
        {'ece': 0.5, 'nll': 0.6931, 'brier': 0.5, 'bins': 15}
    """
    logits, labels = _checked(logits, labels)
    counts, accuracies, confidences = reliability(logits, labels, bins)
    ece = np.sum(counts / len(labels) * np.abs(accuracies - confidences))
    log_probabilities, own = _log_softmax(logits), (np.arange(len(labels)), labels)
    miss = np.exp(log_probabilities)
    miss[own] -= 1
    return {
        "ece": float(ece) if counts.sum() == len(labels) else math.nan,
        "nll": float(-log_probabilities[own].mean()),
        "brier": float((miss**2).sum(1).mean()),
        "bins": bins,
    }


def reliability(logits, labels, bins=BINS):
    """The reliability diagram: what a confidence is worth.

    Args:
        logits: (images, classes).
        labels: integers, (images,).
        bins: number of equal-width bins, (i / bins, (i + 1) / bins], of the largest probability.

    Returns:
        Three arrays of shape (bins,): the number of images, their accuracy and their mean confidence; 0 where a bin is
        empty. Images whose logits hold NaN are in no bin.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> reliability([[0.0, 0.0], [5.0, 0.0]], [0, 0], bins=2)[0].tolist()
        [1, 1]
    """
    logits, labels = _checked(logits, labels)
    with np.errstate(invalid="ignore"):
        # The largest probability; as an exponential of its logarithm it would miss an edge by a rounding error.
        confidence = 1 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)
    known = ~np.isnan(confidence)
    confidence, correct = confidence[known], (_rank(logits, labels) < 1)[known]
    # Against the edges themselves: a product with `bins` rounds a confidence on an edge into the next bin.
    place = np.clip(np.searchsorted(np.arange(bins + 1) / bins, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    share = np.maximum(counts, 1)
    accuracies = np.bincount(place, weights=correct, minlength=bins) / share
    confidences = np.bincount(place, weights=confidence, minlength=bins) / share
    return counts, accuracies, confidences


def per_class_accuracy(logits, labels):
    """The accuracy on the images of each class.

    Args:
        logits: (images, classes).
        labels: integers, (images,).

    Returns:
        A list of a float a class, None for a class without images.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> per_class_accuracy([[2.0, 1.0, 0.0], [2.0, 0.0, 1.0]], [0, 2])
        [1.0, None, 0.0]
    """
    logits, labels = _checked(logits, labels)
    images = np.bincount(labels, minlength=logits.shape[1])
    correct = np.bincount(labels, weights=_rank(logits, labels) < 1, minlength=logits.shape[1])
    return [float(right / count) if count else None for right, count in zip(correct, images, strict=True)]


def summarize(student_logits, teacher_logits, labels):
    """All metrics of a student on a test set.

    Args:
        student_logits: (images, classes).
        teacher_logits: as the student's, or None.
        labels: integers, (images,).

    Returns:
        A dict: "student" and "teacher", each {"top1", "top5"}; "fidelity" {"agreement", "agreement5", "kl"};
        "calibration" of the student and "teacher_calibration", see `calibration`; "per_class", see
        `per_class_accuracy`. Without a teacher its entries and "fidelity" are None.

    Raises:
        UserError: shapes or labels that do not fit.

    Example:
        >>> summarize([[2.0, 1.0], [0.0, 2.0]], None, [0, 0])["student"]
        {'top1': 0.5, 'top5': 1.0}
    """

    def top(logits):
        return {"top1": accuracy(logits, labels), "top5": accuracy(logits, labels, k=5)}

    taught = teacher_logits is not None
    return {
        "student": top(student_logits),
        "teacher": top(teacher_logits) if taught else None,
        "fidelity": {
            "agreement": agreement(student_logits, teacher_logits),
            "agreement5": agreement(student_logits, teacher_logits, k=5),
            "kl": predictive_kl(student_logits, teacher_logits),
        }
        if taught
        else None,
        "calibration": calibration(student_logits, labels),
        "teacher_calibration": calibration(teacher_logits, labels) if taught else None,
        "per_class": per_class_accuracy(student_logits, labels),
    }


def _log_softmax(logits):
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = logits - logits.max(1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _rank(logits, labels):
    """How many classes come before the label's; all of them where the logits hold NaN."""
    own = np.take_along_axis(logits, labels[:, None], 1)
    smaller_index = np.arange(logits.shape[1]) < labels[:, None]
    before = (logits > own) | ((logits == own) & smaller_index)
    return np.where(np.isnan(logits).any(1), logits.shape[1], before.sum(1))


def _checked(logits, labels):
    logits, labels = _matrix("logits", logits), np.asarray(labels)
    if labels.shape != logits.shape[:1] or labels.dtype.kind not in "iu":
        raise UserError(
            f"labels: found {labels.dtype} of shape {labels.shape}; expected integers of shape {logits.shape[:1]}, "
            "one an image"
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise UserError(
            f"labels: found {labels.min()} to {labels.max()}; expected 0 to {logits.shape[1] - 1}, "
            f"for logits of {logits.shape[1]} classes"
        )
    return logits, labels


def _checked_pair(student_logits, teacher_logits):
    student, teacher = _matrix("student_logits", student_logits), _matrix("teacher_logits", teacher_logits)
    if student.shape != teacher.shape:
        raise UserError(
            f"logits: found {student.shape} of the student and {teacher.shape} of the teacher; "
            "expected the same (images, classes)"
        )
    return student, teacher


def _matrix(name, logits):
    logits = np.asarray(logits, dtype="float64")
    if logits.ndim != 2 or 0 in logits.shape:
        raise UserError(f"{name}: found shape {logits.shape}; expected (images, classes), at least one of each")
    return logits


def write(report, folder):
    """Write `report.json` and `report.md`, each whole or not at all.

    Args:
        report: a dict. All of it goes into the JSON, where numbers that are not finite become null; what the page
            knows of it (see `keras_kd.page`) goes on the page.
        folder: where to write; made if missing.

    Returns:
        The paths of the two files.

    Raises:
        UserError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> paths = write({"recipe": "digits", "student": {"top1": 0.98}}, tempfile.mkdtemp())
        >>> [path.name for path in paths]
        ['report.json', 'report.md']
    """
    report = _plain(report)
    texts = {
        "report.json": json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False) + "\n",
        "report.md": page(report),
    }
    for name, text in texts.items():
        with whole(Path(folder) / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return [Path(folder) / name for name in texts]


def _plain(value):
    """Of NumPy and other values what JSON has."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
