"""What a network will say in LiteRT's full int8, computed in `keras.ops`, so that it can be trained for it.

LiteRT's scheme: kernels symmetric in -127..127 with a scale for each output channel; activations in -128..127 with one
scale and one zero point, from the minimum and the maximum on the calibration images, and constants alike; batch
normalisation folded into the convolution before it; a rectifier fused into what is before it. The gradient passes the
rounding as if it were not there (Bengio et al. 2013, arXiv:1308.3432) and stops where a range cuts a value off.
"""

import keras
from keras import ops

from keras_kd.export.int8_folding import folded
from keras_kd.export.int8_layers import FakeQuantize
from keras_kd.export.int8_walk import Rounding, Walk, readers_of
from keras_kd.models.graph import reserve_names


class Simulation:
    """A network, and what it will say in int8. Both have the same weights: training `network` trains `plain`.

    Args:
        model: a functional `keras.Model` of one input, (batch, height, width, channels), and one output; the models
            inside it are such models, too. It stays as it is.
        images: float32 or uint8, (n, height, width, channels): on these the ranges are measured.

    Attributes:
        plain: `keras.Model` in float32 without the batch normalisation that could be folded, and with the layers of the
            models inside as its own; it says what `model` says. It is what is exported.
        network: `keras.Model` in simulated int8.
        not_followed: (name, type) of the layers whose insides are computed in float32 here and in int8 by LiteRT: what
            they give is rounded, what they compute it with is not.

    Raises:
        UserError: a network that is not of this kind.

    Source:
        Jacob et al. 2018, arXiv:1712.05877, sections 2 and 3, with LiteRT's scales a channel.

    Example:
        >>> import numpy as np
        >>> from keras_kd.models import build
        >>> images = np.random.default_rng(0).integers(0, 17, (32, 8, 8, 1), dtype="uint8")
        >>> student = build("digits_tiny", (8, 8, 1), 10)
        >>> simulation = Simulation(student, images)
        >>> difference = simulation.network.predict(images, verbose=0) - student.predict(images, verbose=0)
        >>> bool(abs(difference).max() < 0.2)
        True
    """

    def __init__(self, model, images):
        self.plain = folded(model)
        reserve_names(self.plain)
        self._values = {}
        readers = readers_of(self.plain)
        image = keras.Input(self.plain.inputs[0].shape[1:], dtype="float32", name="images")
        walk = Walk(readers, self._rounding())
        self.network = keras.Model(image, walk.output(self.plain, image), name=f"{model.name}_int8")
        self.not_followed = tuple(walk.not_followed.items())
        self._overwritten = walk.overwritten(image)
        values = {}
        image = keras.Input(self.plain.inputs[0].shape[1:], dtype="float32", name="images")
        Walk(readers, _kept_in(values)).output(self.plain, image)
        self._measured = keras.Model(image, values)
        self.calibrate(images)

    def calibrate(self, images):
        """Sets the ranges anew, to the minima and maxima that `plain` has on images."""
        least, largest = {}, {}
        for start in range(0, len(images), 32):
            found = self._measured(ops.convert_to_tensor(images[start : start + 32], dtype="float32"), training=False)
            for name, values in found.items():
                least[name] = min(least.get(name, 0.0), float(ops.min(values)))
                largest[name] = max(largest.get(name, 0.0), float(ops.max(values)))
        for name, layer in self._values.items():
            if not layer.fixed:
                after = self._overwritten.get(name, name)
                layer.set_range(min(least[name], least[after]), max(largest[name], largest[after]))

    def _rounding(self):
        def quantised(name, value, fixed=None, measured=True):
            if name not in self._values:
                self._values[name] = FakeQuantize(name=f"{name}_int8")
                if fixed:
                    self._values[name].fix(*fixed)
            return self._values[name](value)

        return Rounding(quantised, weights=True)


def _kept_in(values):
    """What rounds nothing and keeps each value of whose range is asked."""

    def kept(name, value, fixed=None, measured=True):
        if measured and not fixed:
            values[name] = value
        return value

    return Rounding(kept, weights=False)
