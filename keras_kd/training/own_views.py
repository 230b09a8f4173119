"""What a teacher says in a training step, where its members may see views of their own."""

from keras import ops

from keras_kd.data.views.member_views import SENT
from keras_kd.models.taps import LOGITS
from keras_kd.models.wrappers.own_views import EnsembleOnOwnViews
from keras_kd.utils.errors import UserError


def said_on_own_views(tapped, views, x):
    """What a teacher says whose members see views of their own, in inference mode and without a gradient.

    Args:
        tapped: the teacher, a `Tapped`.
        views: the layer that renders a batch, or None.
        x: the batch as it was sent.

    Returns:
        {"logits": float32 tensor (batch, classes)}, or None of any other teacher.

    Raises:
        UserError: the batch names views of members and the teacher has none that could see them, or the other way
            round; a layer of such a teacher is read.
    """
    sent = isinstance(x, dict) and SENT in x
    own = isinstance(tapped.network, EnsembleOnOwnViews)
    if sent and not own:
        raise UserError("teacher: the batches name views of its members; give on_own_views([...]), or no member_views")
    if not own:
        return None
    if not sent or views is None:
        raise UserError(
            "teacher: its members see views of their own and the batches name none; give Epochs(..., member_views=...) "
            "and views=ViewRenderer(...), or an ensemble of one view"
        )
    if tapped.layers:
        raise UserError(
            f"teacher: its members see views of their own, and a term reads {', '.join(tapped.layers)} of it; take "
            "terms of logits alone, or an ensemble of one view"
        )
    shown = [views({**x, "view": x[SENT][:, number]}) for number in range(len(tapped.network.how[0]))]
    return {LOGITS: ops.stop_gradient(tapped.network.on_views(shown))}
