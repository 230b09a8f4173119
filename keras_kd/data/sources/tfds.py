"""Image classification sets of TensorFlow Datasets, decoded once and then read without TensorFlow."""

import contextlib
import errno
import importlib
import io
import logging
import os
import textwrap

import numpy as np

from keras_kd.data.sources import cache, images
from keras_kd.data.sources.arrays import check_labels
from keras_kd.data.sources.names import DATASETS, TFDS
from keras_kd.data.sources.options import DEFAULTS
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_path
from keras_kd.utils.suggest import did_you_mean

FIXED_CHUNK = 256
RESIZED_CHUNK = 32  # before resizing, images may be large
RETRIES = 4
FORM = {"NAME": "any other TFDS image-classification dataset"}
IS_PATH = False
# Shape, classes, training and test images of sets of one fixed size.
SHAPES = {
    "cifar10": ((32, 32, 3), 10, 50_000, 10_000),
    "cifar100": ((32, 32, 3), 100, 50_000, 10_000),
    "fashion_mnist": ((28, 28, 1), 10, 60_000, 10_000),
    "kmnist": ((28, 28, 1), 10, 60_000, 10_000),
    "mnist": ((28, 28, 1), 10, 60_000, 10_000),
    "stl10": ((96, 96, 3), 10, 5_000, 8_000),
    "svhn_cropped": ((32, 32, 3), 10, 73_257, 26_032),
}


def means(name):
    """Whether a name means this source: it is asked last, and may be any."""
    return True


def load(name, options=DEFAULTS):
    """A source out of a TFDS set: its `train` split, and its `test` split or else, with labels, its `validation` split.

    A set that is in the cache is read without importing TensorFlow Datasets or TensorFlow; without a version in its
    name, the newest one there is meant.

    Args:
        name: `name`, `name/config`, `name:version` or `name/config:version`.
        options: `SourceOptions`; image_size is needed where the images of a set differ in size.

    Raises:
        UserError: there is no such set, it is of another sort, or it is unavailable.
    """
    match = TFDS.fullmatch(name)
    if not match:
        raise _unknown(name, DATASETS)
    data_dir = options.data_dir
    request, store = _request(match, options), cache.folder(options.cache_dir)
    kept = cache.find(store, request, match["version"] or "*")
    if kept is not None:
        return kept
    tfds = _import(name)
    with _quiet(tfds):
        builder = _builder(tfds, name, data_dir)
        reader = _Reader(tfds, builder, name, options)
        _prepare(builder, name)
        parts = {role: reader.part(split) for role, split in reader.splits().items()}
        return cache.write(store, request, str(builder.version), reader.class_names, parts)


def unread(name, options=DEFAULTS):
    """What is known of some sets before they are fetched; see `keras_kd.data.sources`.

    The images of each class are taken to be equally many.
    """
    match = TFDS.fullmatch(name)
    if not match or match["name"] not in SHAPES or match["config"]:
        return None
    shape, classes, *counts = SHAPES[match["name"]]
    return shape, classes, [np.arange(count) % classes for count in counts]


def is_cached(name, options=DEFAULTS):
    """Whether a set can be read without TFDS."""
    match = TFDS.fullmatch(name)
    store, request = cache.folder(options.cache_dir), _request(match, options)
    return cache.find(store, request, match["version"] or "*", log=False) is not None


def _request(match, options):
    """What an entry of the cache answers to."""
    return {
        "kind": "tfds",
        "name": match["name"],
        "config": match["config"],
        "data_dir": _portable(options.data_dir),
        **options.asked_of_cache,
    }


def _portable(data_dir):
    """The path as it is on another machine too, so that a copied cache is found there."""
    if data_dir is None:
        return None
    path, home = os.path.abspath(user_path(data_dir, "data_dir")), os.path.expanduser("~")
    return "~" + path.removeprefix(home) if path.startswith(home + os.sep) else path


def _import(name):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        tfds = importlib.import_module("tensorflow_datasets")  # first, as it takes less time to fail
        tensorflow = importlib.import_module("tensorflow")
    except ImportError as error:
        raise UserError(
            f"{name}: found neither it in the cache nor a way to prepare it ({error}); expected tensorflow_datasets "
            f"and tensorflow; `pip install tensorflow-datasets tensorflow`, or copy the cache of a machine that has "
            f"them{did_you_mean(_plain_name(name), DATASETS) if name not in DATASETS else ''}"
        ) from error
    if os.environ.get("KERAS_BACKEND") == "jax":
        with contextlib.suppress(RuntimeError):  # too late: TensorFlow is in use here already
            tensorflow.config.set_visible_devices([], "GPU")  # JAX wants the memory
    return tfds


def _builder(tfds, name, data_dir):
    try:
        return tfds.builder(name, data_dir=None if data_dir is None else user_path(data_dir, "data_dir"))
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown(name, [*DATASETS, *tfds.list_builders(with_community_datasets=False)]) from error
    except Exception as error:  # a wrong version is an AssertionError, a wrong config a ValueError
        reason = _line(error).split('}": ')[-1]  # without TFDS's own list of arguments
        raise UserError(
            f"{name}: TFDS cannot make it ({reason}); expected a config and a version that it has; correct them "
            "or leave them out"
        ) from error


def _unknown(name, names):
    hint = did_you_mean(_plain_name(name), names)
    return UserError(
        f"{name}: found no data set of this name{hint}; expected a name of `keras-kd list "
        "datasets` or of TensorFlow Datasets, a folder, an .npz file or package.module:function"
    )


def _plain_name(name):
    """The name of a data set without its configuration and version."""
    return name.split("/")[0].split(":")[0]


def _prepare(builder, name):
    """Downloads and prepares a set that is not on this machine yet."""
    try:
        with _few_retries():
            builder.download_and_prepare()
    except Exception as error:  # no network, no disk, a manual download, a missing package: each has its own error
        full = getattr(error, "errno", None) == errno.ENOSPC or "disk space" in str(error)
        fix = (
            "free some disk space, or give another data_dir"
            if full
            else f"prepare it where there is a network (`tfds build {name} --data_dir FOLDER`), and give that data_dir"
        )
        raise UserError(
            f"{name}: TFDS cannot prepare it in {builder.data_dir} ({_line(error)}); expected data that is "
            f"prepared, or can be downloaded; {fix}"
        ) from error


@contextlib.contextmanager
def _quiet(tfds):
    tfds.disable_progress_bar()
    loggers = [logging.getLogger(one) for one in ("absl", "urllib3", "tensorflow")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


@contextlib.contextmanager
def _few_retries():
    """TFDS's own ten retries keep somebody without a network waiting for three minutes."""
    try:
        from tensorflow_datasets.core.download import downloader

        usual = downloader.MAX_RETRIES
    except (ImportError, AttributeError):  # not public, so it may move
        yield
        return
    downloader.MAX_RETRIES = RETRIES
    try:
        yield
    finally:
        downloader.MAX_RETRIES = usual


class _Reader:
    """Reads a prepared set as chunks of images and labels."""

    def __init__(self, tfds, builder, name, options):
        self.tfds, self.builder, self.name, self.options = tfds, builder, name, options
        image_size = self.image_size = options.image_size
        features = builder.info.features
        self.image_key, self.label_key = self._keys(features)
        image = features[self.image_key]
        *size, channels = image.shape
        if np.dtype(image.np_dtype) != np.uint8 or channels is None:
            raise UserError(
                f"{name}: found {np.dtype(image.np_dtype)} images of shape {image.shape}; expected uint8 with a fixed "
                "number of channels; choose another config or set"
            )
        if image_size is None and None in size:
            raise UserError(
                f"{name}: found images of several sizes; expected image_size, the size to resize them to; give it, "
                "such as image_size: 224"
            )
        self.fixed = None not in size
        self.shape = (*(image_size or size), channels)
        self.class_names = tuple(features[self.label_key].names)

    def splits(self):
        """Which split is the training split and which, if any, the test split."""
        found = {split: info.num_examples for split, info in self.builder.info.splits.items() if info.num_examples}
        if "train" not in found:
            raise UserError(
                f"{self.name}: found splits {', '.join(found)}; expected train; choose another config or set"
            )
        roles = {"train": "train"}
        # The test split of a competition has no labels: every one is -1.
        tested = [split for split in ("test", "validation") if split in found and self._has_labels(split)]
        if tested:
            roles["test"] = tested[0]
        return roles

    def part(self, split):
        """A split as a `cache.Part`."""
        count = self.builder.info.splits[split].num_examples
        return cache.Part((count, *self.shape), self._checked(split))

    def _keys(self, features):
        keys = self.builder.info.supervised_keys
        keys = keys if isinstance(keys, tuple) and len(keys) == 2 else ("image", "label")
        kinds = (self.tfds.features.Image, self.tfds.features.ClassLabel)
        for key, expected in zip(keys, kinds, strict=True):
            if not (isinstance(key, str) and key in features and isinstance(features[key], expected)):
                raise UserError(
                    f"{self.name}: found {', '.join(features)} in its examples; expected an image and a class label; "
                    "choose a set for image classification"
                )
        return keys

    def _dataset(self, split):
        wanted = self.tfds.decode.PartialDecoding({self.image_key: True, self.label_key: True})
        return self.builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders=wanted,
            # One file after another: the same order on every machine, and no more than one file open.
            read_config=self.tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )

    def _has_labels(self, split):
        first = next(iter(self.tfds.as_numpy(self._dataset(split).take(1))))
        return first[self.label_key] >= 0

    def _checked(self, split):
        done = 0
        for pixels, labels in self._chunks(split):
            check_labels(f"{self.name}: {split}", labels, len(self.class_names), first=done)
            done += len(labels)
            yield pixels, labels

    def _chunks(self, split):
        with images.workers() as pool:
            if self.fixed:
                for batch in self.tfds.as_numpy(self._dataset(split).batch(FIXED_CHUNK)):
                    yield self._resized(pool, batch[self.image_key]), batch[self.label_key]
                return
            pixels, labels = [], []
            for example in self.tfds.as_numpy(self._dataset(split)):
                pixels.append(example[self.image_key])
                labels.append(example[self.label_key])
                if len(pixels) == RESIZED_CHUNK:
                    yield self._resized(pool, pixels), labels
                    pixels, labels = [], []
            if pixels:
                yield self._resized(pool, pixels), labels

    def _resized(self, pool, pixels):
        if self.fixed and self.image_size is None:
            return pixels
        return np.stack(list(pool.map(lambda one: images.resize(one, self.image_size, self.options.resize), pixels)))


def _line(error):
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
