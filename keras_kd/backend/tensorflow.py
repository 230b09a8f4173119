"""Training and inference steps on TensorFlow."""

import ctypes
import functools
import logging

import keras
import tensorflow as tf

from keras_kd.backend.batches_seen import BatchesSeen
from keras_kd.backend.host import run_eagerly, runs_on_host
from keras_kd.backend.keras_private import compiled_metrics
from keras_kd.backend.tensorflow_batch_normalization import fused_batch_normalization
from keras_kd.utils.errors import UserError

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

# A function is traced once for batches of any size.
COMPILES_BY_SHAPE = False


class TrainingStep:
    """One training step: what the batch lacks is joined to it outside the gradient, then Keras's own step runs."""

    def train_step(self, data):
        data = self.join(data)
        with fused_batch_normalization(self._trained):
            return super().train_step(data)

    def make_train_function(self, force=False):
        """As Keras's own, but a single step takes its batch in Python and not in a graph around the step.

        That graph would be made, inlined and optimised as well, before the first step of a deep network.
        """
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        keras_own, self.seen = self.train_function, BatchesSeen()

        def train(iterator):
            if self.steps_per_execution == 1 and isinstance(iterator, tf.data.Iterator):
                self.seen.batches = [next(iterator)]
                return keras_own(self.seen.batches)
            return keras_own(iterator)

        self.train_function = train

    def prepare(self, labels):
        """Makes the variables of the optimizer and of the metrics: a step that makes its own is traced twice.

        Args:
            labels: `KerasTensor` of a batch of them; None where their shape is not known, and metrics are made later.
        """
        metrics = compiled_metrics(self)
        with self.distribute_strategy.scope():
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)
            if labels is not None and metrics is not None and not metrics.built:
                metrics.build(labels, keras.KerasTensor((None, self.classes)))


class RoundStep:
    """A round of training steps: what comes before them is done, then each batch that it leaves has its own."""

    def train_step(self, data):
        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise UserError(
                f"{type(self).__name__}: found {self.distribute_strategy.num_replicas_in_sync} replicas; expected one, "
                "as each would teach the teacher by itself; fit outside of the strategy's scope"
            )
        logs = {}
        for batch in self.before_steps(data):
            logs = super().train_step(batch)
        return logs


def inference(network):
    """The network in inference mode as a compiled function of a batch, traced once for batches of any size."""
    if runs_on_host(network):
        return run_eagerly(network)
    traced = {}

    def call(batch):
        batch = _tensors(batch)
        if not traced:
            of_any_size = tf.nest.map_structure(lambda one: tf.TensorSpec((None, *one.shape[1:]), one.dtype), batch)
            run = tf.function(lambda batch: network(batch, training=False))
            traced["run"] = run.get_concrete_function(of_any_size)
        return traced["run"](batch)

    return call


def input_gradient(function, images):
    """The gradient of the sum of function(images) with respect to images."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(function(images))
    return tape.gradient(value, images)


def only_if(wanted, function, otherwise):
    """What a function gives, which is computed only if it is wanted; else a tensor like it.

    Args:
        wanted: a bool tensor ().
        function: of nothing; it changes no variable.
        otherwise: a tensor.
    """
    return tf.cond(wanted, function, lambda: otherwise)


def network_gradient(network, function):
    """A function of (changing, *others), tensors all, traced once for each shape.

    `function` of the same gives (values, more): the gradient of the values' sum to `changing` and `more` are returned.
    It runs the network; another backend must know which.
    """

    @tf.function
    def run(changing, others):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(changing)
            values, more = function(changing, *others)
            total = tf.reduce_sum(values)
        return tape.gradient(total, changing, unconnected_gradients=tf.UnconnectedGradients.ZERO), more

    return lambda changing, *others: run(tf.convert_to_tensor(changing), _tensors(others))


def compiled(function):
    """The function itself: what it does is not compiled operation by operation, so to trace it costs more."""
    return function


def value_and_gradients(function):
    """Of a scalar function of (changing, others): its value and its gradients to `changing`, a structure of tensors."""

    def run(changing, others):
        changing, others = tf.nest.map_structure(tf.convert_to_tensor, changing), _tensors(others)
        with tf.GradientTape() as tape:
            tape.watch(changing)
            value = function(changing, others)
        return value, tape.gradient(value, changing, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return run


def _tensors(structure):
    return tf.nest.map_structure(lambda one: one if one is None else tf.convert_to_tensor(one), structure)


@functools.cache
def keep_memory():
    """Lets the process keep the memory that a step frees, for the next step.

    With its first generator of data TensorFlow 2.21 tells the allocator to give back everything above 128 kB. A step on
    a CPU then asks for all of its memory anew: 80,000 page faults a step of a ResNet-20, twice its computation.
    """
    tuned = getattr(ctypes.CDLL(None), "mallopt", None)
    if tuned is None:
        return
    # TensorFlow does so once in a process: it must have done it before.
    list(tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32)))
    tuned(M_TRIM_THRESHOLD, 2**30)
    tuned(M_MMAP_THRESHOLD, 2**30)


def momentum_step(variable, velocity, gradient, learning_rate, momentum, nesterov):
    """velocity = momentum * velocity + gradient; variable = variable - learning_rate * velocity, or as in `SGD`.

    One operation a variable and not nine: the graph of a deep network is made and optimised sooner.
    """
    variable, velocity = (one.value if isinstance(one, keras.Variable) else one for one in (variable, velocity))
    tf.raw_ops.ResourceApplyMomentum(
        var=variable.handle,
        accum=velocity.handle,
        lr=learning_rate,
        grad=gradient,
        momentum=tf.cast(momentum, gradient.dtype),
        use_nesterov=nesterov,
    )


def jit_compile():
    """XLA is worth its compilation on an accelerator; on a CPU it makes convolutions slower."""
    return bool(tf.config.list_logical_devices("GPU"))


def steps_per_execution():
    """A step is one call with few arguments: the networks' variables are bound to it."""
    return 1


def make_deterministic():
    """Asks for bit-equal results from every operation."""
    tf.config.experimental.enable_op_determinism()


def no_tracing_notes():
    """Holds back TensorFlow's note that one function is traced often: here each network has one of its own."""
    logger = logging.getLogger("tensorflow")
    logger.addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())


def set_seed(seed):
    """Seeds Python, NumPy, Keras and TensorFlow."""
    keras.utils.set_random_seed(seed)


def device():
    """What the computation runs on, in words."""
    accelerators = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(one).get("device_name", "GPU") for one in accelerators]
    return ", ".join(names) or "CPU"


def cpu_kernels():
    """Whose kernels compute on a CPU: TensorFlow decides it at its import."""
    try:
        from tensorflow.python.util import _pywrap_util_port as built
    except ImportError:
        return "unknown"
    return "oneDNN" if built.IsMklEnabled() else "Eigen"


def version():
    """(name, version) of the backend."""
    return "tensorflow", tf.__version__
