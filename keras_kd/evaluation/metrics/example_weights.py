"""What distillation does to the weight of each training example."""

import numpy as np

from keras_kd.evaluation.metrics.bins import bin_of, checked_bins
from keras_kd.evaluation.metrics.checked import checked, checked_pair
from keras_kd.evaluation.metrics.probabilities import log_odds
from keras_kd.utils.errors import UserError


def gradient_weights(student_logits, teacher_logits, labels, distillation_weight):
    """The factor by which a teacher changes the gradient of the label class's logit, at temperature 1.

    The loss (1 - l) CE + l H(teacher, student) has at the label's logit the gradient p_s - (1 - l) - l p_t, the
    cross-entropy alone has p_s - 1, with p_s and p_t the label's probability by student and teacher. Their ratio is
    1 - l (1 - p_t) / (1 - p_s): an example of which the teacher is sure keeps its weight, one of which it is not loses
    some, and below 0 the student is pushed back. It is computed of the log-odds, so it holds where p_s rounds to 1.

    Args:
        student_logits, teacher_logits: (images, classes).
        labels: integers, (images,).
        distillation_weight: l, 0..1.

    Returns:
        float64 array (images,), each at most 1; -inf where the student is more confident than the teacher by more than
        a float can say, NaN where logits hold NaN.

    Raises:
        UserError: shapes, labels or a weight that do not fit.

    Source: Tang et al., Understanding and Improving Knowledge Distillation, 2020, arXiv:2002.03532, section 3.2.

    Example:
        >>> gradient_weights([[0.0, 0.0]], [[0.0, 0.0]], [0], 0.9).round(6).tolist()
        [0.1]
    """
    student, teacher = checked_pair(student_logits, teacher_logits)
    student, labels = checked(student, labels)
    if not 0 <= distillation_weight <= 1:
        raise UserError(f"distillation_weight: found {distillation_weight}; expected a number in 0..1")
    if distillation_weight == 0:
        return np.where(np.isnan(student).any(1) | np.isnan(teacher).any(1), np.nan, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # log(1 - p) = -log(1 + odds).
        log_doubts = (-np.logaddexp(0.0, log_odds(logits, labels)) for logits in (student, teacher))
        student_doubt, teacher_doubt = log_doubts
        return 1 - distillation_weight * np.exp(teacher_doubt - student_doubt)


def weights_by_confidence(weights, teacher_confidence, bins=10):
    """The weights of examples against how sure the teacher is of their label.

    Args:
        weights: float array (n,), as `gradient_weights` gives; those that are not finite are left out.
        teacher_confidence: float array (n,), the teacher's probability of the label, 0..1, as
            `keras_kd.evaluation.metrics.probabilities.label_probability` gives; NaN is left out.
        bins: number of equal-width bins, (i / bins, (i + 1) / bins].

    Returns:
        A list of a dict a bin: "from" and "to", its edges; "count"; "mean" of the weights; "quartiles", a list of the
        first quartile, the median and the third. The last two are None for an empty bin.

    Raises:
        UserError: shapes, bins or probabilities that do not fit.

    Source: Tang et al., arXiv:2002.03532, section 3.2.

    Example:
        >>> weights_by_confidence([0.25, 0.75, 1.0], [0.9, 1.0, 0.2], bins=2)[1]
        {'from': 0.5, 'to': 1.0, 'count': 2, 'mean': 0.5, 'quartiles': [0.375, 0.5, 0.625]}
    """
    weights, sure = np.asarray(weights, "float64"), np.asarray(teacher_confidence, "float64")
    if weights.ndim != 1 or weights.shape != sure.shape:
        raise UserError(f"weights: found {weights.shape} with confidences of {sure.shape}; expected (n,) twice")
    if (sure < 0).any() or (sure > 1).any():
        raise UserError(
            f"teacher_confidence: found {np.nanmin(sure)} to {np.nanmax(sure)}; expected probabilities, 0 to 1"
        )
    finite = np.isfinite(weights) & np.isfinite(sure)
    weights, place = weights[finite], bin_of(sure[finite], checked_bins(bins))
    rows = []
    for number in range(bins):
        own = weights[place == number]
        rows.append(
            {
                "from": number / bins,
                "to": (number + 1) / bins,
                "count": len(own),
                "mean": float(own.mean()) if len(own) else None,
                "quartiles": np.quantile(own, (0.25, 0.5, 0.75)).tolist() if len(own) else None,
            }
        )
    return rows
