"""Whether the members of an ensemble look at the same places, as they are and each on a view of its own."""

from itertools import combinations

import keras
import numpy as np

from keras_kd.data.views.member_views import MemberViews
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.evaluation.grad_cam import attention_overlap, grad_cam, overlap
from keras_kd.models.network import Network, logits_of

# Beyond these each pair would cost more than it tells.
MOST_MEMBERS = 5
OWN_VIEWS = ", own views"


def members_of(teacher):
    """{"teacher_1": `Network`, ...} of the members of an ensemble; empty where there are none, or very many.

    Args:
        teacher: a `Network`, or None.
    """
    if teacher is None or not teacher.members or len(teacher.members[0]) > MOST_MEMBERS:
        return {}
    models, flags, _ = teacher.members
    parts = enumerate(zip(models, flags, strict=True), 1)
    return {f"teacher_{number}": Network(f"teacher_{number}", model, flag) for number, (model, flag) in parts}


def attention(networks, images, views=None):
    """How far networks, and the members of the teacher where it is an ensemble, look at the same places.

    Args:
        networks: {role: `Network`}, "teacher" among them or not.
        images: uint8 (n, height, width, channels).
        views: the `Views` that a student is shown; where the members see views of their own, two of them are also
            compared on these, each map as its member sees the image.

    Returns:
        A dict of `overlap`s by "<name>/<name>"; with ", own views" after it where each saw its own.

    Raises:
        UserError: as of `grad_cam`.

    Source:
        Guo et al. 2025, arXiv:2405.00739, for teachers on views of their own; its threshold could not be read.

    Example:
        >>> from keras_kd.models import build
        >>> one = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> image = np.eye(8, dtype="uint8")[None, ..., None] * 255
        >>> list(attention({"student": one, "teacher": one}, image))
        ['student/teacher']
    """
    teacher = networks.get("teacher")
    members = members_of(teacher)
    found = attention_overlap({**networks, **members}, images)
    if not members or not teacher.view_seeds or views is None:
        return found
    place, seen = np.arange(len(images)), np.full(len(images), views.identity)
    shown = MemberViews(teacher.view_seeds, views).of(place, seen)
    classes = logits_of(teacher, images)[0].argmax(-1)
    render, maps = ViewRenderer(views), {}
    for number, (name, member) in enumerate(members.items()):
        rendered = render({"image": np.asarray(images), "view": shown[:, number]})
        maps[name] = grad_cam(member, keras.ops.convert_to_numpy(rendered), classes=classes)
    for one, other in combinations(members, 2):
        found[f"{one}/{other}{OWN_VIEWS}"] = overlap(maps[one], maps[other])
    return found
