"""Subclass distillation: the cases have a label part too, on the plain classes."""

import keras
from keras import ops

from keras_kd import METHODS
from keras_kd.methods.parts.subclass_head import with_subclasses


def _head(inputs, settings, logits):
    """The fixed end of a network with subclasses: from their logits to those of the plain classes."""
    width = inputs[logits].shape[-1]
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(width // settings["subclasses"])])
    made = with_subclasses("golden", network, settings["subclasses"])
    return keras.Model(made.get_layer("subclasses").output, made.output)


def _label_part(head, logits, labels):
    return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, head(logits), from_logits=True))


def teacher(inputs, settings, head):
    fields = {name: settings[name] for name in ("subclasses", "temperature", "normalize")}
    logits = ops.convert_to_tensor(inputs["teacher_logits"])
    spread = METHODS["subclass_teacher"](**fields).loss({"student": {"subclasses": logits}}, None, {})
    return _label_part(head, logits, inputs["labels"]) + settings["beta"] * spread


def student(inputs, settings, head):
    logits = ops.convert_to_tensor(inputs["student_logits"])
    signals = {"student": {"subclasses": logits}, "teacher": {"subclasses": inputs["teacher_logits"]}}
    taught = ops.mean(METHODS["subclass"](temperature=settings["temperature"]).loss(signals, None, {}))
    return settings["alpha"] * taught + (1 - settings["alpha"]) * _label_part(head, logits, inputs["labels"])


ADAPTERS = {"subclass_teacher": teacher, "subclass_student": student}
NETWORKS = {
    "subclass_teacher": lambda inputs, settings: _head(inputs, settings, "teacher_logits"),
    "subclass_student": lambda inputs, settings: _head(inputs, settings, "student_logits"),
}
