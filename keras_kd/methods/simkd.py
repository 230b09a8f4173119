"""Chen, Mei, Zhang, Wang, Feng, Chen: Knowledge Distillation with the Reused Teacher Classifier. CVPR 2022,
arXiv:2203.14001."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.parts.pooling import adaptive_average_pool
from keras_kd.models.graph import output_of, source
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class SimKD(Method):
    """The student's last map, through a projector, equals the teacher's; the teacher's own classifier reads it.

    The student that is trained and exported is made of the one given: its layers up to `student_tap`, a projector
    (1x1, 3x3, 1x1 convolutions, each with batch normalisation and ReLU), the mean over the positions, and a frozen copy
    of the teacher's last Dense. Where the two maps differ in size, the larger is averaged down to the smaller. The
    loss is the mean of (projected - teacher's map)^2 over positions and channels. It is meant to be the only one: set
    `label_weight` to 0. The projector stays: the exported student is larger than the one given, and it gives logits.

    Args:
        student_tap: the layer of the given student, after which the projector comes; a map.
        teacher_tap: the layer of the teacher that its global average pooling reads.
        factor: the two inner convolutions of the projector have the teacher's channels divided by it.

    Source: DefangChen/SimKD.

    Example:
        >>> import numpy as np
        >>> signals = {"student": {"projected": np.zeros((2, 4, 4, 8), "float32")},
        ...            "teacher": {"stage3": np.ones((2, 8, 8, 8), "float32")}}
        >>> np.asarray(SimKD().loss(signals, labels=None, adapters={})).tolist()
        [1.0, 1.0]
    """

    paper: ClassVar[str] = "Chen et al. 2022"
    cites: ClassVar[tuple[str, ...]] = ("chen2022simkd",)
    numbers_from: ClassVar[str] = "authors' code"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    student_tap: str = "stage3"
    teacher_tap: str = "stage3"
    factor: int = Field(default=2, ge=1, le=1000)

    def taps(self, role):
        return {"student": ("projected",), "teacher": (self.teacher_tap,)}.get(role, ())

    def student(self, student, networks):
        if "teacher" not in networks:
            raise UserError("simkd: it needs a teacher, whose classifier it reuses; none was given")
        features = output_of("simkd", "student", student, self.student_tap)
        target, classifier = self._head(networks["teacher"])
        for role, tap, maps in (("student", self.student_tap, features), ("teacher", self.teacher_tap, target)):
            if len(maps.shape) != 4 or None in maps.shape[1:]:
                raise UserError(
                    f"simkd: {role} tap {tap!r} is {tuple(maps.shape)}; expected maps (batch, height, width, channels) "
                    "of a known size: name a layer that gives them, and build the network for images of one size"
                )
        # Convolutions in the student's own precision.
        policy = student.get_layer(self.student_tap).dtype_policy
        x = _pooled(features, *(min(features.shape[axis], target.shape[axis]) for axis in (1, 2)), policy)
        channels = target.shape[-1]
        inner = max(channels // self.factor, 1)
        for number, (filters, size) in enumerate(((inner, 1), (inner, 3), (channels, 1)), 1):
            name = f"projector_{number}"
            x = keras.layers.Conv2D(
                filters,
                size,
                padding="same",
                use_bias=False,
                kernel_initializer=uniform(size * size * x.shape[-1]),
                dtype=policy,
                name=f"{name}_conv",
            )(x)
            x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=policy, name=f"{name}_bn")(x)
            x = keras.layers.ReLU(dtype=policy, name="projected" if number == 3 else f"{name}_relu")(x)
        x = keras.layers.GlobalAveragePooling2D(dtype=policy, name="projected_pooled")(x)
        head = keras.layers.Dense(
            classifier.units, use_bias=classifier.use_bias, trainable=False, dtype="float32", name="logits"
        )
        composite = keras.Model(student.input, head(x), name=student.name)
        head.set_weights(classifier.get_weights())
        return composite

    def loss(self, signals, labels, adapters):
        projected = signals["student"]["projected"]
        target = adaptive_average_pool(signals["teacher"][self.teacher_tap], *projected.shape[1:3])
        return ops.mean(ops.square(projected - target), axis=(1, 2, 3))

    def matched(self, signals, labels):
        teacher = signals["teacher"]
        return {"logits": teacher["logits"], "projected": teacher[self.teacher_tap]}

    def _head(self, teacher):
        """(map that the teacher's classifier pools, its Dense layer)."""
        if not getattr(teacher, "outputs", None):
            raise UserError(
                f"simkd: teacher: {teacher.name!r} is no functional or sequential model, so its classifier cannot be "
                "found; build it with keras.Model(inputs, outputs)"
            )
        skipped = keras.layers.Dropout | keras.layers.Softmax
        classifier, inputs = source(teacher.outputs[0])
        while isinstance(classifier, skipped):
            classifier, inputs = source(inputs[0])
        linear = (keras.activations.linear, keras.activations.softmax)
        if not isinstance(classifier, keras.layers.Dense) or classifier.activation not in linear:
            raise _other_head(teacher, f"its last layer is {classifier.name!r}")
        pooling, inputs = source(inputs[0])
        while isinstance(pooling, skipped):
            pooling, inputs = source(inputs[0])
        if not isinstance(pooling, keras.layers.GlobalAveragePooling2D):
            raise _other_head(teacher, f"its last Dense {classifier.name!r} reads {pooling.name!r}")
        read, _ = source(inputs[0])
        if read.name != self.teacher_tap.split("/")[-1]:
            raise UserError(
                f"simkd: teacher: {teacher.name!r} classifies from the output of {read.name!r}, not of "
                f"{self.teacher_tap!r}; set teacher_tap to {read.name!r}, with the path to it where it is nested"
            )
        return inputs[0], classifier


def _other_head(teacher, found):
    return UserError(
        f"simkd: teacher: {teacher.name!r} does not end in GlobalAveragePooling2D and Dense ({found}); only such a "
        "classifier can be reused: take another teacher, or another method"
    )


def _pooled(maps, height, width, policy):
    """Symbolic maps averaged down to height x width, by layers of Keras alone."""
    if maps.shape[1] % height == 0 and maps.shape[2] % width == 0:
        size = (maps.shape[1] // height, maps.shape[2] // width)
        return maps if size == (1, 1) else keras.layers.AveragePooling2D(size, dtype=policy, name="smaller")(maps)
    # Where the sizes do not divide: a frozen linear layer over the rows, and one over the columns.
    for axis, length, equation in ((1, height, "bhwc,hn->bnwc"), (2, width, "bhwc,wn->bhnc")):
        shape = list(maps.shape[1:])
        shape[axis - 1] = length
        layer = keras.layers.EinsumDense(equation, tuple(shape), trainable=False, dtype=policy, name=f"smaller_{axis}")
        size, unit = maps.shape[axis], np.eye(maps.shape[axis], dtype="float32")[:, :, None, None]
        maps = layer(maps)
        layer.set_weights([keras.ops.convert_to_numpy(adaptive_average_pool(unit, length, 1)).reshape(size, length)])
    return maps
