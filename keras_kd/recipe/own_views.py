"""What an ensemble needs whose members see views of their own."""

from keras_kd.methods.find import make
from keras_kd.training.term import makes_images, taps_of

ONE = "take ensemble_views: same"


def own_views_errors(recipe):
    """What of a recipe cannot be together with `ensemble_views`: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
    """
    teacher, where = recipe.teacher, ("teacher", "ensemble_views")
    if teacher is None or not teacher.ensemble or teacher.ensemble_views == "same":
        return []
    seeds, views, count = teacher.view_seeds, recipe.data.family, len(teacher.ensemble)
    if len(seeds) != count:
        return [(where, f"has {len(seeds)} seeds for {count} members; give one per member, or own")]
    errors = []
    if views.mixing:
        what = "each member would see another mixture than the student is to answer for"
        errors.append((where, f"cannot be with data.views that mix images: {what}; drop mixup and cutmix, or {ONE}"))
    elif views.count == 1:
        errors.append((where, f"data.views has one view, which all see; take crop_flip, or {ONE}"))
    for field in ("class_map", "calibrate"):
        if getattr(teacher, field):
            errors.append((("teacher", field), f"of the whole shows all members one view; give it to each, or {ONE}"))
    for number, term in enumerate(recipe.terms):
        method = None if term.is_foreign else make(term)
        if method is None or "teacher" not in method.roles:
            continue
        if taps_of(method, "teacher") or makes_images(method):
            what = f"{term.method} reads layers of the teacher, or shows it images of its own, which are of one view"
            errors.append((("terms", str(number)), f"{what}; take a term of logits, or {ONE}"))
    return errors
