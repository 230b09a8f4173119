"""What CRD remembers of every training example: its embedding by the student and by the teacher."""

import keras
from keras import ops

from keras_kd.methods.parts.random_draws import RandomDraws
from keras_kd.methods.parts.vectors import unit_length

UNSET = -1e30


@keras.saving.register_keras_serializable(package="keras_kd")
class ContrastMemory(keras.layers.Layer):
    """Two banks of embeddings, one row an example, and the logarithms of the two normalisers of their scores.

    Args:
        examples: number of training examples.
        size: of an embedding.

    Example:
        >>> memory = ContrastMemory(examples=100, size=16)
        >>> tuple(memory.student_bank.shape), len(memory.trainable_variables)
        ((100, 16), 0)
    """

    def __init__(self, examples, size, **options):
        super().__init__(dtype="float32", autocast=False, **options)
        self.examples, self.size = examples, size
        self.student_bank, self.teacher_bank = self._bank("student"), self._bank("teacher")
        self.student_log_normalizer = self._log_normalizer("student")
        self.teacher_log_normalizer = self._log_normalizer("teacher")
        self.draws = RandomDraws()
        self.built = True

    def get_config(self):
        return {**super().get_config(), "examples": self.examples, "size": self.size}

    def _bank(self, role):
        limit = (3 / self.size) ** 0.5
        return self.add_weight(
            shape=(self.examples, self.size),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            trainable=False,
            # Each replica knows only its own part of the batch.
            aggregation="mean",
            name=f"{role}_bank",
        )

    def _log_normalizer(self, role):
        return self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(UNSET),
            trainable=False,
            aggregation="mean",
            name=f"{role}_log_normalizer",
        )

    def negatives(self, index, count):
        """(batch, 1 + count) rows of the banks: each example's own one, then others drawn at random."""
        drawn = self.draws.integers((ops.shape(index)[0], count), below=self.examples)
        return ops.concatenate([index[:, None], drawn], axis=1)

    @staticmethod
    def normalized_once(variable, log_scores, examples):
        """The logarithm of a normaliser: of the first batch's scores, and the same from then on."""
        most = ops.max(log_scores)
        now = most + ops.log(ops.mean(ops.exp(log_scores - most))) + ops.log(float(examples))
        kept = ops.convert_to_tensor(variable)
        value = ops.where(kept > UNSET / 2, kept, ops.stop_gradient(now))
        variable.assign(value)
        return value

    @staticmethod
    def remember(bank, index, embedding, momentum):
        """Moves the rows of a bank toward the embeddings of this batch, back onto the unit sphere."""
        rows = ops.convert_to_tensor(bank)
        moved = momentum * ops.take(rows, index, axis=0) + (1 - momentum) * ops.stop_gradient(embedding)
        bank.assign(ops.scatter_update(rows, index[:, None], unit_length(moved)))
