"""What a bank is of: a teacher as it is, images as they are, views as they are numbered."""

import hashlib
import json

import numpy as np

from keras_kd.data.dataset import chunks


def digest_of_network(network):
    """Hex sha256 of what a network computes: its layers and their settings, its weights.

    The names that Keras counts up do not matter, so the same network is the same in every process.

    Args:
        network: a built `keras.Model`.

    Example:
        >>> from keras_kd.models import build
        >>> one = build("digits_tiny", (8, 8, 1), 10)
        >>> digest_of_network(one) == digest_of_network(one)
        True
        >>> digest_of_network(one) == digest_of_network(build("digits_tiny", (8, 8, 1), 10))
        False
    """
    digest = hashlib.sha256()
    try:
        config = network.get_config()
    except NotImplementedError:
        config = {"class": type(network).__qualname__}
    digest.update(json.dumps(_without_names(config), sort_keys=True, default=repr).encode())
    for weight in network.get_weights():
        digest.update(f"{weight.shape} {weight.dtype}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _without_names(config):
    """A configuration with its layers' names counted from 0 in the order in which they come."""
    names = {}

    def number(value):
        if isinstance(value, dict):
            name = value.get("name")
            if isinstance(name, str):
                names.setdefault(name, f"layer {len(names)}")
            return {key: number(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [number(one) for one in value]
        return value

    def rename(value):
        if isinstance(value, dict):
            # A shared object's number is an address of the process.
            return {key: rename(one) for key, one in value.items() if key != "shared_object_id"}
        if isinstance(value, list):
            return [rename(one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    return rename(number(config))


def digest_of_images(images):
    """Hex sha256 of an image array, whatever its labels.

    Example:
        >>> images = np.zeros((2, 4, 4, 1), "uint8")
        >>> digest_of_images(images) == digest_of_images(images + 1)
        False
    """
    digest = hashlib.sha256(repr(tuple(map(int, images.shape))).encode())
    for part in chunks(images):
        digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def key_of(about):
    """A short name for what a bank is of, plain data."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
