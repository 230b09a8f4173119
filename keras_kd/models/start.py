"""Where a student starts: at its own first weights, at its teacher's, or between them (Stanton et al. 2021)."""

from keras_kd.backend.keras_private import flat_layers
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


def start_from(student, teacher, share):
    """Moves the student's weights towards the teacher's: share x teacher + (1 - share) x student, each weight.

    The moving statistics of batch normalisation are mixed as well, and fit no such network: see
    `re_estimate_batch_norm`.

    Args:
        student: a built `keras.Model`; its weights change.
        teacher: another one, whose weights have the same shapes in the same order.
        share: 0 (the student stays) to 1 (it becomes the teacher). In the paper students reach their teacher's basin
            from 0.375 on.

    Raises:
        UserError: the share is no such number, or the weights differ in number or shape.

    Source: Stanton et al., Does Knowledge Distillation Really Work?, arXiv:2106.05945, section 6; samuelstanton/gnosis.

    Example:
        >>> from keras_kd.models import build
        >>> student, teacher = (build("digits_tiny", (8, 8, 1), 10) for _ in range(2))
        >>> start_from(student, teacher, 1.0)
        >>> bool((student.get_weights()[0] == teacher.get_weights()[0]).all())
        True
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise UserError(f"start_from_teacher: found {share!r}; expected a share from 0 to 1")
    _check_shapes(student, teacher)
    for own, other in zip(student.weights, teacher.weights, strict=True):
        own.assign(share * ops.cast(other, own.dtype) + (1 - share) * ops.convert_to_tensor(own))


def re_estimate_batch_norm(student, batches):
    """Measures the moving statistics of batch normalisation anew: their mean over the batches.

    Args:
        student: a built `keras.Model`; it runs in training mode, and only the statistics change.
        batches: images as the student takes them, (batch, height, width, channels) each; an empty iterable changes
            nothing.

    Returns:
        The number of batches.

    Source: Stanton et al., arXiv:2106.05945, section 6, where the statistics run on with their momentum instead.

    Example:
        >>> import numpy as np
        >>> from keras_kd.models import build
        >>> re_estimate_batch_norm(build("digits_tiny", (8, 8, 1), 10), [np.ones((4, 8, 8, 1))] * 3)
        3
    """
    layers = [layer for layer in flat_layers(student) if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    count = 0
    try:
        for count, images in enumerate(batches, 1):
            for layer in layers:
                # The mean of the first `count` batches; at the first one nothing of before is left.
                layer.momentum = (count - 1) / count
            student(images, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return count


def _check_shapes(student, teacher):
    fix = "expected networks of equal shapes; take such a teacher, or leave start_from_teacher out"
    own, other = student.weights, teacher.weights
    if len(own) != len(other):
        raise UserError(
            f"start_from_teacher: {student.name} has {len(own)} weights and {teacher.name} has {len(other)}; {fix}"
        )
    for mine, its in zip(own, other, strict=True):
        if tuple(mine.shape) != tuple(its.shape):
            raise UserError(
                f"start_from_teacher: {mine.path} of {student.name} is {tuple(mine.shape)} and {its.path} of "
                f"{teacher.name} {tuple(its.shape)}; {fix}"
            )
