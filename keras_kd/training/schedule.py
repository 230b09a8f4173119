"""The learning rate of an epoch."""

import math


def learning_rate(epoch, *, base, epochs, drops=(), drop_factor=0.1, decay="constant", warmup_epochs=0):
    """The learning rate of an epoch, counted from 0.

    Args:
        epoch: whole number, 0 .. epochs - 1.
        base: the rate at the start, after the warm-up.
        epochs: how many there are.
        drops: after each of these many epochs the rate is multiplied by `drop_factor`.
        drop_factor: see `drops`.
        decay: "constant", or "cosine" to fall to zero over the epochs after the warm-up.
        warmup_epochs: epochs over which the rate rises linearly to `base`.

    Returns:
        float.

    Source:
        The published CIFAR protocol drops when epoch > stage with epochs counted from 1 (RepDistiller); cosine:
        Loshchilov and Hutter, arXiv:1608.03983.

    Example:
        >>> [learning_rate(e, base=0.1, epochs=240, drops=(150, 180)) for e in (149, 150)]
        [0.1, 0.010000000000000002]
    """
    if epoch < warmup_epochs:
        return base * (epoch + 1) / (warmup_epochs + 1)
    rate = base * drop_factor ** sum(epoch >= drop for drop in drops)
    if decay == "cosine":
        done = (epoch - warmup_epochs) / (epochs - warmup_epochs)
        rate *= (1 + math.cos(math.pi * done)) / 2
    return rate
