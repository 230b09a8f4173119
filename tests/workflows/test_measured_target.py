"""A target that is measured: the search for the share of a network with which its file is as fast as was asked for."""

import keras
import numpy as np
import pytest

import keras_kd
from keras_kd.models import build
from keras_kd.models.pruning.plan import Pruner
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.measured_plans import MeasuredPlans
from keras_kd.workflows.run.measured_target import TRIED, Asked, reach


class Files:
    """Stands for files whose time is a power of the work and whose size is the parameters and something more."""

    name = "litert_float32"

    def __init__(self, power=0.6, noise=0.0):
        self.power, self.noise, self.random = power, noise, np.random.default_rng(0)
        self.made = 0

    def __call__(self, plan):
        self.made += 1
        work, left = (after / before for before, after in (plan.macs, plan.parameters))
        drawn = np.exp(self.noise * self.random.normal())
        sizes = [4 * plan.parameters[0] + 3000, 4 * plan.parameters[1] + 3000]
        return {"format": self.name, "milliseconds": [1.0, drawn * work**self.power], "bytes": sizes}


@pytest.fixture(scope="module")
def pruner():
    keras.utils.set_random_seed(0)
    return Pruner(build("resnet20", (16, 16, 3), 10), round_to=2)


@pytest.mark.parametrize("power", [0.4, 0.6, 1.0])
@pytest.mark.parametrize("wanted", [1.3, 2, 3])
def test_as_fast_as_was_asked_for_and_hardly_faster(pruner, power, wanted):
    files = Files(power)
    found = reach(pruner, Asked("speedup", wanted), files)
    slow, fast = found.measured["milliseconds"]
    assert wanted <= slow / fast <= 1.1 * wanted
    assert files.made <= 6 and found.plan.measured == found.measured


@pytest.mark.parametrize("wanted", [150_000, 500_000, 900_000])
def test_as_small_as_was_asked_for_and_hardly_smaller(pruner, wanted):
    found = reach(pruner, Asked("bytes", wanted), Files())
    assert 0.9 * wanted <= found.measured["bytes"][1] <= wanted


def test_times_that_tremble(pruner):
    files = Files(0.6, noise=0.05)
    found = reach(pruner, Asked("speedup", 2), files)
    slow, fast = found.measured["milliseconds"]
    assert slow / fast >= 2 and files.made <= TRIED + 1


def test_out_of_reach_names_the_steps(pruner):
    with pytest.raises(UserError) as refused:
        reach(pruner, Asked("speedup", 50), Files())
    said = str(refused.value)
    assert "found 50 times faster, which no part of the network reaches as litert_float32; within reach: " in said
    assert f"{pruner.least('macs'):.1%} of the multiply-accumulates: " in said


def test_prune_in_python_takes_the_same_targets(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_KD_CACHE", str(tmp_path))
    model = build("digits_tiny", (8, 8, 1), 10)
    for given, said in (
        ({}, "prune: found no target; expected one of macs, parameters, speedup, bytes, such as macs=0.5"),
        (
            {"macs": 0.5, "speedup": 2},
            "prune: found macs and speedup; expected one of macs, parameters, speedup, bytes",
        ),
        ({"speedup": 0.5}, "prune: speedup: found 0.5; expected a number above 1, such as 2"),
        ({"bytes": "1 parsec"}, "prune: bytes: found '1 parsec'; expected bytes, such as 500000 or '1MB'"),
        ({"speedup": 2, "format": "int8"}, "prune: format: found 'int8'; expected one of litert_float32, "),
    ):
        with pytest.raises(UserError) as refused:
            keras_kd.prune(model, **given)
        assert str(refused.value).startswith(said)


@pytest.mark.slow
def test_files_that_are_made_and_timed(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_KD_CACHE", str(tmp_path))
    keras.utils.set_random_seed(0)
    model = build("resnet8", (16, 16, 3), 10)
    plan = keras_kd.prune(model, bytes="50kB", format="litert_int8")
    assert 40_000 < plan.measured["bytes"][1] <= 50_000
    assert "litert_int8: " in str(plan)
    # The same question is answered at once, without a process.
    with MeasuredPlans("litert_int8", model, (16, 16, 3)) as measure:
        assert measure(plan) == plan.measured and measure._files._process is None
