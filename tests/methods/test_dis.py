"""DIS: sums over drawn classes are unbiased, all classes once are KD, and the drawing is what its probabilities say."""

import numpy as np
import pytest
from keras import ops
from test_golden import value_and_gradients

from keras_kd import DIS, KD
from keras_kd.methods.parts import class_sampling as sampling
from keras_kd.methods.parts.class_sampler import ClassSampler
from keras_kd.methods.parts.random_draws import RandomDraws
from keras_kd.training.laws import LAWS, check_laws
from keras_kd.utils.errors import UserError

# A mean of so many draws is further off than so many of its standard errors once in 15,000 tries.
DRAWN, ERRORS = 20_000, 4.0


def logits(seed, batch=4, classes=30, size=3.0):
    return (np.random.default_rng(seed).normal(size=(batch, classes)) * size).astype("float32")


def loss(method, student, teacher, adapters=None):
    signals = {"student": {"logits": student}, "teacher": {"logits": teacher}}
    if adapters is None:
        adapters = method.adapters({"teacher": {"logits": teacher}}, {})
    return method.loss(signals, None, adapters)


def draws_of(seed):
    draws = RandomDraws()
    draws.seed_generator.state.assign(np.array([seed, 0], "uint32"))
    return draws


def off_by(values, expected):
    """How many standard errors the mean of values is from what is expected, the largest of the last axis's."""
    values = np.asarray(values, "float64")
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return np.abs((values.mean(axis=0) - expected) / error).max()


# Where nothing is drawn.


@pytest.mark.both_backends
@pytest.mark.parametrize("samples", [None, 30])
@pytest.mark.parametrize("proposal", ["rank", "uniform"])
def test_all_classes_are_kd_in_value_and_gradient(samples, proposal):
    student, teacher = logits(1), logits(2)
    method = DIS(temperature=2.0, samples=samples, proposal=proposal)
    assert method.adapters({"teacher": {"logits": teacher}}, {}) == {}
    found, expected = (
        value_and_gradients(lambda given, one=one: ops.mean(loss(one, given["s"], teacher, {})), {"s": student})
        for one in (method, KD(temperature=2.0))
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(found[1]["s"], expected[1]["s"], atol=1e-6)


def test_equal_weights_of_all_classes_are_kd_by_the_drawn_form_too():
    student, teacher = logits(1), logits(2)
    log_weights = sampling.log_weights_of(np.full(30, np.log(1 / 30), "float32"), 30)
    np.testing.assert_allclose(log_weights, 0, atol=1e-6)
    found = sampling.sampled_divergence(teacher, student, log_weights)
    np.testing.assert_allclose(found, loss(KD(temperature=1.0), student, teacher), rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 63, 64, 65, 640, 641, 700, 100_000])
def test_the_number_of_classes_by_default(classes):
    expected = classes if classes <= 64 else max(64, classes // 10)
    assert DIS().number_of(classes) == expected and DIS().draws_from(classes) == (classes > 64)


# What is drawn.


@pytest.mark.parametrize(("scale", "tail"), [(0.125, 0.3), (0.02, 0.0), (1.0, 5.0)])
def test_the_probabilities_of_ranks_are_the_mixture(scale, tail):
    rank = np.arange(50)
    by_hand = np.exp(-rank / (50 * scale)) + tail * np.exp(-(49 - rank) / (50 * scale))
    found = np.exp(sampling.log_rank_probabilities(50, scale, tail))
    np.testing.assert_allclose(found, by_hand / by_hand.sum(), rtol=1e-4)


@pytest.mark.parametrize(("scale", "tail"), [(0.125, 0.3), (0.05, 0.0), (1.0, 5.0)])
def test_ranks_are_drawn_as_often_as_their_probabilities_say(scale, tail):
    uniforms = np.random.default_rng(0).uniform(size=(200_000, 3)).astype("float32")
    ranks = np.asarray(sampling.ranks_of(np.minimum(uniforms, 1 - 2**-24), 40, scale, tail))
    expected = np.exp(np.asarray(sampling.log_rank_probabilities(40, scale, tail), "float64"))
    seen = np.bincount(ranks, minlength=40) / len(ranks)
    assert len(seen) == 40
    assert (np.abs(seen - expected) < 4.5 * np.sqrt(expected / len(ranks)) + 1e-6).all()


def test_the_ends_of_the_uniform_numbers_are_ranks():
    ends = np.array([[a, b, c] for a in (0, 1 - 2**-24) for b in (0, 1 - 2**-24) for c in (0, 1 - 2**-24)], "float32")
    for scale in (1e-3, 0.125, 1e3):
        ranks = np.asarray(sampling.ranks_of(ends, 10, scale, 0.3))
        assert ranks.min() >= 0 and ranks.max() <= 9


def test_the_grain_of_uniform_numbers_is_not_seen_with_very_many_classes():
    """Of the numbers that a rank in the middle is drawn by, float32 alone has 10 to 12: some ranks would have a tenth
    more than their neighbours."""
    classes, scale = 100_000, 0.125
    coarse = np.arange(2**23 // 64, 2**23 // 48, dtype="float64") / 2**23
    for fine, most in ((np.zeros(1), None), (np.linspace(0, 1, 64, endpoint=False), 0.02)):
        uniforms = np.zeros((len(coarse), len(fine), 3), "float32")
        uniforms[..., 1], uniforms[..., 2] = coarse[:, None], fine
        times = np.bincount(np.asarray(sampling.ranks_of(uniforms, classes, scale, 0.0)).ravel())
        times = times[times > 0][1:-1]
        uneven = np.abs(times / np.convolve(times, np.ones(9) / 9, "same") - 1)[10:-10].max()
        assert uneven > 0.05 if most is None else uneven < most, uneven


@pytest.mark.parametrize("proposal", ["rank", "uniform"])
def test_the_likeliest_classes_are_those_that_differ_most(proposal, monkeypatch):
    teacher, student = np.zeros((1, 200), "float32"), np.zeros((1, 200), "float32")
    teacher[0, 17], student[0, 120] = 4.0, 3.0
    method = DIS(samples=100, proposal=proposal, temperature=1.0, scale=0.02)
    seen, whole = [], sampling.sampled_divergence
    monkeypatch.setattr(
        sampling, "sampled_divergence", lambda t, s, w: seen.append((np.asarray(t), np.asarray(s))) or whole(t, s, w)
    )
    loss(method, student, teacher, {"draws": draws_of(0)})
    ((of_teacher, of_student),) = seen
    assert of_teacher.shape == (1, 100)
    # At least ten of a hundred draws where the first ranks have a quarter each; one in 200 where all are alike.
    assert ((of_teacher == 4).sum() >= 8) == (proposal == "rank")
    assert ((of_student == 3).sum() >= 8) == (proposal == "rank")


# Sums over what is drawn.


@pytest.mark.parametrize("proposal", ["rank", "uniform"])
def test_the_weighted_sums_are_unbiased_and_sums_with_other_weights_are_not(proposal):
    values = np.exp(logits(3, batch=1, size=1.0)[0].astype("float64"))
    method = DIS(samples=6, proposal=proposal)
    ranks, log_weights = (np.asarray(one) for one in method.ranks((DRAWN, 6), 30, draws_of(3)))
    estimates = (np.exp(log_weights.astype("float64")) * values[ranks]).sum(-1)
    assert off_by(estimates, values.sum()) < ERRORS
    # The same test sees the plain mean times the number of classes, where q is not uniform, and one sample too many.
    assert off_by(estimates * 6 / 5, values.sum()) > 3 * ERRORS
    plain = 30 * values[ranks].mean(-1)
    assert (off_by(plain, values.sum()) > 3 * ERRORS) == (proposal == "rank")


def test_the_sums_of_the_teachers_logits_are_unbiased_and_their_logarithm_nearly_so():
    teacher = logits(4, batch=1, size=1.0)
    exact = np.log(np.exp(teacher.astype("float64")).sum())
    off = []
    for samples in (20, 80):
        drawn = DIS(samples=samples).ranks((DRAWN, samples), 30, draws_of(4))
        ranks, log_weights = (np.asarray(one) for one in drawn)
        found = np.asarray(sampling.log_partition(teacher[0][ranks], log_weights), "float64")[:, 0]
        assert off_by(np.exp(found), np.exp(exact)) < ERRORS
        off.append(exact - found.mean())
    # Below the true one by Jensen's inequality, by a part in m.
    assert 0 < off[1] < off[0] and 2.5 < off[0] / off[1] < 6.5


@pytest.mark.parametrize("proposal", ["rank", "uniform"])
def test_the_gradient_comes_near_to_kds_with_the_number_of_classes(proposal):
    student, teacher = logits(5, batch=2, classes=60, size=1.0), logits(6, batch=2, classes=60, size=1.0)
    kd = value_and_gradients(lambda given: ops.sum(loss(KD(temperature=1.0), given["s"], teacher, {})), {"s": student})[
        1
    ]["s"]
    many = [np.repeat(one, 1500, axis=0) for one in (student, teacher)]
    off = []
    for samples in (5, 40):
        method = DIS(temperature=1.0, samples=samples, proposal=proposal)
        draws = {"draws": draws_of(5)}

        def total(given, method=method, draws=draws):
            return ops.sum(loss(method, given["s"], many[1], draws))

        found = value_and_gradients(total, {"s": many[0]})
        mean = found[1]["s"].reshape(2, 1500, 60).mean(axis=1)
        off.append(np.linalg.norm(mean - kd) / np.linalg.norm(kd))
    assert off[1] < 0.1 and off[1] < off[0] / 2


def test_labels_are_certain_and_the_rest_is_unbiased():
    values = np.exp(logits(7, batch=1, size=1.0)[0].astype("float64"))
    labels = np.argsort(-values)[[0, 1, 0, 2]]
    method = DIS(samples=6)
    ranks, log_weights = (np.asarray(one) for one in method.ranks((4000, 6), 30, draws_of(6)))
    estimates, twice = [], []
    for drawn, weights in zip(ranks, log_weights, strict=True):
        same = (labels[:, None] == labels).sum(-1)
        chosen, log_w = np.concatenate([labels, drawn]), np.concatenate([-np.log(same), weights])
        twice.append((np.exp(log_w) * values[chosen]).sum())
        log_w[4:][np.isin(drawn, labels)] = -np.inf
        estimates.append((np.exp(log_w) * values[chosen]).sum())
    assert off_by(estimates, values.sum()) < ERRORS
    found, found_weights = (np.asarray(one) for one in sampling.with_labels(labels, ranks[-1], log_weights[-1]))
    assert found.tolist() == chosen.tolist()
    np.testing.assert_allclose(np.exp(found_weights.astype("float64")), np.exp(log_w), rtol=1e-5)
    # Counted as labels and, where they are drawn, once more they would be too heavy: the test sees it.
    assert off_by(twice, values.sum()) > 3 * ERRORS


@pytest.mark.parametrize("seed", range(5))
def test_the_label_loss_is_never_below_zero_and_of_all_classes_is_the_cross_entropy(seed):
    student, labels = logits(seed, batch=6, size=6.0), np.array([0, 4, 4, 29, 7, 0])
    ranks, log_weights = DIS(samples=5).ranks((5,), 30, draws_of(seed))
    classes, log_weights = sampling.with_labels(labels, ranks, log_weights)
    of_label = student[np.arange(6), labels]
    found = sampling.sampled_label_loss(of_label, np.take(student, np.asarray(classes), axis=1), log_weights)
    assert np.min(np.asarray(found)) > -1e-4
    whole = sampling.sampled_label_loss(of_label, student, np.zeros(30, "float32"))
    expected = ops.sparse_categorical_crossentropy(labels, student, from_logits=True)
    np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("class_axis", [0, 1])
@pytest.mark.parametrize("biased", [False, True])
def test_logits_at_some_classes_are_those_of_the_whole_layer(class_axis, biased):
    generator = np.random.default_rng(0)
    features, kernel = generator.normal(size=(4, 5)).astype("float32"), generator.normal(size=(5, 9)).astype("float32")
    bias, classes = generator.normal(size=9).astype("float32") if biased else None, np.array([7, 0, 7])
    whole = features @ kernel + (bias if biased else 0)
    given = kernel if class_axis == 1 else np.ascontiguousarray(kernel.T)
    found = sampling.logits_at(classes, features, given, bias, class_axis=class_axis)
    np.testing.assert_allclose(found, whole[:, classes], rtol=1e-5)


# Numbers of any size, and the laws where classes are drawn.


def test_weights_over_many_orders_of_magnitude_stay_finite():
    teacher, student = logits(1, size=1e4), logits(2, size=1e4)
    log_weights = np.linspace(-200, 200, 30).astype("float32")
    for function in (sampling.sampled_cross_entropy, sampling.sampled_divergence):
        value, gradients = value_and_gradients(
            lambda given, function=function: ops.mean(function(teacher, given["s"], log_weights)), {"s": student}
        )
        assert np.isfinite(value) and np.isfinite(gradients["s"]).all()


@pytest.mark.parametrize("method", [DIS(samples=2), DIS(samples=3, proposal="uniform")], ids=["rank", "uniform"])
def test_the_laws_hold_where_classes_are_drawn(method):
    # One class more is another draw; without drawing it adds nothing (test_laws).
    check_laws(method, laws=[law for law in LAWS if law != "a class that no network believes in adds nothing"])


@pytest.mark.both_backends
def test_every_step_draws_anew_and_goes_on_from_where_it_was_saved():
    method, student, teacher = DIS(samples=5), logits(1), logits(2)
    draws = draws_of(1)
    first, second = (np.asarray(loss(method, student, teacher, {"draws": draws})) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    store, other = {}, draws_of(2)
    draws.save_own_variables(store)
    other.load_own_variables(store)
    third, again = (np.asarray(loss(method, student, teacher, {"draws": one})) for one in (draws, other))
    np.testing.assert_array_equal(third, again)


# What a batch shares.


def test_the_sampler_ranks_by_what_it_saw_and_remembers_half():
    sampler, method = ClassSampler(200), DIS(samples=60, scale=0.02, tail=0.0)
    zeros = np.zeros(3, "float32")
    teacher = np.log(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], "float32"))
    student = np.log(np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]], "float32"))
    sampler.remember(np.array([150, 151, 152]), teacher, student, zeros)
    difference = np.asarray(sampler.difference)
    np.testing.assert_allclose(difference[150:153], [0.0625, 0, 0.0625], atol=1e-6)
    assert np.count_nonzero(difference) == 2
    sampler.remember(np.array([150, 150, 152]), teacher, student, zeros)
    np.testing.assert_allclose(np.asarray(sampler.difference)[152], 0.0625 / 2 + 0.0625, atol=1e-6)
    chosen, log_weights = sampler.draw(method)
    # Their ranks are the first two: each of 60 draws is one of them in four cases of ten.
    assert np.isin(np.asarray(chosen), [150, 152]).sum() >= 10
    assert chosen.shape == log_weights.shape == (60,)


def test_the_sampler_takes_every_class_once_where_all_are_asked_for():
    chosen, log_weights = ClassSampler(40).draw(DIS())
    assert np.asarray(chosen).tolist() == list(range(40)) and not np.asarray(log_weights).any()


@pytest.mark.parametrize("proposal", ["rank", "uniform"])
def test_sums_over_what_the_sampler_draws_are_unbiased(proposal):
    sampler, method = ClassSampler(50), DIS(samples=30, proposal=proposal)
    sampler.difference.assign(np.random.default_rng(1).uniform(size=50))
    sampler.draws.seed_generator.state.assign(np.array([7, 0], "uint32"))
    values, estimates = np.exp(np.random.default_rng(2).normal(size=50)), []
    for _ in range(300):
        chosen, log_weights = (np.asarray(one) for one in sampler.draw(method))
        estimates.append((np.exp(log_weights.astype("float64")) * values[chosen]).sum())
    assert off_by(estimates, values.sum()) < ERRORS
    assert off_by(np.multiply(estimates, 1.3), values.sum()) > 2 * ERRORS


# What is refused.


def test_more_classes_than_there_are_is_an_error():
    specs = {role: {"logits": np.zeros((1, 10))} for role in ("student", "teacher")}
    DIS(samples=10).check(specs)
    with pytest.raises(UserError) as error:
        DIS(samples=11).check(specs)
    assert str(error.value) == (
        "dis: samples is 11, and the networks give 10 classes; expected 2..10: with 10 each is taken once, as kd does"
    )


@pytest.mark.parametrize("fields", [{"samples": 1}, {"proposal": "gauss"}, {"scale": 0}, {"tail": -1}, {"smaples": 3}])
def test_settings_that_mean_nothing_are_refused(fields):
    with pytest.raises(UserError, match="^DIS: "):
        DIS(**fields)
