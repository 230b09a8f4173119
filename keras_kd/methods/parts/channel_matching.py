"""Which channel of the teacher each channel of the student is compared with, from their correlations."""

import keras
import numpy as np
from keras import ops

TINY = 1e-12


class ChannelMatching(keras.layers.Layer):
    """Gathers how the channels of two layers correlate, and pairs them; all of it is saved with a training's state.

    Args:
        student, teacher: numbers of channels.

    Example:
        >>> matching = ChannelMatching(student=2, teacher=3)
        >>> rows = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
        >>> matching.gathers(True)
        >>> matching.add(rows[:, [2, 0]], rows)
        >>> matching.match()
        >>> ops.convert_to_numpy(matching.teacher_index).tolist()
        [2.0, 0.0]
    """

    def __init__(self, student, teacher, name=None):
        super().__init__(name=name, dtype="float32", autocast=False)
        pairs = min(student, teacher)
        self.student_index = self._number("student_index", (pairs,), np.arange(pairs))
        self.teacher_index = self._number("teacher_index", (pairs,), np.arange(pairs))
        self.ready = self._number("ready", (), 1.0)
        self.gathering = self._number("gathering")
        self.count = self._number("count")
        self.student_mean = self._number("student_mean", (student,))
        self.teacher_mean = self._number("teacher_mean", (teacher,))
        self.student_squares = self._number("student_squares", (student,))
        self.teacher_squares = self._number("teacher_squares", (teacher,))
        self.products = self._number("products", (student, teacher))
        self.built = True

    def _number(self, name, shape=(), value=0.0):
        # Each replica knows only its own part of the batch.
        made = self.add_weight(shape=shape, initializer="zeros", trainable=False, aggregation="mean", name=name)
        made.assign(np.broadcast_to(np.asarray(value, "float32"), shape))
        return made

    def gathers(self, now):
        """Begins anew to gather, or stops."""
        self.gathering.assign(1.0 if now else 0.0)
        if now:
            for one in (self.count, self.student_mean, self.teacher_mean, self.student_squares, self.teacher_squares):
                one.assign(ops.zeros(one.shape))
            self.products.assign(ops.zeros(self.products.shape))

    def add(self, student, teacher):
        """Takes a batch into account, where it gathers: float32 (rows, channels) of each."""
        rows = ops.cast(ops.shape(student)[0], "float32")
        student, teacher = (ops.stop_gradient(ops.convert_to_tensor(one)) for one in (student, teacher))
        known, now = ops.convert_to_tensor(self.count), ops.convert_to_tensor(self.gathering)
        means = ops.mean(student, axis=0), ops.mean(teacher, axis=0)
        around = student - means[0], teacher - means[1]
        moved = means[0] - self.student_mean, means[1] - self.teacher_mean
        share = now * rows / ops.maximum(known + rows, 1.0)
        self.student_squares.assign_add(now * ops.sum(around[0] ** 2, axis=0) + known * share * moved[0] ** 2)
        self.teacher_squares.assign_add(now * ops.sum(around[1] ** 2, axis=0) + known * share * moved[1] ** 2)
        products = now * ops.matmul(ops.transpose(around[0]), around[1])
        self.products.assign_add(products + known * share * moved[0][:, None] * moved[1][None, :])
        self.student_mean.assign_add(share * moved[0])
        self.teacher_mean.assign_add(share * moved[1])
        self.count.assign_add(now * rows)

    def correlation(self):
        """Pearson's, (student channels, teacher channels); 0 where a channel is constant."""
        names = ("products", "student_squares", "teacher_squares", "student_mean", "teacher_mean", "count")
        products, student, teacher, student_mean, teacher_mean, count = (
            np.asarray(ops.convert_to_numpy(getattr(self, name)), "float64") for name in names
        )
        # What rounding leaves of a constant channel is no variation.
        student = np.where(student > count * (1e-12 * student_mean**2 + TINY), student, np.inf)
        teacher = np.where(teacher > count * (1e-12 * teacher_mean**2 + TINY), teacher, np.inf)
        return products / np.sqrt(student[:, None]) / np.sqrt(teacher[None, :])

    def match(self):
        """Pairs each channel of the side that has fewer with one of the other, for the largest sum of correlations."""
        from scipy.optimize import linear_sum_assignment

        student, teacher = linear_sum_assignment(-self.correlation())
        self.student_index.assign(student.astype("float32"))
        self.teacher_index.assign(teacher.astype("float32"))
