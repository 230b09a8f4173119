"""The mean and standard deviation that pixels are standardized by."""

from keras_kd.data.dataset import statistics
from keras_kd.data.sources.names import tfds_set
from keras_kd.data.values import per_channel

# What the papers we compare with standardize by.
PUBLISHED = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}


def standardization(name, train, mean=None, std=None):
    """Mean and standard deviation: those given, else those published, else those of the training images.

    Args:
        name: of the data.
        train: the training `Split`.
        mean: per channel, of pixels / 255, or None.
        std: as `mean`.

    Returns:
        (mean, std), tuples of floats, one a channel.

    Raises:
        UserError: a list that does not fit.
    """
    channels = train.images.shape[-1]
    mean, std = per_channel("mean", mean, channels), per_channel("std", std, channels)
    if mean is None or std is None:
        usual_mean, usual_std = PUBLISHED.get(tfds_set(name)) or statistics(train)
        mean, std = mean or usual_mean, std or usual_std
    return mean, std
