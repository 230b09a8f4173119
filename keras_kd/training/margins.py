"""Margins of labels against classes: of a teacher on held-out images, of the sizes of classes."""

import numpy as np

from keras_kd.training.trust import trust_by_class
from keras_kd.utils.errors import UserError


def margins_of_teacher(logits, labels):
    """Larger for the labels on which the teacher is less sure: 1 - its mean margin on the images of the label.

    Args:
        logits: float array (n, classes), the teacher's, of images that it has not been trained on.
        labels: int array (n,).

    Returns:
        float32 array (classes, classes), 0..1, every column alike; the margin is the probability of the label minus
        the largest other, 0 where the mean is negative, for a label without images the mean over the others.

    Source:
        Lukasik et al. 2022, arXiv:2106.10494, name held-out margins; the form is ours.

    Example:
        >>> margins_of_teacher(np.array([[9.0, -9.0], [0.0, 0.0]]), np.array([0, 1])).round(3).tolist()
        [[0.0, 0.0], [1.0, 1.0]]
    """
    sure = trust_by_class(logits, labels, measure="margin")
    return np.repeat(1 - sure[:, None], len(sure), axis=1)


def margins_of_classes(counts):
    """Larger for the labels of rare classes: log(count of k / count of y) for label y against class k.

    Args:
        counts: int array (classes,), training images of each class, 1 or more.

    Returns:
        float32 array (classes, classes).

    Raises:
        UserError: a class without images.

    Source:
        Menon et al. 2021, Long-Tail Learning via Logit Adjustment, arXiv:2007.07314.

    Example:
        >>> margins_of_classes([4, 1]).astype("float64").round(3).tolist()
        [[0.0, -1.386], [1.386, 0.0]]
    """
    counts = np.asarray(counts, "float64")
    if not (counts > 0).all():
        raise UserError(
            f"margins: found no training image of class {int(np.argmin(counts))}; expected one or more of each class"
        )
    shares = np.log(counts)
    return (shares[None, :] - shares[:, None]).astype("float32")
