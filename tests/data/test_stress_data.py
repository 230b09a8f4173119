"""Planted label noise and rare classes: exact counts, the test images untouched, the same in every process."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from keras_kd import data
from keras_kd.data.injected.imbalance import keep, long_tail
from keras_kd.data.injected.label_noise import noisy_labels, read_matrix, transition
from keras_kd.data.injected.superclasses import CIFAR100, next_in_superclass
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError

KINDS = ["symmetric", "pair", "superclass"]
SUPER = [0, 0, 1, 1, 1, 2, 2, 0, 2, 1]


def labels_of(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(labels).astype("int32")


# Label noise.


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.2, 0.45, 0.6, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_exactly_the_share_that_is_asked_for_is_wrong(kind, rate):
    labels = labels_of([100] * 10)
    found = noisy_labels(labels, 10, kind, rate, superclasses=SUPER)
    assert found.rate == np.mean(found.labels != labels) == pytest.approx(rate, abs=1e-12)
    assert (found.counts.sum(1) == 100).all() and (np.diag(found.counts) == round(100 * (1 - rate))).all()
    assert found.labels.dtype == labels.dtype and found.labels.min() >= 0 and found.labels.max() < 10


@pytest.mark.parametrize("rate", [0.13, 0.2, 0.37])
@pytest.mark.parametrize("counts", [[1] * 40, [3] * 30, [7, 1, 30, 2, 9, 0, 4], [500, 158, 50, 16, 5]])
def test_the_whole_is_rounded_once_and_every_class_to_within_one_image(counts, rate):
    labels = labels_of(counts)
    found = noisy_labels(labels, len(counts), "symmetric", rate)
    wrong = found.counts.sum(1) - np.diag(found.counts)
    assert wrong.sum() == int(np.floor(rate * len(labels) + 0.5))
    assert (np.abs(wrong - rate * np.array(counts)) < 1).all()


def test_symmetric_noise_goes_to_all_other_classes_alike():
    found = noisy_labels(labels_of([990] * 100), 100, "symmetric", 0.4)
    others = found.counts[~np.eye(100, dtype=bool)]
    assert others.min() == others.max() == 4  # 990 x 0.4 / 99
    # Where it does not go up, each class is rounded up as often as its share asks for.
    uneven = noisy_labels(labels_of([500] * 100), 100, "symmetric", 0.4).counts
    assert set(uneven[~np.eye(100, dtype=bool)]) == {2, 3}
    assert np.ptp(uneven.sum(0)) < 60  # no class is favoured


def test_pair_noise_is_the_next_class_and_superclass_noise_the_next_of_its_superclass():
    assert transition("pair", 4, 0.3).tolist() == [
        [0.7, 0.3, 0, 0], [0, 0.7, 0.3, 0], [0, 0, 0.7, 0.3], [0.3, 0, 0, 0.7]
    ]  # fmt: skip
    assert next_in_superclass(SUPER, 10).tolist() == [1, 7, 3, 4, 9, 6, 8, 0, 5, 2]
    found = noisy_labels(labels_of([50] * 10), 10, "superclass", 0.4, superclasses=SUPER)
    for number in range(10):
        others = np.flatnonzero(found.counts[number])
        assert {SUPER[other] for other in others} == {SUPER[number]}


def test_noise_by_a_matrix_has_its_counts(tmp_path):
    shares = np.array([[0.9, 0.1, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    labels = labels_of([40, 80, 20])
    counts = noisy_labels(labels, 3, "matrix", matrix=shares).counts
    assert counts.tolist() == [[36, 4, 0], [20, 40, 20], [0, 0, 20]]
    np.save(tmp_path / "m.npy", shares)
    np.savetxt(tmp_path / "m.csv", shares, delimiter=",")
    np.testing.assert_allclose(read_matrix(tmp_path / "m.npy"), shares)
    np.testing.assert_allclose(read_matrix(str(tmp_path / "m.csv")), shares)


@pytest.mark.parametrize("seed", range(5))
def test_random_matrices_are_met_to_within_one_image(seed):
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(12, 0.3), 12)
    sizes = generator.integers(0, 90, 12)
    counts = noisy_labels(labels_of(sizes), 12, "matrix", matrix=shares, seed=seed).counts
    assert (counts.sum(1) == sizes).all()
    assert (np.abs(np.diag(counts) - sizes * np.diag(shares)) < 1 + 1e-9).all()
    assert (np.abs(counts - sizes[:, None] * shares) < 2).all()


def test_little_noise_is_part_of_much():
    labels = labels_of([80] * 5)
    some, more = (noisy_labels(labels, 5, "symmetric", rate).labels != labels for rate in (0.2, 0.5))
    assert (more | ~some).all() and some.sum() == 80 and more.sum() == 200


def test_seeds_differ_and_the_hash_knows_images_by_their_positions():
    labels = labels_of([60] * 4)
    one, two = (noisy_labels(labels, 4, "symmetric", 0.3, seed=seed).labels for seed in (0, 1))
    assert (one != two).any()
    moved = noisy_labels(labels, 4, "symmetric", 0.3, positions=np.arange(240) + 7).labels
    assert (moved != one).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "symmetric", "rate": 1.5}, "label_noise.rate: found 1.5; expected a share of the images, 0..1"),
        ({"kind": "symmetric"}, "label_noise.rate: found None"),
        ({"kind": "other", "rate": 0.1}, "no kind 'other'; expected one of symmetric, pair, superclass, matrix"),
        ({"kind": "superclass", "rate": 0.1}, "none are known of this dataset"),
        ({"kind": "superclass", "rate": 0.1, "superclasses": [0, 0, 1]}, "superclass 1 has class 2 alone"),
        ({"kind": "superclass", "rate": 0.1, "superclasses": [0, 0]}, "expected 3 whole numbers"),
        ({"kind": "matrix", "matrix": [[1, 0], [0, 1]]}, "found shape (2, 2); expected (3, 3)"),
        ({"kind": "matrix", "matrix": [[1, 0, 0], [0, 0.5, 0], [0, 0, 1]]}, "row 1 sums to 0.5"),
        ({"kind": "matrix", "matrix": [[1, 0, 0], [0, 1, 0], [1.5, -0.5, 0]]}, "row 2 sums to 1, minimum -0.5"),
        ({"kind": "matrix", "matrix": "none.npy"}, "found shape"),
    ],
)
def test_what_cannot_be_is_said(given, message):
    with pytest.raises(UserError) as error:
        noisy_labels(labels_of([5, 5, 5]), 3, **given)
    assert message in str(error.value)


def test_cifar_100s_superclasses_are_twenty_of_five():
    assert len(CIFAR100) == 100 and np.bincount(CIFAR100).tolist() == [5] * 20
    # aquatic mammals: beaver, dolphin, otter, seal, whale; trees: maple, oak, palm, pine, willow
    assert {CIFAR100[one] for one in (4, 30, 55, 72, 95)} == {0} and {
        CIFAR100[one] for one in (47, 52, 56, 59, 96)
    } == {17}


# Rare classes.


def test_the_exponential_profile_is_the_published_one():
    counts = long_tail([500] * 100, "exponential", 100)
    assert counts[0] == 500 and counts[-1] == 5 and (np.diff(counts) <= 0).all()
    np.testing.assert_array_equal(counts, np.floor(500 * 100 ** (-np.arange(100) / 99) + 0.5))
    assert long_tail([500] * 100, "exponential", 1).tolist() == [500] * 100


def test_the_step_profile():
    assert long_tail([60] * 4, "step", 10).tolist() == [60, 60, 6, 6]
    assert long_tail([60] * 5, "step", 10).tolist() == [60, 60, 60, 6, 6]
    assert long_tail([60] * 5, "step", 10, rare=0.2).tolist() == [60, 60, 60, 60, 6]
    assert long_tail([10] * 2, "step", 1000).tolist() == [10, 1]


def test_no_class_gets_more_than_it_has_and_none_is_lost():
    assert long_tail([10, 300, 2], "exponential", 4).tolist() == [10, 150, 2]
    assert long_tail([100] * 3, "exponential", 1e6).tolist() == [100, 1, 1]
    assert long_tail([100, 0, 100], "step", 10).tolist()[1] == 0


def test_rarer_classes_are_part_of_less_rare_ones():
    labels = labels_of([50] * 6)
    some = keep(labels, long_tail([50] * 6, "exponential", 10))
    fewer = keep(labels, long_tail([50] * 6, "exponential", 50))
    assert set(fewer) <= set(some) and (np.diff(some) > 0).all()
    assert np.bincount(labels[some]).tolist() == long_tail([50] * 6, "exponential", 10).tolist()


@pytest.mark.parametrize(
    "given", [("exponential", 0.5), ("exponential", float("inf")), ("other", 10), ("step", 10, 0.0), ("step", 10, 1.0)]
)
def test_an_imbalance_that_cannot_be_is_said(given):
    with pytest.raises(UserError, match="imbalance"):
        long_tail([10] * 3, *given)


# Of a dataset.


@pytest.fixture
def images(tmp_path):
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 256, (300, 4, 4, 1)).astype("uint8"), np.arange(300) % 5
    np.savez(tmp_path / "images.npz", x_train=pixels, y_train=labels, x_test=pixels[:50], y_test=labels[:50])
    return str(tmp_path / "images.npz")


NOISE = {"kind": "symmetric", "rate": 0.4}


def test_the_test_images_keep_their_labels_and_the_bank_its_images(images):
    clean, noisy = data.load(images), data.load(images, label_noise=NOISE)
    np.testing.assert_array_equal(noisy.test.labels, clean.test.labels)
    np.testing.assert_array_equal(noisy.train.images, clean.train.images)
    np.testing.assert_array_equal(noisy.train.true_labels, clean.train.labels)
    assert noisy.label_noise == {"kind": "symmetric", "asked": 0.4, "rate": 0.4, "images": 120}
    assert (noisy.train.labels != clean.train.labels).sum() == 120 and noisy.fingerprint != clean.fingerprint
    assert clean.label_noise is None and clean.train.true_labels is None


@pytest.mark.parametrize("clean_validation", [False, True])
def test_images_set_aside_are_the_same_and_as_noisy_unless_asked_otherwise(images, clean_validation):
    clean = data.load(images, validation=100)
    noisy = data.load(images, validation=100, label_noise={**NOISE, "clean_validation": clean_validation})
    np.testing.assert_array_equal(noisy.validation.images, clean.validation.images)
    wrong = np.mean(noisy.validation.labels != clean.validation.labels)
    assert wrong == (0 if clean_validation else 0.4)
    assert np.mean(noisy.train.labels != noisy.train.true_labels) == 0.4


def test_rare_classes_are_taken_out_of_a_whole_that_a_bank_counts_by(images):
    found = data.load(images, imbalance={"profile": "exponential", "ratio": 10}, validation=0.1)
    assert found.imbalance["counts"] == np.bincount(found.train.labels, minlength=5).tolist()
    assert len(found.train) + len(found.validation) == sum(long_tail([60] * 5, "exponential", 10))
    np.testing.assert_array_equal(found.train.whole.images[found.train.positions], found.train.images)
    assert len(found.train.whole) == 300 and len(found.test) == 50


def test_noise_and_rare_classes_together(images):
    found = data.load(images, imbalance={"profile": "step", "ratio": 6}, label_noise=NOISE)
    assert found.imbalance["counts"] == [60, 60, 60, 10, 10]
    assert found.label_noise["images"] == 80 and len(found.train) == 200


def test_some_classes_alone(images):
    found, whole = data.load(images, classes=[3, 1]), data.load(images)
    assert found.classes == 2 and found.class_names == (whole.class_names[3], whole.class_names[1])
    np.testing.assert_array_equal(
        found.train.images[found.train.labels == 0], whole.train.images[whole.train.labels == 3]
    )
    assert len(found.train) == 120 and set(found.test.labels) == {0, 1}
    for wrong in ([0, 5], [1, 1], [2], [-1, 0]):
        with pytest.raises(UserError, match="classes: found"):
            data.load(images, classes=wrong)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_every_process_and_backend_agrees(images, backend):
    code = (
        "import hashlib, numpy as np\n"
        "from keras_kd import data\n"
        f"found = data.load({images!r}, imbalance={{'profile': 'exponential', 'ratio': 10}}, validation=0.2,\n"
        "    label_noise={'kind': 'symmetric', 'rate': 0.35, 'seed': 3})\n"
        "parts = (found.train.labels, found.train.positions, found.validation.labels)\n"
        "print(hashlib.sha256(b''.join(np.ascontiguousarray(p, '<i8').tobytes() for p in parts)).hexdigest()[:16])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": backend}
    )
    assert done.stdout.strip() == DIGEST, done.stderr


DIGEST = "853eb42c86085fe9"


def test_a_label_that_is_there_is_what_it_was_yesterday():
    found = noisy_labels(np.arange(1000) % 10, 10, "symmetric", 0.3, seed=0)
    assert hashlib.sha256(found.labels.astype("<i8").tobytes()).hexdigest()[:16] == YESTERDAY


YESTERDAY = "0ec9116407a7d1da"


RECIPE = "data: {name: images.npz, label_noise: %s}\nstudent: digits_tiny\nfit: {epochs: 1}\n"


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ("{rate: 0.2}", None),
        ("{kind: matrix, matrix: [[1, 0], [0, 1]]}", None),
        ("{kind: pair}", "data.label_noise.rate: is required for kind: pair"),
        ("{kind: matrix}", "data.label_noise.matrix: is required for kind: matrix"),
        ("{kind: matrix, rate: 0.1, matrix: [[1]]}", "data.label_noise.rate: is not of kind: matrix; leave it out"),
        ("{kind: pair, rate: 0.1, superclasses: [0, 1]}", "data.label_noise.superclasses: is not of kind: pair"),
        ("{kind: matrix, matrix: none.npy}", "data.label_noise.matrix: no file 'none.npy'"),
        ("{kind: pairs, rate: 0.1}", "did you mean 'pair'?"),
        ("{rate: 1.1}", "data.label_noise.rate: is 1.1; expected 1 or less"),
    ],
)
def test_a_recipe_says_what_is_wrong_with_its_noise(images, tmp_path, monkeypatch, noise, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE % noise)
    if message is None:
        assert load("mine.yaml").data.label_noise is not None
        return
    with pytest.raises(UserError) as error:
        load("mine.yaml")
    assert message in str(error.value) and "mine.yaml:1" in str(error.value)
