"""What cannot be combined with a teacher that is taught itself."""

from keras_kd.methods.find import find as find_method
from keras_kd.methods.find import make
from keras_kd.training.schedules import Schedule
from keras_kd.training.term import makes_images, taps_of

# Fields of a recipe that exclude it: (path of keys, whether it is so, why and what to do).
_EXCLUDED = (
    (("peers",), lambda recipe: recipe.peers, "a trial is of the student alone; drop them, or drop meta"),
    (
        ("generations",),
        lambda recipe: recipe.generations > 1,
        "with meta each teacher would be moved away from the student that it was; set generations: 1, or drop meta",
    ),
    (
        ("teacher", "ensemble"),
        lambda recipe: recipe.teacher is not None and recipe.teacher.ensemble,
        "meta teaches one network; name one of them as the teacher, or drop meta",
    ),
    (
        ("bank", "mode"),
        lambda recipe: recipe.bank.mode in ("ahead", "full"),
        "a bank holds what the teacher said before meta taught it; leave bank out, or drop meta",
    ),
    (
        ("fit", "precision"),
        lambda recipe: recipe.fit.precision == "mixed_float16",
        "in float16 the gradients of a trial vanish; use mixed_bfloat16 or float32, or drop meta",
    ),
)


def meta_errors(recipe, code):
    """What of a recipe cannot be together with its `meta`: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
        code: as of `keras_kd.recipe.load.load`.
    """
    meta = recipe.meta
    if meta is None:
        return []
    errors = [(where, why) for where, is_so, why in _EXCLUDED if is_so(recipe)]
    if recipe.teacher is None:
        errors.append((("meta",), "there is no teacher to be taught; give one, or drop it"))
    for field in ("trial_step_size", "teacher_learning_rate"):
        value = getattr(meta, field)
        values = value.values(recipe.fit.epochs) if isinstance(value, Schedule) else (value,)
        if min(values) < 0:
            errors.append((("meta", field), f"becomes {min(values):g}; expected 0 or more"))
        elif not any(values):
            what = f"is 0 in all {recipe.fit.epochs} epochs, so that the teacher stays; expected some epoch above 0"
            errors.append((("meta", field), f"{what}, or drop meta"))
    if meta.held_out >= 1 and meta.held_out != int(meta.held_out):
        errors.append((("meta", "held_out"), f"is {meta.held_out}; expected a fraction below 1 or a whole number"))
    for number, term in enumerate(recipe.terms):
        if (code or not term.is_foreign) and _is_more_than_logits(term):
            what = f"{term.method} reads or trains more than logits, through which alone meta teaches the teacher"
            errors.append(
                (("terms", str(number)), f"{what}; take kd, dkd, dist or another term of logits, or drop meta")
            )
    return errors


def _is_more_than_logits(term):
    method = find_method(term.method)
    if method.trains_adapters or "peer" in method.roles:
        return True
    made = make(term)
    return makes_images(made) or any(taps_of(made, role) for role in ("student", "teacher", "data"))
