"""Operations that LiteRT gets wrong in full int8 without a word, traced as others that say the same.

The converter gives what a Reverse takes and what it gives a scale each, and LiteRT copies the numbers of the one scale
into the other: images whose colours are put into the order of Caffe begin with one. To what a Minimum or a Maximum
takes it gives the scale of what comes out, so that another operation that reads the same value finds it cut off: a
CELU is a sum of two such. A slice backwards keeps its scale, and a ReLU leaves alone that of what it is given.
"""

import contextlib

import numpy as np


@contextlib.contextmanager
def quantisable():
    """Within it TensorFlow traces `reverse`, `minimum` and `maximum`, as Keras calls them, so that int8 is right."""
    import tensorflow

    others = {"reverse": _reverse, "minimum": _minimum, "maximum": _maximum}
    own = {name: getattr(tensorflow, name) for name in others}
    for name, other in others.items():
        setattr(tensorflow, name, other(tensorflow, own[name]))
    try:
        yield
    finally:
        for name, function in own.items():
            setattr(tensorflow, name, function)


def _reverse(tensorflow, own):
    def reverse(tensor, axis, name=None):
        tensor, axes = tensorflow.convert_to_tensor(tensor), tensorflow.get_static_value(axis)
        rank = tensor.shape.rank
        if axes is None or rank is None:
            return own(tensor, axis, name=name)
        backwards = {int(one) % rank for one in np.ravel(axes)}
        return tensor[tuple(slice(None, None, -1 if place in backwards else 1) for place in range(rank))]

    return reverse


def _minimum(tensorflow, own):
    def minimum(x, y, name=None):
        value, bound = _bounded(tensorflow, x, y)
        return own(x, y, name=name) if bound is None else bound - tensorflow.nn.relu(bound - value)

    return minimum


def _maximum(tensorflow, own):
    def maximum(x, y, name=None):
        value, bound = _bounded(tensorflow, x, y)
        return own(x, y, name=name) if bound is None else bound + tensorflow.nn.relu(value - bound)

    return maximum


def _bounded(tensorflow, x, y):
    """(a tensor of floats, the number that bounds it); (None, None) where these are something else."""
    for value, bound in ((x, y), (y, x)):
        number = tensorflow.get_static_value(bound)
        if number is not None and np.ndim(number) == 0 and tensorflow.is_tensor(value) and value.dtype.is_floating:
            return value, tensorflow.cast(bound, value.dtype)
    return None, None
