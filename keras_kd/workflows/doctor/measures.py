"""What the numbers of images and outputs say by themselves: what takes no training, kinds of output, pixels, orders."""

import math

import numpy as np

from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.models.zoo.applications import CAFFE_MEAN, IMAGENET_MEAN, IMAGENET_STD

# Sums of a softmax in half precision are this near to 1.
SUMS = 0.01
SMALLEST = 1e-14


def output_kind(output):
    """What the rows of an output are.

    Args:
        output: float array (images, classes), a network's own, nothing done to it.

    Returns:
        (kind, figures): "logits"; "probabilities", 0 or more and summing to 1; "scaled probabilities", 0 or more and
        all summing to one other number; "sigmoids", all in 0..1 with sums that differ; "not finite". The figures are
        the smallest and the largest number, and the minimum and the maximum sum of a row.

    Example:
        >>> output_kind(np.array([[0.9, 0.1], [0.2, 0.8]]))[0], output_kind(np.array([[2.0, -1.0], [0.5, 1.0]]))[0]
        ('probabilities', 'logits')
    """
    output = np.asarray(output, "float64")
    if not np.isfinite(output).all():
        return "not finite", {"images_not_finite": int((~np.isfinite(output)).any(1).sum())}
    sums = output.sum(1)
    figures = {
        "smallest": float(output.min()),
        "largest": float(output.max()),
        "least_sum": float(sums.min()),
        "largest_sum": float(sums.max()),
    }
    # A network that says the same of every image cannot be told from its numbers, but for a sum of exactly 1.
    varies = float(np.ptp(output, axis=0).max()) > 1e-6 * max(abs(output).max(), 1e-30)
    if output.min() < -1e-6:
        return "logits", figures
    if np.abs(sums - 1).max() <= SUMS:
        return "probabilities", figures
    if varies and sums.min() > 0 and np.ptp(sums) <= SUMS * sums.mean():
        return "scaled probabilities", figures
    if varies and output.max() <= 1 and output.max() > 0.5:
        return "sigmoids", figures
    return "logits", figures


def class_probabilities(output, kind, groups=None):
    """The probabilities of the data's classes, at temperature 1.

    Args:
        output: float array (images, classes of the network).
        kind: of `output_kind`.
        groups: for each class of the data the network's classes, see
            `keras_kd.models.wrappers.class_map.checked_groups`; None where the network's classes are the data's.

    Returns:
        float64 array (images, classes), rows that sum to 1.

    Example:
        >>> class_probabilities(np.array([[0.2, 0.3, 0.5]]), "probabilities", [[2], [0, 1]]).tolist()
        [[0.5, 0.5]]
    """
    output = np.nan_to_num(np.asarray(output, "float64"), nan=0.0, posinf=0.0, neginf=0.0)
    if kind in ("probabilities", "scaled probabilities", "sigmoids"):
        found = np.maximum(output, SMALLEST)
    else:
        found = np.exp(log_softmax(output))
    if groups is not None:
        found = np.stack([found[:, group].sum(1) if group else np.zeros(len(found)) for group in groups], axis=1)
    found = np.maximum(found, SMALLEST)
    return found / found.sum(1, keepdims=True)


# Pixels of an image that are looked at, at most.
LOOKED_AT = 1024


def halves(count):
    """Two halves of the positions 0..count - 1, drawn without regard to their order; the same every time.

    Example:
        >>> [len(half) for half in halves(5)]
        [3, 2]
    """
    mixed = np.random.default_rng(0).permutation(count)
    return np.sort(mixed[::2]), np.sort(mixed[1::2])


def nearest_class_mean(images, labels, classes):
    """The accuracy of naming the class whose mean image is nearest: means of one half of the images, measured on the
    other.

    Args:
        images: uint8 (n, height, width, channels), two or more.
        labels: int (n,).
        classes: how many there are.

    Returns:
        A float in 0..1.

    Source:
        The classifier is as old as the field; here it stands for "what takes no training", so that a threshold is not
        a guess about the data.

    Example:
        >>> images = np.zeros((40, 2, 2, 1), "uint8")
        >>> labels = np.arange(40) % 2
        >>> images[labels == 1] = 255
        >>> nearest_class_mean(images, labels, 2)
        1.0
    """
    labels = np.asarray(labels)
    stride = max(1, math.ceil(math.sqrt(images.shape[1] * images.shape[2] / LOOKED_AT)))
    seen = np.asarray(images[:, ::stride, ::stride]).astype("float32").reshape(len(images), -1) / 255
    one, other = halves(len(images))
    means = np.full((classes, seen.shape[1]), np.inf, "float32")
    for label in np.unique(labels[one]):
        means[label] = seen[one][labels[one] == label].mean(0)
    known = np.flatnonzero(np.isfinite(means[:, 0]))
    # |x - m|^2 without |x|^2, which is the same for every class.
    distance = (means[known] ** 2).sum(1) - 2 * seen[other] @ means[known].T
    return float(np.mean(known[distance.argmin(1)] == labels[other]))


def skill(accuracy, classes):
    """How far an accuracy is from chance to perfect: 0 at 1 / classes, 1 at 1.

    Example:
        >>> round(skill(0.55, 10), 2)
        0.5
    """
    return (accuracy - 1 / classes) / (1 - 1 / classes)


class Scaling:
    """Pixels 0..255 times a factor plus an offset, by channel.

    Args:
        name: in words.
        factor, offset: a number, or one a channel.
        settings: fields of the recipe's network that give it this; None where none do.
        reversed_channels: whether the channels come in the other order first.

    Example:
        >>> Scaling("0..1", 1 / 255, 0.0, {"pixels": "unit"}).of(np.array([[255.0]])).tolist()
        [[1.0]]
    """

    def __init__(self, name, factor, offset, settings, reversed_channels=False):
        self.name, self.settings, self.reversed_channels = name, settings, reversed_channels
        self.factor, self.offset = np.asarray(factor, "float64"), np.asarray(offset, "float64")

    def of(self, pixels):
        """The pixels so scaled."""
        pixels = np.asarray(pixels, "float64")
        return (pixels[..., ::-1] if self.reversed_channels else pixels) * self.factor + self.offset

    def undone(self, scaled):
        """The pixels that are scaled to these."""
        pixels = (scaled - self.offset) / self.factor
        return pixels[..., ::-1] if self.reversed_channels else pixels


def scalings(spec, dataset):
    """(the scaling that a recipe gives a network, [others]).

    Args:
        spec: a `MemberSpec` of a file or a function.
        dataset: the data, for its mean and deviation.
    """
    own = (spec.mean, spec.std) if spec.mean else None
    known = {
        "pixels": Scaling("0..255", 1.0, 0.0, {"pixels": "pixels"}),
        "unit": Scaling("0..1", 1 / 255, 0.0, {"pixels": "unit"}),
        "symmetric": Scaling("-1..1", 1 / 127.5, -1.0, {"pixels": "symmetric"}),
        "standard": _standard("standardised by the data", dataset.mean, dataset.std, {"pixels": "standard"}),
    }
    given = known[spec.pixels]
    others = [one for name, one in known.items() if name != spec.pixels]
    if own:
        given = _standard("standardised by its own mean", *own, {"pixels": "standard"})
        others = [one for name, one in known.items() if name != "standard"]
        # The mean and deviation of the recipe must go where the data's are meant.
        others.append(
            _standard("standardised by the data", dataset.mean, dataset.std, _with(dataset.mean, dataset.std))
        )
    if dataset.image_shape[2] == 3:
        imagenet = _with(IMAGENET_MEAN, IMAGENET_STD)
        others.append(_standard("standardised by ImageNet", IMAGENET_MEAN, IMAGENET_STD, imagenet))
        # As OpenCV reads colours, in any scale.
        others += [_blue_first(one) for one in (given, *others)]
        offset = [-mean for mean in CAFFE_MEAN]
        others.append(Scaling("blue, green, red minus their means", 1.0, offset, None, reversed_channels=True))
    return given, others


def _blue_first(scaling):
    return Scaling(f"blue, green, red {scaling.name}", scaling.factor, scaling.offset, None, reversed_channels=True)


def _with(mean, std):
    return {"pixels": "standard", "mean": [float(one) for one in mean], "std": [float(one) for one in std]}


def _standard(name, mean, std, settings):
    mean, std = np.asarray(mean, "float64"), np.asarray(std, "float64")
    return Scaling(name, 1 / (255 * std), -mean / std, settings)


# What must be gained on the classes that would change places, and how improbable that must be by chance.
LEAST_GAIN, LARGEST_P = 0.3, 1e-3


def class_permutation(probabilities, labels):
    """Which class of a network stands for each class of the data, where that is not the class of the same number.

    The order is found on one half of the images (the assignment of classes that gets most of them right) and judged on
    the other, so that what fits one half by chance does not pass. Each cycle of classes is judged by itself: two that
    changed places are found among a hundred that did not.

    Args:
        probabilities: (n, classes), what the network says of the data's classes.
        labels: int (n,).

    Returns:
        None, or a dict: "order", a list: for each class of the data the network's; "moved", the classes that changed
        places; "unsure", those of them that the images do not settle; "accuracy" as it is and "accuracy_in_order", of
        all images.

    Source:
        Kuhn, The Hungarian Method for the assignment problem, 1955, in scipy; an exact one-sided sign test (McNemar) of
        the images that only one of the two orders gets right.

    Example:
        >>> labels = np.arange(400) % 4
        >>> permutation = class_permutation(np.eye(4)[np.array([0, 1, 3, 2])[labels]], labels)
        >>> permutation["order"], permutation["moved"], permutation["accuracy"], permutation["accuracy_in_order"]
        ([0, 1, 3, 2], [2, 3], 0.5, 1.0)
        >>> class_permutation(np.eye(4)[labels], labels) is None
        True
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import binom

    probabilities, labels = np.asarray(probabilities, "float64"), np.asarray(labels)
    classes = probabilities.shape[1]
    said = probabilities.argmax(1)
    fitted_on, judged_on = halves(len(labels))
    _, order = linear_sum_assignment(-_confusion(probabilities, said, labels, fitted_on, classes))
    kept = np.arange(classes)
    cycles = _cycles(order)
    for cycle in cycles:
        images = judged_on[np.isin(labels[judged_on], cycle)]
        gained = int(np.sum((said[images] == order[labels[images]]) & (said[images] != labels[images])))
        lost = int(np.sum((said[images] == labels[images]) & (said[images] != order[labels[images]])))
        if not gained + lost:
            continue
        by_chance = float(binom.sf(gained - 1, gained + lost, 0.5))
        if gained - lost >= LEAST_GAIN * len(images) and by_chance < LARGEST_P / len(cycles):
            kept[cycle] = order[cycle]
    moved = np.flatnonzero(kept != np.arange(classes))
    if not len(moved):
        return None
    return {
        "order": kept.tolist(),
        "moved": moved.tolist(),
        "unsure": [int(one) for one in moved if not _settled(said[labels == one], kept[one], classes)],
        "accuracy": float(np.mean(said == labels)),
        "accuracy_in_order": float(np.mean(said == kept[labels])),
    }


def _confusion(probabilities, said, labels, images, classes):
    """(classes of the data, classes of the network): how often one is called the other, each row summing to 1 or 0."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels[images], said[images]), 1.0)
    # Where few images decide, what the network thinks of the other classes decides between equal counts.
    np.add.at(counts, labels[images], 0.01 * probabilities[images])
    return counts / np.maximum(counts.sum(1, keepdims=True), 1e-12) + 1e-9 * np.eye(classes)


def _cycles(order):
    """The cycles of a permutation that are longer than one, as int arrays."""
    seen, found = set(), []
    for start in range(len(order)):
        cycle, one = [], start
        while one not in seen:
            seen.add(one)
            cycle.append(one)
            one = int(order[one])
        if len(cycle) > 1:
            found.append(np.array(cycle))
    return found


def _settled(said, expected, classes):
    """Whether a class is what a network says most often of some images."""
    return len(said) >= 3 and int(np.bincount(said, minlength=classes).argmax()) == expected
