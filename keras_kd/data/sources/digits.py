"""The handwritten digits that come with scikit-learn: a whole set without a download."""

import numpy as np

from keras_kd.data.dataset import Source, Split
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.data.subset import place_in_class
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import installed

# It stands in `DATASETS` already.
FORM = {}
IS_PATH = False
# Images of each class.
TRAIN_COUNTS = (143, 146, 142, 147, 145, 146, 145, 144, 140, 144)
TEST_COUNTS = (35, 36, 35, 36, 36, 36, 36, 35, 34, 36)


def means(name):
    """Whether a name means this source."""
    return name == "digits"


def load(name="digits", options=DEFAULTS):
    """1,797 digits of 8x8 pixels (Alpaydin & Kaynak 1998), of which every fifth of a class is a test image.

    Args:
        name: "digits".
        options: `SourceOptions`; nothing of them concerns it.

    Returns:
        `Source` of uint8 images (n, 8, 8, 1), 1,442 for training and 355 for testing.

    Example:
        >>> load().train
        Split(1442 images of 8x8x1)
    """
    if not installed("sklearn"):
        raise UserError("digits: scikit-learn, which carries them, is not installed; pip install scikit-learn")
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.round(found.images * 255 / 16).astype("uint8")[..., None]
    labels = found.target.astype("int32")
    tested = place_in_class(labels) % 5 == 4
    train, test = (Split(images[part], labels[part]) for part in (~tested, tested))
    return Source(train, test, tuple("0123456789"))


def unread(name="digits", options=DEFAULTS):
    """What is known of them before they are read; see `keras_kd.data.sources`."""
    return (8, 8, 1), 10, [np.repeat(np.arange(10), counts) for counts in (TRAIN_COUNTS, TEST_COUNTS)]
