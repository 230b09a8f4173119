"""The t interval and the t test of paired differences."""

import math

import numpy as np


def paired_interval(differences, level=0.95):
    """The two-sided t interval of the mean of paired differences, and the p-value of the mean being 0.

    Args:
        differences: float array (n,), a difference a pair.
        level: the interval's coverage, above 0 and below 1.

    Returns:
        (low, high, p), three floats, or None for fewer than two pairs. Equal differences give an interval of zero
        width and a p of 0, or of 1 where they are 0.

    Source: Student, The probable error of a mean, Biometrika 1908.

    Example:
        >>> [round(value, 4) for value in paired_interval([0.01, 0.02, 0.03])]
        [-0.0048, 0.0448, 0.0742]
    """
    from scipy.stats import t

    differences = np.asarray(differences, "float64")
    if len(differences) < 2:
        return None
    if not np.ptp(differences):
        same = float(differences[0])
        return same, same, 0.0 if same else 1.0
    mean, freedom = differences.mean(), len(differences) - 1
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    reach = t.ppf((1 + level) / 2, freedom) * error
    return float(mean - reach), float(mean + reach), float(2 * t.sf(abs(mean) / error, freedom))
