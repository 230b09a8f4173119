"""Training and inference steps on JAX."""

import itertools
import os
import random

import jax
import keras
import numpy as np

from keras_kd.backend.batches_seen import BatchesSeen
from keras_kd.backend.host import run_eagerly, runs_on_host

# Each size of a batch is compiled for itself.
COMPILES_BY_SHAPE = True


class TrainingStep:
    """One training step: what the batch lacks is joined to it outside the gradient, then Keras's own step runs."""

    def train_step(self, state, data):
        data, state = _within(self, state, lambda: self.join(data))
        return super().train_step(state, data)

    def prepare(self, labels):
        """Nothing: Keras makes the variables of optimizer and metrics before it compiles the step."""

    def make_train_function(self, force=False):
        """As Keras's own, but several steps an execution are one compiled call and not a loop in Python."""
        if self.train_function is not None and not force:
            return
        compiled = self.jit_compile and not self.run_eagerly and keras.distribution.distribution() is None
        if self.steps_per_execution == 1 or not compiled:
            super().make_train_function(force)
        else:
            self.train_function = _several_steps(self.train_step, self.steps_per_execution)
        own, self.seen = self.train_function, BatchesSeen()
        self.train_function = lambda state, batches: own(state, self.seen.through(batches, self.steps_per_execution))


class RoundStep:
    """A round of training steps: what comes before them is done, then each batch that it leaves has its own."""

    def train_step(self, state, data):
        batches, state = _within(self, state, lambda: self.before_steps(data))
        logs = {}
        for batch in batches:
            logs, state = super().train_step(state, batch)
        return logs, state


def _within(model, state, function):
    """(what a function of nothing gives within a step's state, the state as the function leaves it).

    Networks and arrays must be read from the state: what is reached otherwise is baked in as a constant. What the
    function assigns (seeds of random numbers, a teacher that is taught) is the state from there on.
    """
    trainable, non_trainable, optimizer, metrics = state
    variables = [*model.trainable_variables, *model.non_trainable_variables, *model.metrics_variables]
    values = [*trainable, *non_trainable, *metrics]
    with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))) as scope:
        found = function()
    non_trainable, metrics = (
        [scope.get_current_value(one) for one in group]
        for group in (model.non_trainable_variables, model.metrics_variables)
    )
    return found, (trainable, non_trainable, optimizer, metrics)


def _several_steps(train_step, count):
    """A function of (state, iterator of batches) that takes up to `count` steps and returns (logs, state).

    Batches of one shape that follow each other are one compiled call: a small student on a fast device would else wait
    for Python, which hands over hundreds of arrays per step.
    """
    one = jax.jit(train_step, donate_argnums=0)

    def scanned(state, batches):
        def step(state, batch):
            logs, changed = train_step(state, batch)
            return jax.tree.map(_as_before, changed, state), logs

        state, logs = jax.lax.scan(step, state, jax.tree.map(lambda *parts: jax.numpy.stack(parts), *batches))
        return jax.tree.map(lambda values: values[-1], logs), state

    several = jax.jit(scanned, donate_argnums=0)

    def train(state, iterator):
        # With no batch left StopIteration ends the epoch, as in Keras.
        batches = [next(iterator), *itertools.islice(iterator, count - 1)]
        for _, alike in itertools.groupby(batches, _shapes):
            alike = list(alike)
            logs, state = several(state, alike) if len(alike) > 1 else one(state, alike[0])
        return logs, state

    return train


def _shapes(batch):
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(batch)]


def _as_before(changed, before):
    """A loop's state keeps its type, also where a step would make a weak one of it."""
    return jax.lax.convert_element_type(changed, before.dtype)


def inference(network):
    """The network in inference mode as a compiled function of a batch."""
    if runs_on_host(network):
        return run_eagerly(network)

    @jax.jit
    def run(trainable, non_trainable, images):
        outputs, _ = network.stateless_call(trainable, non_trainable, images, training=False)
        return outputs

    def call(images):
        trainable = [variable.value for variable in network.trainable_variables]
        non_trainable = [variable.value for variable in network.non_trainable_variables]
        return run(trainable, non_trainable, images)

    return call


def input_gradient(function, images):
    """The gradient of the sum of function(images) with respect to images."""
    return jax.grad(lambda changing: function(changing).sum())(images)


def only_if(wanted, function, otherwise):
    """What a function gives, which is computed only if it is wanted; else a tensor like it.

    On a CPU it is computed in any case: there a convolution in a branch takes ten times as long.

    Args:
        wanted: a bool tensor ().
        function: of nothing; it changes no variable.
        otherwise: a tensor.
    """
    if jax.default_backend() == "cpu":
        return jax.numpy.where(wanted, function(), otherwise)
    return jax.lax.cond(wanted, function, lambda: otherwise)


def network_gradient(network, function):
    """A function of (changing, *others), tensors all, compiled for each shape.

    `function` of the same gives (values, more): the gradient of the values' sum to `changing` and `more` are returned.
    It runs the network, whose variables would else be baked in as constants.
    """
    variables = [*network.trainable_variables, *network.non_trainable_variables]

    @jax.jit
    def run(state, changing, others):
        def total(changing):
            with keras.StatelessScope(state_mapping=list(zip(variables, state, strict=True))):
                values, more = function(changing, *others)
            return values.sum(), more

        return jax.grad(total, has_aux=True)(changing)

    return lambda changing, *others: run([variable.value for variable in variables], changing, others)


def compiled(function):
    """A function of structures of tensors, compiled once for each of their shapes."""
    return jax.jit(function)


def value_and_gradients(function):
    """Of a scalar function of (changing, others): its value and its gradients to `changing`, a structure of tensors."""
    return jax.jit(jax.value_and_grad(function))


def keep_memory():
    """Nothing: JAX keeps the memory that a step frees."""


def momentum_step(variable, velocity, gradient, learning_rate, momentum, nesterov):
    """velocity = momentum * velocity + gradient; variable = variable - learning_rate * velocity, or as in `SGD`."""
    moved = momentum * velocity.value + gradient
    velocity.assign(moved)
    change = gradient + momentum * moved if nesterov else moved
    variable.assign(variable.value - learning_rate * change)


def jit_compile():
    """Without compilation JAX runs one operation at a time."""
    return True


def steps_per_execution():
    """On an accelerator a small student would wait for Python; on a CPU a loop runs convolutions on one core."""
    return 16 if jax.default_backend() != "cpu" else 1


def make_deterministic():
    """Asks for bit-equal results from every operation."""
    flag = "--xla_gpu_deterministic_ops=true"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def no_tracing_notes():
    """Nothing to do: JAX writes no such notes."""


def set_seed(seed):
    """Seeds Python and NumPy, from which Keras draws the seeds of its layers."""
    # keras.utils.set_random_seed would import TensorFlow where it is installed.
    random.seed(seed)
    np.random.seed(seed)


def device():
    """What the computation runs on, in words."""
    devices = jax.devices()
    return "CPU" if devices[0].platform == "cpu" else ", ".join(one.device_kind for one in devices)


def cpu_kernels():
    """Whose kernels compute on a CPU."""
    return "XLA"


def version():
    """(name, version) of the backend."""
    return "jax", jax.__version__
