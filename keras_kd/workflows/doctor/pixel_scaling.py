"""The ways in which networks want their pixels, and what a network would have to be shown to be given another one."""

import numpy as np

from keras_kd.models.zoo.applications import CAFFE_MEAN, IMAGENET_MEAN, IMAGENET_STD


class Scaling:
    """Pixels 0..255 times a factor plus an offset, by channel.

    Args:
        name: in words.
        factor, offset: a number, or one a channel.
        settings: fields of the recipe's network that give it this; None where none do.
        reversed_channels: whether the channels come in the other order first.

    Example:
        >>> Scaling("0..1", 1 / 255, 0.0, {"pixels": "unit"}).of(np.array([[255.0]])).tolist()
        [[1.0]]
    """

    def __init__(self, name, factor, offset, settings, reversed_channels=False):
        self.name, self.settings, self.reversed_channels = name, settings, reversed_channels
        self.factor, self.offset = np.asarray(factor, "float64"), np.asarray(offset, "float64")

    def of(self, pixels):
        """The pixels so scaled."""
        pixels = np.asarray(pixels, "float64")
        return (pixels[..., ::-1] if self.reversed_channels else pixels) * self.factor + self.offset

    def undone(self, scaled):
        """The pixels that are scaled to these."""
        pixels = (scaled - self.offset) / self.factor
        return pixels[..., ::-1] if self.reversed_channels else pixels


def scalings(spec, dataset):
    """(the scaling that a recipe gives a network, [others]).

    Args:
        spec: a `MemberSpec` of a file or a function.
        dataset: the data, for its mean and deviation.
    """
    own = (spec.mean, spec.std) if spec.mean else None
    known = {
        "pixels": Scaling("0..255", 1.0, 0.0, {"pixels": "pixels"}),
        "unit": Scaling("0..1", 1 / 255, 0.0, {"pixels": "unit"}),
        "symmetric": Scaling("-1..1", 1 / 127.5, -1.0, {"pixels": "symmetric"}),
        "standard": _standard("standardised by the data", dataset.mean, dataset.std, {"pixels": "standard"}),
    }
    given = known[spec.pixels]
    others = [one for name, one in known.items() if name != spec.pixels]
    if own:
        given = _standard("standardised by its own mean", *own, {"pixels": "standard"})
        others = [one for name, one in known.items() if name != "standard"]
        # The mean and deviation of the recipe must go where the data's are meant.
        others.append(
            _standard("standardised by the data", dataset.mean, dataset.std, _with(dataset.mean, dataset.std))
        )
    if dataset.image_shape[2] == 3:
        imagenet = _with(IMAGENET_MEAN, IMAGENET_STD)
        others.append(_standard("standardised by ImageNet", IMAGENET_MEAN, IMAGENET_STD, imagenet))
        offset = [-mean for mean in CAFFE_MEAN]
        others.append(Scaling("blue, green, red less their means", 1.0, offset, None, reversed_channels=True))
    return given, others


def _with(mean, std):
    return {"pixels": "standard", "mean": [float(one) for one in mean], "std": [float(one) for one in std]}


def _standard(name, mean, std, settings):
    mean, std = np.asarray(mean, "float64"), np.asarray(std, "float64")
    return Scaling(name, 1 / (255 * std), -mean / std, settings)
