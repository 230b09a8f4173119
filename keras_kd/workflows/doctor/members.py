"""A network that teaches, as it comes out of its file or run: before it is mapped, averaged or calibrated."""

from dataclasses import dataclass, field, replace

import numpy as np

from keras_kd import models
from keras_kd.models.network import Network, build_unchecked, logits_of, use_views
from keras_kd.models.wrappers.class_map import checked_groups
from keras_kd.models.wrappers.resized import resized
from keras_kd.recipe.folders import generation_folder
from keras_kd.recipe.load import load_teacher_recipe
from keras_kd.recipe.schema_networks import MemberSpec, TeacherSpec
from keras_kd.workflows.doctor.measures import class_probabilities, output_kind
from keras_kd.workflows.run.folder import read_report
from keras_kd.workflows.run.load_teacher import load_teacher
from keras_kd.workflows.run.missing import must_train_first
from keras_kd.workflows.run.teachers import held_out_alike, teacher_input


@dataclass(eq=False)
class Member:
    """A network that teaches, alone or in an ensemble.

    Args:
        where: its place in the recipe, as `--set` takes it: "teacher" or "teacher.ensemble.1".
        spec: its `MemberSpec`; None of a generation before.
        network: a `Network` on images of the data's size, its own output.
        class_map: that the recipe gives it, or its ensemble, or None.
        classes: of the data.
        without_fold: of teachers of folds, whose place is one: which fold it did not see.
    """

    where: str
    spec: MemberSpec | None
    network: Network
    class_map: tuple | None
    classes: int
    without_fold: int | None = None
    _outputs: dict = field(default_factory=dict)

    @property
    def kind(self):
        """What the recipe names: "zoo", "application", "file", "function", "stored", "recipe" or "generation"."""
        if self.spec is None:
            return "generation"
        if self.spec.is_recipe:
            return "recipe"
        kind = models.kind(self.spec.model)
        return "file" if kind in ("onnx", "litert", "saved_model") else kind

    @property
    def called(self):
        """Its place in words, which no other network has."""
        return self.where if self.without_fold is None else f"{self.where} without fold {self.without_fold}"

    @property
    def name(self):
        """As a person calls it."""
        return self.network.name

    @property
    def names_other_classes(self):
        """Whether it gives other classes than the data has, and no class_map says what they mean."""
        return self.class_map is None and self.network.model.output_shape[-1] not in (self.classes, None)

    def output(self, shown, images=None):
        """Its own output on images, computed once for each `Shown`.

        Args:
            shown: a `keras_kd.workflows.doctor.case.Shown`.
            images: others in place of them, float (n, height, width, channels); their output is not kept.

        Returns:
            float32 array (n, classes of the network).
        """
        # As if of logits, so that nothing is done to it.
        plain = replace(self.network, from_logits=True)
        if images is not None:
            return logits_of(plain, images)[0]
        if shown.name not in self._outputs:
            self._outputs[shown.name] = logits_of(plain, shown.images)[0]
        return self._outputs[shown.name]

    def gives(self, shown):
        """(kind, figures) of its output, see `keras_kd.workflows.doctor.measures.output_kind`."""
        return output_kind(self.output(shown))

    def probabilities(self, shown, images=None):
        """What it says of the data's classes, float64 (n, classes); arguments as of `output`."""
        kind, _ = self.gives(shown)
        groups = None
        if self.class_map is not None:
            groups = checked_groups(self.class_map, self.network.model.output_shape[-1], self.where)
        return class_probabilities(self.output(shown, images), kind, groups)


def load_members(recipe, dataset, folder, smoke=False):
    """The networks that teach in a recipe, none of them trained here.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        folder: of its run.
        smoke: teachers that are recipes are shrunk as well.

    Returns:
        [`Member`]; empty without a teacher.

    Raises:
        UserError: a run that is not there, or a network that does not fit the data.
    """
    if recipe.generations > 1 and read_report(generation_folder(folder, recipe.generations - 1)) is not None:
        network = load_teacher(recipe, dataset, folder, smoke=smoke)
        return [Member("teacher", None, network, None, dataset.classes)]
    if recipe.teacher is None:
        return []
    ensemble = recipe.teacher.ensemble
    found = []
    for number, spec in enumerate(recipe.teacher.members):
        network = _of_recipe(recipe, spec, dataset, folder, smoke) if spec.is_recipe else _own(spec, dataset)
        use_views(network, recipe.data.family)
        mapped = spec.class_map or (recipe.teacher.class_map if ensemble else None)
        where = f"teacher.ensemble.{number}" if ensemble else "teacher"
        fold = None if recipe.teacher.folds is None else number
        found.append(Member(where, spec, network, mapped, dataset.classes, fold))
    return found


def alone(recipe, spec):
    """The recipe with one network as its teacher, as it is in its own run.

    Args:
        recipe: a `Recipe`.
        spec: one of its teacher's `MemberSpec`s.
    """
    plain = {name: getattr(spec, name) for name in MemberSpec.model_fields}
    teacher = TeacherSpec(**{**plain, "class_map": None, "calibrate": False})
    return recipe.model_copy(update={"teacher": teacher, "generations": 1})


def missing_runs(recipe, folder, smoke=False):
    """The `MemberSpec`s of a recipe's teacher whose runs are not there."""
    specs = () if recipe.teacher is None else recipe.teacher.members
    return [spec for spec in specs if spec.is_recipe and must_train_first(alone(recipe, spec), folder, smoke)]


def _of_recipe(recipe, spec, dataset, folder, smoke):
    if recipe.teacher.is_fitted:
        held_out_alike(recipe.data, load_teacher_recipe(spec, smoke).data, spec.model)
    lone = alone(recipe, spec)
    return load_teacher(lone, dataset, folder, smoke=smoke)


def _own(spec, dataset):
    """As `keras_kd.models.network.build`, but what it gives is examined, not refused."""
    seen = teacher_input(spec, dataset)
    network = build_unchecked(spec, seen)
    if seen.image_shape != tuple(dataset.image_shape):
        network = replace(network, model=resized(network.model, dataset.image_shape))
    return network


def is_right(probabilities, labels):
    """Which images are right, bool (n,)."""
    return np.asarray(probabilities).argmax(1) == np.asarray(labels)


def settings_of(member, **changes):
    """Settings of a network as a recipe or `--set` takes them.

    Args:
        member: a `Member`.
        changes: {field of `MemberSpec`: value}.

    Returns:
        Text such as "`teacher.pixels: unit`".

    Example:
        >>> settings_of(Member("teacher", None, None, None, 2), class_map=[1, None, [0, 2]])
        '`teacher.class_map: [1, null, [0, 2]]`'
    """
    return ", ".join(f"`{member.where}.{name}: {_plain(value)}`" for name, value in changes.items())


def _plain(value):
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def train_it(member):
    """How a network that is hardly trained is mended, as a line."""
    if member.kind == "zoo":
        return f"{member.spec.model} has random weights here: make it the student of a recipe, and name that recipe"
    if member.kind == "application":
        return (
            f"{member.spec.model} has a classifier of random weights here: make it the student of a recipe, and name "
            "that recipe"
        )
    if member.kind in ("recipe", "generation"):
        return "train it longer, or with other settings: look at its run's report"
    return "train it on this data first, or give the file that holds its trained weights"
