"""What a recipe trains, built: student and peers, the trust in its teacher, its optimizer, its compiled Distiller."""

from dataclasses import replace

import keras

from keras_kd import backend
from keras_kd.methods.find import make
from keras_kd.models.by_name import kind
from keras_kd.models.network import build, logits_of
from keras_kd.models.precision import in_precision
from keras_kd.models.start import start_from
from keras_kd.training.accuracy import Accuracy
from keras_kd.training.distiller import Distiller
from keras_kd.training.label_loss import SmoothedCrossEntropy
from keras_kd.training.meta_distiller import Meta, MetaDistiller
from keras_kd.training.schedules import Schedule, learning_rate
from keras_kd.training.selecting_distiller import SelectingDistiller
from keras_kd.training.selection import Selection
from keras_kd.training.sgd import SGD
from keras_kd.training.term import Term
from keras_kd.training.trust import trust_by_class
from keras_kd.workflows.run.prune_student import plan_of, student_of

# What of a recipe's `meta` is no argument of `Meta`.
OF_THE_DATA = ("follow_student", "held_out")


def build_student(recipe, dataset, teacher=None):
    """The untrained student; its initial weights are decided by the recipe's seed, or are those of its teacher.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        teacher: its `Network`, of which a student with `prune` is made.
    """
    backend.set_seed(recipe.seed)
    if recipe.student.prune is not None:
        return student_of(recipe, dataset, plan_of(recipe, dataset, teacher))
    return _in_precision(recipe, recipe.student, dataset, "student")


def build_peers(recipe, dataset):
    """The networks that are trained with the student; their initial weights follow from the recipe's seed."""
    return [_in_precision(recipe, spec, dataset, f"peer_{number}") for number, spec in enumerate(recipe.peers, 1)]


def _in_precision(recipe, spec, dataset, role):
    """A network that is trained, in the precision of the recipe; a file and a function may have chosen another."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.fit.precision)
    try:
        network = build(spec, dataset, role)
    finally:
        keras.config.set_dtype_policy(before)
    if kind(spec.model) not in ("file", "function"):
        return network
    return replace(network, model=in_precision(f"{role} {spec.model}", network.model, recipe.fit.precision))


def trust_of(recipe, dataset, teacher):
    """The trust in the teacher by class, measured on the validation images; or None."""
    if recipe.trust is None:
        return None
    held_out = dataset.validation
    logits, _ = logits_of(teacher, held_out.images)
    return trust_by_class(logits, held_out.labels, measure=recipe.trust.measure, weight=recipe.trust.weight)


def build_distiller(recipe, teacher, student, views=None, *, peers=(), trust=None, examples=None, banked=False):
    """The compiled Distiller of a recipe.

    Args:
        recipe: a `Recipe`; what it has measured stands there as numbers.
        teacher, student: `Network`s; the teacher may be None.
        views: the layer that renders what it is fed.
        peers: `Network`s trained with the student.
        trust: trust in the teacher by class, or None.
        examples: the number of training examples.
        banked: what the teacher says comes with the batches.
    """
    share = recipe.student.start_from_teacher
    if share is not None:
        start_from(student.model, teacher.model, share)
    given = {"student": student, **({"teacher": teacher} if teacher else {})}
    given.update({f"peer_{number}": peer for number, peer in enumerate(peers, 1)})
    networks = student.model, teacher.model if teacher else None
    made = [make(term).for_pixels(student.mean, student.std) for term in recipe.terms]
    terms = [Term(method, term.weight, term.schedules) for method, term in zip(made, recipe.terms, strict=True)]
    options = {
        "label_weight": recipe.label_weight,
        "from_logits": {role: network.from_logits for role, network in given.items()},
        "views": views,
        "trust": trust,
        "class_weight": recipe.fit.class_weight,
    }
    if recipe.meta is not None:
        distiller = MetaDistiller(*networks, terms, meta_of(recipe), **options)
    else:
        options.update(peers=[peer.model for peer in peers], examples=examples, banked=banked)
        selection = selection_of(recipe)
        if selection is None:
            distiller = Distiller(*networks, terms, **options)
        else:
            distiller = SelectingDistiller(*networks, terms, selection, **options)
    _compile(distiller, recipe, student.from_logits)
    return distiller


def _compile(distiller, recipe, from_logits):
    """Compiles a Distiller as the recipe's `fit` says."""
    fit = recipe.fit
    distiller.compile(
        optimizer=optimizer(fit, phases=_has_phases(recipe)),
        loss=SmoothedCrossEntropy(fit.label_smoothing, from_logits) if fit.label_smoothing else None,
        metrics=[Accuracy()],
        steps_per_execution=backend.steps_per_execution()
        if fit.steps_per_execution == "auto"
        else fit.steps_per_execution,
        jit_compile=fit.jit_compile,
    )


def meta_of(recipe):
    """How the teacher of a recipe is taught: its `Meta`."""
    spec, fit = recipe.meta, recipe.fit

    def fall(epoch):
        return learning_rate(
            epoch, base=1.0, epochs=fit.epochs, drops=fit.drops, drop_factor=fit.drop_factor, decay=fit.decay
        )

    settings = {name: getattr(spec, name) for name in type(spec).model_fields if name not in OF_THE_DATA}
    return Meta(**settings, fall=fall if spec.follow_student else None)


def selection_of(recipe):
    """How the terms of a recipe are chosen: its `Selection`, or None."""
    spec = recipe.selection
    if spec is None:
        return None
    settings = {name: getattr(spec, name) for name in type(spec).model_fields}
    return Selection(**{**settings, "seed": recipe.seed if spec.seed is None else spec.seed})


def _has_phases(recipe):
    """Whether a weight is 0 at times, so that part of the student may not be reached by a gradient."""
    if recipe.selection is not None:
        return True
    weights = [recipe.label_weight, *(term.weight for term in recipe.terms)]
    return any(isinstance(weight, Schedule) and 0 in weight.values() for weight in weights)


def optimizer(fit, phases=False):
    """The optimizer of a recipe's `fit`; with `phases` it leaves alone what a step does not reach."""
    shared = {"global_clipnorm": fit.clip_norm}
    if fit.ema is not None:
        shared |= {"use_ema": True, "ema_momentum": fit.ema}
    if fit.optimizer == "sgd":
        own = {"momentum": fit.momentum, "l2": fit.l2, "nesterov": fit.nesterov, "skip_zero_gradients": phases}
        return SGD(fit.learning_rate, **own, **shared)
    if fit.optimizer == "adamw":
        return keras.optimizers.AdamW(fit.learning_rate, weight_decay=fit.weight_decay, **shared)
    return keras.optimizers.Adam(fit.learning_rate, **shared)
