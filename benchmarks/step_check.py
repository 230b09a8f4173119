"""The first steps of training in PyTorch and in keras_kd, from the same weights on the same views in the same order.

What separates them is then rounding, or a difference of the loss, the optimizer or the normalisation.
"""

import numpy as np
import torch
from torch_losses import Contrast
from torch_networks import carry, network, weights_of
from torch_protocol import ROWS, Draws, Training, Views

# With two steps momentum is in it; with every further one what rounding does grows several times.
STEPS, SEED = 2, 0
# What PyTorch does otherwise than it should, to see that such a thing is seen.
WRONG = "no decay of norms"
# Relative: about the last digit of a float32.
LAST_DIGIT = 1e-7


def steps_apart(teacher, weights, arrays, settings, method_of):
    """How far apart the two sides' weights are after a few steps, over how far they went.

    Args:
        teacher: a `torch_networks.Network`.
        weights: of the same teacher, of `weights_of`.
        arrays, settings: as of `torch_protocol.train`.
        method_of: {row: keras_kd's method, None of the student alone}.

    Returns:
        {row: {"trained": float, of the weights; "statistics": of the moving statistics of the normalisation, whose
        variance PyTorch divides by n - 1; "rounding": of PyTorch from itself, where it begins with other last digits;
        "wrong": of PyTorch from itself without weight decay on normalisation and biases}}.
    """
    count = min(STEPS * settings["batch"], len(arrays["x_train"]))
    arrays = {**arrays, "x_train": arrays["x_train"][:count], "y_train": arrays["y_train"][:count]}
    found = {}
    for row, method in method_of.items():
        start, ours, contrast = _ours(row, method, weights, arrays, settings)
        begun, ended = (
            carry(one, network(settings["student"], settings["classes"])).state_dict() for one in (start, ours)
        )
        theirs = _theirs(row, start, contrast, teacher, arrays, settings)
        wrong = _theirs(row, start, contrast, teacher, arrays, settings, (WRONG,))
        draw = np.random.default_rng(SEED)
        moved = {name: one * (1 + LAST_DIGIT * draw.standard_normal(one.shape)) for name, one in start.items()}
        moved = {name: one.astype("float32") for name, one in moved.items()}
        rounded = _theirs(row, moved, contrast, teacher, arrays, settings)
        found[row] = {
            "trained": _apart(begun, ended, theirs, "running"),
            "statistics": _apart(begun, ended, theirs, "weight", "bias"),
            "rounding": _apart(begun, theirs, rounded, "running"),
            "wrong": _apart(begun, theirs, wrong, "running"),
        }
    return found


def _apart(begun, ended, theirs, *without):
    """How far two sides are apart, over how far one of them went, but for what has one of some words in its name."""
    names = [name for name in begun if not any(word in name for word in (*without, "num_batches"))]
    apart, went = (
        sum((one[name] - other[name]).square().sum().item() for name in names) ** 0.5
        for one, other in ((theirs, ended), (ended, begun))
    )
    return apart / went


def _ours(row, method, weights, arrays, settings):
    """(weights before, weights after, what `Contrast` begins with) of keras_kd's side."""
    import keras

    from keras_kd import SGD, VIEWS, Distiller, Epochs, Term, ViewRenderer
    from keras_kd.models import build

    std = 1 / (255 * np.asarray(arrays["scale"], float))
    like = {"image_shape": arrays["x_train"].shape[1:], "classes": settings["classes"]}
    like.update(mean=-np.asarray(arrays["offset"], float) * std, std=std)
    keras.utils.set_random_seed(SEED)
    student, teacher = build(settings["student"], **like), build(settings["teacher"], **like)
    for layer in teacher.layers:
        for one in layer.weights:
            one.assign(weights[f"{layer.name}/{one.name}"])
    views, (label_weight, weight, _) = VIEWS["crop_flip"], ROWS[row]
    distiller = Distiller(
        student,
        teacher if method else None,
        [Term(method, weight)] if method else [],
        label_weight=label_weight,
        views=ViewRenderer(views, arrays["x_train"]),
        examples=len(arrays["x_train"]),
    )
    distiller.compile(optimizer=SGD(settings["rate"], momentum=0.9, l2=settings["decay"]))
    start, contrast = weights_of(student), _drawn_alike(distiller) if row == "crd" else None
    distiller.fit(Epochs(None, arrays["y_train"], views, settings["batch"], seed=SEED), shuffle=False, verbose=0)
    return start, weights_of(student), contrast


def _drawn_alike(distiller):
    """Has CRD's memory draw by a rule that `_theirs` can follow; what embeddings and memory begin with."""
    from keras import ops

    adapters = distiller.adapters["0"]
    memory = adapters["memory"]
    memory.negatives = lambda index, count: (index[:, None] + 7 * ops.arange(count + 1)) % memory.examples
    kept = {f"{role}_memory": np.array(getattr(memory, f"{role}_bank")) for role in ("student", "teacher")}
    for role in ("student", "teacher"):
        kept[role] = [np.array(one) for one in adapters[f"{role}_embedding"].weights]
    return kept


def _theirs(row, start, contrast, teacher, arrays, settings, exchanged=()):
    """The state of PyTorch's student after the steps."""
    labels = torch.from_numpy(arrays["y_train"].astype("int64"))
    training = Training(row, settings, labels, SEED, exchanged, start)
    if isinstance(training.term, Contrast):
        _begin_alike(training.term, contrast)
    training.begin(settings["rate"])
    views = Views(arrays["x_train"], arrays["scale"], arrays["offset"])
    order, *view = Draws(SEED, len(labels), {"order", "views"}).epoch(0)
    for at in range(0, len(order), settings["batch"]):
        part = slice(at, at + settings["batch"])
        index, images = torch.from_numpy(order[part].astype("int64")), views(order[part], *(one[part] for one in view))
        with torch.no_grad():
            taught = teacher.eval().signals(images) if training.term else None
        training.step(images, labels[index], taught, index)
    return training.student.state_dict()


def _begin_alike(term, contrast):
    term.draw = lambda index: (index[:, None] + 7 * torch.arange(term.count + 1)) % len(term.labels)
    for role in ("student", "teacher"):
        setattr(term, f"{role}_memory", torch.from_numpy(contrast[f"{role}_memory"]))
        kernel, bias = contrast[role]
        with torch.no_grad():
            linear = getattr(term, f"embed_{role}")
            linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
