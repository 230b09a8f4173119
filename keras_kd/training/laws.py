"""The laws that every method obeys, for the tests of whoever writes one.

`check_laws` makes the signals that a method reads, of several shapes, and holds the method to every law of `LAWS`.
"""

import importlib
import re

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.backend.keras_private import flat_layers
from keras_kd.models.symbolic import SymbolicCall
from keras_kd.models.taps import LOGITS, Tapped
from keras_kd.training.distiller import Distiller
from keras_kd.training.law_situations import (
    EXAMPLES,
    IMAGE,
    ImagesOnly,
    LawBroken,
    broken,
    map_logits,
    map_signals,
    network_of,
    networks_of,
    situation_of,
    situations_of,
    tensors_of,
)
from keras_kd.utils.errors import UserError

__all__ = ["LAWS", "PUBLISHED", "LawBroken", "check_laws", "situations_of"]

VENUE = r"arXiv|NeurIPS|NIPS|ICLR|ICML|CVPR|ICCV|ECCV|AAAI|IJCAI|TMLR|TPAMI|WACV|BMVC|ICPR|Interspeech|Sensors"


def check_laws(method, shapes=None, published=False, laws=None):
    """Holds a method to the laws.

    Args:
        method: a `Method`, or its class: with its defaults.
        shapes: shapes without the batch of the layers it reads, {"student": {"block4": (4, 4, 8)}, ...}. The layers
            stem, stage1, stage2, stage3 (maps) and pooled (a vector) are known.
        published: also asks for the citation that the methods of keras_kd have.
        laws: names of `LAWS`; all by default.

    Raises:
        LawBroken: names the law and the figures.
        UserError: a layer's shape is not known, or no law has such a name.

    Example:
        >>> from keras_kd import KD
        >>> check_laws(KD(temperature=2.0), laws=["the order of the batch does not matter"])
    """
    method = method() if isinstance(method, type) else method
    names = [*LAWS, *(PUBLISHED if published else {})] if laws is None else laws
    for name in names:
        if name not in LAWS and name not in PUBLISHED:
            raise UserError(f"check_laws: no law {name!r}; expected some of: {'; '.join([*LAWS, *PUBLISHED])}")
    situations = situations_of(method, shapes)
    for name in names:
        law = LAWS[name] if name in LAWS else PUBLISHED[name]
        try:
            figures = law(method, situations)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise broken(method, name, f"it fails with {type(error).__name__}: {reason}") from error
        if figures:
            raise broken(method, name, figures)


def _differ(one, other, scale=1.0, tolerance=1e-4):
    """Whether two losses differ by more than rounding does."""
    return not np.allclose(one, other, rtol=tolerance, atol=1e-2 * tolerance * scale)


def _show(values):
    return np.array2string(np.asarray(values), precision=6, threshold=6)


def it_gives_one_float32_value_an_example_or_one_for_the_batch(method, situations):
    """Also for a batch whose size is not known yet, as in a compiled step."""
    for situation in situations:
        batch = situation.sizes.batch
        loss = situation.loss(situation.signals(), situation.labels())
        if loss.dtype != "float32" or loss.shape not in ((), (batch,)):
            return f"{loss.dtype} of shape {loss.shape} ({situation}); expected float32 of ({batch},) or ()"
        signals = situation.signals()
        unknown = map_signals(signals, lambda x: keras.KerasTensor((None, *x.shape[1:]), str(x.dtype)))
        call = SymbolicCall(lambda both, situation=situation: method.loss(both[0], both[1], situation.adapters))
        symbolic = call((unknown, keras.KerasTensor((None,), "int32")))
        if len(symbolic.shape) != len(loss.shape) or any(symbolic.shape):
            return f"shape {symbolic.shape} for a batch of unknown size ({situation}); expected (None,) or ()"


def it_is_float32_whatever_the_precision_of_the_networks(method, situations):
    """Networks in bfloat16 give a float32 loss, adapters included."""
    sizes, images = situations[0].sizes, np.random.default_rng(0).uniform(0, 1, (4, *IMAGE)).astype("float32")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        situation = situation_of(method, sizes, situations[0].shapes)
        signals = situation.signals(batch=len(images))
        for role, network in situation.networks.items():
            signals[role].update(Tapped(role, network, situation.taps[role], True).run(images, training=False)[1])
        loss = situation.loss(signals, situation.labels(len(images)))
    finally:
        keras.config.set_dtype_policy(before)
    if loss.dtype != "float32" or not np.isfinite(loss).all():
        return f"{loss.dtype} {_show(loss)} of bfloat16 networks; expected finite float32"


def it_is_least_where_the_student_matches(method, situations):
    """Zero there, where `zero_when_matched`; and nowhere near is it less."""
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        others = {role: given for role, given in tensors_of(signals).items() if role != "student"}
        matched = method.matched(others, labels)
        if matched is None:
            continue
        absent = [tap for tap in signals["student"] if tap not in matched]
        if absent:
            return f"`matched` gives no {', '.join(absent)}, which the student gives"
        matched = {tap: ops.convert_to_numpy(matched[tap]) for tap in signals["student"]}
        if any(matched[tap].shape != x.shape for tap, x in signals["student"].items()):
            continue
        least = np.mean(situation.loss({**signals, "student": matched}, labels))
        generator, around = np.random.default_rng(1), []
        for size in (0.03, 0.3, 1.0, 3.0) * 3:
            moved = {tap: x + size * generator.normal(size=x.shape).astype("float32") for tap, x in matched.items()}
            around.append(np.mean(situation.loss({**signals, "student": moved}, labels)))
        scale = max(map(abs, around))
        if scale < 1e-12:
            return f"{scale:.3g} wherever the student is ({situation}); expected a loss that depends on it"
        if method.zero_when_matched and abs(least) > 1e-4 * scale:
            return f"{least:.6g} at `matched`, {scale:.6g} away from it ({situation}); expected 0"
        if min(around) < least - 1e-4 * scale:
            return f"{least:.6g} at `matched`, {min(around):.6g} next to it ({situation}); expected no less"


def its_gradient_leads_down(method, situations):
    """A few steps down the gradient of the student's signals, and of the adapters where the minimum depends on it."""
    situation = situations[-1]
    signals, labels = situation.signals(seed=2), situation.labels()
    others = {role: given for role, given in signals.items() if role != "student"}
    with_adapters = method.matched(tensors_of(others), labels) is None
    student, weights = signals["student"], situation.weights()
    first, *gradients = situation.value_and_gradients(signals, labels, student, weights)
    value, rate, steps = first, 0.1, 0
    while not value < first - 1e-3 * abs(first):
        if steps == 12:
            return f"{first:.6g} before, {value:.6g} after {steps} steps ({situation}); expected a fall"
        moved = {tap: _step(x, gradients[0][tap], rate) for tap, x in student.items()}
        rates = [rate if with_adapters else 0.0] * len(weights)
        moved_weights = list(map(_step, weights, gradients[1], rates))
        trial, *at_trial = situation.value_and_gradients(signals, labels, moved, moved_weights)
        if trial < value:
            student, weights, value, gradients, rate = moved, moved_weights, trial, at_trial, 1.5 * rate
        else:
            rate /= 4
        steps += 1


def _step(x, gradient, rate):
    norm = np.linalg.norm(gradient)
    return (x - rate * np.linalg.norm(x) / norm * gradient).astype("float32") if norm > 0 else x


def its_teacher_never_changes(method, situations):
    """Not in a real training step either."""
    sizes = situations[0].sizes
    networks = networks_of(method, sizes, situations[0].shapes, network_of)
    if "teacher" not in networks or "peer" in method.roles:
        return None
    teacher = networks["teacher"]
    before = [ops.convert_to_numpy(variable).copy() for variable in teacher.variables]
    distiller = Distiller(networks["student"], teacher, terms=[method], views=ImagesOnly(), examples=EXAMPLES)
    theirs = {id(variable) for variable in teacher.variables}
    taught = [variable.path for variable in distiller.trainable_variables if id(variable) in theirs]
    if taught:
        return f"{', '.join(taught)} of the teacher would be trained"
    images = np.random.default_rng(0).uniform(0, 1, (sizes.batch, *IMAGE)).astype("float32")
    # One operation at a time would be compiled one operation at a time.
    whole = backend.COMPILES_BY_SHAPE
    distiller.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=not whole, jit_compile=whole)
    batch = {"image": images, "index": np.arange(len(images), dtype="int32")}
    distiller.fit(batch, np.arange(len(images)) % sizes.classes, batch_size=sizes.batch, verbose=0)
    for old, variable in zip(before, teacher.variables, strict=True):
        moved = np.abs(ops.convert_to_numpy(variable) - old).max(initial=0)
        if moved > 0:
            return f"{variable.path} of the teacher moved by {moved:.3g} in a training step"


def the_order_of_the_batch_does_not_matter(method, situations):
    """Save where `order_matters`."""
    if method.order_matters:
        return None
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        order = np.random.default_rng(3).permutation(len(labels))[::-1]
        straight = situation.loss(signals, labels)
        turned = situation.loss(map_signals(signals, lambda x, order=order: x[order]), labels[order])
        expected = straight[order] if straight.shape else straight
        if _differ(turned, expected, np.abs(straight).max()):
            return f"{_show(turned)} in another order, {_show(expected)} before ({situation})"


def it_is_finite_whatever_the_signals(method, situations):
    """Value and gradients: at 1e4, at zero, where all are equal, for one example alone."""
    for situation in (situations[0], situations[-1])[: len(situations)]:  # the last's gradient is compiled anyway
        signals = situation.signals(seed=4)

        def of(change, signals=signals):
            changed = {role: {tap: change(x) for tap, x in given.items()} for role, given in signals.items()}
            return {**changed, **({"data": signals["data"]} if "data" in signals else {})}

        tried = {
            "signals of 1e4": of(lambda x: (1e4 * np.sign(x)).astype("float32")),
            "signals up to 1e4": of(lambda x: (1e4 / np.abs(x).max() * x).astype("float32")),
            "signals of zero": of(np.zeros_like),
            "equal examples": of(lambda x: np.repeat(x[:1], len(x), axis=0)),
            "one example": map_signals(signals, lambda x: x[:1]),
        }
        shapes = {tap: x.shape for tap, x in signals["student"].items()}
        if "teacher" in signals and shapes == {tap: x.shape for tap, x in signals["teacher"].items()}:
            tried["a student equal to its teacher"] = {**signals, "student": signals["teacher"]}
        if situation is not situations[0]:
            tried = {"signals of 1e4": tried["signals of 1e4"]}
        for name, given in tried.items():
            labels = situation.labels(len(given["student"][LOGITS]))
            value, *gradients = situation.value_and_gradients(given, labels, given["student"], situation.weights())
            if not np.isfinite(value):
                return f"the loss is {value} for {name} ({situation}); expected a finite one"
            for tap, gradient in gradients[0].items():
                if not np.isfinite(gradient).all():
                    return f"the gradient to the student's {tap} is not finite for {name} ({situation})"
            if not all(np.isfinite(gradient).all() for gradient in gradients[1]):
                return f"the gradient to the adapters is not finite for {name} ({situation})"


def the_loss_of_an_example_is_its_own(method, situations):
    """One value per example means that no other example changes it, but through the batch statistics of adapters."""
    if method.order_matters:
        return None
    for number, situation in enumerate(situations):
        if any(isinstance(layer, keras.layers.BatchNormalization) for layer in _layers(situation.adapters)):
            continue
        signals, labels = situation.signals(), situation.labels()
        loss = situation.loss(signals, labels)
        for one in range(len(loss) if loss.shape else 0):
            # Alone, and elsewhere among copies of itself: of the same shape, which is compiled already.
            rows, how = (slice(one, one + 1), "alone") if number == 0 else ([one] * len(labels), "among its copies")
            other = situation.loss(map_signals(signals, lambda x, rows=rows: x[rows]), labels[rows])
            if _differ(other[0], loss[one], np.abs(loss).max()):
                return f"{loss[one]:.6g} in a batch, {other[0]:.6g} {how} ({situation}); a loss of the batch is ()"


def _layers(adapters):
    return [inner for layer in adapters.values() for inner in flat_layers(layer)]


def labels_are_read_only_where_it_says_so(method, situations):
    """Without `needs_labels` the loss is the same with none."""
    if method.needs_labels:
        return None
    situation = situations[0]  # whether labels are read depends on no size
    signals, labels = situation.signals(), situation.labels()
    given, without = situation.loss(signals, labels), situation.loss(signals, None)
    if _differ(given, without):
        return f"{_show(given)} with labels, {_show(without)} without ({situation}); expected needs_labels = True"


def a_constant_added_to_the_logits_changes_nothing(method, situations):
    """Softmax does not see it; for methods that read no layer, save where `shift_invariant` is False."""
    if _reads_layers(method) or not method.shift_invariant:
        return None
    shifts = {"student": 7.0, "teacher": -3.0}
    for situation in situations:
        signals, labels = situation.signals(), situation.labels()
        straight = situation.loss(signals, labels)
        moved = map_logits(signals, lambda role, logits: logits + np.float32(shifts.get(role, 5.0)))
        shifted = situation.loss(moved, labels)
        if _differ(shifted, straight, np.abs(straight).max(), 1e-3):
            return f"{_show(shifted)} shifted, {_show(straight)} before ({situation})"


def a_class_that_no_network_believes_in_adds_nothing(method, situations):
    """The classes are summed over, not averaged: the size of a loss does not hang on their number."""
    if _reads_layers(method) or not method.sums_over_classes:
        return None
    situation = situations[0]  # it is tried at two numbers of classes in any case
    signals, labels = situation.signals(), situation.labels()
    straight = situation.loss(signals, labels)
    more = map_logits(signals, lambda role, x: np.concatenate([x, np.full_like(x[:, :1], -1e4)], axis=1))
    with_more = situation.loss(more, labels)
    if _differ(with_more, straight, np.abs(straight).max(), 1e-3):
        return f"{_show(with_more)} with one more, {_show(straight)} before ({situation}); sum over the classes"


def _reads_layers(method):
    return any(method.taps(role) for role in ("student", "teacher", "peer"))


def a_field_may_be_a_tensor(method, situations):
    """A scheduled number arrives as one, in a compiled step without a value."""
    numbers = [name for name in type(method).model_fields if type(getattr(method, name)) is float]
    try:
        # All at once: each by itself would be compiled by itself.
        figures = _as_tensors(method, situations[0], numbers) if numbers else None
    except Exception:
        figures = "one of them fails"
    one_by_one = (_as_tensors(method, situations[0], [name]) for name in numbers)
    return figures and next(filter(None, one_by_one), None)


def _as_tensors(method, situation, names):
    """What is wrong with some fields of a method as tensors; None if nothing is."""
    signals, labels = situation.signals(), situation.labels()
    straight = situation.loss(signals, labels)
    values = [ops.convert_to_tensor(getattr(method, name), "float32") for name in names]

    def scheduled(values):
        return method.model_copy(update=dict(zip(names, values, strict=True)))

    loss = situation.loss(signals, labels, scheduled(values))
    if loss.dtype != straight.dtype or loss.shape != straight.shape or _differ(loss, straight):
        return f"{_show(loss)} with {', '.join(names)} as a tensor, {_show(straight)} as a number ({situation})"
    unknown = map_signals(signals, lambda x: keras.KerasTensor((None, *x.shape[1:]), str(x.dtype)))
    symbolic_call = SymbolicCall(lambda given: scheduled(given[2]).loss(given[0], given[1], situation.adapters))
    symbolic_call((unknown, keras.KerasTensor((None,), "int32"), [keras.KerasTensor((), "float32")] * len(names)))


def its_adapters_are_trained_where_it_says_so(method, situations):
    """`trains_adapters` is what tables show."""
    learns = any(situation.weights() for situation in situations)
    if learns != method.trains_adapters:
        return f"trainable weights: {'some' if learns else 'none'}; trains_adapters is {method.trains_adapters}"


def its_saved_settings_read_back_equal(method, situations):
    """A resolved recipe is the method again."""
    kind = type(method)
    for name, read in (
        ("the dict", kind(**method.model_dump(mode="json"))),
        ("the JSON", kind.model_validate_json(method.model_dump_json())),
    ):
        if read != method:
            return f"{name} reads back as {read!r}, was {method!r}"


def its_settings_are_frozen_and_others_refused(method, situations):
    """As a recipe needs them to be."""
    kind = type(method)
    for name in (*kind.model_fields, "no_such_field"):
        try:
            setattr(method, name, None)
        except ValueError:
            continue
        return f"{name} can be set on it; keep frozen=True of `Method`"
    try:
        kind(no_such_field=1)
    except ValueError:
        return None
    return "a setting that it does not have is taken without a word; keep extra='forbid' of `Method`"


def its_paper_is_cited(method, situations):
    """By its module's docstring, and by the class attributes that tables and `keras-kd cite` show."""
    kind = type(method)
    if not re.search(VENUE, importlib.import_module(kind.__module__).__doc__ or ""):
        return f"the docstring of {kind.__module__} names no arXiv number and no venue"
    empty = [one for one in ("paper", "cites", "numbers_from", "knowledge", "scheme") if not getattr(kind, one)]
    return f"{', '.join(empty)} of {kind.__name__}: not set" if empty else None


def _named(*laws):
    return {law.__name__.replace("_", " "): law for law in laws}


LAWS = _named(
    it_gives_one_float32_value_an_example_or_one_for_the_batch,
    it_is_float32_whatever_the_precision_of_the_networks,
    it_is_least_where_the_student_matches,
    its_gradient_leads_down,
    the_order_of_the_batch_does_not_matter,
    it_is_finite_whatever_the_signals,
    the_loss_of_an_example_is_its_own,
    labels_are_read_only_where_it_says_so,
    a_constant_added_to_the_logits_changes_nothing,
    a_class_that_no_network_believes_in_adds_nothing,
    a_field_may_be_a_tensor,
    its_teacher_never_changes,  # takes longest
    its_adapters_are_trained_where_it_says_so,
    its_saved_settings_read_back_equal,
    its_settings_are_frozen_and_others_refused,
)
PUBLISHED = _named(its_paper_is_cited)
