"""Where the NaN or infinity of a training step comes from: the batch, a teacher, a term, a regulariser."""

import keras
import numpy as np

from keras_kd.backend.keras_private import flat_layers
from keras_kd.models.finite import first_lost, first_lost_layer

LOWER = "try a lower learning_rate, or precision: float32; new settings need --restart or another --out"
LOWER_FOR_TEACHER = "if the teacher was lost in being taught, try a lower trial_step_size or teacher_learning_rate"


def first_source(model, broken, begun_with=None):
    """(where it comes from, what to do) of a step whose loss is not finite.

    Args:
        model: what was trained: as a rule a `Distiller`, just after that step.
        broken: the parts of the loss that are not finite: "label", names of terms; none for the regularisers.
        begun_with: of `weights_of_student`, when it still gave numbers; by now its weights may be lost.

    Returns:
        The first is "", or begins with a comma.
    """
    for batch in _seen(model):
        in_batch = _in_batch(batch)
        found = in_batch or _in_signals(model, batch)
        if found is not None:
            learns = in_batch is None and vars(model).get("meta") is not None
            return f", first in {found}", LOWER_FOR_TEACHER if learns else "correct that: no learning rate helps"
        layer = _in_student(model, batch, begun_with) if broken else None
        if layer is not None:
            return f", first in the student's layer {layer!r}, with the weights that the epoch began with", LOWER
    if not broken:
        layers = _regularised(model)
        where = f", first in the regulariser of {' or '.join(map(repr, layers[:3]))}" if layers else ""
        return where, f"correct it, or {LOWER}"
    terms = [one for one in broken if one != "label"]
    if terms and "label" not in broken and vars(model).get("label_weight"):
        return f", first in {' and '.join(terms)}: the images, the teacher and the label loss are finite", LOWER
    return "", LOWER


def weights_of_student(model):
    """The weights of a `Distiller`'s student as arrays; None of another model."""
    student = vars(model).get("student")
    return None if student is None else student.get_weights()


def _in_student(model, batch, begun_with):
    """The first layer of the student that gives no numbers of a batch, with weights of before; or None."""
    if begun_with is None:
        return None
    images, now = model.join(batch)[0].images, model.student.get_weights()
    model.student.set_weights(begun_with)
    try:
        return first_lost_layer(model.student, images)
    finally:
        model.student.set_weights(now)


def _seen(model):
    """The batches of the last step, where they were kept."""
    seen = vars(model).get("seen")
    return [] if seen is None else seen.batches


def _in_batch(batch):
    """What of a batch, as it was given, is not finite, or None."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    told = x.get("teacher", {}) if isinstance(x, dict) else {}
    images = [one for name, one in x.items() if name != "teacher"] if isinstance(x, dict) else keras.tree.flatten(x)
    parts = [("the images of the batch", one) for one in images]
    parts += [("the labels of the batch", y), ("the sample weights of the batch", weights)]
    parts += [(f"what the bank says of the teacher ({tap})", one) for tap, one in told.items()]
    for name, part in parts:
        for values in keras.tree.flatten(part) if part is not None else ():
            lost = _lost(values)
            if lost is not None:
                return f"{name} (number {lost[0]} of it is {lost[1]})"
    return None


def _lost(values):
    values = keras.ops.convert_to_numpy(values)
    if values.dtype.kind in "iub":
        return None
    return first_lost(values.astype("float32"))


def _in_signals(model, batch):
    """What the networks that do not train make of a batch that is not finite, or None."""
    roles, join = vars(model).get("_tapped"), vars(type(model)).get("join")
    if roles is None or join is None:
        return None
    joined, _, _ = model.join(batch)
    lost = _lost(joined.images)
    if lost is not None:
        return f"the views of the batch (number {lost[0]} of it is {lost[1]})"
    for tap, values in joined.signals.get("teacher", {}).items():
        lost = _lost(values)
        if lost is not None:
            network = roles["teacher"].network
            layer = None if model.banked else first_lost_layer(network, joined.images)
            where = "" if layer is None else f" from its layer {layer!r} on"
            return (
                f"what the teacher {network.name!r} gives ({tap}){where} ({lost[1]} for number {lost[0]} of the batch)"
            )
    return None


def _regularised(model):
    """The layers whose regulariser gives no number even of ones; where none does so, all that have one."""
    having, broken = [], []
    for layer in dict.fromkeys(flat_layers(model)):
        for variable in layer.trainable_variables if not isinstance(layer, keras.Model) else ():
            if variable.regularizer is None:
                continue
            having.append(layer.name)
            value = keras.ops.convert_to_numpy(variable.regularizer(keras.ops.ones(variable.shape, variable.dtype)))
            broken += [layer.name] * (not np.isfinite(value).all())
    return list(dict.fromkeys(broken or having))
