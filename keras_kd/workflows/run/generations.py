"""Born-again networks: a student teaches the next one, of the same kind, from another start.

Furlanello, Lipton, Tschannen, Itti, Anandkumar: Born Again Neural Networks. ICML 2018, arXiv:1805.04770.
"""

SEEDS_APART = 1000


def before(recipe):
    """The recipe of the generation before the last, without exports.

    Each generation has a seed of its own, 1000 above that of the next, so that the run's seed is the last one's. The
    first learns from the recipe's teacher; where there is none, from labels alone with weight 1.

    Args:
        recipe: a `Recipe` of two generations or more.

    Returns:
        A `Recipe` of one generation less.
    """
    changes = {
        "generations": recipe.generations - 1,
        "seed": (recipe.seed + SEEDS_APART) % 2**31,
        "seeds": (),
        **recipe.alone(formats=()),
    }
    if recipe.generations == 2 and recipe.teacher is None:
        changes.update(terms=(), label_weight=1.0)
    return recipe.model_copy(update=changes)
