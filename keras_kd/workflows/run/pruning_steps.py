"""A student that is pruned in several steps: each prunes the one before, and the teacher stays the original.

Han, Pool, Tran, Dally: Learning both Weights and Connections for Efficient Neural Networks. NeurIPS 2015,
arXiv:1506.02626.
"""


def step_of(recipe, number):
    """The recipe of an earlier step, without exports: the shares of all steps fall by one factor.

    Args:
        recipe: a `Recipe` whose student is pruned in several steps.
        number: 1 for the first.

    Returns:
        A `Recipe` of so many steps.
    """
    spec = recipe.student.prune
    name, share = spec.target
    changes = {name: share ** (number / spec.steps), "steps": number, "format": None}
    student = recipe.student.model_copy(update={"prune": spec.model_copy(update=changes)})
    return recipe.model_copy(update={"student": student, "seeds": (), **recipe.alone(formats=())})
