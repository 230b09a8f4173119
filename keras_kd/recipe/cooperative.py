"""What cannot be combined with networks that teach each other by counterfactual examples."""

from keras_kd.recipe.schema_cooperative import CooperativeSpec

# Fields of a recipe that exclude it: (path of keys, whether it is so, why and what to do).
_EXCLUDED = (
    (("teacher",), lambda recipe: recipe.teacher is not None, "with cooperative the networks teach each other"),
    (("terms",), lambda recipe: recipe.terms, "with cooperative networks learn from labels and examples alone"),
    (("meta",), lambda recipe: recipe.meta is not None, "with cooperative there is no teacher to be taught"),
    (("generations",), lambda recipe: recipe.generations > 1, "with cooperative no network teaches the next"),
    (("search",), lambda recipe: recipe.search is not None, "a search does not try cooperative recipes"),
    (
        ("fit", "checkpoints"),
        lambda recipe: recipe.fit.checkpoints or recipe.fit.checkpoint_every,
        "with cooperative only the last student is kept",
    ),
    (
        ("label_weight",),
        lambda recipe: recipe.label_weight != 1,
        "with cooperative labels are all that networks learn from",
    ),
    (
        ("bank", "mode"),
        lambda recipe: recipe.bank.mode in ("ahead", "full"),
        "with cooperative there is no teacher whose answers it could hold",
    ),
)
_PRICE = CooperativeSpec.model_fields["distance_weight"].default


def cooperative_errors(recipe):
    """What of a recipe cannot be together with its `cooperative`: [(path of keys, message)].

    Args:
        recipe: a `Recipe` whose types are right.
    """
    spec = recipe.cooperative
    if spec is None:
        return []
    errors = [(where, f"{why}; leave it out, or drop cooperative") for where, is_so, why in _EXCLUDED if is_so(recipe)]
    if spec.how == "walk" and spec.distance_weight != _PRICE:
        errors.append((("cooperative", "distance_weight"), "is of how: descent; take it, or leave the weight out"))
    if not recipe.peers:
        errors.append(
            (("cooperative",), "there are no networks to cooperate with; give peers, such as peers: [resnet20]")
        )
    if spec.held_out >= 1 and spec.held_out != int(spec.held_out):
        errors.append(
            (("cooperative", "held_out"), f"is {spec.held_out}; expected a fraction below 1 or a whole number")
        )
    return errors
