"""The account of a folder that keras_kd works in: `.keras_kd/made.json`, what was made there and with which digests."""

import hashlib
import json
from pathlib import Path

from keras_kd.utils.errors import UserError
from keras_kd.utils.files import sha256
from keras_kd.utils.screen import print_note

MARK = ".keras_kd"
ACCOUNT = "made.json"
FORMAT = 1
CHANGED, MISSING = "changed", "missing"


def digest_of(said):
    """The digest of an account's own content."""
    plain = {key: value for key, value in said.items() if key != "digest"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def read_account(folder):
    """The account of a folder: {"kind", "identity", "within", "made": {name: digests or None}, "kept"}.

    Args:
        folder: that has one.

    Raises:
        UserError: it is damaged.
    """
    path = Path(folder) / MARK / ACCOUNT
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        sound = said["format"] == FORMAT and said["digest"] == digest_of(said)
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise UserError(
            f"{path}: is damaged, so it cannot be told what keras-kd made in {folder}; give another --out, or remove "
            f"{Path(folder) / MARK} to have what is there taken as it is"
        )
    return said


def has_account(folder):
    """Whether keras_kd keeps account of a folder."""
    return (Path(folder) / MARK / ACCOUNT).exists()


def changes(folder, names=None):
    """The files of a folder that are not as they were written.

    Args:
        folder: without an account, nothing is known and nothing has changed.
        names: which files, or a function of a name that says whether; all that were sealed by default.

    Returns:
        {name: "changed" or "missing"}.

    Raises:
        UserError: the account is damaged.
    """
    if not has_account(folder):
        return {}
    found = {}
    wanted = names if callable(names) else (lambda name: names is None or name in names)
    for name, digests in sorted(read_account(folder)["made"].items()):
        if digests is None or not wanted(name):
            continue
        path = Path(folder) / name
        try:
            if not path.is_symlink() and sha256(path) in digests:
                continue
            found[name] = CHANGED
        except FileNotFoundError:
            found[name] = MISSING
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read: {error.strerror}; see to it, and give the command again"
            ) from error
    return found


def verified(path, fix):
    """A file of ours, once it is seen to be as it was written.

    Args:
        path: of a file in a folder that keras_kd keeps account of, or in a folder in it; of any other file nothing is
            known.
        fix: what is to be done where it is not.

    Returns:
        The path.

    Raises:
        UserError: it was changed.
    """
    path = Path(path)
    for folder in list(path.absolute().parents)[:3]:
        if has_account(folder):
            name = path.absolute().relative_to(folder).as_posix()
            if changes(folder, [name]).get(name) == CHANGED:
                raise UserError(f"{path}: is not as it was written (damaged, or changed by somebody); {fix}")
            break
    return path


def log_changed(path, fix):
    """Says in one line that a file is not as it was written, and what is done about it."""
    print_note(f"{path}: is not as it was written (damaged, or changed by somebody); {fix}")
