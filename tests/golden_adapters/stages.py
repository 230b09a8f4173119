"""FCFD: two networks of the case's weights, cut into stages, with its bridges; MGD: the case's masks and generator."""

import re
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops

from keras_kd import Schedule
from keras_kd.methods import FCFD, MGD
from keras_kd.methods.adapters import build_adapters
from keras_kd.models.taps import Tapped

ROLES = ("teacher", "student")  # as the cases number them


def network(role, inputs, hyperparameters):
    """A stage is a convolution, batch normalisation and ReLU."""
    epsilon = hyperparameters["batch_norm_epsilon"]
    image = x = keras.Input(inputs["images"].shape[1:])
    for stage, strides in enumerate(hyperparameters["strides"]):
        filters = inputs[f"{role}_kernel_{stage}"].shape[-1]
        x = keras.layers.ZeroPadding2D(1)(x)
        x = keras.layers.Conv2D(filters, 3, strides, use_bias=False, name=f"convolution_{stage}")(x)
        x = keras.layers.BatchNormalization(epsilon=epsilon, name=f"normalization_{stage}")(x)
        x = keras.layers.ReLU(name=f"stage_{stage}")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    classes = inputs[f"{role}_classifier_kernel"].shape[-1]
    return keras.Model(image, keras.layers.Dense(classes, name="classifier")(x), name=role)


def fcfd_made(inputs, hyperparameters):
    """The method, the networks and the bridges of a case, and which variable has which of its weights."""
    stages = len(hyperparameters["strides"])
    taps = [f"stage_{stage}" for stage in range(1, stages)]
    method = FCFD(
        student_taps=taps,
        teacher_taps=taps,
        temperature=hyperparameters["temperature"],
        kd_weight=hyperparameters["kd_weight"],
        mixture_weight=hyperparameters["mixture_weight"],
        feature_weight=Schedule(end_value=hyperparameters["weight_l2"], duration=20).at(hyperparameters["epoch"]),
        teacher_batch_statistics=True,
    )
    networks = {role: network(role, inputs, hyperparameters) for role in ROLES}
    tapped = {role: Tapped(role, one, method.taps(role), True) for role, one in networks.items()}
    images = keras.KerasTensor((None, *inputs["images"].shape[1:]))
    adapters = build_adapters(method, {role: one.specs(images) for role, one in tapped.items()}, networks)
    weights = {}
    for role, one in networks.items():
        for variable in one.trainable_variables:
            layer, kind = variable.path.split("/")[-2:]
            number = re.sub(r"\D+", "", layer)
            weights[f"{role}_{kind}_{number}" if number else f"{role}_classifier_{kind}"] = variable
    for name, bridge in adapters.items():
        if name.startswith("to_"):
            target, tap = name.rsplit("_", 1)
            for variable in bridge.trainable_variables:
                weights[f"{target}_{variable.name}_{int(tap) + 1}"] = variable
    return SimpleNamespace(method=method, student=tapped["student"], adapters=adapters, weights=weights)


def fcfd(inputs, hyperparameters, made=None):
    made = made or fcfd_made(inputs, hyperparameters)
    values = [(variable, ops.convert_to_tensor(inputs[name])) for name, variable in made.weights.items()]
    with keras.StatelessScope(state_mapping=values):
        _, student = made.student.run(ops.convert_to_tensor(inputs["images"]), training=True)
        teacher = dict.fromkeys((*made.method.teacher_taps, "logits"))  # in inference mode: not read here
        signals = {"student": student, "teacher": teacher, "data": {"images": inputs["images"]}}
        own = made.method.own_maps(signals, made.adapters)
        total = made.method.loss_without_paths(student["logits"], own)
        for path in hyperparameters["extra_paths"]:
            first = ROLES[path[0]]
            crossing = path.index(1 - path[0]) - 2  # after that tap; stage 0 has none
            total = total + made.method.loss_of_path((first, crossing), own, made.adapters)
        labelled = ops.sparse_categorical_crossentropy(inputs["labels"], student["logits"], from_logits=True)
        return ops.mean(total + labelled)


def mgd(inputs, hyperparameters):
    method = MGD(
        student_tap="layer", teacher_tap="layer", mask=hyperparameters["mask"], mask_ratio=hyperparameters["mask_ratio"]
    )

    def convolution(kernel, bias, activation=lambda x: x):
        return lambda x: activation(ops.conv(x, inputs[kernel], padding="same") + inputs[bias])

    adapters = {
        "generate_1": convolution("kernel_1", "bias_1", ops.relu),
        "generate_2": convolution("kernel_2", "bias_2"),
    }
    if "align_kernel" in inputs:
        adapters["align"] = convolution("align_kernel", "align_bias")
    uniforms = np.expand_dims(inputs["uniforms"], (1, 2) if method.mask == "channel" else -1)
    maps = [ops.convert_to_tensor(inputs[f"{role}_features"]) for role in ("student", "teacher")]
    return hyperparameters["alpha"] * ops.mean(method.generated(*maps, uniforms, adapters))


NETWORKS = {"fcfd": fcfd_made}
ADAPTERS = {"fcfd": fcfd, "mgd": mgd}
