"""Paths as a user writes them."""

import os
import stat
from pathlib import Path

from keras_kd.utils.errors import UserError

LONGEST = 200  # bytes of a name; file systems allow 255, and endings are put behind some
RECIPE, ARRAYS = (".yaml", ".yml"), (".npz",)
KERAS, H5 = (".keras", ".h5", ".hdf5"), (".h5", ".hdf5")  # a network of Keras; of those the older kind


def from_folder(path, folder):
    """The way to a path from a folder, which begins with a dot; from where a folder lies that is reached by a link.

    Args:
        path: absolute.
        folder: where the way begins; it need not be there.

    Example:
        >>> from_folder("/data/photos", "/data/runs/mine"), from_folder("/data/photos", "/data")
        ('../../photos', './photos')
    """
    place, name = os.path.split(os.path.normpath(path))
    found = os.path.relpath(os.path.join(os.path.realpath(place), name), os.path.realpath(folder))
    return found if found.startswith(".") else f"./{found}"


def user_path(text, where="path"):
    """A path that a user gives, `~` and `~name` written out; else as it was given.

    Args:
        text: text, or a path.
        where: of an error: the option, argument or field that it was given to.

    Returns:
        str.

    Raises:
        UserError: it is empty, holds a NUL character, names a user that is not there, or a pipe, socket or device, at
            which a reader may wait forever.

    Example:
        >>> user_path("photos/"), user_path("~/photos") == os.path.expanduser("~/photos")
        ('photos/', True)
    """
    try:
        text = os.fspath(text)
    except TypeError:
        raise UserError(f"{where}: found {text!r}; expected a path") from None
    if not text.strip():
        raise UserError(f"{where}: is empty; give a path")
    if "\0" in text:
        raise UserError(f"{where}: found {text!r}; expected a path, which has no NUL character; leave it out")
    try:
        longest = max(len(os.fsencode(part)) for part in text.split(os.sep))
    except UnicodeEncodeError:
        raise UserError(f"{where}: found {text!r}, with half of a character; expected a path") from None
    if longest > LONGEST:
        raise UserError(f"{where}: found a name of more than {LONGEST} bytes, {text[:40]!r}...; give a shorter one")
    found = os.path.expanduser(text) if text.startswith("~") else text
    if found.startswith("~"):
        name = text[1:].split("/")[0]
        whose = f"there is no user {name!r}" if name else "it is not known where the home folder is"
        raise UserError(f"{where}: found {text!r}, and {whose}; give the whole path, or ./{text} for what is here")
    if _is_special(found):
        raise UserError(f"{where}: found {text!r}, a pipe, socket or device; expected a file or a folder")
    return found


def _is_special(path):
    """Whether something lies there that is neither a file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def user_folder(text, where="folder"):
    """As `user_path`, of a folder next to which others lie, so that it has a name: `.` and `a/..` are written out.

    Raises:
        UserError: as `user_path`, or it is the root of all folders.

    Example:
        >>> user_folder("runs/x/"), user_folder(".") == os.path.realpath(".")
        ('runs/x/', True)
    """
    if not os.fspath(text).strip():
        raise UserError(f"{where}: is empty; give a folder, such as saved_models/mine")
    text = user_path(text, where)
    if os.path.basename(text.rstrip("/" + os.sep)) not in ("", ".", ".."):
        return text
    found = os.path.realpath(text)
    if os.path.dirname(found) == found:
        raise UserError(f"{where}: found {text!r}, the root of all folders; give a folder in it")
    return found


def ends_in(text, endings):
    """Whether a name has one of some endings, in capitals or not.

    Example:
        >>> ends_in("TEACHER.KERAS", KERAS), ends_in("mine.yaml", RECIPE), ends_in("resnet20", KERAS + RECIPE)
        (True, True, False)
    """
    return os.fspath(text).lower().endswith(endings)


def is_path(text):
    """Whether a name is written as a path, so that it can be nothing else.

    Example:
        >>> [is_path(text) for text in ("./mine", "~/mine", "/a/b", "mine", "pairs/mine")]
        [True, True, True, False, False]
    """
    text = os.fspath(text)
    return text.startswith(("~", ".")) or os.path.isabs(text)


def absolute(path):
    """The one spelling of a path: absolute, without `.`, `..` and doubled slashes; links keep their names.

    Example:
        >>> absolute("a/.././/mine.yaml") == Path("mine.yaml").absolute(), absolute("//").as_posix()
        (True, '/')
    """
    path, plain = Path(path), os.path.abspath(path)
    # A path may begin with two slashes, which is another spelling of one everywhere that we run.
    plain = Path(plain[1:] if plain.startswith("//") else plain)
    try:
        # Behind a link to a folder `..` is another folder.
        return plain if os.path.samefile(path, plain) else path.resolve()
    except OSError:
        return path.resolve() if path.exists() else plain


def same_place(one, other):
    """Whether two values are equal, or two absolute paths that lead to one place, one of them by a link perhaps.

    Example:
        >>> same_place("/a/./b", "/a/b"), same_place(3, 3), same_place("a", "b")
        (True, True, False)
    """
    if one == other:
        return True
    texts = isinstance(one, str) and isinstance(other, str) and os.path.isabs(one) and os.path.isabs(other)
    return texts and os.path.realpath(one) == os.path.realpath(other)


def folders_between(path, folder):
    """The folders between a folder and a path in it, none where the path lies elsewhere.

    Example:
        >>> [str(one) for one in folders_between("a/b/c/d.txt", Path("a"))]
        ['a/b/c', 'a/b']
    """
    found, here = [], Path(path).parent
    while here != folder and here != here.parent:
        found.append(here)
        here = here.parent
    return found if here == folder else []
