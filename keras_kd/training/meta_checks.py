"""What a MetaDistiller is given: whether its teacher can be taught, and by these terms."""

import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.backend.keras_private import flat_layers
from keras_kd.methods import Method
from keras_kd.methods.find import guarding
from keras_kd.training.schedules import Schedule
from keras_kd.training.term import is_weight, makes_images, taps_of
from keras_kd.utils.errors import UserError

# What of a `Distiller` cannot be combined with a teacher that learns, and why.
REFUSED = {
    "banked": "a bank holds what a teacher said before it was taught",
    "peers": "a trial is of the student alone",
    "examples": "only methods that remember each example need it, and these read layers",
}
LOGITS_ALONE = "give terms of logits, such as KD(), DKD() or DIST(), or train with a Distiller"
PROBES = 8


def check_meta(meta):
    """Raises `UserError` where a number of a `Meta` is out of its range."""
    for name in ("batches", "held_out_batches"):
        value = getattr(meta, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(f"Meta: {name} is {value!r}; expected a whole number, 1 or more")
    for name in ("trial_step_size", "teacher_learning_rate"):
        if not is_weight(getattr(meta, name)):
            raise UserError(
                f"Meta: {name} is {getattr(meta, name)!r}; expected a number from 0 up, or a Schedule of such"
            )
    steps = meta.trial_step_size
    if not (any(steps.values()) if isinstance(steps, Schedule) else steps):
        raise UserError("Meta: trial_step_size is 0, so no trial would tell the teacher anything; give one above 0")
    if not is_weight(meta.teacher_l2) or isinstance(meta.teacher_l2, Schedule):
        raise UserError(f"Meta: teacher_l2 is {meta.teacher_l2!r}; expected a number from 0 up")
    bound = meta.teacher_gradient_norm
    if bound is not None and (not is_weight(bound) or isinstance(bound, Schedule) or not bound):
        raise UserError(f"Meta: teacher_gradient_norm is {bound!r}; expected a number above 0, or None")
    momentum = meta.teacher_momentum
    if not is_weight(momentum) or isinstance(momentum, Schedule) or momentum >= 1:
        raise UserError(f"Meta: teacher_momentum is {momentum!r}; expected a number from 0 up and below 1")


def check_networks(student, teacher, options):
    """A teacher that can learn, and nothing beside it that a trial cannot take into account.

    Args:
        student, teacher: of a `MetaDistiller`.
        options: the other arguments, as of `Distiller`.

    Raises:
        UserError: names what cannot be.
    """
    for name, why in REFUSED.items():
        if options.get(name):
            raise UserError(f"MetaDistiller: {name} cannot be given: {why}; leave it out, or train with a Distiller")
    if teacher is None:
        raise UserError("MetaDistiller: found no teacher to be taught; give one, or train with a Distiller")
    for role, network in (("student", student), ("teacher", teacher)):
        if any(layer.compute_dtype == "float16" for layer in flat_layers(network)):
            raise UserError(
                f"MetaDistiller: the {role} computes in float16, in which the gradients of a trial vanish; use float32 "
                "or mixed_bfloat16"
            )
    if not teacher.trainable_variables:
        raise UserError(
            f"MetaDistiller: the teacher {teacher.name!r} has no trainable weight, so it cannot be taught; set "
            "teacher.trainable = True"
        )


def check_terms(terms, classes, adapters):
    """Terms of logits alone, through some of which the teacher's logits change what the student learns.

    Args:
        terms: a tuple of `Term`.
        classes: how many the logits are of.
        adapters: {number of the term: layers that it trains}.

    Raises:
        UserError: names the term.
    """
    for number, term in enumerate(terms):
        method, name = term.method, type(term.method).__name__
        taps = dict.fromkeys(tap for role in ("student", "teacher", "data") for tap in taps_of(method, role))
        if taps:
            raise UserError(f"MetaDistiller: {name} reads {', '.join(taps)} and not only logits; {LOGITS_ALONE}")
        if makes_images(method) or str(number) in adapters or type(method).student is not Method.student:
            raise UserError(f"MetaDistiller: {name} changes more in a step than the student; {LOGITS_ALONE}")
    taught = [term.method for term in terms if term.weight and "teacher" in term.method.roles]
    if not any(_reaches_teacher(method, classes) for method in taught):
        names = ", ".join(type(one).__name__ for one in taught) or "no term"
        raise UserError(
            f"MetaDistiller: the teacher learns through the terms that read its logits, and {names} passes no gradient "
            f"to them; {LOGITS_ALONE}"
        )


def _reaches_teacher(method, classes):
    """Whether what a loss asks of the student's logits changes with the teacher's: tried on some logits."""
    chance = np.random.default_rng(0)
    student, teacher, pull = chance.normal(size=(3, PROBES, classes)).astype("float32")
    labels = ops.convert_to_tensor(np.arange(PROBES) % classes, "int32")

    def loss(student, teacher):
        signals = {"student": {"logits": student}, "teacher": {"logits": teacher}}
        with guarding(method, "loss()"):
            return ops.mean(method.loss(signals, labels, {}))

    def pulled(teacher, others):
        _, gradient = backend.value_and_gradients(loss)(ops.convert_to_tensor(student), teacher)
        return ops.sum(gradient * pull)

    _, gradient = backend.value_and_gradients(pulled)(ops.convert_to_tensor(teacher), ())
    return bool(np.any(ops.convert_to_numpy(gradient)))
