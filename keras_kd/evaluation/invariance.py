"""Whether a network keeps its class when an image is turned or coloured otherwise, and whether two networks agree."""

from itertools import combinations

import numpy as np

from keras_kd.evaluation.perturbations.transformations import colour_jitter, rotation
from keras_kd.models.network import INFERENCE_BATCH, logits_of
from keras_kd.utils.errors import UserError

TRANSFORMATIONS = {"colour_jitter": colour_jitter, "rotation": rotation}


def invariance(networks, images, seed=0, batch_size=INFERENCE_BATCH):
    """What transformations that leave the class of an image as it is do to what networks say of it.

    Args:
        networks: a dict of `keras_kd.models.network.Network`s of the same classes, by name.
        images: uint8 array (n, height, width, channels).
        seed: whole number, 0 or more; decides the transformation of each image.
        batch_size: images at once.

    Returns:
        A dict: "networks" {name: {transformation: the share of images of which it names the same class before and
        after}}; "pairs" {"<name>/<name>": {"images": the share of images of which both name the same class,
        transformation: {"agreement": that share of the transformed images, "agreement_on_change": the share of images
        of which both change their class or neither does}}}. The transformations are those of
        `keras_kd.evaluation.perturbations.transformations`. Logits that hold NaN name no class, which is the same as no
        other.

    Raises:
        UserError: images of another type or shape.

    Source:
        Ojha et al., What Knowledge Gets Distilled in Knowledge Distillation?, arXiv:2205.16004.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> one = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> unchanged = invariance({"student": one, "teacher": one}, np.full((2, 8, 8, 1), 100, "uint8"))
        >>> unchanged["networks"]["student"]["rotation"], unchanged["pairs"]["student/teacher"]["rotation"]
        (1.0, {'agreement': 1.0, 'agreement_on_change': 1.0})
    """
    images = np.asarray(images)
    if not len(images):
        raise UserError("invariance: found no images; expected one at least; give some")
    changed = [transform(images, seed) for transform in TRANSFORMATIONS.values()]
    # One call a network: each compiles the network anew.
    shown = np.concatenate([images, *changed])
    before, after, same = {}, {}, {}
    for name, network in networks.items():
        first, *rest = np.split(_classes(network, shown, batch_size), len(changed) + 1)
        before[name], after[name] = first, dict(zip(TRANSFORMATIONS, rest, strict=True))
        same[name] = {what: first == classes for what, classes in after[name].items()}

    def pair(one, other):
        found = {"images": float((before[one] == before[other]).mean())}
        for what in TRANSFORMATIONS:
            found[what] = {
                "agreement": float((after[one][what] == after[other][what]).mean()),
                "agreement_on_change": float((same[one][what] == same[other][what]).mean()),
            }
        return found

    return {
        "networks": {name: {what: float(kept.mean()) for what, kept in one.items()} for name, one in same.items()},
        "pairs": {f"{one}/{other}": pair(one, other) for one, other in combinations(networks, 2)},
    }


def _classes(network, images, batch_size):
    """The class of each image as a number, NaN where the logits hold NaN."""
    logits, _ = logits_of(network, images, batch_size)
    return np.where(np.isnan(logits).any(1), np.nan, logits.argmax(1))
