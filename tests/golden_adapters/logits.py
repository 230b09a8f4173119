"""Methods that read logits (and labels) alone."""

from types import SimpleNamespace

import keras
from keras import ops

from keras_kd import METHODS

# The name of a case's setting, where it is not that of the field.
FIELDS = {
    "tau": "temperature",
    "l": "exponent",
    "t_start": "temperature_start",
    "t_end": "temperature_range",
    "lambda_": "reversal",
    "logit_standardisation": "standardize",
}


def loss_of(name, adapters=lambda inputs, method: {}, target=lambda settings: "identity", **fixed):
    """(inputs, hyperparameters) -> scalar, for a method whose fields are named as the case's settings."""

    def run(inputs, settings, made=None):
        method = METHODS[name]
        named = {FIELDS.get(key, key): value for key, value in settings.items()}
        fields = {field: value for field, value in named.items() if field in method.model_fields}
        method = method(**{**fields, "target": target(settings), **fixed})
        student = inputs["student_logits"]
        # The target of `sim` is made without the teacher's logits, and the case has none.
        signals = {"student": {"logits": student}, "teacher": {"logits": inputs.get("teacher_logits", 0 * student)}}
        return ops.mean(method.loss(signals, inputs.get("labels"), made or adapters(inputs, method)))

    return run


def temperature_adapters(inputs, method):
    return {"temperature": SimpleNamespace(value=ops.reshape(inputs["theta"], ()))}


def relations_adapters(inputs, method):
    """The adapters that a teacher with this last kernel gives."""
    features, classes = inputs["teacher_kernel"].shape
    teacher = keras.Sequential([keras.Input((features,)), keras.layers.Dense(classes, use_bias=False)])
    teacher.layers[-1].kernel.assign(inputs["teacher_kernel"])
    return method.adapters({"teacher": {"logits": keras.KerasTensor((None, classes))}}, {"teacher": teacher})


def similarity(settings):
    return {"sim": settings["tau_sim"]}


# Layers that are made once, before what runs them is compiled.
NETWORKS = {
    "kd_sim": lambda inputs, settings: relations_adapters(inputs, METHODS["kd"](target=similarity(settings))),
}
ADAPTERS = {
    "kd": loss_of("kd"),
    "dkd": loss_of("dkd"),
    "lskd": loss_of("kd", standardize=True),
    "lskd_dkd": loss_of("dkd", standardize=True),
    "dist": loss_of("dist"),
    "ttm": loss_of("ttm"),
    "wttm": loss_of("wttm"),
    "rld": loss_of("rld"),
    "ctkd": loss_of("ctkd", adapters=temperature_adapters),
    "kd_pt": loss_of("kd", target=lambda settings: "pt"),
    "kd_sim": loss_of("kd", adapters=relations_adapters, target=similarity),
    "kd_topk": loss_of("kd", target=lambda settings: {"topk": settings["k"]}),
}
