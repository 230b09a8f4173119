"""What networks that cooperate must have in common, looked at before any of them is trained."""

import numpy as np

from keras_kd.models.outputs import check_from_logits
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import plural


def check_members(members, x, y):
    """Refuses networks that cannot teach each other.

    Args:
        members: list of `Member`.
        x, y: held-out examples and their labels.

    Raises:
        UserError: names the member and what is wrong with it.
    """
    if len(members) < 2:
        raise UserError(f"cooperate: found {plural(len(members), 'network')}; expected two or more; give others")
    names = [one.name for one in members]
    if len(set(names)) < len(names):
        raise UserError(f"cooperate: found the names {', '.join(names)}; expected each once; rename one")
    for one in members:
        _check_output(one)
    classes = {one.name: one.classes for one in members}
    if len(set(classes.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in classes.items())
        raise UserError(
            f"cooperate: found networks of different classes ({said}); expected one number; give heads alike"
        )
    _check_examples("held-out data", x, y, x.shape[1:], members[0].classes)
    for one in members:
        _check_examples(one.name, one.x, one.y, x.shape[1:], one.classes)
        _check_features(one, x)
    for one in members:
        for other in members[: names.index(one.name)]:
            if not shared(one, other, x).any():
                raise UserError(
                    f"cooperate: {other.name} and {one.name} see no feature in common; expected one at least, which a "
                    "counterfactual example may change; give them one, or leave one out"
                )


def _check_output(member):
    """Refuses a network whose output is not classes, or not what `from_logits` says."""
    shape = getattr(member.model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[-1] is None:
        raise UserError(
            f"cooperate: {member.name}: found a network of output {shape}; expected one output (batch, classes); give "
            "a classifier"
        )
    if shape[-1] > 1:
        check_from_logits(f"cooperate: {member.name}", member.model, member.from_logits)


def shared(one, other, x):
    """Which features of examples both members see: bool array like one example."""
    seen = np.ones(x.shape[1:], bool)
    for member in (one, other):
        if member.features is not None:
            seen &= np.isin(np.arange(x.shape[1]), member.features)
    return seen


def _check_examples(where, x, y, shape, classes):
    if not len(x) or x.shape[1:] != shape or len(shape) not in (1, 3):
        raise UserError(
            f"cooperate: {where}: found examples of shape {x.shape}; expected (n, {', '.join(map(str, shape))}) as the "
            "held-out data, vectors or images, one at least; give all of them one shape"
        )
    if x.dtype.kind not in "iuf" or not np.isfinite(x).all():
        raise UserError(f"cooperate: {where}: found {x.dtype} that is not all finite; expected numbers; mend the data")
    if y.shape != (len(x),) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= classes:
        raise UserError(
            f"cooperate: {where}: found labels {y.dtype} of shape {y.shape}; expected {len(x)} whole numbers "
            f"0..{classes - 1}; give one for each example"
        )


def _check_features(member, x):
    features, width = member.features, member.model.input_shape[1:]
    if features is None:
        if tuple(width) != x.shape[1:]:
            raise UserError(
                f"cooperate: {member.name}: found a network of inputs {tuple(width)} and examples {x.shape[1:]}; "
                "expected them alike; give `features`, the positions of those that it sees, or another network"
            )
        return
    if x.ndim != 2:
        raise UserError(f"cooperate: {member.name}: found `features` and images; expected vectors; leave it out")
    if len(set(features)) < len(features) or not all(0 <= one < x.shape[1] for one in features):
        raise UserError(
            f"cooperate: {member.name}: found features {list(features)}; expected positions 0..{x.shape[1] - 1}, each "
            "once; correct them"
        )
    if tuple(width) != (len(features),):
        raise UserError(
            f"cooperate: {member.name}: found {plural(len(features), 'feature')} and a network of inputs "
            f"{tuple(width)}; expected as many; give one position for each input"
        )


def check_gradients(writers, x, y):
    """Refuses a network that has no gradient, where writing needs one.

    Args:
        writers: list of `Writer`.
        x, y: held-out examples and their labels.

    Raises:
        UserError: names the network.
    """
    for writer in writers:
        settings, name = writer.settings, writer.member.name
        if settings.how != "search" and settings.steps and not writer.has_gradient(x, y):
            raise UserError(
                f"cooperate: {name}: what it says does not change with its input by the gradient; expected a network "
                "that can be differentiated; take Cooperation(how='search'), which needs no gradient, or leave it out"
            )
