"""The commands of banks as functions: what teachers say, computed once; fill, look at, check, throw away."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from keras_kd.bank.places import BANKS, common_place
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_folder, user_path
from keras_kd.utils.screen import print_note
from keras_kd.workflows.arguments import RUNS, PathLike, Settings, folder_of, given_path, overrides
from keras_kd.workflows.commands import sharing_banks


@sharing_banks
def bank_build(
    recipe: PathLike,
    settings: Settings = (),
    *,
    out: PathLike | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Fills the bank of a recipe's teacher with every view; trains the teacher first if its run is missing.

    Args:
        recipe, settings: as of `load_recipe`; how the bank is kept is what `bank` of the recipe says.
        out: the run folder next to which the bank lies; `saved_models/RECIPE` by default.
        quiet: no progress.

    Returns:
        dict: "folder", "views", "computed" (now), "seconds", "bytes".

    Raises:
        UserError: what the user can fix.

    Example:
        >>> bank_build("digits", {"bank.views": 4})["views"]  # doctest: +SKIP
        5080
    """
    opened = _opened(recipe, settings, out, may_train=True)
    from keras_kd.workflows.run.build_bank import build

    return build(opened, None if quiet else progress())


def bank_info(folder: PathLike | None = None) -> list[dict[str, Any]]:
    """The banks that are there: of which teacher, how full, how large.

    Args:
        folder: in which banks lie; that of KERAS_KD_BANK by default, else `saved_models/bank`.

    Returns:
        A dict a bank: "key", "teacher", "images", "bytes", "tables"; "damaged", why one cannot be read.

    Raises:
        UserError: there is no such folder.

    Example:
        >>> bank_info("no/such/folder")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: folder: no such folder no/such/folder; give that in which banks lie, such as \
saved_models/bank
    """
    from keras_kd.bank.folder import banks_in

    return banks_in(place_of_banks(folder, "folder"))


@sharing_banks
def bank_verify(
    recipe: PathLike, settings: Settings = (), *, out: PathLike | None = None, sample: int = 1000
) -> dict[str, Any]:
    """Checks every row of a recipe's bank, and asks the teacher about some of them again.

    Args:
        recipe, settings, out: as of `bank_build`.
        sample: views to ask the teacher again.

    Returns:
        dict: "views", "damaged", "sampled", "largest_difference" by tap.

    Raises:
        UserError: what the user can fix.

    Example:
        >>> bank_verify("digits")["damaged"]  # doctest: +SKIP
        0
    """
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise UserError(f"sample: found {sample!r}; expected a whole number, 1 or more")
    return _opened(recipe, settings, out, may_train=False).verify(sample)


def bank_prune(
    keys: str | Iterable[str] = (),
    *,
    older_than: float | None = None,
    damaged: bool = False,
    folder: PathLike | None = None,
) -> list[dict[str, Any]]:
    """Throws banks away; what is needed of them is computed again.

    Args:
        keys: of the banks, as `bank_info` has them.
        older_than: also those that no run used for longer, in days.
        damaged: also those that cannot be read.
        folder: as of `bank_info`.

    Returns:
        A dict for each that is gone: "key", "bytes", "left" (what in its folder was no bank's).

    Raises:
        UserError: nothing was given to go by, or there is no such bank.

    Example:
        >>> bank_prune()
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: bank_prune: found nothing to go by; give keys, older_than or damaged=True
    """
    from keras_kd.bank.folder import prune

    keys = (keys,) if isinstance(keys, str) else tuple(keys)
    if not keys and older_than is None and not damaged:
        raise UserError("bank_prune: found nothing to go by; give keys, older_than or damaged=True")
    return prune(place_of_banks(folder, "folder"), keys, older_than, damaged)


def _opened(recipe, settings, out, *, may_train):
    """The bank of a recipe, next to a run folder."""
    from keras_kd.recipe.files import find
    from keras_kd.recipe.load import load
    from keras_kd.workflows.run.build_bank import open_bank

    path = user_path(given_path(recipe, "recipe"), "recipe")
    loaded = load(path, overrides(settings, None))
    return open_bank(loaded, folder_of(out) or RUNS / find(path).stem, may_train=may_train, log=print_note)


def place_of_banks(folder, where):
    """The folder in which banks lie: as it is given (`where` names the argument in errors), or the common one."""
    if folder is None:
        return common_place(RUNS / BANKS)
    folder = Path(user_folder(given_path(folder, where), where))
    if not folder.is_dir():
        raise UserError(f"{where}: no such folder {folder}; give that in which banks lie, such as {RUNS / BANKS}")
    return folder


def progress() -> Callable[[int, int], None]:
    """Tells of each twentieth of the views."""
    shown = [0]

    def tell(done, of):
        if done * 20 // of > shown[0]:
            shown[0] = done * 20 // of
            print_note(f"{done:,} of {of:,} views")

    return tell
