"""Zhang, Xiang, Hospedales, Lu: Deep Mutual Learning. CVPR 2018, arXiv:1706.00384."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import ops


class DML(Method):
    """Networks that start untrained teach each other: each follows the labels and all the others' distributions.

    Of K networks, network k has the loss CE(z_k, y) + 1/(K-1) sum over l != k of KL(p_l || p_k), p_l a constant. `loss`
    is the sum over all networks without the student's own CE, which is the Distiller's label loss: keep `label_weight`
    at 1. Give the other networks as `Distiller(peers=[...])`; they train with the student and are dropped at the end.

    One step updates all networks at once, from outputs of the same moment. The paper updates them in turn, the second
    against the first's new outputs.

    Args:
        temperature: 0.0001 or more; the paper has 1. The KL terms are multiplied by its square, as in KD.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[2.0, 0.0]], "float32")
        >>> signals = {"student": {"logits": logits}, "peer_1": {"logits": logits}}
        >>> round(float(DML().loss(signals, np.array([0]), {})[0]), 4)
        0.1269
    """

    roles: ClassVar[tuple[str, ...]] = ("student", "peer")
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Zhang et al. 2018"
    cites: ClassVar[tuple[str, ...]] = ("zhang2018dml",)
    numbers_from: ClassVar[str] = "paper"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "online"
    problems: ClassVar[dict[str, str]] = STUDIED
    zero_when_matched: ClassVar[bool] = False
    temperature: float = Field(default=1.0, ge=1e-4, le=1e4, allow_inf_nan=False)

    def check(self, specs):
        classes = specs["student"]["logits"].shape[-1]
        for role in _peers(specs):
            if specs[role]["logits"].shape[-1] != classes:
                raise UserError(
                    f"dml: {role} gives {specs[role]['logits'].shape[-1]} classes, the student {classes}; all must "
                    "name the same classes in the same order: give each peer as many units as the student"
                )

    def loss(self, signals, labels, adapters):
        peers = [signals[role]["logits"] for role in _peers(signals)]
        softened = [logits / self.temperature for logits in (signals["student"]["logits"], *peers)]
        mutual = 0.0
        for learner, logits in enumerate(softened):
            for other, target in enumerate(softened):
                if other != learner:
                    mutual = mutual + kl_divergence(ops.stop_gradient(target), logits)
        total = self.temperature**2 * mutual / len(peers)
        for logits in peers:
            total = total + ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return total

    def matched(self, signals, labels):
        # Between several peers the minimum lies where no one of them is.
        return signals["peer_1"] if len(_peers(signals)) == 1 else None


def _peers(by_role):
    return [role for role in by_role if role.startswith("peer_")]
