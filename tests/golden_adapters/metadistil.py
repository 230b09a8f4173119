"""A whole round of MetaDistil: the loss of the tried student, the teacher's gradient, all weights afterwards."""

import keras
import numpy as np

from keras_kd import KD, Meta, MetaDistiller, Rounds, Term
from keras_kd.data.rounds import ArrayEpochs, HeldOut


def perceptron(role, inputs, settings):
    """A network of Dense layers with a case's weights."""
    count = settings[f"{role}_layers"]
    sizes = [inputs[f"{role}_kernel_{number}"].shape for number in range(count)]
    layers = [
        keras.layers.Dense(size[1], activation=settings["activation"] if number < count - 1 else None)
        for number, size in enumerate(sizes)
    ]
    network = keras.Sequential([keras.Input(sizes[0][:1]), *layers])
    network.set_weights([inputs[f"{role}_{part}_{number}"] for number in range(count) for part in ("kernel", "bias")])
    return network


def named(role, values, ending):
    """{name of a case's output: value} of the weights of a role, in their order."""
    return {
        f"{role}_{('kernel', 'bias')[place % 2]}_{place // 2}_{ending}": keras.ops.convert_to_numpy(value)
        for place, value in enumerate(values)
    }


def a_round(inputs, settings):
    """{name: value} of all that a case says of a round."""
    networks = {role: perceptron(role, inputs, settings) for role in ("student", "teacher")}
    batches = settings["meta_batches"]
    distiller = MetaDistiller(
        **networks,
        terms=Term(KD(temperature=settings["temperature"]), settings["alpha"]),
        label_weight=1 - settings["alpha"],
        meta=Meta(
            trial_step_size=settings["assume_step_size"],
            teacher_learning_rate=settings["teacher_learning_rate"],
            teacher_momentum=0.0,
            teacher_l2=0.0,
            teacher_gradient_norm=None,
            batches=batches,
        ),
    )
    distiller.compile(optimizer=keras.optimizers.SGD(settings["student_learning_rate"]))
    x, y = inputs["inputs"], inputs["labels"]
    held_out, size = (inputs["held_inputs"], inputs["held_labels"]), -(-len(x) // batches)
    parts = [(*one, None) for one in zip(np.array_split(x, batches), np.array_split(y, batches), strict=True)]
    loss, gradients = distiller.teacher_gradients(parts, [held_out])
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    first = cross_entropy(parts[0][1], networks["student"](parts[0][0]))
    # All held-out examples are one batch, whatever the size of the training batches.
    train = ArrayEpochs(x, y, batch_size=size * batches, shuffle=False)
    rounds = Rounds(train, HeldOut(*held_out, size=len(held_out[1])), batches)
    history = distiller.fit(rounds, verbose=0).history
    np.testing.assert_allclose(history["held_out_loss"][0], float(loss), rtol=1e-6)
    return {
        "loss": float(loss),
        "real_label_loss_first_batch": float(first),
        **named("teacher", gradients, "gradient"),
        **named("teacher", networks["teacher"].weights, "after"),
        **named("student", networks["student"].weights, "after"),
    }


STEPS = {"metadistil": a_round}
ADAPTERS = {}
