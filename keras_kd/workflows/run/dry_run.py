"""A recipe tried without training: its networks are built, untrained, and everything that must fit is seen to fit."""

from dataclasses import replace

import numpy as np

from keras_kd.data.describe import describe
from keras_kd.data.values import share_of
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.methods import Method
from keras_kd.methods.find import make
from keras_kd.models.foreign.layer import answering_in
from keras_kd.models.network import build, use_views
from keras_kd.recipe.load import load_teacher_recipe
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.build import build_distiller, build_peers, build_student
from keras_kd.workflows.run.choose_bank import check_folds
from keras_kd.workflows.run.class_weight import with_class_weights
from keras_kd.workflows.run.label_weight import with_assumed_weights
from keras_kd.workflows.run.margins import with_assumed_margins
from keras_kd.workflows.run.open_run import held_out_by
from keras_kd.workflows.run.rehearse import rehearse
from keras_kd.workflows.run.teachers import assemble, check_alike


def about_data(recipe):
    """What is known of a recipe's data; its views fit its images.

    Raises:
        UserError: they do not.
    """
    about = describe(**recipe.data.model_dump(exclude={"views"}))
    recipe.data.family.check(about.image_shape)
    if recipe.meta is None and recipe.cooperative is None:
        return about
    held_out = share_of(*held_out_by(recipe), about.train_count, counts=True)
    return replace(about, train_count=about.train_count - held_out)


def dry_run(recipe, about, smoke=False, visit=None, *, look=None, everything=False, quiet=False):
    """Builds a recipe's networks for its data and checks that they, the methods and the data fit.

    A student that is none of the zoo is also saved, loaded, and made into its exports.

    Args:
        recipe: a `Recipe`.
        about: a `Description` of its data.
        smoke: whether teachers that are recipes are shrunk too.
        visit: called with (`MemberSpec`, `Recipe`) for each recipe that teaches; by default each has a dry run too.
        look: called once the teacher is seen to fit, to look at it as a run does before it trains.
        everything: as of `rehearse`.
        quiet: no progress.

    Returns:
        (student, teacher), untrained `Network`s; the teacher may be None.

    Raises:
        UserError: what does not fit, as a run would find it: of every network that cannot be built or read back.
    """
    visit = visit or (lambda spec, taught: dry_run(taught, about_data(taught), smoke, quiet=quiet))
    recipe, errors = with_assumed_margins(with_assumed_weights(recipe), about.classes), []
    recipe = _with_assumed_class_weights(recipe, about)
    teacher = None if recipe.teacher is None else _tried(errors, _teacher, recipe, about, smoke, visit)
    if look is not None and not errors:
        _tried(errors, look)
    if recipe.student.prune is not None and teacher is None:
        student = None  # its teacher cannot be built
    else:
        student = _tried(errors, build_student, recipe, about, teacher)
    if student is not None and errors:
        # Its teacher cannot be built; what else is wrong with it is said as well.
        _tried(errors, rehearse, recipe, about, student.model, everything=everything, quiet=quiet)
    if errors:
        raise UserError("\n".join(dict.fromkeys(errors)))
    check_folds(recipe, about, teacher)
    teachers = [teacher]
    if recipe.generations > 1:
        # The first generation's teacher, if there is one, and that of every later one: a student.
        teachers = [one for one in (teacher, build_student(recipe, about)) if one is not None]
    for number, one in enumerate(teachers):
        student = student if number == 0 else build_student(recipe, about)
        peers = build_peers(recipe, about)
        distiller = build_distiller(
            recipe,
            one,
            student,
            ViewRenderer(recipe.data.family),
            # Those that cooperate are each trained for itself.
            peers=() if recipe.cooperative else peers,
            trust=np.ones(about.classes) if recipe.trust else None,
            examples=about.train_count,
            banked=one is not None and bool(answering_in(one.model)),
        )
        # A method may have made the student that trains of the one that was built.
        rehearse(recipe, about, distiller.student, everything=everything, quiet=quiet)
    return student, teachers[-1]


def _with_assumed_class_weights(recipe, about):
    """The recipe with numbers for `fit.class_weight`, which are tried as far as the classes are known."""
    if about.class_names is None and isinstance(recipe.fit.class_weight, dict):
        ones = recipe.fit.model_copy(update={"class_weight": (1.0,) * about.classes})
        return recipe.model_copy(update={"fit": ones})
    return with_class_weights(recipe, about.class_names or range(about.classes))


def _tried(errors, build, *given, **options):
    """What a function gives; where it fails, None, and its error joins the others."""
    try:
        return build(*given, **options)
    except UserError as error:
        errors.extend(str(error).splitlines())
        return None


def _teacher(recipe, about, smoke, visit):
    """The teacher's network, untrained where it is a recipe."""

    def of_recipe(spec, seen):
        taught = load_teacher_recipe(spec, smoke)
        check_alike(recipe, taught.data, spec.model)
        _same_size(spec, seen, describe(**taught.data.model_dump(exclude={"views"})).image_shape)
        visit(spec, taught)
        return _as_trained(taught, seen, smoke)

    network = assemble(recipe.teacher, about, of_recipe, fits=False)
    use_views(network, recipe.data.family)
    return network


def _as_trained(recipe, seen, smoke):
    """The network that a run of a recipe would leave, untrained: a method may make another of the one that is named."""
    if recipe.student.prune is not None:

        def untrained(spec, seen):
            return _as_trained(load_teacher_recipe(spec, smoke), seen, smoke)

        network = build_student(recipe, seen, assemble(recipe.teacher, seen, untrained, fits=False))
    else:
        network = build(recipe.student, seen, "teacher")
    makers = [method for method in map(make, recipe.terms) if type(method).student is not Method.student]
    networks = {}
    if recipe.teacher is not None and any("teacher" in method.roles for method in makers):

        def of_recipe(spec, seen):
            return _as_trained(load_teacher_recipe(spec, smoke), seen, smoke)

        networks["teacher"] = assemble(recipe.teacher, seen, of_recipe, fits=False).model
    for method in makers:
        network = replace(network, model=method.student(network.model, networks))
    return network


def _same_size(spec, seen, takes):
    if tuple(seen.image_shape) != tuple(takes):
        height, width = takes[:2]
        fix = "leave input_size out" if spec.input_size else f"set input_size: {_size(height, width)} for it"
        if tuple(seen.image_shape[2:]) != tuple(takes[2:]):
            fix = "take another teacher: only height and width can be changed"
        shown = tuple(seen.image_shape)
        raise UserError(f"{spec.model}: its network takes images of {tuple(takes)} and would be shown {shown}; {fix}")


def _size(height, width):
    return height if height == width else [height, width]
