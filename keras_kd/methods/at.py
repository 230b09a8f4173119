"""Zagoruyko, Komodakis: Paying More Attention to Attention: Improving the Performance of Convolutional Neural Networks
via Attention Transfer. ICLR 2017, arXiv:1612.03928."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.pooling import same_size
from keras_kd.methods.parts.vectors import flat, largest_one, unit_length
from keras_kd.methods.tap_pairs import TapPairs, check_maps
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.lazy import ops


class AT(TapPairs):
    """The student looks where the teacher looks: sum over pairs of mean (Q_student - Q_teacher)^2.

    Q is the mean over the channels of |map|^power, flattened and scaled to unit length, so the channels may differ in
    number, and the size of the features does not count. The larger map of a pair is averaged down to the smaller.

    Args:
        power: 1 or more; the higher, the more the strongest places count.
        student_taps, teacher_taps: layers with maps, compared in pairs.

    Example:
        >>> import numpy as np
        >>> maps = np.arange(8, dtype="float32").reshape(1, 2, 2, 2)
        >>> signals = {"student": {"map": maps}, "teacher": {"map": maps[..., :1]}}
        >>> method = AT(student_taps=["map"], teacher_taps=["map"])
        >>> round(float(method.loss(signals, labels=None, adapters={})[0]), 4)
        0.0006
    """

    default_weight: ClassVar[float] = 1000.0
    paper: ClassVar[str] = "Zagoruyko and Komodakis 2017"
    cites: ClassVar[tuple[str, ...]] = ("zagoruyko2017at",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = STUDIED
    power: float = Field(default=2.0, ge=1, le=100, allow_inf_nan=False)

    def check(self, specs):
        super().check(specs)
        check_maps(self, specs)

    def loss(self, signals, labels, adapters):
        return sum(self._pair_loss(*same_size(student, teacher)) for student, teacher in self.pairs(signals))

    def _pair_loss(self, student, teacher):
        return ops.mean(ops.square(self._attention(student) - self._attention(teacher)), axis=-1)

    def _attention(self, maps):
        """The map of channel-wise energy as a vector of unit length: (batch, h * w)."""
        maps = ops.abs(largest_one(maps, axis=(1, 2, 3)))
        return unit_length(flat(ops.mean(ops.power(maps, self.power), axis=-1)))
