"""What corruptions and transformations promise: same image same result, nothing wraps around, severities that grow."""

import sys

import numpy as np
import pytest

from keras_kd.evaluation.perturbations.corruptions import CORRUPTIONS, corrupt
from keras_kd.evaluation.perturbations.transformations import colour_jitter, jittered, rotated, rotation
from keras_kd.utils.errors import UserError

TRANSFORMATIONS = {"colour_jitter": colour_jitter, "rotation": rotation}


def pictures(count=6, shape=(32, 32, 3), seed=0):
    """Images with large and small things in them, up to black and white."""
    generator = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = generator.normal(size=(count, -(-height // 4), -(-width // 4), channels)).repeat(4, 1).repeat(4, 2)
    fine = generator.normal(size=(count, *shape))
    return np.clip(128 + 70 * coarse[:, :height, :width] + 25 * fine, 0, 255).astype("uint8")


def photographs(count=6, side=32, seed=0):
    """Images with the spectrum of photographs: amplitude falls as one over frequency."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    frequency[0, 0] = np.inf
    noise = np.random.default_rng(seed).normal(size=(count, 3, side, side))
    pixels = np.fft.ifft2(np.fft.fft2(noise) / frequency).real
    pixels = 128 + 55 * pixels / pixels.std(axis=(2, 3), keepdims=True)
    return np.clip(np.moveaxis(pixels, 1, -1), 0, 255).astype("uint8")


def changed(name, images, **options):
    """Images through a corruption of middle severity or a transformation."""
    if name in CORRUPTIONS:
        return corrupt(images, name, 3, **options)
    return TRANSFORMATIONS[name](images, **{"seed": 0, **options})


ALL = [*CORRUPTIONS, *TRANSFORMATIONS]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(32, 32, 3), (9, 14, 1), (8, 5, 2), (1, 1, 3), (2, 3, 4)], ids=str)
def test_shape_and_type_stay(name, shape):
    images = pictures(3, shape)
    before = images.copy()
    after = changed(name, images)
    assert (after.shape, after.dtype) == (images.shape, "uint8")
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", ALL)
def test_an_empty_batch_stays_empty(name):
    assert changed(name, np.zeros((0, 8, 8, 3), "uint8")).shape == (0, 8, 8, 3)


@pytest.mark.parametrize("name", ALL)
def test_an_image_is_the_same_in_any_batch(name):
    images = pictures(300, (8, 8, 3))
    whole = changed(name, images)
    order = np.array([299, 3, 260, 0])
    np.testing.assert_array_equal(changed(name, images[order], positions=order), whole[order])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_grows(name):
    images = photographs()
    distances = [np.abs(corrupt(images, name, severity) - images.astype(float)).mean() for severity in range(1, 6)]
    assert distances[0] > 0 and np.all(np.diff(distances) > 0), distances


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("pixel", [0, 255])
def test_nothing_wraps_around(name, pixel):
    after = changed(name, np.full((40, 8, 8, 3), pixel, "uint8")).astype(int)
    # Brightness and noise may well reach the middle, never the other end.
    assert np.abs(after - pixel).max() < 160


@pytest.mark.parametrize("name", ["gaussian_blur", "contrast", "pixelate", "rotation"])
@pytest.mark.parametrize("pixel", [0, 77, 255])
def test_a_constant_image_is_itself(name, pixel):
    images = np.full((2, 9, 12, 3), pixel, "uint8") + np.arange(3, dtype="uint8") * (pixel == 77)
    np.testing.assert_array_equal(changed(name, images), images)


def test_noise_has_its_deviation_and_its_seed():
    images = np.full((20, 32, 32, 3), 128, "uint8")
    noisy = corrupt(images, "gaussian_noise", 1)
    noise = noisy.astype(float) - images
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 0.04 * 255) < 0.1
    assert not np.array_equal(noise[0], noise[1])
    np.testing.assert_array_equal(corrupt(images, "gaussian_noise", 1), noisy)
    assert not np.array_equal(corrupt(images, "gaussian_noise", 1, seed=1), noisy)


def test_noise_is_the_same_on_every_machine():
    found = corrupt(np.full((1, 1, 8, 1), 128, "uint8"), "gaussian_noise", 5, positions=[7]).ravel().tolist()
    assert found == [118, 149, 167, 108, 101, 137, 133, 105]


def test_blur_of_one_point_is_a_bell():
    image = np.zeros((1, 15, 15, 1), "uint8")
    image[0, 7, 7] = 255
    bell = np.exp(-0.5 * np.arange(-4, 5) ** 2.0)
    bell /= bell.sum()
    expected = np.zeros((15, 15))
    expected[3:12, 3:12] = np.rint(255 * bell[:, None] * bell)
    np.testing.assert_array_equal(corrupt(image, "gaussian_blur", 5)[0, ..., 0], expected)


def test_contrast_keeps_the_mean_of_each_image_and_channel():
    images = np.clip(pictures(), 60, 190)
    after = corrupt(images, "contrast", 4)
    np.testing.assert_allclose(after.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.2)
    deviations = after.std(axis=(1, 2)) / images.std(axis=(1, 2))
    np.testing.assert_allclose(deviations, 0.3, atol=0.01)


def test_pixelate_goes_by_boxes():
    # 20 of 32 pixels a side, then back: what is seen has 20 different columns at most.
    across = np.tile(np.arange(0, 256, 8, dtype="uint8"), (32, 1))[None, ..., None]
    after = corrupt(across, "pixelate", 5)[0, ..., 0]
    assert len(set(after[0].tolist())) <= 20 and (after == after[0]).all()
    tall = across[:, :8].copy()
    np.testing.assert_array_equal(corrupt(tall, "pixelate", 5)[0, 0, :, 0], after[0])


def test_other_channels_are_grey_images():
    images = pictures(2, (16, 16, 2))
    for name in CORRUPTIONS:
        if name != "gaussian_noise":
            apart = np.concatenate([corrupt(images[..., c : c + 1], name, 3) for c in range(2)], -1)
            np.testing.assert_array_equal(corrupt(images, name, 3), apart)


def test_without_pillow_the_error_names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for name in ("pixelate", "jpeg"):
        with pytest.raises(UserError, match=f"{name}: found no Pillow; expected it to be installed; pip install"):
            corrupt(pictures(1), name, 1)
    corrupt(pictures(1), "gaussian_noise", 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((pictures(1), "gausian_noise", 1), "found 'gausian_noise'; expected one of .*; did you mean 'gaussian_noise'"),
        ((pictures(1), "jpeg", 6), "severity: found 6; expected a whole number 1..5"),
        ((pictures(1), "jpeg", 1.5), "severity: found 1.5; expected a whole number 1..5"),
        ((pictures(1).astype("float32"), "jpeg", 1), "jpeg: found images float32 of shape .*; expected uint8"),
        ((pictures(1)[0], "jpeg", 1), r"found images uint8 of shape \(32, 32, 3\); expected uint8 \(n,"),
        ((pictures(2), "jpeg", 1, 0, [1]), r"found positions int64 of shape \(1,\); expected whole numbers"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(UserError, match=message):
        corrupt(*arguments)


def test_an_angle_of_zero_and_factors_of_one_change_nothing():
    for shape in ((9, 14, 3), (8, 8, 1)):
        images = pictures(2, shape)
        np.testing.assert_array_equal(rotated(images, [0.0, 0.0]), images)
        np.testing.assert_allclose(jittered(images, [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]), images, atol=1e-9)


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("side", [8, 9])
def test_a_quarter_turns_left(turns, side):
    images = pictures(2, (side, side, 3))
    turned = rotated(images, [90.0 * turns, 90.0 * turns])
    np.testing.assert_allclose(turned, np.rot90(images, turns, axes=(1, 2)), atol=1e-9)


def test_a_ramp_turns_as_a_plane():
    # Bilinear interpolation is exact on a plane, away from the edges.
    down, right = np.meshgrid(np.arange(21) - 10.0, np.arange(21) - 10.0, indexing="ij")
    angle = np.deg2rad(10)
    turned = rotated((3 * down + 5 * right)[None, ..., None] + 128, [10.0])[0, ..., 0]
    expected = 3 * (np.cos(angle) * down + np.sin(angle) * right) + 5 * (np.cos(angle) * right - np.sin(angle) * down)
    np.testing.assert_allclose(turned[4:-4, 4:-4], expected[4:-4, 4:-4] + 128, atol=1e-9)


def test_brightness_contrast_and_saturation_by_hand():
    image = np.array([[[10, 20, 30], [200, 100, 60]]], "float64")[None]
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(jittered(image, [1.5], [1.0], [1.0]), np.minimum(1.5 * image, 255), atol=1e-9)
    mean = (image @ weights).mean()
    np.testing.assert_allclose(jittered(image, [1.0], [0.5], [1.0]), mean + 0.5 * (image - mean), atol=1e-9)
    grey = (image @ weights)[..., None]
    np.testing.assert_allclose(jittered(image, [1.0], [1.0], [0.0]), np.broadcast_to(grey, image.shape), atol=1e-9)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_seed_decides_a_transformation(name):
    images = pictures()
    np.testing.assert_array_equal(changed(name, images, seed=3), changed(name, images, seed=3))
    assert not np.array_equal(changed(name, images, seed=3), changed(name, images, seed=4))
    same = np.repeat(images[:1], 2, 0)
    one, other = changed(name, same, seed=3)
    assert not np.array_equal(one, other)


def test_angles_stay_within_fifteen_degrees():
    # A bright pixel right of the middle tells the angle by where it goes.
    images = np.zeros((200, 41, 41, 1), "uint8")
    images[:, 19:22, 37:40] = 255
    turned = rotation(images, seed=0).astype(float)[..., 0]
    mass = turned.sum(axis=(1, 2))
    down = (turned.sum(2) * (np.arange(41) - 20)).sum(1) / mass
    right = (turned.sum(1) * (np.arange(41) - 20)).sum(1) / mass
    degrees = np.rad2deg(np.arctan2(-down, right))
    assert np.abs(degrees).max() < 15.5 and degrees.max() > 12 and degrees.min() < -12
