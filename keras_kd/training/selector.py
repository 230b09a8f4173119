"""The policy that chooses terms, with all that it remembers: a layer, so that it is saved as a student is."""

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.training.selection_loss import actor_and_critic, returns_of

# Of the state, before the last choice: a constant, the figure measured last, the last reward.
BEFORE_CHOICE = 3
# What the newest reward counts in the mean square by whose root rewards are divided: they shrink by orders of magnitude
# as a training goes on, and would teach nothing next to the first ones.
RECENT = 0.1


class Selector(keras.layers.Layer):
    """Chooses which kinds of knowledge count, and learns from rewards.

    The logit of each kind is linear in the state, and so is what the critic expects; the state of a bandit is a
    constant. What is drawn depends on the seed and on the number of the choice alone, so a training that goes on from
    its saved variables chooses as one that was never stopped.

    Args:
        selection: a `Selection`.
        kinds: how many there are to choose from; the last is the label loss where `selection.labels`.

    Example:
        >>> from keras_kd.training.selection import Selection
        >>> selector = Selector(Selection("bandit", seed=1), kinds=3)
        >>> selector.choose().tolist()
        [0.0, 0.0, 1.0]
        >>> [round(float(one), 2) for one in selector.probabilities()]
        [0.5, 0.5, 0.5]
    """

    def __init__(self, selection, kinds, name="selector"):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.selection, self.kinds = selection, kinds
        states, horizon = (1 if selection.policy == "bandit" else BEFORE_CHOICE + kinds), selection.horizon
        # What the weights of the kinds are multiplied by: read in a training step.
        self.factors = self._kept("factors", (kinds,), "ones")
        self._choice = self._kept("choice", (kinds,))
        self._actor, self._critic = self._kept("actor", (states, kinds)), self._kept("critic", (states,))
        # The choices that have not been learnt from.
        self._states = self._kept("states", (horizon, states))
        self._actions, self._rewards = self._kept("actions", (horizon, kinds)), self._kept("rewards", (horizon,))
        # Choices made, choices kept for learning, units that the present choice has stayed, rewards so far.
        self._counts = self._kept("counts", (4,), dtype="int32")
        # The figure measured last, the last reward (divided), the mean square of recent rewards.
        self._measured = self._kept("measured", (3,))
        self._gradients = backend.value_and_gradients(_loss_of(selection.critic_weight))
        self.built = True

    def _kept(self, name, shape, initializer="zeros", dtype="float32"):
        return self.add_weight(
            shape=shape, dtype=dtype, initializer=initializer, trainable=False, autocast=False, name=name
        )

    def _now(self, variable):
        return ops.convert_to_numpy(variable)

    @property
    def begun(self):
        """Whether a choice was made."""
        return bool(self._now(self._counts)[0])

    @property
    def rewarded(self):
        """How many rewards there were."""
        return int(self._now(self._counts)[3])

    def choice(self):
        """The present choice, 0 or 1 for each kind; float32 (kinds,)."""
        return self._now(self._choice)

    def probabilities(self):
        """Of each kind that it is chosen in the present state; float32 (kinds,)."""
        # As tanh, which does not overflow.
        return (0.5 + 0.5 * np.tanh(0.5 * self._state() @ self._now(self._actor))).astype("float32")

    def counted(self):
        """Whether the factor of each kind is not 0; float32 (kinds,)."""
        return (self._now(self.factors) > 0).astype("float32")

    def _state(self):
        if self.selection.policy == "bandit":
            return np.ones(1, "float32")
        figure, reward, _ = self._now(self._measured)
        # Bounded, as a long step along a large state would leave the weights nowhere.
        bounded = [1, *(one / (1 + abs(one)) for one in (figure, reward))]
        return np.concatenate([np.array(bounded, "float32"), self.choice()])

    def choose(self):
        """Draws the next choice and sets the factors to it.

        Returns:
            The choice, float32 (kinds,) of 0 and 1.
        """
        counts, state = self._now(self._counts).copy(), self._state()
        drawn = np.random.default_rng([self.selection.seed, int(counts[0])]).random(self.kinds)
        choice = (drawn < self.probabilities()).astype("float32")
        states = self._now(self._states).copy()
        states[counts[1]] = state
        counts[0], counts[2] = counts[0] + 1, 0
        self._states.assign(states)
        self._choice.assign(choice)
        self._counts.assign(counts)
        self.factors.assign(self._factors_of(choice))
        return choice

    def _factors_of(self, choice):
        factors = choice.copy()
        if self.selection.labels and not factors.any():
            factors[-1] = 1
        if self.selection.normalize and factors.any():
            factors *= self.kinds / factors.sum()
        return factors

    @property
    def stayed(self):
        """For how many units the present choice has stayed."""
        return int(self._now(self._counts)[2])

    @stayed.setter
    def stayed(self, units):
        counts = self._now(self._counts).copy()
        counts[2] = units
        self._counts.assign(counts)

    def reward(self, figure):
        """Takes a figure, measured at the end of an interval, and learns from its change.

        Args:
            figure: a number that is better the larger it is.

        Returns:
            The change, or None at the end of the first interval, which has no figure before it and is not learnt from.
        """
        counts = self._now(self._counts).copy()
        before, _, square = (float(one) for one in self._now(self._measured))
        if counts[0] == 1:
            self._measured.assign(np.array([figure, 0, 0], "float32"))
            return None
        change = float(np.float32(figure)) - before
        square += (change**2 - square) * max(1 / (int(counts[3]) + 1), RECENT)
        divided = change / square**0.5 if square else 0.0
        place = int(counts[1])
        for kept, value in ((self._actions, self.choice()), (self._rewards, divided)):
            values = self._now(kept).copy()
            values[place] = value
            kept.assign(values)
        self._measured.assign(np.array([figure, divided, square], "float32"))
        counts[1], counts[3] = place + 1, counts[3] + 1
        if counts[1] == self.selection.horizon:
            self._learn()
            counts[1] = 0
        self._counts.assign(counts)
        return change

    def _learn(self):
        """A step of SGD on the losses of actor and critic, over the choices that are kept."""
        states, actions, rewards = (self._now(one) for one in (self._states, self._actions, self._rewards))
        weights = {"actor": self._now(self._actor), "critic": self._now(self._critic)}
        returns = returns_of(rewards, self._state() @ weights["critic"], self.selection.discount)
        given = {"states": states, "actions": actions, "returns": ops.convert_to_numpy(returns)}
        _, gradients = self._gradients(weights, given)
        for variable, name in ((self._actor, "actor"), (self._critic, "critic")):
            step = self.selection.learning_rate * ops.convert_to_numpy(gradients[name])
            variable.assign(weights[name] - step)


def _loss_of(critic_weight):
    """A function of the weights of actor and critic, and of what was seen: the sum of their losses."""

    def loss(weights, seen):
        actor_logits, values = (ops.matmul(seen["states"], weights[name]) for name in ("actor", "critic"))
        of_actor, of_critic = actor_and_critic(actor_logits, seen["actions"], values, seen["returns"])
        return of_actor + critic_weight * of_critic

    return loss
