"""What a recipe must hold beyond its types: fields that need, exclude or bound each other."""

from keras_kd import models
from keras_kd.data import is_path
from keras_kd.data.groups import group_numbers
from keras_kd.data.injected.label_noise import transition
from keras_kd.data.sources.decode import RESIZE
from keras_kd.methods.find import find as find_method
from keras_kd.recipe.cooperative import cooperative_errors
from keras_kd.recipe.fit import fit_errors
from keras_kd.recipe.folds import data_fold_errors
from keras_kd.recipe.foreign import foreign_errors
from keras_kd.recipe.known_data import known_data_errors
from keras_kd.recipe.meta import meta_errors
from keras_kd.recipe.own_views import own_views_errors
from keras_kd.recipe.pruning import pruning_errors
from keras_kd.recipe.schema_types import AUTO, SEED
from keras_kd.recipe.selection import selection_errors
from keras_kd.recipe.teacher import independent_teacher_errors, teacher_errors
from keras_kd.training.schedules import Schedule
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import RECIPE, ends_in


def _weights(recipe):
    """The weights of a recipe: [(path of keys, weight)]."""
    terms = enumerate(recipe.terms)
    return [
        (("label_weight",), recipe.label_weight),
        *((("terms", str(number), "weight"), term.weight) for number, term in terms),
    ]


def meaning_errors(recipe, path, code):
    """What the types of a recipe do not say: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
        path: of its file.
        code: as of `keras_kd.recipe.load.load`.
    """
    of_data = [
        *_data_errors(recipe.data),
        *_noise_errors(recipe.data.label_noise),
        *_imbalance_errors(recipe.data.imbalance),
    ]
    return [
        *_weight_errors(recipe),
        *_term_errors(recipe, code),
        *teacher_errors(recipe, path),
        *independent_teacher_errors(recipe, path),
        *foreign_errors(recipe, code),
        *(of_data or known_data_errors(recipe)),
        *_repeated_seeds_errors(recipe),
        *fit_errors(recipe),
        *_student_errors(recipe),
        *pruning_errors(recipe, code),
        *_search_errors(recipe),
        *meta_errors(recipe, code),
        *selection_errors(recipe),
        *own_views_errors(recipe),
        *cooperative_errors(recipe),
    ]


def _weight_errors(recipe):
    errors, epochs = [], recipe.fit.epochs
    for where, weight in _weights(recipe):
        if isinstance(weight, Schedule) and min(weight.values()) < 0:
            errors.append((where, f"becomes {min(weight.values()):g}; expected 0 or more"))
        elif isinstance(weight, Schedule) and not any(weight.values(epochs)):
            errors.append((where, f"is 0 in all {epochs} epochs; expected some epoch with a weight above 0"))
    if not recipe.label_weight and not any(term.weight is None or term.weight for term in recipe.terms):
        errors.append((("label_weight",), "is 0 and no term has a weight above 0: nothing to learn from"))
    return errors


def _term_errors(recipe, code):
    """Terms read networks that there are, and networks are read."""
    errors = []
    known = [term for term in recipe.terms if code or not term.is_foreign]
    unknown = len(known) < len(recipe.terms)  # a class that was not looked at may read any network
    read = {role for term in known for role in find_method(term.method).roles}
    if recipe.peers and "peer" not in read and not unknown and recipe.cooperative is None:
        what = "no term reads them; add terms: [{method: dml}], or cooperative: true, or drop them"
        errors.append((("peers",), what))
    if "peer" in read and not recipe.peers:
        errors.append((("terms",), "there are no peers; give them, such as peers: [resnet20]"))
    if recipe.trust is not None and recipe.teacher is None:
        errors.append((("trust",), "there is no teacher to trust; give one, or drop it"))
    if recipe.trust is not None and not recipe.data.validation:
        errors.append((("trust",), "it is measured on validation images and there are none; set data.validation"))
    for number, term in enumerate(recipe.terms):
        waits = find_method(term.method).begins_after if term in known else ""
        after = term.settings.get(waits, find_method(term.method).model_fields[waits].default) if waits else 0
        if waits and after >= recipe.fit.epochs:
            where = ("terms", str(number), waits)
            errors.append(
                (where, f"is {after}; training has only {recipe.fit.epochs} epochs, so nothing would be taught")
            )
        if term.method == "ada_margin" and term.settings.get("margins") == "teacher":
            where = ("terms", str(number), "margins")
            if recipe.teacher is None:
                errors.append((where, "there is no teacher whose margins could be measured; give numbers, or classes"))
            if not recipe.data.validation:
                errors.append((where, "are measured on validation images and there are none; set data.validation"))
    if recipe.label_weight == AUTO and recipe.teacher is None:
        errors.append((("label_weight",), "is auto and there is no teacher; give a number, such as 1"))
    # Of a folder or a file it is known once it is read whether it has a split for validation.
    if recipe.label_weight == AUTO and not recipe.data.validation and not is_path(recipe.data.name):
        errors.append(
            (("label_weight",), "auto is measured on validation images and there are none; set data.validation")
        )
    if recipe.teacher is None and "teacher" in read and recipe.generations == 1:
        errors.append((("terms",), "there is no teacher; give one, or drop the terms"))
    uses = [term for term in recipe.terms if (term.weight is None or term.weight) and _asks_teacher(term, known)]
    if recipe.teacher is not None and not uses and recipe.student.prune is None:
        errors.append((("teacher",), "no term with a weight above 0 uses it; add terms: [{method: kd}], or drop it"))
    if recipe.generations > 1 and recipe.teacher is None and not uses:
        errors.append((("generations",), "no term learns from the one before; add terms: [{method: kd}], or drop it"))
    return errors


def _asks_teacher(term, known):
    """Whether a term reads the teacher, or has its margins measured of it; one that was not looked at may."""
    margins = term.settings.get("margins") == "teacher"
    return margins or term not in known or "teacher" in find_method(term.method).roles


def _data_errors(spec):
    errors, views, size = [], spec.views, spec.image_size
    if not isinstance(views, str) and views.mixup and views.cutmix:
        errors.append((("data", "views", "cutmix"), "mixup and cutmix exclude each other; keep one"))
    errors += _fraction_or_whole(("data", "validation"), spec.validation)
    if size is not None and min(size if isinstance(size, tuple) else (size,)) < 1:
        errors.append((("data", "image_size"), f"is {size}; expected 1 or more pixels"))
    if spec.resize != RESIZE and size is None:
        what = f"is {spec.resize} and no image is resized; give image_size, such as 224, or leave it out"
        errors.append((("data", "resize"), what))
    if spec.groups is not None:
        try:
            # How many classes there are is known with the data, where `classes` does not say it.
            listed = {one for group in spec.groups for one in group}
            highest = max((*listed, 0)) + 1
            unlisted = sorted(set(range(highest)) - listed) if spec.classes is None else []
            groups = [*spec.groups, unlisted] if unlisted else spec.groups
            group_numbers(groups, highest if spec.classes is None else len(spec.classes))
        except UserError as error:
            errors.append((("data", "groups"), str(error).removeprefix("groups: ")))
    if (spec.mean is None) != (spec.std is None):
        errors.append((("data", "mean" if spec.mean else "std"), "mean and std go together; give both or neither"))
    return errors + data_fold_errors(spec)


def _fraction_or_whole(where, value):
    if value < 1 or value == int(value):
        return []
    return [(where, f"is {value}; expected a fraction below 1 or a whole number")]


def _search_errors(recipe):
    search = recipe.search
    if search is None:
        return []
    errors = _fraction_or_whole(("search", "validation"), search.validation)
    last = recipe.seed + search.seeds - 1
    if last >= SEED["lt"]:
        what = f"the last of {search.seeds} from seed {recipe.seed} on is {last}; expected seeds below {SEED['lt']}"
        errors.append((("search", "seeds"), what))
    return errors


def _student_errors(recipe):
    errors, student = [], recipe.student
    if student.model is None:
        return errors  # see `pruning_errors`
    if student.start_from_teacher is not None and recipe.teacher is None:
        errors.append((("student", "start_from_teacher"), "there is no teacher; give one, or leave it out"))
    if student.weights and models.kind(student.model) != "application":
        what = f"only keras.applications models have them, {student.model} is none"
        errors.append((("student", "weights"), what))
    if ends_in(student.model, RECIPE):
        errors.append((("student",), "a recipe cannot be a student; name a model, or a .keras file to go on from"))
    return errors


def _repeated_seeds_errors(recipe):
    """What is wrong with seeds, baseline and classes beyond types: [(path of keys, message)]."""
    errors = []
    if len(set(recipe.seeds)) < len(recipe.seeds):
        errors.append((("seeds",), f"is {list(recipe.seeds)}; expected each seed once"))
    elif recipe.seeds and recipe.seed != recipe.seeds[0]:
        errors.append((("seed",), f"is {recipe.seed} and seeds begin with {recipe.seeds[0]}; leave seed out"))
    if recipe.baseline is not None and not (recipe.terms or recipe.peers or recipe.teacher):
        errors.append((("baseline",), "the student learns from labels alone already; leave it out, or give terms"))
    if recipe.export.deliver == "best" and recipe.baseline is None:
        what = "best compares with the student on labels alone; set baseline: true, or leave it out"
        errors.append((("export", "deliver"), what))
    kept = recipe.data.classes
    if kept is not None and len(set(kept)) < len(kept):
        errors.append((("data", "classes"), f"is {list(kept)}; expected each class once"))
    return errors


def _noise_errors(noise):
    """What is wrong with planted label noise beyond types: [(path of keys, message)]."""
    if noise is None:
        return []
    where, errors = ("data", "label_noise"), []
    for field, needed in (("rate", noise.kind != "matrix"), ("matrix", noise.kind == "matrix")):
        given = getattr(noise, field) is not None
        if needed and not given:
            errors.append(((*where, field), f"is required for kind: {noise.kind}"))
        if given and not needed:
            errors.append(((*where, field), f"is not of kind: {noise.kind}; leave it out"))
    if noise.superclasses is not None and noise.kind != "superclass":
        errors.append(((*where, "superclasses"), f"is not of kind: {noise.kind}; leave it out"))
    if isinstance(noise.matrix, tuple):
        try:
            # As many classes as it has rows: whether the data have as many is known with the data.
            transition("matrix", len(noise.matrix), matrix=noise.matrix)
        except UserError as error:
            errors.append(((*where, "matrix"), str(error).removeprefix("label_noise.matrix: ")))
    return errors


def _imbalance_errors(imbalance):
    """What is wrong with classes made rare beyond types: [(path of keys, message)]."""
    if imbalance is None or imbalance.rare is None or imbalance.profile == "step":
        return []
    return [(("data", "imbalance", "rare"), f"is not of profile: {imbalance.profile}; leave it out")]
