"""Li, Li, Yang, Zhao, Song, Luo, Li, Yang: Curriculum Temperature for Knowledge Distillation. AAAI 2023,
arXiv:2211.16231."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.utils.lazy import ops

TEMPERATURE = "temperature"


class CTKD(LogitMethod):
    """KD whose temperature T = start + range sigmoid(theta) is learnt against the student.

    theta is one number, trained with the student; it starts at 1. Its gradient is multiplied by `reversal`, so with
    -1 the temperature moves to where the loss is larger. The published curriculum lets the reversal grow over the first
    10 epochs: `reversal: {end_value: -1.0, duration: 10, shape: cosine}`.

    Args:
        temperature_start: the minimum temperature, 0.0001 or more.
        temperature_range: how far above it the temperature can go, 0.0001 or more.
        reversal: the factor on theta's gradient: negative against the student, 0 for a temperature that stays, positive
            with the student.
        standardize, target: see `LogitMethod`.

    Source:
        Li et al. 2023, the global temperature; settings and the sign of the factor as in the authors' code.

    Example:
        >>> import numpy as np
        >>> method = CTKD()
        >>> adapters = method.adapters({}, {})
        >>> round(float(method.temperature(adapters)), 2)
        15.62
    """

    default_weight: ClassVar[float] = 0.9
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Li et al. 2023"
    cites: ClassVar[tuple[str, ...]] = ("li2023ctkd",)
    numbers_from: ClassVar[str] = "CTKD scripts/run_cifar_distill.sh"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    temperature_start: float = Field(default=1.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    temperature_range: float = Field(default=20.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    reversal: float = Field(default=-1.0, ge=-1e6, le=1e6, allow_inf_nan=False)

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.constant_layer import ConstantLayer

        return {**super().adapters(specs, networks), TEMPERATURE: ConstantLayer(1.0, trainable=True, name=TEMPERATURE)}

    def temperature(self, adapters):
        """The temperature as it is now, a scalar tensor."""
        theta = ops.convert_to_tensor(adapters[TEMPERATURE].value)
        fixed = ops.stop_gradient(theta)
        # The value of theta, with a gradient that is `reversal` times as large.
        theta = fixed + self.reversal * (theta - fixed)
        return self.temperature_start + self.temperature_range * ops.sigmoid(theta)

    def target_temperature(self, adapters):
        return self.temperature(adapters)

    def compare(self, student, teacher, labels, adapters):
        temperature = self.temperature(adapters)
        return temperature**2 * kl_divergence(teacher / temperature, student / temperature)

    def matched(self, signals, labels):
        return super().matched(signals, labels) if self.target.name == "identity" else None
