"""A network writes counterfactual examples: examples moved until it is surer of their labels."""

from dataclasses import dataclass

import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.methods.parts.counterfactuals import goal, misfit, objective
from keras_kd.methods.parts.walk_step import walk_step
from keras_kd.training.member import BATCH, padded

# Draws of a search at each of its steps.
DRAWS = 16
# Closer to certain than this no log-odds are asked for.
CERTAIN = 1e-6


@dataclass(frozen=True, eq=False)
class Space:
    """Where examples may be moved.

    Args:
        low, high: the smallest and largest value of each feature, arrays like one example or numbers.
        scale: what counts as a distance of 1, above 0, likewise.
        whole: whether values are whole numbers, as pixels are.
    """

    low: np.ndarray
    high: np.ndarray
    scale: np.ndarray
    whole: bool

    @classmethod
    def of(cls, *arrays):
        """The space that examples span: of vectors feature by feature, of images all pixels alike.

        Example:
            >>> one = Space.of(np.array([[0.0, 5.0], [2.0, 5.0]]))
            >>> one.low.tolist(), one.high.tolist(), one.scale.tolist(), one.whole
            ([0.0, 5.0], [2.0, 5.0], [1.0, 1.0], False)
        """
        whole = all(array.dtype == np.uint8 for array in arrays)
        axis = 0 if arrays[0].ndim == 2 else None
        # Of pixels, which may be many, the first of the arrays says how far they lie from each other.
        seen = np.concatenate([np.asarray(array, "float32") for array in (arrays[:1] if whole else arrays)])
        scale = np.std(seen, axis=axis)
        low, high = (np.float32(0), np.float32(255)) if whole else (seen.min(axis), seen.max(axis))
        return cls(low, high, np.where(scale > 0, scale, 1).astype("float32"), whole)

    def kept(self, x):
        """Examples brought back into the space."""
        x = np.clip(x, self.low, self.high)
        return np.round(x).astype("uint8") if self.whole else x


class Writer:
    """Writes counterfactual examples with the network of a member.

    Args:
        member: a `Member`.
        space: the `Space` of the examples.
        settings: a `Cooperation`.
        size: how many examples are moved at once; one number, as each is compiled for itself.

    Example:
        >>> import keras
        >>> from keras_kd.training.cooperation_settings import Cooperation
        >>> from keras_kd.training.member import Member
        >>> network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, kernel_initializer="ones")])
        >>> network.layers[0].set_weights([np.array([[-1.0, 1.0]]), np.zeros(2)])
        >>> x, y = np.array([[-2.0], [0.5], [2.0]], "float32"), np.array([0, 1, 1])
        >>> writer = Writer(Member("one", network, x, y), Space.of(x), Cooperation(distance_weight=0.0))
        >>> round(float(writer.write(x[1:2], y[1:2])[0, 0]), 1)
        0.9
    """

    def __init__(self, member, space, settings, size=BATCH):
        self.member, self.space, self.settings, self.size = member, space, settings, size
        self._gradients = {}

    def write(self, x, labels, movable=None):
        """x' of examples x: moved until the network is surer of their labels.

        Args:
            x: (n, ...), float or uint8.
            labels: int array (n,).
            movable: bool array like one example, the features that may be moved; None: all.

        Returns:
            An array like `x`, within the space.
        """
        size, parts = self.size, []
        movable = np.ones(x.shape[1:], "float32") if movable is None else movable.astype("float32")
        for start in range(0, len(x), size):
            part, truth = x[start : start + size], np.asarray(labels[start : start + size], "int32")
            count = len(part)
            part, truth = padded(np.asarray(part, "float32"), size), padded(truth, size)
            said = self._of_labels(part, truth)
            goals = ops.convert_to_numpy(goal(said, np.ones_like(said), self.settings.toward))
            moved = getattr(self, f"_{self.settings.how}")(part, truth, goals, movable)
            parts.append(self.space.kept(moved[:count]).astype(x.dtype))
        return np.concatenate(parts)

    def has_gradient(self, x, labels):
        """Whether the log-odds of the labels change with any feature of any of the examples, by the gradient."""
        size = self.size
        part, truth = padded(np.asarray(x[:size], "float32"), size), padded(np.asarray(labels[:size], "int32"), size)
        gradient, _ = self._gradient("log_odds")(part, truth, np.ones(size, "float32"))
        gradient = ops.convert_to_numpy(gradient)
        return bool(np.isfinite(gradient).all() and gradient.any())

    def _of_labels(self, x, labels):
        return np.take_along_axis(self.member.said(x), labels[:, None], axis=1)[:, 0]

    def _gradient(self, of):
        """(x, labels, goals) -> (gradient of the misfit or the log-odds, the probability of the labels)."""
        if of not in self._gradients:

            def function(x, labels, goals):
                every = self.member.probabilities(
                    ops.cast(self.member.model(self.member.sees(x), training=False), "float32")
                )
                said = ops.take_along_axis(every, labels[:, None], axis=1)[:, 0]
                return (misfit(said, goals) if of == "misfit" else _log_odds(said, ops)), said

            self._gradients[of] = backend.network_gradient(self.member.model, function)
        return self._gradients[of]

    def _value(self, moved, x, said, goals):
        weight, scale = self.settings.distance_weight, self.space.scale
        return ops.convert_to_numpy(objective(moved, x, said, goals, weight, scale))

    def _descent(self, x, labels, goals, movable):
        """Proximal gradient descent: a step along the gradient of the misfit, then one back along the distance."""
        settings, scale, gradient_of = self.settings, self.space.scale, self._gradient("misfit")
        moved, best, least = x, x, np.full(len(x), np.inf, "float32")
        for number in range(settings.steps + 1):
            gradient, said = (ops.convert_to_numpy(one) for one in gradient_of(moved, labels, goals))
            best, least = _better(best, least, moved, self._value(moved, x, said, goals))
            if number == settings.steps:
                break
            apart = moved - settings.step * scale**2 * gradient * movable - x
            apart = np.sign(apart) * np.maximum(
                np.abs(apart) - settings.step * settings.distance_weight * scale, np.float32(0)
            )
            moved = np.clip(x + apart.astype("float32"), self.space.low, self.space.high)
        return best

    def _walk(self, x, labels, goals, movable):
        """The steps of BSS along the gradient of the log-odds, for each example until it has reached its goal."""
        gradient_of, moved = self._gradient("log_odds"), x
        # Vectors are walked as images of one column.
        as_images = (len(x), -1, 1, 1) if x.ndim == 2 else x.shape
        clip = [np.reshape(one, (1, -1, 1, 1)) if x.ndim == 2 else one for one in (self.space.low, self.space.high)]
        scale = np.reshape(self.space.scale, (1, -1, 1, 1)) if x.ndim == 2 else self.space.scale
        for _ in range(self.settings.steps):
            gradient, said = (ops.convert_to_numpy(one) for one in gradient_of(moved, labels, goals))
            gap = _log_odds(goals, np) - _log_odds(said, np)
            if (gap <= 0).all():
                break
            # Walked in units of the scale, as the networks of BSS take their images.
            uphill = np.reshape(gradient * movable, as_images) * scale
            length = np.maximum(np.sqrt(np.square(uphill).sum((1, 2, 3))), np.float32(CERTAIN))
            far = np.clip(self.settings.step * gap / length, 0, 1).astype("float32")
            step = walk_step(np.reshape(moved, as_images) / scale, uphill, far, [one / scale for one in clip])
            moved = np.reshape(ops.convert_to_numpy(step) * scale, x.shape).astype("float32")
        return moved

    def _search(self, x, labels, goals, movable):
        """The best of draws around the examples, in spheres that grow: it needs no gradient."""
        settings, best = self.settings, x
        least = self._value(x, x, self._of_labels(x, labels), goals)
        # As many times over as there are draws of one step: they are asked about at once.
        x, labels, goals = (np.concatenate([one] * DRAWS) for one in (x, labels, goals))
        for number in range(1, settings.steps + 1):
            rng = np.random.default_rng([settings.seed, number])
            reach = settings.step * number / settings.steps
            drawn = x + reach * rng.standard_normal(x.shape, "float32") * self.space.scale * movable
            drawn = np.clip(drawn, self.space.low, self.space.high).astype("float32")
            values = self._value(drawn, x, self._of_labels(drawn, labels), goals)
            for candidate, value in zip(np.split(drawn, DRAWS), np.split(values, DRAWS), strict=True):
                best, least = _better(best, least, candidate, value)
        return best


def _log_odds(said, library):
    said = library.clip(said, CERTAIN, 1 - CERTAIN)
    return library.log(said) - library.log(1 - said)


def _better(best, least, moved, value):
    """The better of two candidates for each example, with its value."""
    wins = value < least
    return np.where(wins.reshape(-1, *(1,) * (best.ndim - 1)), moved, best), np.where(wins, value, least)
