"""A Distiller of which a policy chooses the terms that count, by what came of its choices on validation examples."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.methods import Method
from keras_kd.training.callbacks import listed
from keras_kd.training.distiller import Distiller
from keras_kd.training.label_loss import whole_number_labels
from keras_kd.training.schedules import Schedule
from keras_kd.training.selection import Selection
from keras_kd.training.selector import Selector
from keras_kd.training.term import Term
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_note_once

LABELS = "label"
BATCH = 250
EXPECTED = "expected validation_data=(x, y), arrays or a keras.utils.PyDataset of such batches"


class SelectingDistiller(Distiller):
    """Trains a student while a policy chooses which terms count; a choice stays for an interval.

    After each interval the student is measured on the validation examples, and the change is the reward of the choice.
    Where no term is chosen the student learns from labels alone. The choices are numbers that a training step reads, so
    none compiles it anew; a term that is not chosen is computed and weighs 0. Terms differ in size, so a choice also
    changes how far a step goes: see `Selection.normalize`. The first interval only measures: nothing is learnt from it.

    Each epoch's logs have, for every term, `kd_chosen`, the share of its steps in which it counted, and
    `kd_probability`, with which it may be chosen next; and `selection_reward`, the mean change where there was any. The
    validation examples have then taken part in the training: judge the student on others.

    Args:
        student, teacher, terms, label_weight and other options: as of `Distiller`; a label weight above 0.
        selection: a `Selection`, or its policy alone; None takes its defaults, a bandit that chooses each epoch.

    Raises:
        UserError: as of `Distiller`; no term to choose; a label weight of 0.

    Source:
        Wang et al. 2022 (EMNLP), arXiv:2302.00444. Equations only (golden `knowledge_selection`); settings ours.

    Example:
        >>> import keras, numpy as np
        >>> from keras_kd import KD, Selection, SelectingDistiller
        >>> def network(width):
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(width, activation="relu"),
        ...                              keras.layers.Dense(3)])
        >>> distiller = SelectingDistiller(network(8), network(32), KD(), selection=Selection("bandit"))
        >>> distiller.compile(optimizer="adam")
        >>> x, y = np.random.rand(40, 4).astype("float32"), np.arange(40) % 3
        >>> history = distiller.fit(x[:32], y[:32], validation_data=(x[32:], y[32:]), epochs=2, verbose=0).history
        >>> [name for name in history if name.startswith("kd_")]
        ['kd_loss', 'kd_chosen', 'kd_probability']
    """

    _places = {}  # read while a `Distiller` is made, before there are any

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model | None = None,
        terms: Method | Term | Iterable[Method | Term] = (),
        selection: Selection | str | None = None,
        name: str = "selecting_distiller",
        **options: Any,
    ) -> None:
        super().__init__(student, teacher, terms, name=name, **options)
        self.selection = (
            Selection(selection or "bandit") if selection is None or isinstance(selection, str) else selection
        )
        if not isinstance(self.selection, Selection):
            raise UserError(f"selection: found {selection!r}; expected a policy, or keras_kd.Selection(policy=...)")
        if not self.terms:
            raise UserError("selection: found no terms to choose from; give some, or train with a Distiller")
        least = min(self.label_weight.values()) if isinstance(self.label_weight, Schedule) else self.label_weight
        if not least:
            raise UserError(
                "selection: label_weight is 0, and where no term is chosen the student learns from labels alone; give "
                "one above 0 in every epoch"
            )
        self.kinds = [one.removesuffix("_loss") for one in self._named_terms] + [LABELS] * self.selection.labels
        names = [f"{number}.weight" for number in range(len(self.terms))]
        names += ["label_weight"] * self.selection.labels
        self._places = {one: place for place, one in enumerate(names)}
        self.selector = Selector(self.selection, len(self.kinds))

    def _number(self, name, constant):
        """As of `Distiller`; a weight that may be chosen times the factor of the present choice."""
        value = super()._number(name, constant)
        place = self._places.get(name)
        return value if place is None else value * ops.convert_to_tensor(self.selector.factors)[place]

    def label_values(self, labels, output):
        """The label loss of each example, (batch,), of the student's outputs."""
        return self._label_values(labels, output)

    def state(self):
        """The variables that training changes: those of `Distiller.state`, and what the policy remembers."""
        return [*super().state(), *self.selector.variables]

    def _checkpoint(self):
        checkpoint = super()._checkpoint()
        checkpoint.selector = self.selector
        return checkpoint

    def fit(self, x=None, y=None, validation_data=None, **options):
        """As `Distiller.fit`; `validation_data` is what the rewards are measured on.

        Args:
            x, y: as of `Distiller.fit`.
            validation_data: (x, y), arrays, or a `keras.utils.PyDataset` of such batches.
            **options: as of `keras.Model.fit`.

        Raises:
            UserError: no validation data, or of another kind.
        """
        choosing = Choosing(self, _batches_of(validation_data))
        callbacks = [choosing, *listed(options.pop("callbacks", None))]
        return super().fit(x, y, validation_data=validation_data, callbacks=callbacks, **options)


class Choosing(keras.callbacks.Callback):
    """Has a policy choose at the end of each interval, and tells the logs what counted.

    Args:
        distiller: the `SelectingDistiller`.
        batches: a function that gives the validation batches, (x, y) each.
    """

    def __init__(self, distiller, batches):
        super().__init__()
        self.selection, self.batches = distiller.selection, batches
        self.run = backend.inference(distiller)

    def on_train_begin(self, logs=None):
        if not self.model.selector.begun:
            self.model.selector.choose()

    def on_epoch_begin(self, epoch, logs=None):
        selector = self.model.selector
        self.steps, self.rewards, self.stayed = 0, [], selector.stayed
        self.chosen, self.counted = selector.counted(), np.zeros(selector.kinds)

    def on_train_batch_end(self, batch, logs=None):
        # Several steps may be one call. What the model holds is asked for at the end of an interval alone: on JAX that
        # takes the variables out of the step.
        steps, self.steps = batch + 1 - self.steps, batch + 1
        self.counted += steps * self.chosen
        if self.selection.unit == "steps":
            self._stay(steps)

    def on_epoch_end(self, epoch, logs=None):
        shares = self.counted / max(self.steps, 1)
        if self.selection.unit == "epochs":
            self._stay(1)
        selector = self.model.selector
        selector.stayed = self.stayed
        for name, share, probability in zip(self.model.kinds, shares, selector.probabilities(), strict=True):
            logs[f"{name}_chosen"], logs[f"{name}_probability"] = float(share), float(probability)
        if self.rewards:
            logs["selection_reward"] = float(np.mean(self.rewards))

    def on_train_end(self, logs=None):
        if not self.model.selector.rewarded:
            print_note_once(
                f"selection: no choice was rewarded in this training: it was shorter than two intervals of "
                f"{self.selection.interval} {self.selection.unit}; take a shorter interval"
            )

    def _stay(self, units):
        """The present choice has stayed for so many units more; at the end of its interval it is learnt from."""
        self.stayed += units
        if self.stayed < self.selection.interval:
            return
        selector, self.stayed = self.model.selector, 0
        reward = selector.reward(self.figure())
        self.rewards += [] if reward is None else [reward]
        selector.choose()
        self.chosen = selector.counted()

    def figure(self):
        """The metric on the validation examples, better the larger it is: the accuracy, or minus the label loss."""
        total, count = 0.0, 0
        for x, y in self.batches():
            output = self.run(x)
            if self.selection.metric == "loss":
                values = -keras.ops.convert_to_numpy(self.model.label_values(y, output))
            else:
                labels = keras.ops.convert_to_numpy(whole_number_labels(y))
                values = keras.ops.convert_to_numpy(output).argmax(-1) == labels
            total, count = total + float(np.sum(values, dtype="float64")), count + len(values)
        return total / count


def _batches_of(data):
    """A function that gives the batches of validation data.

    Raises:
        UserError: there are none, or they are of another kind.
    """
    if isinstance(data, keras.utils.PyDataset) and len(data):
        return lambda: (data[number][:2] for number in range(len(data)))
    arrays = isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(one, np.ndarray) for one in data)
    if not arrays or len(data[0]) != len(data[1]) or not len(data[0]):
        found = "none" if data is None else type(data).__name__
        raise UserError(f"fit: a selection is rewarded on validation data; found {found}; {EXPECTED}")
    x, y = data
    return lambda: ((x[start : start + BATCH], y[start : start + BATCH]) for start in range(0, len(x), BATCH))
