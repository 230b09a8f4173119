"""How far a teacher is to be trusted on each class, from what it says of held-out images."""

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
