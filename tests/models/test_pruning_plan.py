"""What a plan says, what is refused, and by which criteria channels are chosen."""

import re
from pathlib import Path

import keras
import numpy as np
import pruning_graphs as graphs
import pytest

import keras_kd
from keras_kd.models import build
from keras_kd.models import cost as bench
from keras_kd.models.pruning.channels import Channels
from keras_kd.models.pruning.criteria import CRITERIA
from keras_kd.models.pruning.plan import Plan
from keras_kd.recipe.load import load
from keras_kd.recipe.schema_pruning import PruneSpec
from keras_kd.utils.errors import UserError

layers = keras.layers


def two_convolutions(first=8, second=8, **options):
    image = keras.Input((6, 6, 3), name="image")
    x = layers.Conv2D(first, 3, name="first", **options)(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(second, 3, name="second")(layers.ReLU(name="relu")(x))
    return keras.Model(image, layers.Dense(4, name="logits")(layers.GlobalAveragePooling2D()(x)), name="two")


def test_a_plan_as_a_table():
    assert str(keras_kd.prune(two_convolutions(16, 16), macs=0.6, round_to=4, keep=["relu"])) == (
        "layer   channels        stays\n"
        "first         16 -> 16  keep: relu\n"
        "second        16 -> 4\n"
        "logits         4 -> 4   an output of the network\n"
        "parameters 2,868 -> 1,080 (38%)\n"
        "multiply-accumulates 16,192 -> 9,232 (57%)"
    )


def test_what_stays_is_said_by_layer():
    keras.backend.clear_session()
    frozen = keras_kd.prune(graphs.partly_frozen(), macs=0.9, round_to=1).frozen
    assert [(one.layer, one.channels, one.why) for one in frozen] == [
        ("conv2d", 16, "'group_normalization' (GroupNormalization) normalises over channels"),
        ("conv2d_1", 12, "'get_item' (GetItem) is a slice of channels"),
        ("logits", 5, "an output of the network"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "prune: found no target; expected one of macs, parameters, speedup, bytes, such as macs=0.5"),
        (
            {"macs": 0.5, "parameters": 0.5},
            "prune: found macs and parameters; expected one of macs, parameters, speedup, bytes, such as macs=0.5",
        ),
        ({"macs": 1.0}, "prune: macs: found 1.0; expected a share above 0 and below 1, such as 0.5"),
        ({"parameters": True}, "prune: parameters: found True; expected a share above 0 and below 1, such as 0.5"),
        ({"macs": float("nan")}, "prune: macs: found nan; expected a share above 0 and below 1, such as 0.5"),
        ({"macs": 0.5, "minimum": -1}, "prune: minimum: found -1; expected a share from 0 to 1"),
        ({"macs": 0.5, "round_to": 0}, "prune: round_to: found 0; expected a whole number from 1 on"),
        (
            {"macs": 0.01},
            "prune: macs: found 0.01; 0.176 is the least that can be reached here; lower minimum or round_to, keep "
            "fewer layers, or ask for more",
        ),
        ({"macs": 0.5, "keep": ["frist"]}, "keep: no layer 'frist' in 'two'; did you mean 'first'?"),
        ({"macs": 0.5, "criterion": "tailor"}, "criterion: no criterion 'tailor'; did you mean 'taylor'?"),
        (
            {"macs": 0.5, "criterion": "magnitude"},
            "criterion: no criterion 'magnitude'; expected one of l2, l1, bn_scale, random, taylor, or "
            "package.module:Class",
        ),
        (
            {"macs": 0.5, "criterion": 3},
            "criterion: found 3; expected one of l2, l1, bn_scale, random, taylor, or a keras_kd.Criterion of your own",
        ),
        ({"macs": 0.5, "criterion": "taylor"}, "prune: criterion Taylor takes images; give images="),
    ],
)
def test_refusals(options, message):
    with pytest.raises(UserError) as refused:
        keras_kd.prune(two_convolutions(), **{"round_to": 2, **options})
    assert str(refused.value) == message


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)


def test_models_whose_call_cannot_be_read():
    with pytest.raises(UserError) as refused:
        keras_kd.prune(Subclassed(), macs=0.5)
    assert str(refused.value) == (
        "mine: found Subclassed, a model with a call of its own, which cannot be read; expected a functional or "
        "sequential one; build it with keras.Model(inputs, outputs)"
    )
    vector = keras.Input((6,))
    with pytest.raises(UserError, match="^mine: found Subclassed, a model with a call of its own"):
        keras_kd.prune(keras.Model(vector, Subclassed()(layers.Dense(6)(vector))), macs=0.5)
    twice = layers.Lambda(lambda x: 2 * x, name="twice")
    with pytest.raises(UserError) as refused:
        keras_kd.prune(keras.Model(vector, layers.Dense(3)(twice(vector))), macs=0.5)
    assert str(refused.value) == (
        "layer 'twice' (Lambda) holds Python code, which is not run from a file; replace it by a layer of its own, or "
        "by keras.ops"
    )


def test_an_open_size_needs_one_to_count_work():
    model = graphs.any_size()
    with pytest.raises(
        UserError, match="leaves dimensions open; expected fixed ones to count its work; give input_shape"
    ):
        keras_kd.prune(model, macs=0.5)
    plan = keras_kd.prune(model, parameters=0.5, round_to=1)
    assert plan.macs is None and plan.parameters[1] <= 0.5 * plan.parameters[0]
    smaller = keras_kd.prune(model, macs=0.5, round_to=1, input_shape=(8, 8, 3)).model()
    assert smaller.input_shape == (None, None, None, 3)
    assert bench.macs(smaller, (8, 8, 3)) <= 0.5 * bench.macs(model, (8, 8, 3))


def test_channels_are_multiples_and_no_layer_is_emptied():
    plan = keras_kd.prune(build("resnet8", (16, 16, 3), 10), macs=0.4)
    assert all(row.after % 8 == 0 for row in plan.rows if row.layer != "logits")
    plan = keras_kd.prune(two_convolutions(40, 40), parameters=0.2, round_to=1, minimum=0.25)
    assert all(row.after >= 10 for row in plan.rows if row.layer != "logits")


def test_rounding_takes_no_more_than_it_must():
    model = build("resnet20", (16, 16, 3), 10)
    macs = keras_kd.prune(model, macs=0.5).macs
    assert 0.42 < macs[1] / macs[0] <= 0.5


def test_the_same_plan_again():
    model = build("digits_tiny", (8, 8, 1), 10)
    images = np.random.default_rng(0).uniform(0, 255, (64, 8, 8, 1)).astype("float32")
    for criterion in CRITERIA:
        options = {"macs": 0.5, "round_to": 1, "criterion": criterion, "images": images}
        plan = keras_kd.prune(model, **options)
        assert plan.removed == keras_kd.prune(model, **options).removed
        assert Plan.of(Channels(model), plan.removed).rows == plan.rows
    drawn = [keras_kd.prune(model, macs=0.5, round_to=1, criterion="random", seed=seed).removed for seed in (0, 1)]
    assert drawn[0] != drawn[1]


def small_and_large():
    """A network of which every second channel of the first layer is worth little by any criterion."""
    model = two_convolutions(8, 8)
    first, norm, second = (model.get_layer(name) for name in ("first", "norm", "second"))
    scale = np.where(np.arange(8) % 2, 1e-3, 1.0).astype("float32")
    first.kernel.assign(first.kernel * scale)
    norm.gamma.assign(scale)
    second.kernel.assign(second.kernel * scale[:, None])
    return model


def removed_of(plan, name):
    part = next(part for part in plan._channels.parts if part.layer.name == name)
    return np.flatnonzero(~plan._stays[plan._channels.root[part.made]]).tolist()


@pytest.mark.parametrize("criterion", ["l2", "l1", "bn_scale", "taylor"])
def test_what_is_worth_least_goes(criterion):
    keras.utils.set_random_seed(0)
    model = small_and_large()
    images = np.random.default_rng(0).uniform(0, 1, (128, 6, 6, 3)).astype("float32")
    plan = keras_kd.prune(model, macs=0.55, round_to=1, keep=["second"], criterion=criterion, images=images)
    assert removed_of(plan, "first") == [1, 3, 5, 7]


def test_taylor_is_the_change_of_the_loss():
    """Against what the loss does where the weights that read a channel are made a little smaller."""
    keras.utils.set_random_seed(0)
    model = two_convolutions(4, 4)
    random = np.random.default_rng(0)
    images, labels = random.uniform(0, 1, (64, 6, 6, 3)).astype("float32"), random.integers(0, 4, 64)

    def loss():
        said = keras.ops.log_softmax(model(images, training=False))
        return -float(np.mean(keras.ops.convert_to_numpy(said)[np.arange(64), labels]))

    channels = Channels(model)
    found = CRITERIA["taylor"]().scores(channels, images=images, labels=labels)
    second = model.get_layer("second")
    kernel, before, made = keras.ops.convert_to_numpy(second.kernel), loss(), channels.parts[0].made
    for channel in range(4):
        changed = kernel.copy()
        changed[:, :, channel] *= 0.99
        second.kernel.assign(changed)
        assert found[channels.root[made[channel]]] == pytest.approx(abs(loss() - before) / 0.01, rel=0.1, abs=1e-4)
        second.kernel.assign(kernel)


class LastOnes(keras_kd.Criterion):
    roles = ("out",)

    def of_weight(self, layer, weight, values):
        return np.broadcast_to(-np.arange(values.shape[-1], dtype="float64"), values.shape)

    def of_sums(self, sums):
        return sums - sums.min()


class SaysNothing(keras_kd.Criterion):
    pass


def test_a_criterion_without_a_worth_is_refused():
    with pytest.raises(UserError, match="prune: criterion SaysNothing says no worth; define of_weight"):
        keras_kd.prune(build("digits_tiny", (8, 8, 1), 10), macs=0.5, criterion=SaysNothing())


def test_a_criterion_of_ones_own():
    for own in (LastOnes, LastOnes()):
        plan = keras_kd.prune(two_convolutions(), macs=0.55, round_to=1, keep=["second"], criterion=own)
        assert removed_of(plan, "first") == [4, 5, 6, 7]


def test_batch_normalisation_is_measured_anew():
    model = small_and_large()
    smaller = keras_kd.prune(model, macs=0.5, round_to=1).model()
    images = np.random.default_rng(0).uniform(0, 1, (32, 6, 6, 3)).astype("float32")
    assert keras_kd.re_estimate_batch_norm(smaller, [images[:16], images[16:]]) == 2
    seen = keras.ops.convert_to_numpy(smaller.get_layer("first")(images))
    assert np.allclose(smaller.get_layer("norm").moving_mean, seen.mean((0, 1, 2)), atol=1e-5)


def test_the_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "prune.md").read_text()
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S))
    names = {}
    exec(compile(code, "docs/prune.md", "exec"), names)
    assert "an output of the network" in capsys.readouterr().out
    student = keras.saving.load_model("student.keras")
    assert bench.macs(student) <= 0.5 * bench.macs(names["model"])
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10, name="stem")]).save("my_model.keras")
    Path("small.yaml").write_text(f"data: digits\n{text}fit: {{epochs: 1}}\n")
    assert load("small.yaml").student.prune == PruneSpec(macs=0.5, keep=("stem",))


def test_layers_that_cannot_be_made_anew():
    class Needy(layers.Layer):
        def __init__(self, size, **options):
            super().__init__(**options)
            self.size = size

        def call(self, x):
            return x * self.size

        def get_config(self):
            return super().get_config()

    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3)(layers.Conv2D(8, 3)(Needy(2.0, name="needy")(image)))
    plan = keras_kd.prune(keras.Model(image, x), macs=0.9, round_to=1)
    with pytest.raises(
        UserError, match=r"^needy: Needy cannot be made anew from its get_config\(\): .*; give it a get_"
    ):
        plan.model()
