"""Softmax losses over a few of very many classes, which are drawn and weighted so that their sums are unbiased."""

import math

from keras_kd.methods.parts.divergence import NEVER
from keras_kd.utils.lazy import ops

# A uniform number in float32 is a multiple of this.
GRAIN = 2.0**-23


def log_rank_probabilities(classes, scale, tail):
    """Logarithms of how likely each rank is: those of two Laplace distributions, one from each end.

    q(r) is proportional to exp(-r / b) + tail exp(-(classes - 1 - r) / b), with b = scale classes.

    Args:
        classes: how many ranks there are, 0 to classes - 1.
        scale: above 0; how far each end reaches, in shares of the classes.
        tail: 0 or more; the weight of the last ranks' distribution, that of the first ones' is 1.

    Returns:
        float32 tensor (classes,).

    Example:
        >>> import numpy as np
        >>> [round(float(one), 3) for one in np.exp(log_rank_probabilities(4, scale=0.25, tail=0.0))]
        [0.644, 0.237, 0.087, 0.032]
    """
    rank = ops.arange(classes, dtype="float32")
    tail = ops.maximum(ops.convert_to_tensor(tail, "float32"), 1e-30)
    logits = ops.logaddexp(-rank / (scale * classes), ops.log(tail) - (classes - 1 - rank) / (scale * classes))
    return ops.log_softmax(logits, axis=-1)


def ranks_of(uniforms, classes, scale, tail):
    """Ranks drawn with the probabilities of `log_rank_probabilities`.

    Args:
        uniforms: float32 tensor (..., 3) of numbers in 0..1, the upper end excluded: three for each rank.
        classes, scale, tail: as there.

    Returns:
        int32 tensor (...).

    Example:
        >>> import numpy as np
        >>> uniforms = np.array([[0.0, 0.99, 0.0], [0.9, 0.99, 0.0]], "float32")
        >>> np.asarray(ranks_of(uniforms, 100, scale=0.125, tail=0.3)).tolist()
        [0, 99]
    """
    # With the second number as finer digits: of 100,000 classes those in the middle would else be up to a tenth too
    # rare or too frequent.
    share = uniforms[..., 1] + GRAIN * uniforms[..., 2]
    least = ops.exp(-1.0 / ops.convert_to_tensor(scale, "float32"))
    from_its_end = -scale * classes * ops.log(least + (1.0 - least) * share)
    rank = ops.clip(ops.floor(from_its_end), 0, classes - 1)
    of_the_tail = uniforms[..., 0] * (1.0 + tail) >= 1.0
    return ops.cast(ops.where(of_the_tail, classes - 1 - rank, rank), "int32")


def log_weights_of(log_proposal, samples):
    """Logarithms of w = 1 / (m q), with which sums over m drawn classes are unbiased for those over all classes.

    Args:
        log_proposal: float tensor, log q of each drawn class.
        samples: m, how many are drawn with replacement.

    Returns:
        A float tensor like `log_proposal`.

    Example:
        >>> import numpy as np
        >>> [round(float(one), 4) for one in log_weights_of(np.log(np.array([0.25, 0.5], "float32")), samples=2)]
        [0.6931, 0.0]
    """
    return -log_proposal - math.log(samples)


def log_partition(logits, log_weights):
    """log Z~ = log sum w exp(logit) over drawn classes: Z~ is unbiased for the sum over all, its logarithm is not.

    Args:
        logits: float tensor (batch, m), of the drawn classes.
        log_weights: float tensor (batch, m) or (m,); -1e30 leaves a class out.

    Returns:
        float tensor (batch, 1).

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 2.0]], "float32")
        >>> round(float(log_partition(z, np.zeros(2, "float32"))[0, 0]), 4)
        2.3133
    """
    return ops.logsumexp(logits + log_weights, axis=-1, keepdims=True)


def sampled_cross_entropy(teacher, student, log_weights):
    """-sum p~ (logit - log Z~) over drawn classes, with p~ the teacher's estimated probabilities.

    A class that was drawn twice counts twice. With all classes once and weights of 1 it is the cross-entropy.

    Args:
        teacher, student: float tensors (batch, m), their logits of the drawn classes, divided by the temperature.
        log_weights: as in `log_partition`.

    Returns:
        float tensor (batch,).

    Example:
        >>> import numpy as np
        >>> z = np.log(np.array([[0.5, 0.5]], "float32"))
        >>> round(float(sampled_cross_entropy(z, z, np.zeros(2, "float32"))[0]), 4)
        0.6931
    """
    target = ops.exp(teacher + log_weights - log_partition(teacher, log_weights))
    return -ops.sum(target * (student - log_partition(student, log_weights)), axis=-1)


def sampled_divergence(teacher, student, log_weights):
    """`sampled_cross_entropy` without the teacher's own part: 0 where both are alike, whatever was drawn.

    The gradient is the same. A student that follows its teacher would else be shown the entropy of what was drawn.

    Args:
        teacher, student, log_weights: as in `sampled_cross_entropy`.

    Returns:
        float tensor (batch,), each 0 or more.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 2.0]], "float32")
        >>> round(float(sampled_divergence(z, z + 3.0, np.array([0.1, 5.0], "float32"))[0]), 4)
        0.0
    """
    log_target = teacher - log_partition(teacher, log_weights)
    target = ops.exp(log_target + log_weights)
    return ops.sum(target * (log_target - student + log_partition(student, log_weights)), axis=-1)


def sampled_label_loss(of_label, logits, log_weights):
    """log Z~ minus the logit of the label: the cross-entropy on labels over classes of which the label is one.

    Args:
        of_label: float tensor (batch,), each example's logit of its label.
        logits: float tensor (batch, m), those of the classes; the label's is among them, see `with_labels`.
        log_weights: as in `log_partition`.

    Returns:
        float tensor (batch,).

    Example:
        >>> import numpy as np
        >>> z = np.array([[0.0, 0.0]], "float32")
        >>> round(float(sampled_label_loss(z[:, 0], z, np.zeros(2, "float32"))[0]), 4)
        0.6931
    """
    return log_partition(logits, log_weights)[:, 0] - of_label


def with_labels(labels, drawn, log_weights):
    """The labels of a batch, each with certainty, and then the drawn classes that are none of them.

    Sums over the two stay unbiased: what is certain has weight 1 (divided among labels that are there several times),
    and a drawn class that is certain already is left out. Without its label's class an example's loss could fall below
    0; without the classes that a teacher is sure of, p~ would be all but noise.

    Args:
        labels: int32 tensor (batch,).
        drawn: int32 tensor (m,).
        log_weights: float32 tensor (m,), those of the drawn classes.

    Returns:
        (classes int32 (batch + m,), log weights float32 (batch + m,)).

    Example:
        >>> import numpy as np
        >>> classes, log_weights = with_labels(np.array([7, 7]), np.array([3, 7]), np.array([2.0, 2.0], "float32"))
        >>> np.asarray(classes).tolist(), [round(float(one), 2) for one in np.exp(log_weights)]
        ([7, 7, 3, 7], [0.5, 0.5, 7.39, 0.0])
    """
    labels, drawn = (ops.cast(one, "int32") for one in (labels, drawn))
    times = ops.sum(ops.cast(labels[:, None] == labels, "float32"), axis=-1)
    certain = ops.any(drawn[:, None] == labels, axis=-1)
    weights = ops.concatenate([-ops.log(times), ops.where(certain, NEVER, log_weights)])
    return ops.concatenate([labels, drawn]), weights


def logits_at(classes, features, kernel, bias=None, class_axis=1):
    """The logits of some classes, from the columns of a last layer's kernel that are theirs; no other is read.

    Args:
        classes: int tensor (m,).
        features: float tensor (batch, size): what the last layer is given.
        kernel: float tensor (size, classes), that of a Dense layer; or (classes, size), a vector for each class.
        bias: float tensor (classes,), or None.
        class_axis: of `kernel`, 1 or 0.

    Returns:
        float32 tensor (batch, m).

    Example:
        >>> import numpy as np
        >>> kernel = np.arange(8, dtype="float32").reshape(2, 4)
        >>> np.asarray(logits_at([3, 0], np.array([[1.0, 10.0]], "float32"), kernel)).tolist()
        [[73.0, 40.0]]
    """
    chosen = ops.cast(ops.take(ops.convert_to_tensor(kernel), classes, axis=class_axis), "float32")
    chosen = chosen if class_axis == 1 else ops.transpose(chosen)
    found = ops.matmul(ops.cast(features, "float32"), chosen)
    if bias is None:
        return found
    return found + ops.cast(ops.take(ops.convert_to_tensor(bias), classes, axis=0), "float32")
