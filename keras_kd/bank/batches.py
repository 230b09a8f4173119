"""How many views a teacher is shown at once."""

# Views that the teacher is shown at once; of what is left over, where each size of a batch is compiled for itself.
BATCH, SMALL_BATCH = 250, 64


def batches_of(count, by_shape):
    """[(start, how many, how many with what fills it up)] of the batches in which so many views are run.

    Args:
        count: how many views.
        by_shape: whether each size of a batch is compiled for itself; they are then of two sizes.

    Example:
        >>> batches_of(620, by_shape=False)
        [(0, 250, 250), (250, 250, 250), (500, 120, 120)]
        >>> batches_of(620, by_shape=True)
        [(0, 250, 250), (250, 250, 250), (500, 64, 64), (564, 56, 64)]
    """
    batches, start = [], 0
    while start < count:
        left = count - start
        size = BATCH if left > BATCH - SMALL_BATCH or not by_shape else SMALL_BATCH
        taken = min(size, left)
        batches.append((start, taken, size if by_shape else taken))
        start += taken
    return batches
