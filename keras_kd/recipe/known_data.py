"""What of a recipe does not fit data that are known without being read: their classes, how many images there are."""

import functools
import json

from keras_kd.data.known import known
from keras_kd.data.values import share_of
from keras_kd.models import check_unbuilt
from keras_kd.recipe.schema_data import DataSpec
from keras_kd.utils.errors import UserError


def known_data_errors(recipe):
    """What cannot be of the data, or of what is held out of them: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose data are right by themselves.
    """
    spec, search = recipe.data, recipe.search
    about, errors = _of(spec)
    if about is None:
        return errors + _network_errors(recipe, None)
    shape, dataset = about
    errors += _network_errors(recipe, shape)
    try:
        spec.family.check(shape)
    except UserError as error:
        errors.append(_placed(str(error).removeprefix("data."), "views"))
    for part in ("meta", "cooperative"):
        held_out = getattr(recipe, part) and getattr(recipe, part).held_out
        if held_out and _is_share(held_out):
            try:
                share_of(part, held_out, len(dataset.train), counts=True)
            except UserError as error:
                errors.append(((part, "held_out"), str(error).removeprefix(f"{part}: ")))
    if search is not None and not spec.validation and _is_share(search.validation):
        _, wrong = _of(spec.model_copy(update={"validation": search.validation}))
        errors += [(("search", *where[1:]), message) for where, message in wrong]
    return errors


def _network_errors(recipe, image_shape):
    """What can be seen not to fit of the networks that the recipe itself names, before they are built."""
    teacher, members = recipe.teacher, recipe.teacher.ensemble if recipe.teacher is not None else ()
    networks = [(("student",), recipe.student), (("teacher",), teacher)]
    networks += [(("evidence", "independent_teacher"), recipe.evidence.independent_teacher)]
    networks += [(("teacher", "ensemble", str(number)), one) for number, one in enumerate(members)]
    networks += [(("peers", str(number)), one) for number, one in enumerate(recipe.peers)]
    errors = []
    for where, one in networks:
        if one is None or one.model is None:
            continue
        # One with an input size of its own resizes what it is shown.
        shape = image_shape if getattr(one, "input_size", None) is None else None
        try:
            check_unbuilt(one.model, shape, pixels=one.pixels, weights=one.weights, arguments=one.arguments)
        except UserError as error:
            errors.append((where, str(error)))
    return errors


def _is_share(value):
    """Whether a number is a fraction or a number of images; of another one something else is said."""
    return value < 1 or value == int(value)


def _of(spec):
    """(what `known` says or None, errors)."""
    asked = spec.model_dump(mode="json", exclude={"views"})
    if isinstance((asked["label_noise"] or {}).get("matrix"), str):
        asked["label_noise"] = None  # a file
    try:
        return _known(json.dumps(asked)), []
    except UserError as error:
        return None, [_placed(str(error), "name")]


@functools.lru_cache(maxsize=16)
def _known(asked):
    return known(**json.loads(asked))


def _placed(message, otherwise):
    """(path of keys, message) of an error that begins with the name of a field of `data`."""
    field, _, rest = message.partition(": ")
    keys = tuple(field.split("."))
    return (("data", *keys), rest) if keys[0] in DataSpec.model_fields else (("data", otherwise), message)
