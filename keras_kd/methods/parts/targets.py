"""Tang, Shivanna, Zhao, Lin, Singh, Chi, Jain: Understanding and Improving Knowledge Distillation. 2020,
arXiv:2002.03532: parts of the teacher's knowledge, as targets in its place. The forms follow secondary sources."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

from keras_kd.methods.parts.divergence import is_class, log_softmax_over, log_sum_over
from keras_kd.utils.lazy import ops
from keras_kd.utils.suggest import did_you_mean


class Kind(NamedTuple):
    """A transform: its function of (log p, label, relations, number) to log rho, and what it needs."""

    log_target: Callable
    number: str = ""
    needs_labels: bool = False
    needs_relations: bool = False


def _identity(log_teacher, label, relations, number):
    return log_teacher


def _pt(log_teacher, label, relations, number):
    others = log_sum_over(log_teacher, ops.logical_not(label)) - math.log(log_teacher.shape[-1] - 1)
    return ops.where(label, log_teacher, others)


def _sim(log_teacher, label, relations, number):
    return ops.log_softmax(relations / number, axis=-1)


def _pt_sim(log_teacher, label, relations, number):
    rest = ops.logical_not(label)
    others = log_sum_over(log_teacher, rest) + log_softmax_over(relations / number, rest)
    return ops.where(label, log_teacher, others)


def _topk(log_teacher, label, relations, number):
    # The rank of each class, so that of equal ones exactly as many are kept as asked.
    kept = ops.argsort(ops.argsort(-log_teacher, axis=-1), axis=-1) < number
    others = max(log_teacher.shape[-1] - number, 1)
    return ops.where(kept, log_teacher, log_sum_over(log_teacher, ops.logical_not(kept)) - math.log(others))


def _smooth(log_teacher, label, relations, number):
    uniform = ops.full_like(log_teacher, math.log(number / log_teacher.shape[-1]))
    return ops.logsumexp(ops.stack([log_teacher + math.log1p(-number), uniform], axis=-1), axis=-1)


def _swap(log_teacher, label, relations, number):
    classes = log_teacher.shape[-1]
    best = is_class(ops.argmax(log_teacher, axis=-1), classes)
    of_label = ops.sum(ops.where(label, log_teacher, 0.0), axis=-1, keepdims=True)
    of_best = ops.sum(ops.where(best, log_teacher, 0.0), axis=-1, keepdims=True)
    return ops.where(label, of_best, ops.where(best, of_label, log_teacher))


KINDS = {
    "identity": Kind(_identity),
    "pt": Kind(_pt, needs_labels=True),
    "sim": Kind(_sim, number="temperature", needs_labels=True, needs_relations=True),
    "pt_sim": Kind(_pt_sim, number="temperature", needs_labels=True, needs_relations=True),
    "topk": Kind(_topk, number="k"),
    "smooth": Kind(_smooth, number="share"),
    "swap": Kind(_swap, needs_labels=True),
}
NUMBERS = {
    "k": ("a whole number, 1 or more", 5, lambda number: isinstance(number, int) and number >= 1, 10**6),
    "temperature": ("a number above 0", 0.3, lambda number: 0 < number < math.inf, 10**4),
    "share": ("a number between 0 and 1", 0.1, lambda number: 0 < number < 1, 1),
}


@dataclass(frozen=True)
class Target:
    """What a logit method shows its student in place of the teacher's distribution p, softened at the method's
    temperature; y is the label, C the number of classes.

    In a recipe it is a name, or a name with its number: `target: pt`, `target: {topk: 5}`.

    - `identity`: p itself.
    - `pt`: p[y] for the label, (1 - p[y]) / (C - 1) for each other class: how hard the example is for the teacher.
    - `sim` (temperature): softmax over c of cos(w_c, w_y) / temperature, with the class vectors w of the teacher's last
      Dense layer: how the teacher relates the classes. The published scale of the cosine could not be confirmed.
    - `pt_sim` (temperature): p[y] for the label; the others share 1 - p[y] in proportion to their `sim`. The linear sum
      of both is instead two terms, one with `target: pt`, one with `target: {sim: 0.3}`.
      The method's temperature softens p and not the relations: at 4, with 0.3, the class most like the label comes
      before it on a quarter of the images, and students learn that (docs/findings.md); take temperature 1.
    - `topk` (k): the k most likely classes keep their p, the others share the rest alike. With k = C it is p.
    - `smooth` (share): (1 - share) p + share / C.
    - `swap`: where the teacher's first class is not the label, the two exchange their p.

    Args:
        name: one of the above.
        number: its number; None where it has none.

    Source:
        Tang et al. 2020, arXiv:2002.03532, for pt, sim and topk.

    Example:
        >>> Target("topk", 5).short()
        {'topk': 5}
    """

    name: str = "identity"
    number: float | None = None

    @property
    def needs_labels(self):
        """Whether it reads the labels."""
        return KINDS[self.name].needs_labels

    @property
    def needs_relations(self):
        """Whether it reads the teacher's class vectors."""
        return KINDS[self.name].needs_relations

    def short(self):
        """As a recipe writes it: a name, or {name: number}."""
        return self.name if self.number is None else {self.name: self.number}

    def logits(self, teacher_logits, labels, temperature, relations=None):
        """Logits whose softmax at the temperature is the target.

        Args:
            teacher_logits: float tensor (batch, classes).
            labels: int tensor (batch,); None where no labels are needed.
            temperature: above 0, a number or a scalar tensor.
            relations: (classes, classes) cosines of the teacher's class vectors, where they are needed.

        Returns:
            float tensor (batch, classes): for `identity` the teacher's own.

        Example:
            >>> import numpy as np
            >>> logits = np.log(np.array([[0.6, 0.3, 0.1]], "float32"))
            >>> found = Target("pt").logits(logits, labels=np.array([0]), temperature=1.0)
            >>> [round(float(one), 4) for one in np.exp(found)[0]]
            [0.6, 0.2, 0.2]
        """
        if self.name == "identity":
            return teacher_logits
        kind, label, related = KINDS[self.name], None, None
        if kind.needs_labels:
            label = is_class(labels, teacher_logits.shape[-1])
        if kind.needs_relations:
            related = ops.take(ops.convert_to_tensor(relations), ops.cast(labels, "int32"), axis=0)
        log_teacher = ops.log_softmax(teacher_logits / temperature, axis=-1)
        return temperature * kind.log_target(log_teacher, label, related, self.number)


def parse(given):
    """A `Target` of what a recipe gives: a name, or {name: number}.

    Raises:
        ValueError: what was expected.

    Example:
        >>> parse({"topk": 5})
        Target(name='topk', number=5)
    """
    if isinstance(given, Target):
        given = given.short()
    if isinstance(given, dict) and len(given) == 1:
        name, number = next(iter(given.items()))
    else:
        name, number = given, None
    if not isinstance(name, str) or name not in KINDS:
        hint = did_you_mean(name, KINDS, as_written=True) if isinstance(name, str) else ""
        raise ValueError(f"one of {', '.join(KINDS)}, or one with its number, such as {{topk: 5}}{hint}")
    what = KINDS[name].number
    if not what and number is not None:
        raise ValueError(f"{name} alone, since it has no number")
    if what:
        expected, example, allowed, most = NUMBERS[what]
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or not allowed(number):
            raise ValueError(f"{name} with its {what}, {expected}, such as {{{name}: {example}}}")
        if number > most:
            raise ValueError(f"{name} with its {what}, {most:,} at most, such as {{{name}: {example}}}")
    return Target(name, number)


TargetField = Annotated[Target, BeforeValidator(parse), PlainSerializer(Target.short)]
