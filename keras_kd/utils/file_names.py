"""Names that people give, as names of files: text of theirs becomes a path through here alone."""

import hashlib
import re

from keras_kd.utils.errors import UserError

LONGEST = 100  # bytes; what is put behind a name still fits in the 255 that file systems allow
# Windows takes these for devices, whatever their ending.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def file_name(text, distinct=False):
    """A text as the name of one file or folder: letters, digits and ._+- stay, a - stands for all else.

    It never leads anywhere: it has no separator, does not begin with a dot, is not empty and not long; one that had to
    be cut ends with a digest of the whole.

    Args:
        text: what a person called something.
        distinct: a text that does not stay as it is has a digest of it behind its name, so that no other has that name.

    Example:
        >>> file_name("KD, clean teacher"), file_name("../../etc"), file_name("..")
        ('KD-clean-teacher', 'etc', 'unnamed')
    """
    kept = "".join(letter if letter.isalnum() or letter in "._+-" else " " for letter in str(text))
    name = "-".join(kept.split()).lstrip(".-").rstrip(".-") or "unnamed"
    if RESERVED.fullmatch(name):
        name = f"{name}-file"
    encoded = name.encode("utf-8", "replace")
    if len(encoded) > LONGEST or (distinct and name != text):
        digest = hashlib.sha256(str(text).encode("utf-8", "replace")).hexdigest()[:8]
        name = f"{encoded[: LONGEST - 9].decode('utf-8', 'ignore')}-{digest}"
    return name


def plain_name(text, at):
    """A text that is used as the name of a file as it stands.

    Args:
        text: what a person called something.
        at: how an error begins: where the text stands.

    Returns:
        The text.

    Raises:
        UserError: it is no plain name of a file.

    Example:
        >>> plain_name("big_teacher", "recipes")
        'big_teacher'
        >>> plain_name("../x", "recipes")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: recipes: found the name '../x'; expected a plain name of a file, such as 'x'
    """
    if text != file_name(text):
        raise UserError(f"{at}: found the name {text!r}; expected a plain name of a file, such as {file_name(text)!r}")
    return text
