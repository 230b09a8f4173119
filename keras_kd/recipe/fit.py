"""What of a recipe's `fit` excludes or needs something else."""

from keras_kd.data import is_path

# Fields that cannot be with each other: (the field, what it is, what of the recipe excludes it, why).
_EXCLUDED = (
    ("early_stopping", "cooperative", "it keeps several networks, each of which would stop at another epoch"),
    ("early_stopping", "meta", "the teacher that is kept would be of another epoch than the student"),
    ("ema", "cooperative", "networks see each other as they are after each round"),
    ("ema", "meta", "the teacher is taught by trials of the student as it is, not of its average"),
    ("ema", "selection", "choices are rewarded by the student as it is, not by its average"),
    ("class_weight", "cooperative", "each network has images of its own"),
    ("label_smoothing", "cooperative", "who is right on labels is what its rounds are made of"),
)


def fit_errors(recipe):
    """What is wrong with a recipe's `fit` beyond types: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
    """
    return [*_checkpoint_errors(recipe.fit), *_fit_errors(recipe.fit), *_combined_errors(recipe)]


def _combined_errors(recipe):
    """What of `fit` cannot be with other parts of the recipe."""
    fit, errors = recipe.fit, []
    for field, part, why in _EXCLUDED:
        if getattr(fit, field) and getattr(recipe, part) is not None:
            errors.append((("fit", field), f"cannot be with {part}: {why}; drop one of the two"))
    # Of a folder or a file it is known once it is read whether it has a split for validation.
    if fit.early_stopping is not None and not recipe.data.validation and not is_path(recipe.data.name):
        what = "is judged by validation images and there are none; set data.validation, or drop it"
        errors.append((("fit", "early_stopping"), what))
    if fit.early_stopping is not None and (fit.checkpoints or fit.checkpoint_every):
        field = "checkpoints" if fit.checkpoints else "checkpoint_every"
        what = "cannot be with early_stopping, as training may end before; drop one of the two"
        errors.append((("fit", field), what))
    for field in ("class_weight", "label_smoothing"):
        if getattr(fit, field) and not recipe.label_weight:
            errors.append((("fit", field), "is of the label loss and label_weight is 0; raise that, or drop it"))
    return errors


def _checkpoint_errors(fit):
    if list(fit.checkpoints) != sorted(set(fit.checkpoints)):
        return [(("fit", "checkpoints"), f"is {list(fit.checkpoints)}; expected rising epochs")]
    if max((*fit.checkpoints, fit.checkpoint_every or 0)) <= fit.epochs:
        return []
    field = "checkpoint_every" if (fit.checkpoint_every or 0) > fit.epochs else "checkpoints"
    given = list(fit.checkpoints) if field == "checkpoints" else fit.checkpoint_every
    return [(("fit", field), f"is {given}; training has only {fit.epochs} epochs")]


def _fit_errors(fit):
    errors = []
    if fit.l2 and fit.optimizer != "sgd":
        errors.append((("fit", "l2"), f"only sgd couples it; with {fit.optimizer} use weight_decay (adamw)"))
    if fit.weight_decay and fit.optimizer != "adamw":
        errors.append((("fit", "weight_decay"), f"only adamw decouples it; with {fit.optimizer} use l2 (sgd)"))
    if list(fit.drops) != sorted(set(fit.drops)):
        errors.append((("fit", "drops"), f"is {list(fit.drops)}; expected rising epochs"))
    if fit.drops and fit.decay == "cosine":
        errors.append((("fit", "decay"), "cosine and drops exclude each other; keep one"))
    if fit.warmup_epochs >= fit.epochs and fit.warmup_epochs:
        errors.append((("fit", "warmup_epochs"), f"is {fit.warmup_epochs}; training has only {fit.epochs} epochs"))
    return errors
