"""What `keras-kd list` shows, read from the tables themselves."""

from keras_kd.data import DATASETS
from keras_kd.methods import METHODS
from keras_kd.models import APPLICATIONS, MODELS
from keras_kd.recipe_file import headline, known


def methods():
    """{name: what it is}."""
    return {name: _first_line(method) for name, method in METHODS.items()}


def models():
    """{name: what it is}; the networks of `keras.applications` on one line."""
    names = {name: entry.description for name, entry in MODELS.items()}
    return {
        **names,
        "keras.applications": ", ".join(APPLICATIONS),
        "PATH.keras": "a model of your own",
        "package.module:function": "a function (image_shape, classes, **arguments) that returns a built keras.Model",
    }


def datasets():
    """{name: what it is}."""
    return {
        **DATASETS,
        "NAME": "any other TFDS image-classification dataset",
        "FOLDER": "a folder of images: FOLDER/train/CLASS/*.jpg and FOLDER/test/..., or FOLDER/CLASS/*.jpg",
        "FILE.npz": "arrays x_train, y_train, x_test, y_test (label_names)",
        "package.module:function": "a function that returns such arrays in a dict",
    }


def recipes():
    """{name: its first line}."""
    return {name: headline(path) for name, path in known().items()}


def _first_line(documented):
    return documented.__doc__.strip().splitlines()[0]


CATALOGUE = {"methods": methods, "models": models, "datasets": datasets, "recipes": recipes}
