"""Park, Kim, Lu, Cho: Relational Knowledge Distillation. CVPR 2019, arXiv:1904.05068."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.vectors import flat, unit_length
from keras_kd.methods.tap_pairs import TapPair
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.lazy import ops


class RKD(TapPair):
    """The student's examples lie to each other as the teacher's do: distances between two, angles among three.

    Distances are divided by their mean over the batch; both parts are smooth L1 (threshold 1), means over all pairs and
    all triplets, the degenerate ones included. The loss is of the batch as a whole; memory grows with its cube.

    Args:
        distance_weight: of the distances, 0 or more.
        angle_weight: of the angles, 0 or more.
        eps: the minimum squared distance between two examples.
        student_tap, teacher_tap: layers whose sizes may differ.

    Example:
        >>> import numpy as np
        >>> student = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], "float32")
        >>> teacher = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]], "float32")
        >>> signals = {"student": {"pooled": student}, "teacher": {"pooled": teacher}}
        >>> round(float(RKD().loss(signals, labels=None, adapters={})), 4)
        0.1243
    """

    paper: ClassVar[str] = "Park et al. 2019"
    cites: ClassVar[tuple[str, ...]] = ("park2019rkd",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = STUDIED
    distance_weight: float = Field(default=25.0, ge=0, le=1e6, allow_inf_nan=False)
    angle_weight: float = Field(default=50.0, ge=0, le=1e6, allow_inf_nan=False)
    eps: float = Field(default=1e-12, gt=0, le=1e6, allow_inf_nan=False)

    def loss(self, signals, labels, adapters):
        # Differences are taken before squares: products of large features would cancel in float32.
        student, teacher = (_differences(flat(features)) for features in self.pair(signals))
        distance = ops.mean(_smooth_l1(self._distances(student) - self._distances(teacher)))
        angle = ops.mean(_smooth_l1(_angles(student) - _angles(teacher)))
        return self.distance_weight * distance + self.angle_weight * angle

    def _distances(self, differences):
        """Distances over their mean: (batch, batch), zero on the diagonal."""
        batch = ops.shape(differences)[0]
        others = 1.0 - ops.eye(batch)
        square = ops.sum(ops.square(differences), axis=-1)
        distances = others * ops.sqrt(ops.maximum(square, self.eps))
        total, count = ops.sum(distances), ops.sum(others)
        # A batch of one has no distances.
        return distances * count / ops.where(total > 0, total, 1.0)


def _differences(vectors):
    return ops.expand_dims(vectors, 0) - ops.expand_dims(vectors, 1)


def _angles(differences):
    """Cosines of the angle at i between j and k: (batch, batch, batch)."""
    directions = unit_length(differences)
    return ops.matmul(directions, ops.transpose(directions, (0, 2, 1)))


def _smooth_l1(difference):
    size = ops.abs(difference)
    return ops.where(size < 1, 0.5 * ops.square(difference), size - 0.5)
