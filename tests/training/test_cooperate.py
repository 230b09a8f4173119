"""Networks teach each other by counterfactual examples: which are written, what is refused, and what a kill leaves."""

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd import Cooperation, Member, cooperate
from keras_kd.data.plane import moons, without
from keras_kd.training.counterfactual_writer import Space, Writer
from keras_kd.training.plain_training import PlainTraining
from keras_kd.utils.errors import UserError

X, Y = moons(48, seed=0)
HELD_OUT = moons(40, seed=1)


def network(seed=0, inputs=2, classes=2, rate=0.05):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(classes)])
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def members():
    """One that saw the right of the plane alone and one that saw the left."""
    hidden = {"left": X[:, 0] > 0.5, "right": X[:, 0] < 0.5}
    return [Member(name, network(seed), *without(X, Y, one)) for seed, (name, one) in enumerate(hidden.items())]


def fixed(weights, bias=(0.0, 0.0)):
    """A network of two features that says what it is told to."""
    model = keras.Sequential([keras.Input((len(weights),)), keras.layers.Dense(2)])
    model.layers[0].set_weights([np.asarray(weights, "float32"), np.asarray(bias, "float32")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


class Stops(PlainTraining):
    """Is killed in an epoch."""

    def __init__(self, *args, at):
        super().__init__(*args)
        self.left = at

    def _epoch(self, *args):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super()._epoch(*args)


@pytest.mark.both_backends
@pytest.mark.parametrize("how", ["descent", "walk", "search"])
def test_an_example_is_moved_until_its_writer_is_surer_of_its_label(how):
    writer = Member("one", fixed([[-2.0, 2.0], [0.0, 0.0]]), X, Y)
    x, labels = np.array([[0.2, 0.3], [0.4, -0.2], [-0.3, 0.1]], "float32"), np.array([1, 1, 0])
    space = Space.of(X)
    settings = Cooperation(how=how, distance_weight=0.001, steps=60)
    moved = Writer(writer, space, settings).write(x, labels)
    before, after = (writer.said(one)[np.arange(3), labels] for one in (x, moved))
    np.testing.assert_allclose(after, before + 0.5 * (1 - before), atol=0.03)
    # The second feature says nothing to it: what moves it is paid for.
    if how == "descent":
        np.testing.assert_array_equal(moved[:, 1], x[:, 1])
    assert (moved >= space.low).all() and (moved <= space.high).all()


def test_descent_stops_where_distance_costs_more_than_it_brings():
    writer = Writer(
        Member("one", fixed([[-2.0, 2.0]]), X[:, :1], Y), Space.of(X[:, :1]), Cooperation(distance_weight=1.0)
    )
    x = np.array([[0.2]], "float32")
    np.testing.assert_array_equal(writer.write(x, np.array([1])), x)


def test_images_stay_pixels_and_only_features_that_both_see_are_moved():
    image = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()])
    image.add(keras.layers.Dense(2))
    x = np.random.default_rng(0).integers(0, 256, (6, 2, 2, 1)).astype("uint8")
    one = Member("one", image, x, np.zeros(6, int))
    labels = one.said(x).argmax(1)
    moved = Writer(one, Space.of(x), Cooperation(how="walk", steps=20)).write(x, labels)
    assert moved.dtype == np.uint8 and moved.shape == x.shape
    surer = one.said(moved)[np.arange(6), labels] - one.said(x)[np.arange(6), labels]
    assert (surer >= 0).all() and surer.max() > 0.02
    both = Writer(Member("both", fixed([[-1.0, 1.0], [-1.0, 1.0]]), X, Y), Space.of(X), Cooperation())
    moved = both.write(np.array([[0.1, 0.1]], "float32"), np.array([1]), movable=np.array([False, True]))
    assert moved[0, 0] == np.float32(0.1) and moved[0, 1] > 0.1


def test_each_is_taught_where_it_is_wrong_by_those_that_are_right():
    given, lines = members(), []
    settings = Cooperation(rounds=2, epochs=4, first_epochs=12, steps=20, batch_size=128)
    found = cooperate(given, HELD_OUT, settings, log=lines.append)
    assert [(one["round"], one["member"]) for one in found.rows] == [
        (number, name) for number in range(3) for name in ("left", "right")
    ]
    first = found.rows[2]
    assert 0 < first["written"] == first["by"]["right"] <= first["wrong"]
    one = found.examples[0]
    np.testing.assert_array_equal(one.y, HELD_OUT[1][one.source])
    assert len(one) == found.rows[4]["examples"] and set(one.round) <= {1, 2} and set(one.writer) == {1}
    # None of those that they were written from was right.
    assert (given[0].said(one.x).argmax(1) == one.y).mean() > 0.5
    assert any("round 1: left has" in line and "by right" in line for line in lines)


@pytest.mark.slow
@pytest.mark.both_backends
def test_killed_and_gone_on_with_it_ends_the_same(tmp_path):
    settings, state = Cooperation(rounds=1, epochs=2, first_epochs=2, steps=5, batch_size=128), tmp_path / "state.npz"
    whole = members()
    found = cooperate(whole, HELD_OUT, settings)
    # In the first training of the second network, and in the round of the first.
    for at in (3, 2):
        killed = members()
        with pytest.raises(KeyboardInterrupt):
            cooperate(killed, HELD_OUT, settings, state=state, training=Stops(killed, settings, at=at))
    resumed, lines = members(), []
    again = cooperate(resumed, HELD_OUT, settings, state=state, log=lines.append)
    assert lines[0] == "goes on in round 1 with left, epoch 2"
    assert again.rows == found.rows
    for one, other in zip(whole, resumed, strict=True):
        for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again.examples[1].x, found.examples[1].x)
    # What is finished answers at once; what is of others is refused.
    assert cooperate(members(), HELD_OUT, settings, state=state).rows == found.rows
    with pytest.raises(UserError, match="the state of other networks, data or settings"):
        cooperate(members(), HELD_OUT, replace(settings, steps=6), state=state)
    state.write_bytes(b"PK")
    with pytest.raises(UserError, match="damaged"):
        cooperate(members(), HELD_OUT, settings, state=state)


@pytest.mark.slow
def test_the_example_of_the_documents_runs(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "cooperative.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/cooperative.md", "exec"), {})
    assert Path("surfaces.svg").stat().st_size > 10_000
    assert "round 1: left has" in capsys.readouterr().out


def test_where_nobody_can_teach_it_is_said_and_gone_on():
    alike, lines = [Member(name, fixed([[0, 0], [0, 0]], (9, 0)), X, Y) for name in "ab"], []
    found = cooperate(alike, HELD_OUT, Cooperation(rounds=1, epochs=1, how="search", steps=1), log=lines.append)
    assert lines[0].endswith("nobody writes an example for it, as no other has those right")
    assert found.rows[0]["wrong"] == 20 and not len(found.examples[0])
    right = [Member(name, fixed([[-9.0, 9.0]], (4, 0)), X[:, :1], Y) for name in "ab"]
    x = HELD_OUT[0][:, :1]
    cooperate(right, (x, right[0].said(x).argmax(1)), Cooperation(rounds=1, epochs=1), log=lines.append)
    assert lines[2].endswith("nobody writes an example for it, as it has none wrong")


def stepped():
    steps = keras.layers.Lambda(lambda x: keras.ops.cast(x > 0, "float32"))
    model = keras.Sequential([keras.Input((2,)), steps, keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([], "found 1 network; expected two or more"),
        ([Member("one", network(), X, Y)], "found the names one, one; expected each once"),
        ([Member("b", network(classes=3), X, Y)], r"networks of different classes \(one 2, b 3\)"),
        ([Member("b", network(), X, Y, from_logits=False)], "b: .* gives logits .* but from_logits is false"),
        (
            [Member("b", keras.Sequential([keras.Input((2,)), keras.layers.Reshape((1, 2))]), X, Y)],
            "b: found a network of",
        ),
        ([Member("b", stepped(), X, Y)], "b: what it says does not change .*\\(how='search'\\)"),
        ([Member("b", network(inputs=3), X, Y)], r"b: found a network of inputs \(3,\) and examples \(2,\)"),
        ([Member("b", network(inputs=1), X, Y, features=(2,))], r"b: found features \[2\]; expected positions 0..1"),
        ([Member("b", network(), X[:, :1], Y)], r"b: found examples of shape \(48, 1\)"),
        ([Member("b", network(), X, Y + 1)], r"b: found labels int32 .* 0..1"),
        ([Member("b", network(), X * np.nan, Y)], "b: found float32 that is not all finite"),
        (
            [Member(name, network(inputs=1), X, Y, features=(k,)) for k, name in enumerate("bc")],
            "b and c see no feature in common",
        ),
        ([Member("b", keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), X, Y)], "b: found a model that is"),
    ],
)
def test_networks_that_cannot_cooperate_are_refused(others, message):
    with pytest.raises(UserError, match=message):
        cooperate([Member("one", network(), X, Y), *others], HELD_OUT)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"how": "jump"}, "how: found 'jump'; expected one of descent, walk, search"),
        ({"rounds": 0}, "rounds: found 0; expected a whole number, 1 or more"),
        ({"toward": 1.5}, "toward: found 1.5; expected a number, 0..1"),
        ({"step_size": 0}, "step_size: found 0; expected a number, above 0, or None"),
        ({"distance_weight": float("nan")}, "distance_weight: found nan"),
    ],
)
def test_settings_out_of_their_range_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        Cooperation(**wrong)
