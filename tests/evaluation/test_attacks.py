"""What attacks promise: within epsilon and 0..255, up the loss, and the network untouched."""

import keras
import numpy as np
import pytest
from networks import cnn, cross_entropy_by_hand, same, values

from keras_kd.evaluation import attacks
from keras_kd.evaluation.attacks import fgsm, pgd, robustness
from keras_kd.models.network import Network
from keras_kd.utils.errors import UserError

SHAPE = (4, 4, 2)


def linear(classes=5, activation=None, seed=0, look_at=None):
    """(network of one linear layer on pixels, its kernel (pixels, classes))."""
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(classes, activation)])
    kernel = np.random.default_rng(seed).normal(size=(int(np.prod(SHAPE)), classes)).astype("float32") / 300
    if look_at is not None:
        kernel *= look_at.reshape(-1, 1)
    model.layers[-1].set_weights([kernel, np.zeros(classes, "float32")])
    return Network("linear", model, activation is None), kernel


def pixels(count=11, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype("uint8")


def labels(count=11, classes=5):
    return np.arange(count) % classes


def loss(kernel, images, own):
    return cross_entropy_by_hand(images.reshape(len(images), -1).astype("float64") @ kernel, own)


def own_cnn():
    """A network with batch normalisation on pixels, its statistics moved."""
    model = cnn(4, shape=(8, 8, 1))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.full(4, value, "float32") for value in (1.1, 0.1, 20.0, 900.0)])
    return Network("cnn", model, True)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_fgsm_of_a_linear_network_is_the_sign_of_the_gradient(activation):
    network, kernel = linear(activation=activation)
    images, own = pixels(), labels()
    logits = images.reshape(11, -1).astype("float64") @ kernel
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = (probabilities - np.eye(5)[own]) @ kernel.T.astype("float64")
    expected = np.clip(images + 8 * np.sign(gradient).reshape(images.shape), 0, 255).astype("float32")
    found = fgsm(network, images, own, 8)
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, expected)


def test_of_two_classes_pgd_ends_where_fgsm_does():
    # The gradient has the same sign everywhere: enough steps lead from any start into that corner.
    network, _ = linear(classes=2)
    images, own = pixels(), labels(classes=2)
    np.testing.assert_array_equal(pgd(network, images, own, 8, 2, 9), fgsm(network, images, own, 8))


def test_pgd_raises_the_loss_of_every_image():
    network, kernel = linear()
    images, own = pixels(), labels()
    for seed in range(3):
        moved = pgd(network, images, own, 8, 2, 10, seed=seed)
        assert (loss(kernel, moved, own) > loss(kernel, images, own)).all()


@pytest.mark.parametrize("epsilon", [0.1, 2.55, 8, 300])
@pytest.mark.parametrize("fractions", [False, True])
def test_no_pixel_leaves_its_bounds(epsilon, fractions):
    network = own_cnn()
    images = pixels(5, (8, 8, 1)).astype("float32")
    if fractions:
        images = np.clip(images + np.float32(0.3), 0, 255)
    own = labels(5)
    for moved in (fgsm(network, images, own, epsilon), pgd(network, images, own, epsilon, epsilon, 3)):
        assert moved.dtype == "float32" and moved.min() >= 0 and moved.max() <= 255
        distance = np.abs(moved.astype("float64") - images.astype("float64"))
        assert 0 < distance.max() <= epsilon


def test_epsilon_zero_changes_nothing():
    network = own_cnn()
    images, own = pixels(5, (8, 8, 1)), labels(5)
    np.testing.assert_array_equal(fgsm(network, images, own, 0), images)
    np.testing.assert_array_equal(pgd(network, images, own, 0, 2, 3), images)


def test_the_network_stays_as_it_is():
    network = own_cnn()
    before = values(network.model)
    images, own = pixels(5, (8, 8, 1)), labels(5)
    robustness(network, network, images, own, steps=2, batch_size=3)
    fgsm(network, images, own, 8)
    pgd(network, images, own, 8, 2, 2)
    assert same(before, network.model)


def test_the_gradient_is_that_of_the_weights_of_the_moment():
    network, _ = linear(classes=2)
    uphill = attacks._uphill(network)
    images, own = pixels().astype("float32"), labels(classes=2).astype("int32")
    before = uphill(images, own)
    network.model.layers[-1].set_weights([-one for one in network.model.layers[-1].get_weights()])
    np.testing.assert_array_equal(uphill(images, own), -before)


def test_a_seed_decides_the_start():
    network, _ = linear()
    images, own = pixels(), labels()

    def start(seed):
        return pgd(network, images, own, 8, 0, 1, seed=seed)

    np.testing.assert_array_equal(start(1), start(1))
    assert not np.array_equal(start(1), start(2))
    same_images = np.repeat(images[:1], 2, 0)
    one, other = pgd(network, same_images, own[:2], 8, 0, 1)
    assert not np.array_equal(one, other)


def test_the_size_of_a_batch_decides_nothing():
    network, _ = linear()
    images, own = pixels(), labels()
    for batch_size in (4, 5, 11, 100):
        np.testing.assert_array_equal(
            pgd(network, images, own, 8, 2, 3, batch_size=batch_size), pgd(network, images, own, 8, 2, 3)
        )
    assert robustness(network, network, images, own, batch_size=4) == robustness(network, network, images, own)


def test_a_network_fools_itself():
    network, kernel = linear()
    images = pixels(40)
    own = (images.reshape(40, -1).astype("float64") @ kernel).argmax(1)
    own[:4] = (own[:4] + 1) % 5
    found = robustness(network, network, images, own, epsilon=30, step_size=10)
    assert found["student"] == found["teacher"]
    assert found["student"]["clean"] == 0.9
    assert found["student"]["pgd"] <= found["student"]["fgsm"] < 0.9
    # None of the wrong ones becomes right by an attack on its label.
    fooled = round(40 * (0.9 - found["student"]["pgd"]))
    assert found["transfer"]["teacher_to_student"] == {"fooled": 1.0, "images": fooled}
    assert found["transfer"]["student_to_teacher"] == {"fooled": 1.0, "images": fooled}
    assert (found["images"], found["epsilon"], found["steps"], found["step_size"]) == (40, 30.0, 10, 10.0)


def test_networks_that_look_elsewhere_do_not_fool_each_other():
    left = np.zeros(SHAPE, "float32")
    left[:, :2] = 1
    (student, of_student), (teacher, of_teacher) = linear(2, look_at=left), linear(2, look_at=1 - left)
    images = pixels(400)
    flat = images.reshape(400, -1).astype("float64")
    margin, other_margin = (np.diff(flat @ kernel)[:, 0] for kernel in (of_student, of_teacher))
    noise = [3 * np.abs(np.diff(kernel)).sum() for kernel in (of_student, of_teacher)]
    # Where both are right beyond the random start, and each within the reach of its own attack.
    taken = (np.sign(margin) == np.sign(other_margin)) & (np.abs(margin) > noise[0]) & (np.abs(other_margin) > noise[1])
    own = (margin > 0)[taken].astype("int32")
    found = robustness(student, teacher, images[taken], own, epsilon=3, step_size=3)
    assert found["student"]["clean"] == found["teacher"]["clean"] == 1.0
    assert found["transfer"]["teacher_to_student"] == {"fooled": None, "images": 0}
    near = robustness(student, teacher, images[taken], own, epsilon=40, step_size=40, steps=3)["transfer"]
    for direction in ("teacher_to_student", "student_to_teacher"):
        assert near[direction]["images"] > 10 and near[direction]["fooled"] < 0.2


def test_without_a_teacher():
    network, _ = linear()
    found = robustness(network, None, pixels(), labels())
    assert found["teacher"] is None and found["transfer"] is None and set(found["student"]) == {"clean", "fgsm", "pgd"}


def test_a_network_of_nan_has_nothing_right():
    network, _ = linear()
    network.model.layers[-1].set_weights([np.full((32, 5), np.nan, "float32"), np.zeros(5, "float32")])
    found = robustness(network, None, pixels(), np.zeros(11, int), steps=1)
    assert found["student"] == {"clean": 0.0, "fgsm": 0.0, "pgd": 0.0}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"images": pixels()[0]}, r"found images of shape \(4, 4, 2\); expected \(n, height"),
        ({"images": pixels()[:0], "labels": labels(0)}, r"found images of shape \(0, 4, 4, 2\); .* one at least"),
        ({"images": pixels() - 130.0}, "found pixels -.* expected 0..255; give the images unnormalised"),
        ({"images": np.full((11, *SHAPE), np.nan)}, "found pixels nan to nan; expected 0..255"),
        ({"labels": labels(3)}, r"found labels int64 of shape \(3,\); expected integers of shape \(11,\)"),
        ({"labels": labels() / 2}, "found labels float64"),
        ({"labels": labels() + 1}, "found labels 1 to 5; expected 0 to 4, the classes of 'linear'"),
        ({"epsilon": -1}, "epsilon: found -1; expected 0 or more, in units of pixels 0..255"),
        ({"step_size": np.nan}, "step_size: found nan; expected 0 or more"),
        ({"steps": 0}, "steps: found 0; expected a whole number, 1 or more"),
        ({"steps": 1.5}, "steps: found 1.5"),
    ],
)
def test_errors(change, message):
    given = {"images": pixels(), "labels": labels(), "epsilon": 8, "step_size": 2, "steps": 1, **change}
    network, _ = linear()
    with pytest.raises(UserError, match=f"attack: {message}"):
        pgd(network, **given)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_a_network_that_is_sure_is_attacked_as_one_that_is_not(activation):
    # Of some images its probability of the label is 1 in float32, and the gradient of the cross-entropy 0.
    network, kernel = linear(2, activation)
    images = pixels()
    own = (images.reshape(11, -1).astype("float64") @ kernel).argmax(1)
    moderate = fgsm(network, images, own, 8)
    network.model.layers[-1].set_weights([kernel * 3, np.zeros(2, "float32")])
    np.testing.assert_array_equal(fgsm(network, images, own, 8), moderate)
