"""The names of a model's classes in a file beside it, and their order among the folders of images."""

import json
import re
from pathlib import Path

from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import listed, plural

# Where the names of a model's classes are looked for, next to it.
NAMES = ("{stem}.labels", "{stem}_labels", "labels", "class_names", "classes")
ENDINGS = (".txt", ".json")


def beside(model_file):
    """The file of class names that lies next to a model, or None.

    Args:
        model_file: a `Path`.
    """
    places = (model_file.with_name(one.format(stem=model_file.stem) + end) for one in NAMES for end in ENDINGS)
    return next((one for one in places if one.is_file()), None)


def read_names(file):
    """The names of classes, in the order of the model's outputs: a name a line, or JSON.

    Args:
        file: a text file; or JSON, a list of names, {number: name} or {name: number}.

    Raises:
        UserError: it cannot be read, or is neither.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.json"
        >>> _ = file.write_text('{"dog": 1, "cat": 0}')
        >>> read_names(file)
        ['cat', 'dog']
    """
    expected = "expected a class name a line, or JSON: a list of names, or {name: number}"
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
        if Path(file).suffix.lower() == ".json":
            return _in_order(json.loads(text))
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}; {expected}") from None
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{file}: found something else; {expected}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _in_order(found):
    if isinstance(found, list):
        return [str(one) for one in found]
    numbers = {int(key): str(value) for key, value in found.items()} if _are_numbers(found) else {}
    numbers = numbers or {int(value): str(key) for key, value in found.items()}
    return [numbers[one] for one in range(len(numbers))]


def _are_numbers(found):
    return all(str(key).isdigit() for key in found)


def order_by_names(names, of_model):
    """For each class of a model the number of the data's class of that name; None where they are not the same names.

    Upper case, spaces, hyphens and underscores make no difference.

    Args:
        names: of the data's classes.
        of_model: of the model's.

    Example:
        >>> order_by_names(["cat", "guinea_pig"], ["Guinea pig", "Cat"])
        [1, 0]
    """
    plain = {_plain(one): number for number, one in enumerate(names)}
    asked = [_plain(one) for one in of_model]
    if len(plain) != len(names) or sorted(plain) != sorted(asked):
        return None
    return [plain[one] for one in asked]


def _plain(name):
    return re.sub(r"[\s_-]+", " ", str(name)).strip().casefold()


def mismatch(file, names, of_model, data):
    """What is said where the names of a model's classes are not those of the data.

    Args:
        file: that holds the model's.
        names, of_model: as of `order_by_names`.
        data: the name of the data.
    """
    known, asked = {_plain(one) for one in names}, {_plain(one) for one in of_model}
    missing = [one for one in of_model if _plain(one) not in known]
    further = [one for one in names if _plain(one) not in asked]
    said = [f"only in it: {listed(missing, 5)}"] * bool(missing) + [f"only in {data}: {listed(further, 5)}"] * bool(
        further
    )
    return (
        f"{file}: found {plural(len(of_model), 'name')}, {data} has {plural(len(names), 'class')} ({'; '.join(said)}); "
        "expected the same names; rename the folders, or correct the file"
    )
