"""FCFD: its parts have the authors' values, gradients go where they should, the teacher never moves, draws, sizes."""

import functools
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from golden_adapters import stages as golden
from keras import ops
from networks import outputs_of, same, values, weights_by_numpy

from keras_kd import FCFD, KD, Distiller, UserError, backend
from keras_kd.methods.parts.bridges import bridge, bridgeable
from keras_kd.training.laws import check_laws

TAPS = ("stage1", "stage2", "stage3")
CLASSES = 5


def network(name, channels, size=8):
    """Three stages of one convolution each after a stem, small enough to be traced often."""
    with weights_by_numpy():
        image = x = keras.Input((size, size, 3))
        for number, filters in enumerate(channels):
            stage = f"stage{number}" if number else "stem"
            strides = 2 if number > 1 else 1
            x = keras.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, name=f"{stage}_conv")(x)
            x = keras.layers.BatchNormalization(name=f"{stage}_norm")(x)
            x = keras.layers.ReLU(name=stage)(x)
        x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
        return keras.Model(image, keras.layers.Dense(CLASSES, name="logits")(x), name=name)


def around(name, classes=CLASSES):
    """A network in which a branch passes the layer "inside" by."""
    with weights_by_numpy():
        image = keras.Input((8, 8, 3))
        first = keras.layers.Conv2D(2, 3, padding="same", name="stage1")(image)
        x = keras.layers.Conv2D(2, 3, padding="same", name="inside")(first)
        x = keras.layers.Add(name="sum")([x, first])
        x = keras.layers.Conv2D(4, 3, 2, padding="same", name="stage2")(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(image, keras.layers.Dense(classes)(x), name=name)


def networks():
    return network("student", (2, 2, 3, 4)), network("teacher", (3, 4, 5, 6))


def batch(count=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(0, 1, (count, 8, 8, 3)).astype("float32"), (np.arange(count) % CLASSES).astype("int32")


def distiller_of(*, student=None, teacher=None, rate=0.01, terms=(), options=None, **fields):
    own = networks()
    with weights_by_numpy():
        distiller = Distiller(student or own[0], teacher or own[1], [FCFD(**fields), *terms], **(options or {}))
    distiller.compile(keras.optimizers.SGD(rate))
    return distiller


def fit(distiller, epochs=1, **options):
    return distiller.fit(*batch(), batch_size=8, epochs=epochs, shuffle=False, verbose=0, **options).history


def test_each_part_has_the_authors_value():
    folder = Path(__file__).parents[1] / "golden"
    arrays = np.load(folder / "fcfd.npz")
    for case in json.loads((folder / "fcfd.json").read_text())["cases"]:
        given = {name: arrays[key] for name, key in case["inputs"].items()}
        given = {name: one.astype("float32" if one.dtype.kind == "f" else "int32") for name, one in given.items()}
        settings, found = case["hyperparameters"], {}
        for part, others in {
            "kd_part": {"mixture_weight": 0, "weight_l2": 0},
            "mixture_part": {"kd_weight": 0, "weight_l2": 0},
            "l2_part": {"kd_weight": 0, "mixture_weight": 0},
        }.items():
            changed = {**settings, **others}
            made = golden.fcfd_made(given, changed)
            run = backend.compiled(lambda given, changed=changed, made=made: golden.fcfd(given, changed, made))
            found[part] = float(run(given)) - case["expected_scalars"]["label_part"]
        for part, value in found.items():
            assert value == pytest.approx(case["expected_scalars"][part], rel=1e-3, abs=1e-5), part


@pytest.mark.parametrize("by_batch", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_step_trains_student_and_bridges_and_leaves_the_teacher_as_it_is(by_batch):
    distiller = distiller_of(teacher_batch_statistics=by_batch, paths_per_step=4)
    teacher, adapters = distiller.teacher, distiller.adapters["0"]
    bridges = {name: one for name, one in adapters.items() if name.startswith("to_")}
    assert set(bridges) == {"to_teacher_0", "to_teacher_1", "to_teacher_2", "to_student_0", "to_student_1"}
    before = {name: values(one) for name, one in {**bridges, "student": distiller.student, "teacher": teacher}.items()}
    history = fit(distiller, epochs=2)
    assert np.isfinite(history["fcfd_loss"]).all() and history["fcfd_loss"][0] != history["fcfd_loss"][1]
    assert same(before["teacher"], teacher)
    assert not same(before["student"], distiller.student)
    for name, one in bridges.items():
        kernel = ops.convert_to_numpy(one.trainable_variables[0])
        assert not np.array_equal(kernel, before[name][0]), name


def test_nothing_is_trained_or_saved_twice(tmp_path):
    distiller = distiller_of()
    trained = [id(variable) for variable in distiller.trainable_variables]
    assert len(trained) == len(set(trained))
    teacher = {id(variable) for variable in distiller.teacher.variables}
    assert not teacher & set(trained) and not teacher & {id(variable) for variable in distiller.state()}
    distiller.save(tmp_path / "student.keras")
    saved = keras.saving.load_model(tmp_path / "student.keras")
    assert saved.count_params() == distiller.student.count_params()
    with zipfile.ZipFile(tmp_path / "student.keras") as archive:
        assert "keras_kd" not in archive.read("config.json").decode()
    x, _ = batch()
    np.testing.assert_allclose(outputs_of(saved, x), outputs_of(distiller.student, x), rtol=1e-5, atol=1e-5)


def changed(before, network):
    """The stages of a network of which a kernel has changed."""
    pairs = zip(before, network.variables, strict=True)
    moved = {
        variable.path.split("/")[-2].split("_")[0]
        for old, variable in pairs
        if "kernel" in variable.path and not np.array_equal(old, ops.convert_to_numpy(variable))
    }
    return sorted(moved)


@pytest.mark.parametrize(
    "directions, expected",
    [("student_to_teacher", ["stage1", "stage2", "stem"]), ("teacher_to_student", ["logits", "stage2", "stage3"])],
)
def test_paths_train_the_stages_of_the_student_that_they_pass(directions, expected):
    only = {"kd_weight": 0.0, "feature_weight": 0.0, "directions": directions}
    distiller = distiller_of(**only, options={"label_weight": 0.0})
    before = values(distiller.student)
    fit(distiller)
    assert changed(before, distiller.student) == expected


@pytest.mark.slow
def test_moving_statistics_are_those_of_the_students_own_run():
    distiller = distiller_of(rate=0.0, paths_per_step=4)
    alone = Distiller(networks()[0])
    alone.compile(keras.optimizers.SGD(0.0))
    for one in (distiller, alone):
        fit(one, epochs=2)
    for one, other in zip(distiller.student.variables, alone.student.variables, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), ops.convert_to_numpy(other), rtol=1e-5, err_msg=one.path)
    assert all("moving" not in one.path for one in distiller.trainable_variables)


# Bridges have none from a loss that only tells which paths were drawn.
NO_GRADIENT = pytest.mark.filterwarnings("ignore:Gradients do not exist")


class Marked(FCFD):
    """Each path counts one at a decimal place of its own, so that the loss tells which were drawn."""

    def loss_without_paths(self, logits, own):
        return 0.0 * logits[:, 0]

    def loss_of_path(self, path, own, adapters):
        return 10.0 ** self.paths().index(path) * ops.ones_like(own.logits[:, 0])


@functools.cache
def drawn(paths_per_step, steps=40):
    """Which paths were drawn in each of some steps of training."""
    own = networks()
    distiller = Distiller(*own, [Marked(paths_per_step=paths_per_step)])
    distiller.compile(keras.optimizers.SGD(0.0))
    losses = distiller.fit(*batch(8 * 1), batch_size=8, epochs=steps, verbose=0).history["marked_loss"]
    return [f"{round(one):04d}" for one in losses]


@NO_GRADIENT
@pytest.mark.slow
def test_as_many_paths_as_asked_for_are_drawn_anew_in_each_step():
    found = drawn(2)
    assert all(one.count("1") == 2 and one.count("0") == 2 for one in found)
    assert len(set(found)) == 6  # of 40 draws one of the six pairs is missing in 1 of 250


@NO_GRADIENT
@pytest.mark.parametrize("paths_per_step, expected", [(0, "0000"), (4, "1111")])
def test_none_or_all_may_be_drawn(paths_per_step, expected):
    assert set(drawn(paths_per_step, steps=2)) == {expected}


@pytest.mark.slow
def test_a_resumed_run_repeats_the_draws(tmp_path):
    with weights_by_numpy():
        whole, begun, resumed = (distiller_of() for _ in range(3))
    seed = whole.adapters["0"]["draws"].seed_generator.state
    for one in (begun, resumed):
        one.adapters["0"]["draws"].seed_generator.state.assign(seed)
    for one, other in zip(whole.state(), begun.state(), strict=False):
        other.assign(ops.convert_to_numpy(one))
    fit(whole, epochs=3)
    fit(begun)
    begun.save_weights(tmp_path / "state.weights.h5")
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.load_weights(tmp_path / "state.weights.h5")
    fit(resumed, epochs=2)
    for one, other in zip(whole.state(), resumed.state(), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other), err_msg=one.path)


@pytest.mark.slow
def test_networks_that_give_probabilities_have_the_loss_of_their_logits():
    def ending_in(student, teacher, softmax):
        given = []
        for one in (student, teacher):
            output = keras.layers.Softmax()(one.outputs[0]) if softmax else one.outputs[0]
            given.append(keras.Model(one.inputs, output, name=one.name))
        return dict(zip(("student", "teacher"), given, strict=True))

    losses = []
    for softmax in (False, True):
        distiller = distiller_of(
            **ending_in(*networks(), softmax), paths_per_step=4, options={"from_logits": not softmax}
        )
        losses.append(fit(distiller)["fcfd_loss"][0])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.slow
def test_the_student_may_have_smaller_or_larger_maps():
    for size in (4, 16):
        image = keras.Input((8, 8, 3))
        resized = keras.layers.Resizing(size, size)(image)
        inner = network("inner", (2, 2, 3, 4), size)
        student = keras.Model(image, inner(resized), name="student")
        distiller = distiller_of(student=student, student_taps=[f"inner/{tap}" for tap in TAPS], paths_per_step=4)
        before = values(distiller.teacher)
        assert np.isfinite(fit(distiller)["fcfd_loss"]).all() and same(before, distiller.teacher)


@pytest.mark.parametrize("size, outputs", [((8, 8), (8, 8)), ((8, 8), (4, 4)), ((4, 4), (8, 8))])
def test_a_bridge_gives_maps_of_the_other_networks_shape(size, outputs):
    source, target = (None, *size, 3), (None, *outputs, 64)
    made = bridge(source, target)
    assert bridgeable(source, target) and made.output_shape == target
    kernel = ops.convert_to_numpy(made.trainable_variables[0])
    if size[0] >= outputs[0]:
        assert kernel.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.1)
    assert [type(one).__name__ for one in made.layers][-2:] == ["BatchNormalization", "LeakyReLU"]
    assert type(bridge(source, target, leaky=False).layers[-1]).__name__ == "BatchNormalization"


@pytest.mark.slow
def test_it_sums_with_other_methods_and_its_weights_may_be_scheduled():
    from keras_kd import Schedule, Term

    term = Term(FCFD(), schedules={"feature_weight": Schedule(end_value=0.02, duration=4)})
    own = networks()
    distiller = Distiller(*own, [term, KD()])
    distiller.compile(keras.optimizers.SGD(0.01))
    history = fit(distiller, epochs=2)
    assert set(history) >= {"fcfd_loss", "kd_loss"} and np.isfinite(history["fcfd_loss"]).all()


@pytest.mark.parametrize(
    "fields, message",
    [
        (
            {"paths_per_step": 5},
            "paths_per_step is 5; expected at most 4, the paths between 3 taps with directions both; set paths",
        ),
        (
            {"paths_per_step": 3, "directions": "teacher_to_student"},
            "paths_per_step is 3; expected at most 2, the paths between 3 taps with directions teacher_to_student",
        ),
        (
            {"student_taps": ["stage3"], "teacher_taps": ["stage3"]},
            "paths_per_step is 2; expected at most 0, the paths between 1 tap with directions both; name two taps",
        ),
        ({"mixture_weight": -1}, "mixture_weight"),
        (
            {"student": around("around"), "student_taps": ["inside", "stage2"], "teacher_taps": ["stage1", "stage2"]},
            "student: 'around' cannot be cut at 'inside', which is passed by on a way to 'sum'; name a layer that all",
        ),
        (
            {"student": around("ten", 10), "student_taps": ["stage1", "stage2"], "teacher_taps": ["stage1", "stage2"]},
            "fcfd: the teacher gives 5 classes, the student 10; both must name",
        ),
        ({"student_taps": ["stage2", "stage1"], "teacher_taps": ["stage2", "stage1"]}, "does not come after 'stage2'"),
        ({"student_taps": ["stage1", "pooled"], "teacher_taps": ["stage1", "pooled"]}, "fcfd: student tap 'pooled' is"),
        (
            {"student_taps": ["stage1", "stage3"], "teacher_taps": ["stage3", "stage3"]},
            r"'stage1' is \(None, 8, 8, 2\), teacher tap 'stage3' is \(None, 2, 2, 6\); expected maps of one size",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(fields, message):
    with pytest.raises((UserError, ValueError), match=message):
        distiller_of(**fields)


def test_a_bank_cannot_stand_in_for_the_teacher():
    with pytest.raises(UserError, match="banked: FCFD asks the teacher in the step; leave banked out"):
        distiller_of(options={"banked": True, "views": keras.layers.Identity()})


def test_the_laws_hold_with_the_statistics_of_the_batch_too():
    laws = ("it gives one float32 value an example or one for the batch", "its gradient leads down")
    check_laws(FCFD(teacher_batch_statistics=True, paths_per_step=1), laws=laws)
