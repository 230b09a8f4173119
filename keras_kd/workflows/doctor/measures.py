"""Another order of the classes that explains what a network says, if there is one beyond chance."""

import numpy as np

from keras_kd.workflows.doctor.yardstick import halves

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
        >>> found = class_permutation(np.eye(4)[np.array([0, 1, 3, 2])[labels]], labels)
        >>> found["order"], found["moved"], found["accuracy"], found["accuracy_in_order"]
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
