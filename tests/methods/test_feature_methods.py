"""The methods that read layers: what each promises beyond the laws of all methods."""

import zipfile

import keras
import numpy as np
import pytest
from keras import ops
from networks import images

from keras_kd import METHODS, SGD, Distiller, UserError, backend
from keras_kd.methods.parts.pooling import adaptive_average_pool, same_size
from keras_kd.methods.review_kd import _hierarchical, _nearest
from keras_kd.methods.tap_pairs import TapPairs

NAMES = ("at", "cc", "fitnet", "fsp", "nst", "pkt", "reviewkd", "rkd", "sp", "vid")
OF_MAPS = ("at", "fitnet", "fsp", "nst", "reviewkd", "sp", "vid")


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def method_on(name, layers, **fields):
    """A method that reads the given layers of both networks, as many as it takes."""
    if issubclass(METHODS[name], TapPairs):
        return METHODS[name](student_taps=layers, teacher_taps=layers, **fields)
    return METHODS[name](student_tap=layers[-1], teacher_tap=layers[-1], **fields)


def signals_of(student, teacher):
    """Signals of the layers layer_0, layer_1, ... of both networks."""
    return {
        role: {f"layer_{number}": one for number, one in enumerate(layers)}
        for role, layers in (("student", student), ("teacher", teacher))
    }


def loss_of(name, student, teacher, adapters=None, **fields):
    """The loss as NumPy gives it; the adapters are new ones unless given."""
    method = method_on(name, [f"layer_{number}" for number in range(len(student))], **fields)
    signals = signals_of(student, teacher)
    method.check(signals_as_specs(signals))
    adapters = method.adapters(signals_as_specs(signals), {}) if adapters is None else adapters
    return computed(method, signals, adapters)


def computed(method, signals, adapters):
    """A method's loss as NumPy gives it, compiled whole where each of its operations would be."""

    def run(signals):
        with keras.StatelessScope():
            return method.loss(signals, None, adapters)

    return ops.convert_to_numpy(backend.compiled(run)(signals))


def signals_as_specs(signals):
    return {
        role: {tap: keras.KerasTensor((None, *one.shape[1:])) for tap, one in taps.items()}
        for role, taps in signals.items()
    }


def pooled_by_hand(maps, height, width):
    _, h, w, _ = maps.shape
    out = np.zeros((len(maps), height, width, maps.shape[-1]))
    for i in range(height):
        for j in range(width):
            rows = slice(int(np.floor(i * h / height)), int(np.ceil((i + 1) * h / height)))
            columns = slice(int(np.floor(j * w / width)), int(np.ceil((j + 1) * w / width)))
            out[:, i, j] = maps[:, rows, columns].astype("float64").mean(axis=(1, 2))
    return out


# What the pairs are made of.


@pytest.mark.parametrize("size, wanted", [((8, 8), (4, 4)), ((7, 7), (4, 4)), ((7, 5), (3, 5)), ((5, 9), (2, 1))])
def test_adaptive_pooling_is_the_mean_over_pytorchs_windows(size, wanted):
    maps = random(2, *size, 3)
    pooled = backend.compiled(lambda maps: adaptive_average_pool(maps, *wanted))
    np.testing.assert_allclose(pooled(maps), pooled_by_hand(maps, *wanted), atol=1e-6)


def test_the_larger_of_two_maps_is_averaged_in_each_direction():
    one, other = backend.compiled(same_size)(random(2, 7, 3, 4), random(2, 4, 5, 6))
    assert (tuple(one.shape), tuple(other.shape)) == ((2, 4, 3, 4), (2, 4, 3, 6))


@pytest.mark.parametrize("name", OF_MAPS)
def test_maps_of_any_two_sizes_are_compared(name):
    student, teacher = [random(3, 7, 5, 4), random(3, 3, 4, 6)], [random(3, 4, 6, 4), random(3, 6, 3, 6)]
    loss = loss_of(name, student, teacher)
    assert loss.shape == (() if name == "sp" else (3,)) and np.isfinite(loss).all()


@pytest.mark.both_backends
@pytest.mark.parametrize("name", NAMES)
def test_a_zero_and_a_repeated_example_leave_value_and_gradient_finite(name):
    student = [random(5, 4, 4, 4), random(5, 4, 4, 4, seed=1)]
    for layer in student:
        layer[1], layer[3] = 0, layer[2]
    teacher = [random(5, 4, 4, 4, seed=2), random(5, 4, 4, 4, seed=3)]
    method = method_on(name, ["layer_0", "layer_1"])
    adapters = method.adapters(signals_as_specs(signals_of(student, teacher)), {})

    def mean(student, teacher):
        with keras.StatelessScope():
            return ops.mean(method.loss(signals_of(student, teacher), None, adapters))

    value, gradients = backend.value_and_gradients(mean)(student, teacher)
    assert np.isfinite(float(value))
    assert all(np.isfinite(ops.convert_to_numpy(one)).all() for one in gradients)


@pytest.mark.parametrize("name", ("at", "sp", "fsp", "nst"))
def test_pairs_are_summed(name):
    student, teacher = [random(3, 4, 4, 4, seed=n) for n in (0, 1)], [random(3, 4, 4, 4, seed=n) for n in (2, 3)]
    if name == "fsp":  # which compares neighbours: three layers are two pairs
        student, teacher = [*student, student[0]], [*teacher, teacher[0]]
        parts = [(student[:2], teacher[:2]), (student[1:], teacher[1:])]
    else:
        parts = [(student[:1], teacher[:1]), (student[1:], teacher[1:])]
    np.testing.assert_allclose(
        loss_of(name, student, teacher), sum(loss_of(name, *part) for part in parts), rtol=1e-5, atol=1e-7
    )


# What each promises.


def test_the_size_of_the_maps_does_not_matter_to_at():
    student, teacher = random(3, 4, 4, 4), random(3, 4, 4, 6, seed=1)
    expected = loss_of("at", [student], [teacher], power=3)
    for scale in (1e-12, 1e12):
        np.testing.assert_allclose(loss_of("at", [scale * student], [teacher], power=3), expected, rtol=1e-4)


def test_a_scaled_feature_is_the_same_to_sp():
    student, teacher = random(6, 4, 4, 4), random(6, 2, 2, 8, seed=1)
    expected = loss_of("sp", [student], [teacher])
    for scale in (1e-12, 1e12):
        np.testing.assert_allclose(loss_of("sp", [scale * student], [teacher]), expected, rtol=1e-4)
    np.testing.assert_allclose(loss_of("sp", [student], [3 * student]), 0, atol=1e-10)


@pytest.mark.parametrize("weights", [{"angle_weight": 0}, {"distance_weight": 0}])
def test_scaled_turned_and_moved_features_are_the_same_to_rkd(weights):
    student, teacher = random(6, 8), random(6, 5, seed=1)
    turn, _ = np.linalg.qr(random(8, 8, seed=2))
    expected = loss_of("rkd", [student], [teacher], **weights)
    assert expected > 0
    np.testing.assert_allclose(loss_of("rkd", [3 * student @ turn + 1], [teacher], **weights), expected, rtol=1e-3)


def test_the_parts_of_rkd_are_weighted():
    student, teacher = [random(6, 8)], [random(6, 5, seed=1)]
    distance = loss_of("rkd", student, teacher, distance_weight=1, angle_weight=0)
    angle = loss_of("rkd", student, teacher, distance_weight=0, angle_weight=1)
    np.testing.assert_allclose(loss_of("rkd", student, teacher), 25 * distance + 50 * angle, rtol=1e-5)


def test_the_length_of_features_does_not_matter_to_pkt():
    student, teacher = random(6, 8), random(6, 5, seed=1)
    lengths = np.linspace(1, 9, 6, dtype="float32")[:, None]
    expected = loss_of("pkt", [student], [teacher])
    np.testing.assert_allclose(loss_of("pkt", [lengths * student], [teacher]), expected, rtol=1e-3)


def test_the_order_of_the_channels_does_not_matter_to_nst():
    student, teacher = random(3, 4, 4, 5), random(3, 4, 4, 5, seed=1)
    np.testing.assert_allclose(loss_of("nst", [student], [student[..., ::-1]]), 0, atol=1e-6)
    expected = loss_of("nst", [student], [teacher])
    np.testing.assert_allclose(loss_of("nst", [student[..., ::-1]], [teacher]), expected, rtol=1e-5)


def test_cc_multiplies_the_errors_of_neighbours():
    student, teacher = random(4, 3), random(4, 3, seed=1)
    error = np.abs(student - teacher)
    expected = np.mean([(error[i] * error[i + 1]).sum() for i in range(3)])
    np.testing.assert_allclose(loss_of("cc", [student], [teacher], embedding_size=0), expected, rtol=1e-5)
    assert loss_of("cc", [student[:1]], [teacher[:1]], embedding_size=0) == 0


def test_cc_embeds_both_networks():
    layer = {"student": {"pooled": keras.KerasTensor((None, 6))}, "teacher": {"pooled": keras.KerasTensor((None, 9))}}
    adapters = METHODS["cc"](embedding_size=4).adapters(layer, {})
    assert [tuple(adapters[role].kernel.shape) for role in ("student", "teacher")] == [(6, 4), (9, 4)]


def test_vid_is_the_gaussian_likelihood_of_the_teachers_maps():
    student, teacher = random(2, 3, 3, 4), random(2, 3, 3, 5, seed=1)
    method = METHODS["vid"](student_taps=["layer_0"], teacher_taps=["layer_0"], mid_channels=6)
    signals = signals_of([student], [teacher])
    adapters = method.adapters(signals_as_specs(signals), {})
    adapters["variance_0"].log_scale.assign(random(5, seed=2))
    first, second, third = (
        ops.convert_to_numpy(adapters[f"mean_0_{number}"].kernel)[0, 0].astype("float64") for number in (1, 2, 3)
    )
    assert (first.shape, second.shape, third.shape) == ((4, 6), (6, 6), (6, 5))
    mean = np.maximum(np.maximum(student @ first, 0) @ second, 0) @ third
    variance = np.log1p(np.exp(random(5, seed=2).astype("float64"))) + 1e-5
    expected = (0.5 * ((mean - teacher) ** 2 / variance + np.log(variance))).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(computed(method, signals, adapters), expected, rtol=1e-5)


def test_the_variance_of_vid_begins_where_it_is_asked_to():
    layers = signals_as_specs(signals_of([random(2, 3, 3, 4)], [random(2, 3, 3, 5)]))
    for variance in (0.1, 5.0, 1000.0):
        adapters = METHODS["vid"](
            student_taps=["layer_0"], teacher_taps=["layer_0"], initial_variance=variance
        ).adapters(layers, {})
        begun = np.logaddexp(0, ops.convert_to_numpy(adapters["variance_0"].log_scale)) + 1e-5
        np.testing.assert_allclose(begun, variance, rtol=1e-4)


@pytest.mark.parametrize(
    "student, teacher, kernel, output",
    [
        ((8, 8, 3), (4, 4, 5), (3, 3, 3, 5), (4, 4, 5)),  # half
        ((4, 6, 3), (8, 12, 5), (4, 4, 5, 3), (8, 12, 5)),  # double; transposed kernels have the outputs first
        ((4, 4, 3), (4, 4, 5), (1, 1, 3, 5), (4, 4, 5)),  # equal
        ((7, 5, 3), (4, 4, 5), (4, 2, 3, 5), (4, 4, 5)),  # larger
        ((4, 4, 3), (7, 3, 5), (1, 2, 3, 5), (4, 3, 5)),  # smaller: the teacher's map is averaged down
        ((6,), (9,), (6, 9), (9,)),  # vectors
    ],
)
def test_fitnets_regressor_takes_the_students_size_to_the_teachers(student, teacher, kernel, output):
    signals = signals_of([random(2, *student)], [random(2, *teacher, seed=1)])
    method = METHODS["fitnet"](student_tap="layer_0", teacher_tap="layer_0")
    method.check(signals_as_specs(signals))
    regressor = method.adapters(signals_as_specs(signals), {})["regressor"]
    assert tuple(regressor.weights[0].shape) == kernel
    assert regressor.output_shape == (None, *output)
    assert computed(method, signals, {"regressor": regressor}).shape == (2,)


def test_reviewkd_compares_maps_at_several_sizes():
    student, teacher = random(2, 7, 7, 3), random(2, 7, 7, 3, seed=1)
    expected = ((student - teacher) ** 2).mean(axis=(1, 2, 3))
    for size, weight in ((4, 1 / 2), (2, 1 / 4), (1, 1 / 8)):
        difference = pooled_by_hand(student, size, size) - pooled_by_hand(teacher, size, size)
        expected = expected + weight * (difference**2).mean(axis=(1, 2, 3))
    hierarchical = backend.compiled(_hierarchical)
    np.testing.assert_allclose(hierarchical(student, teacher), expected / 1.875, rtol=1e-5)
    vectors = random(2, 1, 1, 3), random(2, 1, 1, 3, seed=1)
    np.testing.assert_allclose(hierarchical(*vectors), ((vectors[0] - vectors[1]) ** 2).mean(axis=(1, 2, 3)), 1e-5)


def test_reviewkd_enlarges_maps_to_the_nearest_position():
    maps = np.arange(6, dtype="float32").reshape(1, 2, 3, 1)
    enlarged = ops.convert_to_numpy(_nearest(maps, 3, 6))[0, :, :, 0]
    np.testing.assert_array_equal(enlarged, [[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]])


# Networks.


def network(name, wide):
    """Stages of 8x8 and 4x4; stem and stage1 as wide in every network."""
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(image)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="stage1")(x)
    x = keras.layers.Conv2D(wide, 3, 2, padding="same", activation="relu", name="stage2")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, keras.layers.Dense(5)(x), name=name)


def test_every_method_trains_with_the_others_and_leaves_nothing_behind(tmp_path):
    keras.utils.set_random_seed(0)
    stages = {"student_taps": ["stage1", "stage2"], "teacher_taps": ["stage1", "stage2"]}
    last = {"student_taps": ["stage2"], "teacher_taps": ["stage2"]}
    fields = {"at": stages, "nst": stages, "vid": stages, "reviewkd": stages, "sp": last}
    fields["fsp"] = {"student_taps": ["stem", "stage1"], "teacher_taps": ["stem", "stage1"]}
    student = network("student", 6)
    terms = [METHODS[name](**fields.get(name, {})) for name in NAMES]
    distiller = Distiller(student, network("teacher", 8), terms=terms)
    adapters = {f"{number}/{name}": layer for number, one in distiller.adapters.items() for name, layer in one.items()}
    # Kernels, factors and scales: a bias before a normalisation has no gradient.
    before = {name: np.array(ops.convert_to_numpy(layer.trainable_weights[0])) for name, layer in adapters.items()}
    assert {NAMES[int(number)] for number in distiller.adapters} == {"cc", "fitnet", "reviewkd", "vid"}
    distiller.compile(optimizer=SGD(1e-4))
    history = distiller.fit(*images(16), batch_size=8, verbose=0).history
    assert {f"{name}_loss" for name in NAMES} <= set(history)
    assert all(np.isfinite(value).all() for value in history.values())
    still = [name for name, layer in adapters.items() if np.array_equal(before[name], layer.trainable_weights[0])]
    assert not still, f"{still} did not train"
    distiller.save(tmp_path / "saved.keras")
    saved = keras.saving.load_model(tmp_path / "saved.keras")
    assert [layer.name for layer in saved.layers] == [layer.name for layer in student.layers]
    assert saved.count_params() == student.count_params()
    with zipfile.ZipFile(tmp_path / "saved.keras") as archive:
        assert "keras_kd" not in archive.read("config.json").decode()


def test_taps_may_have_other_names_in_the_teacher():
    method = METHODS["at"](student_taps=["stem"], teacher_taps=["stage2"])
    distiller = Distiller(network("student", 6), network("teacher", 8), terms=[method])
    distiller.compile(optimizer=SGD(0.01))
    assert distiller.fit(*images(8), batch_size=8, verbose=0).history["at_loss"][0] > 0
    teacher = {"logits": "teacher's logits", "stage2": "teacher's stage"}
    assert method.matched({"teacher": teacher}, None) == {"logits": "teacher's logits", "stem": "teacher's stage"}


@pytest.mark.parametrize(
    "name, fields, message",
    [
        (
            "fsp",
            {"student_taps": ["stage1", "stage2"], "teacher_taps": ["stage1", "stage2"]},
            "fsp: student tap 'stage2' is (None, 4, 4, 6), teacher tap 'stage2' is (None, 4, 4, 8); expected as many "
            "channels: give the student the teacher's widths, or name other layers in student_taps and teacher_taps",
        ),
        (
            "at",
            {"student_taps": ["stage1"], "teacher_taps": ["stage1", "stage2"]},
            "AT: student_taps names 1 layer, teacher_taps 2 layers; they are compared in pairs: name as many of each",
        ),
        (
            "vid",
            {"student_taps": ["stage1"], "teacher_taps": ["pooled"]},
            "vid: teacher tap 'pooled' is (None, 8); expected maps (batch, height, width, channels): set teacher_taps "
            "to layers that give maps",
        ),
        (
            "fitnet",
            {"student_tap": "pooled"},
            "fitnet: student tap 'pooled' is (None, 6), teacher tap 'stage2' is (None, 4, 4, 8); expected two maps "
            "(batch, height, width, channels) or two vectors (batch, n): name layers of one kind",
        ),
        (
            "cc",
            {"embedding_size": 0},
            "cc: student tap 'pooled' is (None, 6), teacher tap 'pooled' is (None, 8); without embeddings they must be "
            "equal in size: set embedding_size, such as 128",
        ),
        (
            "vid",
            {"student_taps": ["stem"], "teacher_taps": ["stem"], "initial_variance": 0.1, "eps": 0.2},
            "vid: initial_variance is 0.1; expected more than eps, 0.2",
        ),
    ],
)
def test_networks_that_cannot_work_are_refused_with_the_fix(name, fields, message):
    with pytest.raises(UserError) as error:
        Distiller(network("student", 6), network("teacher", 8), terms=[METHODS[name](**fields)])
    assert str(error.value) == message


def test_maps_of_unknown_size_are_refused():
    specs = {role: {"stage3": keras.KerasTensor((None, None, None, 8))} for role in ("student", "teacher")}
    with pytest.raises(UserError) as error:
        METHODS["sp"]().check(specs)
    assert str(error.value) == (
        "sp: student tap 'stage3' is (None, None, None, 8); expected a known size: build the student for images of one "
        "size"
    )
