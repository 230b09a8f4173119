"""What the student is shown: the labels' noise, and the views that teacher and student share."""

import numpy as np

from keras_kd.workflows.doctor.findings import DATA, finding, percent

FITS = 0.5


def check_data(case):
    """Whether labels are known to be wrong, and whether the teacher passes that on.

    Args:
        case: a `Case`.
    """
    recipe, noise = case.recipe, case.dataset.label_noise
    views = recipe.data.family.count
    told = ", ".join(
        filter(None, (f"{len(case.dataset.train):,} training images", _views(views), _who_sees_what(recipe.teacher)))
    )
    evidence = {"train": len(case.dataset.train), "views": views, "label_noise": noise}
    if not noise or not noise.get("rate"):
        return finding(DATA, "good", told, evidence=evidence)
    told += f"; {percent(noise['rate'])} of the labels are wrong, as the recipe plants them"
    shown = case.training
    wrong = shown.labels != shown.true_labels
    if not case.comparable or not wrong.any():
        return finding(DATA, "good", told, evidence=evidence)
    said = np.nan_to_num(case.logits(shown), nan=-np.inf).argmax(1)
    fits = float((said[wrong] == shown.labels[wrong]).mean())
    evidence["teacher_fits_noise"] = fits
    told += f"; the teacher gives {percent(fits)} of these images their wrong label"
    if fits < FITS:
        return finding(DATA, "good", told, evidence=evidence)
    return finding(
        DATA,
        "warning",
        told,
        why="The teacher has memorised the wrong labels and teaches them.",
        fix="take an earlier checkpoint of it (`teacher.epoch`), one trained on clean labels, or `trust`",
        evidence=evidence,
    )


def _views(count):
    return "as they are" if count == 1 else f"{count:,} views of each"


def _who_sees_what(teacher):
    if teacher is None:
        return ""
    if teacher.view_seeds:
        return "each member of the teacher sees a view of its own of each image, the student one"
    return "teacher and student see the same view of each image"
