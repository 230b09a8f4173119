"""A view is a number: the same integers give the same pixels, on both backends, in every process, for ever."""

import hashlib

import numpy as np
import pytest
from keras import ops

from keras_kd import VIEWS, backend
from keras_kd.data.epochs import Epochs, ValidationBatches
from keras_kd.data.views.crop_flip import Views, epoch_order
from keras_kd.data.views.rendering import ViewRenderer


def by_hand(image, top, left, mirrored, pad):
    """One view in NumPy."""
    height, width, _ = image.shape
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))[top : top + height, left : left + width]
    return padded[:, ::-1] if mirrored else padded


def pixels(seed=0, count=6, shape=(9, 7, 3)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype("uint8")


def rendered_by(views, batch, images=None):
    """The pixels of a batch, compiled whole where each operation would be."""
    return ops.convert_to_numpy(backend.compiled(ViewRenderer(views, images))(batch))


@pytest.mark.parametrize("name, count", [("none", 1), ("flip", 2), ("crop_flip", 162)])
def test_counts(name, count):
    assert VIEWS[name].count == count


@pytest.mark.parametrize("views", [*VIEWS.values(), Views(pad=2), Views(pad=1, flip=True)], ids=str)
def test_every_view_is_the_shift_and_mirror_that_its_number_says(views):
    images = pixels()
    numbers = np.arange(views.count, dtype="int32")
    index = numbers % len(images)
    rendered = rendered_by(views, {"index": index, "view": numbers}, images)
    assert rendered.dtype == "float32"
    for number, image in zip(numbers, rendered, strict=True):
        expected = by_hand(images[number % len(images)], *views.decode(int(number)), views.pad)
        np.testing.assert_array_equal(image, expected, err_msg=f"view {number}")


def test_views_of_one_image_differ_and_the_identity_is_the_image():
    image = pixels(count=1)
    views = VIEWS["crop_flip"]
    sent = {"image": np.repeat(image, views.count, 0), "view": np.arange(views.count, dtype="int32")}
    rendered = rendered_by(views, sent)
    assert len({one.tobytes() for one in rendered}) == views.count
    np.testing.assert_array_equal(rendered[views.identity], image[0])


def test_pixels_from_the_host_and_from_the_device_are_one():
    images, view = pixels(), np.array([3, 80, 161, 0, 17, 99], "int32")
    views = VIEWS["crop_flip"]
    on_device = rendered_by(views, {"index": np.arange(6, dtype="int32"), "view": view}, images)
    np.testing.assert_array_equal(on_device, rendered_by(views, {"image": images, "view": view}))


def test_a_digest_that_no_backend_process_or_year_may_change():
    views = VIEWS["crop_flip"]
    index = np.arange(1000)
    digest = hashlib.sha256()
    for epoch in (0, 1, 239):
        digest.update(views.ids(7, epoch, index).astype("<i4").tobytes())
        digest.update(epoch_order(7, epoch, 1000).astype("<i4").tobytes())
    assert digest.hexdigest() == "ece8eb0b0b10d21246fb327889dfb3b99e45e6023d64da00bd7627aaf9b0041f"
    images = (np.arange(4 * 8 * 8 * 3) * 37 % 256).astype("uint8").reshape(4, 8, 8, 3)
    batch = {"index": np.arange(4, dtype="int32"), "view": views.ids(0, 0, np.arange(4))}
    shown = rendered_by(views, batch, images).astype("uint8")
    assert (
        hashlib.sha256(shown.tobytes()).hexdigest()
        == "07fe8f7fecb0f82ad06cd0aeb298f2710127bcf38396fb8c5e2708a8cbcf21e2"
    )


def test_views_are_spread_evenly_and_change_with_the_epoch_and_the_seed():
    views, index = VIEWS["crop_flip"], np.arange(162 * 200)
    numbers = views.ids(0, 0, index)
    counts = np.bincount(numbers, minlength=162)
    assert counts.min() > 140 and counts.max() < 260
    for seed, epoch in ((0, 1), (1, 0)):
        assert (views.ids(seed, epoch, index) == numbers).mean() < 0.02


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own():
    orders = [epoch_order(3, epoch, 500) for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(500))
    assert not np.array_equal(orders[0], orders[1])


def test_an_epoch_can_be_begun_anywhere():
    labels = np.arange(10)
    straight = Epochs(None, labels, VIEWS["flip"], 4, seed=5)
    straight.begin(1)
    resumed = Epochs(None, labels, VIEWS["flip"], 4, seed=5, epoch=1)
    assert len(straight) == 3
    for step in range(3):
        for one, other in zip(straight[step], resumed[step], strict=True):
            np.testing.assert_equal(one, other)
    assert len(resumed[2][1]) == 2, "the last batch holds what is left"


def test_batches_pair_each_image_with_its_own_label_and_view():
    images = pixels(count=10)
    labels = np.arange(10)
    epochs = Epochs(images, labels, VIEWS["crop_flip"], 4, seed=1)
    for step in range(3):
        batch, labels_of_batch = epochs[step]
        np.testing.assert_array_equal(batch["image"], images[labels_of_batch])
        np.testing.assert_array_equal(batch["view"], VIEWS["crop_flip"].ids(1, 0, labels_of_batch))


def test_memory_mapped_images_give_the_same_batches(tmp_path):
    images = pixels(count=10)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    one, other = (Epochs(array, np.arange(10), VIEWS["none"], 4) for array in (images, mapped))
    np.testing.assert_array_equal(one[0][0]["image"], other[0][0]["image"])


def test_validation_images_are_unchanged():
    images = pixels(count=5)
    split = ValidationBatches(images, np.arange(5), VIEWS["crop_flip"], 4)
    shown = [ops.convert_to_numpy(ViewRenderer(VIEWS["crop_flip"])(split[step][0])) for step in range(len(split))]
    np.testing.assert_array_equal(np.concatenate(shown), images)
