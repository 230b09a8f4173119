"""Counterfactual examples of binary networks of two layers, of the examples that the student has wrong alone."""

from keras import ops

from keras_kd import backend
from keras_kd.methods.parts.counterfactuals import goal, objective


def _network(inputs, role):
    weights = [ops.convert_to_tensor(inputs[f"{role}_{name}"]) for name in ("kernel_0", "bias_0", "kernel_1", "bias_1")]

    def said(x):
        hidden = ops.tanh(ops.matmul(x, weights[0]) + weights[1])
        return ops.sigmoid(ops.matmul(hidden, weights[2]) + weights[3])[:, 0]

    return said


def cooperative(inputs, settings):
    teacher, student = _network(inputs, "teacher"), _network(inputs, "student")
    x, candidates = ops.convert_to_tensor(inputs["inputs"]), ops.convert_to_tensor(inputs["candidates"])
    truth = ops.cast(ops.convert_to_tensor(inputs["labels"]), "float32")

    def right(said):
        return ops.equal(said > settings["threshold"], truth > 0.5)

    chosen = ops.cast(ops.logical_and(right(teacher(x)), ops.logical_not(right(student(x)))), "float32")
    goals = goal(teacher(x), truth, settings["alpha"])

    def loss(moved):
        return chosen * objective(moved, x, teacher(moved), goals, settings["distance_weight"])

    return {
        "chosen": chosen,
        "goal": goals,
        "teacher_on_candidates": teacher(candidates),
        "loss": ops.sum(loss(candidates)),
        "grad_candidates": backend.input_gradient(loss, candidates),
    }


ADAPTERS = {}
STEPS = {"cooperative": cooperative}
