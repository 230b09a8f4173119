"""Li, Zuo, Li, White, Zheng: Accelerating Large Scale Knowledge Distillation via Dynamic Importance Sampling. 2018,
arXiv:1812.00914."""

from typing import ClassVar, Literal

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts import class_sampling
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import ops

DRAWS = "draws"


class DIS(SoftenedLogitMethod):
    """KD over a few classes, drawn for each example at every step: T^2 KL of the importance-weighted distributions.

    Of m classes S, drawn with replacement with probabilities q, w = 1 / (m q), log Z~ = log sum_S w exp(z / T) and
    p~ = w exp(z / T) / Z~. The weighted sums are unbiased, their logarithm is off by a part in m. Where all classes are
    asked for each is taken once, and it is KD.

    This term is given all logits, so it saves no time: it shows what the sampling costs in accuracy. For very many
    classes `keras_kd.SampledDistiller` trains by it, and computes the drawn classes' logits alone.

    Equations only; settings ours: the paper's abstract could be read, and no code was found. From it: classes are
    ranked by the difference of teacher and student, and ranks are drawn from a mixture of Laplace distributions. Ours:
    the difference is that of probabilities, how the mixture looks, weight, temperature and number of classes. The
    teacher's entropy over the drawn classes is subtracted, which changes no gradient.

    Args:
        temperature: 0.0001 or more; both sides' logits are divided by it.
        samples: how many classes are drawn for an example, 2 or more; none: a tenth, but 64 at least (of fewer, all).
        proposal: "rank": the classes on whose probability teacher and student differ most are the likeliest, and some
            of those on which they differ least; "uniform": all are as likely.
        scale: of "rank": how fast a class is less likely with its rank, in shares of all classes (by a factor of e).
        tail: of "rank": how much of it is for the last ranks, where the first ranks' share is 1.
        standardize, target: see `LogitMethod`.

    Source:
        Li et al. 2018, the abstract; the equations are those of self-normalised importance sampling.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[2.0, 1.0, 0.0, -1.0]], "float32")
        >>> signals = {"teacher": {"logits": logits}, "student": {"logits": logits / 2}}
        >>> method = DIS(temperature=4.0, samples=2)
        >>> adapters = method.adapters({"teacher": {"logits": logits}}, networks={})
        >>> method.loss(signals, labels=None, adapters=adapters).shape[0]
        1
        >>> round(float(DIS(samples=4).loss(signals, labels=None, adapters={})[0]), 4)
        0.1505
    """

    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Li et al. 2018"
    cites: ClassVar[tuple[str, ...]] = ("li2018dis",)
    numbers_from: ClassVar[str] = "ours (equations only)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {"many classes": "the paper, abstract"}
    # The classes are drawn for each place in the batch.
    order_matters: ClassVar[bool] = True
    samples: int | None = Field(default=None, ge=2, le=10**7)
    proposal: Literal["rank", "uniform"] = "rank"
    scale: float = Field(default=0.125, ge=1e-3, le=1e3, allow_inf_nan=False)
    tail: float = Field(default=0.3, ge=0, le=1e6, allow_inf_nan=False)

    def check(self, specs):
        super().check(specs)
        classes = specs["teacher"]["logits"].shape[-1]
        if self.samples is not None and self.samples > classes:
            raise UserError(
                f"dis: samples is {self.samples}, and the networks give {classes} classes; expected 2..{classes}: "
                f"with {classes} each is taken once, as kd does"
            )

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.random_draws import RandomDraws

        made = super().adapters(specs, networks)
        # With nothing to draw there is no seed to keep.
        return {**made, DRAWS: RandomDraws()} if self.draws_from(specs["teacher"]["logits"].shape[-1]) else made

    def number_of(self, classes):
        """How many of so many classes (2 or more) are drawn."""
        return min(classes, max(64, classes // 10)) if self.samples is None else self.samples

    def draws_from(self, classes):
        """Whether any are drawn; else each of so many classes (2 or more) is taken once."""
        return self.number_of(classes) < classes

    def ranks(self, shape, classes, draws):
        """Ranks drawn as `proposal` says, with the logarithms of their weights.

        Args:
            shape: of what is drawn; the last axis is the number of classes that are drawn for one sum.
            classes: of how many.
            draws: a `RandomDraws`.

        Returns:
            (ranks int32 of `shape`, log weights float32 of `shape`).
        """
        if self.proposal == "uniform":
            ranks = draws.integers(shape, below=classes)
            log_proposal = ops.zeros((classes,), "float32") - ops.log(float(classes))
        else:
            ranks = class_sampling.ranks_of(draws.uniform((*shape, 3)), classes, self.scale, self.tail)
            log_proposal = class_sampling.log_rank_probabilities(classes, self.scale, self.tail)
        return ranks, class_sampling.log_weights_of(ops.take(log_proposal, ranks, axis=0), shape[-1])

    def compare(self, student, teacher, labels, adapters):
        teacher, student = teacher / self.temperature, student / self.temperature
        batch, classes = ops.shape(student)[0], student.shape[-1]
        if not self.draws_from(classes):
            return self.temperature**2 * kl_divergence(teacher, student)
        chosen, log_weights = self.ranks((batch, self.number_of(classes)), classes, adapters[DRAWS])
        if self.proposal == "rank":
            difference = ops.abs(ops.softmax(teacher, axis=-1) - ops.softmax(student, axis=-1))
            chosen = ops.take_along_axis(ops.argsort(-ops.stop_gradient(difference), axis=-1), chosen, axis=-1)
        teacher, student = (ops.take_along_axis(logits, chosen, axis=-1) for logits in (teacher, student))
        return self.temperature**2 * class_sampling.sampled_divergence(teacher, student, log_weights)
