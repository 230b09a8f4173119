"""What cannot be asked of a teacher that is no Keras network: a bank holds its answers, and nothing else is known."""

from keras_kd import models
from keras_kd.methods.find import find as find_method
from keras_kd.methods.find import guarding, make
from keras_kd.models.foreign.kinds import CALLED
from keras_kd.recipe.schema_networks import MemberSpec
from keras_kd.utils.errors import UserError

# What a file of answers is shown nothing of.
OF_IMAGES = ("pixels", "input_size", "mean", "std", "output", "layout", "arguments")


def foreign_errors(recipe, code):
    """What of a recipe needs more of its teacher than answers: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
        code: as of `keras_kd.recipe.load.load`.
    """
    errors = [error for where, spec in _networks(recipe) for error in _field_errors(where, spec)]
    foreign = foreign_members(recipe)
    if not foreign:
        return errors
    spec = foreign[0]
    what = f"{spec.model} is {CALLED[models.foreign_kind_of(spec)]}, of which only its answers are known"
    fix = "take a Keras network (.keras) as the teacher"
    needs = (
        (("bank", "mode"), recipe.bank.mode == "live", "so it is asked through a bank; leave bank.mode out"),
        (("meta",), recipe.meta is not None, f"so it cannot be taught; drop meta, or {fix}"),
        (("student", "prune"), recipe.student.prune, f"so no student can be made from it; name a student, or {fix}"),
        (
            ("student", "start_from_teacher"),
            recipe.student.start_from_teacher is not None,
            f"so it has no weights to start from; leave it out, or {fix}",
        ),
        (("evidence", "attacks"), recipe.evidence.attacks, f"so it has no gradient; leave attacks out, or {fix}"),
        (("evidence", "attention"), recipe.evidence.attention, f"so it has no maps; leave attention out, or {fix}"),
        (
            ("data", "views"),
            any(models.foreign_kind_of(one) == "stored" for one in foreign) and recipe.data.family.mixing,
            "and these views mix images, of which it has none; leave mixup and cutmix out",
        ),
    )
    errors += [(where, f"{what}, {message}") for where, asked, message in needs if asked]
    for number, term in enumerate(recipe.terms):
        if code or not term.is_foreign:
            errors += [(("terms", str(number)), f"{one}, and {what}; {fix}") for one in _more_than_answers(term)]
    return errors


def foreign_members(recipe):
    """The networks of a recipe's teacher that are no Keras networks, `MemberSpec`s."""
    members = (recipe.teacher.ensemble or (recipe.teacher,)) if recipe.teacher is not None else ()
    return [one for one in members if models.foreign_kind_of(one) is not None]


def _networks(recipe):
    """[(path of keys, `MemberSpec`)] of all that teach or are compared with."""
    found = []
    if recipe.teacher is not None:
        found.append((("teacher",), recipe.teacher))
        found += [(("teacher", "ensemble", str(number)), one) for number, one in enumerate(recipe.teacher.ensemble)]
    if recipe.evidence.independent_teacher is not None:
        found.append((("evidence", "independent_teacher"), recipe.evidence.independent_teacher))
    return [(where, one) for where, one in found if one.model is not None and not one.is_recipe]


def _field_errors(where, spec):
    """Fields that a network does not take."""
    kind = models.foreign_kind_of(spec)
    if spec.function == "predicts" and kind != "function":
        yield (*where, "function"), f"{spec.model} is no function; expected package.module:function, or leave it out"
    # A folder may be a SavedModel, which only its place tells.
    if spec.layout is not None and kind is None and models.kind(spec.model) is not None:
        yield (*where, "layout"), f"{spec.model} is a Keras network, which knows it itself; leave it out"
    if kind == "stored":
        given = [one for one in OF_IMAGES if getattr(spec, one) != MemberSpec.model_fields[one].default]
        yield from (((*where, one), "stored answers are shown no images; leave it out") for one in given)
    if kind == "function" and spec.output is not None:
        yield (*where, "output"), "a function has one; leave it out"


def _more_than_answers(term):
    """What a term asks of its teacher beyond answers, a text."""
    if "teacher" not in find_method(term.method).roles:
        return
    try:
        method = make(term)
        with guarding(method, "taps()"):
            taps = [tap for tap in method.taps("teacher") if tap != "logits"]
    except UserError:
        return  # said of the term itself
    if method.live:
        yield f"{term.method} asks its teacher in the step"
    elif taps:
        yield f"{term.method} reads layers of its teacher ({', '.join(taps)})"
