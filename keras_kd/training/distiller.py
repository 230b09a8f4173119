"""The Distiller: a `keras.Model` that trains a student with its teacher, by any sum of methods."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.backend.keras_private import additional_loss, flat_layers, overridden_losses
from keras_kd.data.epochs import Epochs
from keras_kd.data.rounds import Rounds
from keras_kd.methods import Method
from keras_kd.methods.find import guarding
from keras_kd.models.taps import LOGITS
from keras_kd.training.callbacks import BeginEpoch, SetEpoch, listed
from keras_kd.training.checks import (
    adapters_of_terms,
    check_arguments,
    check_bank,
    check_images,
    check_labels,
    check_loss,
    checked_class_weight,
    checked_trust,
    networks_of,
    specs_of,
    tapped_networks,
    tell_what_waits,
    without_student,
)
from keras_kd.training.label_loss import (
    BatchMean,
    as_label_loss,
    cross_entropy,
    like_a_batch,
    weighted_mean,
    whole_number_labels,
)
from keras_kd.training.own_views import said_on_own_views
from keras_kd.training.saved_student import SavedStudent
from keras_kd.training.schedules import Schedule
from keras_kd.training.term import Term, kind_of, makes_images, named_terms, taps_of
from keras_kd.utils.errors import UserError


class TrainingBatch(NamedTuple):
    """A batch with all that a training step needs of it."""

    images: object
    signals: dict  # of the roles that do not train, and of the data
    extra: dict  # by the term's number: images made in the step, their weight, the teacher's logits


class Distiller(SavedStudent, backend.TrainingStep, keras.Model):
    """Trains a student on labels and on what its teacher says. Only the student is trained, saved and exported.

    It is used as any Keras model: `compile`, `fit`, `evaluate`, `predict`, with arrays or a `tf.data.Dataset`, any
    callback, `sample_weight`, `class_weight`, the student's own regularisers, mixed precision. The student runs once a
    step. The teacher runs in inference mode, gets no gradient, and does not run in `evaluate` or `predict`: there the
    Distiller is its student, and `loss` the student's own.

    Args:
        student: a built `keras.Model` from images to (batch, classes).
        teacher: another one; it never changes (that of a `MetaDistiller` does). None trains on labels alone.
        terms: methods, or `Term(method, weight)`; a bare method has its published weight.
        label_weight: weight of the label loss, 0 or more, or a `Schedule`.
        from_logits: whether the networks give logits; or {"student": ..., "teacher": ...}. It is checked.
        views: a layer that turns what `fit` is given into images on the device, or None.
        peers: networks that are trained with the student and dropped, for methods such as DML.
        trust: how far the teacher is trusted on each class, (classes,) numbers in 0..1: an example of class y has
            1 - trust[y] of the label loss and trust[y] of every term (Lukasik et al. 2022, arXiv:2106.10494).
        class_weight: what a training example of each class counts in the label loss, (classes,) numbers, 0 or more; a
            row of classes is of its largest. The terms weigh all classes alike; `class_weight` and `sample_weight` of
            `fit` are Keras's, and weigh an example in the label loss and in the terms.
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
        label_weight: float | Schedule = 1.0,
        from_logits: bool | Mapping[str, bool] = True,
        views: keras.layers.Layer | None = None,
        peers: Iterable[keras.Model] = (),
        trust: Sequence[float] | np.ndarray | None = None,
        class_weight: Sequence[float] | np.ndarray | None = None,
        examples: int | None = None,
        banked: bool = False,
        name: str = "distiller",
    ) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        terms = [terms] if isinstance(terms, Term | Method) else terms
        self.terms = tuple(term if isinstance(term, Term) else Term(term) for term in terms)
        self.label_weight = label_weight
        networks = networks_of(student, teacher, peers)
        check_arguments(networks, self.terms, self.label_weight)
        for term in self.terms:
            with guarding(term.method, "student()"):
                networks["student"] = term.method.student(networks["student"], without_student(networks))
        self.student, self.views, self.banked = networks["student"], views, banked
        self.teacher = None if banked else teacher
        check_bank(banked, teacher, self.terms, views)
        self.peers = [network for role, network in networks.items() if kind_of(role) == "peer"]
        self._tapped = tapped_networks(networks, self.terms, from_logits)
        specs = specs_of(self._tapped, examples)
        self.classes = specs["student"][LOGITS].shape[-1]
        if trust is not None and teacher is None:
            raise UserError("trust: there is no teacher to trust; give one, or leave trust out")
        self.trust = checked_trust(trust, self.classes)
        self.class_weight = checked_class_weight(class_weight, self.classes, self.label_weight)
        self.adapters = adapters_of_terms(self.terms, specs, networks)
        self._named_terms = named_terms(self.terms)
        self._images_read = any("images" in taps_of(term.method, "data") for term in self.terms)
        self._schedules = self._make_schedules()
        for number, (name, term) in enumerate(self._named_terms.items()):
            method, adapters = self._method(number, term), self.adapters.get(str(number), {})
            check_loss(name.removesuffix("_loss"), method, adapters, specs, trust)
        self._trackers = [keras.metrics.Mean(name=name) for name in ("label_loss", *self._named_terms)]
        self.built = True

    # Numbers that change over the epochs are variables, which a callback sets.

    def _make_schedules(self):
        """{name: (Schedule, variable)}; the names are "label_weight" and "<number of the term>.<field>"."""
        named = {"label_weight": self.label_weight}
        for number, term in enumerate(self.terms):
            named[f"{number}.weight"] = term.weight
            named.update({f"{number}.{changing}": schedule for changing, schedule in term.schedules.items()})
        made = {}
        for name, schedule in named.items():
            if isinstance(schedule, Schedule):
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
        for number, term in enumerate(self.terms):
            term.method.begin_epoch(epoch, self.adapters.get(str(number), {}))

    def _number(self, name, constant):
        """The variable of a scheduled number, or the constant that it is."""
        return ops.convert_to_tensor(self._schedules[name][1]) if name in self._schedules else constant

    def _method(self, number, term):
        """The term's method with its scheduled numbers as they are in this epoch."""
        now = {changing: self._number(f"{number}.{changing}", None) for changing in term.schedules}
        return term.method.model_copy(update=now) if now else term.method

    # What trains, what is saved: the student and the adapters; the teacher is only carried.

    @property
    def _trained(self):
        return [self.student, *self.peers, *(layer for layers in self.adapters.values() for layer in layers.values())]

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
        overridden = overridden_losses(self)
        if overridden:
            return overridden
        return [loss for layer in self._trained for loss in layer.losses]

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
        self._label_loss = as_label_loss(loss, self._tapped["student"].from_logits)
        optimizer = keras.optimizers.get(optimizer)
        half = any(layer.compute_dtype == "float16" for layer in flat_layers(self.student))
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
        check_labels(labels, self.classes)
        check_images(self.terms, x, self.views)
        tell_what_waits(self.terms, options.get("epochs", 1))
        backend.keep_memory()
        if self.compiled:
            self.prepare(like_a_batch(x, labels))
        ours = [SetEpoch(self)]
        ours += [BeginEpoch(x)] if isinstance(x, Epochs | Rounds) else []
        callbacks = [*ours, *listed(options.pop("callbacks", None))]
        return super().fit(x, y, callbacks=callbacks, **options)

    def join(self, data):
        """The batch of a training step: images rendered, the frozen networks' signals next to them."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        images = x if self.views is None else self.views(x)
        signals = {"data": {}}
        if isinstance(x, dict) and "index" in x and self.views is not None:
            signals["data"]["index"] = ops.cast(x["index"], "int32")
        if self._images_read:
            signals["data"]["images"] = images
        if self.banked:
            signals["teacher"] = {tap: ops.cast(values, "float32") for tap, values in x["teacher"].items()}
        elif self.teacher is not None:
            own = said_on_own_views(self._tapped["teacher"], self.views, x)
            signals["teacher"] = own or self._frozen("teacher", images)
        extra = {}
        labels = None if y is None else whole_number_labels(y)
        for number, term in enumerate(self.terms):
            if makes_images(term.method):
                made = self._method(number, term).extra_images(
                    images, labels, self._inference, self.adapters.get(str(number), {})
                )
                if made is not None:
                    made_images, weight = (ops.stop_gradient(one) for one in made)
                    frozen = self._frozen("teacher", made_images)[LOGITS] if self.teacher is not None else None
                    extra[str(number)] = {"images": made_images, "weight": weight, "teacher": frozen}
        return TrainingBatch(images, signals, extra), y, sample_weight

    def _frozen(self, role, images):
        """The signals of a network in inference mode, without a gradient."""
        _, values = self._tapped[role].run(images, training=False)
        return {tap: ops.stop_gradient(value) for tap, value in values.items()}

    def _inference(self, role, images):
        """The logits of a network in inference mode."""
        return self._tapped[role].run(images, training=False)[1][LOGITS]

    def call(self, x, training=None):
        """The student's output; in a training step (output, signals of every role, signals of the extra images)."""
        if not isinstance(x, TrainingBatch):
            return self.student(x if self.views is None else self.views(x), training=training)
        output, student = self._tapped["student"].run(x.images, training=training)
        signals = {**x.signals, "student": student}
        for role, tapped in self._tapped.items():
            if kind_of(role) == "peer":
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
        if not isinstance(x, TrainingBatch):
            labelled = y is not None and y_pred is not None
            return self._total([(1.0, self._label_values(y, y_pred))] if labelled else [], sample_weight)
        output, signals, extra = y_pred
        if y is None and self.label_weight:
            raise UserError("fit: label_weight is not 0 but no labels were given; give y, or set label_weight=0")
        if y is None and self.trust is not None:
            raise UserError("fit: trust depends on the class but no labels were given; give y, or leave trust out")
        labels = None if y is None else whole_number_labels(y)
        trust = None if self.trust is None else ops.take(ops.convert_to_tensor(self.trust), labels)
        parts = {}
        if y is not None:
            values = self._label_values(y, output)
            values = values if trust is None else (1 - trust) * values
            if self.class_weight is not None:
                values = ops.take(ops.convert_to_tensor(self.class_weight), labels) * values
            parts["label_loss"] = (self._number("label_weight", self.label_weight), values)
        for number, (name, term) in enumerate(self._named_terms.items()):
            seen = _merged(signals, extra.get(str(number), {}))
            values = self._method(number, term).loss(seen, labels, self.adapters.get(str(number), {}))
            values = values if trust is None else trust * values
            parts[name] = (self._number(f"{number}.weight", term.weight), values)
        batch = ops.shape(signals["student"][LOGITS])[0]
        for tracker in self._trackers:
            if tracker.name in parts:
                values = parts[tracker.name][1]
                tracker.update_state(weighted_mean(values, sample_weight), sample_weight=batch)
        return self._total(parts.values(), sample_weight)

    def _label_values(self, y, output):
        loss = self._label_loss or cross_entropy(y, output, self._tapped["student"].from_logits)
        return loss.call(ops.convert_to_tensor(y), ops.cast(output, "float32"))

    def _total(self, parts, sample_weight):
        total = ops.zeros((), "float32")
        for weight, values in parts:
            total = total + weight * BatchMean()(values, values, sample_weight if len(values.shape) else None)
        for loss in self.losses:
            total = total + additional_loss(self, loss)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The compiled metrics of the student's output; in a training step each part of the loss as well."""
        if isinstance(x, TrainingBatch):
            return super().compute_metrics(x, y, y_pred[0], sample_weight)
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        parts = {tracker.name for tracker in self._trackers}
        return {name: value for name, value in logs.items() if name not in parts}


def _merged(signals, extra):
    """Signals with those of a term's own extra images."""
    return {role: {**one, **extra.get(role, {})} for role, one in signals.items()} if extra else signals
