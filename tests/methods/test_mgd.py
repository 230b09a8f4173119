"""MGD: what its masks hide, that they are drawn anew, and what it refuses; values are in test_golden.py."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_kd import MGD, UserError

SHAPE = (5, 6, 40)


def specs(student, teacher):
    return {
        "student": {"stage3": keras.KerasTensor((None, *student))},
        "teacher": {"stage3": keras.KerasTensor((None, *teacher))},
    }


def kept(method, steps=1, batch=64):
    """Of ones in the student's map, how many each example keeps: with G = identity the loss is their number."""
    layers = method.adapters(specs(SHAPE, SHAPE), {})
    assert "align" not in layers
    draws = layers["draws"]
    adapters = {"draws": draws, "generate_1": lambda x: x, "generate_2": lambda x: x}
    signals = {
        "student": {"stage3": np.ones((batch, *SHAPE), "float32")},
        "teacher": {"stage3": np.zeros((batch, *SHAPE), "float32")},
    }
    return [ops.convert_to_numpy(method.loss(signals, None, adapters)) for _ in range(steps)]


@pytest.mark.parametrize(
    "mask, ratio, unit", [("channel", 0.15, 30), ("position", 0.5, 40), ("channel", 0.65, 30), ("position", 0.1, 40)]
)
def test_whole_channels_or_positions_are_hidden_from_each_example_by_itself(mask, ratio, unit):
    (found,) = kept(MGD(mask=mask, mask_ratio=ratio))
    count = np.prod(SHAPE)
    assert not (found % unit).any() and len(set(found)) > 3
    # 64 examples of 30 or 40 draws: a standard deviation of at most 1.2 % of all.
    assert found.mean() / count == pytest.approx(1 - ratio, abs=0.06)


def test_a_ratio_of_zero_hides_nothing_and_of_one_all():
    assert (kept(MGD(mask_ratio=0.0))[0] == np.prod(SHAPE)).all()
    assert (kept(MGD(mask_ratio=1.0))[0] == 0).all()


def test_masks_are_drawn_anew_in_each_step():
    first, second = kept(MGD(), steps=2)
    assert not np.array_equal(first, second)


def test_the_students_channels_are_aligned_where_they_differ():
    layers = MGD().adapters(specs((5, 6, 3), (5, 6, 4)), {})
    shapes = {name: tuple(one.kernel.shape) for name, one in layers.items() if name != "draws"}
    assert shapes == {"align": (1, 1, 3, 4), "generate_1": (3, 3, 4, 4), "generate_2": (3, 3, 4, 4)}
    signals = {role: {"stage3": np.ones((2, 5, 6, size), "float32")} for role, size in (("student", 3), ("teacher", 4))}
    assert tuple(MGD().loss(signals, None, layers).shape) == (2,)


@pytest.mark.parametrize("student, teacher", [((5, 6, 3), (6, 6, 3)), ((8,), (8,)), ((8,), (5, 6, 3))])
def test_maps_of_other_sizes_are_refused(student, teacher):
    with pytest.raises(UserError, match="mgd: student tap 'stage3' is .* expected maps .* of one size: name other"):
        MGD().check(specs(student, teacher))


def test_settings_that_cannot_be_are_refused():
    for wrong in ({"mask_ratio": 1.5}, {"mask_ratio": -0.1}, {"mask": "pixel"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            MGD(**wrong)
