"""Whether the student of a finished run was trained for long enough."""

from keras_kd.workflows.doctor.findings import LENGTH, finding, percent
from keras_kd.workflows.doctor.finished_run import still_learns


def check_length(case):
    """Whether a student that does not follow on its training images still learnt when the run was over.

    Args:
        case: a `Case`.
    """
    if case.followed is None:
        return None
    epochs, learns = case.recipe.fit.epochs, still_learns(case)
    evidence = {"epochs": epochs, "losses_fall": learns, "behind": case.followed.behind}
    if not case.followed.behind or not learns:
        follows = "the student follows" if not case.followed.behind else "the loss had stopped to fall"
        return finding(LENGTH, "good", f"{follows} after {epochs:,} epochs", evidence=evidence)
    return finding(
        LENGTH,
        "warning",
        f"the loss still fell when the {epochs:,} epochs were over, and the student gets "
        f"{percent(case.followed.student)} of its training images, its teacher {percent(case.followed.teacher)}",
        why="What it could learn of this teacher, it had not learnt yet.",
        fix=f"raise `fit.epochs`, to {3 * epochs} or more",
        evidence=evidence,
    )
