"""Labels of channels: which of them are one, and what an array of them says.

An array of labels has the shape of one example of a tensor, and at each place the label of the channel that the value
there belongs to. Along an axis on which labels do not differ it is broadcast, so that it takes no memory.
"""

import numpy as np

MANY = 1 << 12


class Labels:
    """A growing set of labels, some of which are the same (union-find).

    Example:
        >>> labels = Labels()
        >>> one, other = labels.new(2), labels.new(2)
        >>> labels.unite(one, other)
        >>> labels.resolve(other).tolist()
        [0, 1]
    """

    def __init__(self):
        self.count = 0
        self._parent = np.arange(MANY)

    def new(self, number):
        """So many new labels, (number,)."""
        while self.count + number > len(self._parent):
            self._parent = np.concatenate([self._parent, np.arange(len(self._parent), 2 * len(self._parent))])
        self.count += number
        return np.arange(self.count - number, self.count)

    def resolve(self, array):
        """An array with each label as the one that stands for all that are the same."""
        while True:
            above = self._parent[array]
            if (above == array).all():
                return above
            array = self._parent[above]

    def unite(self, one, other):
        """The labels of two arrays are the same, place by place."""
        one, other = compact(*np.broadcast_arrays(one, other))
        one, other = self.resolve(one).ravel(), self.resolve(other).ravel()
        differ = one != other
        for pair in np.unique(one[differ].astype("int64") * self.count + other[differ]):
            first, second = (self._find(label) for label in divmod(int(pair), self.count))
            self._parent[max(first, second)] = min(first, second)

    def _find(self, label):
        while self._parent[label] != label:
            self._parent[label] = self._parent[self._parent[label]]
            label = self._parent[label]
        return label

    def differ(self, array, axis):
        """Whether the labels of an array differ along an axis."""
        (array,) = compact(array)
        if array.shape[axis] == 1:
            return False
        found = self.resolve(array)
        return bool((found != found.take([0], axis)).any())

    def along(self, array, axis):
        """The labels along one axis, (n,); those that differ along another are made the same."""
        (array,) = compact(array, but=(axis % array.ndim,))
        moved = np.moveaxis(array, axis, -1)
        first = moved[(0,) * (moved.ndim - 1)]
        self.unite(moved, np.broadcast_to(first, moved.shape))
        return first

    def as_block(self, array):
        """An array of which any part that is kept is a block: labels differ along one axis, the last where they did."""
        differing = [axis for axis in range(array.ndim) if self.differ(array, axis)]
        for axis in differing[:-1]:
            self.unite(array, np.broadcast_to(array.take([0], axis), array.shape))
        return array


def compact(*arrays, but=()):
    """Arrays of equal shape with size 1 along each axis on which all of them are broadcast.

    Args:
        *arrays: of labels.
        but: axes that stay, from 0 on.

    Example:
        >>> compact(np.broadcast_to(np.arange(3), (5, 5, 3)))[0].shape
        (1, 1, 3)
    """
    idle = [all(array.strides[axis] == 0 for array in arrays) and axis not in but for axis in range(arrays[0].ndim)]
    index = tuple(slice(0, 1) if one else slice(None) for one in idle)
    return [array[index] for array in arrays]


def spread(labels, shape, axis=-1):
    """Labels along one axis of a shape, the same everywhere else.

    Example:
        >>> spread(np.arange(2), (3, 2)).tolist()
        [[0, 1], [0, 1], [0, 1]]
    """
    if not shape:
        return labels[0]
    axis %= len(shape)
    return np.broadcast_to(labels.reshape((1,) * axis + (-1,) + (1,) * (len(shape) - axis - 1)), shape)


def reshaped(array, shape):
    """An array of labels in another shape of as many places; leading axes that are broadcast and stay take no memory.

    Example:
        >>> reshaped(spread(np.arange(4), (8, 4)), (8, 2, 2)).strides[0]
        0
    """
    same = 0
    while same < min(array.ndim, len(shape)) and array.shape[same] == shape[same] and array.strides[same] == 0:
        same += 1
    inner = np.ascontiguousarray(array[(0,) * same]).reshape(shape[same:])
    return np.broadcast_to(inner, shape)


def joined(arrays, axis):
    """Arrays of labels concatenated; axes on which all are broadcast take no memory."""
    axis %= arrays[0].ndim
    shape = list(arrays[0].shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    idle = [i != axis and all(array.strides[i] == 0 for array in arrays) for i in range(len(shape))]
    index = tuple(slice(0, 1) if one else slice(None) for one in idle)
    return np.broadcast_to(np.concatenate([array[index] for array in arrays], axis), shape)


def kept_sizes(array, stays):
    """How much of each axis is kept of an array whose labels make a block.

    Args:
        array: of labels.
        stays: bool, by label: which are kept.

    Example:
        >>> kept_sizes(spread(np.arange(3), (5, 3)), np.array([True, False, True]))
        [5, 2]
    """
    (small,) = compact(array)
    mask = stays[small]
    sizes = []
    for axis, size in enumerate(array.shape):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        sizes.append(size if small.shape[axis] == 1 else int(mask.any(axis=others).sum()))
    return sizes
