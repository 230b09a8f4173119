"""What the benchmarks compare keras_kd with, in PyTorch, is the same where it should be."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `benchmarks`: pip install torch")

BENCHMARKS = str(Path(__file__).parent.parent / "benchmarks")
LIKE = {"image_shape": (16, 16, 3), "classes": 5, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
SETTINGS = {"student": "resnet8", "classes": 5, "negatives": 20}


@pytest.fixture
def carried(monkeypatch):
    """A network of keras_kd that is past its start, the same in PyTorch, and arrays."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import keras
    from torch_networks import carry, network, weights_of

    from keras_kd.models import build

    keras.utils.set_random_seed(0)
    ours, draw = build("resnet14", **LIKE), np.random.default_rng(0)
    for one in ours.weights:
        if one.path.endswith(("gamma", "moving_variance", "beta", "moving_mean")):
            one.assign(np.asarray(one) + draw.uniform(0, 0.5, one.shape))
    rescaling = ours.get_layer("normalize")
    arrays = {
        "x_train": draw.integers(0, 256, (60, 16, 16, 3), dtype="uint8"),
        "y_train": draw.integers(0, 5, 60),
        "scale": rescaling.scale,
        "offset": rescaling.offset,
    }
    yield ours, carry(weights_of(ours), network("resnet14", 5)), arrays
    for name in ("torch_networks", "torch_protocol", "torch_losses", "loss_check"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_a_network_that_is_carried_over_says_the_same_and_the_losses_are_those_of_keras_kd(carried):
    from loss_check import losses_apart
    from torch_protocol import logits_of

    ours, theirs, arrays = carried
    said = np.asarray(ours(arrays["x_train"].astype("float32"), training=False))
    np.testing.assert_allclose(logits_of(theirs, arrays, arrays["x_train"]), said, atol=1e-4)
    apart = losses_apart(theirs, arrays, SETTINGS)
    assert set(apart) == {"kd", "at", "sp", "rkd", "crd", "crd, second batch"}
    assert max(apart.values()) < 1e-5, apart


@pytest.mark.slow
def test_the_protocols_views_are_those_of_the_same_numbers(carried):
    from torch_protocol import Draws, Views

    from keras_kd import VIEWS
    from keras_kd.data.views.crop_flip import epoch_order

    arrays = carried[2]
    order, top, left, mirrored = Draws(3, 60, {"order", "views"}).epoch(2)
    np.testing.assert_array_equal(order, epoch_order(3, 2, 60))
    views = VIEWS["crop_flip"].ids(3, 2, order)
    ours = np.asarray(VIEWS["crop_flip"].render(arrays["x_train"][order], views))
    theirs = Views(arrays["x_train"], 1.0, 0.0)(order, top, left, mirrored).numpy()
    np.testing.assert_array_equal(theirs.transpose(0, 2, 3, 1), ours)
