"""What is examined: a recipe with its data, its teacher and its student, each looked at once."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from keras_kd.data.epochs import Epochs
from keras_kd.data.views.rendering import ViewRenderer
from keras_kd.evaluation.measure import sample
from keras_kd.evaluation.metrics.probabilities import log_softmax
from keras_kd.methods.find import find
from keras_kd.models.network import logits_of
from keras_kd.models.outputs import check_from_logits
from keras_kd.models.wrappers.softened import as_logits, with_output
from keras_kd.recipe.folders import RunFolder
from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor.finished_run import followed, runs_on_labels_alone, worth_of_teacher
from keras_kd.workflows.doctor.gradients import measure_gradients
from keras_kd.workflows.doctor.measures import nearest_class_mean, skill
from keras_kd.workflows.doctor.members import is_right, load_members, missing_runs
from keras_kd.workflows.run.build import build_student
from keras_kd.workflows.run.folder import of_training, read_report
from keras_kd.workflows.run.label_weight import with_assumed_weights, with_measured_weights
from keras_kd.workflows.run.margins import with_assumed_margins, with_measured_margins
from keras_kd.workflows.run.measure import load_student
from keras_kd.workflows.run.open_run import load_data, open_run
from keras_kd.workflows.run.teachers import assemble

# Images that stand for all: enough of each class to see its place, few enough for a minute on two cores.
OF_EACH_CLASS, LEAST, MOST = 40, 1000, 4000
# Fewer validation images than this tell a weak network from chance too seldom.
ENOUGH = 50


@dataclass(frozen=True, eq=False)
class Shown:
    """Images as they are, none of them augmented.

    Args:
        name: "training" or "validation".
        images: uint8 (n, height, width, channels).
        labels: int (n,), those that the student is given.
        true_labels: int (n,): without the noise that the recipe plants.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    true_labels: np.ndarray

    def __len__(self):
        return len(self.labels)


class Case:
    """A recipe that is examined.

    Args:
        recipe: a `Recipe`.
        folder: of its run, finished or not begun; nothing is written there.
        smoke: teachers that are recipes are shrunk as well.
        dataset: the recipe's data, where it is loaded already.
    """

    def __init__(self, recipe, folder, smoke=False, dataset=None):
        self.recipe, self.folder, self.smoke = recipe, Path(folder), smoke
        self.dataset = load_data(recipe) if dataset is None else dataset
        self.most = MOST  # images of a split that are looked at
        self.readings, self._logits = {}, {}

    # The images.

    @functools.cached_property
    def training(self):
        """`Shown` of training images."""
        count = min(max(OF_EACH_CLASS * self.dataset.classes, LEAST), self.most)
        return _shown("training", self.dataset.train, count)

    @functools.cached_property
    def held(self):
        """`Shown` of the validation images, or else, where they are few, of training images; never of test images."""
        validation = self.dataset.validation
        if validation is None or not len(validation):
            return self.training
        return _shown("validation", validation, self.most) if len(validation) >= ENOUGH else self.training

    @functools.cached_property
    def class_mean_baseline(self):
        """What the nearest class mean achieves on the images, 0..1: what takes no training."""
        shown = self.training
        return nearest_class_mean(shown.images, shown.true_labels, self.dataset.classes)

    def looks_trained(self, accuracy, share=0.5):
        """Whether an accuracy is worth a share of what takes no training."""
        classes = self.dataset.classes
        return skill(accuracy, classes) >= share * max(skill(self.class_mean_baseline, classes), 0.0)

    # The teacher.

    @functools.cached_property
    def missing(self):
        """The `MemberSpec`s whose runs are not there."""
        return missing_runs(self.recipe, self.folder, self.smoke)

    @functools.cached_property
    def _members_or_error(self):
        if self.missing:
            return [], None
        try:
            return load_members(self.recipe, self.dataset, self.folder, self.smoke), None
        except UserError as error:
            return [], str(error)

    @property
    def members(self):
        """[`Member`], empty where there is no teacher, or none that can be had."""
        return self._members_or_error[0]

    @property
    def teacher_error(self):
        """Why the teacher is unavailable, or None."""
        return self._members_or_error[1]

    @functools.cached_property
    def teacher(self):
        """The teacher as a run has it, as a `Network`, or None; what a network gives is taken as it is.

        So what is wrong with `from_logits` is one finding, and does not hide the others.
        """
        if not self.members:
            return None
        if len(self.members) == 1:
            (member,) = self.members
            spec = member.spec
            if spec is None or (spec.class_map is None and not spec.calibrate):
                return self._as_it_is(member)
        networks = {_key(member.spec): member.network for member in self.members if member.spec.is_recipe}
        teacher = self.recipe.teacher
        if teacher.folds is None:
            changed = [_with_flag(member.spec, member, self.training) for member in self.members]
            teacher = teacher.model_copy(update={"ensemble": tuple(changed)}) if teacher.ensemble else changed[0]
        return assemble(teacher, self.dataset, lambda spec, seen: networks[_key(spec)])

    def _as_it_is(self, member):
        kind, _ = member.gives(self.training)
        network = replace(member.network, from_logits=kind != "probabilities")
        try:
            check_from_logits("teacher", network.model, network.from_logits)
        except UserError:
            # Its last layer says another thing than its numbers: given as logits, it is taken by everything.
            if kind == "probabilities":
                model = with_output(network.model, lambda output: as_logits(output, False), network.model.name)
                network = replace(network, model=model, from_logits=True)
        return network

    @property
    def comparable(self):
        """Whether the teacher names the classes of the data."""
        return self.teacher is not None and self.teacher.model.output_shape[-1] == self.dataset.classes

    def logits(self, shown):
        """The teacher's float64 logits of a `Shown`, (n, classes)."""
        if shown.name not in self._logits:
            self._logits[shown.name] = logits_of(self.teacher, shown.images)[0].astype("float64")
        return self._logits[shown.name]

    @functools.cached_property
    def logits_of_views(self):
        """The teacher's logits of training images as a run shows them, where its views mix images; else as they are."""
        train, views = self.dataset.train, self.recipe.data.family
        if not views.mixing:
            return self.logits(self.training)
        size = min(len(train), LEAST)
        shape, classes = self.dataset.image_shape, self.dataset.classes
        epochs = Epochs(train.images, train.labels, views, size, self.recipe.seed, image_shape=shape, classes=classes)
        batch, _ = epochs[0]
        images = keras.ops.convert_to_numpy(ViewRenderer(views)(batch))
        return logits_of(self.teacher, images)[0].astype("float64")

    def probabilities(self, shown):
        """The teacher's probabilities at temperature 1, float64 (n, classes)."""
        return np.exp(log_softmax(self.logits(shown)))

    def teacher_accuracy(self, shown):
        """Of the teacher on a `Shown`, by its true labels; 0..1."""
        return float(is_right(np.nan_to_num(self.logits(shown), nan=-np.inf), shown.true_labels).mean())

    # The student.

    @functools.cached_property
    def weighed(self):
        """The recipe with numbers for weights, where the teacher is there to be measured for `label_weight: auto`."""
        if not self.comparable or not self.dataset.validation:
            return with_assumed_margins(with_assumed_weights(self.recipe), self.dataset.classes)
        recipe = with_measured_weights(self.recipe, self.dataset, self.teacher)[0]
        return with_measured_margins(recipe, self.dataset, self.teacher)

    @property
    def lacks_teacher(self):
        """Whether a term reads a teacher that is unavailable now."""
        reads = any("teacher" in find(term.method).roles for term in self.recipe.terms)
        return self.teacher is None and (reads or self.recipe.teacher is not None)

    @functools.cached_property
    def gradients(self):
        """Of `keras_kd.workflows.doctor.gradients.measure_gradients`."""
        return measure_gradients(self)

    @functools.cached_property
    def student(self):
        """The untrained student, with the run's own initial weights, as a `Network`."""
        return build_student(self.recipe, self.dataset, self.teacher)

    @functools.cached_property
    def report(self):
        """The report of the finished run of this very recipe in the folder, or None."""
        report = read_report(self.folder)
        files = RunFolder(self.folder)
        if report is None or not files.student.exists() or not files.recipe.exists():
            return None
        try:
            there, _ = open_run(self.folder)
        except UserError:
            return None
        same = of_training(there) == of_training(self.recipe)
        return report if same else None

    @functools.cached_property
    def trained_student(self):
        """The trained student of the finished run, as a `Network`, or None."""
        if self.report is None:
            return None
        return load_student(self.recipe, self.dataset, RunFolder(self.folder))

    @functools.cached_property
    def followed(self):
        """How far the trained student follows, see `keras_kd.workflows.doctor.finished_run.followed`."""
        return followed(self)

    # The same student on labels alone.

    @functools.cached_property
    def labels_alone(self):
        """{seed: (`Recipe`, folder, `Report`)} of its finished runs."""
        return runs_on_labels_alone(self.recipe, self.folder)

    @functools.cached_property
    def worth_of_teacher(self):
        """Of `keras_kd.workflows.doctor.finished_run.worth_of_teacher`."""
        return worth_of_teacher(self)


def _shown(name, split, count):
    picked = sample(len(split), count)
    true = split.labels if split.true_labels is None else split.true_labels
    return Shown(name, np.asarray(split.images[picked]), np.asarray(split.labels[picked]), np.asarray(true[picked]))


def _key(spec):
    return spec.model, spec.seed, spec.epoch, str(spec.settings), str(spec.input_size)


def _with_flag(spec, member, shown):
    """A network's spec that says what the network gives."""
    kind, _ = member.gives(shown)
    if spec.is_recipe or kind not in ("logits", "probabilities"):
        return spec
    return spec.model_copy(update={"from_logits": kind == "logits"})
