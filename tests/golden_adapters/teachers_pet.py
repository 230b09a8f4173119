"""AdaAlpha, by the Distiller's own trust in the teacher by class, and AdaMargin."""

import keras
import numpy as np
from keras import ops

from keras_kd import KD, METHODS, Distiller
from keras_kd.training.distiller import TrainingBatch
from keras_kd.training.term import Term


def _alpha_distiller(inputs, settings):
    """A Distiller with the trust of the case; its networks only give the shapes."""
    classes = len(inputs["class_alpha"])
    networks = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(classes)]) for _ in range(2)]
    term = Term(KD(temperature=settings["temperature"]), 1.0)
    distiller = Distiller(*networks, terms=[term], trust=inputs["class_alpha"])
    distiller.compile(optimizer="sgd")
    return distiller


def ada_alpha(inputs, settings, distiller):
    student = ops.convert_to_tensor(inputs["student_logits"])
    signals = {"student": {"logits": student}, "teacher": {"logits": ops.convert_to_tensor(inputs["teacher_logits"])}}
    batch = TrainingBatch(None, {}, {})
    variables = [variable for tracker in distiller._trackers for variable in tracker.variables]
    with keras.StatelessScope(state_mapping=[(one, ops.convert_to_tensor(one.value)) for one in variables]):
        return distiller.compute_loss(batch, inputs["labels"], (student, signals, {}))


def ada_margin(inputs, settings):
    method = METHODS["ada_margin"](margins=np.asarray(inputs["margins"]).tolist())
    return ops.mean(method.loss({"student": {"logits": inputs["student_logits"]}}, inputs["labels"], {}))


ADAPTERS = {"ada_alpha": ada_alpha, "ada_margin": ada_margin}
NETWORKS = {"ada_alpha": _alpha_distiller}
