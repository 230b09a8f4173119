"""Ahn, Hu, Damianou, Lawrence, Dai: Variational Information Distillation for Knowledge Transfer. CVPR 2019,
arXiv:1904.05835."""

import math
from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.parts.pooling import same_size
from keras_kd.methods.tap_pairs import TapPairs, check_maps
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class VID(TapPairs):
    """The student's maps predict the teacher's: mean of ((mu(student) - teacher)^2 / variance + log variance) / 2.

    The negative log-likelihood (but for a constant) of the teacher's maps under a Gaussian, whose mean mu is a small
    network of the student's maps (three 1x1 convolutions without biases, ReLU between) and whose variance is learnt for
    each channel: softplus(log scale) + eps. Both are trained with the student and dropped at export. The larger map
    is averaged down to the smaller. Summed over pairs; it can be negative.

    Args:
        initial_variance: above `eps`.
        eps: the minimum variance.
        mid_channels: between the convolutions; None takes as many as the teacher's map has.
        student_taps, teacher_taps: layers with maps, compared in pairs.

    Example:
        >>> import numpy as np
        >>> method = VID(student_taps=["map"], teacher_taps=["map"])
        >>> signals = {"student": {"map": np.zeros((1, 2, 2, 3), "float32")},
        ...            "teacher": {"map": np.ones((1, 2, 2, 5), "float32")}}
        >>> round(float(method.loss(signals, labels=None, adapters=method.adapters(signals, networks={}))[0]), 4)
        0.9047
    """

    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Ahn et al. 2019"
    cites: ClassVar[tuple[str, ...]] = ("ahn2019vid",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    zero_when_matched: ClassVar[bool] = False
    initial_variance: float = Field(default=5.0, gt=0, le=1e6, allow_inf_nan=False)
    eps: float = Field(default=1e-5, gt=0, le=1e6, allow_inf_nan=False)
    mid_channels: int | None = Field(default=None, gt=0, le=10**6)

    def check(self, specs):
        super().check(specs)
        check_maps(self, specs)
        if self.initial_variance <= self.eps:
            raise UserError(f"vid: initial_variance is {self.initial_variance}; expected more than eps, {self.eps}")

    def adapters(self, specs, networks):
        layers = {}
        for number, (student, teacher) in enumerate(self.pairs(specs)):
            inputs, outputs = student.shape[-1], teacher.shape[-1]
            layers |= self._mean_network(f"mean_{number}", inputs, self.mid_channels or outputs, outputs)
            layers[f"variance_{number}"] = self._variance(outputs)
        return layers

    def _mean_network(self, name, inputs, mid, outputs):
        """{name: layer} of the three convolutions."""
        sizes = ((inputs, mid, "relu"), (mid, mid, "relu"), (mid, outputs, None))
        layers = {}
        for number, (size, filters, activation) in enumerate(sizes, 1):
            layer = keras.layers.Conv2D(
                filters, 1, use_bias=False, activation=activation, kernel_initializer=uniform(size)
            )
            layer.build((None, None, None, size))
            layers[f"{name}_{number}"] = layer
        return layers

    def _variance(self, channels):
        """A layer that holds the log scale of each channel."""
        layer = keras.layers.Layer()
        rest = self.initial_variance - self.eps
        log_scale = rest + math.log(-math.expm1(-rest))  # the inverse of softplus
        layer.log_scale = layer.add_weight(
            shape=(channels,), initializer=keras.initializers.Constant(log_scale), name="log_scale"
        )
        layer.built = True
        return layer

    def loss(self, signals, labels, adapters):
        total = 0.0
        for number, (student, teacher) in enumerate(self.pairs(signals)):
            mean, teacher = same_size(student, teacher)
            for convolution in (1, 2, 3):
                mean = adapters[f"mean_{number}_{convolution}"](mean)
            variance = ops.softplus(adapters[f"variance_{number}"].log_scale) + self.eps
            values = 0.5 * (ops.square(mean - teacher) / variance + ops.log(variance))
            total = total + ops.mean(values, axis=(1, 2, 3))
        return total

    def matched(self, signals, labels):
        return None
