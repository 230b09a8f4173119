"""The MetaDistiller: a Distiller whose teacher learns to teach, after the paper MetaDistil."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.data.rounds import ArrayEpochs, HeldOut, Rounds
from keras_kd.methods import Method
from keras_kd.training.checks import check_labels
from keras_kd.training.distiller import Distiller, TrainingBatch
from keras_kd.training.meta_checks import check_meta, check_networks, check_terms
from keras_kd.training.schedules import Schedule, at
from keras_kd.training.sgd import SGD
from keras_kd.training.term import Term
from keras_kd.utils.errors import UserError
from keras_kd.utils.settings_class import named_settings


@named_settings
@dataclass(frozen=True)
class Meta:
    """How the teacher of a `MetaDistiller` is taught.

    Args:
        trial_step_size: learning rate of the trial, plain SGD; above 0, or a `Schedule`.
        teacher_learning_rate: of the teacher's SGD; 0 or more, or a `Schedule`: in epochs in which it is 0 the teacher
            stays and no trial is made. One that is too high loses the teacher: `held_out_loss` rises.
        teacher_momentum: of the teacher's SGD, 0 or more and below 1.
        teacher_l2: its coupled weight decay, 0 or more.
        teacher_gradient_norm: the most that the teacher's gradient may measure in all, above 0: a longer one is made so
            short, as a trial that went far gives one that would undo the teacher; None for no bound.
        batches: training batches of a round, 1 or more: as many trial steps, then one step of the teacher.
        held_out_batches: batches of held-out examples that a trial is judged by, 1 or more.
        fall: (epoch, from 0) -> the factor of both rates in that epoch; None leaves them.

    Raises:
        UserError: a number out of its range.

    Source:
        Defaults of JetRunner/MetaDistil cv/train_student_meta.py, but for two. There the teacher's rate is 0 for the
        first 149 epochs of 240, plain distillation at the cost of teaching, and 0.05 then:
        `Schedule(end_value=0.05, delay=149)`. Here the teacher is taught from the first epoch on, as in the paper's
        algorithm, at 0.001, which is ours: at 0.05 from the first epoch on the teacher of digits was lost within ten.
        `held_out_batches` has no default there; 1 is ours. The bound of the gradient is of its code for language, at 1.

    Example:
        >>> Meta(batches=2).teacher_learning_rate
        0.001
    """

    trial_step_size: float | Schedule = 0.05
    teacher_learning_rate: float | Schedule = 0.001
    teacher_momentum: float = 0.9
    teacher_l2: float = 5e-4
    teacher_gradient_norm: float | None = None
    batches: int = 1
    held_out_batches: int = 1
    fall: Callable[[int], float] | None = None

    def __post_init__(self):
        check_meta(self)

    def rates(self, epoch):
        """(trial step size, the teacher's learning rate) in an epoch, counted from 0."""
        factor = 1.0 if self.fall is None else self.fall(epoch)
        return factor * at(self.trial_step_size, epoch), factor * at(self.teacher_learning_rate, epoch)


class MetaDistiller(backend.RoundStep, Distiller):
    """Trains a student, and its teacher so that it teaches better. Here the teacher does learn: its weights change.

    A round has three parts. Trial: from where the student is, each batch of the round moves it by plain SGD on the loss
    that it is trained on. The teacher's step: the cross-entropy of the tried student on held-out examples is
    differentiated through the trial to the teacher's weights. The student's steps: the trial is forgotten, its batch
    statistics too, and the optimizer trains the student on the same batches with the teacher as it now is.

    The teacher runs in inference mode throughout: its batch statistics stay. The student runs in training mode, on
    held-out examples with their statistics. `distiller.teacher` is the taught teacher; give a copy to keep the old one.
    A round of one batch takes several times as long as a step of a `Distiller`.

    Args:
        student, terms, label_weight, from_logits, views, trust: as of `Distiller`; terms of logits alone.
        teacher: a built `keras.Model` with trainable weights; it is changed.
        meta: how the teacher is taught.

    Raises:
        UserError: as of `Distiller`; terms that read layers, make images or train adapters of their own; terms that
            tell the teacher nothing, as those of hard labels.

    Source:
        Zhou, Xu, McAuley 2022, arXiv:2106.04570, algorithm 1, held to values of JetRunner/MetaDistil (golden
        `metadistil`). Deviations from that code: held-out examples come in passes, there with replacement; the trial
        has the student's own regularisers, as all training here; the hidden-state term of its code for language is left
        out.

    Example:
        >>> import keras, numpy as np
        >>> from keras_kd import KD, Meta, MetaDistiller
        >>> def network(width):
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(width, activation="tanh"),
        ...                              keras.layers.Dense(3)])
        >>> distiller = MetaDistiller(network(8), network(32), terms=[KD()], label_weight=0.1, meta=Meta(batches=2))
        >>> distiller.compile(optimizer="sgd")
        >>> x, y = np.random.rand(40, 4).astype("float32"), np.arange(40) % 3
        >>> history = distiller.fit(x[:32], y[:32], held_out=(x[32:], y[32:]), batch_size=8, verbose=0).history
        >>> sorted(history)
        ['held_out_loss', 'kd_loss', 'label_loss', 'loss']
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        terms: Method | Term | Iterable[Method | Term],
        meta: Meta | None = None,
        name: str = "meta_distiller",
        **options: Any,
    ) -> None:
        check_networks(student, teacher, options)
        super().__init__(student, teacher, terms, name=name, **options)
        check_terms(self.terms, self.classes, self.adapters)
        self.meta = Meta() if meta is None else meta
        self._step_size = self.add_weight(
            shape=(), dtype="float32", initializer="zeros", trainable=False, autocast=False, name="trial_step_size"
        )
        self.teacher_optimizer = SGD(momentum=self.meta.teacher_momentum, l2=self.meta.teacher_l2)
        self.teacher_optimizer.build(teacher.trainable_variables)
        # Optimizers are not tracked by themselves, and on JAX a step changes tracked variables alone.
        self._of_teacher_optimizer = list(self.teacher_optimizer.variables)
        self._held_out_loss = keras.metrics.Mean(name="held_out_loss")
        self._trackers.append(self._held_out_loss)
        self._teaches = None
        self.set_epoch(0)

    def set_epoch(self, epoch):
        """Sets every number that changes over the epochs, and whether the teacher is taught in this one."""
        super().set_epoch(epoch)
        step_size, rate = self.meta.rates(epoch)
        self._step_size.assign(step_size)
        self.teacher_optimizer.learning_rate = rate
        before, self._teaches = self._teaches, bool(rate and step_size)
        # A compiled step either makes trials or does not: without them it costs what a `Distiller`'s does.
        if before not in (None, self._teaches) and self.train_function is not None:
            self.make_train_function(force=True)

    def fit(self, x=None, y=None, held_out=None, batch_size=None, shuffle=True, **options):
        """As `keras.Model.fit`, with held-out examples.

        Args:
            x, y: arrays; or x is a `Rounds`, which has all that the other four say.
            held_out: (x, labels) of examples that are in no batch of the training, on which the student's trials are
                judged.
            batch_size: training examples a step, 32 by default; as many held-out examples a batch.
            shuffle: whether each epoch has an order of its own.
            **options: as of `keras.Model.fit`; `sample_weight` is of the training examples.

        Raises:
            UserError: no held-out examples; labels out of range; data that are neither arrays nor `Rounds`.
        """
        if isinstance(x, Rounds):
            if y is not None or held_out is not None or batch_size is not None:
                raise UserError("fit: x is Rounds, which hold labels, held-out examples and batch size: give x alone")
            if x.batches != self.meta.batches:
                here = self.meta.batches
                raise UserError(
                    f"fit: found Rounds of {x.batches} batches and Meta(batches={here}); give both the same"
                )
            return super().fit(x, shuffle=False, **options)
        return super().fit(
            self._rounds_of(x, y, held_out, batch_size or 32, shuffle, options.pop("sample_weight", None)),
            shuffle=False,
            **options,
        )

    def _rounds_of(self, x, y, held_out, batch_size, shuffle, sample_weight):
        """Arrays as `Rounds`."""
        if not isinstance(x, np.ndarray) or y is None:
            raise UserError(
                f"fit: found x of {type(x).__name__} and y of {type(y).__name__}; expected arrays of both, or "
                "keras_kd.Rounds as x"
            )
        if not isinstance(held_out, tuple | list) or len(held_out) != 2:
            raise UserError(
                "fit: found no held-out examples to judge the student's trials by; give held_out=(x, labels), of which "
                "none is among the training examples"
            )
        check_labels(np.asarray(y), self.classes)
        check_labels(np.asarray(held_out[1]), self.classes)
        train = ArrayEpochs(x, y, sample_weight, batch_size * self.meta.batches, shuffle=shuffle)
        judged = HeldOut(np.asarray(held_out[0]), held_out[1], batch_size * self.meta.held_out_batches)
        return Rounds(train, judged, self.meta.batches)

    # What is saved in a state: the teacher moves as well.

    def state(self):
        """The variables that training changes: the student's, its optimizer's, the teacher's and its optimizer's."""
        return [*super().state(), *self.teacher.variables, *self.teacher_optimizer.variables]

    def _checkpoint(self):
        checkpoint = super()._checkpoint()
        checkpoint.teacher, checkpoint.teacher_optimizer = self.teacher, self.teacher_optimizer
        return checkpoint

    # The round.

    def join(self, data):
        """The batch of a training step; of a round its training images, as one batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return super().join((_trained_on(x), y, sample_weight))

    def call(self, x, training=None):
        """As of `Distiller`; of a round the output for its training images."""
        return super().call(_trained_on(x), training=training)

    def before_steps(self, data):
        """Teaches the teacher by a trial of the student; returns the batches of a round, (x, y, sample_weight) each."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        batches = _parts((x["train"], y, sample_weight), self.meta.batches)
        if self._teaches:
            shown = [(self._rendered(one), labels, weight) for one, labels, weight in batches]
            held_out = _parts((x["held_out"], x["held_out_labels"]), self.meta.held_out_batches)
            self._teach(shown, [(self._rendered(one), labels) for one, labels in held_out])
        return batches

    def _rendered(self, x):
        return x if self.views is None else self.views(x)

    def _teach(self, batches, held_out):
        """One step of the teacher, by the gradient of the held-out loss after the trial."""
        taught = self.teacher.trainable_variables
        loss, gradients = self.teacher_gradients(batches, held_out)
        self._held_out_loss.update_state(loss)
        bound = self.meta.teacher_gradient_norm
        if bound is not None:
            length = ops.sqrt(sum(ops.sum(ops.square(one)) for one in gradients))
            gradients = [one * (bound / ops.maximum(length, bound)) for one in gradients]
        self.teacher_optimizer.apply(gradients, taught)

    def teacher_gradients(self, batches, held_out):
        """The loss of the tried student on held-out images, and its gradients to the teacher's trainable variables.

        Of a MetaDistiller that is compiled; nothing changes.

        Args:
            batches: list of (images, labels, sample weights or None), as the networks see them: a trial step each.
            held_out: list of (images, labels): the loss is the mean of theirs.

        Returns:
            (float32 scalar tensor, list of tensors).
        """
        # Read here: within a scope of its own a trial must find the values of this step, not those of an earlier one.
        now = [(one, ops.convert_to_tensor(one)) for one in [*self._carried(), *self.metrics_variables]]
        student, step_size = self._now(self.trainable_variables), ops.convert_to_tensor(self._step_size)

        def held_out_loss(teacher, others):
            tried = student
            for images, labels, weight in batches:
                with self._scope(now, self.teacher.trainable_variables, teacher):
                    said = self._tapped["teacher"].run(images, training=False)[1]
                batch = TrainingBatch(images, {"data": {}, "teacher": said}, {})
                gradients = self._pull(now, tried, batch, labels, weight)
                tried = [one - step_size * gradient for one, gradient in zip(tried, gradients, strict=True)]
            losses = [self._loss_on_labels(now, tried, images, labels) for images, labels in held_out]
            return sum(losses) / len(losses)

        return backend.value_and_gradients(held_out_loss)(self._now(self.teacher.trainable_variables), ())

    def _now(self, variables):
        return [ops.convert_to_tensor(one) for one in variables]

    def _carried(self):
        """The variables that are read in a trial and not trained in it; images on the device are read before it."""
        kept = {id(one) for one in (self.views.variables if self.views is not None else ())}
        kept |= {id(one) for one in (*self.trainable_variables, *self.teacher.trainable_variables)}
        return [one for one in self.variables if id(one) not in kept]

    def _pull(self, now, student, batch, labels, weight):
        """The gradients, to these weights of the student, of the loss that it is trained on; all else is forgotten."""

        def loss(student, others):
            with self._scope(now, self.trainable_variables, student):
                return self.compute_loss(batch, labels, self(batch, training=True), weight)

        return backend.value_and_gradients(loss)(student, ())[1]

    def _loss_on_labels(self, now, student, images, labels):
        with self._scope(now, self.trainable_variables, student):
            output, _ = self._tapped["student"].run(images, training=True)
            return ops.mean(self._label_values(labels, output))

    def _scope(self, now, variables, values):
        """In it these variables have these values, and what is assigned is forgotten at its end."""
        return keras.StatelessScope([*now, *zip(variables, values, strict=True)], collect_losses=True)


def _trained_on(x):
    """Of a round what the student trains on; whatever else as it is."""
    return x["train"] if isinstance(x, dict) and "held_out_labels" in x else x


def _parts(structure, count):
    """A structure of tensors cut along the first axis into so many parts of sizes that differ by one at most."""
    if count == 1:
        return [structure]
    total = ops.shape(next(one for one in keras.tree.flatten(structure) if one is not None))[0]
    ends = [(number * total // count, (number + 1) * total // count) for number in range(count)]
    return [
        keras.tree.map_structure(lambda one, a=a, b=b: None if one is None else one[a:b], structure) for a, b in ends
    ]
