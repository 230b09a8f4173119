"""What the laws of methods are tried on: networks, signals and labels drawn from a seed."""

import functools
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.methods import METHODS, Method
from keras_kd.methods.adapters import build_adapters
from keras_kd.models.taps import LOGITS, find_layer
from keras_kd.utils.errors import UserError

IMAGE = (8, 8, 3)
EXAMPLES = 50  # of the training set that "index" points into


@dataclass(frozen=True)
class Sizes:
    """How large a situation is: its batch, its classes, its student compared with its teacher, its number of peers."""

    batch: int
    classes: int
    student: str  # "equal" to its teacher, "narrow": of fewer channels, "small": maps of half the size, or both
    peers: int = 1


EQUAL = Sizes(6, 7, "equal")
BOTH = Sizes(5, 3, "narrow and small", peers=2)
# Where a method refuses both at once, each by itself.
EITHER = (Sizes(5, 3, "narrow", peers=2), Sizes(4, 5, "small"))


@dataclass
class Situation:
    """A method among networks: the shapes of what it reads, its adapters, and random signals."""

    method: Method
    sizes: Sizes
    networks: dict
    specs: dict
    adapters: dict
    taps: dict
    shapes: dict  # of the layers that are not ours
    _losses: list = field(default_factory=list, repr=False)  # (method, its compiled loss)

    def __str__(self):
        return f"batch {self.sizes.batch}, {self.sizes.classes} classes, student {self.sizes.student}"

    def signals(self, seed=0, batch=None, size=1.0):
        """Random float32 signals of every role: logits about 3, features above 0 as after a ReLU."""
        generator = np.random.default_rng(seed)
        batch = batch or self.sizes.batch
        signals = {}
        for role, taps in self.taps.items():
            signals[role] = {}
            for tap in taps:
                values = generator.normal(size=(batch, *self.specs[role][tap].shape[1:]))
                values = 3 * values if len(values.shape) == 2 and tap != "pooled" else np.abs(values)
                signals[role][tap] = (size * values).astype("float32")
        if "index" in self.method.taps("data"):
            signals["data"] = {"index": generator.permutation(EXAMPLES)[:batch].astype("int32")}
        if "images" in self.method.taps("data"):
            images = generator.uniform(0, 1, (batch, *IMAGE)).astype("float32")
            signals.setdefault("data", {})["images"] = images
        if overrides(self.method, "extra_images"):
            for role in ("student", "teacher"):
                values = generator.normal(size=(batch, self.sizes.classes))
                signals[role]["extra"] = (3 * size * values).astype("float32")
            signals.setdefault("data", {})["extra_weight"] = generator.uniform(0.5, 1, batch).astype("float32")
        return signals

    def labels(self, batch=None):
        """Whole-number labels."""
        return (np.arange(batch or self.sizes.batch) * 2 % self.sizes.classes).astype("int32")

    def loss(self, signals, labels, method=None):
        """The loss as a NumPy array; nothing of the adapters' state is changed."""
        values = [variable.value for variable in self._state]
        return ops.convert_to_numpy(self._loss_of(method or self.method)(values, tensors_of(signals), labels))

    def _loss_of(self, method):
        for known, loss in self._losses:
            if known is method:
                return loss

        def run(values, signals, labels):
            with keras.StatelessScope(state_mapping=list(zip(self._state, values, strict=True))):
                return method.loss(signals, labels, self.adapters)

        self._losses.append((method, backend.compiled(run)))
        return self._losses[-1][1]

    @property
    def _state(self):
        return [variable for layer in self.adapters.values() for variable in layer.variables]

    def weights(self):
        """The values of the trainable weights of the adapters."""
        return [ops.convert_to_numpy(variable) for variable in self._variables]

    @property
    def _variables(self):
        return [variable for layer in self.adapters.values() for variable in layer.trainable_variables]

    @functools.cached_property
    def _mean_and_gradients(self):
        def mean(changing, others):
            student, weights = changing
            signals, labels = others
            with keras.StatelessScope(state_mapping=list(zip(self._variables, weights, strict=True))):
                return ops.mean(self.method.loss({**signals, "student": student}, labels, self.adapters))

        return backend.value_and_gradients(mean)

    def value_and_gradients(self, signals, labels, student, weights):
        """The mean loss, its gradients to the student's signals {tap: array}, those to the adapters' weights."""
        others = {role: given for role, given in signals.items() if role != "student"}
        value, gradients = self._mean_and_gradients((student, weights), (others, labels))
        return float(value), *keras.tree.map_structure(ops.convert_to_numpy, gradients)


def situations_of(method, shapes=None):
    """The situations that a method's `check` accepts, made with real small networks.

    Args:
        method: a `Method`.
        shapes: as in `check_laws`.

    Raises:
        LawBroken: it accepts none.
        UserError: a layer's shape is not known.

    Example:
        >>> from keras_kd import KD
        >>> [str(situation) for situation in situations_of(KD())][0]
        'batch 6, 7 classes, student equal'
    """
    refusals = []

    def accepted(*tried):
        found = []
        for sizes in tried:
            try:
                found.append(situation_of(method, sizes, shapes or {}))
            except _Refused as refusal:
                refusals.append(str(refusal))
        return found

    found = accepted(EQUAL) + (accepted(BOTH) or accepted(*EITHER))
    if not found:
        raise broken(method, "it accepts a student and a teacher of equal shapes", refusals[0])
    return found


class _Refused(Exception):
    """The method's own check refuses these networks."""


def situation_of(method, sizes, shapes):
    """A `Situation` of a method in sizes; raises `_Refused` where the method refuses them."""
    networks = networks_of(method, sizes, shapes, known_network)
    others = {role: network for role, network in networks.items() if role != "student"}
    networks["student"] = method.student(networks["student"], others)
    specs, taps = {}, {}
    for role, network in networks.items():
        taps[role] = (LOGITS, *(tap for tap in method.taps(_kind(role)) if tap != LOGITS))
        specs[role] = {tap: _spec(role, network, tap) for tap in taps[role]}
    specs["data"] = {"images": keras.KerasTensor((None, *IMAGE)), "examples": EXAMPLES}
    specs["data"]["index"] = keras.KerasTensor((None,), "int32")
    try:
        method.check(specs)
    except UserError as error:
        raise _Refused(str(error)) from error
    return Situation(method, sizes, networks, specs, build_adapters(method, specs, networks), taps, shapes)


def _kind(role):
    return role.split("_")[0]


def networks_of(method, sizes, shapes, make):
    """The networks by role; `make(name, classes, alike)` makes each."""
    roles = [role for role in method.roles if role not in ("student", "peer", "data")]
    roles += [f"peer_{number + 1}" for number in range(sizes.peers)] if "peer" in method.roles else []
    networks = {}
    for role in ("student", *roles):
        alike = sizes.student if _kind(role) == "student" else "equal"
        given = tuple((tap, tuple(shape)) for tap, shape in shapes.get(_kind(role), {}).items())
        networks[role] = make(role, sizes.classes, alike, given, keras.config.dtype_policy().name)
    if method.teacher_made_by:
        networks["teacher"] = METHODS[method.teacher_made_by]().student(networks["teacher"], {})
    return networks


def network_of(name, classes, alike, shapes, policy):
    """A small network with the layers that ours have, and one of each shape that is given."""

    def convolution(filters, strides, layer):
        return keras.layers.Conv2D(
            filters, 3, strides, padding="same", use_bias=False, kernel_initializer=FixedNormal(), name=layer
        )

    widths = (4, 6, 8) if "narrow" in alike else (6, 8, 10)
    image = keras.Input(IMAGE)
    x = convolution(widths[0], 2 if "small" in alike else 1, "stem_conv")(image)
    x = keras.layers.ReLU(name="stem")(x)
    for stage, width in enumerate(widths, 1):
        x = convolution(width, 1 if stage == 1 else 2, f"stage{stage}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"stage{stage}_norm")(x)
        x = keras.layers.ReLU(name=f"stage{stage}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    for tap, shape in shapes:
        x = keras.layers.Dense(int(np.prod(shape)), activation="relu", kernel_initializer=FixedNormal())(x)
        x = keras.layers.Flatten()(keras.layers.Reshape(shape, name=tap)(x))
    logits = keras.layers.Dense(classes, dtype="float32", kernel_initializer=FixedNormal(), name=LOGITS)(x)
    return keras.Model(image, logits, name=name)


@keras.saving.register_keras_serializable(package="keras_kd")
class FixedNormal(keras.initializers.Initializer):
    """Normal initial values drawn by NumPy: backends compile a random initializer anew for every shape."""

    def __call__(self, shape, dtype=None):
        values = np.random.default_rng(sum(shape)).normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        return ops.convert_to_tensor(values.astype("float32"), dtype)


@keras.saving.register_keras_serializable(package="keras_kd")
class ImagesOnly(keras.layers.Layer):
    """The images of a batch that also has the index of each."""

    def call(self, batch):
        return batch["image"] if isinstance(batch, dict) else batch


def _spec(role, network, tap):
    if tap == LOGITS:
        return keras.KerasTensor(network.output.shape)
    try:
        return keras.KerasTensor(find_layer(role, network, tap).output.shape)
    except UserError:
        example = f"shapes={{'{_kind(role)}': {{'{tap}': (4, 4, 8)}}}}"
        raise UserError(
            f"check_laws: the {_kind(role)}'s layer {tap!r} is read and its shape is not known here; give it, such "
            f"as {example}"
        ) from None


def tensors_of(signals):
    """Signals as tensors of the backend."""
    return {role: {tap: ops.convert_to_tensor(x) for tap, x in given.items()} for role, given in signals.items()}


def map_signals(signals, function):
    """The signals with `function(x)` in place of each."""
    return {role: {tap: function(x) for tap, x in given.items()} for role, given in signals.items()}


def map_logits(signals, function):
    """The signals with `function(role, logits)` in place of all logits, those of extra images included."""
    changed = {role: dict(given) for role, given in signals.items()}
    for role, given in signals.items():
        changed[role].update({tap: function(role, given[tap]) for tap in (LOGITS, "extra") if tap in given})
    return changed


class LawBroken(AssertionError):
    """A method breaks a law; says which method, which law, on what, and the figures."""


def broken(method, name, figures):
    """A `LawBroken` that names the method, the law and the figures."""
    return LawBroken(f"{type(method).__name__} breaks the law {name!r}: {figures}")


# Networks that nothing trains serve every method.
known_network = functools.cache(network_of)


def overrides(method, name):
    """Whether a method defines something that `Method` has by default."""
    return getattr(type(method), name) is not getattr(Method, name)
