"""SGD with the weight decay of the published protocols."""

from typing import Any

import keras
from keras import ops

from keras_kd import backend
from keras_kd.backend.keras_private import variable_index


@keras.saving.register_keras_serializable(package="keras_kd")
class SGD(keras.optimizers.Optimizer):
    """SGD with momentum and coupled L2, step for step as in PyTorch.

    g = gradient + l2 * w;  v = momentum * v + g;  w = w - learning_rate * v  (nesterov: g + momentum * v in v's place).

    The L2 term goes through the momentum. Keras's own `weight_decay` does not, so with momentum 0.9 the same number
    regularises about ten times less there. It acts on every trained variable, BatchNorm's and biases included, as in
    the code behind the published CIFAR tables.

    Args:
        learning_rate: float above 0, or a Keras schedule.
        momentum: 0 to 1.
        l2: coupled weight decay, 0 or more; 5e-4 in the published protocols.
        nesterov: bool.
        skip_zero_gradients: leaves a variable alone in a step whose gradient for it is zero throughout, as PyTorch does
            with a parameter that took no part. Else `l2` alone would shrink the layers that a first phase of training
            (FitNets, FSP) does not reach.

    Source:
        RepDistiller train_student.py; Sutskever et al. 2013.

    Example:
        >>> from keras_kd import SGD
        >>> SGD(learning_rate=0.05, momentum=0.9, l2=5e-4).l2
        0.0005
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        l2: float = 0.0,
        nesterov: bool = False,
        skip_zero_gradients: bool = False,
        name: str = "SGD",
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **options)
        self.momentum, self.l2, self.nesterov = float(momentum), float(l2), bool(nesterov)
        self.skip_zero_gradients = bool(skip_zero_gradients)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity") if self.momentum else []

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        decayed = ops.add(gradient, ops.multiply(self.l2, variable)) if self.l2 else gradient
        velocity = self.velocities[variable_index(self, variable)] if self.momentum else None
        if self.skip_zero_gradients:
            self._step_where_reached(gradient, decayed, variable, velocity, learning_rate)
        elif velocity is None:
            self.assign_sub(variable, ops.multiply(learning_rate, decayed))
        else:
            backend.momentum_step(variable, velocity, decayed, learning_rate, self.momentum, self.nesterov)

    def _step_where_reached(self, gradient, decayed, variable, velocity, learning_rate):
        """A step that leaves variable and velocity as they are where the gradient is zero throughout."""
        reached, change = ops.any(ops.not_equal(gradient, 0)), decayed
        if velocity is not None:
            before = ops.convert_to_tensor(velocity)
            moved = ops.add(ops.multiply(self.momentum, before), decayed)
            self.assign(velocity, ops.where(reached, moved, before))
            change = ops.add(decayed, ops.multiply(self.momentum, moved)) if self.nesterov else moved
        change = ops.multiply(learning_rate, change)
        self.assign_sub(variable, ops.where(reached, change, ops.zeros_like(change)))

    def get_config(self):
        own = {name: getattr(self, name) for name in ("momentum", "l2", "nesterov", "skip_zero_gradients")}
        return {**super().get_config(), **own}
