"""Counterfactual examples: what a network would have to be shown to be surer of the truth.

Livanos, Davidson, Wong: Cooperative Knowledge Distillation: A Learner Agnostic Approach. AAAI 2024, arXiv:2402.05942.
"""

from keras_kd.utils.lazy import ops


def goal(said, truth, toward):
    """What a network is to say of a counterfactual example: on the way from what it says now to the truth.

    Args:
        said: float tensor (n,), 0..1, what the network that writes gives the examples.
        truth: float tensor (n,), what it should give: 1 where `said` is the probability of the label.
        toward: how far on that way, 0..1; the paper's alpha.

    Returns:
        A tensor (n,), a constant for the gradient.

    Source:
        y' = f(x) + a (y - f(x)), a = 0.5, from a summary of the paper.

    Example:
        >>> import numpy as np
        >>> np.asarray(goal(np.array([0.5, 0.25]), np.array([1.0, 0.0]), toward=0.5)).tolist()
        [0.75, 0.125]
    """
    return ops.stop_gradient(said + toward * (truth - said))


def misfit(said, goals):
    """(f(x') - y')^2: how far what a network says of counterfactual examples is from its goal; float tensor (n,).

    Args:
        said: float tensor (n,), 0..1, what the network gives the counterfactual examples.
        goals: float tensor (n,) of `goal`.

    Example:
        >>> import numpy as np
        >>> float(misfit(np.array([0.5], "float32"), np.array([0.75], "float32"))[0])
        0.0625
    """
    return ops.square(said - goals)


def distance(moved, inputs, scale=1.0):
    """d(x', x): the sum over features of how far each was moved, in units of its scale; float tensor (n,).

    Args:
        moved, inputs: float tensors (n, ...) of one shape.
        scale: what counts as 1: a number, or an array like one example.

    Source:
        The L1 distance of Wachter, Mittelstadt, Russell 2018, arXiv:1711.00399; the paper's own could not be read.

    Example:
        >>> import numpy as np
        >>> float(distance(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]), scale=np.array([2.0, 1.0]))[0])
        1.0
    """
    apart = ops.absolute(moved - inputs) / scale
    return ops.sum(ops.reshape(apart, (ops.shape(apart)[0], -1)), axis=-1)


def objective(moved, inputs, said, goals, distance_weight, scale=1.0):
    """lambda d(x', x) + (f(x') - y')^2, of each example: what a counterfactual example makes small.

    Args:
        moved, inputs: float tensors (n, ...), x' and x.
        said: float tensor (n,), 0..1, what the network gives `moved`.
        goals: float tensor (n,) of `goal`.
        distance_weight: lambda, 0 or more.
        scale: as of `distance`.

    Returns:
        A float tensor (n,).

    Example:
        >>> import numpy as np
        >>> one = np.array([[1.0, 1.0]], "float32")
        >>> said, goals = np.array([0.5], "float32"), np.array([0.75], "float32")
        >>> round(float(objective(one + 1, one, said, goals, distance_weight=0.1)[0]), 4)
        0.2625
    """
    return distance_weight * distance(moved, inputs, scale) + misfit(said, goals)
