"""The teacher of a recipe, put together: its networks resized, mapped, averaged and calibrated."""

import contextlib
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from keras_kd.evaluation.metrics import calibration
from keras_kd.evaluation.metrics.ensemble_weights import fit_ensemble_weights
from keras_kd.evaluation.metrics.evolved_weights import evolve_ensemble_weights
from keras_kd.evaluation.metrics.temperature import fit_temperature, negative_log_likelihood
from keras_kd.models.by_name import foreign_kind_of
from keras_kd.models.foreign.kinds import CALLED
from keras_kd.models.foreign.layer import answering_in
from keras_kd.models.network import Network, build, logits_of
from keras_kd.models.wrappers.calibrated import calibrated
from keras_kd.models.wrappers.class_map import class_map
from keras_kd.models.wrappers.ensemble import ensemble, normalized_weights
from keras_kd.models.wrappers.own_views import on_own_views
from keras_kd.models.wrappers.resized import resized
from keras_kd.recipe.schema_networks import MEASURED_WEIGHTS
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import atomic_write, is_held, sha256
from keras_kd.utils.paths import KERAS, ends_in

# What decides which images are held out.
HELD_OUT = ("name", "classes", "groups", "train_images", "validation", "test_fraction", "imbalance", "seed")
# What decides which image is in which fold.
COUNTED = ("name", "classes", "groups", "train_images", "test_fraction", "seed")


@dataclass(frozen=True)
class TeacherInput:
    """The data as a network that teaches takes it."""

    image_shape: tuple
    classes: int
    mean: tuple
    std: tuple
    data: object = None  # the `Dataset` or `Description`, which stored answers are of


def teacher_input(spec, dataset):
    """The data as a network of the teacher takes it: in its own size, of its own classes, by its own statistics.

    Args:
        spec: a `MemberSpec`.
        dataset: a `Dataset` or `Description`.

    Returns:
        `TeacherInput`.

    Example:
        >>> from keras_kd.recipe.schema_networks import MemberSpec
        >>> digits = TeacherInput((8, 8, 1), 10, (0.5,), (0.2,))
        >>> teacher_input(MemberSpec(model="resnet8", input_size=16), digits).image_shape
        (16, 16, 1)
    """
    size = spec.input_size or dataset.image_shape[:2]
    size = (size, size) if isinstance(size, int) else tuple(size)
    return TeacherInput(
        (*size, dataset.image_shape[2]),
        spec.classes or dataset.classes,
        spec.mean or dataset.mean,
        spec.std or dataset.std,
        getattr(dataset, "data", None) or dataset,
    )


def assemble(spec, dataset, of_recipe, memory=None, fits=True):
    """The teacher of a recipe as one network.

    Args:
        spec: a `TeacherSpec`.
        dataset: a `Dataset`; its validation images are what temperatures and weights are fitted on.
        of_recipe: (`MemberSpec` of a recipe, `TeacherInput`) -> `Network`.
        memory: file in which what was fitted is kept, so that a run that goes on has the same teacher.
        fits: False takes temperature 1 and equal weights, for a plan.

    Returns:
        `Network`; its source tells of every member: where it is from, its temperature, its weight.

    Raises:
        UserError: networks that fit neither each other nor the data.
    """
    networks = [_own(one, dataset, of_recipe) for one in spec.members]
    fit = _Fit(dataset, memory, networks) if fits else None
    places = [f"teacher.ensemble[{number}]" for number in range(len(networks))] if spec.ensemble else ["teacher"]
    if spec.folds:
        places = [f"teacher without fold {number}" for number in range(spec.folds)]
    parts = list(zip(places, networks, spec.members, strict=True))
    members = [_changed(place, network, one, dataset, fit) for place, network, one in parts]
    if spec.ensemble:
        network = _changed("teacher", _averaged(spec, members, fit), spec, dataset, fit)
    elif spec.folds:
        network = replace(_averaged(spec, members, fit), folds=spec.folds)
    else:
        (network,) = members
    if fit is not None:
        fit.keep()
    return network


def saw_held_out(data, taught):
    """Whether a teacher was trained on images that are set aside here.

    Args:
        data: the `DataSpec` of the student's recipe.
        taught: the `DataSpec` of the teacher's.
    """
    same = data.name == taught.name
    return same and bool(data.validation) and any(getattr(data, field) != getattr(taught, field) for field in HELD_OUT)


def held_out_alike(data, taught, where):
    """Refuses to fit on images that a teacher was trained on.

    Args:
        data: the `DataSpec` of the student's recipe.
        taught: the `DataSpec` of a teacher's.
        where: names the teacher, for the error.

    Raises:
        UserError: the teacher's recipe holds other images out.
    """
    for other in _differences(data, taught, HELD_OUT):
        raise UserError(
            f"{where}: was trained on images that are held out here ({other}); what is fitted needs images that the "
            "teacher has not seen: give both recipes the same data"
        )


def folds_alike(data, taught, where):
    """Refuses teachers of folds whose images are counted otherwise than the student's: they might have seen their own.

    Args:
        data, taught, where: as of `held_out_alike`.

    Raises:
        UserError: the teacher's recipe has other training images.
    """
    for other in _differences(data, taught, COUNTED):
        raise UserError(
            f"{where}: its folds would not be those of the images here ({other}); teacher.folds needs the same "
            "training images: give both recipes the same data"
        )


def _differences(data, taught, fields):
    """What of some fields of the data is otherwise for a teacher, a text each."""
    pairs = [(field, getattr(data, field), getattr(taught, field)) for field in fields]
    return [f"data.{field} is {there} there, {here} here" for field, here, there in pairs if here != there]


def check_alike(recipe, taught, where):
    """Both of `held_out_alike` and `folds_alike`, where the teacher of a recipe asks for them.

    Args:
        recipe: the student's `Recipe`, or one with its teacher and data.
        taught: the `DataSpec` of a teacher's.
        where: names the teacher.
    """
    if recipe.teacher.is_fitted:
        held_out_alike(recipe.data, taught, where)
    if recipe.teacher.folds:
        folds_alike(recipe.data, taught, where)


def _own(spec, dataset, of_recipe):
    """A network as it is, on the images of the data."""
    seen = teacher_input(spec, dataset)
    if spec.is_recipe:
        network = of_recipe(spec, seen)
    else:
        network = build(spec, seen, "teacher")
        asked = answering_in(network.model)
        if asked:
            network = replace(network, source={"kind": CALLED[foreign_kind_of(spec)], "sha256": asked[0].digest})
        elif ends_in(spec.model, KERAS):
            network = replace(network, source={"sha256": sha256(Path(spec.model))})
    if seen.image_shape == tuple(dataset.image_shape):
        return network
    return replace(network, model=resized(network.model, dataset.image_shape))


def _changed(where, network, spec, dataset, fit):
    """A network in the classes of the data, and calibrated, where that is asked for."""
    if spec.class_map is not None:
        if len(spec.class_map) != dataset.classes:
            raise UserError(
                f"{where}.class_map: has {len(spec.class_map)} entries, the data {dataset.classes} classes; "
                "give one entry a class of the data, in its order"
            )
        mapped = class_map(network.model, spec.class_map, from_logits=network.from_logits, name=network.model.name)
        network = replace(network, model=mapped, from_logits=True, members=(), view_seeds=())
    if not spec.calibrate:
        return network
    fitted = fit.temperature(where, network) if fit else {"temperature": 1.0}
    model = calibrated(network.model, fitted["temperature"], from_logits=network.from_logits)
    source = {**(network.source or {}), **fitted}
    return replace(network, model=model, from_logits=True, source=source, members=(), view_seeds=())


def _averaged(spec, members, fit):
    """The members of an ensemble as one network."""
    weights = spec.ensemble_weights
    if weights in MEASURED_WEIGHTS:
        weights = fit.weights(weights, members, spec.ensemble_temperature or 1.0) if fit else None
    weights = normalized_weights(weights, len(members), "teacher.ensemble_weights")
    make = on_own_views if spec.view_seeds else ensemble
    model = make(
        [one.model for one in members],
        mean=spec.ensemble_mean,
        weights=weights,
        temperature=spec.ensemble_temperature,
        from_logits=[one.from_logits for one in members],
        name="teacher",
    )
    sources = [one.source or {} for one in members]
    several = len({one.name for one in members}) > 1
    source = {
        "mean": spec.ensemble_mean,
        "weights": spec.ensemble_weights
        if spec.ensemble_weights in MEASURED_WEIGHTS
        else "given"
        if spec.ensemble_weights
        else "equal",
        "members": [
            {"name": one.name, "weight": weight, **{k: v for k, v in own.items() if k != "differs_from_recipe"}}
            | ({"without_fold": number} if spec.folds else {})
            for number, (one, own, weight) in enumerate(zip(members, sources, weights, strict=True))
        ],
        **({"view_seeds": list(spec.view_seeds)} if spec.view_seeds else {}),
        "seconds": _seconds(sources),
        "differs_from_recipe": [
            f"{one.name}: {difference}"
            for one, own in zip(members, sources, strict=True)
            for difference in own.get("differs_from_recipe", ())
        ],
    }
    names = " + ".join(one.name for one in members) if several else f"{len(members)} x {members[0].name}"
    if spec.folds:
        names, source["folds"] = f"{spec.folds} folds of {Path(spec.model).stem}", spec.folds
    how = {"weights": weights, "mean": spec.ensemble_mean, "temperature": spec.ensemble_temperature}
    parts = ([one.model for one in members], [one.from_logits for one in members], how)
    return Network(names if spec.folds else f"ensemble of {names}", model, True, source, parts, spec.view_seeds)


def _seconds(sources):
    """Seconds of all runs, each counted once however many of its epochs teach."""
    runs = {source.get("run", number): source.get("seconds") for number, source in enumerate(sources)}
    known = [seconds for seconds in runs.values() if seconds is not None]
    return round(sum(known), 3) if known else None


class _Fit:
    """What is fitted on held-out images, and kept: the same networks then have the same temperatures and weights."""

    def __init__(self, dataset, memory, networks):
        self._dataset, self._memory = dataset, memory
        self._key = {"networks": [_digest(one.model) for one in networks], "data": dataset.fingerprint}
        self._fitted, self._kept = {}, {}
        if memory is not None:
            with contextlib.suppress(OSError, ValueError):
                kept = json.loads(Path(memory).read_text(encoding="utf-8"))
                if isinstance(kept, dict) and kept.get("of") == self._key:
                    self._kept = kept["fitted"]

    def temperature(self, where, network):
        """{"temperature", "held_out"}: the temperature, and what it does to loss and calibration there."""
        if where not in self._kept:
            logits, labels = self._held_out(where, network)
            temperature = fit_temperature(logits, labels)
            figures = {}
            for name, scaled in (("before", logits), ("after", np.asarray(logits, "float64") / temperature)):
                figures[f"nll_{name}"] = negative_log_likelihood(scaled, labels)
                figures[f"ece_{name}"] = calibration(scaled, labels)["ece"]
            self._kept[where] = {
                "temperature": temperature,
                "held_out": {"images": len(labels), **{name: round(one, 6) for name, one in figures.items()}},
            }
        self._fitted[where] = self._kept[where]
        return self._fitted[where]

    def weights(self, how, members, temperature):
        """The weights of an ensemble, "fitted" to least loss or "evolved" to fewest errors."""
        # What earlier versions kept as "weights" was fitted.
        name = "weights" if how == "fitted" else f"weights {how} at temperature {temperature:g}"
        if name not in self._kept:
            pairs = [self._held_out(f"teacher.ensemble[{n}]", one) for n, one in enumerate(members)]
            logits, labels = [logits for logits, _ in pairs], pairs[0][1]
            if how == "fitted":
                found = fit_ensemble_weights(logits, labels)
            else:
                found = evolve_ensemble_weights(logits, labels, temperature=temperature)
            self._kept[name] = [round(float(weight), 9) for weight in found]
        self._fitted[name] = self._kept[name]
        return self._fitted[name]

    def keep(self):
        """Writes what was fitted, if anything was."""
        # Elsewhere, as where a recipe is examined, nothing is to be left behind.
        if self._memory is not None and self._fitted and is_held(self._memory):
            with atomic_write(self._memory) as temporary:
                temporary.write_text(json.dumps({"of": self._key, "fitted": self._fitted}, indent=2), encoding="utf-8")

    def _held_out(self, where, network):
        held_out = self._dataset.validation
        if held_out is None or not len(held_out):
            raise UserError(f"{where}: is fitted on held-out images and there are none; set data.validation")
        if network.model.output_shape[-1] != self._dataset.classes:
            raise UserError(
                f"{where}: gives {network.model.output_shape[-1]} classes, the data has {self._dataset.classes}; "
                "what is fitted needs the same: give it a class_map"
            )
        logits, _ = logits_of(network, held_out.images)
        return logits, held_out.labels


def _digest(model):
    """Hex sha256 of a network's weights."""
    digest = hashlib.sha256("".join(one.digest for one in answering_in(model)).encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()
