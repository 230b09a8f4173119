"""How a row of the bank is written: in how many bytes, and with what error."""

from dataclasses import dataclass

import numpy as np

from keras_kd.utils.errors import UserError

FORMATS = ("float16", "float32", "int8", "topk")
LARGEST_FLOAT16 = 65504.0


@dataclass(frozen=True)
class Format:
    """A way to write float32 vectors of one length as rows of bytes, and to read them back.

    float32 is exact. float16 is within 2^-11 of each value (and at most 65504). int8 is within a 510th of the range of
    the row. topk keeps the largest values in float16; all others read as one value that leaves the sum of their
    exponentials as it was, so a softmax at temperature 1 has the right probabilities for those kept and the right rest,
    spread evenly.

    Args:
        name: one of `FORMATS`.
        length: of the vectors, above 0.
        kept: values that topk keeps, above 0; all of them where there are not more.

    Example:
        >>> Format("float16", 100).row_bytes, Format("int8", 100).row_bytes, Format("topk", 100, kept=10).row_bytes
        (200, 108, 44)
    """

    name: str
    length: int
    kept: int = 10

    def __post_init__(self):
        if self.name not in FORMATS:
            raise UserError(f"bank.format: found {self.name!r}; expected one of {', '.join(FORMATS)}")

    @property
    def row_bytes(self):
        """Bytes of a row; a multiple of 4."""
        return sum(np.dtype(kind).itemsize * count for kind, count in self._fields) + self._padding

    @property
    def _fields(self):
        if self._whole:
            return [("<f4" if self.name == "float32" else "<f2", self.length)]
        if self.name == "int8":
            return [("<f4", 2), ("u1", self.length)]
        return [("<f2", self.kept), ("<f2", 1), ("<u2" if self.length <= 2**16 else "<u4", self.kept)]

    @property
    def _whole(self):
        """Whether every value is written as it is, but for its precision."""
        return self.name in ("float16", "float32") or (self.name == "topk" and self.kept >= self.length)

    @property
    def _padding(self):
        return -sum(np.dtype(kind).itemsize * count for kind, count in self._fields) % 4

    def encode(self, values):
        """Rows of bytes, uint8 (n, row_bytes), of float32 values (n, length).

        Raises:
            UserError: a value is not finite.

        Example:
            >>> one = Format("int8", 3)
            >>> one.decode(one.encode(np.array([[-1.0, 0.0, 4.1]]))).round(2).astype(str).tolist()
            [['-1.0', '0.0', '4.1']]
        """
        values = np.asarray(values, "float32")
        if not np.isfinite(values).all():
            raise UserError(
                "bank: the teacher's output is not finite (NaN or infinite); expected numbers; check the teacher by "
                "`keras-kd evaluate` of its run"
            )
        if self._whole:
            return self._joined([values])
        if self.name == "int8":
            low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
            step = np.maximum((high - low) / np.float32(255), np.finfo("float32").tiny)
            return self._joined([np.concatenate([low, step], axis=1), np.rint((values - low) / step)])
        chosen = np.argpartition(values, -self.kept, axis=1)[:, -self.kept :]
        rest = values.astype("float64")
        np.put_along_axis(rest, chosen, -np.inf, axis=1)
        top = rest.max(axis=1, keepdims=True)
        level = top + np.log(np.exp(rest - top).sum(axis=1, keepdims=True) / (self.length - self.kept))
        return self._joined([np.take_along_axis(values, chosen, axis=1), level, chosen])

    def decode(self, rows):
        """The float32 values (n, length) of rows of bytes, uint8 (n, row_bytes)."""
        parts = self._split(rows)
        if self._whole:
            return parts[0].astype("float32")
        if self.name == "int8":
            low, step = parts[0][:, :1], parts[0][:, 1:]
            return low + step * parts[1].astype("float32")
        largest, level, chosen = parts
        values = np.repeat(level.astype("float32"), self.length, axis=1)
        np.put_along_axis(values, chosen.astype("int64"), largest.astype("float32"), axis=1)
        return values

    def _joined(self, parts):
        pieces = []
        for (kind, _), part in zip(self._fields, parts, strict=True):
            if kind == "<f2":
                part = np.clip(part, -LARGEST_FLOAT16, LARGEST_FLOAT16)
            pieces.append(np.ascontiguousarray(part.astype(kind)).view("u1"))
        pieces.append(np.zeros((len(pieces[0]), self._padding), "u1"))
        return np.concatenate(pieces, axis=1)

    def _split(self, rows):
        rows, parts, start = np.ascontiguousarray(rows), [], 0
        for kind, count in self._fields:
            size = np.dtype(kind).itemsize * count
            parts.append(np.ascontiguousarray(rows[:, start : start + size]).view(kind))
            start += size
        return parts
