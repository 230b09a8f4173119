"""Whether batch normalisation ever saw an image: without its statistics a network that was trained says nothing."""

import keras
import numpy as np

from keras_kd.backend.keras_private import flat_layers
from keras_kd.workflows.doctor.findings import NORMALISATION, finding, percent
from keras_kd.workflows.doctor.members import is_right, train_it

# Images whose own statistics stand in for those that are missing.
TRIED = 256


def check_batch_normalisation(case, member):
    """Whether batch normalisation has ever seen an image.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    layers = _layers(member)
    if not layers:
        return None
    initial = [layer.name for layer in layers if _never_ran(layer)]
    evidence = {"layers": len(layers), "at_their_initial_values": initial}
    if not initial:
        return finding(NORMALISATION, "good", f"statistics in all {len(layers)} layers", evidence=evidence)
    everywhere = len(initial) == len(layers)
    which = f"all {len(layers)} layers" if everywhere else f"{len(initial)} of {len(layers)} layers ({initial[0]}, ...)"
    told, fix = which, train_it(member)
    if needs_statistics(case, member):
        fix = "run it over training images with training=True, so that it gathers statistics, and save it again"
        told = f"{which}; with the statistics of a batch it gets {percent(_on_batch_statistics(case, member))}"
    elif member.kind in ("file", "function"):
        fix += "; or run it over training images with training=True, and save it again"
    return finding(
        NORMALISATION,
        "bad" if everywhere else "warning",
        f"mean 0 and variance 1, as a new layer has them, in {told}",
        why="These never saw an image in training, and a teacher runs on them.",
        fix=fix,
        evidence=evidence,
    )


def _never_ran(layer):
    mean, variance = (keras.ops.convert_to_numpy(one) for one in (layer.moving_mean, layer.moving_variance))
    return bool((mean == 0).all() and (variance == 1).all())


def _layers(member):
    return [
        layer
        for layer in flat_layers(member.network.model)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built
    ]


def needs_statistics(case, member):
    """Whether a network lacks nothing but statistics: some were never gathered, and with those of a batch it is good.

    Args:
        case: a `Case`.
        member: one of its `Member`s.
    """
    if member.class_map is not None or not any(map(_never_ran, _layers(member))):
        return False
    return case.looks_trained(_on_batch_statistics(case, member))


def _on_batch_statistics(case, member):
    """The accuracy on training images, each batch normalisation taking the statistics of the images themselves."""
    shown = case.training
    some = np.sort(np.random.default_rng(0).permutation(len(shown))[:TRIED])
    images = keras.ops.convert_to_tensor(shown.images[some].astype("float32"))
    # Nothing that it gathers meanwhile is kept.
    with keras.StatelessScope():
        output = member.network.model(images, training=True)
    output = np.nan_to_num(keras.ops.convert_to_numpy(keras.ops.cast(output, "float32")))
    return float(is_right(output, shown.true_labels[some]).mean())
