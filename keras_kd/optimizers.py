"""SGD with the weight decay of the published protocols."""

import keras
from keras import ops


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

    Source:
        RepDistiller train_student.py; Sutskever et al. 2013.

    Example:
        >>> from keras_kd import SGD
        >>> SGD(learning_rate=0.05, momentum=0.9, l2=5e-4).l2
        0.0005
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, l2=0.0, nesterov=False, name="SGD", **options):
        super().__init__(learning_rate=learning_rate, name=name, **options)
        self.momentum, self.l2, self.nesterov = float(momentum), float(l2), bool(nesterov)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity") if self.momentum else []

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if self.l2:
            gradient = ops.add(gradient, ops.multiply(self.l2, variable))
        if self.momentum:
            velocity = self.velocities[self._get_variable_index(variable)]
            moved = ops.add(ops.multiply(self.momentum, velocity), gradient)
            self.assign(velocity, moved)
            gradient = ops.add(gradient, ops.multiply(self.momentum, moved)) if self.nesterov else moved
        self.assign_sub(variable, ops.multiply(learning_rate, gradient))

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "l2": self.l2, "nesterov": self.nesterov}
