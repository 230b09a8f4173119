"""The losses of `torch_losses.py` and those of keras_kd on the same signals."""

import numpy as np
import torch
from torch_losses import Contrast, attention_transfer, kd, relational, similarity_preserving
from torch_networks import network
from torch_protocol import Views

BATCH = 32


def losses_apart(teacher, arrays, settings):
    """How far each loss is from keras_kd's, relative to it, on a batch of images.

    Args:
        teacher: a `torch_networks.Network`; the student is one at its start.
        arrays, settings: as of `torch_protocol.train`.

    Returns:
        {row: float}; of CRD twice, "crd" and, with the memory that the first has left behind, "crd, second batch".
    """
    torch.manual_seed(0)
    batch = min(BATCH, len(arrays["x_train"]) // 2)
    views, student = (
        Views(arrays["x_train"], arrays["scale"], arrays["offset"]),
        network(settings["student"], settings["classes"]),
    )
    with torch.no_grad():
        said = [
            {"student": student.eval().signals(images), "teacher": teacher.eval().signals(images)}
            for images in (views.plain(np.arange(at, at + batch)) for at in (0, batch))
        ]
    return {**_plain_losses(said[0]), **_contrast(said, arrays, settings, batch)}


def keras_signals(said):
    """Signals of PyTorch as keras_kd's methods take them: maps with their channels last."""
    return {
        role: {tap: (one.permute(0, 2, 3, 1) if one.ndim == 4 else one).numpy() for tap, one in signals.items()}
        for role, signals in said.items()
    }


def _plain_losses(said):
    from keras_kd import methods

    ours = {
        "kd": (kd, methods.KD(temperature=4.0)),
        "at": (attention_transfer, methods.AT()),
        "sp": (similarity_preserving, methods.SP()),
        "rkd": (relational, methods.RKD()),
    }
    return {
        row: _apart(theirs(said["student"], said["teacher"]), method.loss(keras_signals(said), None, {}))
        for row, (theirs, method) in ours.items()
    }


def _contrast(said, arrays, settings, batch):
    """Two batches in turn, with the same embeddings, memories and draws on both sides."""
    from keras_kd.methods import CRD
    from keras_kd.methods.parts.contrast_memory import ContrastMemory

    labels = torch.from_numpy(arrays["y_train"].astype("int64"))
    theirs, method = Contrast(labels, settings["negatives"]), CRD(negatives=settings["negatives"])
    memory = ContrastMemory(len(labels), 128)
    memory.student_bank.assign(theirs.student_memory.numpy())
    memory.teacher_bank.assign(theirs.teacher_memory.numpy())
    adapters = {"memory": memory}
    for role in ("student", "teacher"):
        adapters[f"{role}_embedding"] = _dense(getattr(theirs, f"embed_{role}"))
    found = {}
    for number, (name, one) in enumerate(zip(("crd", "crd, second batch"), said, strict=True)):
        chosen = theirs.draw(torch.arange(number * batch, (number + 1) * batch))
        with torch.no_grad():
            loss = theirs.contrast(one["student"], one["teacher"], chosen)
        found[name] = _apart(loss, method.contrast(keras_signals(one), chosen.numpy().astype("int32"), adapters))
    return found


def _dense(linear):
    import keras

    layer = keras.layers.Dense(linear.out_features, dtype="float32")
    layer.build((None, linear.in_features))
    layer.set_weights([linear.weight.detach().numpy().T, linear.bias.detach().numpy()])
    return layer


def _apart(theirs, ours):
    ours = float(np.mean(np.asarray(ours)))
    return abs(float(theirs) - ours) / abs(ours)
