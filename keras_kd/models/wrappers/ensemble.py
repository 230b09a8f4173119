"""Several networks as one: the mean of their probabilities, of their softened probabilities, or of their logits."""

import math

from keras_kd.models.wrappers.softened import as_logits, with_output
from keras_kd.models.zoo.pixels import image_input
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops

MEANS = ("probabilities", "logits", "softened")


def ensemble(members, *, mean="probabilities", weights=None, temperature=None, from_logits=True, name="ensemble"):
    """A network whose logits are the mean of its members.

    Args:
        members: built `keras.Model`s on the same images (each takes pixels 0..255 and normalises them itself), giving
            (batch, classes) of the same classes. They run in the ensemble and keep their weights.
        mean: "probabilities": the logits are log sum_m w_m softmax(z_m), so that a student's temperature applies after
            averaging; "softened": T log sum_m w_m softmax(z_m / T), so that a student at the same T learns the mean of
            the softened probabilities; "logits": sum_m w_m z_m.
        weights: one number per member, 0 or more; divided by their sum. None weighs all alike.
        temperature: T of "softened"; above 0.
        from_logits: whether the members give logits, one answer for all or one per member. Of probabilities the
            logarithm is taken, with a floor of 1e-14.
        name: of the model.

    Returns:
        A functional `keras.Model` from images to float32 logits. It has no feature maps of its own; those of a member
        are tapped by path, "member_1/stage3".

    Raises:
        UserError: no members, members that differ in images or classes, weights or a temperature that cannot be.

    Source:
        Stanton et al. 2021, arXiv:2106.05945, for the mean of probabilities; Hinton et al. 2015, arXiv:1503.02531,
        for the mean of softened ones and its use as a teacher; You et al. 2017 (KDD), "Learning from Multiple Teacher
        Networks", for the same.

    Example:
        >>> from keras_kd.models import build
        >>> members = [build("digits_tiny", (8, 8, 1), 10) for _ in range(3)]
        >>> ensemble(members).output_shape
        (None, 10)
    """
    members = list(members)
    if not members:
        raise UserError(f"{name}: found no members; give at least one network")
    shares = normalized_weights(weights, len(members), name)
    flags = [from_logits] * len(members) if isinstance(from_logits, bool) else list(from_logits)
    if len(flags) != len(members):
        raise UserError(f"{name}: from_logits: found {len(flags)} answers for {len(members)} members; expected as many")
    if mean not in MEANS:
        raise UserError(f"{name}: mean: found {mean!r}; expected one of {', '.join(MEANS)}")
    if mean == "softened" and not (temperature is not None and 0 < temperature < math.inf):
        raise UserError(f"{name}: temperature: found {temperature}; a softened mean needs one above 0")
    if mean != "softened" and temperature is not None:
        raise UserError(f"{name}: temperature: found {temperature}; only a softened mean has one; leave it out")
    for what, attribute in (("images", "input_shape"), ("outputs", "output_shape")):
        shapes = [tuple(getattr(member, attribute)[1:]) for member in members]
        if len(set(shapes)) > 1:
            raise UserError(
                f"{name}: members differ in their {what}: {', '.join(map(str, shapes))}; expected the same of all: "
                "give each member an input_size, or a class_map"
            )

    image = image_input(members[0].input_shape[1:])
    # Layers of one model need names of their own; members of one recipe have the same.
    parts = [with_output(member, _same, f"member_{number}")(image) for number, member in enumerate(members, 1)]
    logits = [as_logits(part, flag) for part, flag in zip(parts, flags, strict=True)]
    return keras.Model(image, mean_of_logits(logits, shares, mean, temperature), name=name)


def mean_of_logits(logits, weights=None, mean="probabilities", temperature=None):
    """The mean of several logits, as logits; see `ensemble`.

    Args:
        logits: a list of float32 tensors (batch, classes).
        weights: numbers that sum to 1; None weighs all alike.
        mean, temperature: as of `ensemble`.

    Returns:
        A tensor (batch, classes).

    Example:
        >>> import numpy as np
        >>> one, other = np.log([[0.9, 0.1]]).astype("float32"), np.log([[0.5, 0.5]]).astype("float32")
        >>> [round(float(p), 4) for p in np.exp(mean_of_logits([one, other]))[0]]
        [0.7, 0.3]
    """
    weights = normalized_weights(weights, len(logits), "mean_of_logits")
    pairs = [(weight, one) for weight, one in zip(weights, logits, strict=True) if weight > 0]
    if mean == "logits":
        total = pairs[0][0] * pairs[0][1]
        for weight, one in pairs[1:]:
            total = total + weight * one
        return total
    scale = temperature if mean == "softened" else 1.0
    weighted = [ops.log_softmax(one / scale, axis=-1) + math.log(weight) for weight, one in pairs]
    return scale * ops.logsumexp(ops.stack(weighted, axis=-1), axis=-1)


def normalized_weights(weights, count, name="ensemble"):
    """Weights of `count` members that sum to 1.

    Args:
        weights: numbers, 0 or more, or None for equal ones.
        count: how many are expected.
        name: for errors.

    Raises:
        UserError: another number of weights, a negative one, or none above 0.

    Example:
        >>> normalized_weights([3, 1], 2)
        [0.75, 0.25]
    """
    weights = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(weights) != count:
        raise UserError(f"{name}: weights: found {len(weights)} for {count} members; expected one per member")
    total = math.fsum(weights)
    if not all(0 <= weight < math.inf for weight in weights) or not total > 0:
        raise UserError(f"{name}: weights: found {weights}; expected numbers of 0 or more, one at least above 0")
    return [weight / total for weight in weights]


def _same(output):
    return ops.cast(output, "float32")
