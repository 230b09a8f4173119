"""The weights of an ensemble's members by differential evolution on the error on held-out images."""

import numpy as np

from keras_kd.evaluation.metrics.ensemble_weights import fit_ensemble_weights, own_log_probability

GENERATIONS = 200
POPULATION = 15


def evolve_ensemble_weights(members, labels, *, temperature=1.0, seed=0):
    """The weights w whose ensemble, sum_m w_m softmax(z_m / temperature), errs least on held-out images.

    The error is a step function of the weights, so it is searched: differential evolution within 0..1, the weights
    divided by their sum. Of equal errors the smaller mean of -log p(label) is taken. The search begins with equal
    weights, with each member alone and with the weights that `fit_ensemble_weights` gives, so it ends no worse than
    these on the same images; on other images it may be, the more so the fewer there were.

    Args:
        members: logits (images, classes) of each member, the same images in the same order.
        labels: integers, (images,).
        temperature: above 0; that of `ensemble(mean="softened")`, 1 for probabilities.
        seed: whole number, of the search; the same one gives the same weights.

    Returns:
        float64 (members,), 0 or more, summing to 1.

    Raises:
        UserError: as `fit_ensemble_weights`.

    Source:
        Ganta, Das Gupta, Sheng 2022, arXiv:2206.12005: scipy's differential evolution on held-out error. Equations
        only: strategy (rand1bin), population and the choice among equal errors are ours.

    Example:
        >>> right, wrong = np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 3.0], [3.0, 0.0]])
        >>> weights = evolve_ensemble_weights([right, wrong], [0, 1])
        >>> bool(weights[0] > weights[1])
        True
    """
    from scipy.optimize import differential_evolution

    labels = np.asarray(labels)
    scaled = [np.asarray(one, "float64") / temperature for one in members]
    for one in scaled:
        own_log_probability(one, labels)  # sees that they can be judged
    count = len(scaled)
    if count == 1:
        return np.ones(1)
    shifted = [np.exp(one - one.max(1, keepdims=True)) for one in scaled]
    probability = np.stack([one / one.sum(1, keepdims=True) for one in shifted])
    rows = np.arange(len(labels))

    def objective(weights):
        total = weights.sum()
        if not total > 0:
            return float(len(labels) + 1)
        together = np.tensordot(weights / total, probability, 1)
        loss = -np.log(np.maximum(together[rows, labels], 1e-300)).mean()
        # Below 1, so that it decides between equal numbers of errors alone.
        return float((together.argmax(1) != labels).sum() + loss / (1 + loss))

    known = [np.full(count, 1 / count), fit_ensemble_weights(scaled, labels), *np.eye(count)]
    drawn = np.random.default_rng(seed).uniform(size=(POPULATION * count, count))
    found = differential_evolution(
        objective,
        [(0, 1)] * count,
        strategy="rand1bin",
        maxiter=GENERATIONS,
        init=np.concatenate([known, drawn]),
        seed=seed,
        polish=False,
    )
    return found.x / found.x.sum()
