"""Huang, Wang: Like What You Like: Knowledge Distill via Neuron Selectivity Transfer. 2017, arXiv:1707.01219."""

from typing import ClassVar

from keras_kd.methods.parts.pooling import same_size
from keras_kd.methods.parts.vectors import largest_one, unit_length
from keras_kd.methods.tap_pairs import TapPairs, check_maps
from keras_kd.utils.lazy import ops


class NST(TapPairs):
    """The student's channels select what the teacher's select: mean k(t, t) + mean k(s, s) - 2 mean k(s, t).

    That is the squared maximum mean discrepancy between the channels of the two, each a map of unit length, with the
    kernel k(a, b) = (a . b)^2. The number of channels may differ; the larger map is averaged down to the smaller.
    Summed over pairs.

    Args:
        student_taps, teacher_taps: layers with maps, compared in pairs.

    Example:
        >>> import numpy as np
        >>> maps = np.eye(4, dtype="float32").reshape(1, 2, 2, 4)
        >>> signals = {"student": {"map": maps[..., :2]}, "teacher": {"map": maps[..., 1:]}}
        >>> method = NST(student_taps=["map"], teacher_taps=["map"])
        >>> round(float(method.loss(signals, labels=None, adapters={})[0]), 4)
        0.5
    """

    default_weight: ClassVar[float] = 50.0
    paper: ClassVar[str] = "Huang and Wang 2017"
    cites: ClassVar[tuple[str, ...]] = ("huang2017nst",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}

    def check(self, specs):
        super().check(specs)
        check_maps(self, specs)

    def loss(self, signals, labels, adapters):
        return sum(_discrepancy(*same_size(student, teacher)) for student, teacher in self.pairs(signals))


def _discrepancy(student, teacher):
    student, teacher = _channels(student), _channels(teacher)
    difference = _kernel(teacher, teacher) + _kernel(student, student) - 2 * _kernel(student, teacher)
    # Never below zero but by rounding.
    return ops.maximum(difference, 0.0)


def _channels(maps):
    """Each channel's map as a vector of unit length: (batch, h * w, channels)."""
    _, height, width, channels = maps.shape
    maps = ops.reshape(maps, (-1, height * width, channels))
    return unit_length(largest_one(maps, axis=1), axis=1)


def _kernel(one, other):
    """The mean over the pairs of channels of their squared inner product: (batch,)."""
    return ops.mean(ops.square(ops.einsum("bpc,bpd->bcd", one, other)), axis=(1, 2))
