"""Augmented images as numbered views: a file a family or a part of one, each ready family a line of a table.

A family of views has what `keras_kd.data.views.crop_flip.Views` has: count, identity, check, ids, render. The easiest
way to one is a dataclass that inherits from it; its `repr` is part of a bank's name, so it must say all that decides
the pixels.
"""

from keras_kd.data.views.augmentation import Augmented
from keras_kd.data.views.crop_flip import VIEWS, Views
from keras_kd.data.views.cutout import Cutout
from keras_kd.data.views.mixing import Cutmix, Mixup
from keras_kd.data.views.rand_augment import RandAugment
from keras_kd.utils.errors import UserError

__all__ = ["PRESETS", "VIEWS", "Augmented", "Views", "family"]

_BASE = VIEWS["crop_flip"]
# Ready families by the name that a recipe gives; `VIEWS` has those that lie beneath others.
PRESETS = {
    "crop_flip_mixup": Augmented.on(_BASE, mixing=Mixup()),
    "crop_flip_cutmix": Augmented.on(_BASE, mixing=Cutmix()),
    "crop_flip_cutout": Augmented.on(_BASE, cutout=Cutout()),
    "crop_flip_rand_augment": Augmented.on(_BASE, rand_augment=RandAugment()),
}


def family(views):
    """The family of views that a recipe's text or fields name.

    Args:
        views: a name in `VIEWS` or `PRESETS`; or a dict of "base", "rand_augment" (a dict of "operations", "magnitude",
            "seeds"), "cutout" with "holes" and "fill", "mixup" or "cutmix" with "mixes", and "cutmix_probability".

    Returns:
        A `Views` or an `Augmented`.

    Raises:
        UserError: both mixup and cutmix.

    Example:
        >>> family({"base": "crop_flip", "mixup": 1.0, "mixes": 16}) == family("crop_flip_mixup")
        True
    """
    if isinstance(views, str):
        return {**VIEWS, **PRESETS}[views]
    given = {name: value for name, value in views.items() if value is not None}
    if {"mixup", "cutmix"} <= set(given):
        raise UserError("views: found both mixup and cutmix; expected one of them")
    parts, draws = {}, {"draws": given["mixes"]} if "mixes" in given else {}
    if "rand_augment" in given:
        named = {"operations": "operations", "magnitude": "magnitude", "seeds": "draws"}
        parts["rand_augment"] = RandAugment(**{named[name]: value for name, value in given["rand_augment"].items()})
    if "cutout" in given:
        named = {"size": "cutout", "draws": "holes", "fill": "fill"}
        parts["cutout"] = Cutout(**{field: given[name] for field, name in named.items() if name in given})
    if "mixup" in given:
        parts["mixing"] = Mixup(alpha=given["mixup"], **draws)
    if "cutmix" in given:
        probability = {"probability": given["cutmix_probability"]} if "cutmix_probability" in given else {}
        parts["mixing"] = Cutmix(alpha=given["cutmix"], **draws, **probability)
    base = VIEWS[given.get("base", "crop_flip")]
    return Augmented.on(base, **parts) if parts else base
