"""Methods that read logits (and labels) alone."""

from keras import ops

from keras_kd import METHODS

SIGNALS = {"student_logits": ("student", "logits"), "teacher_logits": ("teacher", "logits")}


def loss_of(name):
    """(inputs, hyperparameters) -> scalar, for a method whose fields are named as the case's settings."""

    def run(inputs, hyperparameters):
        method = METHODS[name]
        signals = {"student": {}, "teacher": {}}
        for key, (role, tap) in SIGNALS.items():
            if key in inputs:
                signals[role][tap] = inputs[key]
        fields = {field: hyperparameters[field] for field in method.model_fields if field in hyperparameters}
        return ops.mean(method(**fields).loss(signals, inputs.get("labels"), {}))

    return run


ADAPTERS = {"kd": loss_of("kd")}
