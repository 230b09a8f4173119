"""The views that the members of an ensemble see, each its own, where the student sees one."""

from collections.abc import Sequence

import numpy as np

from keras_kd.data.views.crop_flip import Views
from keras_kd.utils.errors import UserError
from keras_kd.utils.hashing import hash_uint

MEMBER_VIEW = 41
# Under which they are sent with a batch: int32 (batch, members).
SENT = "member_view"


class MemberViews:
    """Which view each member of an ensemble sees, given the student's: a function of (seed, image, student's view).

    So what the ensemble says is still a table by the student's view, which a bank can hold.

    Args:
        seeds: whole numbers, 0 or more, one for each member; members of equal seeds see the same views.
        views: the `Views` family, of one image each.

    Raises:
        UserError: views that mix images: a member would see another mixture than the student is to answer for.

    Source:
        Guo et al. 2025, arXiv:2405.00739: another augmentation for each teacher; that the views follow from the
        student's is ours.

    Example:
        >>> from keras_kd.data.views.crop_flip import VIEWS
        >>> MemberViews((1, 2), VIEWS["crop_flip"]).of(np.arange(3), np.zeros(3, int)).tolist()
        [[8, 112], [8, 83], [118, 137]]
    """

    def __init__(self, seeds: Sequence[int], views: Views) -> None:
        self.seeds, self.views = tuple(seeds), views
        if views.mixing:
            raise UserError(
                "member_views: found views that mix images, of which each member would see another mixture than its "
                "student; take views without mixup and cutmix, or one view for all"
            )

    def of(self, index, view):
        """The view of every member: int32 array (n, members).

        Args:
            index: int array (n,), the images' positions in the training split.
            view: int array (n,), the student's views of them.
        """
        return np.stack(
            [self.of_member(number, index, view, self.views.count) for number in range(len(self.seeds))], axis=-1
        )

    def of_member(self, number, index, view, count):
        """The view of one member, of so many views that there are: int32 array (n,)."""
        drawn = hash_uint(self.seeds[number], index, view, MEMBER_VIEW)
        return (drawn % np.uint64(count)).astype("int32")
