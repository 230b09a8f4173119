"""The laws that every method obeys, for the tests of whoever writes one.

`check_laws` makes the signals that a method reads, of several shapes, and holds the method to every law of `LAWS`.
"""

import functools
import importlib
import re
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.backend.keras_private import flat_layers
from keras_kd.methods import Method
from keras_kd.methods.adapters import build_glue
from keras_kd.models.symbolic import Probe
from keras_kd.models.taps import LOGITS, Tapped, find_layer
from keras_kd.training.distiller import Distiller
from keras_kd.utils.errors import UserError

IMAGE = (8, 8, 3)
EXAMPLES = 50  # of the training set that "index" points into
VENUE = r"arXiv|NeurIPS|NIPS|ICLR|ICML|CVPR|ICCV|ECCV|AAAI|IJCAI|TMLR|TPAMI|WACV|BMVC|ICPR|Interspeech"


class LawBroken(AssertionError):
    """A method breaks a law; says which method, which law, on what, and the figures."""


@dataclass(frozen=True)
class Sizes:
    """How large a situation is: its batch, its classes, its student beside its teacher, its number of peers."""

    batch: int
    classes: int
    student: str  # "equal", "narrow", "small": as wide as the teacher, fewer channels, maps of half the size
    peers: int = 1


SIZES = (Sizes(6, 7, "equal"), Sizes(5, 3, "narrow", peers=2), Sizes(4, 5, "small"))


def check_laws(method, shapes=None, published=False, laws=None):
    """Holds a method to the laws.

    Args:
        method: a `Method`, or its class: with its defaults.
        shapes: shapes without the batch of the layers it reads, {"student": {"block4": (4, 4, 8)}, ...}. The layers
            stem, stage1, stage2, stage3 (maps) and pooled (a vector) are known.
        published: also asks for the citation that the methods of keras_kd have.
        laws: names of `LAWS`; all by default.

    Raises:
        LawBroken: names the law and the figures.
        UserError: a layer's shape is not known, or no law has such a name.

    Example:
        >>> from keras_kd import KD
        >>> check_laws(KD(temperature=2.0), laws=["the order of the batch does not matter"])
    """
    method = method() if isinstance(method, type) else method
    names = [*LAWS, *(PUBLISHED if published else {})] if laws is None else laws
    for name in names:
        if name not in LAWS and name not in PUBLISHED:
            raise UserError(f"check_laws: no law {name!r}; expected some of: {'; '.join([*LAWS, *PUBLISHED])}")
    situations = situations_of(method, shapes)
    for name in names:
        law = LAWS[name] if name in LAWS else PUBLISHED[name]
        try:
            figures = law(method, situations)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise _broken(method, name, f"it fails with {type(error).__name__}: {reason}") from error
        if figures:
            raise _broken(method, name, figures)


def _broken(method, name, figures):
    return LawBroken(f"{type(method).__name__} breaks the law {name!r}: {figures}")


# The situations in which a method is tried.


@dataclass
class Situation:
    """A method among networks: the shapes of what it reads, its glue, and random signals."""

    method: Method
    sizes: Sizes
    networks: dict
    specs: dict
    glue: dict
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
        if _overrides(self.method, "extra_images"):
            for role in ("student", "teacher"):
                values = generator.normal(size=(batch, self.sizes.classes))
                signals[role]["extra"] = (3 * size * values).astype("float32")
            signals.setdefault("data", {})["extra_weight"] = generator.uniform(0.5, 1, batch).astype("float32")
        return signals

    def labels(self, batch=None):
        """Whole-number labels."""
        return (np.arange(batch or self.sizes.batch) * 2 % self.sizes.classes).astype("int32")

    def loss(self, signals, labels, method=None):
        """The loss as a NumPy array; nothing of the glue's state is changed."""
        values = [variable.value for variable in self._state]
        return ops.convert_to_numpy(self._loss_of(method or self.method)(values, _tensors(signals), labels))

    def _loss_of(self, method):
        for known, loss in self._losses:
            if known is method:
                return loss

        def run(values, signals, labels):
            with keras.StatelessScope(state_mapping=list(zip(self._state, values, strict=True))):
                return method.loss(signals, labels, self.glue)

        self._losses.append((method, backend.compiled(run)))
        return self._losses[-1][1]

    @property
    def _state(self):
        return [variable for layer in self.glue.values() for variable in layer.variables]

    def weights(self):
        """The values of the trainable weights of the glue."""
        return [ops.convert_to_numpy(variable) for variable in self._variables]

    @property
    def _variables(self):
        return [variable for layer in self.glue.values() for variable in layer.trainable_variables]

    @functools.cached_property
    def _mean_and_gradients(self):
        def mean(changing, others):
            student, weights = changing
            signals, labels = others
            with keras.StatelessScope(state_mapping=list(zip(self._variables, weights, strict=True))):
                return ops.mean(self.method.loss({**signals, "student": student}, labels, self.glue))

        return backend.value_and_gradients(mean)

    def value_and_gradients(self, signals, labels, student, weights):
        """The mean loss, its gradients to the student's signals {tap: array}, those to the glue's weights."""
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
    found, refusals = [], []
    for sizes in SIZES:
        try:
            found.append(_situation(method, sizes, shapes or {}))
        except _Refused as refusal:
            refusals.append(str(refusal))
    if not found:
        raise _broken(method, "it accepts a student and a teacher of equal shapes", refusals[0])
    return found


class _Refused(Exception):
    """The method's own check refuses these networks."""


def _situation(method, sizes, shapes):
    networks = _networks(method, sizes, shapes, _known_network)
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
    return Situation(method, sizes, networks, specs, build_glue(method, specs, networks), taps, shapes)


def _kind(role):
    return role.split("_")[0]


def _networks(method, sizes, shapes, make):
    roles = [role for role in method.roles if role not in ("student", "peer", "data")]
    roles += [f"peer_{number + 1}" for number in range(sizes.peers)] if "peer" in method.roles else []
    networks = {}
    for role in ("student", *roles):
        alike = sizes.student if _kind(role) == "student" else "equal"
        given = tuple((tap, tuple(shape)) for tap, shape in shapes.get(_kind(role), {}).items())
        networks[role] = make(role, sizes.classes, alike, given, keras.config.dtype_policy().name)
    return networks


def _network(name, classes, alike, shapes, policy):
    """A small network with the layers that ours have, and one of each shape that is given."""

    def convolution(filters, strides, layer):
        return keras.layers.Conv2D(
            filters, 3, strides, padding="same", use_bias=False, kernel_initializer=Drawn(), name=layer
        )

    widths = (4, 6, 8) if alike == "narrow" else (6, 8, 10)
    image = keras.Input(IMAGE)
    x = convolution(widths[0], 2 if alike == "small" else 1, "stem_conv")(image)
    x = keras.layers.ReLU(name="stem")(x)
    for stage, width in enumerate(widths, 1):
        x = convolution(width, 1 if stage == 1 else 2, f"stage{stage}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"stage{stage}_norm")(x)
        x = keras.layers.ReLU(name=f"stage{stage}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    for tap, shape in shapes:
        x = keras.layers.Dense(int(np.prod(shape)), activation="relu", kernel_initializer=Drawn())(x)
        x = keras.layers.Flatten()(keras.layers.Reshape(shape, name=tap)(x))
    logits = keras.layers.Dense(classes, dtype="float32", kernel_initializer=Drawn(), name=LOGITS)(x)
    return keras.Model(image, logits, name=name)


@keras.saving.register_keras_serializable(package="keras_kd")
class Drawn(keras.initializers.Initializer):
    """Normal initial values drawn by NumPy: backends compile a random initializer anew for every shape."""

    def __call__(self, shape, dtype=None):
        values = np.random.default_rng(sum(shape)).normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        return ops.convert_to_tensor(values.astype("float32"), dtype)


@keras.saving.register_keras_serializable(package="keras_kd")
class Shown(keras.layers.Layer):
    """The images of a batch that also has the index of each."""

    def call(self, batch):
        return batch["image"] if isinstance(batch, dict) else batch


# Networks that nothing trains serve every method.
_known_network = functools.cache(_network)


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


def _overrides(method, name):
    return getattr(type(method), name) is not getattr(Method, name)


def _tensors(signals):
    return {role: {tap: ops.convert_to_tensor(x) for tap, x in given.items()} for role, given in signals.items()}


def _map(signals, function):
    return {role: {tap: function(x) for tap, x in given.items()} for role, given in signals.items()}


def _map_logits(signals, function):
    """The signals with `function(role, logits)` in place of all logits, those of extra images included."""
    changed = {role: dict(given) for role, given in signals.items()}
    for role, given in signals.items():
        changed[role].update({tap: function(role, given[tap]) for tap in (LOGITS, "extra") if tap in given})
    return changed


def _differ(one, other, scale=1.0, tolerance=1e-4):
    """Whether two losses differ by more than rounding does."""
    return not np.allclose(one, other, rtol=tolerance, atol=1e-2 * tolerance * scale)


def _show(values):
    return np.array2string(np.asarray(values), precision=6, threshold=6)


# The laws. Each returns None, or the figures that break it.


def it_gives_one_float32_value_an_example_or_one_for_the_batch(method, situations):
    """Also for a batch whose size is not known yet, as in a compiled step."""
    for situation in situations:
        batch = situation.sizes.batch
        loss = situation.loss(situation.signals(), situation.labels())
        if loss.dtype != "float32" or loss.shape not in ((), (batch,)):
            return f"{loss.dtype} of shape {loss.shape} ({situation}); expected float32 of ({batch},) or ()"
        signals = situation.signals()
        unknown = _map(signals, lambda x: keras.KerasTensor((None, *x.shape[1:]), str(x.dtype)))
        probe = Probe(lambda both, situation=situation: method.loss(both[0], both[1], situation.glue))
        symbolic = probe((unknown, keras.KerasTensor((None,), "int32")))
        if len(symbolic.shape) != len(loss.shape) or any(symbolic.shape):
            return f"shape {symbolic.shape} for a batch of unknown size ({situation}); expected (None,) or ()"


def it_is_float32_whatever_the_precision_of_the_networks(method, situations):
    """Networks in bfloat16 give a float32 loss, glue included."""
    sizes, images = situations[0].sizes, np.random.default_rng(0).uniform(0, 1, (4, *IMAGE)).astype("float32")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        situation = _situation(method, sizes, situations[0].shapes)
        signals = situation.signals(batch=len(images))
        for role, network in situation.networks.items():
            signals[role].update(Tapped(role, network, situation.taps[role], True).run(images, training=False)[1])
        loss = situation.loss(signals, situation.labels(len(images)))
    finally:
        keras.config.set_dtype_policy(before)
    if loss.dtype != "float32" or not np.isfinite(loss).all():
        return f"{loss.dtype} {_show(loss)} of bfloat16 networks; expected finite float32"


def it_is_least_where_the_student_matches(method, situations):
    """Zero there, where `zero_when_matched`; and nowhere near is it less."""
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        others = {role: given for role, given in _tensors(signals).items() if role != "student"}
        matched = method.matched(others, labels)
        if matched is None:
            continue
        absent = [tap for tap in signals["student"] if tap not in matched]
        if absent:
            return f"`matched` gives no {', '.join(absent)}, which the student gives"
        matched = {tap: ops.convert_to_numpy(matched[tap]) for tap in signals["student"]}
        if any(matched[tap].shape != x.shape for tap, x in signals["student"].items()):
            continue
        least = np.mean(situation.loss({**signals, "student": matched}, labels))
        generator, around = np.random.default_rng(1), []
        for size in (0.03, 0.3, 1.0, 3.0) * 3:
            moved = {tap: x + size * generator.normal(size=x.shape).astype("float32") for tap, x in matched.items()}
            around.append(np.mean(situation.loss({**signals, "student": moved}, labels)))
        scale = max(map(abs, around))
        if scale < 1e-12:
            return f"{scale:.3g} wherever the student is ({situation}); expected a loss that depends on it"
        if method.zero_when_matched and abs(least) > 1e-4 * scale:
            return f"{least:.6g} at `matched`, {scale:.6g} away from it ({situation}); expected 0"
        if min(around) < least - 1e-4 * scale:
            return f"{least:.6g} at `matched`, {min(around):.6g} beside it ({situation}); expected no less"


def its_gradient_leads_down(method, situations):
    """A few steps down the gradient of the student's signals, and of the glue where the minimum depends on it."""
    situation = situations[-1]
    signals, labels = situation.signals(seed=2), situation.labels()
    others = {role: given for role, given in signals.items() if role != "student"}
    with_glue = method.matched(_tensors(others), labels) is None
    student, weights = signals["student"], situation.weights()
    first, *gradients = situation.value_and_gradients(signals, labels, student, weights)
    value, rate, steps = first, 0.1, 0
    while not value < first - 1e-3 * abs(first):
        if steps == 12:
            return f"{first:.6g} before, {value:.6g} after {steps} steps ({situation}); expected a fall"
        moved = {tap: _step(x, gradients[0][tap], rate) for tap, x in student.items()}
        rates = [rate if with_glue else 0.0] * len(weights)
        moved_weights = list(map(_step, weights, gradients[1], rates))
        trial, *at_trial = situation.value_and_gradients(signals, labels, moved, moved_weights)
        if trial < value:
            student, weights, value, gradients, rate = moved, moved_weights, trial, at_trial, 1.5 * rate
        else:
            rate /= 4
        steps += 1


def _step(x, gradient, rate):
    norm = np.linalg.norm(gradient)
    return (x - rate * np.linalg.norm(x) / norm * gradient).astype("float32") if norm > 0 else x


def its_teacher_never_changes(method, situations):
    """Not in a real training step either."""
    sizes = situations[0].sizes
    networks = _networks(method, sizes, situations[0].shapes, _network)
    if "teacher" not in networks or "peer" in method.roles:
        return None
    teacher = networks["teacher"]
    before = [ops.convert_to_numpy(variable).copy() for variable in teacher.variables]
    distiller = Distiller(networks["student"], teacher, terms=[method], views=Shown(), examples=EXAMPLES)
    theirs = {id(variable) for variable in teacher.variables}
    taught = [variable.path for variable in distiller.trainable_variables if id(variable) in theirs]
    if taught:
        return f"{', '.join(taught)} of the teacher would be trained"
    images = np.random.default_rng(0).uniform(0, 1, (sizes.batch, *IMAGE)).astype("float32")
    distiller.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True, jit_compile=False)
    batch = {"image": images, "index": np.arange(len(images), dtype="int32")}
    distiller.fit(batch, np.arange(len(images)) % sizes.classes, batch_size=sizes.batch, verbose=0)
    for old, variable in zip(before, teacher.variables, strict=True):
        moved = np.abs(ops.convert_to_numpy(variable) - old).max(initial=0)
        if moved > 0:
            return f"{variable.path} of the teacher moved by {moved:.3g} in a training step"


def the_order_of_the_batch_does_not_matter(method, situations):
    """Save where `order_matters`."""
    if method.order_matters:
        return None
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        order = np.random.default_rng(3).permutation(len(labels))[::-1]
        straight = situation.loss(signals, labels)
        turned = situation.loss(_map(signals, lambda x, order=order: x[order]), labels[order])
        expected = straight[order] if straight.shape else straight
        if _differ(turned, expected, np.abs(straight).max()):
            return f"{_show(turned)} in another order, {_show(expected)} before ({situation})"


def it_is_finite_whatever_the_signals(method, situations):
    """Value and gradients: at 1e4, at zero, where all are equal, for one example alone."""
    for situation in situations:
        signals = situation.signals(seed=4)

        def of(change, signals=signals):
            changed = {role: {tap: change(x) for tap, x in given.items()} for role, given in signals.items()}
            return {**changed, **({"data": signals["data"]} if "data" in signals else {})}

        tried = {
            "signals of 1e4": of(lambda x: (1e4 * np.sign(x)).astype("float32")),
            "signals up to 1e4": of(lambda x: (1e4 / np.abs(x).max() * x).astype("float32")),
            "signals of zero": of(np.zeros_like),
            "equal examples": of(lambda x: np.repeat(x[:1], len(x), axis=0)),
            "one example": _map(signals, lambda x: x[:1]),
        }
        shapes = {tap: x.shape for tap, x in signals["student"].items()}
        if "teacher" in signals and shapes == {tap: x.shape for tap, x in signals["teacher"].items()}:
            tried["a student equal to its teacher"] = {**signals, "student": signals["teacher"]}
        if situation is not situations[0]:
            tried = {"signals of 1e4": tried["signals of 1e4"]}
        for name, given in tried.items():
            labels = situation.labels(len(given["student"][LOGITS]))
            value, *gradients = situation.value_and_gradients(given, labels, given["student"], situation.weights())
            if not np.isfinite(value):
                return f"the loss is {value} for {name} ({situation}); expected a finite one"
            for tap, gradient in gradients[0].items():
                if not np.isfinite(gradient).all():
                    return f"the gradient to the student's {tap} is not finite for {name} ({situation})"
            if not all(np.isfinite(gradient).all() for gradient in gradients[1]):
                return f"the gradient to the glue is not finite for {name} ({situation})"


def the_loss_of_an_example_is_its_own(method, situations):
    """One value an example means that no other example changes it, but through the batch statistics of glue."""
    if method.order_matters:
        return None
    for situation in situations:
        if any(isinstance(layer, keras.layers.BatchNormalization) for layer in _layers(situation.glue)):
            continue
        signals, labels = situation.signals(), situation.labels()
        loss = situation.loss(signals, labels)
        for one in range(len(loss) if loss.shape else 0):
            alone = situation.loss(_map(signals, lambda x, one=one: x[one : one + 1]), labels[one : one + 1])
            if _differ(alone[0], loss[one], np.abs(loss).max()):
                return f"{loss[one]:.6g} in a batch, {alone[0]:.6g} alone ({situation}); a loss of the batch is ()"


def _layers(glue):
    return [inner for layer in glue.values() for inner in flat_layers(layer)]


def labels_are_read_only_where_it_says_so(method, situations):
    """Without `needs_labels` the loss is the same with none."""
    if method.needs_labels:
        return None
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        given, without = situation.loss(signals, labels), situation.loss(signals, None)
        if _differ(given, without):
            return f"{_show(given)} with labels, {_show(without)} without ({situation}); expected needs_labels = True"


def a_constant_added_to_the_logits_changes_nothing(method, situations):
    """Softmax does not see it; for methods that read no layer, save where `shift_invariant` is False."""
    if _reads_layers(method) or not method.shift_invariant:
        return None
    shifts = {"student": 7.0, "teacher": -3.0}
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        straight = situation.loss(signals, labels)
        moved = _map_logits(signals, lambda role, logits: logits + np.float32(shifts.get(role, 5.0)))
        shifted = situation.loss(moved, labels)
        if _differ(shifted, straight, np.abs(straight).max(), 1e-3):
            return f"{_show(shifted)} shifted, {_show(straight)} before ({situation})"


def a_class_that_no_network_believes_in_adds_nothing(method, situations):
    """The classes are summed over, not averaged: the size of a loss does not hang on their number."""
    if _reads_layers(method) or not method.sums_over_classes:
        return None
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        straight = situation.loss(signals, labels)
        more = _map_logits(signals, lambda role, x: np.concatenate([x, np.full_like(x[:, :1], -1e4)], axis=1))
        with_more = situation.loss(more, labels)
        if _differ(with_more, straight, np.abs(straight).max(), 1e-3):
            return f"{_show(with_more)} with one more, {_show(straight)} before ({situation}); sum over the classes"


def _reads_layers(method):
    return any(method.taps(role) for role in ("student", "teacher", "peer"))


def a_field_may_be_a_tensor(method, situations):
    """A scheduled number arrives as one, in a compiled step without a value."""
    numbers = [name for name in type(method).model_fields if type(getattr(method, name)) is float]
    situation = situations[0]
    signals, labels = situation.signals(), situation.labels()
    straight = situation.loss(signals, labels)
    for name in numbers:
        scheduled = method.model_copy(update={name: ops.convert_to_tensor(getattr(method, name), "float32")})
        loss = situation.loss(signals, labels, scheduled)
        if loss.dtype != straight.dtype or loss.shape != straight.shape or _differ(loss, straight):
            return f"{_show(loss)} with {name} as a tensor, {_show(straight)} as a number ({situation})"
        unknown = _map(signals, lambda x: keras.KerasTensor((None, *x.shape[1:]), str(x.dtype)))

        def run(given, name=name):
            return method.model_copy(update={name: given[2]}).loss(given[0], given[1], situation.glue)

        Probe(run)((unknown, keras.KerasTensor((None,), "int32"), keras.KerasTensor((), "float32")))


def its_glue_learns_where_it_says_so(method, situations):
    """`glue_learns` is what tables show."""
    learns = any(situation.weights() for situation in situations)
    if learns != method.glue_learns:
        return f"trainable weights: {'some' if learns else 'none'}; glue_learns is {method.glue_learns}"


def its_saved_settings_read_back_equal(method, situations):
    """A resolved recipe is the method again."""
    kind = type(method)
    for name, read in (
        ("the dict", kind(**method.model_dump(mode="json"))),
        ("the JSON", kind.model_validate_json(method.model_dump_json())),
    ):
        if read != method:
            return f"{name} reads back as {read!r}, was {method!r}"


def its_settings_are_frozen_and_others_refused(method, situations):
    """As a recipe needs them to be."""
    kind = type(method)
    for name in (*kind.model_fields, "no_such_field"):
        try:
            setattr(method, name, None)
        except ValueError:
            continue
        return f"{name} can be set on it; keep frozen=True of `Method`"
    try:
        kind(no_such_field=1)
    except ValueError:
        return None
    return "a setting that it does not have is taken without a word; keep extra='forbid' of `Method`"


def its_paper_is_cited(method, situations):
    """By its module's docstring, and by the class attributes that tables and `keras-kd cite` show."""
    kind = type(method)
    if not re.search(VENUE, importlib.import_module(kind.__module__).__doc__ or ""):
        return f"the docstring of {kind.__module__} names no arXiv number and no venue"
    empty = [name for name in ("paper", "cites", "numbers_from") if not getattr(kind, name)]
    return f"{', '.join(empty)} of {kind.__name__}: not set" if empty else None


def _named(*laws):
    return {law.__name__.replace("_", " "): law for law in laws}


LAWS = _named(
    it_gives_one_float32_value_an_example_or_one_for_the_batch,
    it_is_float32_whatever_the_precision_of_the_networks,
    it_is_least_where_the_student_matches,
    its_gradient_leads_down,
    its_teacher_never_changes,
    the_order_of_the_batch_does_not_matter,
    it_is_finite_whatever_the_signals,
    the_loss_of_an_example_is_its_own,
    labels_are_read_only_where_it_says_so,
    a_constant_added_to_the_logits_changes_nothing,
    a_class_that_no_network_believes_in_adds_nothing,
    a_field_may_be_a_tensor,
    its_glue_learns_where_it_says_so,
    its_saved_settings_read_back_equal,
    its_settings_are_frozen_and_others_refused,
)
PUBLISHED = _named(its_paper_is_cited)
