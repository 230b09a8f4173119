"""Arrays that somebody made, as splits; or a refusal that says what is wrong with them."""

import numpy as np

from keras_kd.data.dataset import Source, Split, by, chunks
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import plural

KEYS = ("x_train", "y_train", "x_test", "y_test", "label_names")


def from_arrays(where, arrays):
    """A source out of the arrays of an .npz file or a function.

    Args:
        where: what errors name: the file or the function.
        arrays: mapping with `x_train` (n, height, width[, channels]) and `y_train` (n,) or (n, 1), and optionally
            `x_test`, `y_test` and `label_names`.

    Raises:
        UserError: an array is missing or cannot be used.

    Example:
        >>> made = {"x_train": np.zeros((2, 4, 4), "uint8"), "y_train": [[0], [1]], "label_names": ["cat", "dog"]}
        >>> from_arrays("pets", made)
        Source(train=Split(2 images of 4x4x1), test=None, class_names=('cat', 'dog'), validation=None, notes=())
    """
    missing = [key for key in KEYS[:2] if key not in arrays]
    if ("x_test" in arrays) != ("y_test" in arrays):
        missing.append("y_test" if "x_test" in arrays else "x_test")
    if missing:
        raise UserError(
            f"{where}: found {', '.join(arrays) or 'nothing'}; expected also {', '.join(missing)}; "
            "its keys are x_train, y_train and, if you have them, x_test, y_test, label_names"
        )
    splits = ("train", "test") if "x_test" in arrays else ("train",)
    images = {split: _images(f"{where}: x_{split}", arrays[f"x_{split}"]) for split in splits}
    labels = {split: _labels(f"{where}: y_{split}", arrays[f"y_{split}"], len(images[split])) for split in splits}
    if len({array.shape[1:] for array in images.values()}) > 1:
        raise UserError(
            f"{where}: x_test: found images of {by(images['test'].shape[1:])}; expected "
            f"{by(images['train'].shape[1:])} as in x_train; make them of one shape"
        )
    class_names = _class_names(where, arrays.get("label_names"), labels)
    for split in splits:
        check_labels(f"{where}: y_{split}", labels[split], len(class_names))
    made = {split: Split(images[split], labels[split].astype("int32")) for split in splits}
    return Source(made["train"], made.get("test"), class_names)


def check_labels(where, labels, classes, first=0):
    """Refuses labels outside 0 .. classes - 1; `first` is the position of the first one in its split."""
    labels = np.asarray(labels)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise UserError(
            f"{where}[{first + wrong[0]}]: found label {labels[wrong[0]]}; expected 0..{classes - 1}, as there are "
            f"{classes} classes; number the classes from 0, or drop images without a class"
        )


def _images(where, images):
    images = np.asanyarray(images)  # a memory map stays one
    if images.ndim not in (3, 4):
        raise UserError(
            f"{where}: found shape {images.shape}; expected (images, height, width) or (images, height, width, "
            "channels)"
        )
    if not images.size:
        raise UserError(f"{where}: found shape {images.shape}; expected at least one image")
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[1] in (1, 3) and images.shape[3] > 4:
        raise UserError(
            f"{where}: found shape {images.shape}, which looks like channels first; "
            f"expected (images, height, width, channels); use np.moveaxis(images, 1, -1)"
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "iuf":
        raise UserError(f"{where}: found {images.dtype}; expected uint8 pixels 0..255")
    seen = 0
    for part in chunks(images):
        finite = np.isfinite(part).all((1, 2, 3))
        if not finite.all():
            image = f"{where}[{seen + int(finite.argmin())}]"
            raise UserError(
                f"{image}: found NaN or infinity; expected uint8 pixels 0..255; mend the image, or leave it and its "
                "label out"
            )
        seen += len(part)
        if not (np.all(part >= 0) and np.all(part <= 255) and np.all(part == np.floor(part))):
            raise UserError(
                f"{where}: found {images.dtype} from {images.min():g} to {images.max():g}; expected uint8 pixels "
                "0..255; undo any scaling and use np.round(images).astype('uint8')"
            )
    return images.astype("uint8")


def _labels(where, labels, count):
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        raise UserError(f"{where}: found shape {labels.shape}; expected ({count},); undo one-hot by labels.argmax(1)")
    if labels.ndim != 1:
        raise UserError(f"{where}: found shape {labels.shape}; expected ({count},), a whole number per image")
    if len(labels) != count:
        raise UserError(f"{where}: found {plural(len(labels), 'label')}; expected {count}, one per image")
    if labels.dtype.kind not in "iuf" or (labels.dtype.kind == "f" and not np.all(labels == np.floor(labels))):
        raise UserError(f"{where}: found {labels.dtype}; expected whole numbers 0..classes-1")
    # In the types below these would be other numbers.
    outside = np.flatnonzero(~((labels >= -(2**31)) & (labels < 2**31)))
    if len(outside):
        raise UserError(
            f"{where}[{outside[0]}]: found label {labels[outside[0]]}; expected whole numbers 0..classes-1; correct it"
        )
    return labels.astype("int64")


def _class_names(where, names, labels):
    if names is None:
        count = 1 + max(int(array.max()) for array in labels.values())
        # A set counted from 1, or with names for labels, must not gain a class that nothing belongs to.
        present = np.unique(labels["train"])
        # Found without counting up to the largest label, which may be a mistake of any size.
        absent = next((number for number, label in enumerate(present) if number != label), len(present))
        if absent < count:
            for split, array in labels.items():
                check_labels(f"{where}: y_{split}", array, count)
            raise UserError(
                f"{where}: y_train: found no image of class {absent} though labels go up to {count - 1}; expected "
                "labels 0..classes-1; renumber them, or give label_names"
            )
        return tuple(map(str, range(count)))
    names = np.asarray(names)
    if names.ndim != 1 or names.dtype.kind not in "USO":
        raise UserError(
            f"{where}: label_names: found {names.dtype} of shape {names.shape}; expected a list of texts, one per class"
        )
    if names.dtype.kind == "U" and (np.array(names, names.dtype.newbyteorder("=")).view("uint32") > 0x10FFFF).any():
        raise UserError(f"{where}: label_names: found numbers that are no characters; expected text; save them again")
    # Bytes that are no UTF-8 are told of where all names of classes are looked at.
    return tuple(
        name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name) for name in names.tolist()
    )
