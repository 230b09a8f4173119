"""How much of what is true of the data networks say: how hard each example is, and how alike the classes are."""

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.evaluation.metrics.probabilities import log_softmax


def difficulty(student_logits, teacher_logits, labels, true, share):
    """Whether networks give the label of an example the more probability, the more it truly has.

    That is what the teacher's targets have to say of single examples (KD-pt): known where the data know their own
    probabilities.

    Args:
        student_logits, teacher_logits: (images, classes); the second may be None.
        labels: int (images,).
        true: (images, classes) true probabilities.
        share: of the loss that is distillation, 0..1, for the weights of examples.

    Returns:
        {"teacher", "student", "weights"}: Spearman's correlation, over the images, of the true probability of the label
        with the probability that each network gives it, and with the weight of the example because of the teacher, see
        `keras_kd.evaluation.metrics.gradient_weights`; None where either is the same for all images. Without a teacher
        of the student alone.

    Source:
        Tang et al., arXiv:2002.03532, for what a teacher says of single examples; the comparison is of this project.

    Example:
        >>> true = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        >>> difficulty(np.zeros((3, 2)), np.log(true), [0, 0, 0], true, share=0.9)["teacher"]
        1.0
    """
    of_label = np.asarray(true, "float64")[np.arange(len(labels)), labels]
    said = {"student": metrics.label_probability(student_logits, labels)}
    if teacher_logits is not None:
        said["teacher"] = metrics.label_probability(teacher_logits, labels)
        said["weights"] = metrics.gradient_weights(student_logits, teacher_logits, labels, share)
    return {name: _alike(values, of_label, ranks=True) for name, values in said.items()}


def relations(vectors, logits, labels, true_relations, true):
    """Whether networks hold those classes to be alike that are.

    Args:
        vectors: {name of a network: (classes, classes) cosines of its class vectors, or None}, see
            `keras_kd.methods.parts.class_relations.class_relations`.
        logits: {name of a network: (images, classes)}.
        labels: int (images,).
        true_relations: (classes, classes), how alike the classes are.
        true: (images, classes) true probabilities.

    Returns:
        A dict of Pearson's correlations over pairs of different classes: by name, of the cosines with the true
        relations; "NAME_said", of the mean probability of one class on images of another with the true one; None where
        there is no such value, or where it is the same for all pairs.

    Source:
        Tang et al., arXiv:2002.03532, for the geometry of the last layer; the comparison is of this project.

    Example:
        >>> pairs, true = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.2], [0.1, 0.2, 1.0]]), np.eye(3) + 0.1
        >>> relations({"teacher": 2 * pairs}, {}, [0, 1, 2], pairs, true)
        {'teacher': 1.0}
    """
    apart = ~np.eye(len(true_relations), dtype=bool)
    alike = np.asarray(true_relations, "float64")[apart]
    found = {
        name: None if cosines is None else _alike(np.asarray(cosines)[apart], alike)
        for name, cosines in vectors.items()
    }
    confused = mean_by_label(true, labels)[apart]
    for name, of_network in logits.items():
        said = mean_by_label(np.exp(log_softmax(np.asarray(of_network, "float64"))), labels)[apart]
        found[f"{name}_said"] = _alike(said, confused)
    return found


def mean_by_label(probabilities, labels):
    """The mean probabilities of the images of each label: (classes, classes), NaN of a label without images.

    Example:
        >>> mean_by_label(np.array([[0.8, 0.2], [0.6, 0.4]]), [0, 0]).round(3).tolist()
        [[0.7, 0.3], [nan, nan]]
    """
    probabilities, labels = np.asarray(probabilities, "float64"), np.asarray(labels)
    own = labels[:, None] == np.arange(probabilities.shape[1])
    with np.errstate(invalid="ignore"):
        return own.T @ probabilities / own.sum(0)[:, None]


def _alike(one, other, ranks=False):
    """The correlation of two arrays (n,), over what is finite in both, rounded to 12 digits; or None."""
    from scipy.stats import pearsonr, spearmanr

    # A weight may be -inf: the lowest rank there is.
    known = ~(np.isnan(one) | np.isnan(other)) & (ranks | np.isfinite(one) & np.isfinite(other))
    one, other = one[known], other[known]
    if len(one) < 3 or (one == one[0]).all() or (other == other[0]).all():
        return None
    return round(float((spearmanr if ranks else pearsonr)(one, other).statistic), 12)
