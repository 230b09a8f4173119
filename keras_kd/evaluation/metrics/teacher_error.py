"""How far a teacher's probabilities are from what is true: the part that all its members share, and the rest."""

import numpy as np

from keras_kd.utils.errors import UserError


def teacher_error(members, true):
    """The mean squared error of probabilities, and over several teachers its bias and variance.

    Args:
        members: (teachers, images, classes) probabilities; of one teacher (1, images, classes).
        true: (images, classes) probabilities.

    Returns:
        A dict of floats: "mse", the mean over teachers and images of the sum over classes of (p_t - p*)^2, 0..2;
        "bias2", that of the teachers' mean; "variance", of the teachers about their mean: mse = bias2 + variance.

    Raises:
        UserError: shapes that do not fit.

    Source:
        Menon et al. 2021, arXiv:2005.10419 (equation only: their tables were not read).

    Example:
        >>> found = teacher_error([[[0.6, 0.4]], [[1.0, 0.0]]], [[0.5, 0.5]])
        >>> {name: round(value, 4) for name, value in found.items()}
        {'mse': 0.26, 'bias2': 0.18, 'variance': 0.08}
    """
    members, true = np.asarray(members, "float64"), np.asarray(true, "float64")
    if members.ndim != 3 or not members.size or members.shape[1:] != true.shape:
        raise UserError(
            f"members: found shape {members.shape} and true probabilities {true.shape}; expected (teachers, images, "
            "classes) and (images, classes) of the same images and classes"
        )
    mean = members.mean(0)
    return {
        "mse": float(((members - true) ** 2).sum(2).mean()),
        "bias2": float(((mean - true) ** 2).sum(1).mean()),
        "variance": float(((members - mean) ** 2).sum(2).mean()),
    }
