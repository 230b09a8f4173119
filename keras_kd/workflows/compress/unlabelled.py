"""Images without labels: their teacher's own word stands for them, in a file that a recipe takes."""

from pathlib import Path

import numpy as np

from keras_kd.data.sources import images, kind
from keras_kd.data.sources.tree import Scan
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import plural
from keras_kd.utils.paths import user_path

LEAST = 20  # images of which some are set aside to test on


def images_alone(data):
    """The files of a folder that holds images and no folder of them; None of any other data.

    Args:
        data: as a recipe names it.
    """
    if kind(data) != "folder" or not Path(user_path(data)).is_dir():
        return None
    root = Path(user_path(data))
    tree = Scan(str(data), str(root)).folder()
    if not tree.images or any(one.count for one in tree.folders):
        return None
    if len(tree.images) < LEAST:
        raise UserError(
            f"{data}: found {plural(len(tree.images), 'image')} and no folder of a class; expected {LEAST} images or "
            f"more, or {data}/CLASS/*.jpg"
        )
    return [root / one for one in tree.images]


def read_images(files, size):
    """The pixels of files, uint8 (n, height, width, 3).

    Args:
        files: paths.
        size: (height, width) that all are resized to.

    Raises:
        UserError: one cannot be read.
    """
    found = np.empty((len(files), *size, 3), "uint8")
    with images.without_warnings(), images.workers() as pool:
        for number, one in enumerate(pool.map(lambda file: _read(file, size), files)):
            found[number] = one
    return found


def _read(file, size):
    try:
        return images.read(str(file), size)[0]
    except Exception as error:  # Pillow's plug-ins raise nearly anything
        raise UserError(
            f"{file}: found no readable image ({type(error).__name__}); expected a whole jpg, png, bmp, gif, webp or "
            "tif; replace or remove it"
        ) from None


def write_labelled(file, pixels, labels, names):
    """Writes images and what their teacher says of them, as data of a recipe.

    Args:
        file: a path, ending in .npz.
        pixels: uint8 (n, height, width, channels).
        labels: int (n,).
        names: of all classes.
    """
    # An order of their own: those that are tested on are taken from all of them.
    np.savez(file, x_train=pixels, y_train=np.asarray(labels, "int32"), label_names=np.asarray(names))
