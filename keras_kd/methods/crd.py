"""Tian, Krishnan, Isola: Contrastive Representation Distillation. ICLR 2020, arXiv:1910.10699."""

import math
from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.parts.vectors import flat, unit_length
from keras_kd.methods.tap_pairs import TapPair
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class CRD(TapPair):
    """Student and teacher embed an image alike, and unlike other images of the training set.

    Both networks' features go through a trained linear layer onto the unit sphere. The student's embedding must tell
    the teacher's remembered embedding of the same example from those of `negatives` others, and the other way round
    (noise-contrastive estimation, equation 18). Each example's embeddings are remembered with a momentum, after the
    loss has used them. The scores are divided by a normaliser that the first batch sets.

    It needs `Distiller(examples=...)` and the index of every example in the batch.

    Args:
        student_tap, teacher_tap: the layer of each network; a map is flattened.
        negatives: how many other examples each is told from, drawn uniformly at every step.
        temperature: 0.0001 or more; the inner products are divided by it.
        momentum: 0..1; how much of a remembered embedding is kept when its example comes again.
        embedding_size: dimensions of the embeddings.

    Example:
        >>> CRD().taps("data"), CRD().negatives
        (('index',), 16384)
    """

    default_weight: ClassVar[float] = 0.8
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Tian et al. 2020"
    cites: ClassVar[tuple[str, ...]] = ("tian2020crd",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    zero_when_matched: ClassVar[bool] = False
    # The other examples are drawn for each place in the batch, and the first batch sets the normalisers.
    order_matters: ClassVar[bool] = True
    negatives: int = Field(default=16384, ge=1, le=10**6)
    temperature: float = Field(default=0.07, ge=1e-4, le=1e4, allow_inf_nan=False)
    momentum: float = Field(default=0.5, ge=0, le=1)
    embedding_size: int = Field(default=128, ge=1, le=10**6)

    def taps(self, role):
        return ("index",) if role == "data" else super().taps(role)

    def check(self, specs):
        super().check(specs)
        if specs["data"].get("examples") is None:
            raise UserError(
                "crd: the number of training examples is not known, and it remembers each of them; give "
                "Distiller(examples=...) and the index of each example in the batch"
            )

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.contrast_memory import ContrastMemory

        student, teacher = self.pair(specs)
        return {
            "student_embedding": _embedding(math.prod(student.shape[1:]), self.embedding_size),
            "teacher_embedding": _embedding(math.prod(teacher.shape[1:]), self.embedding_size),
            "memory": ContrastMemory(specs["data"]["examples"], self.embedding_size),
        }

    def loss(self, signals, labels, adapters):
        compared = adapters["memory"].negatives(signals["data"]["index"], self.negatives)
        return self.contrast(signals, compared, adapters)

    def contrast(self, signals, compared, adapters):
        """The loss when each example is compared with given ones; the memory is then brought up to date.

        Args:
            signals: as in `loss`.
            compared: int32 tensor (batch, 1 + negatives) of positions in the training set, each example's own first.
            adapters: as in `loss`.

        Returns:
            float32 tensor (batch,).
        """
        memory, index = adapters["memory"], compared[:, 0]
        student, teacher = (flat(features) for features in self.pair(signals))
        student = unit_length(adapters["student_embedding"](student))
        teacher = unit_length(adapters["teacher_embedding"](teacher))
        total = 0.0
        for anchor, bank, variable in (
            (student, memory.teacher_bank, memory.student_log_normalizer),
            (teacher, memory.student_bank, memory.teacher_log_normalizer),
        ):
            log_scores = inner_products(anchor, ops.convert_to_tensor(bank), compared) / self.temperature
            log_normalizer = memory.normalized_once(variable, log_scores, memory.examples)
            total = total + _estimation(log_scores - log_normalizer, memory.examples)
        memory.remember(memory.student_bank, index, student, self.momentum)
        memory.remember(memory.teacher_bank, index, teacher, self.momentum)
        return total

    def matched(self, signals, labels):
        return None


def inner_products(embedding, bank, chosen):
    """Inner products of each embedding (batch, size) with its chosen rows (batch, n) of a bank (examples, size).

    Example:
        >>> import numpy as np
        >>> bank = np.eye(3, dtype="float32")
        >>> np.asarray(inner_products(np.array([[1.0, 2.0, 3.0]], "float32"), bank, np.array([[2, 0]]))).tolist()
        [[3.0, 1.0]]
    """
    examples, size = bank.shape
    # One product with the whole bank writes (batch, examples) numbers; gathering the rows first writes (batch, n,
    # size). For CIFAR's 50,000 examples and 16,384 negatives of 128 numbers that is 42 times as many.
    if examples <= size * chosen.shape[1]:
        return ops.take_along_axis(ops.matmul(embedding, ops.transpose(bank)), chosen, axis=1)
    return ops.einsum("bs,bns->bn", embedding, ops.take(bank, chosen, axis=0))


def _estimation(log_scores, examples):
    """Noise-contrastive estimation of each example; the first column is the positive one."""
    noise = (log_scores.shape[1] - 1) / examples
    # The authors' log(P / (P + noise + 1e-7)), kept in logarithms so that no exponential overflows.
    log_total = ops.logaddexp(log_scores, math.log(noise + 1e-7))
    positive = log_scores[:, 0] - log_total[:, 0]
    return -positive - ops.sum(math.log(noise) - log_total[:, 1:], axis=1)


def _embedding(inputs, size):
    layer = keras.layers.Dense(
        size, kernel_initializer=uniform(inputs), bias_initializer=uniform(inputs), dtype="float32"
    )
    layer.build((None, inputs))
    return layer
