"""Softmax losses over drawn classes."""

from keras import ops

from keras_kd.methods.parts.class_sampling import log_weights_of, sampled_cross_entropy


def dis(inputs, settings):
    chosen, temperature = ops.convert_to_tensor(inputs["sampled_classes"]), settings["temperature"]
    proposal, teacher, student = (
        ops.take_along_axis(ops.convert_to_tensor(inputs[name]), chosen, axis=-1)
        for name in ("proposal", "teacher_logits", "student_logits")
    )
    log_weights = log_weights_of(ops.log(proposal), settings["samples"])
    values = sampled_cross_entropy(teacher / temperature, student / temperature, log_weights)
    return temperature**2 * ops.mean(values)


ADAPTERS = {"dis": dis}
