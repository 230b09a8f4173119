"""Whether networks, terms and trust fit each other, found on symbolic tensors before any data is read."""

import keras
import numpy as np

from keras_kd.methods.adapters import build_adapters
from keras_kd.methods.find import guarding
from keras_kd.models.foreign.layer import answering_in, only_banked
from keras_kd.models.outputs import check_from_logits
from keras_kd.models.symbolic import SymbolicCall, cause_of
from keras_kd.models.taps import LOGITS, Tapped
from keras_kd.training.separate import check_separate, check_weights
from keras_kd.training.term import is_weight, kind_of, makes_images, taps_of
from keras_kd.utils.errors import UserError
from keras_kd.utils.foreign_code import unended
from keras_kd.utils.screen import print_note_once


def networks_of(student, teacher, peers):
    """The networks by role: student, teacher, peer_1, peer_2, ..."""
    networks = {"student": student}
    if teacher is not None:
        networks["teacher"] = teacher
    peers = [peers] if isinstance(peers, keras.Model) else peers
    networks.update({f"peer_{number}": peer for number, peer in enumerate(peers, 1)})
    return networks


def without_student(networks):
    """The networks of the other roles."""
    return {role: network for role, network in networks.items() if role != "student"}


def check_bank(banked, teacher, terms, views):
    """A bank can stand in for the teacher, where one does; a teacher that is no Keras network needs one."""
    if not banked:
        asked = answering_in(teacher) if isinstance(teacher, keras.Model) else []
        if asked:
            raise UserError(f"teacher: {only_banked(asked[0].name)}")
        return
    if teacher is None:
        raise UserError("banked: found no teacher; give the one that the bank is of, for its shapes")
    if views is None:
        raise UserError("banked: found no views; a bank is of numbered views: give views=ViewRenderer(...)")
    for term in terms:
        if term.method.live:
            raise UserError(f"banked: {type(term.method).__name__} asks the teacher in the step; leave banked out")


def checked_trust(trust, classes):
    """The trust in the teacher by class as a float32 array, or None."""
    if trust is None:
        return None
    try:
        found = np.asarray(trust, "float32")
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (classes,) or not ((found >= 0) & (found <= 1)).all():
        raise UserError(
            f"trust: found {np.shape(trust)} {trust!r:.60}; expected {classes} numbers in 0..1, one per class"
        )
    return found


def checked_class_weight(weights, classes, label_weight):
    """The weights of the classes in the label loss as a float32 array, or None."""
    if weights is None:
        return None
    if not label_weight:
        raise UserError("class_weight: it weighs the label loss, and label_weight is 0; leave it out")
    try:
        found = np.asarray(weights, "float32")
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (classes,) or not np.isfinite(found).all() or (found < 0).any():
        raise UserError(
            f"class_weight: found {np.shape(weights)} {weights!r:.60}; expected {classes} numbers of 0 or more, one "
            "per class"
        )
    return found


def _symbolic_input(role, network):
    """Symbolic tensors like those that a network takes."""
    if getattr(network, "inputs", None):
        inputs = network.inputs[0] if len(network.inputs) == 1 else network.input
    else:
        shape = (network.get_build_config() or {}).get("input_shape") if network.built else None
        if shape is None:
            raise UserError(
                f"{role}: {network.name!r} is not built, so its shapes are unknown; call it once on a batch first"
            )
        inputs = keras.KerasTensor((None, *shape[1:]))
    return keras.tree.map_structure(lambda one: keras.KerasTensor(one.shape, one.dtype), inputs)


def specs_of(tapped, examples):
    """The shape of every signal: specs[role][tap], from symbolic runs; and what is known of the data."""
    specs, inputs = {}, {}
    for role, one in tapped.items():
        inputs[role] = _symbolic_input(role, one.network)
        specs[role] = one.specs(inputs[role])
        if LOGITS not in specs[role]:
            raise UserError(f"{role}: {one.network.name!r} gives several outputs; expected one tensor (batch, classes)")
        shape = specs[role][LOGITS].shape
        if len(shape) != 2 or shape[-1] in (None, 1):
            raise UserError(
                f"{role}: {one.network.name!r} gives {tuple(shape)}; expected (batch, classes), two classes or more"
            )
    shapes = {role: [tuple(one.shape) for one in keras.tree.flatten(given)] for role, given in inputs.items()}
    for role, given in shapes.items():
        same = len(given) == len(shapes["student"]) and all(map(_compatible, given, shapes["student"]))
        if not same:
            raise UserError(
                f"{role}: takes images of {given[0][1:]}, the student of {shapes['student'][0][1:]}; "
                "both are shown the same images: build one for the other's shape"
            )
    specs["data"] = {"images": keras.tree.flatten(inputs["student"])[0], "examples": examples}
    if examples is not None:
        specs["data"]["index"] = keras.KerasTensor((None,), "int32")
    return specs


def _compatible(one, other):
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def check_arguments(networks, terms, label_weight):
    """Networks, terms and weights that can be trained together.

    Raises:
        UserError: they cannot.
    """
    for role, network in networks.items():
        if not isinstance(network, keras.Model):
            raise UserError(f"{role}: {network!r} is no keras.Model")
    for role, network in networks.items():
        for other, same in networks.items():
            if role > other and network is same:
                raise UserError(
                    f"{role} and {other} are the same object; give the student a network of its own"
                    if "student" in (role, other)
                    else f"{role} and {other} are the same object; give each a network of its own"
                )
    check_separate(networks)
    check_weights(networks)
    if not is_weight(label_weight):
        raise UserError(f"label_weight is {label_weight}; expected a number that is 0 or more")
    for term in terms:
        for role in term.method.roles:
            if role not in map(kind_of, networks):
                hint = "; give peers=[...]" if role == "peer" else ""
                raise UserError(f"terms: {type(term.method).__name__} needs a {role}; none was given{hint}")
    if networks.keys() - {"student", "teacher"} and not any("peer" in term.method.roles for term in terms):
        raise UserError("peers: no term reads them; add one that does, such as DML(), or leave them out")
    if not label_weight and not any(term.weight for term in terms):
        raise UserError("nothing to learn from: label_weight is 0 and no term has a weight above 0")


def check_loss(name, method, adapters, specs, trust=None):
    """Runs a loss on symbolic tensors, so that what cannot work is found before any data is read.

    Args:
        name: of the term, as errors say it.
        method: a `keras_kd.methods.Method`.
        adapters: the layers that its `adapters` made.
        specs: of `specs_of`.
        trust: of `Distiller`.

    Raises:
        UserError: the loss fails on these shapes, gives a wrong one, or cannot be weighed by class.
    """
    signals = _symbolic_signals(method, specs)
    symbolic = SymbolicCall(lambda both: method.loss(both[0], both[1], adapters))
    try:
        with unended("loss()"):
            shape = tuple(symbolic((signals, keras.KerasTensor((None,), "int32"))).shape)
    except Exception as error:
        shapes = ", ".join(
            f"{role} {tap} {tuple(one.shape)}" for role, taps in signals.items() for tap, one in taps.items()
        )
        raise UserError(f"{name}: cannot work on {shapes}: {cause_of(error)}") from error
    if shape not in ((), (None,)):
        raise UserError(f"{name}: its loss has shape {shape}; expected (batch,), or () for a loss of the whole batch")
    if shape == () and trust is not None:
        raise UserError(
            f"trust: {name} has one loss for the whole batch, so it cannot be weighed by class; leave it or trust out"
        )


def _symbolic_signals(method, specs):
    """What a method is given in a step, as symbolic tensors."""
    roles = [role for role in specs if role != "data" and kind_of(role) in method.roles]
    signals = {role: {tap: specs[role][tap] for tap in (LOGITS, *taps_of(method, role))} for role in roles}
    data = {tap: specs["data"][tap] for tap in taps_of(method, "data") if tap in specs["data"]}
    if makes_images(method):
        for one in signals.values():
            one["extra"] = keras.KerasTensor((None, one[LOGITS].shape[-1]), "float32")
        data["extra_weight"] = keras.KerasTensor((None,), "float32")
    if data:
        signals["data"] = data
    return signals


def tapped_networks(networks, terms, from_logits):
    """The networks by role, with the layers that the terms read of each.

    Args:
        networks: of `networks_of`.
        terms: a tuple of `Term`.
        from_logits: of `Distiller`.

    Raises:
        UserError: `from_logits` names no role, or is not what a network gives; no such layer.
    """
    asked = from_logits if isinstance(from_logits, dict) else dict.fromkeys(networks, from_logits)
    for role, said in asked.items():
        if role not in ("student", "teacher", *networks) or not isinstance(said, bool):
            raise UserError(
                f"from_logits: found {from_logits!r}; expected true or false, or one for each of student, teacher"
            )
    tapped = {}
    for role, network in networks.items():
        check_from_logits(role, network, asked.get(role, True))
        taps = dict.fromkeys(tap for term in terms for tap in taps_of(term.method, role))
        tapped[role] = Tapped(role, network, taps, asked.get(role, True))
    return tapped


def adapters_of_terms(terms, specs, networks):
    """{number of the term: {name: layer}} of the terms that train layers of their own with the student."""
    adapters = {}
    for number, term in enumerate(terms):
        with guarding(term.method, "check()"):
            term.method.check(specs)
        with guarding(term.method, "adapters()"):
            layers = build_adapters(term.method, specs, networks)
        if layers:
            adapters[str(number)] = layers
    return adapters


def check_labels(labels, classes):
    """Whole-number labels in an array are classes of the student; other labels are left to the backend.

    Raises:
        UserError: a label out of range.
    """
    if labels is not None and labels.dtype.kind in "iu" and labels.ndim in (1, 2) and labels[:1].size == 1:
        if labels.min() < 0 or labels.max() >= classes:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise UserError(f"fit: found label {wrong}; expected 0..{classes - 1}, the student's classes")


def check_images(terms, images, views):
    """Images in an array are what the methods take them for; of the first few it is looked at.

    Args:
        terms: `Term`s.
        images: what `fit` was given.
        views: the layer that makes images of it, or None where they are images already.

    Raises:
        UserError: values out of the range that a method walks in.
    """
    if views is None and isinstance(images, np.ndarray) and images.dtype.kind in "iuf" and len(images):
        for term in terms:
            term.method.check_images(images[:64])


def tell_what_waits(terms, epochs):
    """Says which methods will not have begun to teach when a training ends.

    Args:
        terms: `Term`s.
        epochs: that `fit` was asked for.
    """
    for method in (term.method for term in terms):
        field = type(method).begins_after
        if field and getattr(method, field) >= epochs:
            found = f"{field} is {getattr(method, field)} and the training ends after epoch {epochs}"
            print_note_once(f"fit: {method.name}: {found}; until then it teaches nothing: train longer, or lower it")
