"""A published checkpoint as a `.keras` file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from keras_kd.models.published.names import our_name
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.paths import KERAS, ends_in, user_path
from keras_kd.workflows.arguments import PathLike, given_path


class Imported(NamedTuple):
    """The file that was written, and what is in it."""

    file: Path
    parameters: int
    classes: int


def import_published(
    network: str,
    checkpoint: PathLike,
    out: PathLike | None = None,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Imported:
    """Writes the network of a PyTorch checkpoint of the reference protocol; a file that is there stays.

    Args:
        network: its name, such as "resnet56".
        checkpoint: the `.pth` file.
        out: the `.keras` file; by default that of the network's name, here.
        mean, std: that it was trained with; both or neither.

    Returns:
        `Imported`.

    Raises:
        UserError: as of `keras_kd.models.published.carry.import_published`, or the file is there already.

    Example:
        >>> import_published("resnet56", "no_such.pth")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: no_such.pth: no such file; expected a checkpoint of PyTorch
    """
    checkpoint = user_path(given_path(checkpoint, "checkpoint"), "checkpoint")
    file = Path(f"{our_name(network)}.keras" if out is None else user_path(given_path(out, "out"), "out"))
    if not ends_in(file, KERAS[:1]):
        raise UserError(f"{file}: expected the name of a .keras file; give -o {file.name}.keras")
    if file.exists():
        raise UserError(f"{file}: exists already; remove it, or give another name with -o")
    if (mean is None) != (std is None):
        raise UserError(f"{'--mean' if mean else '--std'}: mean and std go together; give both or neither")
    from keras_kd.models.cost import parameters
    from keras_kd.models.published import carry

    model = carry.import_published(network, checkpoint, mean=mean or carry.MEAN, std=std or carry.STD)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as temporary:
        model.save(temporary)
    return Imported(file, parameters(model), model.output_shape[-1])
