"""The networks of a recipe, built for its data; their cost, and what they say of images."""

import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_kd import backend, models
from keras_kd.models import cost as bench
from keras_kd.models.foreign.build import build_foreign
from keras_kd.models.foreign.layer import answering_in
from keras_kd.models.outputs import check_from_logits
from keras_kd.models.taps import Tapped
from keras_kd.utils.paths import KERAS, ends_in
from keras_kd.utils.timing import side_by_side

INFERENCE_BATCH = 250


@dataclass(frozen=True)
class Network:
    """A network with what is known of it."""

    name: str
    model: keras.Model
    from_logits: bool
    source: dict | None = None  # of a teacher that is a run: its recipe, epochs, accuracy, seconds
    members: tuple = ()  # of a mean: networks, whether each gives logits, arguments of `mean_of_logits`
    view_seeds: tuple = ()  # of a mean whose members see views of their own: the seed of each
    folds: int | None = None  # of members each trained without one fold of the training images: how many
    mean: object = None  # of the data that it was built for, of pixels / 255, by channel, if they are known
    std: object = None


def build(spec, dataset, role):
    """The network of a `ModelSpec` for a dataset, its logits checked."""
    network = build_unchecked(spec, dataset)
    check_from_logits(role, network.model, spec.from_logits)
    return network


def build_unchecked(spec, dataset):
    """As `build`, but whether it gives logits is not looked at."""
    given = {"mean": dataset.mean, "std": dataset.std, "pixels": spec.pixels, "from_logits": spec.from_logits}
    given |= {field: getattr(spec, field, None) for field in ("arguments", "output", "layout")}
    kind, shape = models.foreign_kind_of(spec), (dataset.image_shape, dataset.classes)
    if kind is not None:
        model = build_foreign(spec.model, kind, *shape, data=getattr(dataset, "data", None), **given)
    else:
        model = models.build(spec.model, *shape, weights=spec.weights, **given)
    is_file = kind not in (None, "function") or ends_in(spec.model, KERAS)
    name = Path(spec.model).name if is_file else spec.model
    return Network(name, model, spec.from_logits, mean=dataset.mean, std=dataset.std)


def answers(network, split):
    """Whether a network can be asked about the images of a split as they are: a file of answers has some alone.

    Args:
        network: a `Network`.
        split: "train", "validation" or "test".
    """
    return all(one.splits is None or split in one.splits for one in answering_in(network.model))


def use_views(network, views):
    """Says to stored answers which views the numbers of theirs are of.

    Args:
        network: a `Network`.
        views: the `Views` that the student is shown.

    Raises:
        UserError: they are of another number of views.
    """
    for one in answering_in(network.model):
        if one.splits is not None:
            one.use_views(views)


def cost(model):
    """Parameters, multiply-accumulates per image, bytes of the weights; None each where the network is not Keras's."""
    if answering_in(model):
        return dict.fromkeys(("parameters", "macs", "bytes"))
    return {
        "parameters": bench.parameters(model),
        "macs": bench.macs(model),
        "bytes": bench.bytes_of_weights(model),
    }


def latencies(networks, image, seconds=1.0):
    """How long one image takes through networks in inference mode, in turns; as `keras_kd.utils.timing.side_by_side`.

    Args:
        networks: {name: `Network`}; one that is no Keras network runs elsewhere, and no time is told of it.
        image: uint8 (height, width, channels).
        seconds: about how long measuring each may take.
    """
    given = np.asarray(image)[None].astype("float32")
    timed = {name: one for name, one in networks.items() if not answering_in(one.model)}
    return side_by_side({name: _answering(one.model) for name, one in timed.items()}, given, seconds=seconds)


def _answering(model):
    run = backend.inference(model)
    return lambda batch: keras.ops.convert_to_numpy(run(batch))


def logits_of(network, images, batch_size=INFERENCE_BATCH):
    """(float32 logits (n, classes), seconds per image) of a network in inference mode.

    Args:
        network: a `Network`.
        images: uint8 (n, height, width, channels).
        batch_size: images at once.
    """
    run = backend.inference(network.model)
    parts, seconds, timed = [], 0.0, 0
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size]).astype("float32")
        missing = min(batch_size, len(images)) - len(batch)
        # A last batch of its own size would be compiled for itself.
        full = np.concatenate([batch, np.repeat(batch[:1], missing, 0)]) if missing else batch
        begun = time.monotonic()
        output = keras.ops.convert_to_numpy(keras.ops.cast(run(full), "float32"))
        if start:
            seconds, timed = seconds + time.monotonic() - begun, timed + len(full)
        parts.append(output[: len(batch)])
    if not timed:
        begun = time.monotonic()
        keras.ops.convert_to_numpy(run(full))
        seconds, timed = time.monotonic() - begun, len(full)
    output = np.concatenate(parts)
    if not network.from_logits:
        output = np.log(np.maximum(output, keras.config.epsilon() ** 2))
    return output, seconds / timed


def signals_of(network, images, taps, batch_size=INFERENCE_BATCH):
    """{tap: float32 array (n, ...)} of what layers of a network give in inference mode.

    Args:
        network: a `Network`.
        images: uint8 (n, height, width, channels).
        taps: layers' names or paths.
        batch_size: images at once.

    Raises:
        UserError: no such layer.
    """
    run = backend.inference(_Tapping(Tapped("network", network.model, tuple(taps), network.from_logits)))
    parts = {tap: [] for tap in taps}
    for start in range(0, len(images), batch_size):
        seen = run(np.asarray(images[start : start + batch_size]).astype("float32"))
        for tap in taps:
            parts[tap].append(keras.ops.convert_to_numpy(seen[tap]))
    return {tap: np.concatenate(values) for tap, values in parts.items()}


class _Tapping(keras.Model):
    """What layers of a network give; a model, so that a backend compiles it with its weights as arguments."""

    def __init__(self, tapped):
        super().__init__(name="tapping", dtype="float32", autocast=False)
        self.network = tapped.network
        self._tapped = (tapped,)
        self.built = True

    def call(self, images, training=False):
        return self._tapped[0].run(images, training=False)[1]
