"""The teacher of a recipe with `meta`: as it was, as it was taught, and what that changed."""

import contextlib

from keras_kd import models
from keras_kd.evaluation import metrics
from keras_kd.models.network import Network, logits_of
from keras_kd.report.report import TaughtTeacher
from keras_kd.report.soundness import PUT_BACK
from keras_kd.training.meta_distiller import MetaDistiller
from keras_kd.utils.account import verified
from keras_kd.utils.files import atomic_write
from keras_kd.utils.quiet import quiet_start


@contextlib.contextmanager
def as_it_was(teacher):
    """After the block a teacher has the weights that it had before.

    Args:
        teacher: a `Network`, or None.
    """
    if teacher is None:
        yield
        return
    before = teacher.model.get_weights()
    try:
        yield
    finally:
        teacher.model.set_weights(before)


def keep_taught(files, distiller):
    """Saves the taught teacher of a run, if it has one; the file that it was made of stays as it is.

    Args:
        files: the `RunFolder`.
        distiller: what was trained.
    """
    if isinstance(distiller, MetaDistiller):
        with atomic_write(files.taught_teacher) as temporary, quiet_start():
            distiller.teacher.save(temporary)


def measured(files, dataset, teacher, logits):
    """What teaching changed of the teacher, on the test images; None where it was not taught.

    Args:
        files: the `RunFolder`.
        dataset: the data.
        teacher: its `Network` as it was, or None.
        logits: (the student's, the teacher's as it was) of the test images.

    Returns:
        A `TaughtTeacher`, or None.

    Raises:
        UserError: the file of the taught teacher is not as the run made it.
    """
    if teacher is None or logits[1] is None or not files.taught_teacher.exists():
        return None
    file = verified(files.taught_teacher, PUT_BACK)
    model = models.build(str(file), dataset.image_shape, dataset.classes, pixels="pixels")
    taught, _ = logits_of(Network(teacher.name, model, teacher.from_logits), dataset.test.images)
    student, before, labels = *logits, dataset.test.labels
    return TaughtTeacher(
        file=file.name,
        held_out=len(dataset.held_out),
        before=metrics.accuracy(before, labels),
        top1=metrics.accuracy(taught, labels),
        agreement_before=metrics.agreement(taught, before),
        agreement=metrics.agreement(student, taught),
        kl=metrics.predictive_kl(student, taught),
    )
