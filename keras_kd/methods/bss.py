"""Heo, Lee, Yun, Choi: Knowledge Distillation with Adversarial Samples Supporting Decision Boundary. AAAI 2019,
arXiv:1805.05532."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from keras_kd.methods.base import Method
from keras_kd.methods.parts.same_classes import check_same_classes
from keras_kd.methods.parts.walk_step import walk_step
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import SaidError
from keras_kd.utils.lazy import ops
from keras_kd.utils.plain_number import plain_number

Pixel = Annotated[float, BeforeValidator(plain_number), Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class BSS(Method):
    """The student follows the teacher on images that were walked to the teacher's decision boundary.

    In each step, images that both networks have right are moved by the gradient of the teacher's logits toward another
    class, drawn in proportion to the teacher's probability of it, until the teacher's top class changes (boundary
    supporting samples). Those that never cross within `steps` are used as well. The loss is the cross-entropy
    -sum softmax(z_t / T) log softmax(z_s / T) on them, without T^2, the mean over those images; 0 when there are none.

    Of more right images than `attack_size`, those are taken on which the networks' probabilities of the wrong classes
    differ most. Of fewer, some are walked twice and not counted, so that the step has one shape. Which images are right
    is asked of the networks in inference mode; the authors ask the student in training mode.

    The paper adds a KD term on the clean images, without T^2. Here that is a `KD` term of its own: it has T^2, so its
    weight is the paper's divided by T^2 = 9. The published weights fall over E epochs e: this term's is
    max(2 (1 - 4e / 3E), 0), KD's (1 + 3 (1 - e / E)) / 9; the labels have 1.

    Args:
        temperature: 0.0001 or more; both sides' logits are divided by it.
        attack_size: at most so many images of a batch are walked.
        steps: of the walk.
        step_size: how far a step goes, in units of (gap of the logits) / (length of the gradient).
        gap_epsilon: added to the gap of the logits, so that the walk crosses the boundary.
        clip: smallest and largest value of a normalised pixel.
        mean, std: of the data in units of pixels / 255, one number a channel, if the networks take pixels 0..255: the
            walk is of (pixels / 255 - mean) / std. None: the images are normalised already; in a recipe, where they
            never are, those of its data, and `clip` is widened to hold every pixel.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[3.0, 0.0]], "float32")
        >>> signals = {"teacher": {"extra": logits}, "student": {"extra": logits},
        ...            "data": {"extra_weight": np.array([1.0], "float32")}}
        >>> round(float(BSS(temperature=3.0).loss(signals, labels=None, adapters={})), 4)
        0.5822
    """

    default_weight: ClassVar[float] = 2.0
    needs_labels: ClassVar[bool] = True
    live: ClassVar[bool] = True
    paper: ClassVar[str] = "Heo et al. 2019"
    cites: ClassVar[tuple[str, ...]] = ("heo2019bss",)
    numbers_from: ClassVar[str] = "authors' code"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = STUDIED
    zero_when_matched: ClassVar[bool] = False
    temperature: float = Field(default=3.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    attack_size: int = Field(default=64, ge=1, le=10**6)
    steps: int = Field(default=10, ge=1, le=1000)
    step_size: float = Field(default=0.3, gt=0, le=1e6, allow_inf_nan=False)
    gap_epsilon: float = Field(default=1e-4, ge=0, le=1e6, allow_inf_nan=False)
    clip: tuple[Pixel, Pixel] = (-2.5, 2.5)
    mean: tuple[Pixel, ...] | None = None
    std: tuple[Pixel, ...] | None = None

    @model_validator(mode="after")
    def _check_fields(self):
        if not self.clip[0] < self.clip[1]:
            raise SaidError(f"clip is {list(self.clip)}; expected the smaller value first")
        if (self.mean is None) != (self.std is None):
            raise SaidError("mean and std belong together; give both or neither")
        if self.std is not None and not all(value > 0 for value in self.std):
            raise SaidError(f"std is {list(self.std)}; expected numbers above 0")
        return self

    def check(self, specs):
        check_same_classes("bss", specs)
        channels = specs["data"]["images"].shape[-1]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) not in (1, channels):
                raise UserError(
                    f"bss: {name} has {len(values)} numbers, the images {channels} channels; give one a channel"
                )

    def for_pixels(self, mean, std):
        if self.mean is not None or mean is None:
            return self
        mean, std = (tuple(float(value) for value in np.ravel(values)) for values in (mean, std))
        ends = [(pixel - one) / deviation for one, deviation in zip(mean, std, strict=True) for pixel in (0, 1)]
        clip = min(self.clip[0], *ends), max(self.clip[1], *ends)
        return self.model_copy(update={"mean": mean, "std": std, "clip": clip})

    def check_images(self, images):
        normalized = np.asarray(self._normalized(np.asarray(images, "float32")))
        low, high = float(normalized.min()), float(normalized.max())
        if low < self.clip[0] - 1e-3 or high > self.clip[1] + 1e-3:
            hint = "give mean and std if they are pixels 0..255, or a wider clip" if self.mean is None else "widen clip"
            raise UserError(
                f"bss: found images from {low:.4g} to {high:.4g} (normalised); expected them within clip "
                f"{list(self.clip)}, to which the walk brings them back; {hint}"
            )

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.random_draws import RandomDraws

        return {"draws": RandomDraws()}

    def extra_images(self, images, labels, run, adapters):
        if labels is None:
            raise UserError("bss: it walks from images that both networks have right, but no labels were given; give y")
        uniforms = adapters["draws"].uniform((ops.shape(images)[0],))[: self.attack_size]
        return self.boundary_images(images, labels, run, uniforms)

    def boundary_images(self, images, labels, run, uniforms):
        """Images walked to the teacher's boundary.

        Args:
            images, labels, run: as in `extra_images`.
            uniforms: float32 tensor (at least n,) of numbers in 0..1 that choose the classes to walk to; n is the
                smaller of `attack_size` and the batch.

        Returns:
            (images (n, ...), weight float32 (n,)): 1 for those that count, 0 for those that only fill.
        """
        teacher, student = run("teacher", images), run("student", images)
        base, weight = self.base_images(teacher, student, labels)
        targets = target_classes(ops.take(teacher, base, axis=0), uniforms[: ops.shape(base)[0]])
        return self.walk(ops.take(images, base, axis=0), targets, lambda moved: run("teacher", moved)), weight

    def base_images(self, teacher, student, labels):
        """Which images of the batch to walk from: (positions int32 (n,), weight float32 (n,))."""
        right = (_top(teacher) == labels) & (_top(student) == labels)
        wrong_classes = 1 - ops.one_hot(labels, teacher.shape[-1])
        apart = ops.square(ops.softmax(teacher, axis=-1) - ops.softmax(student, axis=-1))
        score = ops.sum(wrong_classes * apart, axis=-1)
        count = ops.sum(ops.cast(right, "int32"))
        # Unranked where all fit, as the authors do; sorting is stable, so they stay in the batch's order.
        score = ops.where(count > self.attack_size, score, ops.zeros_like(score))
        order = ops.argsort(-ops.where(right, score, -ops.ones_like(score)))
        place = ops.arange(ops.shape(labels)[0], dtype="int32")[: self.attack_size]
        # What only fills repeats what counts: the student's batch normalisation sees the same images, not wrong ones.
        filled = ops.where(count > 0, place % ops.maximum(count, 1), place)
        return ops.take(ops.cast(order, "int32"), filled, axis=0), ops.cast(place < count, "float32")

    def walk(self, images, targets, run):
        """Images moved toward target classes until the top class changes, each for itself.

        Args:
            images: float32 tensor (n, height, width, channels).
            targets: int32 tensor (n,).
            run: gives the teacher's logits of images.

        Returns:
            A tensor like `images`.
        """
        from keras_kd.backend import input_gradient

        start = self._normalized(images)

        def logits(moved):
            return run(self._as_given(moved))

        first = logits(start)
        initial, classes = _top(first), first.shape[-1]
        direction = ops.one_hot(targets, classes) - ops.one_hot(initial, classes)

        def step(_, moved):
            now = logits(moved)
            gradient = input_gradient(lambda x: ops.sum(direction * logits(x), axis=-1), moved)
            gap = -ops.sum(direction * now, axis=-1)
            far = self.step_size * (gap + self.gap_epsilon) * ops.cast(_top(now) == initial, gap.dtype)
            return walk_step(moved, gradient, far, self.clip)

        return self._as_given(ops.fori_loop(0, self.steps, step, start))

    def loss(self, signals, labels, adapters):
        target = ops.softmax(signals["teacher"]["extra"] / self.temperature, axis=-1)
        log_probability = ops.log_softmax(signals["student"]["extra"] / self.temperature, axis=-1)
        weight = signals["data"]["extra_weight"]
        values = -ops.sum(target * log_probability, axis=-1)
        return ops.sum(weight * values) / ops.maximum(ops.sum(weight), 1.0)

    def _normalized(self, images):
        if self.mean is None:
            return images
        return (images / 255 - np.asarray(self.mean, "float32")) / np.asarray(self.std, "float32")

    def _as_given(self, normalized):
        if self.mean is None:
            return normalized
        return (normalized * np.asarray(self.std, "float32") + np.asarray(self.mean, "float32")) * 255


def target_classes(logits, uniforms):
    """A class other than the top one for each example, as likely as its probability says.

    Args:
        logits: float tensor (n, classes).
        uniforms: float tensor (n,) of numbers in 0..1.

    Returns:
        int32 tensor (n,): of the other classes, the likeliest first, that at which their summed probability reaches
        `uniforms` times that of them all.

    Example:
        >>> import numpy as np
        >>> logits = np.array([[5.0, 1.0, 0.0], [5.0, 1.0, 0.0]], "float32")
        >>> np.asarray(target_classes(logits, np.array([0.1, 0.99], "float32"))).tolist()
        [1, 2]
    """
    others = ops.argsort(-logits, axis=-1)[:, 1:]
    # A softmax of the others alone: the same shares, and no underflow where the top class has all.
    reached = ops.cumsum(ops.softmax(ops.take_along_axis(logits, others, axis=-1), axis=-1), axis=-1)
    place = ops.argmax(ops.cast(reached >= uniforms[:, None], "int32"), axis=-1)
    return ops.cast(ops.take_along_axis(others, place[:, None], axis=-1)[:, 0], "int32")


def _top(logits):
    return ops.cast(ops.argmax(logits, axis=-1), "int32")
