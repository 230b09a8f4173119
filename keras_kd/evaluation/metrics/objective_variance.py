"""How much a student's loss varies from example to example: with true probabilities, a teacher's, or drawn labels."""

import numpy as np

from keras_kd.evaluation.metrics.checked import matrix
from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.utils.errors import UserError

DRAWS = 100


def bayes_risk(logits, probabilities):
    """The loss of a student against probabilities of the classes, and how it varies.

    Args:
        logits: (images, classes), the student's.
        probabilities: (images, classes), true ones for the Bayes-distilled risk, or a teacher's.

    Returns:
        A dict of floats, of the cross-entropies l_c in nats: "risk", the mean over images of sum_c p(c) l_c;
        "variance" of that over images; "one_hot_extra", the mean over images of the variance of l_y where labels y are
        drawn from p; "one_hot_variance", their sum: that of the loss with a drawn label each (total variance).

    Raises:
        UserError: shapes that do not fit.

    Source:
        Menon et al. 2021, arXiv:2005.10419 (equation only).

    Example:
        >>> found = bayes_risk([[0.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])
        >>> {name: round(value, 4) for name, value in found.items()}
        {'risk': 0.7532, 'variance': 0.0036, 'one_hot_extra': 0.125, 'one_hot_variance': 0.1286}
    """
    losses, probabilities = _losses(logits, probabilities)
    own = (probabilities * losses).sum(1)
    extra = ((probabilities * losses**2).sum(1) - own**2).mean()
    return {
        "risk": float(own.mean()),
        "variance": float(own.var()),
        "one_hot_extra": float(extra),
        "one_hot_variance": float(own.var() + extra),
    }


def drawn_variance(logits, probabilities, draws=DRAWS, seed=0):
    """The variance of the loss with labels that are drawn: measured what `bayes_risk` calculates.

    Args:
        logits, probabilities: as of `bayes_risk`.
        draws: labels for each image.
        seed: decides them.

    Returns:
        float, in nats squared.

    Example:
        >>> round(drawn_variance([[0.0, 0.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]], draws=20000), 2)
        0.13
    """
    losses, probabilities = _losses(logits, probabilities)
    uniform = np.random.default_rng(seed).random((draws, len(losses)))
    ends = np.cumsum(probabilities, 1)[:, :-1]
    drawn = (uniform[..., None] > ends).sum(2)
    return float(losses[np.arange(len(losses)), drawn].var())


def _losses(logits, probabilities):
    logits, probabilities = matrix("logits", logits), np.asarray(probabilities, "float64")
    if probabilities.shape != logits.shape:
        raise UserError(
            f"probabilities: found shape {probabilities.shape}; expected {logits.shape}, one for each class of each "
            "image"
        )
    return -log_softmax(logits), probabilities
