"""What a teacher says must be numbers: otherwise its network, the layer and the image are named."""

import numpy as np

from keras_kd.models.finite import first_lost, first_lost_layer
from keras_kd.utils.errors import UserError


def refuse_lost_values(bank, places, values):
    """Refuses what a teacher said of some views, if any of it is NaN or infinite.

    Args:
        bank: the `Bank`, for the names.
        places: of the views, int array (n,).
        values: {tap: float32 array (n, ...)}.

    Raises:
        UserError: names the network, the first such view and, where a network was asked, its first such layer.
    """
    for tap, said in values.items():
        lost = first_lost(said)
        if lost is None:
            continue
        place, word = lost
        index, number = (int(one) for one in np.divmod(places[place], bank.count))
        layer = None if bank.members else first_lost_layer(*bank.shown([index], [number]))
        where = "" if layer is None else f", first in its layer {layer!r}"
        raise UserError(
            f"bank: the teacher's output is not finite: {bank.name} gives {tap} that are {word} for training image "
            f"{index} in view {number}{where}; take a teacher that gives numbers: `keras-kd evaluate` measures it"
        )
