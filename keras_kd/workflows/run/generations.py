"""Born-again networks: a student teaches the next one, of the same kind, from another start.

Furlanello, Lipton, Tschannen, Itti, Anandkumar: Born Again Neural Networks. ICML 2018, arXiv:1805.04770.
"""

import re
from pathlib import Path

SEEDS_APART = 1000


def generation_folder(folder, number):
    """Where the run of an earlier generation lies: in the run, beside the others.

    Args:
        folder: of a run, or of one of its generations.
        number: 1 for the first.

    Example:
        >>> generation_folder("saved_models/born_again", 1).as_posix()
        'saved_models/born_again/generation_1'
        >>> generation_folder("saved_models/born_again/generation_2", 1).as_posix()
        'saved_models/born_again/generation_1'
    """
    folder = Path(folder)
    return (folder.parent if _is_generation(folder) else folder) / f"generation_{number}"


def home(folder):
    """The folder in which the runs of a run's teachers lie: that of the run itself.

    Example:
        >>> home("saved_models/born_again").as_posix(), home("saved_models/born_again/generation_2").as_posix()
        ('saved_models', 'saved_models')
    """
    folder = Path(folder)
    return folder.parent.parent if _is_generation(folder) else folder.parent


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
        "baseline": None,
        "export": recipe.export.model_copy(update={"formats": ()}),
    }
    if recipe.generations == 2 and recipe.teacher is None:
        changes.update(terms=(), label_weight=1.0)
    return recipe.model_copy(update=changes)


def _is_generation(folder):
    return re.fullmatch(r"generation_\d+", folder.name) is not None
