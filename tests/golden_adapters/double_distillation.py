"""Double distillation: the teacher's probabilities come as logits."""

import numpy as np
from keras import ops

from keras_kd import METHODS


def double_distillation(inputs, settings):
    teacher = np.log(inputs["teacher_probabilities"])
    signals = {"student": {"logits": inputs["student_logits"]}, "teacher": {"logits": teacher}}
    return ops.mean(METHODS["double_distillation"](form=settings["form"]).loss(signals, None, {}))


ADAPTERS = {"double_distillation": double_distillation}
