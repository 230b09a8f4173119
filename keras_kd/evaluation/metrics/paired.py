"""Two students compared in pairs: over runs by the t test, over images by McNemar's."""

import math

import numpy as np

# Differences of shares closer than this are equal: a test set of a billion images would tell them apart.
EQUAL = 1e-9


def paired_interval(differences, level=0.95, images=None):
    """The two-sided t interval of the mean of paired differences, and the p-value of the mean being 0.

    Args:
        differences: float array (n,), a difference a pair.
        level: the interval's coverage, above 0 and below 1.
        images: how many images the shares were counted on, or None. Equal differences have no spread, which is no
            certainty where they were counted: with this number they get the spread that the counting alone has, were
            all images on which the two differ changed in one direction: sqrt(|difference| / images).

    Returns:
        (low, high, p), three floats, or None for fewer than two pairs. Without `images` equal differences give an
        interval of zero width and a p of 0, or of 1 where they are 0.

    Source: Student, The probable error of a mean, Biometrika 1908; the spread of counts as in McNemar, Note on the
        sampling error of the difference between correlated proportions, Psychometrika 1947.

    Example:
        >>> [round(value, 4) for value in paired_interval([0.01, 0.02, 0.03])]
        [-0.0048, 0.0448, 0.0742]
        >>> [round(value, 4) for value in paired_interval([0.01, 0.01, 0.01], images=100)]
        [-0.0148, 0.0348, 0.2254]
    """
    from scipy.stats import t

    differences = np.asarray(differences, "float64")
    if len(differences) < 2:
        return None
    mean, freedom = differences.mean(), len(differences) - 1
    spread = differences.std(ddof=1)
    if np.ptp(differences) < EQUAL:
        mean = 0.0 if abs(mean) < EQUAL else mean
        spread = math.sqrt(abs(mean) / images) if images else 0.0
    if not spread:
        return float(mean), float(mean), 0.0 if mean else 1.0
    error = spread / math.sqrt(len(differences))
    reach = t.ppf((1 + level) / 2, freedom) * error
    return float(mean - reach), float(mean + reach), float(2 * t.sf(abs(mean) / error, freedom))


def paired_images(correct, other):
    """Whether two classifiers differ on the images that they were both shown, by McNemar's exact test.

    It says what these two networks do on such images, and nothing of others that were trained with other seeds.

    Args:
        correct: bool array (images,), where the first is right.
        other: bool array (images,), where the second is.

    Returns:
        dict: "first_only" and "second_only", images on which one alone is right; "images"; "p", two-sided.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 1947;
        exact by the binomial distribution.

    Example:
        >>> one = paired_images([True] * 6 + [False], [False] * 6 + [False])
        >>> one["first_only"], one["second_only"], round(one["p"], 4)
        (6, 0, 0.0312)
    """
    from scipy.stats import binomtest

    correct, other = np.asarray(correct, bool), np.asarray(other, bool)
    first, second = int((correct & ~other).sum()), int((other & ~correct).sum())
    p = binomtest(first, first + second).pvalue if first + second else 1.0
    return {"first_only": first, "second_only": second, "images": len(correct), "p": float(p)}
