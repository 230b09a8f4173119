"""Networks trained as Keras trains them, an epoch at a time, in an order that any process can repeat."""

import numpy as np

from keras_kd.utils.errors import UserError


class PlainTraining:
    """Trains compiled Keras models with their own optimizers and losses.

    Args:
        members: list of `Member`, whose models are compiled.
        settings: a `Cooperation`.

    Raises:
        UserError: a model is not compiled.

    Example:
        >>> import keras
        >>> from keras_kd.training.cooperation_settings import Cooperation
        >>> from keras_kd.training.member import Member
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        >>> PlainTraining([Member("left", network, np.zeros((4, 2)), np.zeros(4, int))], Cooperation())
        Traceback (most recent call last):
            ...
        keras_kd.utils.errors.UserError: cooperate: left: found a model that is not compiled; expected an optimizer \
and a loss; call compile
    """

    def __init__(self, members, settings):
        self.members, self.settings = members, settings
        for one in members:
            if not one.model.compiled:
                raise UserError(
                    f"cooperate: {one.name}: found a model that is not compiled; expected an optimizer and a loss; "
                    "call compile"
                )

    def variables(self, number):
        """All that training changes of a member."""
        model = self.members[number].model
        model.optimizer.build(model.trainable_variables)
        return [*model.variables, *model.optimizer.variables]

    def learn(self, number, x, y, place, after):
        """Trains a member from an epoch of a round to the round's end.

        Args:
            number: of the member.
            x, y: its examples, in the order in which they are kept.
            place: a `Place`: its round, and the epoch to begin with.
            after: called after each epoch, of nothing; it moves the place on.

        Raises:
            UserError: the loss is no number.
        """
        settings = self.settings
        for epoch in range(place.epoch, settings.epochs if place.round else settings.first_epochs):
            order = np.random.default_rng([settings.seed, place.round, number, epoch]).permutation(len(x))
            loss = self._epoch(number, self.members[number].sees(x[order].astype("float32")), y[order])
            if not np.isfinite(loss):
                raise UserError(
                    f"cooperate: {self.members[number].name}: its loss became {loss} in round {place.round}; expected "
                    "a number; lower its learning rate"
                )
            after()

    def _epoch(self, number, x, y):
        """Trains a member on examples once, in their order; returns the mean loss."""
        model, size = self.members[number].model, self.settings.batch_size
        model.reset_metrics()
        # Not by `fit`, which for few examples takes longer to begin than to train.
        for start in range(0, len(x), size):
            loss = model.train_on_batch(x[start : start + size], y[start : start + size], return_dict=True)["loss"]
        return loss
