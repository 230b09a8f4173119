"""Where a network looks: Grad-CAM, and how far student and teacher look at the same places."""

from itertools import combinations

import keras
import numpy as np
from keras import ops

from keras_kd import backend
from keras_kd.backend.keras_private import calling
from keras_kd.models.network import INFERENCE_BATCH
from keras_kd.models.taps import LOGITS, Tapped, find_layer, layer_paths
from keras_kd.utils.errors import UserError


def grad_cam(network, images, tap=None, classes=None, batch_size=INFERENCE_BATCH):
    """The places of a feature map that speak for a class: gradient-weighted class activation maps.

    A channel's weight is the mean over positions of the gradient of the class's logit; the map is the weighted sum of
    the channels, without what is below 0, divided by its largest value. Of a network that gives probabilities the
    logarithm stands for the logit.

    Args:
        network: a `keras_kd.models.network.Network`. It runs in inference mode and is not changed.
        images: (n, height, width, channels), pixels 0..255.
        tap: the layer that gives the feature map, a name or a path; None for `last_map`.
        classes: integers (n,), the classes to explain; None for those that the network itself puts first.
        batch_size: images at once.

    Returns:
        float32 array (n, h, w) in 0..1, of the height and width of the feature map; a map without anything above 0
        stays 0.

    Raises:
        UserError: the layer gives no feature map or does not run once in a forward pass, or classes that cannot be.

    Source:
        Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, arXiv:1610.02391.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> network = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> grad_cam(network, np.full((2, 8, 8, 1), 100, "uint8"), "stage1").shape
        (2, 8, 8)
    """
    return _explained(network, images, tap, classes, batch_size)[0]


def last_map(network, image_shape=None):
    """The tap that Grad-CAM explains by default: the last layer that gives a feature map of more than one position.

    Layers that pool are passed over: the map before them is finer. Of an ensemble it is a layer of the last member.

    Args:
        network: a `keras_kd.models.network.Network`.
        image_shape: (height, width, channels), where the model leaves them open.

    Returns:
        The path of a layer, as in `keras_kd.models.taps`.

    Raises:
        UserError: no layer gives such a map, or the shape of the images is not known.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> last_map(Network("resnet8", build("resnet8", (32, 32, 3), 100), from_logits=True))
        'stage3'
    """
    layers = {id(layer): (path, layer) for path, layer in _layers(network) if not isinstance(layer, keras.Model)}
    shapes = _shapes(network, layers.values(), image_shape)
    maps = [path for path, shape in shapes if len(shape) == 4 and shape[1:3] != (1, 1)]
    if not maps:
        raise UserError(
            f"{network.name}: found no layer that gives a feature map (batch, height, width, channels); expected one; "
            "take a convolutional network"
        )
    return maps[-1]


def overlap(one, other, share=0.2):
    """How far two explanations of the same images point at the same places.

    Each pair is resized bilinearly to the larger height and the larger width of the two. An image of which either map
    is all 0 has no places to compare and is left out.

    Args:
        one: (n, h, w), 0 or more.
        other: (n, i, j), of the same images.
        share: of the positions that count as looked at, above 0 and at most 1: exactly round(share * height * width)
            of them, one at least. Of equal values those further up, then further left, come first.

    Returns:
        A dict: "iou", the mean over images of the intersection over union of the places looked at; "cosine", the mean
        of the cosine of the maps; both 0..1, None without images; "images", how many were compared.

    Raises:
        UserError: maps of other shapes or of different images, or no such share.

    Source:
        Ojha et al., What Knowledge Gets Distilled in Knowledge Distillation?, arXiv:2205.16004; Guo et al., Class
        Attention Transfer Based Knowledge Distillation, arXiv:2304.12777.

    Example:
        >>> left, right = np.eye(4)[None], np.eye(4)[None, ::-1]
        >>> overlap(left, left, share=0.25), overlap(left, right, share=0.25)
        ({'iou': 1.0, 'cosine': 1.0, 'images': 1}, {'iou': 0.0, 'cosine': 0.0, 'images': 1})
    """
    one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    if one.ndim != 3 or other.ndim != 3 or len(one) != len(other):
        raise UserError(
            f"overlap: found maps of {one.shape} and {other.shape}; expected (n, h, w) of the same n images; give both "
            "networks the same images"
        )
    if not 0 < share <= 1:
        raise UserError(f"overlap: share: found {share}; expected above 0 and at most 1; correct it")
    size = tuple(np.maximum(one.shape[1:], other.shape[1:]))
    compared = one.any(axis=(1, 2)) & other.any(axis=(1, 2))
    count = int(compared.sum())
    if not count:
        return {"iou": None, "cosine": None, "images": 0}
    one, other = (_resized(maps[compared], size).reshape(count, -1) for maps in (one, other))
    looked_at, also_looked_at = _largest(one, share), _largest(other, share)
    shared = (looked_at & also_looked_at).sum(1) / (looked_at | also_looked_at).sum(1)
    one, other = (maps / np.linalg.norm(maps, axis=1, keepdims=True) for maps in (one, other))
    cosine = np.clip((one * other).sum(1), 0, 1)
    return {"iou": float(shared.mean()), "cosine": float(cosine.mean()), "images": count}


def attention_overlap(networks, images, taps=None, share=0.2, batch_size=INFERENCE_BATCH):
    """How far each two of several networks look at the same places.

    All networks are explained for the class that the first of them puts first, so that their maps are of one question.

    Args:
        networks: a dict of `keras_kd.models.network.Network`s of the same classes, by name.
        images: (n, height, width, channels), pixels 0..255.
        taps: a dict of layers' paths by the networks' names; those not in it are explained at their `last_map`.
        share: as of `overlap`.
        batch_size: images at once.

    Returns:
        A dict of `overlap`s by "<name>/<name>", one for each pair.

    Raises:
        UserError: as `grad_cam`; or taps of networks that are not there.

    Source:
        Ojha et al., arXiv:2205.16004; Guo et al., arXiv:2304.12777.

    Example:
        >>> from keras_kd.models import build
        >>> from keras_kd.models.network import Network
        >>> one = Network("digits_tiny", build("digits_tiny", (8, 8, 1), 10), from_logits=True)
        >>> image = np.eye(8, dtype="uint8")[None, ..., None] * 255
        >>> overlaps = attention_overlap({"student": one, "teacher": one}, image)
        >>> list(overlaps), overlaps["student/teacher"]["iou"]
        (['student/teacher'], 1.0)
    """
    taps = taps or {}
    if not set(taps) <= set(networks):
        raise UserError(
            f"attention_overlap: taps: found {', '.join(sorted(set(taps) - set(networks)))}; expected names of "
            f"networks: {', '.join(networks)}; correct it"
        )
    maps, classes = {}, None
    for name, network in networks.items():
        maps[name], classes = _explained(network, images, taps.get(name), classes, batch_size)
    return {f"{one}/{other}": overlap(maps[one], maps[other], share) for one, other in combinations(networks, 2)}


def _explained(network, images, tap, classes, batch_size):
    """(maps as of `grad_cam`, the classes explained)."""
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise UserError(
            f"grad_cam: found images of shape {images.shape}; expected (n, height, width, channels), one at least; "
            "give a batch"
        )
    tap = tap or last_map(network, images.shape[1:])
    layer = find_layer(network.name, network.model, tap)
    shapes = [shape for _, shape in _shapes(network, [(tap, layer)], images.shape[1:], pooling=True)]
    if len(shapes) != 1:
        raise UserError(
            f"{network.name}: layer {tap!r} runs {len(shapes)} times in a forward pass; expected once; name another"
        )
    if len(shapes[0]) != 4:
        raise UserError(
            f"{network.name}: layer {tap!r} gives {shapes[0]}; expected a feature map (batch, height, width, "
            "channels); name another layer"
        )
    chosen = _chosen(network, classes, len(images))
    gradient = _map_gradient(network, layer)

    size = min(batch_size, len(images))
    maps = np.empty((len(images), *shapes[0][1:3]), "float32")
    explained = np.empty(len(images), "int32")
    for start in range(0, len(images), size):
        # The last batch begins where it must, so that nothing is compiled for another size.
        part = slice(min(start, len(images) - size), min(start + size, len(images)))
        moved = np.zeros((size, *shapes[0][1:]), "float32")
        gradients, features, explained[part] = gradient(moved, images[part].astype("float32"), chosen[part])
        weights = gradients.mean(axis=(1, 2), keepdims=True)
        summed = np.maximum((weights * features).sum(-1), 0)
        largest = summed.max(axis=(1, 2), keepdims=True)
        maps[part] = summed / np.where(largest == 0, 1, largest)
    return maps, explained


def _map_gradient(network, layer):
    """A function of (zeros like the layer's output, images, classes): the gradient of each class's logit to the output,
    the output, and the classes, those below 0 replaced by the network's own."""
    tapped = Tapped(network.name, network.model, (), network.from_logits)

    def logits_of_classes(moved, images, classes):
        seen = []

        def moving(own_call):
            def call(*arguments, **options):
                features = own_call(*arguments, **options)
                seen.append(ops.cast(features, "float32"))
                # The gradient to what is added to the output is the gradient to the output.
                return features + ops.cast(moved, features.dtype)

            return call

        with calling([(layer, moving)]):
            logits = tapped.run(images, training=False)[1][LOGITS]
        classes = ops.where(classes < 0, ops.cast(ops.argmax(logits, axis=-1), "int32"), classes)
        return ops.sum(ops.one_hot(classes, logits.shape[-1]) * logits, axis=-1), (seen[0], classes)

    compiled = backend.network_gradient(network.model, logits_of_classes)

    def run(moved, images, classes):
        gradients, (features, classes) = compiled(moved, images, classes)
        return tuple(ops.convert_to_numpy(one) for one in (gradients, features, classes))

    return run


def _chosen(network, classes, count):
    """int32 classes (count,), -1 for the network's own."""
    if classes is None:
        return np.full(count, -1, "int32")
    classes = np.asarray(classes)
    if classes.shape != (count,) or classes.dtype.kind not in "iu":
        raise UserError(
            f"grad_cam: found classes {classes.dtype} of shape {classes.shape}; expected integers of shape ({count},); "
            "give one per image"
        )
    shape = getattr(network.model, "output_shape", None)
    known = shape[-1] if shape else int(classes.max()) + 1
    if classes.min() < 0 or classes.max() >= known:
        raise UserError(
            f"grad_cam: found classes {classes.min()} to {classes.max()}; expected 0 to {known - 1}, those of "
            f"{network.name!r}; take networks of the same classes"
        )
    return classes.astype("int32")


def _layers(network):
    return [(path, find_layer(network.name, network.model, path)) for path in layer_paths(network.model)]


def _shapes(network, layers, image_shape=None, pooling=False):
    """[(path, shape of its output for one image)] of layers in the order in which they run, those that pool too only
    if wanted."""
    layers = [(path, layer) for path, layer in layers if pooling or not isinstance(layer, _pools())]
    seen = []

    def recording(path):
        def around(call):
            def recorded(*arguments, **options):
                value = call(*arguments, **options)
                seen.append((path, tuple(getattr(value, "shape", ()))))
                return value

            return recorded

        return around

    class Forward(keras.Operation):
        def call(self, images):
            with calling([(layer, recording(path)) for path, layer in layers]):
                return network.model(images, training=False)

    # On shapes alone, under either backend; it adds nothing to the model.
    Forward().compute_output_spec(keras.KerasTensor((1, *_image_shape(network, image_shape)), "float32"))
    return seen


def _image_shape(network, image_shape):
    if image_shape is None:
        image_shape = (getattr(network.model, "input_shape", None) or (None,))[1:]
    if len(image_shape) != 3 or None in image_shape:
        raise UserError(
            f"{network.name}: found images of {tuple(image_shape)}; expected a known height, width and number of "
            "channels; give image_shape"
        )
    return tuple(image_shape)


def _pools():
    return keras.layers.MaxPooling2D | keras.layers.AveragePooling2D


def _resized(maps, size):
    """Maps (n, h, w) of another size, bilinearly between the middles of their positions."""
    rows, columns = (_between(old, new) for old, new in zip(maps.shape[1:], size, strict=True))
    return rows @ maps @ columns.T


def _between(old, new):
    """The weights (new, old) of old positions at the middles of new ones."""
    place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(old)), 0)


def _largest(maps, share):
    """Which positions (n, positions) hold the largest values."""
    count = max(1, round(share * maps.shape[1]))
    chosen = np.zeros(maps.shape, bool)
    np.put_along_axis(chosen, np.argsort(-maps, axis=1, kind="stable")[:, :count], True, axis=1)
    return chosen
