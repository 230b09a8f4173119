"""Liu, Kan, Shan, Chen: Function-Consistent Feature Distillation. ICLR 2023, arXiv:2304.11832."""

from typing import ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from keras_kd.methods.parts.bridges import across, bridge, bridgeable
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.methods.parts.same_classes import check_same_classes
from keras_kd.methods.tap_pairs import TapPairs, check_maps
from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import SaidError
from keras_kd.utils.lazy import ops

OTHER = {"student": "teacher", "teacher": "student"}


class OwnMaps(NamedTuple):
    """What the networks make of the images each on its own: maps at the taps, and the teacher's logits."""

    student: list
    bridged: list  # the student's, in the teacher's space
    teacher: list
    logits: object


class FCFD(TapPairs):
    """Maps are alike if later layers treat them alike: they also run on through the other network's stages.

    Both networks are cut at their taps. A path is an image's way through the first stages of one and, across a trained
    bridge, the last stages of the other: of three taps there are four, teacher or student first, crossing after the
    first or the second. Each step runs some, drawn anew. The loss of an example is kd_weight T^2 KL(z_t || z_s) +
    mixture_weight sum over paths of T^2 KL(z_t || z_path) + feature_weight sum over taps i and maps v of
    mean (v - t_i)^2, at the last tap also of their ReLUs averaged over the positions. The maps v are those in the
    teacher's space: the student's across the bridge, and those of paths that came from the student. With a label loss
    of weight 1 it is the whole of the authors' loss.

    Gradients pass through the teacher, which never moves. Stages of the student on a path use the statistics of the
    batch; their moving ones, which the exported student has, are of its own run alone. Bridges are dropped at export.

    The authors' feature weight grows over 20 epochs ({end_value: 0.02, duration: 20}) and is 5 for ResNet-32x4 to 8x4
    and WRN-40-2 to 16-2, mixture_weight 0.2 for the latter. Deviations from their code: its teacher is in training
    mode, here it is in inference mode, or as `teacher_batch_statistics` says; a bridge that is not drawn in a step goes
    on with its momentum and its weight decay.

    Args:
        temperature: 0.0001 or more.
        kd_weight, mixture_weight, feature_weight: 0 or more.
        paths_per_step: how many are drawn, without repetition; 0 for none.
        directions: which network comes first in a path.
        teacher_batch_statistics: the teacher's batch normalisations use the batch, as in the authors' code; their
            moving statistics stay as they are, and dropout stays off.
        leaky_bridges: bridges end in a leaky ReLU; false where the taps come before their ReLU.
        student_taps, teacher_taps: layers with maps that everything after them comes from, in the order of the network.

    Source: LiuDongyang6/FCFD.

    Example:
        >>> FCFD().paths()
        [('student', 0), ('student', 1), ('teacher', 0), ('teacher', 1)]
    """

    live: ClassVar[bool] = True
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Liu et al. 2023"
    cites: ClassVar[tuple[str, ...]] = ("liu2023fcfd",)
    numbers_from: ClassVar[str] = "authors' code"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    temperature: float = Field(default=4.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    kd_weight: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)
    mixture_weight: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)
    feature_weight: float = Field(default=0.02, ge=0, le=1e6, allow_inf_nan=False)
    paths_per_step: int = Field(default=2, ge=0, le=1000)
    directions: Literal["both", "student_to_teacher", "teacher_to_student"] = "both"
    teacher_batch_statistics: bool = False
    leaky_bridges: bool = True

    @model_validator(mode="after")
    def _check_fields(self):
        most, taps = len(self.paths()), len(self.student_taps)
        if self.paths_per_step > most:
            fix = f"set paths_per_step: {most}, or name more taps" if most else "name two taps or more, or set it to 0"
            between = f"{taps} tap{'s' * (taps != 1)}"
            raise SaidError(
                f"paths_per_step is {self.paths_per_step}; expected at most {most}, the paths between {between} with "
                f"directions {self.directions}; {fix}"
            )
        return self

    def paths(self):
        """[(the network that comes first, number of the tap after which the other goes on)]."""
        first = {"student_to_teacher": ("student",), "teacher_to_student": ("teacher",)}
        crossings = range(len(self.student_taps) - 1)
        return [(role, tap) for role in first.get(self.directions, tuple(OTHER)) for tap in crossings]

    def taps(self, role):
        return ("images",) * self.teacher_batch_statistics if role == "data" else super().taps(role)

    def check(self, specs):
        super().check(specs)
        check_same_classes("fcfd", specs)
        check_maps(self, specs)
        for names, pair in zip(zip(self.student_taps, self.teacher_taps, strict=True), self.pairs(specs), strict=True):
            shapes = [tuple(one.shape) for one in pair]
            if not bridgeable(*shapes):
                raise UserError(
                    f"fcfd: student tap {names[0]!r} is {shapes[0]}, teacher tap {names[1]!r} is {shapes[1]}; expected "
                    "maps of one size, or one twice as high and as wide: name other layers in student_taps and "
                    "teacher_taps"
                )

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.random_draws import RandomDraws
        from keras_kd.models.stages import Stages

        layers = {f"{role}_stages": Stages(role, networks[role], self.taps(role)) for role in OTHER}
        paths = self.paths() if self.paths_per_step else []
        if paths:
            layers["draws"] = RandomDraws()
        for number, (student, teacher) in enumerate(self.pairs(specs)):
            layers[f"to_teacher_{number}"] = bridge(student.shape, teacher.shape, self.leaky_bridges)
            if ("teacher", number) in paths:
                layers[f"to_student_{number}"] = bridge(teacher.shape, student.shape, self.leaky_bridges)
        return layers

    def loss(self, signals, labels, adapters):
        from keras_kd.backend import only_if

        own = self.own_maps(signals, adapters)
        total = self.loss_without_paths(signals["student"]["logits"], own)
        if not self.paths_per_step:
            return total
        paths, none = self.paths(), ops.zeros_like(total)
        ranks = ops.argsort(ops.argsort(adapters["draws"].uniform((len(paths),))))
        for number, path in enumerate(paths):
            drawn = ranks[number] < self.paths_per_step
            total = total + only_if(drawn, lambda path=path: self.loss_of_path(path, own, adapters), none)
        return total

    def own_maps(self, signals, adapters):
        """The `OwnMaps` of a batch."""
        student, teacher = ([signals[role][tap] for tap in self.taps(role)] for role in ("student", "teacher"))
        logits = signals["teacher"]["logits"]
        if self.teacher_batch_statistics:
            stages, teacher, after = adapters["teacher_stages"], [], None
            x = signals["data"]["images"]
            for tap in (*self.teacher_taps, None):
                x = ops.stop_gradient(stages(x, after=after, until=tap, batch_statistics=True))
                teacher.append(x)
                after = tap
            logits = teacher.pop()
        bridged = [across(adapters[f"to_teacher_{number}"], maps) for number, maps in enumerate(student)]
        return OwnMaps(student, bridged, teacher, logits)

    def loss_without_paths(self, logits, own):
        """(batch,): the student's logits and its maps compared with the teacher's."""
        features = sum(self._difference(number, maps, own) for number, maps in enumerate(own.bridged))
        return self.kd_weight * self._divergence(own.logits, logits) + self.feature_weight * features

    def loss_of_path(self, path, own, adapters):
        """(batch,): the logits of a path of `paths()`, and its maps that are in the teacher's space."""
        first, crossing = path
        second, features = OTHER[first], 0.0
        x = (
            own.bridged[crossing]
            if first == "student"
            else across(adapters[f"to_student_{crossing}"], own.teacher[crossing])
        )
        options = {"training": second == "student"}
        options["batch_statistics"] = second == "teacher" and self.teacher_batch_statistics
        taps = self.taps(second)
        for number in range(crossing, len(taps)):
            until = taps[number + 1] if number < len(taps) - 1 else None
            x = adapters[f"{second}_stages"](x, after=taps[number], until=until, **options)
            if second == "teacher" and until:
                features = features + self._difference(number + 1, x, own)
        return self.mixture_weight * self._divergence(own.logits, x) + self.feature_weight * features

    def _divergence(self, target, logits):
        return self.temperature**2 * kl_divergence(target / self.temperature, logits / self.temperature)

    def _difference(self, number, maps, own):
        target = own.teacher[number]
        total = ops.mean(ops.square(maps - target), axis=(1, 2, 3))
        if number < len(own.teacher) - 1:
            return total
        pooled = ops.mean(ops.relu(maps), axis=(1, 2)) - ops.mean(ops.relu(target), axis=(1, 2))
        return total + ops.mean(ops.square(pooled), axis=-1)

    def matched(self, signals, labels):
        return None
