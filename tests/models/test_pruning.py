"""Pruned networks equal the whole ones of which every weight that reads a removed channel is zero."""

import keras
import numpy as np
import pruning_graphs as graphs
import pytest

from keras_kd.models import build
from keras_kd.models import cost as bench
from keras_kd.models.pruning.plan import prune

MOST = 1e-5  # of the output's deviation
ZOO = [
    ("resnet8", (16, 16, 3)),
    ("wrn_16_2", (8, 8, 3)),
    ("vgg8", (32, 32, 3)),
    ("digits_tiny", (8, 8, 1)),
    pytest.param("mobilenetv2_half", (16, 16, 3), marks=pytest.mark.slow),
    pytest.param("shufflenet_v1", (16, 16, 3), marks=pytest.mark.slow),
    pytest.param("shufflenet_v2", (16, 16, 3), marks=pytest.mark.slow),
    pytest.param("preresnet20", (16, 16, 3), marks=pytest.mark.slow),
]


def pruned(model, share=0.5, **options):
    """(plan, smaller network) of what can go, drawn; more is left where so little cannot be reached."""
    options = {"criterion": "random", "round_to": 1, "minimum": 0.1, **options}
    plan = prune(model, macs=share, **options)
    return plan, plan.model()


def check(model, given, seed=0, share=0.5, **options):
    plan, smaller = pruned(model, share, seed=seed, **options)
    assert any(row.after < row.before for row in plan.rows)
    assert graphs.difference(plan, smaller, given) <= MOST
    assert graphs.change(model, smaller, given) > 100 * MOST
    assert bench.parameters(smaller) == plan.parameters[1] < plan.parameters[0] == bench.parameters(model)
    assert plan.macs[1] <= share * plan.macs[0]
    return plan, smaller


@pytest.mark.parametrize("name", graphs.GRAPHS)
def test_what_is_pruned_equals_the_masked_whole(name, tmp_path):
    keras.utils.set_random_seed(1)
    model = graphs.GRAPHS[name]()
    graphs.enliven(model)
    given = graphs.examples(model)
    assert graphs.is_alive(model, given)
    before, weights = graphs.outputs(model, given), model.get_weights()
    options = {"input_shape": (8, 8, 3)} if name == "any_size" else {}
    share = {"partly_frozen": 0.8, "transformer": 0.8, "activations_over_channels": 0.9}.get(name, 0.5)
    for seed in range(2):
        plan, smaller = check(model, given, seed, share, **options)
    if name != "any_size":
        assert plan.macs == (bench.macs(model), bench.macs(smaller)) or len(model.inputs) > 1
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    # The network that it was made of is as it was.
    assert all((one == other).all() for one, other in zip(weights, model.get_weights(), strict=True))
    assert all((one == other).all() for one, other in zip(before, graphs.outputs(model, given), strict=True))
    smaller.save(tmp_path / "smaller.keras")
    loaded = keras.models.load_model(tmp_path / "smaller.keras", compile=False)
    same = zip(graphs.outputs(smaller, given), graphs.outputs(loaded, given), strict=True)
    assert all((one == other).all() for one, other in same)


@pytest.mark.parametrize(("name", "shape"), ZOO)
def test_networks_of_the_zoo(name, shape):
    keras.utils.set_random_seed(1)
    model = build(name, shape, 10)
    graphs.enliven(model)
    given = graphs.examples(model, high=255.0)
    graphs.settle_statistics(model, graphs.examples(model, 64, high=255.0))
    assert graphs.is_alive(model, given)
    for seed in range(2):
        plan, smaller = check(model, given, seed)
        assert plan.macs[1] == bench.macs(smaller)
    # All that may stay are the classes.
    assert [one.layer for one in plan.frozen] == ["logits"]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, 25))
def test_drawn_networks(first):
    for seed in range(first, first + 25):
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        model = graphs.drawn(seed)
        graphs.enliven(model, seed)
        given = graphs.examples(model)
        graphs.settle_statistics(model, graphs.examples(model, 64))
        assert graphs.is_alive(model, given), seed
        random = np.random.default_rng(seed)
        options = {"macs": float(random.uniform(0.55, 0.9)), "round_to": int(random.choice([1, 2, 4]))}
        plan = prune(model, criterion="random", seed=seed, **options)
        smaller = plan.model()
        assert graphs.difference(plan, smaller, given) <= MOST, seed
        assert graphs.change(model, smaller, given) > 10 * MOST, seed


def test_channels_that_come_first():
    """TensorFlow computes them on no CPU as it does those that come last; what goes is counted."""
    keras.utils.set_random_seed(1)
    model = graphs.channels_first()
    graphs.enliven(model)
    plan, smaller = pruned(model)
    assert [(row.before, row.after) for row in plan.rows] == [(16, 8), (5, 5)]
    if keras.backend.backend() == "jax":
        assert graphs.difference(plan, smaller, graphs.examples(model)) <= MOST


def test_zero_where_a_channel_is_made_is_not_removal():
    """The test of the test: what reads zero is removed, what is made of zero weights is a constant."""
    keras.utils.set_random_seed(1)
    model = graphs.constant_after_relu6()
    graphs.enliven(model)
    given = graphs.examples(model)
    plan, smaller = pruned(model)
    whole = keras.models.clone_model(model)
    whole.set_weights(model.get_weights())
    for part in plan._channels.parts:
        pair = part.layer, next((layer for layer in whole.layers if layer.name == part.layer.name), None)
        for weight, other in zip(*(getattr(one, "weights", ()) for one in pair), strict=True):
            values = keras.ops.convert_to_numpy(weight).copy()
            for axis, (labels, role) in part.axes.get(id(weight), {}).items():
                if role in ("out", "own"):
                    index = [slice(None)] * values.ndim
                    index[axis] = ~plan._stays[plan._channels.root[labels]]
                    values[tuple(index)] = 0
            other.assign(values)
    (one,), (other,) = graphs.outputs(smaller, given), graphs.outputs(whole, given)
    assert abs(one - other).max() / other.std() > 0.01


def test_what_is_pruned_shares_nothing_and_may_be_trained():
    model = graphs.nested()
    model.trainable = False
    smaller = prune(model, macs=0.5, round_to=1).model()
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in smaller.weights}
    assert len(smaller.trainable_weights) > 10
    smaller.compile("sgd", "mse")
    smaller.fit(np.ones((4, 8, 8, 3)), np.ones((4, 5)), verbose=0)


def test_the_precision_of_each_layer_stays():
    policy = keras.DTypePolicy("mixed_bfloat16")
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(16, 3, dtype=policy)(image)
    x = keras.layers.Conv2D(12, 3, dtype=policy)(keras.layers.BatchNormalization(dtype=policy)(x))
    model = keras.Model(image, keras.layers.Dense(5, dtype="float32")(keras.layers.GlobalAveragePooling2D()(x)))
    smaller = prune(model, macs=0.5, round_to=1).model()
    found = [[layer.compute_dtype for layer in one.layers] for one in (model, smaller)]
    assert found[0] == found[1] and {"bfloat16", "float32"} <= set(found[1])


def test_a_pruned_network_is_pruned_again():
    keras.utils.set_random_seed(1)
    model = graphs.u_net()
    graphs.enliven(model)
    smaller = prune(model, macs=0.7, round_to=1).model()
    check(smaller, graphs.examples(model))


class Centred(keras.layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis=-1, keepdims=True)


class OwnConvolution(keras.layers.Conv2D):
    def call(self, x):
        return super().call(x) + keras.ops.mean(x)


def test_what_touches_an_unknown_layer_stays():
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(16, 3, name="before", activation="relu")(image)
    x = Centred(name="mine")(x)
    x = keras.layers.Conv2D(16, 3, name="between", activation="relu")(x)
    x = OwnConvolution(12, 1, name="own")(x)
    x = keras.layers.Conv2D(16, 3, name="after")(x)
    x = keras.layers.Dense(5, name="logits")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    graphs.enliven(model)
    plan, _ = check(model, graphs.examples(model), share=0.99)
    why = {one.layer: one.why for one in plan.frozen}
    assert why == {
        "before": "'mine' (Centred) is no layer whose channels are known",
        "between": "'own' (OwnConvolution) is no layer whose channels are known",
        "logits": "an output of the network",
    }
