"""Methods whose procedure differs: memories, rebuilt students, peers, branches, walks to the boundary."""

import keras
from keras import ops

from keras_kd.methods import BSS, CRD, DML, ONE, SimKD
from keras_kd.methods.parts.contrast_memory import ContrastMemory


def crd(inputs, hyperparameters):
    return ops.mean(crd_call(inputs, hyperparameters, crd_memory(inputs)))


def crd_memory(inputs):
    """The two banks as a case gives them."""
    memory = ContrastMemory(*inputs["student_memory"].shape)
    memory.student_bank.assign(inputs["student_memory"])
    memory.teacher_bank.assign(inputs["teacher_memory"])
    return memory


def crd_call(inputs, hyperparameters, memory):
    """The loss of each example; the memory moves on."""
    method = CRD(
        student_tap="features",
        teacher_tap="features",
        negatives=hyperparameters["nce_k"],
        temperature=hyperparameters["nce_temperature"],
        momentum=hyperparameters["nce_momentum"],
        embedding_size=hyperparameters["feature_dim"],
    )
    adapters = {"memory": memory}
    for role in ("student", "teacher"):
        kernel, bias = inputs[f"{role}_embed_kernel"], inputs[f"{role}_embed_bias"]
        adapters[f"{role}_embedding"] = lambda x, kernel=kernel, bias=bias: ops.matmul(x, kernel) + bias
    signals = {role: {"features": inputs[f"{role}_features"]} for role in ("student", "teacher")}
    return method.contrast(signals, ops.convert_to_tensor(inputs["contrast_index"]), adapters)


def simkd(inputs, hyperparameters, composite=None):
    method = SimKD(student_tap="features", teacher_tap="features", factor=hyperparameters["factor"])
    values, _ = simkd_outputs(inputs, composite or simkd_network(inputs, hyperparameters))
    signals = {"student": {"projected": values}, "teacher": {"features": inputs["teacher_features"]}}
    return ops.mean(method.loss(signals, None, {}))


def simkd_network(inputs, hyperparameters):
    """The composite student of a case, with its classifier: a network of (projected maps, logits)."""
    method = SimKD(student_tap="features", teacher_tap="features", factor=hyperparameters["factor"])
    student, teacher = (
        network_of(inputs[f"{role}_features"].shape[1:], inputs["classifier_kernel"].shape[1])
        for role in ("student", "teacher")
    )
    composite = method.student(student, {"teacher": teacher})
    composite.get_layer("logits").set_weights([inputs["classifier_kernel"], inputs["classifier_bias"]])
    return keras.Model(composite.input, [composite.get_layer("projected").output, composite.outputs[0]])


def simkd_outputs(inputs, composite):
    """(projected maps, logits) of the composite student with a case's weights."""
    given = {f"projector_{number}_conv/kernel": inputs[f"kernel_{number}"] for number in (1, 2, 3)}
    given.update({f"projector_{number}_bn/gamma": inputs[f"gamma_{number}"] for number in (1, 2, 3)})
    given.update({f"projector_{number}_bn/beta": inputs[f"beta_{number}"] for number in (1, 2, 3)})
    return run_with(composite, given, inputs["student_features"])


def network_of(shape, classes):
    """A network that only pools and classifies a map, the layer "features"."""
    maps = keras.Input(tuple(shape))
    x = keras.layers.Identity(name="features")(maps)
    if len(shape) == 3:
        x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(maps, keras.layers.Dense(classes, name="logits")(x))


def run_with(network, given, images):
    """A network's outputs in training mode with some of its weights given by the ends of their paths."""
    trainable = []
    for variable in network.trainable_variables:
        (value,) = [value for path, value in given.items() if variable.path.endswith(path)]
        trainable.append(ops.convert_to_tensor(value))
    fixed = [variable.value for variable in network.non_trainable_variables]
    return network.stateless_call(trainable, fixed, images, training=True)[0]


def dml(inputs, hyperparameters):
    labels, peers = inputs["labels"], hyperparameters["peers"]
    signals = {"student": {"logits": inputs["logits_0"]}}
    signals.update({f"peer_{number}": {"logits": inputs[f"logits_{number}"]} for number in range(1, peers)})
    own = DML(temperature=hyperparameters["temperature"]).loss(signals, labels, {})
    return ops.mean(own + cross_entropy(labels, inputs["logits_0"]))


def cross_entropy(labels, logits):
    """The student's own part, which in training is the Distiller's label loss."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def one(inputs, hyperparameters):
    logits, features, labels = inputs["branch_logits"], inputs["gate_features"], inputs["labels"]
    method = ONE(
        student_tap="features",
        branches=hyperparameters["branches"],
        temperature=hyperparameters["temperature"],
        kl_weight=hyperparameters["kl_weight"],
    )
    network = network_of(features.shape[1:], logits.shape[-1])
    gate = method.adapters({}, {"student": network})["gate"]
    given = {
        "kernel": inputs["gate_kernel"],
        "bias": inputs["gate_bias"],
        "gamma": inputs["gate_gamma"],
        "beta": inputs["gate_beta"],
    }
    adapters = {"gate": lambda x, training: run_with(gate, given, x)}
    for branch in range(1, method.branches):
        adapters[f"branch_{branch}"] = lambda x, training, branch=branch: logits[:, branch]
    signals = {"student": {"features": features, "logits": logits[:, 0]}}
    return ops.mean(method.loss(signals, labels, adapters) + cross_entropy(labels, logits[:, 0]))


def bss_method(hyperparameters):
    return BSS(
        temperature=hyperparameters["temperature"],
        attack_size=hyperparameters.get("attack_size", 64),
        steps=hyperparameters["num_steps"],
        step_size=hyperparameters["step_alpha"],
        gap_epsilon=hyperparameters["gap_epsilon"],
        clip=hyperparameters["clip"],
    )


def perceptron(role, inputs, activation=None):
    """images -> logits by a role's one or two Dense layers."""

    def run(images):
        kernel, bias = inputs[f"{role}_kernel_1"], inputs[f"{role}_bias_1"]
        x = ops.matmul(ops.reshape(images, (-1, kernel.shape[0])), kernel) + bias
        x = x if activation is None else getattr(ops, activation)(x)
        if f"{role}_kernel_2" in inputs:
            x = ops.matmul(x, inputs[f"{role}_kernel_2"]) + inputs[f"{role}_bias_2"]
        return x

    return run


def followed(method, teacher, student, weight):
    """The loss of logits on made images."""
    signals = {"teacher": {"extra": teacher}, "student": {"extra": student}, "data": {"extra_weight": weight}}
    return method.loss(signals, None, {})


def bss_attack(inputs, hyperparameters):
    method = bss_method(hyperparameters)
    teacher = perceptron("teacher", inputs, hyperparameters.get("teacher_activation"))
    images = ops.convert_to_tensor(inputs["inputs"])
    moved = ops.stop_gradient(method.walk(images, ops.convert_to_tensor(inputs["target_classes"]), teacher))
    student = perceptron("student", inputs)(moved)
    # The logits are an output of the case; its gradient is that with respect to a change of them.
    if "attacked_student_logits" in inputs:
        change = inputs["attacked_student_logits"]
        student = student + change - ops.stop_gradient(change)
    return followed(method, teacher(moved), student, ops.ones(moved.shape[0]))


def bss_step(inputs, hyperparameters):
    method = bss_method(hyperparameters)
    networks = {role: perceptron(role, inputs) for role in ("teacher", "student")}
    images, labels = ops.convert_to_tensor(inputs["inputs"]), ops.convert_to_tensor(inputs["labels"])
    moved, weight = method.boundary_images(
        images, labels, lambda role, x: networks[role](x), ops.convert_to_tensor(inputs["uniforms"])
    )
    moved, weight = ops.stop_gradient(moved), ops.stop_gradient(weight)
    teacher, student = networks["teacher"](images), networks["student"](images)
    clean = followed(method, teacher, student, ops.ones(len(labels)))
    attacked = followed(method, networks["teacher"](moved), networks["student"](moved), weight)
    labelled = ops.mean(cross_entropy(labels, student))
    return labelled + hyperparameters["kd_ratio"] * clean + hyperparameters["attack_ratio"] * attacked


# Networks that are made once, before what runs them is compiled.
NETWORKS = {"simkd": simkd_network}
ADAPTERS = {
    "crd": crd,
    "simkd": simkd,
    "dml": dml,
    "one": one,
    "bss_attack": bss_attack,
    "bss_step": bss_step,
}
