"""The state of a training after an epoch, in one file: a killed run resumes from it."""

import json

import keras
import numpy as np

from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write


def save_state(distiller, rows, path, kept=None):
    """Writes all that training has changed: student, adapters, dropout seeds, optimizer, and the history.

    Args:
        distiller: a compiled `Distiller`.
        rows: the history so far, one dict per epoch.
        path: the file; the old one stands until the new one is whole.
        kept: arrays that stay as they are until others take their place: the weights of the best epoch; or None.
    """
    arrays = {
        f"variable_{number}": keras.ops.convert_to_numpy(variable) for number, variable in enumerate(distiller.state())
    }
    arrays.update({f"kept_{number}": value for number, value in enumerate(kept or ())})
    arrays["history"] = np.array(json.dumps(rows))
    with atomic_write(path, sealed=False) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load_state(distiller, path):
    """Puts a saved state back.

    Args:
        distiller: a compiled `Distiller` of the same recipe.
        path: what `save_state` wrote; may be missing.

    Returns:
        (the history, one dict per epoch, what was kept, a list of arrays or None); ([], None) where there is no state.

    Raises:
        UserError: the file is damaged or of another student.
    """
    if not path.exists():
        return [], None
    distiller.optimizer.build(distiller.trainable_variables)
    variables = distiller.state()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = [arrays[f"variable_{number}"] for number in range(len(variables))]
            kept = [arrays[f"kept_{number}"] for number in range(sum("kept_" in name for name in arrays.files))]
            whole_file = len(arrays.files) == len(variables) + len(kept) + 1
            rows = json.loads(str(arrays["history"]))
    except (
        Exception
    ) as error:  # whatever NumPy and zipfile make of a file that was damaged; its check sums find all else
        raise UserError(f"{path}: damaged ({error}); delete it, or begin again with --restart") from None
    fits = whole_file and all(
        tuple(variable.shape) == value.shape for variable, value in zip(variables, values, strict=True)
    )
    if not fits:
        raise UserError(f"{path}: the state of another student or optimizer; begin again with --restart")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return rows, kept or None
