"""The arrays of a PyTorch checkpoint, read without PyTorch and without running anything that is in it.

A checkpoint is a pickle that names its numbers, and the numbers beside it: in a zip archive, or, as PyTorch wrote
before 1.6 and the published teachers are, one after the other in one file. Of the pickle only tensors, dicts and plain
values are made; every other class that it names becomes an empty thing, so no code of it runs.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_kd.utils.errors import UserError

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "<u1",
}  # fmt: skip
# Under which names trainers keep the weights among other things.
INSIDE = ("model", "state_dict", "net", "model_state_dict", "teacher")
SAVE = "save the network's own: torch.save(model.state_dict(), path)"


class _Tensor(NamedTuple):
    """Where a tensor lies in its storage, in numbers."""

    storage: "_Storage"
    offset: int
    size: tuple
    stride: tuple


class _Storage(NamedTuple):
    key: str
    dtype: str
    length: int


class _Nothing:
    """Stands for whatever else a pickle names; takes all that a pickle does to an object, and does nothing."""

    def __init__(self, *arguments, **options):
        pass

    def __call__(self, *arguments, **options):
        return self

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def append(self, value):
        pass

    def extend(self, values):
        pass


class _Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.sizes = {}  # bytes of a number of each storage

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *rest: _Tensor(storage, offset, tuple(size), tuple(stride))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *rest: data
        if module == "torch" and name.endswith("Storage"):
            return name
        return type(name, (_Nothing,), {})

    def persistent_load(self, saved):
        kind, storage, key, _, count, *_ = saved
        if kind != "storage" or storage not in DTYPES:
            raise pickle.UnpicklingError(f"it has numbers of {storage}")
        self.sizes[str(key)] = np.dtype(DTYPES[storage]).itemsize
        return _Storage(str(key), DTYPES[storage], int(count))


def read_checkpoint(path):
    """The weights of a checkpoint by their names, in its order: {name: array}.

    Args:
        path: of a `.pth` or `.pt` file of `torch.save`, of a state dict or of a dict that holds one.

    Raises:
        UserError: there is no such file, it is damaged, or it holds no state dict.

    Example:
        >>> read_checkpoint("no_such.pth")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: no_such.pth: no such file; expected a checkpoint of PyTorch
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"{path}: no such file; expected a checkpoint of PyTorch")
    try:
        found, numbers = _of_zip(file) if zipfile.is_zipfile(file) else _of_one_file(file)
        state = _state_in(found)
        if state is None:
            raise UserError(f"{path}: holds no state dict, tensors by their names; {SAVE}")
        return {name.removeprefix("module."): _array(one, numbers) for name, one in state.items()}
    except UserError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise UserError(f"{path}: found no readable checkpoint of PyTorch; {SAVE}") from error


def _of_zip(file):
    """(what was pickled, a function from a key to the bytes of its storage)."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        (pickled,) = [name for name in names if name.endswith("/data.pkl") or name == "data.pkl"]
        folder = pickled.removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in names and archive.read(order) != b"little":
            raise ValueError("its numbers are big-endian")
        found = _Unpickler(io.BytesIO(archive.read(pickled))).load()
        prefix = f"{folder}data/"
        return found, {name.removeprefix(prefix): archive.read(name) for name in names if name.startswith(prefix)}.get


def _of_one_file(file):
    """As `_of_zip`, of the form before PyTorch 1.6."""
    with open(file, "rb") as opened:
        if _Unpickler(opened).load() != MAGIC:
            raise ValueError("it begins as no checkpoint does")
        for _ in ("version", "system"):
            _Unpickler(opened).load()
        unpickler = _Unpickler(opened)
        found = unpickler.load()
        keys, parts = _Unpickler(opened).load(), {}
        for key in map(str, keys):
            count = int.from_bytes(opened.read(8), "little")
            parts[key] = opened.read(count * unpickler.sizes[key])
        return found, parts.get


def _state_in(found):
    """The state dict in what was pickled, or None."""
    if not isinstance(found, dict):
        return None
    inside = [found[one] for one in INSIDE if isinstance(found.get(one), dict)]
    for one in [*inside, found]:
        tensors = {name: value for name, value in one.items() if isinstance(value, _Tensor)}
        if tensors and len(tensors) == len(one):
            return tensors
    return None


def _array(tensor, numbers):
    """A tensor as an array of its own."""
    raw = numbers(tensor.storage.key)
    dtype = np.dtype(tensor.storage.dtype)
    if raw is None or len(raw) < tensor.storage.length * dtype.itemsize:
        raise ValueError("numbers are missing")
    values = np.frombuffer(raw, dtype, tensor.storage.length)
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.size, tensor.stride, strict=True))
    if 0 in tensor.size:
        return np.zeros(tensor.size, dtype)
    if tensor.offset < 0 or min(tensor.stride, default=0) < 0 or last >= len(values):
        raise ValueError("a tensor lies beyond its numbers")
    strides = [step * dtype.itemsize for step in tensor.stride]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.size, strides).copy()
