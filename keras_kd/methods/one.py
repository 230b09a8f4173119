"""Lan, Zhu, Gong: Knowledge Distillation by On-the-Fly Native Ensemble. NeurIPS 2018, arXiv:1806.04606."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.models.graph import gives_probabilities, output_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class ONE(Method):
    """The student's upper part is grown several times over; the branches' gated ensemble teaches each branch.

    Branch 0 is the student itself, which is exported; the others are clones of its layers after `student_tap` with
    fresh weights, dropped at export. A gate on the tapped features, softmax(ReLU(BN(Dense))), mixes the branches'
    logits into the ensemble's, z_e. The paper's loss is sum CE(z_i) + CE(z_e) + T^2 sum KL(p_e || p_i) over all
    branches i. `loss` is all of it but the student's own CE, which is the Distiller's label loss: keep `label_weight`
    at 1. There is no teacher. The ensemble is a constant in the KL terms, so the gate learns from CE(z_e) alone; as in
    the authors' code 1e-7 is added to its probabilities.

    The authors let the KL terms grow over the first 80 epochs of 300, by exp(-5 (1 - e / 80)^2): schedule `kl_weight`.

    Args:
        student_tap: the layer after which the branches part; a map or a vector.
        branches: how many there are with the student itself, 2 or more.
        temperature: 0.0001 or more; the logits are divided by it in the KL terms.
        kl_weight: 0 or more; multiplies the KL terms.

    Source: Lan1991Xu/ONE_NeurIPS2018.

    Example:
        >>> ONE().taps("student"), ONE().branches
        (('stage2',), 3)
    """

    roles: ClassVar[tuple[str, ...]] = ("student",)
    needs_labels: ClassVar[bool] = True
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Lan et al. 2018"
    cites: ClassVar[tuple[str, ...]] = ("lan2018one",)
    numbers_from: ClassVar[str] = "authors' code"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "online"
    problems: ClassVar[dict[str, str]] = STUDIED
    zero_when_matched: ClassVar[bool] = False
    student_tap: str = "stage2"
    branches: int = Field(default=3, ge=2, le=100)
    temperature: float = Field(default=3.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    kl_weight: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)

    def taps(self, role):
        return (self.student_tap,) if role == "student" else ()

    def check(self, specs):
        shape = tuple(specs["student"][self.student_tap].shape)
        if len(shape) not in (2, 4) or None in shape[1:]:
            raise UserError(
                f"one: student tap {self.student_tap!r} is {shape}; expected maps (batch, height, width, channels) or "
                "vectors (batch, n) of a known size: name such a layer, and build the student for images of one size"
            )

    def adapters(self, specs, networks):
        student = networks["student"]
        branching = output_of("one", "student", student, self.student_tap)
        if gives_probabilities(student):
            raise UserError(
                f"one: student: {student.name!r} ends in a softmax, and logits are mixed; give a student without it "
                "and from_logits true"
            )
        try:
            upper = keras.Model(branching, student.outputs[0], name="branch")
        except ValueError as error:
            raise UserError(
                f"one: student: not all of what follows {self.student_tap!r} in {student.name!r} comes from it; name a "
                "layer that everything passes"
            ) from error
        adapters = {"gate": _gate(branching.shape[-1], self.branches)}
        for number in range(1, self.branches):
            adapters[f"branch_{number}"] = keras.models.clone_model(upper, clone_function=_fresh)
        return adapters

    def loss(self, signals, labels, adapters):
        features = signals["student"][self.student_tap]
        logits = [signals["student"]["logits"]]
        for number in range(1, self.branches):
            logits.append(ops.cast(adapters[f"branch_{number}"](features, training=True), "float32"))
        pooled = ops.mean(features, axis=(1, 2)) if len(features.shape) == 4 else features
        gates = adapters["gate"](pooled, training=True)
        ensemble = ops.sum(gates[:, :, None] * ops.stack(logits, axis=1), axis=1)
        total = 0.0
        for one in (*logits[1:], ensemble):
            total = total + ops.sparse_categorical_crossentropy(labels, one, from_logits=True)
        target = ops.stop_gradient(ops.softmax(ensemble / self.temperature, axis=-1) + 1e-7)
        following = 0.0
        for one in logits:
            log_probability = ops.log_softmax(one / self.temperature, axis=-1)
            following = following + ops.sum(target * (ops.log(target) - log_probability), axis=-1)
        return total + self.kl_weight * self.temperature**2 * following

    def matched(self, signals, labels):
        return None


def _gate(channels, branches):
    gate = keras.Sequential(
        [
            keras.Input((channels,)),
            keras.layers.Dense(
                branches, kernel_initializer=uniform(channels), bias_initializer=uniform(channels), dtype="float32"
            ),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype="float32"),
            keras.layers.ReLU(dtype="float32"),
            keras.layers.Softmax(dtype="float32"),
        ],
        name="gate",
    )
    # Under a global mixed precision the container would halve the precision of its input.
    gate.dtype_policy = "float32"
    return gate


def _fresh(layer):
    """A layer like another, that begins with other values even where the other's seeds were fixed."""
    return type(layer).from_config(_without_seeds(layer.get_config()))


def _without_seeds(config):
    if isinstance(config, dict):
        return {key: None if key == "seed" else _without_seeds(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_without_seeds(value) for value in config]
    return config
