"""The losses of a policy that chooses terms: advantage actor-critic with one Bernoulli a term."""

from keras import ops


def returns_of(rewards, last_value, discount):
    """The discounted returns of a trajectory, G_t = r_t + discount G_{t+1}.

    Args:
        rewards: float tensor or array (steps,).
        last_value: (), what is expected from the state after the last step: the G that follows it.
        discount: 0..1.

    Returns:
        float tensor (steps,).

    Example:
        >>> import numpy as np
        >>> [float(one) for one in returns_of(np.array([1.0, 2.0], "float32"), 4.0, 0.5)]
        [3.0, 4.0]
    """
    following, found = ops.convert_to_tensor(last_value, "float32"), []
    for step in reversed(range(len(rewards))):
        following = rewards[step] + discount * following
        found.append(following)
    return ops.stack(found[::-1])


def log_probability(actor_logits, actions):
    """log pi(a): the sum over terms of a log sigma(u) + (1 - a) log(1 - sigma(u)).

    Args:
        actor_logits: float tensor (steps, terms), u.
        actions: (steps, terms) of 0 and 1, a.

    Returns:
        float tensor (steps,), 0 or less.

    Example:
        >>> import numpy as np
        >>> round(float(log_probability(np.zeros((1, 2), "float32"), np.ones((1, 2), "float32"))[0]), 4)
        -1.3863
    """
    actions = ops.cast(actions, "float32")
    return -ops.sum(actions * ops.softplus(-actor_logits) + (1 - actions) * ops.softplus(actor_logits), axis=-1)


def actor_and_critic(actor_logits, actions, values, returns):
    """The losses of the actor and of the critic on a trajectory.

    actor = -mean_t log pi(a_t) stop(G_t - V_t), critic = mean_t (V_t - stop(G_t))^2.

    Args:
        actor_logits, actions: as of `log_probability`.
        values: float tensor (steps,), V: what the critic expects of each state.
        returns: float tensor (steps,), G, of `returns_of`.

    Returns:
        (actor, critic), float32 scalars.

    Source:
        Wang et al. 2022 (EMNLP), arXiv:2302.00444: an actor-critic that chooses kinds of knowledge; equations only, of
        the abstract and of actor-critic as it is usual; settings ours.

    Example:
        >>> import numpy as np
        >>> one = np.ones(1, "float32")
        >>> actor, critic = actor_and_critic(np.zeros((1, 1), "float32"), np.ones((1, 1)), 0 * one, 2 * one)
        >>> round(float(actor), 4), float(critic)
        (1.3863, 4.0)
    """
    returns = ops.stop_gradient(returns)
    advantage = ops.stop_gradient(returns - values)
    actor = -ops.mean(log_probability(actor_logits, actions) * advantage)
    return actor, ops.mean(ops.square(values - returns))
