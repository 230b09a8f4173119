"""Which of very many classes a step is about: drawn for a whole batch, by what was seen of them so far."""

import keras
from keras import ops

from keras_kd.methods.parts import class_sampling
from keras_kd.methods.parts.random_draws import RandomDraws

# How much of what is remembered of a class is kept when it is seen again.
KEPT = 0.5


@keras.saving.register_keras_serializable(package="keras_kd")
class ClassSampler(keras.layers.Layer):
    """Draws classes for a batch, and remembers of each by how much teacher and student last differed on it.

    A difference of all classes would need all logits; this one is that of the classes that were drawn, from their
    estimated probabilities. A class that was never seen ranks last.

    Args:
        classes: how many there are.

    Example:
        >>> from keras_kd import DIS
        >>> sampler = ClassSampler(classes=1000)
        >>> chosen, log_weights = sampler.draw(DIS(samples=16))
        >>> tuple(chosen.shape), tuple(log_weights.shape), len(sampler.trainable_variables)
        ((16,), (16,), 0)
    """

    def __init__(self, classes, **options):
        super().__init__(dtype="float32", autocast=False, **options)
        self.classes = classes
        self.difference = self.add_weight(
            shape=(classes,),
            initializer="zeros",
            trainable=False,
            # Each replica sees only its own part of the batch.
            aggregation="mean",
            name="difference",
        )
        self.draws = RandomDraws()
        self.built = True

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}

    def draw(self, method):
        """Classes for a batch; where the method asks for all, each once.

        Args:
            method: a `DIS`.

        Returns:
            (classes int32 (m,), log weights float32 (m,)).
        """
        if not method.draws_from(self.classes):
            return ops.arange(self.classes, dtype="int32"), ops.zeros((self.classes,), "float32")
        ranks, log_weights = method.ranks((method.number_of(self.classes),), self.classes, self.draws)
        if method.proposal == "uniform":
            return ranks, log_weights
        order = ops.argsort(-ops.convert_to_tensor(self.difference), axis=-1)
        return ops.cast(ops.take(order, ranks, axis=0), "int32"), log_weights

    def remember(self, classes, teacher, student, log_weights):
        """Brings the differences of these classes up to date.

        Args:
            classes: int32 tensor (m,).
            teacher, student: float32 tensors (batch, m), their logits divided by the temperature.
            log_weights: float32 tensor (m,).
        """
        probability = [
            ops.exp(logits - class_sampling.log_partition(logits, log_weights)) for logits in (teacher, student)
        ]
        seen = ops.mean(ops.abs(probability[0] - probability[1]), axis=0)
        known = ops.convert_to_tensor(self.difference)
        moved = KEPT * ops.take(known, classes, axis=0) + (1 - KEPT) * ops.stop_gradient(seen)
        self.difference.assign(ops.scatter_update(known, classes[:, None], moved))
