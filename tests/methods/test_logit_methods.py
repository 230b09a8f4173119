"""The logit methods by the identities that their papers state, and by formulas written out in NumPy."""

import keras
import networks
import numpy as np
import pytest
from keras import ops
from test_golden import value_and_gradients

from keras_kd import METHODS, Distiller
from keras_kd.methods.logit_method import LogitMethod
from keras_kd.methods.parts.targets import KINDS, Target, parse
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError

LOGIT_METHODS = {name: method for name, method in METHODS.items() if issubclass(method, LogitMethod)}
# Of these the loss at the target is not 0, or no answer is known at which it is.
NEVER_ZERO = ("ctkd", "dist", "mkl")
TARGETS = ["identity", "pt", "swap", {"sim": 0.3}, {"pt_sim": 0.3}, {"topk": 2}, {"smooth": 0.1}]
# Example of methods.md 3.7.
TEACHER = np.array([[2.0, 1.0, 0.0, -1.0], [0.5, -0.5, 3.0, 1.0]], "float32")
STUDENT = np.array([[1.0, 0.5, 0.0, 0.0], [1.0, 0.0, 1.0, 2.0]], "float32")
LABELS = np.array([0, 3])


def logits(seed, batch=6, classes=7, size=3.0):
    return (np.random.default_rng(seed).normal(size=(batch, classes)) * size).astype("float32")


def softmax(z):
    z = np.exp(np.asarray(z, "float64") - np.max(z, axis=-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


def divergence(target, probability):
    return (target * (np.log(target) - np.log(probability))).sum(-1)


def head(classes=7, features=5, seed=0):
    """A teacher that is one Dense layer, and its class vectors' cosines."""
    teacher = keras.Sequential([keras.Input((features,)), keras.layers.Dense(classes)])
    kernel = np.random.default_rng(seed).normal(size=(features, classes))
    teacher.layers[-1].kernel.assign(kernel)
    unit = kernel / np.linalg.norm(kernel, axis=0)
    return teacher, unit.T @ unit


def adapters_of(method, classes=7):
    specs = {"teacher": {"logits": keras.KerasTensor((None, classes))}}
    return method.adapters(specs, {"teacher": head(classes)[0]})


def loss(method, student, teacher, labels=None, adapters=None):
    signals = {"student": {"logits": student}, "teacher": {"logits": teacher}}
    labels = np.arange(len(student)) % student.shape[-1] if labels is None else labels
    return method.loss(signals, labels, adapters_of(method, student.shape[-1]) if adapters is None else adapters)


def value(*arguments, **options):
    return ops.convert_to_numpy(loss(*arguments, **options))


# The numbers of the papers' formulas.


@pytest.mark.both_backends
@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("kd", {}, 0.5419498964),
        ("kd", {"temperature": 1.0}, 0.4980526481),
        ("kd", {"standardize": True, "temperature": 2.0}, 0.2937905489),
        ("dkd", {"beta": 0.0}, 0.1873654028),
        ("dkd", {"alpha": 0.0, "beta": 1.0}, 0.4784083048),
        ("dkd", {}, 1.1441820125),
        ("dist", {"gamma": 0.0}, 6.2123440160),
        ("dist", {}, 6.2124031535),
        ("ttm", {"exponent": 0.25}, 0.1188870493),
        ("wttm", {"exponent": 0.25}, 0.2889825142),
    ],
)
def test_the_oracle(name, fields, expected):
    np.testing.assert_allclose(np.mean(value(METHODS[name](**fields), STUDENT, TEACHER, LABELS)), expected, rtol=1e-5)


def test_dkd_with_its_coupled_weight_is_kd():
    student, teacher, labels = logits(1), logits(2), np.arange(6)
    missing = 1 - softmax(teacher / 4)[np.arange(6), labels]
    coupled = METHODS["dkd"]().model_copy(update={"beta": missing.astype("float32")})
    np.testing.assert_allclose(
        value(coupled, student, teacher, labels), value(METHODS["kd"](), student, teacher), rtol=1e-5
    )


@pytest.mark.parametrize("exponent", [0.2, 1.0])
def test_wttm_is_ttm_weighed_by_the_sum_of_powers(exponent):
    student, teacher = logits(1), logits(2)
    weight = (softmax(teacher) ** exponent).sum(-1)
    np.testing.assert_allclose(
        value(METHODS["wttm"](exponent=exponent), student, teacher),
        weight * value(METHODS["ttm"](exponent=exponent), student, teacher),
        rtol=1e-5,
    )


@pytest.mark.parametrize("name", ["ttm", "wttm"])
def test_power_one_is_kd_at_temperature_one(name):
    student, teacher = logits(1), logits(2)
    kd = METHODS["kd"](temperature=1.0)
    np.testing.assert_allclose(
        value(METHODS[name](exponent=1.0), student, teacher), value(kd, student, teacher), rtol=1e-5
    )


def test_kd_rescales_the_gradient_at_the_label():
    weight = 0.7

    def total(student, kd_weight):
        target = ops.convert_to_tensor(np.eye(4, dtype="float32")[LABELS])
        labels = -ops.sum(target * ops.log_softmax(student, axis=-1), axis=-1)
        distilled = loss(METHODS["kd"](temperature=1.0), student, ops.convert_to_tensor(TEACHER), LABELS)
        return ops.sum((1 - kd_weight) * labels + kd_weight * distilled)

    def gradient(kd_weight):
        found = value_and_gradients(lambda inputs: total(inputs["student"], kd_weight), {"student": STUDENT})[1]
        return found["student"][np.arange(2), LABELS]

    of_teacher, of_student = (softmax(z)[np.arange(2), LABELS] for z in (TEACHER, STUDENT))
    ratio = gradient(weight) / gradient(0.0)
    np.testing.assert_allclose(ratio, 1 - weight * (1 - of_teacher) / (1 - of_student), rtol=1e-5)
    np.testing.assert_allclose(ratio[0], 0.5650423286, rtol=1e-5)


def test_squared_logits_are_the_limit_of_kd_at_high_temperatures():
    student, teacher = logits(1, size=1.0), logits(2, size=1.0)
    centred = [z - z.mean(-1, keepdims=True) for z in (student, teacher)]
    limit = value(METHODS["mse_logits"](), *centred) / (2 * 7)
    np.testing.assert_allclose(value(METHODS["kd"](temperature=100.0), student, teacher), limit, rtol=0.03)


def test_squared_logits_are_summed_over_the_classes():
    np.testing.assert_allclose(
        value(METHODS["mse_logits"](), STUDENT, TEACHER), ((STUDENT - TEACHER) ** 2).sum(-1), rtol=1e-6
    )


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_reverse_kl_and_jensen_shannon_by_hand(temperature):
    student, teacher = logits(1), logits(2)
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    mean = (p + q) / 2
    reverse = METHODS["reverse_kl"](temperature=temperature)
    symmetric = METHODS["jensen_shannon"](temperature=temperature)
    np.testing.assert_allclose(value(reverse, student, teacher), temperature**2 * divergence(q, p), rtol=1e-4)
    by_hand = temperature**2 * (divergence(p, mean) + divergence(q, mean)) / 2
    np.testing.assert_allclose(value(symmetric, student, teacher), by_hand, rtol=1e-4)
    np.testing.assert_allclose(value(symmetric, teacher, student), by_hand, rtol=1e-4)


def test_jensen_shannon_has_a_greatest_value():
    student, teacher = np.array([[1e4, 0.0]], "float32"), np.array([[0.0, 1e4]], "float32")
    np.testing.assert_allclose(value(METHODS["jensen_shannon"](temperature=2.0), student, teacher), 4 * np.log(2))


def test_hard_labels_are_the_teachers_first_classes():
    by_hand = -np.log(softmax(STUDENT)[np.arange(2), TEACHER.argmax(-1)])
    np.testing.assert_allclose(value(METHODS["hard_labels"](), STUDENT, TEACHER), by_hand, rtol=1e-5)


def test_label_smoothing_by_hand_and_without_a_teacher():
    method = METHODS["label_smoothing"](smoothing=0.2)
    target = 0.8 * np.eye(4)[LABELS] + 0.2 / 4
    found = method.loss({"student": {"logits": STUDENT}}, LABELS, {})
    np.testing.assert_allclose(ops.convert_to_numpy(found), -(target * np.log(softmax(STUDENT))).sum(-1), rtol=1e-5)
    best = method.matched({}, np.array([0, 3]))["logits"]
    np.testing.assert_allclose(softmax(best), target, rtol=1e-5)


def test_rld_by_hand_where_the_teacher_is_right_wrong_and_wholly_wrong():
    teacher = np.array([[3.0, 1.0, 0.5, 0.0], [3.0, 1.0, 2.0, 0.0], [3.0, 1.0, 2.0, 0.0]], "float32")
    student, labels = logits(1, batch=3, classes=4), np.array([0, 2, 3])
    method = METHODS["rld"](alpha=1.5, beta=2.0, temperature=4.0, alpha_temperature=2.0)
    expected = []
    for s, t, y in zip(student, teacher, labels, strict=True):
        first, of_label = softmax(t / 2).max(), softmax(s / 2)[y]
        confidence = divergence(np.array([first, 1 - first]), np.array([of_label, 1 - of_label]))
        below = t < t[y]
        relations = divergence(softmax(t[below] / 4), softmax(s[below] / 4)) if below.any() else 0.0
        expected.append(1.5 * 4 * confidence + 2.0 * 16 * relations)
    np.testing.assert_allclose(value(method, student, teacher, labels), expected, rtol=1e-4)


# CTKD: the temperature is trained against the student.


def test_the_temperature_starts_between_its_ends_and_scales_kd():
    method = METHODS["ctkd"](temperature_start=2.0, temperature_range=10.0)
    temperature = 2 + 10 / (1 + np.exp(-1))
    np.testing.assert_allclose(float(method.temperature(adapters_of(method))), temperature, rtol=1e-6)
    kd = METHODS["kd"](temperature=temperature)
    np.testing.assert_allclose(value(method, logits(1), logits(2)), value(kd, logits(1), logits(2)), rtol=1e-4)


@pytest.mark.both_backends
@pytest.mark.parametrize("reversal", [-1.0, -0.5, 0.0, 2.0])
def test_the_temperatures_gradient_is_reversed(reversal):
    class Given:
        def __init__(self, theta):
            self.value = theta

    def mean(theta, reversal):
        method = METHODS["ctkd"](reversal=reversal)
        return ops.mean(loss(method, logits(1), logits(2), adapters={"temperature": Given(theta)}))

    found = value_and_gradients(lambda inputs: mean(inputs["theta"], reversal), {"theta": np.float32(1.0)})[1]
    difference = (mean(np.float32(1.1), reversal) - mean(np.float32(0.9), reversal)) / 0.2
    np.testing.assert_allclose(found["theta"], reversal * float(difference), rtol=0.02, atol=1e-6)


@pytest.mark.both_backends
def test_training_moves_the_temperature_to_where_the_loss_is_larger():
    # Given weights: of drawn ones a step is now and then too long.
    (student, _), (teacher, _) = head(seed=1), head()
    images, method = logits(0, classes=5), METHODS["ctkd"]()
    distiller = Distiller(student, teacher, method, label_weight=0.0)
    adapters = distiller.adapters["0"]
    outputs = [network(images) for network in (student, teacher)]
    before = np.mean(value(method, *outputs, adapters=adapters))
    distiller.compile(optimizer=keras.optimizers.SGD(0.1))
    distiller.fit(images, np.zeros(6), verbose=0)
    assert float(ops.convert_to_tensor(adapters["temperature"].value)) != 1.0
    assert np.mean(value(method, *outputs, adapters=adapters)) > before


# Standardised logits.


@pytest.mark.parametrize("name", LOGIT_METHODS)
def test_shift_and_scale_of_standardised_logits_do_not_matter(name):
    method, student, teacher = LOGIT_METHODS[name](standardize=True), logits(1), logits(2)
    straight = value(method, student, teacher)
    assert np.abs(straight - value(LOGIT_METHODS[name](), student, teacher)).max() > 1e-3
    np.testing.assert_allclose(value(method, 5 * student + 2, teacher), straight, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(value(method, student, 0.3 * teacher - 1), straight, rtol=1e-3, atol=1e-5)


def test_standardised_logits_are_z_scores_with_the_unbiased_deviation():
    student, teacher = logits(1), logits(2)
    scores = [(z - z.mean(-1, keepdims=True)) / z.std(-1, ddof=1, keepdims=True) for z in (student, teacher)]
    plain, standardized = METHODS["kd"](temperature=2.0), METHODS["kd"](temperature=2.0, standardize=True)
    np.testing.assert_allclose(value(standardized, student, teacher), value(plain, *scores), rtol=1e-5)


# Numbers of any size.


def finite(method):
    """Whether loss and gradient are finite for students far from their teacher, equal to it and without preference."""
    teacher = np.concatenate([1e4 * np.sign(logits(2, batch=3))] * 3).astype("float32")
    student = np.concatenate([1e4 * np.sign(logits(1, batch=3)), teacher[3:6], np.full((3, 7), 1e4)]).astype("float32")
    adapters = adapters_of(method)

    def mean(inputs):
        return ops.mean(loss(method, inputs["student"], ops.convert_to_tensor(teacher), adapters=adapters))

    found, gradients = value_and_gradients(mean, {"student": student})
    return np.isfinite(found) and np.isfinite(gradients["student"]).all()


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("name", LOGIT_METHODS)
def test_loss_and_gradient_are_finite_for_logits_of_ten_thousand(name, standardize):
    assert finite(LOGIT_METHODS[name](standardize=standardize))


@pytest.mark.parametrize("name", ["kd", "dkd"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_targets_are_finite_for_logits_of_ten_thousand(name, target):
    assert finite(METHODS[name](target=target))


# Targets in place of the teacher's distribution.


def by_hand(name, number, p, labels, cosines):
    """The target in NumPy, an example at a time."""
    classes, found = p.shape[1], []
    for row, y in zip(p, labels, strict=True):
        other = np.arange(classes) != y
        if name == "pt":
            rho = np.where(other, (1 - row[y]) / (classes - 1), row[y])
        elif name == "sim":
            rho = softmax(cosines[y] / number)
        elif name == "pt_sim":
            similar = softmax(cosines[y] / number)
            rho = np.where(other, (1 - row[y]) * similar / similar[other].sum(), row[y])
        elif name == "topk":
            kept = np.argsort(-row)[:number]
            rho = np.full(classes, (1 - row[kept].sum()) / (classes - number))
            rho[kept] = row[kept]
        elif name == "smooth":
            rho = (1 - number) * row + number / classes
        elif name == "swap":
            rho = row.copy()
            rho[[y, row.argmax()]] = rho[[row.argmax(), y]]
        else:
            rho = row
        found.append(rho)
    return np.array(found)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("given", TARGETS, ids=str)
def test_a_target_by_hand(given, temperature):
    teacher, labels, (_, cosines) = logits(2), np.array([0, 1, 2, 3, 4, 5]), head()
    target = parse(given)
    expected = by_hand(target.name, target.number, softmax(teacher / temperature), labels, cosines)
    changed = target.logits(teacher, labels, temperature, cosines.astype("float32"))
    np.testing.assert_allclose(softmax(ops.convert_to_numpy(changed) / temperature), expected, rtol=1e-4, atol=1e-6)
    kd, adapters = METHODS["kd"](temperature=temperature, target=given), adapters_of(METHODS["kd"](target=given))
    by_kd = temperature**2 * divergence(expected, softmax(logits(1) / temperature))
    np.testing.assert_allclose(value(kd, logits(1), teacher, labels, adapters), by_kd, rtol=1e-4)


def test_every_target_is_tried():
    assert {parse(given).name for given in TARGETS} == set(KINDS)


@pytest.mark.parametrize("name", LOGIT_METHODS)
def test_topk_of_all_classes_is_the_teacher(name):
    plain, topk = LOGIT_METHODS[name](), LOGIT_METHODS[name](target={"topk": 7})
    student, teacher = logits(1), logits(2)
    if not plain.shift_invariant:
        # A target names a distribution; its logits are those without a constant of their own.
        teacher = np.log(softmax(teacher)).astype("float32")
    np.testing.assert_allclose(value(topk, student, teacher), value(plain, student, teacher), rtol=1e-3)


def test_topk_keeps_as_many_as_asked_of_equal_ones():
    shown = Target("topk", 2).logits(np.zeros((1, 5), "float32"), None, 1.0)
    np.testing.assert_allclose(softmax(ops.convert_to_numpy(shown)), 0.2, rtol=1e-6)
    tied = np.log([[0.4, 0.2, 0.2, 0.1, 0.1]]).astype("float32")
    kept = softmax(ops.convert_to_numpy(Target("topk", 2).logits(tied, None, 1.0)))[0]
    np.testing.assert_allclose(kept, [0.4, 0.2, 0.4 / 3, 0.4 / 3, 0.4 / 3], rtol=1e-5)


@pytest.mark.parametrize("target", ["pt", "swap", {"topk": 2}, {"smooth": 0.1}], ids=str)
@pytest.mark.parametrize(
    "name",
    [name for name, one in LOGIT_METHODS.items() if one.zero_when_matched and name not in ("ctkd", "dist", "mkl")],
)
def test_a_student_that_says_the_target_loses_nothing(name, target):
    method, teacher, labels = LOGIT_METHODS[name](target=target), logits(2), np.array([0, 1, 2, 3, 4, 5])
    best = ops.convert_to_numpy(method.matched({"teacher": {"logits": teacher}}, labels)["logits"])
    np.testing.assert_allclose(value(method, best, teacher, labels), 0, atol=1e-4)
    assert np.max(value(method, teacher, teacher, labels)) > 1e-3 or name in ("hard_labels", "rld")


def test_the_minimum_is_known_only_where_it_is_reached():
    signals, labels = {"teacher": {"logits": logits(2)}}, np.arange(6)
    assert METHODS["kd"](target={"sim": 0.3}).matched(signals, labels) is None
    assert METHODS["kd"](standardize=True, target="pt").matched(signals, labels) is None
    assert METHODS["ttm"](standardize=True).matched(signals, labels) is None
    assert METHODS["kd"](standardize=True).matched(signals, labels) is not None


@pytest.mark.parametrize("name", LOGIT_METHODS)
def test_a_target_that_reads_labels_says_so(name):
    method = LOGIT_METHODS[name]
    assert method.needs_labels == method().needs_labels == (name in ("dkd", "rld", "mkl", "nkd"))
    assert method(target="pt").needs_labels and method(target={"sim": 0.3}).needs_labels
    assert method(target={"topk": 3}).needs_labels == method.needs_labels


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (METHODS["kd"](target="pt"), "kd: its target pt reads the labels, and none were given; give them to fit, or "),
        (METHODS["dkd"](), "dkd: it reads the labels, and none were given; give them to fit, or use another method"),
        (METHODS["label_smoothing"](), "label_smoothing: it reads the labels, and none were given; give them to fit"),
    ],
)
def test_missing_labels_are_named(method, message):
    with pytest.raises(UserError) as error:
        method.loss({"student": {"logits": STUDENT}, "teacher": {"logits": TEACHER}}, None, {})
    assert str(error.value).startswith(message)


# The class vectors of the teacher, for `sim`.


def test_sim_reads_the_last_dense_layer_of_nested_models_and_trains_nothing():
    inner, cosines = head()
    teacher = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5), inner, keras.layers.Activation("linear")])
    student = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7)])
    distiller = Distiller(student, teacher, METHODS["kd"](target={"sim": 0.3}), label_weight=0.0)
    relations = distiller.adapters["0"]["class_relations"]
    assert not relations.trainable_variables
    distiller.compile(optimizer="sgd")
    distiller.fit(logits(0, classes=5), np.arange(6), verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(relations.value), cosines, atol=1e-6)


def test_sim_refuses_a_teacher_without_class_vectors():
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(5, 3)(inputs))
    teacher = keras.Model(inputs, outputs, name="convolutional")
    with pytest.raises(UserError) as error:
        Distiller(networks.cnn(3), teacher, METHODS["kd"](target={"sim": 0.3}))
    assert str(error.value) == (
        "kd: target sim reads the kernel of the teacher's last Dense layer, and 'convolutional' has none with 5 units; "
        "use a target that reads the logits alone, such as pt or topk"
    )


def test_sim_refuses_a_teacher_of_several_networks():
    inputs = keras.Input((8, 8, 1))
    members = [networks.cnn(3, name=name) for name in ("first", "second")]
    teacher = keras.Model(inputs, keras.layers.Average()([member(inputs) for member in members]), name="both")
    with pytest.raises(UserError, match="'both' has one in each of first, second; give a teacher that is one network"):
        Distiller(networks.cnn(3), teacher, METHODS["kd"](target={"pt_sim": 0.3}))


# What a recipe may write.


@pytest.mark.parametrize("given", TARGETS, ids=str)
def test_a_target_reads_back_as_it_was_written(given):
    method = METHODS["kd"](target=given)
    assert method.model_dump(mode="json")["target"] == given
    assert METHODS["kd"](**method.model_dump(mode="json")) == method == METHODS["kd"](target=method.target)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("ptt", "is 'ptt'; expected one of identity, pt, sim, pt_sim, topk, smooth, swap, or one with its number, "),
        ("topk", "is 'topk'; expected topk with its k, a whole number, 1 or more, such as {topk: 5}"),
        ("{topk: 0}", "is a mapping; expected topk with its k, a whole number, 1 or more, such as {topk: 5}"),
        ("{sim: -1}", "is a mapping; expected sim with its temperature, a number above 0, such as {sim: 0.3}"),
        ("{smooth: 1}", "is a mapping; expected smooth with its share, a number between 0 and 1, such as {smooth: 0.1"),
        ("{pt: 2}", "is a mapping; expected pt alone, since it has no number"),
        ("[pt]", "is a list of 1; expected one of identity, pt, sim, pt_sim, topk, smooth, swap"),
    ],
)
def test_a_wrong_target_is_explained(tmp_path, written, message):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "data: digits\nteacher: resnet14\nstudent: resnet8\nfit: {epochs: 1}\n"
        f"terms:\n  - {{method: kd, target: {written}}}\n"
    )
    with pytest.raises(UserError) as error:
        load(path)
    assert f"bad.yaml:6: terms[0].target: {message}" in str(error.value)


@pytest.mark.parametrize("name", LOGIT_METHODS)
def test_other_classes_are_refused(name):
    specs = {role: {"logits": keras.KerasTensor((None, count))} for role, count in (("teacher", 7), ("student", 5))}
    method = LOGIT_METHODS[name]()
    with pytest.raises(UserError) as error:
        method.check(specs)
    assert str(error.value) == (
        f"{name}: the teacher gives 7 classes, the student 5; both must name the same classes "
        "in the same order: give the student's last layer as many units as the teacher's"
    )


def test_topk_of_more_than_all_classes_is_refused():
    specs = {role: {"logits": keras.KerasTensor((None, 7))} for role in ("teacher", "student")}
    METHODS["kd"](target={"topk": 7}).check(specs)
    with pytest.raises(UserError, match=r"kd: target topk keeps 8 classes, and the teacher gives 7; expected 1\.\.7"):
        METHODS["kd"](target={"topk": 8}).check(specs)


@pytest.mark.parametrize(
    ("name", "fields", "other", "its_fields"),
    [
        ("mkl", {"factors": [0]}, "kd", {}),
        ("skew_kl", {"skew": 0}, "kd", {}),
        ("skew_kl", {"skew": 0, "reverse": True}, "reverse_kl", {}),
        ("gkd", {"beta": 0}, "kd", {}),
        ("gkd", {"beta": 1}, "reverse_kl", {}),
        ("gkd", {"beta": 0.5}, "jensen_shannon", {}),
        ("abkd", {"alpha": 1, "beta": 0}, "kd", {}),
        ("abkd", {"alpha": 0, "beta": 1}, "reverse_kl", {}),
    ],
)
def test_a_family_of_divergences_holds_those_that_are_known(name, fields, other, its_fields):
    student, teacher = logits(0), logits(1)
    np.testing.assert_allclose(
        value(METHODS[name](**fields, temperature=3.0), student, teacher),
        value(METHODS[other](**its_fields, temperature=3.0), student, teacher),
        rtol=2e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("sides", [(0.7, 0.0), (0.0, 0.7)])
def test_the_limits_of_the_alpha_beta_divergence_are_limits(sides):
    student, teacher = logits(0), logits(1)
    near = METHODS["abkd"](**dict(zip(("alpha", "beta"), (max(one, 2e-3) for one in sides), strict=True)))
    at = METHODS["abkd"](**dict(zip(("alpha", "beta"), sides, strict=True)))
    np.testing.assert_allclose(value(near, student, teacher), value(at, student, teacher), rtol=0.02)
    with pytest.raises(ValueError, match="alpha and beta are both 0; expected one of them above 0"):
        METHODS["abkd"](alpha=0, beta=0)


def test_normkd_is_kd_of_standardised_logits_at_the_teachers_own_temperature():
    student, teacher = logits(0), logits(1)
    standardised = value(METHODS["kd"](standardize=True, temperature=2.0), student, teacher) / 4
    temperatures = 2 * teacher.std(axis=-1, ddof=1)
    np.testing.assert_allclose(value(METHODS["normkd"](), student, teacher), temperatures**2 * standardised, rtol=1e-4)
    # A row of equal logits, of which the published code makes NaN.
    assert np.isfinite(value(METHODS["normkd"](), np.ones_like(student), teacher)).all()


def test_ea_kd_weighs_by_entropies_in_which_the_student_learns_nothing():
    student, teacher = logits(0), logits(1)
    entropies = [-(p * np.log(p)).sum(-1) for p in (softmax(one / 3.0) for one in (teacher, student))]
    weight = entropies[0] / 2 * (1 + entropies[1] / np.log(7))
    expected = weight * value(METHODS["kd"](), student, teacher)
    np.testing.assert_allclose(value(METHODS["ea_kd"](), student, teacher), expected, rtol=1e-4)
