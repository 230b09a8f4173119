"""A report: what was measured of a student, with a name, a type and a meaning for each of its figures.

`report.json` holds the same fields. Reports of earlier versions are read: what they lack is None, what else they hold
is kept. `report["student"]["top1"]` is `report.student.top1`, for code that was written for the plain values.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keras_kd.utils.errors import UserError
from keras_kd.utils.json_safe import json_safe

Share = Annotated[float, Field(ge=0, le=1)]


def _field(description):
    return Field(default=None, description=description)


class Section(BaseModel):
    """A part of a report. What it was never given is None, and is not written; what it does not know it keeps.

    Example:
        >>> scores = Scores(top1=0.5)
        >>> scores.top5, scores["top1"], "top5" in scores, scores == {"top1": 0.5}
        (None, 0.5, False, True)
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    def __setattr__(self, name, value):
        if name not in type(self).model_fields:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        super().__setattr__(name, value)

    def __getitem__(self, name):
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    def __setitem__(self, name, value):
        setattr(self, name, value)

    def __contains__(self, name):
        return name in self.model_fields_set

    def __eq__(self, other):
        if isinstance(other, dict):
            return self.as_json() == json_safe(other)
        return super().__eq__(other)

    __hash__ = None

    def get(self, name, default=None):
        """What stands under a name, or `default`."""
        return self[name] if name in self else default

    def keys(self):
        """The names under which something stands, in their order."""
        known = [*type(self).model_fields, *(self.model_extra or ())]
        return [name for name in known if name in self]

    def items(self):
        """(name, what stands under it)."""
        return [(name, self[name]) for name in self.keys()]

    def values(self):
        """What stands under each name."""
        return [self[name] for name in self.keys()]

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def forget(self, *names):
        """Takes fields out, as if they had never been given."""
        for name in names:
            if name in self:
                setattr(self, name, None)
                self.model_fields_set.discard(name)

    def as_json(self):
        """Plain values, as `report.json` holds them."""
        return json_safe(self.model_dump(exclude_unset=True))


class Scores(Section):
    """How often a network is right on the test images."""

    top1: Share | None = _field("share of the images whose label is the network's first class")
    top5: Share | None = _field("share of the images whose label is among its first five")
    name: str | None = _field("of the network")


class TeacherScores(Scores):
    """The teacher's; None where its classes are not the data's."""

    source: dict[str, Any] | None = _field("of a teacher that a recipe names: its run, file, digest, epochs, top1")


class Control(Section):
    """The agreement of the student with a network that did not teach it."""

    images: int | None = _field("on which both were compared")
    agreement: Share | None = _field("share of the images with one first class")
    student_accuracy: Share | None = _field("of the student on them")
    kl: float | None = _field("KL divergence of the student from that network, in nats")


class Fidelity(Section):
    """How far the student says what its teacher says (Stanton et al. 2021)."""

    agreement: Share | None = _field("share of the test images with one first class")
    agreement5: Share | None = _field("share of the first five classes that both have, a mean over images")
    kl: float | None = _field("KL divergence of the student from the teacher, a mean over images, in nats")
    copied_errors: Any = _field("how many of the teacher's errors the student makes, too")
    control: Control | None = _field("the same figures with a network that did not teach")


class Deviation(Section):
    """The student's logits against the teacher's, as a line."""

    slope: float | None = _field("of the line; below 1 the student is less certain")
    intercept: float | None = _field("of the line")
    correlation: float | None = _field("of both, -1..1")
    images: int | None = _field("that were compared")
    left_out: int | None = _field("images whose logits are not finite")


class Calibration(Section):
    """Whether confidence is accuracy (Guo et al. 2017)."""

    temperature: float | None = _field("by which logits were divided, where one was fitted")
    fitted_on: str | None = _field("the images on which it was")
    ece: float | None = _field("expected calibration error, 0..1, over bins of equal width")
    adaptive_ece: float | None = _field("the same over bins of as many images each")
    nll: float | None = _field("negative log-likelihood of the labels, in nats")
    brier: float | None = _field("Brier score, 0..2")
    over_confidence: float | None = _field("mean confidence less accuracy, -1..1")
    bins: int | None = _field("of the expected calibration error")


class Cost(Section):
    """What a network costs."""

    parameters: int | None = _field("trainable numbers")
    macs: int | None = _field("multiply-accumulates for an image")
    bytes: int | None = _field("of all weights in memory")
    file_bytes: int | None = _field("of `student.keras`")


class Time(Section):
    """Where the time of a run went."""

    seconds: dict[str, float | None] | None = _field("teacher, student, data, training, teacher_run, measuring, total")
    how: str | None = _field("how the teacher's seconds are known")


class Images(Section):
    """The data of a run."""

    name: str | None = _field("as the recipe names it")
    fingerprint: str | None = _field("SHA-256 of the training images and labels")
    test_fingerprint: str | None = _field("SHA-256 of the test images and labels")
    train: int | None = _field("training images")
    validation: int | None = _field("images set aside from them")
    test: int | None = _field("test images")
    classes: int | None = _field("how many")
    label_noise: dict[str, Any] | None = _field("wrong labels that were planted")
    imbalance: dict[str, Any] | None = _field("classes that were made rare")


class BestValidation(Section):
    """The student as it was after the epoch that was best on validation images."""

    epoch: int | None = _field("from 1")
    val_accuracy: Share | None = _field("on the validation images")
    top1: Share | None = _field("on the test images")


class Export(Section):
    """An exported file, compared with the Keras model."""

    file: str | None = _field("its name in the run's folder")
    format: str | None = _field("of `keras_kd.export.FORMATS`")
    bytes: int | None = _field("its size")
    max_difference: float | None = _field("largest difference of a logit")
    mean_difference: float | None = _field("mean difference of logits")
    agreement: Share | None = _field("share of the images with Keras's first class")
    accuracy: Share | None = _field("of the file")
    keras_accuracy: Share | None = _field("of the Keras model on the same images")
    accuracy_drop: float | None = _field("the second less the first")
    images: int | None = _field("that were compared")
    inputs: str | None = _field("the type of the pixels that it takes")
    outputs: str | None = _field("what it gives: logits or probabilities")
    made_of: str | None = _field("the Keras file that it was converted from")
    flex_ops: list[str] | None = _field("operators that LiteRT has not built in")
    circumstance: str | None = _field("what of the machine, not of the student, kept it from being made")
    passed: bool | None = _field("whether it holds its gates, and so was kept")
    failures: list[str] | None = _field("the gates that it does not hold, in words")
    seconds: float | None = _field("that making and measuring it took")


class Verdict(Section):
    """Whether distillation helped, over seeds."""

    sentence: str | None = _field("the verdict in words")
    seeds: list[int] | None = _field("of its runs")
    runs: list[dict[str, Any]] | None = _field("a row a seed: seed, run, top1, agreement, ece, nll, worst classes")
    top1: dict[str, Any] | None = _field("mean, std and n over seeds")
    against: dict[str, Any] | None = _field("by baseline, see `keras_kd.evaluation.metrics.verdict`")
    classes: dict[str, Any] | None = _field("change of each class, see `keras_kd.evaluation.metrics.class_changes`")


class Int8FineTuning(Section):
    """The training of a copy of the student whose int8 files failed their gates."""

    epochs: int | None = _field("of it")
    teacher: str | None = _field("that taught it")
    before: dict[str, Any] | None = _field("accuracy, accuracy_drop and agreement of the files that failed, by format")


class Report(Section):
    """What is known of a student.

    Example:
        >>> Report(recipe="digits", student={"top1": 0.98}).student.top1
        0.98
    """

    recipe: str | None = _field("its name")
    student: Scores | None = _field("the student")
    teacher: TeacherScores | None = _field("its teacher")
    fidelity: Fidelity | None = _field("student against teacher")
    deviation: Deviation | None = _field("their logits against each other")
    calibration: Calibration | None = _field("of the student")
    teacher_calibration: Calibration | None = _field("of the teacher")
    calibration_scaled: Calibration | None = _field("of the student with a fitted temperature")
    teacher_calibration_scaled: Calibration | None = _field("of the teacher with a fitted temperature")
    per_class: list[float | None] | None = _field("the student's accuracy on each class; None without test images")
    who_pays: dict[str, Any] | None = _field("the worst class, the worst tenth of the classes, the spread")
    splits: dict[str, Any] | None = _field("student and teacher on training, validation and test images")
    representation: dict[str, Any] | None = _field("linear CKA of student and teacher, by layer")
    properties: dict[str, Any] | None = _field("under corruptions, attacks, transformations; Grad-CAM")
    best_validation: BestValidation | None = _field("the best epoch")
    verdict: Verdict | None = _field("whether distillation helped, of a recipe with seeds or a baseline")
    doctor: Any = _field("what stood in the way, and what to try next")
    history: dict[str, float | None] | None = _field("the last epoch's figures, of a trial of a search")
    imbalance: dict[str, Any] | None = _field("accuracy on frequent and on rare classes")
    per_class_images: list[int] | None = _field("test images of each class")
    class_names: list[str] | None = _field("in the order of their numbers")
    cost: Cost | None = _field("of the student")
    teacher_cost: Cost | None = _field("of the teacher")
    time: Time | None = _field("in seconds")
    bank: dict[str, Any] | None = _field("the teacher's table: key, format, views, what this run computed of it")
    data: Images | None = _field("which images, and how many")
    notes: list[str] | None = _field("sentences for the reader")
    generations: list[dict[str, Any]] | None = _field("a row for each generation")
    environment: dict[str, Any] | None = _field("device, cores, versions")
    seed: int | None = _field("of the run")
    git_commit: str | None = _field("of the folder that it ran in")
    epochs: int | None = _field("trained")
    settings: dict[str, Any] | None = _field("the resolved recipe")
    smoke: bool | None = _field("whether it was shrunk to see that it works")
    exports: list[Export] | None = _field("the exported files")
    calibration_images: dict[str, Any] | None = _field("the training images on which int8 ranges were measured")
    int8_fine_tuning: Int8FineTuning | None = _field("where int8 files failed their gates")
    export_note: str | None = _field("why nothing was exported")

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
        file = Path(file)
        file = file / "report.json" if file.is_dir() else file
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}; expected a report.json, or the folder of a run") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(f"{file}: {where}: found {first['input']!r:.60}; {first['msg']}") from None
        except (ValueError, TypeError) as error:
            raise UserError(f"{file}: no report ({error}); expected a report.json that keras-kd wrote") from None
