"""Methods that read layers: the cases' features stand for the layers, in the order of their numbers."""

import keras
import numpy as np
from keras import ops

from keras_kd import METHODS

ROLES = ("student", "teacher")


def of_layers(name, **renamed):
    """(inputs, hyperparameters) -> scalar for a method of several taps; `renamed` maps settings to fields."""

    def run(inputs, hyperparameters):
        fields = {field: hyperparameters[setting] for setting, field in renamed.items()}
        count = sum(key.startswith("student_features_") for key in inputs)
        layers = [f"layer_{number}" for number in range(count)]
        method = METHODS[name](student_taps=layers, teacher_taps=layers, **fields)
        signals = {role: {f"layer_{i}": inputs[f"{role}_features_{i}"] for i in range(count)} for role in ROLES}
        return ops.mean(method.loss(signals, None, {}))

    return run


def of_layer(name, adapters=None, **renamed):
    """The same for a method of one tap."""

    def run(inputs, hyperparameters):
        fields = {field: hyperparameters[setting] for setting, field in renamed.items()}
        method = METHODS[name](student_tap="layer", teacher_tap="layer", **fields)
        signals = {role: {"layer": inputs[f"{role}_features"]} for role in ROLES}
        return ops.mean(method.loss(signals, None, adapters or {}))

    return run


def correlation(inputs, hyperparameters):
    """CC of features that are embeddings already."""
    method = METHODS["cc"](student_tap="layer", teacher_tap="layer", embedding_size=0)
    return method.loss({role: {"layer": inputs[f"{role}_features"]} for role in ROLES}, None, {})


def variational(inputs, hyperparameters):
    """VID with the case's weights in place of those of its own layers."""
    method = METHODS["vid"](
        student_taps=["layer"],
        teacher_taps=["layer"],
        eps=hyperparameters["eps"],
        mid_channels=hyperparameters["mid_channels"],
    )
    signals = {role: {"layer": inputs[f"{role}_features"]} for role in ROLES}
    specs = {role: {"layer": keras.KerasTensor((None, *np.shape(signals[role]["layer"])[1:]))} for role in ROLES}
    adapters = method.adapters(specs, {})
    weights = [(adapters[f"mean_0_{number}"].kernel, inputs[f"kernel_{number}"]) for number in (1, 2, 3)]
    weights.append((adapters["variance_0"].log_scale, inputs["log_scale"]))
    with keras.StatelessScope(state_mapping=[(variable, ops.convert_to_tensor(x)) for variable, x in weights]):
        return ops.mean(method.loss(signals, None, adapters))


ADAPTERS = {
    "at": of_layers("at", p="power"),
    "sp": of_layers("sp"),
    "rkd": of_layer("rkd", w_d="distance_weight", w_a="angle_weight", eps="eps"),
    "rkd_distance": of_layer("rkd", w_d="distance_weight", w_a="angle_weight", eps="eps"),
    "rkd_angle": of_layer("rkd", w_d="distance_weight", w_a="angle_weight", eps="eps"),
    "fsp": of_layers("fsp"),
    "pkt": of_layer("pkt", eps="eps"),
    "nst": of_layers("nst"),
    "cc": correlation,
    "vid": variational,
    # The cases' features are aligned already.
    "fitnet": of_layer("fitnet", adapters={"regressor": lambda features, training: features}),
}
