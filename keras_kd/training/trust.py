"""How far a teacher is to be trusted, on each class and as a whole, from what it says of held-out images."""

import numpy as np


def trust_by_class(logits, labels, *, measure="accuracy", weight=1.0):
    """The weight of the teacher's word for each class; the label has the rest.

    Args:
        logits: float array (n, classes), the teacher's, of images that it has not been trained on.
        labels: int array (n,).
        measure: "accuracy" on the images of the class; or "margin", the mean of the probability of the class minus the
            largest other probability, 0 where that is negative.
        weight: 0..1, the trust in a class on which the teacher is perfect.

    Returns:
        float32 array (classes,), each 0..weight; for a class without images the mean over the others.

    Source:
        Lukasik, Bhojanapalli, Menon, Kumar, "Teacher's pet: understanding and mitigating biases in distillation",
        arXiv:2106.10494: per-label mixing weights from the teacher's held-out performance.

    Example:
        >>> logits = np.array([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
        >>> trust_by_class(logits, np.array([0, 0, 1, 1]), weight=0.8).tolist()
        [0.4000000059604645, 0.4000000059604645]
    """
    logits, labels = np.asarray(logits, "float64"), np.asarray(labels)
    classes = logits.shape[1]
    if measure == "accuracy":
        achieved = (logits.argmax(1) == labels).astype("float64")
    else:
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        probability = shifted / shifted.sum(1, keepdims=True)
        own = probability[np.arange(len(labels)), labels]
        probability[np.arange(len(labels)), labels] = -1
        achieved = own - probability.max(1)
    count = np.bincount(labels, minlength=classes)
    mean = np.bincount(labels, weights=achieved, minlength=classes) / np.maximum(count, 1)
    mean = np.clip(np.where(count > 0, mean, mean[count > 0].mean()), 0, 1)
    return (weight * mean).astype("float32")


# The share of the loss that a perfect teacher has, as in the published recipes, and how fast it falls with its errors:
# `benchmarks/weak_teachers.py` compares.
SHARE, POWER = 0.9, 4


def trust_as_a_whole(logits, labels):
    """What a teacher's word is worth next to the labels, from how often it is right.

    Args:
        logits: float array (n, classes), the teacher's, of images that it has not been trained on.
        labels: int array (n,).

    Returns:
        dict: "trust", 0..1, the teacher's accuracy over chance to the power of 4; "label_weight", 1 - 0.9 trust;
        "teacher_accuracy"; "chance", the share of the most frequent class; "images".

    Example:
        >>> logits = np.array([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
        >>> trust_as_a_whole(logits, np.array([0, 1, 0, 0]))["trust"]
        0.0
        >>> round(trust_as_a_whole(logits, np.array([0, 1, 0, 1]))["label_weight"], 4)
        0.1
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    accuracy = float((logits.argmax(1) == labels).mean())
    chance = float(np.bincount(labels).max() / len(labels))
    # Where all images are of one class nothing is known of the teacher.
    trust = max(0.0, (accuracy - chance) / (1 - chance)) ** POWER if chance < 1 else 0.0
    return {
        "trust": trust,
        "label_weight": 1 - SHARE * trust,
        "teacher_accuracy": accuracy,
        "chance": chance,
        "images": len(labels),
    }
