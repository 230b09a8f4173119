"""Methods that change how a step is made: CRD remembers, SimKD rebuilds the student, DML and ONE teach each other, BSS
walks images to the teacher's decision boundary."""

import functools
import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from golden_adapters import procedures
from keras import ops
from networks import compiled_with_state, outputs_of, same, values, weights_by_numpy

from keras_kd import Distiller, backend
from keras_kd.methods import BSS, CRD, DML, ONE, SimKD
from keras_kd.methods.bss import target_classes
from keras_kd.methods.crd import inner_products
from keras_kd.models.zoo.digits_cnn import digits_cnn
from keras_kd.models.zoo.resnet import resnet
from keras_kd.utils.errors import UserError

CLASSES, EXAMPLES = 5, 20
TAPS = {"student_tap": "stage2", "teacher_tap": "stage2"}


def network(width, name="student", classes=CLASSES):
    """A network for 8x8 pixels 0..255 with the maps "stage1" (8x8) and "stage2" (4x4)."""
    with weights_by_numpy():
        return digits_cnn((8, 8, 1), classes, channels=(width, 2 * width), convolutions=1, name=name)


class Images(keras.layers.Layer):
    """Takes the images of a batch that also says which examples they are."""

    def call(self, x):
        return x["images"]


def batch(count=8, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.uniform(0, 255, (count, 8, 8, 1)).astype("float32")
    return images, (np.arange(count) % CLASSES).astype("int32")


def distill(method, student=None, teacher=None, **options):
    teacher = network(6, "teacher") if teacher is None and "teacher" in method.roles else teacher
    return Distiller(student or network(2), teacher, [method], **options)


def bss():
    """Both networks say 0 of every image, so that those of class 0 are right."""
    distiller = distill(BSS(attack_size=4, steps=2, mean=(0.5,), std=(0.25,)))
    for one in (distiller.student, distiller.teacher):
        layer = one.get_layer("logits")
        layer.set_weights([layer.get_weights()[0], 9 * np.eye(CLASSES, dtype="float32")[0]])
    return distiller


MADE = {
    "crd": lambda: distill(CRD(negatives=6, embedding_size=4), views=Images(), examples=EXAMPLES),
    "simkd": lambda: distill(SimKD(**TAPS)),
    "dml": lambda: distill(DML(), peers=[network(3, "one"), network(4, "other")]),
    "one": lambda: distill(ONE(student_tap="stage1")),
    "bss": bss,
}


def parts(distiller):
    """The student and all that stands next to it but the teacher."""
    return [
        distiller.student,
        *distiller.peers,
        *(layer for made in distiller.adapters.values() for layer in made.values()),
    ]


def seed_of(distiller):
    """The seeds of what is drawn in a step."""
    seeds = [variable for layer in parts(distiller) for variable in layer.variables if "seed" in variable.path]
    return [ops.convert_to_numpy(variable).tolist() for variable in seeds]


@functools.cache
def trained(name):
    """A Distiller before and after two steps on the examples 0..7."""
    distiller = MADE[name]()
    before = {id(one): values(one) for one in (*parts(distiller), distiller.teacher) if one is not None}
    images, labels = batch()
    x = {"index": np.arange(8, dtype="int32"), "images": images} if distiller.views is not None else images
    seeds = [seed_of(distiller)]
    recorder = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seeds.append(seed_of(distiller)))
    distiller.compile(keras.optimizers.SGD(0.05))
    history = distiller.fit(x, labels, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[recorder]).history
    return SimpleNamespace(distiller=distiller, before=before, history=history, seeds=seeds)


@pytest.mark.parametrize("name", MADE)
def test_a_step_trains_the_student_and_what_stands_next_to_it_but_not_the_teacher(name):
    made = trained(name)
    loss = made.history[f"{name}_loss"]
    assert np.isfinite(loss).all() and loss[0] > 0 and loss[0] != loss[1]
    for layer in parts(made.distiller):
        assert not same(made.before[id(layer)], layer), f"{layer.name} did not change"
    teacher = made.distiller.teacher
    assert teacher is None or same(made.before[id(teacher)], teacher)


@pytest.mark.parametrize("name", ["crd", "bss"])
def test_draws_differ_from_step_to_step(name):
    first, second, third = trained(name).seeds
    assert first and first != second and second != third


@pytest.mark.parametrize("name", MADE)
def test_the_saved_student_is_a_plain_keras_model(name, tmp_path):
    distiller = MADE[name]()
    distiller.save(tmp_path / "student.keras")
    loaded = keras.saving.load_model(tmp_path / "student.keras")
    assert all(type(layer).__module__.startswith("keras.") for layer in loaded._flatten_layers())
    images, _ = batch()
    np.testing.assert_allclose(outputs_of(loaded, images), outputs_of(distiller.student, images), atol=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_saved_weights_bring_back_all_that_training_changed_the_seeds_too(name, tmp_path):
    done = trained(name).distiller
    done.save_weights(tmp_path / "state.weights.h5")
    again = MADE[name]()
    again.compile(keras.optimizers.SGD(0.05))
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "state.weights.h5")
    for one, other in zip(done.state(), again.state(), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other), err_msg=one.path)


# CRD


def golden(method):
    folder = Path(__file__).parents[1] / "golden"
    arrays = np.load(folder / "losses.npz")
    for case in json.loads((folder / "losses.json").read_text())["cases"]:
        if case["method"] == method:
            given = {name: arrays[key] for name, key in case["inputs"].items()}
            given = {name: one.astype("float32" if one.dtype.kind == "f" else "int32") for name, one in given.items()}
            yield given, {name: arrays[key] for name, key in case["outputs"].items()}, case["hyperparameters"]


def crd_losses(settings, memory):
    """The losses of a case's inputs; the memory moves on."""
    return compiled_with_state(lambda given: procedures.crd_call(given, settings, memory), memory.variables)


def test_crd_sets_its_normalizers_once_and_remembers_after_the_loss_as_the_authors_code_does():
    for given, expected, settings in golden("crd"):
        memory = procedures.crd_memory(given)
        losses = crd_losses(settings, memory)
        for call in ("loss", "loss_second_call"):
            found = ops.convert_to_numpy(losses(given)).mean()
            np.testing.assert_allclose(found, expected[call].item(), rtol=1e-4)
            for role in ("student", "teacher"):
                z = np.exp(ops.convert_to_numpy(getattr(memory, f"{role}_log_normalizer")))
                np.testing.assert_allclose(z, expected[f"z_{role}"], rtol=1e-4)
                if call == "loss":
                    bank = ops.convert_to_numpy(getattr(memory, f"{role}_bank"))
                    np.testing.assert_allclose(bank, expected[f"{role}_memory_after"], atol=1e-5)


def test_crd_remembers_the_examples_of_the_batch_alone():
    made = trained("crd")
    memory = made.distiller.adapters["0"]["memory"]
    before = dict(zip((one.path for one in memory.variables), made.before[id(memory)], strict=True))
    for bank in (memory.student_bank, memory.teacher_bank):
        old, new = before[bank.path], ops.convert_to_numpy(bank)
        np.testing.assert_array_equal(new[8:], old[8:])
        assert (np.abs(new[:8] - old[:8]).max(axis=1) > 1e-3).all()
        np.testing.assert_allclose(np.linalg.norm(new[:8], axis=1), 1, rtol=1e-5)


def test_crd_draws_differ_from_step_to_step():
    memory = CRD(negatives=6, embedding_size=4).adapters(
        {"student": {"pooled": np.zeros((2, 3))}, "teacher": {"pooled": np.zeros((2, 5))}, "data": {"examples": 1000}},
        {},
    )["memory"]
    one, other = (ops.convert_to_numpy(memory.negatives(np.array([7, 9]), 6)) for _ in range(2))
    assert one.shape == (2, 7) and one[:, 0].tolist() == [7, 9] and not np.array_equal(one, other)


def test_crd_takes_each_example_by_itself_once_the_normalizers_are_set_and_the_draws_are_given():
    for given, _, settings in golden("crd"):
        memory = procedures.crd_memory(given)
        losses_of = crd_losses(settings, memory)
        losses_of(given)
        banks = [ops.convert_to_numpy(bank).copy() for bank in (memory.student_bank, memory.teacher_bank)]

        def losses(rows, given=given, losses_of=losses_of, memory=memory, banks=banks):
            memory.student_bank.assign(banks[0])
            memory.teacher_bank.assign(banks[1])
            by_example = ("student_features", "teacher_features", "contrast_index")
            chosen = {name: given[name][rows] for name in by_example}
            return ops.convert_to_numpy(losses_of({**given, **chosen}))

        whole = losses(slice(None))
        np.testing.assert_allclose(losses(slice(None, None, -1)), whole[::-1], rtol=1e-4)
        np.testing.assert_allclose(losses(slice(2, 3)), whole[2:3], rtol=1e-4)


def test_crd_scores_are_the_same_whether_rows_are_gathered_or_the_whole_bank_is_multiplied():
    generator = np.random.default_rng(0)
    embedding, bank = (generator.normal(size=(rows, 3)).astype("float32") for rows in (4, 50))
    for chosen in (generator.integers(0, 50, (4, 2)), generator.integers(0, 50, (4, 40))):
        expected = np.einsum("bs,bns->bn", embedding, bank[chosen])
        found = backend.compiled(inner_products)(embedding, bank, chosen)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_crd_is_finite_at_any_temperature_and_size_of_the_features():
    method = CRD(negatives=6, embedding_size=4, temperature=1e-3)
    features = {"pooled": 1e4 * np.random.default_rng(0).normal(size=(8, 3)).astype("float32")}
    signals = {"student": features, "teacher": features, "data": {"index": np.arange(8)}}
    adapters = method.adapters({**signals, "data": {"examples": EXAMPLES}}, {})
    variables = [variable for layer in adapters.values() for variable in layer.variables]
    losses = compiled_with_state(lambda signals: method.loss(signals, None, adapters), variables)
    for _ in range(2):
        assert np.isfinite(ops.convert_to_numpy(losses(signals))).all()


def test_crd_must_know_how_many_examples_there_are():
    with pytest.raises(UserError, match="Distiller\\(examples"):
        distill(CRD(negatives=6))


# SimKD


def test_simkd_projects_and_classifies_as_the_authors_code_does():
    for given, expected, settings in golden("simkd"):
        composite = procedures.simkd_network(given, settings)
        run = backend.compiled(lambda given, composite=composite: procedures.simkd_outputs(given, composite))
        projected, logits = run(given)
        np.testing.assert_allclose(projected, expected["projected_student_features"], atol=1e-4)
        np.testing.assert_allclose(logits, expected["student_logits"], atol=1e-4)


def test_simkd_trains_a_student_with_the_teachers_own_classifier():
    distiller = trained("simkd").distiller
    own, reused = distiller.teacher.get_layer("logits"), distiller.student.get_layer("logits")
    assert not reused.trainable and own.trainable
    for one, other in zip(own.get_weights(), reused.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [((8, 8), (4, 4), (4, 4)), ((4, 4), (8, 8), (4, 4)), ((7, 5), (3, 5), (3, 5)), ((6, 4), (4, 6), (4, 4))],
)
def test_simkd_averages_the_larger_map_down_to_the_smaller(own, others, expected, tmp_path):
    method = SimKD(student_tap="features", teacher_tap="features")
    student, teacher = procedures.network_of((*own, 3), 5), procedures.network_of((*others, 4), 5)
    composite = method.student(student, {"teacher": teacher})
    assert composite.get_layer("projected").output.shape == (None, *expected, 4)
    projected = np.zeros((2, *expected, 4), "float32")
    target = {"features": np.ones((2, *others, 4), "float32")}
    loss = method.loss({"student": {"projected": projected}, "teacher": target}, None, {})
    np.testing.assert_allclose(loss, [1, 1], rtol=1e-6)
    # What pools is a mean: it keeps a map that is one everywhere, and does not train.
    small = keras.Model(composite.input, composite.get_layer("projector_1_conv").input)
    np.testing.assert_allclose(
        outputs_of(small, np.ones((2, *own, 3), "float32")), np.ones((2, *expected, 3)), rtol=1e-6
    )
    assert not small.trainable_variables
    composite.save(tmp_path / "student.keras")
    images = np.random.default_rng(0).normal(size=(2, *own, 3)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(outputs_of(loaded, images), outputs_of(composite, images), atol=1e-6)


def test_simkd_finds_the_classifier_of_a_nested_teacher_behind_dropout_and_softmax():
    image = keras.Input((8, 8, 1))
    backbone = keras.Model(image, keras.layers.Conv2D(6, 3, name="maps")(image), name="backbone")
    teacher = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            backbone,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    method = SimKD(student_tap="stage2", teacher_tap="backbone/maps")
    distiller = distill(method, teacher=teacher, from_logits={"teacher": False, "student": True})
    found, expected = distiller.student.get_layer("logits").get_weights(), teacher.layers[-1].get_weights()
    np.testing.assert_array_equal(found[0], expected[0])


def test_simkd_refuses_what_has_no_such_classifier_and_says_which_layer_it_needs():
    image = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(4, 3, name="stage2")(image)
    flat = keras.Model(image, keras.layers.Dense(CLASSES)(keras.layers.Flatten(name="flat")(maps)), name="flat_teacher")
    with pytest.raises(UserError, match="flat_teacher.*GlobalAveragePooling2D and Dense.*'flat'"):
        distill(SimKD(**TAPS), teacher=flat)
    with pytest.raises(UserError, match="set teacher_tap to 'stage2'"):
        distill(SimKD(student_tap="stage2", teacher_tap="stage1"))
    with pytest.raises(UserError, match="student tap 'pooled'.*expected maps"):
        distill(SimKD(student_tap="pooled", teacher_tap="stage2"))
    with pytest.raises(UserError, match="no layer 'stage9'.*its layers: .*stage2"):
        distill(SimKD(student_tap="stage9", teacher_tap="stage2"))


# DML


def test_dml_and_the_label_loss_are_the_papers_loss_in_which_no_network_is_the_first():
    generator = np.random.default_rng(0)
    logits = [generator.normal(size=(6, 4)).astype("float32") for _ in range(3)]
    labels = np.arange(6) % 4

    def whole(order):
        signals = {"student": {"logits": logits[order[0]]}}
        signals.update({f"peer_{number}": {"logits": logits[one]} for number, one in enumerate(order[1:], 1)})
        return ops.convert_to_numpy(of_signals(signals))

    @backend.compiled
    def of_signals(signals):
        own = ops.sparse_categorical_crossentropy(labels, signals["student"]["logits"], from_logits=True)
        return DML().loss(signals, labels, {}) + own

    np.testing.assert_allclose(whole([0, 1, 2]), whole([2, 0, 1]), rtol=1e-5)


def test_dml_refuses_a_peer_with_other_classes():
    with pytest.raises(UserError, match="peer_1 gives 7 classes, the student 5"):
        distill(DML(), peers=[network(2, "peer", classes=7)])


# ONE


def test_one_grows_branches_that_start_apart_even_from_fixed_seeds():
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, name="trunk")(image)
    x = keras.layers.Conv2D(3, 3, kernel_initializer=keras.initializers.HeNormal(seed=1))(x)
    student = keras.Model(image, keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling2D()(x)))
    adapters = ONE(student_tap="trunk", branches=4).adapters({}, {"student": student})
    assert set(adapters) == {"gate", "branch_1", "branch_2", "branch_3"}
    kernels = [
        student.layers[2].get_weights()[0],
        *(adapters[f"branch_{n}"].layers[1].get_weights()[0] for n in (1, 2, 3)),
    ]
    for number, one in enumerate(kernels):
        assert not any(np.allclose(one, other) for other in kernels[:number])


def test_one_clones_the_third_stage_of_resnet20():
    with weights_by_numpy():
        student = resnet((32, 32, 3), 10, depth=20)
        adapters = ONE().adapters({}, {"student": student})
    names = {layer.name for layer in adapters["branch_1"].layers}
    upper = [layer for layer in student.layers if layer.name in names]
    assert {"stage3", "stage3_block1_1_conv", "logits"} <= names and "stage2" not in names
    assert adapters["branch_1"].count_params() == sum(layer.count_params() for layer in upper)
    features = np.zeros((2, 16, 16, 32), "float32")
    assert adapters["branch_2"](features).shape == (2, 10)


def test_one_weighs_its_kl_terms_by_a_number_that_may_change():
    method, (images, labels) = ONE(student_tap="stage1"), batch()
    student = network(2)
    adapters = method.adapters({}, {"student": student})
    features = outputs_of(keras.Model(student.input, [student.get_layer("stage1").output, student.output]), images)
    signals = {"student": dict(zip(("stage1", "logits"), features, strict=True))}

    @backend.compiled
    def losses(weight):
        with keras.StatelessScope():
            return method.model_copy(update={"kl_weight": weight}).loss(signals, labels, adapters)

    none, half, full = (ops.convert_to_numpy(losses(ops.convert_to_tensor(weight))) for weight in (0.0, 0.5, 1.0))
    assert (full > none).all()
    np.testing.assert_allclose(half, (none + full) / 2, rtol=1e-5)


def test_one_refuses_a_student_that_gives_probabilities_or_goes_past_the_tap():
    image = keras.Input((4,))
    x = keras.layers.Dense(4, name="a")(image)
    soft = keras.Model(image, keras.layers.Dense(CLASSES, activation="softmax")(x), name="soft")
    with pytest.raises(UserError, match="soft.*ends in a softmax"):
        Distiller(soft, terms=[ONE(student_tap="a")], from_logits=False)
    past = keras.Model(image, keras.layers.Dense(CLASSES)(keras.layers.Add()([x, image])), name="past")
    with pytest.raises(UserError, match="'a' in 'past'"):
        Distiller(past, terms=[ONE(student_tap="a")])


# BSS

KERNELS = {
    "teacher_kernel_1": np.random.default_rng(1).normal(size=(18, 4)).astype("float32"),
    "teacher_bias_1": np.zeros(4, "float32"),
    "student_kernel_1": np.random.default_rng(2).normal(size=(18, 4)).astype("float32"),
    "student_bias_1": np.zeros(4, "float32"),
}
RUN = {role: procedures.perceptron(role, KERNELS) for role in ("teacher", "student")}


def top(role, images):
    return ops.convert_to_numpy(ops.argmax(RUN[role](images), axis=-1))


def some_images(count=12):
    return np.random.default_rng(3).normal(size=(count, 3, 3, 2)).astype("float32")


def boundary(method, images, labels, seed=0):
    uniforms = np.random.default_rng(seed).uniform(size=len(images)).astype("float32")
    made = backend.compiled(
        lambda images, labels, uniforms: method.boundary_images(images, labels, lambda role, x: RUN[role](x), uniforms)
    )(ops.convert_to_tensor(images), labels, uniforms)
    return [ops.convert_to_numpy(one) for one in made]


def test_bss_walks_images_that_both_networks_have_right_across_the_teachers_boundary():
    images = some_images()
    labels = top("teacher", images)
    right = (top("student", images) == labels).sum()
    moved, weight = boundary(BSS(steps=30, clip=(-9, 9)), images, labels)
    assert 0 < right < len(images) and weight.sum() == right and len(moved) == len(images)
    starts = images[top("student", images) == labels]
    counted = moved[weight == 1]
    assert (top("teacher", counted) != top("teacher", starts)).all()
    assert not np.isclose(counted, starts).all(axis=(1, 2, 3)).any()


def test_bss_uses_images_that_did_not_cross():
    images = some_images()
    labels = top("teacher", images)
    moved, weight = boundary(BSS(steps=1, step_size=1e-3), images, labels)
    starts = images[top("student", images) == labels]
    np.testing.assert_array_equal(top("teacher", moved[weight == 1]), top("teacher", starts))
    assert weight.sum() == len(starts)


def test_bss_takes_the_images_on_which_the_networks_differ_most_when_there_are_too_many():
    images = some_images(40)
    labels = top("teacher", images)
    right = np.flatnonzero(top("student", images) == labels)
    teacher, student = (ops.convert_to_numpy(ops.softmax(RUN[role](images))) for role in ("teacher", "student"))
    apart = (teacher - student) ** 2
    apart[np.arange(40), labels] = 0
    expected = right[np.argsort(-apart.sum(1)[right])][:5]
    base_images = backend.compiled(BSS(attack_size=5).base_images)
    base, weight = base_images(RUN["teacher"](images), RUN["student"](images), labels)
    assert len(right) > 5 and ops.convert_to_numpy(base).tolist() == expected.tolist()
    assert ops.convert_to_numpy(weight).tolist() == [1] * 5


def test_bss_fills_up_with_images_that_count_so_that_wrong_ones_are_not_seen():
    logits = np.eye(4, dtype="float32") * 3
    base, weight = backend.compiled(BSS().base_images)(logits, logits, np.array([0, 1, 0, 0]))
    assert ops.convert_to_numpy(base).tolist() == [0, 1, 0, 1] and ops.convert_to_numpy(weight).tolist() == [1, 1, 0, 0]


def test_bss_draws_classes_as_often_as_the_teacher_believes_in_them():
    logits = np.log(np.array([0.7, 0.2, 0.0999, 0.0001], "float32"))
    uniforms = np.random.default_rng(0).uniform(size=2000).astype("float32")
    drawn = ops.convert_to_numpy(backend.compiled(target_classes)(np.tile(logits, (2000, 1)), uniforms))
    shares = np.bincount(drawn, minlength=4) / 2000
    np.testing.assert_allclose(shares, [0, 0.2 / 0.3, 0.0999 / 0.3, 0.0001 / 0.3], atol=0.03)


def test_bss_walks_pixels_as_it_walks_their_normalised_values():
    images = some_images()
    mean, std = np.array([0.4, 0.5], "float32"), np.array([0.2, 0.25], "float32")
    targets = (top("teacher", images) + 1) % 4
    expected = backend.compiled(lambda images: BSS().walk(images, targets, RUN["teacher"]))(
        ops.convert_to_tensor(images)
    )

    def of_pixels(pixels):
        return RUN["teacher"]((pixels / 255 - mean) / std)

    method = BSS(mean=mean.tolist(), std=std.tolist())
    pixels = ops.convert_to_tensor((images * std + mean) * 255)
    found = backend.compiled(lambda images: method.walk(images, targets, of_pixels))(pixels)
    found = (ops.convert_to_numpy(found) / 255 - mean) / std
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(found).max() < 2.5 + 1e-4


def test_bss_takes_the_standardisation_of_a_recipes_data_and_keeps_every_pixel():
    method = BSS().for_pixels(np.array([0.5, 0.1]), np.array([0.25, 0.02]))
    assert (method.mean, method.std) == ((0.5, 0.1), (0.25, 0.02))
    assert method.clip == pytest.approx((-5, 45))
    given = BSS(mean=(0.4,), std=(0.2,))
    assert given.for_pixels(np.array([0.5]), np.array([0.25])) is given
    assert BSS().for_pixels(None, None) == BSS()


def test_bss_refuses_pixels_that_its_walk_would_clip_away():
    with pytest.raises(UserError, match=r"bss: found images from 0 to 255 .* give mean and std"):
        BSS().check_images(np.array([[0.0, 255.0]]))
    BSS().check_images(np.array([[-2.4, 2.5]]))
    BSS(mean=(0.5,), std=(0.25,)).check_images(np.array([[0, 255]], "uint8"))
    distiller = distill(BSS())
    with pytest.raises(UserError, match="bss: found images from"):
        distiller.fit(100 * some_images(), np.arange(len(some_images())) % 4, verbose=0)


def test_bss_has_no_loss_when_no_image_is_right():
    images = some_images()
    moved, weight = boundary(BSS(), images, (top("teacher", images) + 1) % 4)
    assert np.isfinite(moved).all() and not weight.any()
    loss = procedures.followed(BSS(), RUN["teacher"](moved), RUN["student"](moved), weight)
    assert float(loss) == 0


def test_bss_refuses_settings_that_cannot_be():
    for wrong in ({"mean": (0.5,)}, {"clip": (1, -1)}, {"mean": (0.5,), "std": (0.0,)}):
        with pytest.raises(ValueError):
            BSS(**wrong)
    with pytest.raises(UserError, match="bss: mean has 3 numbers, the images 1 channels"):
        distill(BSS(mean=(0.5, 0.5, 0.5), std=(0.25,)))
