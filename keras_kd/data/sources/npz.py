"""An .npz file of plain arrays."""

import os
import warnings
import zipfile

import numpy as np

from keras_kd.data.sources.arrays import KEYS, from_arrays
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import ARRAYS, ends_in, user_path

FORM = {"FILE.npz": "arrays x_train, y_train, x_test, y_test (label_names)"}
IS_PATH = True


def means(name):
    """Whether a name means this source."""
    return ends_in(name, ARRAYS)


def load(path, options=DEFAULTS):
    """A source out of an .npz file.

    Args:
        path: a file with x_train, y_train and, as one has them, x_test, y_test, label_names.
        options: `SourceOptions`; nothing of them concerns it.

    Raises:
        UserError: there is no such file, or it holds something else.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "pets.npz")
        >>> np.savez(path, x_train=np.zeros((2, 4, 4), "uint8"), y_train=[0, 1])
        >>> load(path)
        Source(train=Split(2 images of 4x4x1), test=None, class_names=('0', '1'), validation=None, notes=())
    """
    file = user_path(path, "data")
    if not os.path.isfile(file):
        raise UserError(f"{path}: found no such file; expected an .npz file with x_train and y_train; give its path")
    try:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no archive, as .npz files are")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that are odd but can be read
            with np.load(file, allow_pickle=False) as kept:
                arrays = {key: kept[key] for key in kept.files if key in KEYS}
    except Exception as error:  # of a damaged file zipfile and NumPy raise nearly anything
        raise UserError(
            f"{path}: found a file that cannot be read ({_line(error)}); expected what np.savez writes, without Python "
            "objects; save it again"
        ) from error
    return from_arrays(path, arrays)


def _line(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__
