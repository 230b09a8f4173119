"""Where images and labels come from: a file a kind of source, each a line of `SOURCES`.

A source is a module with

- `means(name)`: whether a name means this kind of source, by its text alone;
- `load(name, options)`: a `keras_kd.data.dataset.Source` of uint8 images, `options` being `SourceOptions`. Images of
  another size than `options.image_size` are resized afterwards;
- `FORM`: {how such a name looks: what it is}, for `keras-kd list datasets`;
- `IS_PATH`: whether such a name is a path, which a recipe may give as seen from its own folder;
- where they are known before an image is read, `unread(name, options)`: (image shape, number of classes, (labels of the
  training, of the test images)), or None;
- where they are known, `probabilities(images, name)`: the true ones of the classes, (n, classes), and
  `relations(name)`: how alike two classes are, (classes, classes).
"""

import os

from keras_kd.data.sources import digits, folder, function, images, known_probabilities, npz, tfds
from keras_kd.data.sources.options import SourceOptions

__all__ = ["SOURCES", "SourceOptions", "is_path", "kind", "read"]

# In the order in which they are asked: the first that a name means reads it. The last is meant by every name.
SOURCES = {
    "digits": digits,
    "known_probabilities": known_probabilities,
    "function": function,
    "npz": npz,
    "folder": folder,
    "tfds": tfds,
}


def kind(name):
    """Which kind of source a name means, by its text alone.

    Only a word that `DATASETS` does not hold is looked for as a folder here before it is taken for a name of
    TensorFlow Datasets. A TFDS set with a config that `DATASETS` does not hold is told from a folder by its version, as
    in `cmaterdb/bangla:1.0.0`.

    Args:
        name: text, or a path.

    Returns:
        A key of `SOURCES`.

    Example:
        >>> kind("digits"), kind("cifar100:3.0.2"), kind("imagenet_resized/32x32"), kind("photos/pets")
        ('digits', 'tfds', 'tfds', 'folder')
        >>> kind("pets.npz"), kind("my.module:pets")
        ('npz', 'function')
    """
    name = os.fspath(name)
    return next(kind for kind, source in SOURCES.items() if source.means(name))


def is_path(name):
    """Whether a name means a file or a folder, by its text alone.

    Example:
        >>> is_path("pets.npz"), is_path("photos/pets"), is_path("cifar100")
        (True, True, False)
    """
    return SOURCES[kind(name)].IS_PATH


def read(name, options):
    """What a name means, read: a `keras_kd.data.dataset.Source` of images of one size.

    Args:
        name: text.
        options: `SourceOptions`.

    Raises:
        UserError: it cannot be read.
    """
    source, size = SOURCES[kind(name)].load(name, options), options.image_size
    splits = {
        split: images.resize_split(getattr(source, split), size, options.resize)
        for split in ("train", "test", "validation")
    }
    return source._replace(**splits)
