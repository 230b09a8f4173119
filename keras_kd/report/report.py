"""A report: what was measured of a student, with a name, a type and a meaning for each of its figures.

`report.json` holds the same fields. Reports of earlier versions are read: what they lack is None, what else they hold
is kept. `report["student"]["top1"]` is `report.student.top1`, for code that was written for the plain values.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from keras_kd.report.costs import Cost, Export, Latencies, Time
from keras_kd.report.section import Section, Share, described, first_error
from keras_kd.utils.errors import UserError
from keras_kd.utils.json_safe import json_safe
from keras_kd.utils.paths import user_path


class Scores(Section):
    """How often a network is right on the test images."""

    top1: Share | None = described("share of the images whose label is the network's first class")
    top5: Share | None = described("share of the images whose label is among its first five")
    name: str | None = described("of the network")


class TeacherScores(Scores):
    """The teacher's; None where its classes are not the data's."""

    source: dict[str, Any] | None = described("of a teacher that a recipe names: its run, file, digest, epochs, top1")


class TaughtTeacher(Section):
    """What teaching the teacher changed (`meta`), on the test images; `teacher` is as it was before."""

    file: str | None = described("the taught teacher, in the run's folder")
    held_out: int | None = described("training images that were held out for it")
    before: Share | None = described("top-1 accuracy of the teacher before")
    top1: Share | None = described("of the taught teacher")
    agreement_before: Share | None = described("share of the images on which both name one class")
    agreement: Share | None = described("share of the images on which the student names the taught teacher's class")
    kl: float | None = described("KL divergence of the student from the taught teacher, a mean over images, in nats")


class Selection(Section):
    """Which terms a policy chose (`selection`), as shares of the training in which each counted."""

    policy: str | None = described("bandit or actor_critic")
    interval: int | None = described("for how long a choice stayed")
    unit: str | None = described("of the interval: epochs or steps")
    metric: str | None = described("of the validation images, whose change was the reward")
    chosen: dict[str, float | None] | None = described("by term (and `label`): its share of all steps, 0..1")
    probability: dict[str, float | None] | None = described("with which each would be chosen after the last epoch")
    epochs_rewarded: int | None = described("epochs in which a choice was rewarded")
    parts: list[dict[str, Any]] | None = described("by part of the training: from and to (epochs), chosen, mean reward")


class CooperatingNetworks(Section):
    """What came of networks that taught each other (`cooperative`)."""

    before: dict[str, Share] | None = described("top-1 accuracy of each on the test images before the first round")
    networks: list[dict[str, Any]] | None = described(
        "a row for each: name, model, file, images it was trained on, before and top1 on the test images, examples "
        "written for it"
    )
    rounds: list[dict[str, Any]] | None = described(
        "a row for each network in each round, 0 before the first: held_out images, wrong of them, examples written by "
        "each other network, all so far, accuracy on the held-out images before and after it was trained"
    )
    plane: dict[str, Any] | None = described(
        "of images of two pixels: the corners low and high, and for each network the classes that it names on a grid "
        "before and after, its own images and what was written for it, as (first pixel, second pixel, class)"
    )


class Pruning(Section):
    """What was removed of the teacher to make the student of it (`student.prune`)."""

    criterion: str | None = described("what a channel was worth")
    macs: list[int] | None = described("multiply-accumulates per image, before and after")
    parameters: list[int] | None = described("before and after")
    layers: list[dict[str, Any]] | None = described(
        "a row for each layer: layer, channels before and after, why some stay"
    )
    measured: dict[str, Any] | None = described(
        "of its untrained file next to the teacher's: format, bytes and milliseconds of one image, before and after"
    )
    found: dict[str, float] | None = described("the share of macs or parameters that a measured target came to")


class Control(Section):
    """The agreement of the student with a network that did not teach it, on the test images."""

    name: str | None = described("of that network")
    top1: Share | None = described("of that network")
    agreement: Share | None = described("share of the images on which it and the student name one class")
    kl: float | None = described("KL divergence of the student from it, a mean over images, in nats")
    teachers_agreement: Share | None = described("share of the images on which it and the teacher name one class")
    beyond_control: float | None = described("the student's agreement with its teacher minus that with it, -1..1")


class CopiedErrors(Section):
    """What the student does on the test images that its teacher gets wrong; None where there are none."""

    images: int | None = described("how many the teacher gets wrong")
    agreement: Share | None = described("share of them on which the student names the teacher's class")
    student_accuracy: Share | None = described("share of them on which the student is right")
    kl: float | None = described("KL divergence of the student from the teacher on them, in nats")


class Fidelity(Section):
    """How far the student says what its teacher says (Stanton et al. 2021)."""

    agreement: Share | None = described("share of the test images on which both name one class")
    agreement5: Share | None = described(
        "share of the test images on which the teacher's class is among the student's first five"
    )
    kl: float | None = described("KL divergence of the student from the teacher, a mean over images, in nats")
    copied_errors: CopiedErrors | None = described("what it does where the teacher is wrong")
    control: Control | None = described("the same of a network that did not teach")


class Deviation(Section):
    """The student's log-odds of the teacher's class against the teacher's own, as a line over the test images."""

    slope: float | None = described("of the line; above 1 the student exaggerates its teacher's confidence")
    intercept: float | None = described("of the line, in nats")
    correlation: float | None = described("of both, -1..1")
    images: int | None = described("points of the line")
    left_out: int | None = described("images whose log-odds are not finite")


class Calibration(Section):
    """Whether confidence is accuracy (Guo et al. 2017)."""

    temperature: float | None = described("by which logits were divided, where one was fitted")
    fitted_on: str | None = described("the images on which it was")
    ece: float | None = described("expected calibration error, 0..1, over bins of equal width")
    adaptive_ece: float | None = described("the same over bins of as many images each")
    nll: float | None = described("negative log-likelihood of the labels, in nats")
    brier: float | None = described("Brier score, 0..2")
    over_confidence: float | None = described("mean confidence minus accuracy, -1..1")
    bins: int | None = described("of the expected calibration error")


class Data(Section):
    """The data of a run."""

    name: str | None = described("as the recipe names it")
    fingerprint: str | None = described("SHA-256 of the training images and labels")
    test_fingerprint: str | None = described("SHA-256 of the test images and labels")
    train: int | None = described("training images")
    resize: str | None = described("how images came to their size, where not as by default: stretch, crop, pad")
    validation: int | None = described("images set aside from them")
    test: int | None = described("test images")
    held_out: int | None = described(
        "training images held out, of a recipe with meta, for the teacher to be taught by, or with cooperative, to see "
        "who is right"
    )
    classes: int | None = described("how many")
    label_noise: dict[str, Any] | None = described("wrong labels that were planted")
    imbalance: dict[str, Any] | None = described("classes that were made rare")


class BestValidation(Section):
    """The student as it was after the epoch that was best on validation images."""

    epoch: int | None = described("from 1")
    val_accuracy: Share | None = described("on the validation images")
    top1: Share | None = described("on the test images")


class EarlyStopping(Section):
    """When validation images ended the training (`fit.early_stopping`), and which epoch's weights are the student's."""

    monitor: str | None = described("the figure that was watched")
    kept_epoch: int | None = described("whose weights are kept, from 1")
    value: float | None = described("the figure after that epoch")
    stopped_epoch: int | None = described("after which training ended early; none where it had all its epochs")


class MeasuredWeight(Section):
    """What `label_weight: auto` came to."""

    label_weight: float | None = described("the weight of the label loss")
    trust: Share | None = described("by which the weights of the terms that ask the teacher were multiplied")
    teacher_accuracy: Share | None = described("on the validation images")
    chance: Share | None = described("share of the most frequent class among them")
    images: int | None = described("how many they are")


class Verdict(Section):
    """Whether distillation helped, over seeds."""

    sentence: str | None = described("the verdict in words")
    seeds: list[int] | None = described("of its runs")
    runs: list[dict[str, Any]] | None = described("a row a seed: seed, run, top1, agreement, ece, nll, worst classes")
    top1: dict[str, Any] | None = described("mean, std and n over seeds")
    against: dict[str, Any] | None = described("by baseline, see `keras_kd.evaluation.metrics.verdict`")
    classes: dict[str, Any] | None = described("change of each class, see `keras_kd.evaluation.metrics.class_changes`")


class Delivered(Section):
    """Which student the exported files are of, where the better of two was asked for."""

    learned_from: str | None = described("`the teacher` or `labels alone`")
    file: str | None = described("its Keras file in the run's folder")
    run: str | None = described("the folder of the run on labels alone, relative to this one, whichever is delivered")
    judged_on: str | None = described("the images that decided: validation images or test images")
    distilled: Share | None = described("accuracy of the distilled student on them")
    labels_alone: Share | None = described("accuracy of the student on labels alone on them")
    figures: dict[str, Any] | None = described("of the student on labels alone: student, calibration, per_class, cost")


class Int8FineTuning(Section):
    """The training of a copy of the student whose int8 files failed their gates."""

    epochs: int | None = described("of it")
    learning_rate: float | None = described("at its start")
    teacher: str | None = described("that taught it")
    loss: list[float] | None = described("of each epoch")
    seconds: float | None = described("that it took")
    before: dict[str, Any] | None = described("by format of the files that failed: accuracy, accuracy_drop, agreement")


class StatisticalView(Section):
    """How right the teacher's probabilities are, and how the student's loss varies with them (Menon et al. 2021)."""

    images: int | None = described("test images")
    members: int | None = described("networks that the teacher is made of")
    against: str | None = described("what errors are measured from: true probabilities, or a stand-in; None: nothing")
    teacher: dict[str, float | None] | None = described(
        "nll, brier, ece; of several members_brier; as known mse, bias2, variance of its probabilities"
    )
    student_mse: float | None = described("squared error of the student's probabilities, where true ones are known")
    difficulty: dict[str, dict[str, float | None]] | None = described(
        "where true probabilities are known, of test and train images: rank correlation of that of the label with the "
        "teacher's, the student's, and the weights of examples"
    )
    relations: dict[str, float | None] | None = described(
        "where it is known how alike classes are, correlation over pairs of classes: teacher, student: of the cosines "
        "of their class vectors; teacher_said, student_said: of mean probabilities"
    )
    objective: dict[str, float | None] | None = described(
        "of the student's loss: bayes_risk, bayes_variance, distilled_risk, distilled_variance, one_hot_variance "
        "(calculated), one_hot_variance_drawn (measured)"
    )


def _with_fixes(doctor):
    """What the doctor found, under the names of now: earlier versions said "cure"."""
    if not isinstance(doctor, dict) or not isinstance(doctor.get("findings"), list):
        return doctor
    findings = [
        {"fix" if key == "cure" else key: value for key, value in one.items()} if isinstance(one, dict) else one
        for one in doctor["findings"]
    ]
    return {**doctor, "findings": findings}


class Report(Section):
    """What is known of a student. `str(report)` is what the terminal shows.

    Example:
        >>> Report(recipe="digits", student={"top1": 0.98}).student.top1
        0.98
    """

    recipe: str | None = described("its name")
    what: str | None = described("`model` of any Keras model that was measured; else it is of the student of a run")
    date: str | None = described("on which it was measured, year-month-day")
    command: str | None = described("by which it was made, as it is given in a shell")
    student: Scores | None = described("the student")
    teacher: TeacherScores | None = described("its teacher")
    taught_teacher: TaughtTeacher | None = described("the same teacher after it was taught to teach")
    selection: Selection | None = described("which terms a policy chose")
    cooperation: CooperatingNetworks | None = described("what networks that taught each other came to")
    pruning: Pruning | None = described("what was removed of the teacher to make the student of it")
    fidelity: Fidelity | None = described("student against teacher")
    deviation: Deviation | None = described("their logits against each other")
    calibration: Calibration | None = described("of the student")
    teacher_calibration: Calibration | None = described("of the teacher")
    calibration_scaled: Calibration | None = described("of the student with a fitted temperature")
    teacher_calibration_scaled: Calibration | None = described("of the teacher with a fitted temperature")
    per_class: list[float | None] | None = described("the student's accuracy on each class; None without test images")
    teacher_per_class: list[float | None] | None = described("the teacher's")
    who_pays: dict[str, Any] | None = described("the worst class, the worst tenth of the classes, the spread")
    splits: dict[str, Any] | None = described("student and teacher on training, validation and test images")
    representation: dict[str, Any] | None = described("linear CKA of student and teacher, by layer")
    properties: dict[str, Any] | None = described("under corruptions, attacks, transformations; Grad-CAM")
    statistical_view: StatisticalView | None = described(
        "the teacher's probabilities, where `evidence.statistics` asks"
    )
    best_validation: BestValidation | None = described("the best epoch")
    early_stopping: EarlyStopping | None = described("where `fit.early_stopping` asks")
    class_weight: list[float] | None = described("what an example of each class counted in the label loss")
    verdict: Verdict | None = described("whether distillation helped, of a recipe with seeds or a baseline")
    doctor: Annotated[Any, BeforeValidator(_with_fixes)] = described("what stood in the way, and what to try next")
    history: dict[str, float | None] | None = described("the last epoch's figures, of a trial of a search")
    imbalance: dict[str, Any] | None = described("accuracy on frequent and on rare classes")
    per_class_images: list[int] | None = described("test images of each class")
    class_names: list[str] | None = described("in the order of their numbers")
    label_weight: MeasuredWeight | None = described("how `label_weight: auto` was settled")
    cost: Cost | None = described("of the student")
    teacher_cost: Cost | None = described("of the teacher")
    latency: Latencies | None = described("of one image, student and teacher")
    time: Time | None = described("in seconds")
    bank: dict[str, Any] | None = described("the teacher's table: key, format, views, what this run computed of it")
    data: Data | None = described("which images, and how many")
    notes: list[str] | None = described("sentences for the reader")
    generations: list[dict[str, Any]] | None = described("a row for each generation")
    environment: dict[str, Any] | None = described("device, cores, versions")
    seed: int | None = described("of the run")
    git_commit: str | None = described("of the folder that it ran in")
    epochs: int | None = described("trained")
    settings: dict[str, Any] | None = described("the resolved recipe")
    smoke: bool | None = described("whether it was shrunk to see that it works")
    delivered: Delivered | None = described("which student was exported, where the better one was asked for")
    exports: list[Export] | None = described("the exported files")
    calibration_images: dict[str, Any] | None = described("the training images on which int8 ranges were measured")
    int8_fine_tuning: Int8FineTuning | None = described("where int8 files failed their gates")
    export_note: str | None = described("why nothing was exported")

    def __str__(self):
        from keras_kd.report.terminal import summary  # which stands above

        return summary(self)

    def _repr_html_(self):
        from keras_kd.report.notebook import of_page
        from keras_kd.report.sections import page_of_run

        return of_page(page_of_run(self))

    @classmethod
    def read(cls, file):
        """The report in a `report.json`, of this version or an earlier one.

        Args:
            file: the file, or the folder of a run.

        Raises:
            UserError: there is none, or a figure that can be none.

        Example:
            >>> Report.read("saved_models/digits").student.top1  # doctest: +SKIP
            0.985
        """
        file = Path(user_path(file, "report"))
        file = file / "report.json" if file.is_dir() else file
        wanted = "expected a report.json that keras-kd wrote"
        try:
            found = json_safe(json.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}; expected a report.json, or the folder of a run") from None
        except (ValueError, RecursionError) as error:
            raise UserError(f"{file}: no JSON ({str(error)[:80]}); {wanted}") from None
        if not isinstance(found, dict):
            raise UserError(f"{file}: found {found!r:.40}; {wanted}")
        try:
            return cls(**found)
        except ValidationError as error:
            raise UserError(f"{file}: {first_error(error)}") from None
