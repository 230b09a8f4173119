"""Yim, Joo, Bae, Kim: A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and Transfer
Learning. CVPR 2017, pages 7130-7138, doi:10.1109/CVPR.2017.754 (not on arXiv)."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.pooling import same_size
from keras_kd.methods.tap_pairs import TapPairs, check_maps
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import ops

NETWORK = ("stem", "stage1", "stage2", "stage3")


class FSP(TapPairs):
    """From layer to layer the student solves the task as the teacher does: mean (G_student - G_teacher)^2.

    G is the flow between two consecutive layers: the mean over the positions of the product of each channel of one with
    each channel of the other; the larger map is averaged down to the smaller. Summed over consecutive layers. Student
    and teacher need as many channels. RepDistiller uses it for 30 epochs of initialisation alone; here it is a term
    like any other.

    Args:
        student_taps, teacher_taps: layers with maps, two or more, in the order of the network.

    Example:
        >>> import numpy as np
        >>> one, two = np.ones((1, 2, 2, 3), "float32"), np.ones((1, 1, 1, 5), "float32")
        >>> signals = {"student": {"a": one, "b": two}, "teacher": {"a": one, "b": 3 * two}}
        >>> float(FSP(student_taps=["a", "b"], teacher_taps=["a", "b"]).loss(signals, labels=None, adapters={})[0])
        4.0
    """

    default_weight: ClassVar[float] = 50.0
    paper: ClassVar[str] = "Yim et al. 2017"
    cites: ClassVar[tuple[str, ...]] = ("yim2017fsp",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = STUDIED
    student_taps: tuple[str, ...] = Field(default=NETWORK, min_length=2)
    teacher_taps: tuple[str, ...] = Field(default=NETWORK, min_length=2)

    def check(self, specs):
        super().check(specs)
        check_maps(self, specs)
        for student, teacher in zip(self.student_taps, self.teacher_taps, strict=True):
            shapes = tuple(specs["student"][student].shape), tuple(specs["teacher"][teacher].shape)
            if shapes[0][-1] != shapes[1][-1]:
                raise UserError(
                    f"fsp: student tap {student!r} is {shapes[0]}, teacher tap {teacher!r} is {shapes[1]}; expected as "
                    "many channels: give the student the teacher's widths, or name other layers in student_taps and "
                    "teacher_taps"
                )

    def loss(self, signals, labels, adapters):
        student, teacher = zip(*self.pairs(signals), strict=True)
        return sum(
            ops.mean(ops.square(own - other), axis=(1, 2))
            for own, other in zip(_flows(student), _flows(teacher), strict=True)
        )


def _flows(maps):
    """The flow from each layer to the next: [(batch, channels, channels of the next)]."""
    flows = []
    for one, following in zip(maps[:-1], maps[1:], strict=True):
        one, following = same_size(one, following)
        positions = one.shape[1] * one.shape[2]
        flows.append(ops.einsum("bhwc,bhwd->bcd", one, following) / positions)
    return flows
