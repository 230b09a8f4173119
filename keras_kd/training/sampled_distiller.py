"""Distillation of very many classes: a step computes the logits of those that it draws, and of no others."""

from dataclasses import replace

import keras
from keras import ops

from keras_kd.methods import DIS
from keras_kd.methods.parts import class_sampling
from keras_kd.methods.parts.targets import Target
from keras_kd.models.heads import without_head
from keras_kd.training.distiller import Distiller, TrainingBatch
from keras_kd.training.label_loss import weighted_mean, whole_number_labels
from keras_kd.training.schedules import Schedule
from keras_kd.training.term import Term
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_note_once

FEATURES, SAMPLER = "features", "sampler"


class _OfDrawnClasses(DIS):
    """DIS whose classes are drawn for a whole batch, by what was seen of them in steps before."""

    name = "dis"

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.class_sampler import ClassSampler

        sampler = ClassSampler(specs["student"]["logits"].shape[-1], name=SAMPLER)
        return {SAMPLER: sampler, "draws": sampler.draws}


class SampledDistiller(Distiller):
    """Trains a student of very many classes by DIS; neither its logits nor its teacher's are made in a step.

    Of both last layers the columns of the drawn classes are gathered, the same classes for the whole batch. The labels
    of the batch are among them with certainty, in the label loss and in the distillation: what is left is drawn. The
    classes are ranked by how much teacher and student last differed on them, in the steps that drew them. Outside of
    training steps (`evaluate`, `predict`, validation) the student is an ordinary network with all of its logits, and so
    it is saved. Time, memory and error with 10,000 and 100,000 classes are in docs/performance.md: ranking pays where
    classes are very unequal and the temperature is low, else `DIS(proposal="uniform")` is off by less.

    Equations only; settings ours (see `DIS`), and so are classes that a batch shares, labels that are certain and the
    remembered differences.

    Args:
        student: a built `keras.Model` whose output is that of a Dense layer without an activation.
        teacher: another one with the same classes; it never changes.
        term: a `DIS`, or `Term(DIS(...), weight)`; a bare one has its default weight.
        label_weight: weight of the label loss, 0 or more, or a `Schedule`.
        views: as of `Distiller`.

    Raises:
        UserError: a network ends otherwise, the term is another method, or asks for what needs all logits.

    Source:
        Li et al. 2018, arXiv:1812.00914.

    Example:
        >>> import keras, numpy as np
        >>> from keras_kd import DIS, SampledDistiller
        >>> def network(width):
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(width, activation="relu"),
        ...                              keras.layers.Dense(10_000)])
        >>> distiller = SampledDistiller(network(8), network(32), DIS(temperature=2.0, samples=100))
        >>> distiller.compile(optimizer="adam")
        >>> x, y = np.random.rand(32, 4).astype("float32"), np.arange(32) * 300
        >>> sorted(distiller.fit(x, y, verbose=0).history)
        ['dis_loss', 'label_loss', 'loss']
        >>> distiller.student.predict(x, verbose=0).shape
        (32, 10000)
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        term: DIS | Term | None = None,
        label_weight: float | Schedule = 0.1,
        views: keras.layers.Layer | None = None,
        name: str = "sampled_distiller",
    ) -> None:
        term = DIS() if term is None else term
        term = term if isinstance(term, Term) else Term(term)
        method = term.method
        if not isinstance(method, DIS):
            raise UserError(f"term: found {type(method).__name__}; expected DIS, the only method of drawn classes")
        if method.standardize or method.target != Target():
            raise UserError("term: standardize and target of DIS need all logits; leave them out, or use Distiller")
        if teacher is None:
            raise UserError("teacher: found none; give one, the drawn classes of which the student is to follow")
        term = replace(term, method=_OfDrawnClasses(**method.model_dump()))
        # What is no network at all is refused with those of every Distiller, below.
        networks = {
            role: one for role, one in (("student", student), ("teacher", teacher)) if isinstance(one, keras.Model)
        }
        apart = {role: without_head(role, one) for role, one in networks.items()}
        super().__init__(student, teacher, term, label_weight, views=views, name=name)
        self._apart = apart

    def compile(self, optimizer="rmsprop", loss=None, metrics=None, **options):
        """As `Distiller.compile`; metrics, which need all logits, are those of `evaluate` and of validation.

        Args:
            optimizer, metrics: as there.
            loss: None: the label loss is the cross-entropy over the drawn classes.
            **options: as there.
        """
        if loss is not None:
            raise UserError(
                "compile: found a loss; the label loss is the cross-entropy over drawn classes: leave it out, or use "
                "Distiller"
            )
        if metrics or options.get("weighted_metrics"):
            print_note_once(
                "compile: metrics need the logits of all classes; they are computed in evaluate and on validation "
                "data, not in training steps"
            )
        super().compile(optimizer=optimizer, metrics=metrics, **options)

    def _frozen(self, role, images):
        return {FEATURES: ops.stop_gradient(self._apart[role].features(images, training=False))}

    def call(self, x, training=None):
        """The student's output; in a training step (its features, features of both, nothing of extra images)."""
        if not isinstance(x, TrainingBatch):
            return super().call(x, training=training)
        features = self._apart["student"].features(x.images, training=training)
        return features, {**x.signals, "student": {FEATURES: features}}, {}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of label loss and distillation over drawn classes, and the student's regularisers.

        Outside a training step it is the student's own loss, of all classes.
        """
        if not isinstance(x, TrainingBatch):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        if y is None and self.label_weight:
            raise UserError("fit: label_weight is not 0 but no labels were given; give y, or set label_weight=0")
        if y is not None and len(y.shape) == 2 and y.shape[-1] != 1:
            raise UserError(
                f"fit: found labels of shape {tuple(y.shape)}; expected whole numbers (batch,), as a row per example "
                "would name all classes"
            )
        labels = None if y is None else whole_number_labels(y)
        ((name, term),) = self._named_terms.items()
        label_loss, distillation = self._losses_of_drawn(y_pred[1], labels, self._method(0, term))
        parts = {name: (self._number("0.weight", term.weight), distillation)}
        if labels is not None:
            parts["label_loss"] = (self._number("label_weight", self.label_weight), label_loss)
        for tracker in self._trackers:
            if tracker.name in parts:
                values = parts[tracker.name][1]
                tracker.update_state(weighted_mean(values, sample_weight), sample_weight=ops.shape(values)[0])
        return self._total(parts.values(), sample_weight)

    def _losses_of_drawn(self, signals, labels, method):
        """(label loss or None, distillation loss), each (batch,), over classes drawn for this batch."""
        sampler = self.adapters["0"][SAMPLER]
        classes, log_weights = sampler.draw(method)
        positions = labels
        if labels is not None and method.draws_from(self.classes):
            classes, log_weights = class_sampling.with_labels(labels, classes, log_weights)
            positions = ops.arange(ops.shape(labels)[0])
        logits = {}
        for role in ("student", "teacher"):
            head = self._apart[role].head
            logits[role] = class_sampling.logits_at(classes, signals[role][FEATURES], head.kernel, head.bias)
        student, teacher = logits["student"], ops.stop_gradient(logits["teacher"])
        label_loss = None
        if labels is not None:
            of_label = ops.take_along_axis(student, positions[:, None], axis=-1)[:, 0]
            label_loss = class_sampling.sampled_label_loss(of_label, student, log_weights)
        softened = teacher / method.temperature, student / method.temperature
        if method.proposal == "rank" and method.draws_from(self.classes):
            sampler.remember(classes, *softened, log_weights)
        return label_loss, method.temperature**2 * class_sampling.sampled_divergence(*softened, log_weights)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The compiled metrics of the student's output; in a training step the parts of the loss."""
        if not isinstance(x, TrainingBatch):
            return super().compute_metrics(x, y, y_pred, sample_weight)
        parts = {"loss", *(tracker.name for tracker in self._trackers)}
        return {metric.name: metric.result() for metric in self.metrics if metric.name in parts}
