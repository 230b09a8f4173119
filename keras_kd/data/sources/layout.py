"""Which folders of a tree are splits and classes, and what in it is not used."""

import os
import re
from collections import Counter
from typing import NamedTuple

from keras_kd.data.sources.tree import EXTENSIONS
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import plural, printable

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# Names of the folders of splits, in any case; with other words around them too, as in seg_train or val2017.
ROLES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
    "eval": TEST,
    "evaluation": TEST,
}
SAID = 10  # faults of a folder
FORMS = "train/<class>/ and test/<class>/, or <class>/"


class Picture(NamedTuple):
    """An image file, by its path below the root, and its label."""

    path: str
    label: int


class Layout(NamedTuple):
    """What a folder of images holds.

    Args:
        class_names: in the order of the labels.
        pictures: lists of `Picture` by split.
        notes: lines that name what is not used, and which folder is the validation split.
    """

    class_names: list
    pictures: dict
    notes: list


def role(name):
    """Which split a folder of exactly this name is; else None.

    Example:
        >>> role("Valid"), role("TESTING"), role("seg_train")
        ('validation', 'test', None)
    """
    return ROLES.get(name.casefold())


def role_in_words(name):
    """Which split a name speaks of among other words; None if it is none, or more than one.

    Example:
        >>> role_in_words("seg_train"), role_in_words("val2017"), role_in_words("train_val"), role_in_words("trainer")
        ('train', 'validation', None, None)
    """
    roles = {ROLES[word] for word in re.findall("[a-z]+", name.casefold()) if word in ROLES}
    return roles.pop() if len(roles) == 1 else None


def layout(scan, tree):
    """What of a folder is used, and as what.

    Args:
        scan: the `Scan` of it.
        tree: its `Folder`.

    Returns:
        `Layout`.

    Raises:
        UserError: it cannot be told which folders are splits and which are classes, or classes are without images, not
            in every split, or lead nowhere: a line each.
    """
    root, errors = scan.root, []
    splits = _splits(scan, tree)
    if splits is None:
        _refuse_splits_among(scan, tree)
        splits = {TRAIN: tree}
    names = {split: _class_names(scan, folder, errors) for split, folder in splits.items()}
    if not names[TRAIN] and not errors:
        errors.append(f"{root}: found no folder of a class; expected {FORMS}, with images in them")
    for split in splits if names[TRAIN] else ():
        _note_other_classes(root, splits, names, split, errors)
    pictures = {split: _pictures(scan, folder, errors) for split, folder in splits.items()}
    if errors:
        raise UserError("\n".join(_first(errors, root)))
    used = {one.path for some in pictures.values() for one in some}
    notes = [_unused(root, tree, used, splits), _validation(root, splits, pictures)]
    return Layout(names[TRAIN], pictures, [one for one in notes if one])


def _first(errors, root):
    """The first of many errors, and how many there are."""
    more = [f"{root}: found {len(errors):,} faults like these, of which {SAID} are named"] * (len(errors) > SAID)
    return [*errors[:SAID], *more]


def _splits(scan, tree):
    """Folders by split; None where the root holds the classes themselves."""
    holding = [one for one in tree.folders if one.count]
    with_classes = [one for one in holding if _has_classes(one)]
    spoken = [one for one in with_classes if role_in_words(one.name)]
    exact = [one for one in with_classes if role(one.name)]
    if any(role(one.name) == TRAIN for one in exact):
        # Next to a folder called train, one of several words is meant as a split too.
        found = spoken
    elif len(spoken) == len(holding) and any(role_in_words(one.name) == TRAIN for one in spoken):
        found = spoken
    elif exact:
        raise UserError(
            f"{scan.root}: found {printable(exact[0].name)} without train; expected train/<class>/ next to it; add it, "
            "or give the folder of all classes"
        )
    else:
        return None
    splits = {}
    for one in found:
        split = role_in_words(one.name)
        if split in splits:
            raise UserError(
                f"{scan.root}: found {printable(splits[split].name)} and {printable(one.name)}, both a {split} split "
                "by their names; expected one; rename or move the other"
            )
        splits[split] = one
    return {split: _unwrapped(splits[split]) for split in (TRAIN, VALIDATION, TEST) if split in splits}


def _has_classes(folder):
    return any(one.count for one in folder.folders)


def _unwrapped(folder):
    """The folder that holds the classes, where archives put one split into another of its name."""
    while not folder.images and len(folder.folders) == 1 and _speaks_of(folder.folders[0], folder):
        folder = folder.folders[0]
    return folder


def _speaks_of(inner, outer):
    return role_in_words(inner.name) == role_in_words(outer.name) and _has_classes(inner)


def _refuse_splits_among(scan, parent):
    """Refuses folders called like splits next to, or instead of, folders of classes.

    A class may be called train, as a car and a bus may be; no class is called test.
    """
    named = [one for one in parent.folders if role(one.name) and one.count]
    others = [one for one in parent.folders if not role(one.name) and one.count]
    if not named or (others and all(one.name.casefold() == "train" for one in named)):
        return
    names = " and ".join(printable(one.name) for one in named)
    if parent.path:
        raise UserError(
            f"{scan.shown(parent.path)}: found {names} inside; expected classes inside of splits, as in "
            f"{printable(os.path.join(named[0].name, parent.name))}; move or rename them"
        )
    next_to = f" next to {', '.join(printable(one.name) for one in others[:3])}" if others else ""
    raise UserError(
        f"{scan.root}: found {sum(one.count for one in named)} images in {names}{next_to} without a folder of a class "
        f"in between; expected {FORMS}; sort them into folders of classes, or rename what is a class"
    )


def _class_names(scan, folder, errors):
    """The names of the classes in a split; what is wrong with links among them joins the errors."""
    errors += [
        f"{scan.shown(folder.path, name)}: found {why}; expected a folder of images; correct or remove it"
        for name, why in folder.broken
    ]
    return [one.name for one in folder.folders]


def _note_other_classes(root, splits, names, split, errors):
    # Of a link that leads nowhere something has been said.
    broken = {name for one in (TRAIN, split) for name, _ in splits[one].broken}
    odd = sorted((set(names[TRAIN]) ^ set(names[split])) - broken)
    if odd:
        called = {one: printable(splits[one].path) for one in (TRAIN, split)}
        only = "; ".join(
            f"{printable(name)} only in {called[TRAIN] if name in names[TRAIN] else called[split]}" for name in odd[:5]
        )
        errors.append(
            f"{root}: found {plural(len(odd), 'class')} not in both {called[TRAIN]} and {called[split]} ({only}); "
            "expected the same folders in both; add or remove them"
        )


def _pictures(scan, folder, errors):
    """The images of a split, class by class; what is wrong with a class joins the errors."""
    found = []
    for label, one in enumerate(folder.folders):
        for inside in (one, *one.below()):
            try:
                _refuse_splits_among(scan, inside)
            except UserError as error:
                errors.append(str(error))
            _class_names(scan, inside, errors)
        paths = one.everything()
        if not paths:
            unread = one.all_unread()
            there = f", but {_counted(unread)}" if unread else ""
            errors.append(
                f"{scan.shown(one.path)}: found no image{there}; expected files ending in "
                f"{' '.join(ending[1:] for ending in EXTENSIONS)}; add some or remove the folder"
            )
        found += [Picture(path, label) for path in paths]
    return found


def _unused(root, tree, used, splits):
    """The line that names the images which are not used, and folders of splits without any; None if there are none."""
    parts, unread = [], tree.all_unread()
    if tree.count > len(used):
        parts.append(f"{_files([path for path in tree.everything() if path not in used])} in no folder of a class")
    if unread:
        parts.append(f"{_counted(unread)}, of formats that are not read, or hidden")
    empty = [one.name for one in tree.folders if role(one.name) and not one.count]
    if empty and splits[TRAIN] is not tree:
        parts.append(f"{', '.join(map(printable, empty))}, without images")
    return f"{printable(root)}: not used: {'; '.join(parts)}" if parts else None


def _files(paths):
    folders = Counter(os.path.dirname(path) for path in paths)
    return f"{len(paths):,} images ({printable(paths[0])}{_more(paths)}; {_listed(folders)})"


def _listed(folders):
    shown = [f"{count:,} in {printable(name) or 'the folder itself'}" for name, count in folders.most_common(5)]
    return ", ".join(shown) + (", ..." if len(folders) > len(shown) else "")


def _counted(paths):
    """Paths by the endings of their names, and the first of them."""
    endings = Counter(os.path.splitext(path)[1].lower() or "without an ending" for path in paths)
    kinds = ", ".join(f"{count:,} {printable(ending)}" for ending, count in endings.most_common(5))
    return f"{kinds} ({printable(paths[0])}{_more(paths)})"


def _more(paths):
    return ", ..." if len(paths) > 1 else ""


def _validation(root, splits, pictures):
    if VALIDATION not in splits:
        return None
    name, count = printable(splits[VALIDATION].path), len(pictures[VALIDATION])
    return f"{printable(root)}: {name} is the validation split, {count:,} images; none are set aside from the others"
