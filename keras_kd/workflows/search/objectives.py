"""The figures that a search is judged by, and which way each is better."""

from keras_kd.utils.errors import UserError

# The figures that one would search by, and which way is better.
DIRECTIONS = {
    "val_accuracy": "max",
    "val_loss": "min",
    "student.top1": "max",
    "student.top5": "max",
    "calibration.ece": "min",
    "calibration.nll": "min",
    "calibration.brier": "min",
    "fidelity.agreement": "max",
    "fidelity.kl": "min",
    "cost.parameters": "min",
    "cost.macs": "min",
    "cost.file_bytes": "min",
    "time.seconds.training": "min",
}


def objectives_of(spec):
    """What a search is judged by: [(name of a figure, "max" or "min")].

    Args:
        spec: a `SearchSpec`.

    Raises:
        UserError: a figure of which it is not known which way it is better, or that is there twice.

    Example:
        >>> from keras_kd.recipe.schema import SearchSpec
        >>> objectives_of(SearchSpec())
        [('val_accuracy', 'max')]
    """
    found = []
    for one in spec.objective:
        direction = one.direction or DIRECTIONS.get(one.name)
        if direction is None:
            raise UserError(
                f"which way is {one.name} better? Give {{name: {one.name}, direction: max}}, or min; known are "
                f"{', '.join(DIRECTIONS)}"
            )
        found.append((one.name, direction))
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        raise UserError(f"found {names[0]} twice; keep one")
    return found
