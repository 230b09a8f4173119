"""The Distiller: a `keras.Model` that trains a student beside its teacher, by any sum of methods."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from pydantic import ValidationError

from keras_kd import backend
from keras_kd.data.epochs import Epochs
from keras_kd.methods import Method
from keras_kd.methods.adapters import build_glue
from keras_kd.methods.find import guarding
from keras_kd.models.outputs import check_from_logits
from keras_kd.models.symbolic import Probe
from keras_kd.models.taps import LOGITS, Tapped
from keras_kd.training.schedules import ByEpoch, at
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import unended


@dataclass(frozen=True)
class Term:
    """A method and its weight in the total loss.

    Args:
        method: a `keras_kd.methods.Method`.
        weight: 0 or more, or a `ByEpoch`; None takes the method's published weight.
        schedules: {field of the method: `ByEpoch`}, for numbers of the method that change over the epochs.

    Example:
        >>> from keras_kd import KD
        >>> Term(KD(temperature=4.0)).weight
        0.9
        >>> Term(KD(), schedules={"temperature": ByEpoch(begin=8.0, end=2.0, over=100)}).at("temperature", epoch=99)
        2.0
    """

    method: Method
    weight: float | ByEpoch | None = None
    schedules: dict = field(default_factory=dict)

    def __post_init__(self):
        name = type(self.method).__name__
        if not isinstance(self.method, Method):
            raise UserError(f"terms: {self.method!r} is no method; give a keras_kd method such as KD(temperature=4.0)")
        if self.weight is None:
            object.__setattr__(self, "weight", self.method.default_weight)
        if not _not_negative(self.weight):
            raise UserError(f"terms: the weight of {name} is {self.weight}; expected 0 or more")
        for changing, schedule in self.schedules.items():
            now = getattr(self.method, changing, None) if changing in type(self.method).model_fields else None
            whole = isinstance(now, int) and not _takes_fractions(self.method, changing)
            if not isinstance(schedule, ByEpoch) or not isinstance(now, int | float) or whole:
                raise UserError(
                    f"terms: schedules of {name}: found {changing}={schedule!r}; expected one of its numbers "
                    "that need not be whole and a ByEpoch, such as temperature=ByEpoch(begin=8.0, end=2.0, over=100)"
                )
            for value in schedule.values():
                try:
                    type(self.method)(**{**self.method.model_dump(), changing: value})
                except ValueError as error:
                    reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
                    raise UserError(f"terms: {changing} of {name} becomes {value}: {reason}") from None

    def at(self, name, epoch):
        """The weight ("weight") or a field of the method in an epoch, counted from 0."""
        if name == "weight":
            return at(self.weight, epoch)
        return at(self.schedules.get(name, getattr(self.method, name)), epoch)


def _takes_fractions(method, name):
    """Whether a field may be a fraction: those that may not (a number of branches) decide shapes."""
    try:
        type(method)(**{**method.model_dump(), name: 0.5})
    except ValidationError as error:
        return not any(one["type"] in ("int_from_float", "int_type", "bool_type") for one in error.errors())
    return True


def _not_negative(value):
    if isinstance(value, ByEpoch):
        return all(one >= 0 for one in value.values())
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


class Joined(NamedTuple):
    """A batch with all that a training step needs of it."""

    images: object
    signals: dict  # of the roles that do not train, and of the data
    extra: dict  # by the term's number: images made in the step, their weight, the teacher's logits


class Distiller(backend.TrainingStep, keras.Model):
    """Trains a student on labels and on what its teacher says. Only the student is trained, saved and exported.

    It is used as any Keras model: `compile`, `fit`, `evaluate`, `predict`, with arrays or a `tf.data.Dataset`, any
    callback, `sample_weight`, `class_weight`, the student's own regularisers, mixed precision. The student runs once a
    step. The teacher runs in inference mode, gets no gradient, and does not run in `evaluate` or `predict`: there the
    Distiller is its student, and `loss` the student's own.

    Args:
        student: a built `keras.Model` from images to (batch, classes).
        teacher: another one; it never changes. None trains the student on labels alone.
        terms: methods, or `Term(method, weight)`; a bare method has its published weight.
        label_weight: weight of the label loss, 0 or more, or a `ByEpoch`.
        from_logits: whether the networks give logits; or {"student": ..., "teacher": ...}. It is checked.
        views: a layer that turns what `fit` is given into images on the device, or None.
        peers: networks that are trained with the student and dropped, for methods such as DML.
        trust: how far the teacher is trusted on each class, (classes,) numbers in 0..1: an example of class y has
            1 - trust[y] of the label loss and trust[y] of every term (Lukasik et al. 2022, arXiv:2106.10494).
        examples: how many training examples there are, for methods that remember each (CRD); `fit` is then given
            {"index": ..., ...} and `views`.
        banked: the teacher does not run: what it says comes with each batch, x["teacher"] = {"logits": ..., layer:
            ...}, from a `keras_kd.Bank`. The teacher is still given, for its shapes, but takes no memory of a step.

    The trained and exported student is `distiller.student`; a method may make it of the one given (SimKD).

    Raises:
        UserError: networks that do not fit each other, the method or `from_logits`; named before any data is read.

    Source:
        Hinton et al. 2015, arXiv:1503.02531, for the sum of a label loss and a distillation loss.

    Example:
        >>> import keras, numpy as np
        >>> from keras_kd import KD, Distiller
        >>> def network(width):
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(width, activation="relu"),
        ...                              keras.layers.Dense(3)])
        >>> distiller = Distiller(network(8), network(32), terms=[KD(temperature=4.0)], label_weight=0.1)
        >>> distiller.compile(optimizer="adam", metrics=["accuracy"])
        >>> x, y = np.random.rand(32, 4).astype("float32"), np.arange(32) % 3
        >>> sorted(distiller.fit(x, y, verbose=0).history)
        ['accuracy', 'kd_loss', 'label_loss', 'loss']
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model | None = None,
        terms: Method | Term | Iterable[Method | Term] = (),
        label_weight: float | ByEpoch = 1.0,
        from_logits: bool | Mapping[str, bool] = True,
        views: keras.layers.Layer | None = None,
        peers: Iterable[keras.Model] = (),
        trust: Sequence[float] | np.ndarray | None = None,
        examples: int | None = None,
        banked: bool = False,
        name: str = "distiller",
    ) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        terms = [terms] if isinstance(terms, Term | Method) else terms
        self.terms = tuple(term if isinstance(term, Term) else Term(term) for term in terms)
        self.label_weight = label_weight
        networks = _networks(student, teacher, peers)
        _check_arguments(networks, self.terms, self.label_weight)
        for term in self.terms:
            with guarding(term.method, "student()"):
                networks["student"] = term.method.student(networks["student"], _without_student(networks))
        self.student, self.views, self.banked = networks["student"], views, banked
        self.teacher = None if banked else teacher
        if banked:
            _check_bankable(teacher, self.terms, views)
        self.peers = [network for role, network in networks.items() if _kind(role) == "peer"]
        asked = from_logits if isinstance(from_logits, dict) else dict.fromkeys(networks, from_logits)
        for role, said in asked.items():
            if role not in ("student", "teacher", *networks) or not isinstance(said, bool):
                raise UserError(
                    f"from_logits: found {from_logits!r}; expected true or false, or one for each of student, teacher"
                )
        self._tapped = {}
        for role, network in networks.items():
            check_from_logits(role, network, asked.get(role, True))
            taps = dict.fromkeys(tap for term in self.terms for tap in _taps(term.method, role))
            self._tapped[role] = Tapped(role, network, taps, asked.get(role, True))
        specs = _specs(self._tapped, examples)
        self.classes = specs["student"][LOGITS].shape[-1]
        if trust is not None and teacher is None:
            raise UserError("trust: there is no teacher to trust; give one, or leave trust out")
        self.trust = _checked_trust(trust, self.classes)
        self.glue = {}
        for number, term in enumerate(self.terms):
            with guarding(term.method, "check()"):
                term.method.check(specs)
            with guarding(term.method, "glue()"):
                layers = build_glue(term.method, specs, networks)
            if layers:
                self.glue[str(number)] = layers
        self._named_terms = _named(self.terms)
        self._schedules = self._make_schedules()
        self._check_losses(specs)
        self._trackers = [keras.metrics.Mean(name=name) for name in ("label_loss", *self._named_terms)]
        self.built = True

    # Numbers that change over the epochs are variables, which a callback sets.

    def _make_schedules(self):
        """{name: (ByEpoch, variable)}; the names are "label_weight" and "<number of the term>.<field>"."""
        named = {"label_weight": self.label_weight}
        for number, term in enumerate(self.terms):
            named[f"{number}.weight"] = term.weight
            named.update({f"{number}.{changing}": schedule for changing, schedule in term.schedules.items()})
        made = {}
        for name, schedule in named.items():
            if isinstance(schedule, ByEpoch):
                variable = self.add_weight(
                    shape=(), dtype="float32", initializer="zeros", trainable=False, autocast=False, name="scheduled"
                )
                variable.assign(schedule.at(0))
                made[name] = schedule, variable
        return made

    def set_epoch(self, epoch):
        """Sets every scheduled number to its value in an epoch, counted from 0; `fit` does it by itself."""
        for schedule, variable in self._schedules.values():
            variable.assign(schedule.at(epoch))

    def _number(self, name, constant):
        """The variable of a scheduled number, or the constant that it is."""
        return ops.convert_to_tensor(self._schedules[name][1]) if name in self._schedules else constant

    def _method(self, number, term):
        """The term's method with its scheduled numbers as they are in this epoch."""
        now = {changing: self._number(f"{number}.{changing}", None) for changing in term.schedules}
        return term.method.model_copy(update=now) if now else term.method

    # What trains, what is saved: the student and the glue; the teacher is only carried.

    @property
    def _trained(self):
        return [self.student, *self.peers, *(layer for layers in self.glue.values() for layer in layers.values())]

    @property
    def trainable_variables(self):
        return [variable for layer in self._trained for variable in layer.trainable_variables]

    @property
    def trainable_weights(self):
        return [variable for layer in self._trained for variable in layer.trainable_weights]

    @property
    def non_trainable_variables(self):
        trained = {id(variable) for variable in self.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in trained]

    @property
    def non_trainable_weights(self):
        trained = {id(variable) for variable in self.trainable_weights}
        return [variable for variable in self.weights if id(variable) not in trained]

    @property
    def losses(self):
        """The regularisation losses of what trains."""
        if self._losses_override:
            return self._losses_override
        return [loss for layer in self._trained for loss in layer.losses]

    def state(self):
        """The variables that training changes, the optimizer's included, in a fixed order."""
        variables = [variable for layer in self._trained for variable in layer.variables]
        return variables + (list(self.optimizer.variables) if self.optimizer else [])

    def save(self, filepath, **options):
        """Saves the student alone, as a plain Keras model that loads without keras_kd."""
        self.student.save(filepath, **options)

    def export(self, filepath, **options):
        """Exports the student alone."""
        return self.student.export(filepath, **options)

    def save_weights(self, filepath, **options):
        """Saves what training changes (student, glue, optimizer) and not the teacher."""
        self._checkpoint().save_weights(filepath, **options)

    def load_weights(self, filepath, **options):
        """Loads what `save_weights` saved."""
        self._checkpoint().load_weights(filepath, **options)

    def _checkpoint(self):
        checkpoint = keras.Model(name="checkpoint")
        checkpoint.student, checkpoint.peers, checkpoint.glue = self.student, self.peers, self.glue
        if self.optimizer is not None:
            checkpoint.training_optimizer = self.optimizer
        checkpoint.built = True
        return checkpoint

    def _check_losses(self, specs):
        """Runs every loss on symbolic tensors, so that what cannot work is found before any data is read."""
        labels = keras.KerasTensor((None,), "int32")
        for number, (name, term) in enumerate(self._named_terms.items()):
            glue, method = self.glue.get(str(number), {}), self._method(number, term)
            read = {role: (LOGITS, *_taps(method, role)) for role in self._tapped if _kind(role) in method.roles}
            signals = {role: {tap: specs[role][tap] for tap in taps} for role, taps in read.items()}
            data = {tap: specs["data"][tap] for tap in _taps(method, "data") if tap in specs["data"]}
            if _makes_images(method):
                for one in signals.values():
                    one["extra"] = keras.KerasTensor((None, one[LOGITS].shape[-1]), "float32")
                data["extra_weight"] = keras.KerasTensor((None,), "float32")
            if data:
                signals["data"] = data
            probe = Probe(lambda both, method=method, glue=glue: method.loss(both[0], both[1], glue))
            try:
                with unended("loss()"):
                    shape = tuple(probe((signals, labels)).shape)
            except Exception as error:
                shapes = ", ".join(
                    f"{role} {tap} {tuple(one.shape)}" for role, taps in signals.items() for tap, one in taps.items()
                )
                reason = _cause(error)
                raise UserError(f"{name.removesuffix('_loss')}: cannot work on {shapes}: {reason}") from error
            if shape not in ((), (None,)):
                raise UserError(
                    f"{name.removesuffix('_loss')}: its loss has shape {shape}; expected (batch,), or () for a loss "
                    "of the whole batch"
                )
            if shape == () and self.trust is not None:
                raise UserError(
                    f"trust: {name.removesuffix('_loss')} has one loss for the whole batch, so it cannot be weighed by "
                    "class; leave it or trust out"
                )

    # The step.

    def compile(self, optimizer="rmsprop", loss=None, metrics=None, jit_compile="auto", **options):
        """As `keras.Model.compile`.

        Args:
            optimizer: a Keras optimizer or its name.
            loss: the label loss: a Keras loss or its name; None is cross-entropy on whole-number or one-hot labels.
            metrics: as in Keras; they see the labels and the student's output.
            jit_compile: True, False or "auto": XLA where it pays (accelerators, JAX).
            **options: `steps_per_execution`, `weighted_metrics`, `run_eagerly`, ... as in Keras.
        """
        if options.get("loss_weights") is not None:
            raise UserError("compile: loss_weights are not used here; set label_weight and the weights of the terms")
        if jit_compile == "auto":
            jit_compile = not options.get("run_eagerly") and backend.jit_compile()
        self._asked_metrics = bool(metrics or options.get("weighted_metrics"))
        self._label_loss = _as_label_loss(loss, self._tapped["student"].from_logits)
        optimizer = keras.optimizers.get(optimizer)
        half = any(layer.compute_dtype == "float16" for layer in self.student._flatten_layers())
        if half and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, jit_compile=jit_compile, **options)

    def fit(self, x=None, y=None, **options):
        """As `keras.Model.fit`; whole-number labels given as an array are checked against the student's classes.

        Raises:
            UserError: a label out of range, which backends let pass or name at length.
        """
        if y is None and isinstance(x, np.ndarray):
            if self.label_weight:
                raise UserError("fit: label_weight is not 0 but no labels were given; give y, or set label_weight=0")
            if self._asked_metrics:
                raise UserError(
                    "fit: metrics were compiled but no labels were given; give y, or compile without metrics"
                )
        labels = np.asarray(y) if isinstance(y, np.ndarray | list | tuple) else None
        if labels is not None and labels.dtype.kind in "iu" and labels.ndim in (1, 2) and labels[:1].size == 1:
            if labels.min() < 0 or labels.max() >= self.classes:
                wrong = labels.min() if labels.min() < 0 else labels.max()
                raise UserError(f"fit: found label {wrong}; expected 0..{self.classes - 1}, the student's classes")
        backend.keep_memory()
        if self.compiled:
            self.prepare(_like_a_batch(x, labels))
        ours = [_SetEpoch(self)] if self._schedules else []
        ours += [_BeginEpoch(x)] if isinstance(x, Epochs) else []
        if ours:
            callbacks = options.pop("callbacks", None)
            if isinstance(callbacks, keras.callbacks.CallbackList):
                for one in ours:
                    callbacks.append(one)
            else:
                callbacks = [*ours, *keras.tree.flatten(callbacks or [])]
            options["callbacks"] = callbacks
        return super().fit(x, y, **options)

    def join(self, data):
        """The batch of a training step: images rendered, the frozen networks' signals beside them."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        images = x if self.views is None else self.views(x)
        signals = {"data": {}}
        if isinstance(x, dict) and "index" in x and self.views is not None:
            signals["data"]["index"] = ops.cast(x["index"], "int32")
        if self.banked:
            signals["teacher"] = {tap: ops.cast(values, "float32") for tap, values in x["teacher"].items()}
        elif self.teacher is not None:
            signals["teacher"] = self._frozen("teacher", images)
        extra = {}
        labels = None if y is None else _whole_number_labels(y)
        for number, term in enumerate(self.terms):
            if _makes_images(term.method):
                made = self._method(number, term).extra_images(
                    images, labels, self._inference, self.glue.get(str(number), {})
                )
                if made is not None:
                    made_images, weight = (ops.stop_gradient(one) for one in made)
                    frozen = self._frozen("teacher", made_images)[LOGITS] if self.teacher is not None else None
                    extra[str(number)] = {"images": made_images, "weight": weight, "teacher": frozen}
        return Joined(images, signals, extra), y, sample_weight

    def _frozen(self, role, images):
        """The signals of a network in inference mode, without a gradient."""
        _, values = self._tapped[role].run(images, training=False)
        return {tap: ops.stop_gradient(value) for tap, value in values.items()}

    def _inference(self, role, images):
        """The logits of a network in inference mode."""
        return self._tapped[role].run(images, training=False)[1][LOGITS]

    def call(self, x, training=None):
        """The student's output; in a training step (output, signals of every role, signals of the extra images)."""
        if not isinstance(x, Joined):
            return self.student(x if self.views is None else self.views(x), training=training)
        output, student = self._tapped["student"].run(x.images, training=training)
        signals = {**x.signals, "student": student}
        for role, tapped in self._tapped.items():
            if _kind(role) == "peer":
                signals[role] = tapped.run(x.images, training=training)[1]
        extra = {}
        for number, made in x.extra.items():
            logits = {"student": self._tapped["student"].run(made["images"], training=training)[1][LOGITS]}
            if made["teacher"] is not None:
                logits["teacher"] = made["teacher"]
            extra[number] = {**{role: {"extra": one} for role, one in logits.items()}, "data": {}}
            extra[number]["data"]["extra_weight"] = made["weight"]
        return output, signals, extra

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of the label loss, the terms and the student's regularisers.

        Outside a training step it is the student's own loss: labels and regularisers.
        """
        if not isinstance(x, Joined):
            labelled = y is not None and y_pred is not None
            return self._total([(1.0, self._label_values(y, y_pred))] if labelled else [], sample_weight)
        output, signals, extra = y_pred
        if y is None and self.label_weight:
            raise UserError("fit: label_weight is not 0 but no labels were given; give y, or set label_weight=0")
        if y is None and self.trust is not None:
            raise UserError("fit: trust depends on the class but no labels were given; give y, or leave trust out")
        labels = None if y is None else _whole_number_labels(y)
        trust = None if self.trust is None else ops.take(ops.convert_to_tensor(self.trust), labels)
        parts = {}
        if y is not None:
            values = self._label_values(y, output)
            values = values if trust is None else (1 - trust) * values
            parts["label_loss"] = (self._number("label_weight", self.label_weight), values)
        for number, (name, term) in enumerate(self._named_terms.items()):
            seen = _merged(signals, extra.get(str(number), {}))
            values = self._method(number, term).loss(seen, labels, self.glue.get(str(number), {}))
            values = values if trust is None else trust * values
            parts[name] = (self._number(f"{number}.weight", term.weight), values)
        batch = ops.shape(signals["student"][LOGITS])[0]
        for tracker in self._trackers:
            if tracker.name in parts:
                values = parts[tracker.name][1]
                tracker.update_state(_weighted_mean(values, sample_weight), sample_weight=batch)
        return self._total(parts.values(), sample_weight)

    def _label_values(self, y, output):
        loss = self._label_loss or _cross_entropy(y, output, self._tapped["student"].from_logits)
        return loss.call(ops.convert_to_tensor(y), ops.cast(output, "float32"))

    def _total(self, parts, sample_weight):
        total = ops.zeros((), "float32")
        for weight, values in parts:
            total = total + weight * BatchMean()(values, values, sample_weight if len(values.shape) else None)
        for loss in self.losses:
            total = total + self._aggregate_additional_loss(loss)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The compiled metrics of the student's output; in a training step each part of the loss as well."""
        if isinstance(x, Joined):
            return super().compute_metrics(x, y, y_pred[0], sample_weight)
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        parts = {tracker.name for tracker in self._trackers}
        return {name: value for name, value in logs.items() if name not in parts}


class _SetEpoch(keras.callbacks.Callback):
    """Sets the scheduled numbers as each epoch begins."""

    def __init__(self, distiller):
        super().__init__()
        self.distiller = distiller

    def on_epoch_begin(self, epoch, logs=None):
        self.distiller.set_epoch(epoch)


class _BeginEpoch(keras.callbacks.Callback):
    """Has the data laid out as each epoch begins."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.begin(epoch)


class BatchMean(keras.losses.Loss):
    """The mean of given values over the batch, scaled as Keras scales losses over replicas."""

    def call(self, y_true, y_pred):
        return y_pred


def _cause(error):
    """What a failed symbolic run says, without what Keras puts around it."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Exception encountered when calling Probe")]
    text = lines[0] if lines and not lines[0].startswith("Arguments received by") else ""
    named = isinstance(error, UserError | ValueError) and text
    return text if named else f"{type(error).__name__}{': ' if text else ''}{text}"


def _kind(role):
    """What a role is to a method: "peer" for "peer_1", "peer_2", ..."""
    return "peer" if role.startswith("peer_") else role


def _taps(method, role):
    if role != "data" and _kind(role) not in method.roles:
        return ()
    with guarding(method, "taps()"):
        return tuple(method.taps(_kind(role)))


def _makes_images(method):
    return type(method).extra_images is not Method.extra_images


def _merged(signals, extra):
    """Signals with those of a term's own extra images."""
    return {role: {**one, **extra.get(role, {})} for role, one in signals.items()} if extra else signals


def _networks(student, teacher, peers):
    networks = {"student": student}
    if teacher is not None:
        networks["teacher"] = teacher
    peers = [peers] if isinstance(peers, keras.Model) else peers
    networks.update({f"peer_{number}": peer for number, peer in enumerate(peers, 1)})
    return networks


def _without_student(networks):
    return {role: network for role, network in networks.items() if role != "student"}


def _check_bankable(teacher, terms, views):
    """A bank can stand in for the teacher."""
    if teacher is None:
        raise UserError("banked: found no teacher; give the one that the bank is of, for its shapes")
    if views is None:
        raise UserError("banked: found no views; a bank is of numbered views: give views=ViewRenderer(...)")
    for term in terms:
        if term.method.live:
            raise UserError(f"banked: {type(term.method).__name__} asks the teacher in the step; leave banked out")


def _checked_trust(trust, classes):
    """The trust in the teacher by class as a float32 array, or None."""
    if trust is None:
        return None
    try:
        found = np.asarray(trust, "float32")
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (classes,) or not ((found >= 0) & (found <= 1)).all():
        raise UserError(
            f"trust: found {np.shape(trust)} {trust!r:.60}; expected {classes} numbers in 0..1, one a class"
        )
    return found


def _named(terms):
    """The terms by the name of their figure in the logs; a method used twice is numbered."""
    named = {}
    for term in terms:
        method = term.method.name
        count = 1 + sum(isinstance(other.method, type(term.method)) for other in named.values())
        named[f"{method}_loss" if count == 1 else f"{method}_{count}_loss"] = term
    return named


def _as_label_loss(loss, from_logits):
    """The label loss as a Keras loss that gives one value an example; None is chosen by the labels' shape."""
    if loss is None:
        return None
    by_name = {
        "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    }
    if loss in by_name:
        return by_name[loss](from_logits=from_logits)
    loss = keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        return FunctionLoss(loss)
    said = getattr(loss, "from_logits", from_logits)
    if isinstance(loss, tuple(by_name.values())) and said != from_logits:
        raise UserError(
            f"compile: {type(loss).__name__}(from_logits={said}), but the student's from_logits is {from_logits}; "
            "give both the same"
        )
    if loss.reduction == "sum":
        raise UserError(
            "compile: the label loss is summed over the batch; the terms are means: use its default reduction"
        )
    return loss


class FunctionLoss(keras.losses.Loss):
    """A loss given as a function of (y_true, y_pred)."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)


def _weighted_mean(values, sample_weight):
    if sample_weight is None or not len(values.shape):
        return ops.mean(values)
    return ops.mean(values * ops.reshape(ops.cast(sample_weight, values.dtype), (-1,)))


def _cross_entropy(y, output, from_logits):
    """Cross-entropy for the kind of labels given: one row of classes an example, or whole numbers."""
    one_hot = len(y.shape) == 2 and y.shape[-1] == output.shape[-1] and output.shape[-1] > 1
    kind = keras.losses.CategoricalCrossentropy if one_hot else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=from_logits)


def _like_a_batch(x, labels):
    """The `KerasTensor` of a batch of labels; None where they come with the batches."""
    if isinstance(x, Epochs):
        return keras.KerasTensor((None,))
    return None if labels is None else keras.KerasTensor((None, *labels.shape[1:]))


def _whole_number_labels(y):
    y = ops.convert_to_tensor(y)
    if len(y.shape) == 2:
        y = ops.argmax(y, axis=-1) if y.shape[-1] != 1 else ops.squeeze(y, axis=-1)
    return ops.cast(y, "int32")


def _symbolic_input(role, network):
    """Symbolic tensors like those that a network takes."""
    if getattr(network, "inputs", None):
        inputs = network.inputs[0] if len(network.inputs) == 1 else network.input
    else:
        shape = (network.get_build_config() or {}).get("input_shape") if network.built else None
        if shape is None:
            raise UserError(
                f"{role}: {network.name!r} is not built, so its shapes are unknown; call it once on a batch first"
            )
        inputs = keras.KerasTensor((None, *shape[1:]))
    return keras.tree.map_structure(lambda one: keras.KerasTensor(one.shape, one.dtype), inputs)


def _specs(tapped, examples):
    """The shape of every signal: specs[role][tap], from symbolic runs; and what is known of the data."""
    specs, inputs = {}, {}
    for role, one in tapped.items():
        inputs[role] = _symbolic_input(role, one.network)
        specs[role] = Probe(lambda images, one=one: one.run(images, training=False)[1])(inputs[role])
        if LOGITS not in specs[role]:
            raise UserError(f"{role}: {one.network.name!r} gives several outputs; expected one tensor (batch, classes)")
        shape = specs[role][LOGITS].shape
        if len(shape) != 2 or shape[-1] in (None, 1):
            raise UserError(
                f"{role}: {one.network.name!r} gives {tuple(shape)}; expected (batch, classes), two classes or more"
            )
    shapes = {role: [tuple(one.shape) for one in keras.tree.flatten(given)] for role, given in inputs.items()}
    for role, given in shapes.items():
        same = len(given) == len(shapes["student"]) and all(map(_compatible, given, shapes["student"]))
        if not same:
            raise UserError(
                f"{role}: takes images of {given[0][1:]}, the student of {shapes['student'][0][1:]}; "
                "both are shown the same images: build one for the other's shape"
            )
    specs["data"] = {"images": keras.tree.flatten(inputs["student"])[0], "examples": examples}
    if examples is not None:
        specs["data"]["index"] = keras.KerasTensor((None,), "int32")
    return specs


def _compatible(one, other):
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def _check_arguments(networks, terms, label_weight):
    for role, network in networks.items():
        if not isinstance(network, keras.Model):
            raise UserError(f"{role}: {network!r} is no keras.Model")
    for role, network in networks.items():
        for other, same in networks.items():
            if role > other and network is same:
                raise UserError(
                    f"{role} and {other} are the same object; give the student a network of its own"
                    if "student" in (role, other)
                    else f"{role} and {other} are the same object; give each a network of its own"
                )
    if not _not_negative(label_weight):
        raise UserError(f"label_weight is {label_weight}; expected a number that is 0 or more")
    for term in terms:
        for role in term.method.roles:
            if role not in map(_kind, networks):
                hint = "; give peers=[...]" if role == "peer" else ""
                raise UserError(f"terms: {type(term.method).__name__} needs a {role}; none was given{hint}")
    if networks.keys() - {"student", "teacher"} and not any("peer" in term.method.roles for term in terms):
        raise UserError("peers: no term reads them; add one that does, such as DML(), or leave them out")
    if not label_weight and not any(term.weight for term in terms):
        raise UserError("nothing to learn from: label_weight is 0 and no term has a weight above 0")
