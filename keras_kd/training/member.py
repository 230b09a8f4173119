"""A classifier that cooperates with others: its network, the features that it sees, its own training data."""

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.utils.settings_class import named_settings

BATCH = 256


@named_settings
@dataclass(frozen=True, eq=False)
class Member:
    """A classifier among those that cooperate.

    Args:
        name: by which it is told of; no two alike.
        model: a built `keras.Model` of one output: (batch, classes), or (batch, 1) of two classes.
        x: its own training data, (n, features) or (n, height, width, channels).
        y: int array (n,), their labels.
        features: positions of the features that it sees, for vectors; it then is called with those alone. None: all.
        from_logits: whether the output is logits; False for probabilities.

    Example:
        >>> network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
        >>> one = Member("left", network, np.zeros((4, 3)), np.array([0, 1, 0, 1]), features=(2,))
        >>> one.said(np.zeros((5, 3))).shape
        (5, 2)
    """

    name: str
    model: keras.Model
    x: np.ndarray
    y: np.ndarray
    features: tuple[int, ...] | None = None
    from_logits: bool = True

    @cached_property
    def _run(self):
        return backend.inference(self.model)

    def sees(self, x):
        """What of examples, an array or a tensor, the network is called with."""
        if self.features is None:
            return x
        if isinstance(x, np.ndarray):
            return x[:, list(self.features)]
        return ops.take(x, np.asarray(self.features, "int32"), axis=1)

    def said(self, x, batch_size=BATCH):
        """float32 array (n, classes): the probabilities that the network gives examples, in inference mode."""
        parts = []
        for start in range(0, len(x), batch_size):
            seen = self.sees(np.asarray(x[start : start + batch_size]).astype("float32"))
            count = len(seen)
            # A last batch of its own size would be compiled for itself.
            full = padded(seen, min(batch_size, _power_of_two(len(x))))
            parts.append(ops.convert_to_numpy(self.probabilities(ops.cast(self._run(full), "float32")))[:count])
        return np.concatenate(parts)

    def probabilities(self, output):
        """Of an output of the network, float tensor (n, classes) or (n, 1): the probability of each class."""
        if output.shape[-1] == 1:
            one = ops.sigmoid(output) if self.from_logits else output
            return ops.concatenate([1 - one, one], axis=-1)
        return ops.softmax(output, axis=-1) if self.from_logits else output

    @property
    def classes(self):
        """How many classes it tells apart."""
        return max(self.model.output_shape[-1], 2)


def padded(x, count):
    """The examples, the first of them repeated until there are `count`."""
    return np.concatenate([x, np.repeat(x[:1], max(count - len(x), 0), axis=0)])


def _power_of_two(count):
    return 1 << max(count - 1, 0).bit_length()


def batch_of(count):
    """How many examples are worked on at once, of `count`: few different numbers, as each is compiled for itself."""
    return min(BATCH, _power_of_two(count))
