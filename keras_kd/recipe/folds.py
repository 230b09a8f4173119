"""What a teacher of folds (`teacher.folds`) cannot be together with."""

from keras_kd.methods.find import find as find_method


def fold_errors(recipe):
    """What of a recipe cannot be together with its teacher's folds, and of `data.folds`: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right and that has a teacher.
    """
    teacher, where = recipe.teacher, ("teacher", "folds")
    if teacher.folds is None:
        return []
    errors = []
    if teacher.ensemble:
        errors.append((where, "are of one recipe; leave ensemble out, or folds"))
    elif teacher.model is not None and not teacher.is_recipe:
        errors.append((where, f"are of one recipe and {teacher.model} is no recipe; name one, or drop it"))
    if any(path.split(".")[:2] in (["data", "folds"], ["data", "without_fold"]) for path in teacher.settings):
        errors.append((("teacher", "settings"), "set data.folds, which teacher.folds does; keep one"))
    if recipe.meta is not None:
        errors.append((where, "with meta the teacher is one network that is taught itself; drop one of both"))
    if recipe.data.without_fold is not None:
        errors.append((where, "of images of which a fold is left out already; drop data.folds, or teacher.folds"))
    if recipe.bank.mode == "live":
        what = "need the bank, which asks each image's own teacher alone; live would run all in each step"
        errors.append((("bank", "mode"), f"live cannot be with teacher.folds, which {what}; leave bank out"))
    if recipe.data.family.mixing:
        what = "show a fold's teacher images that it was trained on, mixed in; take views without mixup and cutmix"
        errors.append((("data", "views"), f"that mix two images {what}, or drop teacher.folds"))
    for number, term in enumerate(recipe.terms):
        if not term.is_foreign and find_method(term.method).live:
            what = f"{term.method} asks the teacher in the step, where teacher.folds cannot answer"
            errors.append((("terms", str(number)), f"{what}; take another term, or drop folds"))
    return errors


def data_fold_errors(spec):
    """What is wrong with the fold that a `DataSpec` leaves out: [(path of keys, message)]."""
    if (spec.folds is None) != (spec.without_fold is None):
        field, there = ("without_fold", "folds") if spec.folds else ("folds", "without_fold")
        return [(("data", field), f"is not given and data.{there} is; give both, or neither")]
    if spec.folds is not None and spec.without_fold >= spec.folds:
        return [(("data", "without_fold"), f"is {spec.without_fold}; expected 0 to {spec.folds - 1}, of {spec.folds}")]
    return []
