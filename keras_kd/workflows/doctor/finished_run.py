"""What lies on disk of finished runs: the student's own, and those of the same student on labels alone."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_kd.evaluation.metrics import accuracy, agreement
from keras_kd.models.network import logits_of
from keras_kd.recipe.folders import RunFolder, seed_folder
from keras_kd.recipe.schema import BaselineSpec
from keras_kd.training.early_stopping import judged_by
from keras_kd.training.schedules import Schedule
from keras_kd.workflows.run.baseline import LABELS, baselines_of
from keras_kd.workflows.run.folder import read_history, read_report
from keras_kd.workflows.run.measure import load_student
from keras_kd.workflows.run.paired_runs import paired_on_images

# Behind its teacher on training images by so much, and agreeing on less than this: the student does not follow.
BEHIND, FOLLOWS = 0.05, 0.9
# Standard errors beyond which two accuracies differ without doubt: 0.001 of the normal distribution, two-sided.
ERRORS = 3.29
# The last third of the epochs gave more than this of all that was gained: the next third would give about as much.
STILL_LEARNS = 0.1


@dataclass(frozen=True)
class Followed:
    """How far the trained student follows on training images; accuracies in 0..1, by the labels without planted noise.

    Args:
        student, teacher: their accuracies.
        agrees: share of the images on which both name the same class.
        alone: accuracy of the same student on labels alone, or None where its run is not there.
        images: how many.
    """

    student: float
    teacher: float
    agrees: float
    alone: float | None
    images: int

    @property
    def behind(self):
        """Whether the student does not do on its training images what its teacher does."""
        return self.student < self.teacher - BEHIND and self.agrees < FOLLOWS

    @property
    def outgrown(self):
        """Whether the student knows far more of its training images than its teacher."""
        return self.student > self.teacher + BEHIND

    @property
    def can(self):
        """Whether the same student does better on labels alone: it is large enough, and trained for long enough."""
        return self.alone is not None and self.alone > self.student + BEHIND


def runs_on_labels_alone(recipe, folder):
    """Finished runs of the same student on labels alone, whether the recipe asks for them or another made them.

    Args:
        recipe: a `Recipe`.
        folder: of its run, next to which baselines lie.

    Returns:
        {seed: (`Recipe`, folder, `Report`)} of the recipe's seeds.
    """
    asked = recipe.model_copy(update={"baseline": recipe.baseline or BaselineSpec()})
    found = {}
    for seed in recipe.seeds or (recipe.seed,):
        alone, place = baselines_of(asked, asked.with_seed(seed), folder)[LABELS]
        report = read_report(place)
        if report is not None and report.student is not None and RunFolder(place).student.exists():
            found[seed] = alone, place, report
    return found


def followed(case):
    """`Followed` of a finished run's student; None where there is none, or no teacher of these classes."""
    if case.trained_student is None or not case.comparable:
        return None
    shown = case.training
    student = np.nan_to_num(logits_of(case.trained_student, shown.images)[0])
    teacher, alone = np.nan_to_num(case.logits(shown)), None
    if case.recipe.seed in case.labels_alone:
        recipe, place, _ = case.labels_alone[case.recipe.seed]
        network = load_student(recipe, case.dataset, RunFolder(Path(place)))
        alone = accuracy(np.nan_to_num(logits_of(network, shown.images)[0]), shown.true_labels)
    return Followed(
        accuracy(student, shown.true_labels),
        accuracy(teacher, shown.true_labels),
        agreement(student, teacher),
        alone,
        len(shown),
    )


def compared_with_labels_alone(case):
    """How the test images of a finished run judge its student and that on labels alone, seed by seed.

    Args:
        case: a `Case`.

    Returns:
        [dict of `paired_on_images` with "distilled", "labels_alone" (accuracies) and "seed"], of each seed of which
        both runs are there.
    """
    found = []
    for seed, (_, place, report) in case.labels_alone.items():
        own = seed_folder(case.folder, seed, case.recipe.seed)
        ours = case.report if seed == case.recipe.seed else read_report(own)
        paired = paired_on_images(own, place)
        if ours is not None and paired is not None:
            accuracies = {"distilled": ours.student.top1, "labels_alone": report.student.top1}
            found.append({**paired, **accuracies, "seed": seed})
    return found


def worth_of_teacher(case):
    """The teacher's accuracy next to that of the same student on labels alone.

    Test images of both are compared where the run is finished; else the teacher is asked on validation images, or on
    training images, on which it can only look better than it is.

    Args:
        case: a `Case`.

    Returns:
        None where no such student is there; else a dict: "teacher", "labels_alone" (accuracies in 0..1), "images" (in
        words), "worse": whether the teacher is the worse one beyond doubt.
    """
    if not case.labels_alone or not case.comparable:
        return None
    reports = [report for _, _, report in case.labels_alone.values()]
    alone, tested = float(np.mean([one.student.top1 for one in reports])), reports[0].data.test
    if case.report is not None and case.report.teacher is not None and case.report.teacher.top1 is not None:
        teacher, count, images = case.report.teacher.top1, tested, "test"
    else:
        teacher, count, images = case.teacher_accuracy(case.held), len(case.held), case.held.name
    error = math.sqrt(teacher * (1 - teacher) / count + alone * (1 - alone) / tested)
    return {
        "teacher": teacher,
        "labels_alone": alone,
        "images": f"{count:,} {images} images",
        "worse": alone - teacher > ERRORS * error,
    }


def still_learns(case):
    """Whether a finished run's loss still fell when its epochs were over; None where that is not known.

    Args:
        case: a `Case`.
    """
    weights = [case.recipe.label_weight, *(term.weight for term in case.recipe.terms)]
    if any(isinstance(one, Schedule) for one in weights) or any(term.schedules for term in case.recipe.terms):
        return None  # the loss of one epoch is not that of another
    rows, stopping = read_history(RunFolder(case.folder)), case.recipe.fit.early_stopping
    if stopping is not None and all(row.get(stopping.monitor) for row in rows) and judged_by(rows, stopping).stopped:
        return False  # validation images said so
    losses = [float(row["loss"]) for row in rows if row.get("loss")]
    if not losses or not np.isfinite(losses).all():
        return None
    if len(losses) < 3:
        return True
    gained = losses[0] - losses[-1]
    return gained > 0 and losses[-1 - len(losses) // 3] - losses[-1] > STILL_LEARNS * gained
