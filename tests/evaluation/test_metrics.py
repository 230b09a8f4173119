"""What the metrics are: against scikit-learn and SciPy, against loops, against the laws they obey, and at the edges."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from scipy.stats import linregress, t, ttest_rel
from sklearn.metrics import accuracy_score, log_loss

from keras_kd.evaluation import metrics
from keras_kd.evaluation.metrics.paired import paired_interval
from keras_kd.evaluation.metrics.probabilities import log_odds
from keras_kd.report.summarize import summarize
from keras_kd.utils.errors import UserError

SEEDS = range(3)


def random_case(images=200, classes=7, seed=0, scale=3.0):
    """Student and teacher logits that know something of the labels, and the labels, every class among them."""
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, images - classes)])
    student, teacher = generator.normal(scale=scale, size=(2, images, classes))
    return student, teacher + 2 * scale * np.eye(classes)[labels], labels


def plain(value):
    """Whether a value, to its leaves, is of Python's own types."""
    if type(value) is dict:
        return all(type(key) in (str, int) and plain(entry) for key, entry in value.items())
    if type(value) is list:
        return all(map(plain, value))
    return value is None or type(value) in (float, int, str)


# Errors that are copied


@pytest.mark.parametrize("seed", SEEDS)
def test_copied_errors_are_those_of_the_images_the_teacher_gets_wrong(seed):
    student, teacher, labels = random_case(seed=seed)
    wrong = teacher.argmax(1) != labels
    found = metrics.copied_errors(student, teacher, labels)
    assert plain(found) and found["images"] == wrong.sum() > 0
    assert found["agreement"] == accuracy_score(teacher[wrong].argmax(1), student[wrong].argmax(1))
    assert found["student_accuracy"] == accuracy_score(labels[wrong], student[wrong].argmax(1))
    p, q = softmax(teacher[wrong], 1), softmax(student[wrong], 1)
    assert found["kl"] == pytest.approx((p * np.log(p / q)).sum(1).mean())


def test_a_student_like_its_teacher_copies_every_error():
    _, teacher, labels = random_case()
    found = metrics.copied_errors(teacher, teacher, labels)
    assert (found["agreement"], found["student_accuracy"], found["kl"]) == (1, 0, 0)


def test_a_teacher_that_is_never_wrong_has_no_errors_to_copy():
    found = metrics.copied_errors(np.zeros((3, 3)), 5 * np.eye(3), [0, 1, 2])
    assert found == {"images": 0, "agreement": None, "student_accuracy": None, "kl": None}


def test_a_teacher_of_nan_is_wrong_and_agrees_with_nobody():
    found = metrics.copied_errors(np.eye(2), np.full((2, 2), np.nan), [0, 1])
    assert (found["images"], found["agreement"], found["student_accuracy"]) == (2, 0, 1)


# Calibration


def adaptive_error_by_loop(logits, labels, bins):
    probabilities = softmax(np.asarray(logits, "float64"), 1)
    order = sorted(range(len(labels)), key=lambda image: (probabilities[image].max(), image))
    size, more = divmod(len(order), bins)
    error, start = 0.0, 0
    for number in range(bins):
        part = order[start : start + size + (number < more)]
        start += len(part)
        if part:
            right = np.mean([np.argmax(logits[image]) == labels[image] for image in part])
            sure = np.mean([probabilities[image].max() for image in part])
            error += len(part) / len(order) * abs(right - sure)
    return error


@pytest.mark.parametrize("bins", [1, 2, 7, 15, 500])
@pytest.mark.parametrize("classes", [2, 7])
def test_adaptive_calibration_error_is_that_of_a_loop(bins, classes):
    for seed in SEEDS:
        student, _, labels = random_case(classes=classes, seed=seed)
        expected = adaptive_error_by_loop(student, labels, bins)
        assert metrics.adaptive_calibration_error(student, labels, bins) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_over_confidence_is_the_adaptive_error_of_one_bin_with_a_sign(seed):
    student, _, labels = random_case(seed=seed)
    found = metrics.over_confidence(student, labels)
    assert found == pytest.approx(softmax(student, 1).max(1).mean() - accuracy_score(labels, student.argmax(1)))
    assert abs(found) == pytest.approx(metrics.adaptive_calibration_error(student, labels, 1))
    assert abs(found) == pytest.approx(metrics.calibration(student, labels, 1)["ece"])


def test_the_calibration_holds_all_of_it():
    student, _, labels = random_case()
    found = metrics.calibration(student, labels, 10)
    assert plain(found) and set(found) == {"ece", "nll", "brier", "adaptive_ece", "over_confidence", "bins"}
    assert found["adaptive_ece"] == metrics.adaptive_calibration_error(student, labels, 10)
    assert found["over_confidence"] == metrics.over_confidence(student, labels)
    assert found["nll"] == pytest.approx(log_loss(labels, softmax(student, 1)))


def test_sure_and_wrong_is_the_worst_calibration():
    logits = np.array([[1e4, 0.0]] * 4)
    found = metrics.calibration(logits, [1, 1, 1, 1])
    assert found["ece"] == found["adaptive_ece"] == found["over_confidence"] == 1
    assert metrics.calibration(logits, [0, 0, 0, 0])["adaptive_ece"] == 0


def test_calibration_of_nan_is_unknown():
    logits = np.array([[np.nan, 0.0], [3.0, 0.0]])
    found = metrics.calibration(logits, [0, 0])
    assert all(math.isnan(found[name]) for name in ("ece", "adaptive_ece", "over_confidence"))


@pytest.mark.parametrize("bins", [0, -1, 1.5, True, "15"])
def test_bins_are_counted(bins):
    for metric in (metrics.calibration, metrics.adaptive_calibration_error, metrics.reliability):
        with pytest.raises(UserError, match="bins: found"):
            metric(np.eye(2), [0, 1], bins)


# Temperature


def best_temperature(logits, labels):
    def loss(log_temperature):
        scaled = logits / math.exp(log_temperature)
        return (logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]).mean()

    found = minimize_scalar(loss, bounds=(math.log(0.01), math.log(100)), method="bounded", options={"xatol": 1e-9})
    return math.exp(found.x)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_temperature_is_that_of_another_minimiser(seed):
    _, teacher, labels = random_case(seed=seed)
    fitted = metrics.fit_temperature(teacher, labels)
    assert fitted == pytest.approx(best_temperature(teacher, labels), rel=1e-5)
    held_out, _, held_out_labels = random_case(seed=seed + 10)
    found = metrics.scaled_calibration(held_out, held_out_labels, teacher, labels)
    assert (found["temperature"], found["fitted_on"]) == (pytest.approx(fitted), "validation")
    expected = metrics.calibration(held_out / fitted, held_out_labels)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_cross_fitting_takes_the_temperature_of_the_other_half(seed):
    _, teacher, labels = random_case(seed=seed)
    order = sorted(range(len(labels)), key=lambda image: (labels[image], image))
    first, second = order[0::2], order[1::2]
    scaled, fitted = teacher.copy(), []
    for own, other in ((first, second), (second, first)):
        fitted.append(best_temperature(teacher[other], labels[other]))
        scaled[own] /= fitted[-1]
    found = metrics.scaled_calibration(teacher, labels)
    assert plain(found) and found["fitted_on"] == "the other half of the test images"
    assert found["temperature"] == pytest.approx(math.sqrt(fitted[0] * fitted[1]), rel=1e-5)
    expected = metrics.calibration(scaled, labels)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_no_image_sees_its_own_label():
    """Two images of a class: each is scaled by what the other says.

    The half of the right image is scaled by the temperature of the wrong one, which is the hottest, and the other way
    round; with its own label each would be believed.
    """
    found = metrics.scaled_calibration([[2.0, 0.0], [0.0, 2.0]], [0, 0])
    right, wrong = softmax([2 / 100, 0])[0], softmax([0, 2 / 0.01])[0]
    assert found["temperature"] == pytest.approx(1.0)
    assert found["brier"] == pytest.approx(((1 - right) ** 2 * 2 + (1 - wrong) ** 2 * 2) / 2)


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_how_sharp_a_network_is_does_not_matter_after_scaling(factor):
    _, teacher, labels = random_case()
    once, again = metrics.scaled_calibration(teacher, labels), metrics.scaled_calibration(factor * teacher, labels)
    assert again["temperature"] == pytest.approx(factor * once["temperature"], rel=1e-5)
    for name in ("nll", "brier", "adaptive_ece", "over_confidence"):
        assert again[name] == pytest.approx(once[name], abs=1e-6)


def test_scaling_never_changes_the_accuracy():
    """Over-confidence is mean confidence minus accuracy; the accuracy that is left is the one there was."""
    student, _, labels = random_case()
    temperature = metrics.fit_temperature(student, labels)
    assert metrics.accuracy(student / temperature, labels) == metrics.accuracy(student, labels)
    assert metrics.per_class_accuracy(student / temperature, labels) == metrics.per_class_accuracy(student, labels)


def test_on_the_images_of_the_fit_scaling_never_raises_the_loss():
    student, _, labels = random_case()
    scaled = metrics.scaled_calibration(student, labels, student, labels)
    assert scaled["nll"] <= metrics.calibration(student, labels)["nll"]


def test_where_all_images_are_right_the_coldest_temperature_is_taken():
    logits = np.concatenate([np.eye(3)] * 2)
    found = metrics.scaled_calibration(logits, [0, 1, 2, 0, 1, 2])
    assert found["temperature"] == pytest.approx(0.01) and found["nll"] == pytest.approx(0, abs=1e-12)


def test_where_all_images_are_wrong_the_hottest_temperature_is_taken():
    logits = np.concatenate([np.eye(2)] * 2)
    found = metrics.scaled_calibration(logits, [1, 0, 1, 0])
    assert found["temperature"] == pytest.approx(100) and found["nll"] == pytest.approx(math.log(2), abs=0.01)


def test_an_image_alone_has_no_other_half():
    found = metrics.scaled_calibration([[2.0, 0.0]], [0])
    assert (found["temperature"], found["fitted_on"]) == (1, None)
    assert found["nll"] == metrics.calibration([[2.0, 0.0]], [0])["nll"]


def test_nan_is_left_out_of_the_fit_and_stays_in_the_calibration():
    _, teacher, labels = random_case()
    broken, all_broken = teacher.copy(), np.full_like(teacher, np.nan)
    broken[5] = np.nan
    found = metrics.scaled_calibration(broken, labels)
    assert 0.01 < found["temperature"] < 100 and math.isnan(found["ece"])
    assert metrics.scaled_calibration(all_broken, labels)["fitted_on"] is None
    kept = np.arange(len(labels)) != 5
    found = metrics.scaled_calibration(teacher, labels, broken, labels)
    assert found["temperature"] == pytest.approx(metrics.fit_temperature(teacher[kept], labels[kept]))


def test_held_out_images_come_with_labels_and_with_the_same_classes():
    with pytest.raises(UserError, match="held-out images: found no labels"):
        metrics.scaled_calibration(np.eye(2), [0, 1], np.eye(2))
    with pytest.raises(UserError, match="held-out images: found no logits"):
        metrics.scaled_calibration(np.eye(2), [0, 1], held_out_labels=[0, 1])
    with pytest.raises(UserError, match="held-out logits: found 3 classes; expected 2"):
        metrics.scaled_calibration(np.eye(2), [0, 1], np.eye(3), [0, 1, 2])


# Representations


def features(images, width, seed=0):
    return np.random.default_rng(seed).normal(size=(images, width))


@pytest.mark.parametrize(("images", "one", "other"), [(50, 3, 4), (5, 40, 60), (10, 200, 3), (10, 3, 200), (8, 8, 8)])
def test_gram_and_features_give_one_cka(images, one, other):
    x, y = features(images, one), features(images, other, 1)
    x, y = x - x.mean(0), y - y.mean(0)
    by_features = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    k, m = x @ x.T, y @ y.T
    by_gram = np.sum(k * m) / math.sqrt(np.sum(k * k) * np.sum(m * m))
    assert metrics.linear_cka(x, y) == pytest.approx(by_features, rel=1e-9) == pytest.approx(by_gram, rel=1e-9)


def test_cka_knows_no_rotation_scale_or_shift():
    x = features(30, 6)
    rotation, _ = np.linalg.qr(features(6, 6, 2))
    assert metrics.linear_cka(x, 3 * x @ rotation + 7) == pytest.approx(1)
    assert metrics.linear_cka(x, x) == pytest.approx(1)
    assert metrics.linear_cka(x.reshape(30, 1, 2, 3), x) == pytest.approx(1)
    other = features(30, 4, 3)
    assert 0 <= metrics.linear_cka(x, other) < 1
    assert metrics.linear_cka(x, other) == pytest.approx(metrics.linear_cka(other, x))


def test_wide_features_need_no_square_of_their_width():
    """Of 200,000 features a square matrix would have 320 GB."""
    wide = features(4, 200_000)
    assert metrics.linear_cka(wide, 2 * wide) == pytest.approx(1)


@pytest.mark.parametrize(
    "one", [np.full((5, 3), 0.1), np.ones((1, 3)), np.full((5, 3), np.nan), np.full((5, 3), np.inf)]
)
def test_features_without_variance_have_no_cka(one):
    other = features(len(one), 3)
    assert math.isnan(metrics.linear_cka(one, other)) and math.isnan(metrics.linear_cka(other, one))


@pytest.mark.parametrize(("one", "other"), [((3, 2), (4, 2)), ((0, 2), (0, 2)), ((), ())])
def test_features_are_of_the_same_images(one, other):
    with pytest.raises(UserError, match="features: found"):
        metrics.linear_cka(np.ones(one), np.ones(other))


# The student's confidence against the teacher's


def confidence_by_hand(logits, classes):
    probability = softmax(logits, 1)[np.arange(len(logits)), classes]
    return np.log(probability / (1 - probability))


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("seed", SEEDS)
def test_deviation_is_the_line_of_scipy(classes, seed):
    student, teacher, _ = random_case(classes=classes, seed=seed)
    first = teacher.argmax(1)
    x, y = metrics.confidence_pairs(student, teacher)
    np.testing.assert_allclose(x, confidence_by_hand(teacher, first), rtol=1e-6)
    np.testing.assert_allclose(y, confidence_by_hand(student, first), rtol=1e-6)
    line, found = linregress(x, y), metrics.deviation(student, teacher)
    assert plain(found)
    assert found["slope"] == pytest.approx(line.slope)
    assert found["intercept"] == pytest.approx(line.intercept)
    assert found["correlation"] == pytest.approx(line.rvalue)
    assert (found["images"], found["left_out"]) == (len(student), 0)


def test_a_student_like_its_teacher_does_not_deviate():
    _, teacher, _ = random_case()
    found = metrics.deviation(teacher + 3, teacher)
    assert found["slope"] == pytest.approx(1) == pytest.approx(found["correlation"])
    assert found["intercept"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.25, 0.5, 2.0, 4.0])
def test_a_colder_student_exaggerates(temperature):
    _, teacher, _ = random_case(classes=2)
    found = metrics.deviation(teacher / temperature, teacher)
    assert found["slope"] == pytest.approx(1 / temperature) and found["intercept"] == pytest.approx(0, abs=1e-9)
    _, teacher, _ = random_case(classes=7)
    assert (metrics.deviation(teacher / temperature, teacher)["slope"] > 1) == (temperature < 1)


def test_confidence_keeps_its_digits_where_probabilities_lose_theirs():
    x, y = metrics.confidence_pairs([[2e4, 0.0, -1e4]], [[1e4, 0.0, 0.0]])
    assert x[0] == pytest.approx(1e4 - math.log(2)) and y[0] == 2e4


def test_what_is_not_finite_is_left_out_and_counted():
    teacher = np.array([[0.0, 1.0], [3.0, 0.0], [np.nan, 0.0], [0.0, 2.0], [0.0, -np.inf], [5.0, 0.0]])
    student = np.array([[0.0, 2.0], [6.0, 0.0], [0.0, 0.0], [np.nan, 0.0], [1.0, 0.0], [-np.inf, 0.0]])
    found = metrics.deviation(student, teacher)
    assert (found["images"], found["left_out"], found["slope"]) == (2, 4, pytest.approx(2))


def test_no_line_goes_through_one_point_or_through_equal_ones():
    unknown = {"slope": None, "intercept": None, "correlation": None}
    assert metrics.deviation([[0.0, 1.0]], [[0.0, 1.0]]) == {**unknown, "images": 1, "left_out": 0}
    assert metrics.deviation([[0.0, 1.0], [0.0, 2.0]], [[0.0, 1.0]] * 2) == {**unknown, "images": 2, "left_out": 0}
    assert metrics.deviation([[np.nan, 1.0]], [[0.0, 1.0]]) == {**unknown, "images": 0, "left_out": 1}
    assert metrics.deviation([[1.0], [2.0]], [[1.0], [3.0]]) == {**unknown, "images": 0, "left_out": 2}


def test_a_student_of_one_mind_has_a_flat_line_and_no_correlation():
    found = metrics.deviation([[0.0, 1.0]] * 2, [[0.0, 1.0], [0.0, 2.0]])
    assert (found["slope"], found["intercept"], found["correlation"]) == (0, pytest.approx(1), None)


# Classes


def test_equal_classes_have_no_spread():
    found = metrics.who_pays([0.7] * 30)
    assert found == {
        "worst_class": {"class": 0, "accuracy": 0.7},
        "worst_tenth": pytest.approx(0.7),
        "spread": 0,
    }


@pytest.mark.parametrize(("classes", "tenth"), [(1, 1), (2, 1), (10, 1), (11, 2), (100, 10), (101, 11)])
def test_the_worst_tenth_is_rounded_up(classes, tenth):
    scores = np.random.default_rng(classes).permutation(classes) / classes
    found = metrics.who_pays(scores.tolist())
    assert plain(found) and found["worst_class"] == {"class": int(scores.argmin()), "accuracy": 0}
    assert found["worst_tenth"] == pytest.approx(np.sort(scores)[:tenth].mean())
    assert found["spread"] == pytest.approx(scores.std())


def test_classes_without_images_do_not_pay():
    assert metrics.who_pays([None, 0.4, float("nan"), 0.6]) == {
        "worst_class": {"class": 1, "accuracy": 0.4},
        "worst_tenth": 0.4,
        "spread": pytest.approx(0.1),
    }
    assert metrics.who_pays([None]) == {"worst_class": None, "worst_tenth": None, "spread": None}


@pytest.mark.parametrize("per_class", [[], [[0.5]], ["good"], [[0.5], [0.5, 0.5]]])
def test_per_class_is_a_list_of_numbers(per_class):
    with pytest.raises(UserError, match="per_class: found"):
        metrics.who_pays(per_class)


@pytest.mark.parametrize("runs", [3, 5])
def test_surely_harmed_is_what_scipy_says(runs):
    generator = np.random.default_rng(runs)
    baseline = generator.uniform(0.4, 0.9, size=(runs, 40))
    distilled = baseline + generator.normal(-0.01, 0.02, size=(runs, 40))
    found = metrics.class_changes(distilled, baseline)
    assert plain(found) and found["runs"] == runs
    change = (distilled - baseline).mean(0)
    np.testing.assert_allclose(found["change"], change, atol=1e-11)
    high = ttest_rel(distilled, baseline).confidence_interval(0.95).high
    assert 0 < len(found["surely_harmed"]) < 40
    assert found["surely_harmed"] == np.flatnonzero(high < 0).tolist()
    assert found["harmed"] == np.flatnonzero(change < 0).tolist()
    assert found["flagged"] == np.flatnonzero(change < -0.02).tolist()
    assert found["worst_change"] == {"class": int(change.argmin()), "change": pytest.approx(change.min())}
    assert set(found["surely_harmed"]) | set(found["flagged"]) <= set(found["harmed"])


def test_equal_changes_of_counts_are_no_certainty():
    """Three seeds that each lose one of 36 images have no spread, and one image more or less is chance."""
    one = [[35 / 36], [34 / 36], [33 / 36]], [[36 / 36], [35 / 36], [34 / 36]]
    assert metrics.class_changes(*one, images=[36])["surely_harmed"] == []
    assert metrics.class_changes(*one)["surely_harmed"] == [0]
    many = [[0.1]] * 3, [[0.9]] * 3
    assert metrics.class_changes(*many, images=[36])["surely_harmed"] == [0]
    baseline = {0: 0.61, 1: 0.73, 2: 0.92}
    better = {seed: top1 + 1 / 355 for seed, top1 in baseline.items()}
    found = metrics.verdict(better, baseline, images=355)
    assert found["outcome"] == "undecided" and found["p"] == pytest.approx(2 * t.sf(3**0.5, 2))
    assert found["interval"][0] < 0 < found["interval"][1]
    assert metrics.verdict(better, baseline)["outcome"] == "better"
    # Differences of 0.1 that are not equal by a rounding error.
    clear = metrics.verdict({0: 0.7, 1: 0.8, 2: 0.9}, {0: 0.6, 1: 0.7, 2: 0.8}, images=355)
    assert len(set(clear["differences"].values())) == 2
    assert clear["outcome"] == "better" and clear["interval"][0] < 0.07 and clear["interval"][1] > 0.13
    assert metrics.verdict(baseline, baseline, images=355)["interval"] == [0.0, 0.0]


def test_two_runs_make_nothing_sure():
    assert metrics.class_changes([[0.1], [0.1]], [[0.9], [0.9]])["surely_harmed"] == []
    assert metrics.class_changes([[0.1]] * 3, [[0.9]] * 3)["surely_harmed"] == [0]


def test_a_change_of_nothing_harms_nobody_and_the_limit_is_not_below_itself():
    """0.78 - 0.8 is a little below -0.02 in floating point, and 0.1 + 0.2 - 0.3 a little off 0."""
    found = metrics.class_changes([[0.78, 0.3, 0.77]], [[0.8, 0.1 + 0.2, 0.8]])
    assert (found["harmed"], found["flagged"]) == ([0, 2], [2])


def test_classes_without_images_do_not_change():
    found = metrics.class_changes([[None, 0.5]] * 3, [[None, 0.4]] * 3)
    assert found["change"] == [None, 0.1] and found["worst_change"] == {"class": 1, "change": 0.1}
    assert found["harmed"] == found["surely_harmed"] == found["flagged"] == []
    assert metrics.class_changes([[None]], [[None]])["worst_change"] is None


def test_runs_are_paired():
    with pytest.raises(UserError, match=r"distilled: found \(2, 1\), and \(1, 1\) of the baseline"):
        metrics.class_changes([[0.5], [0.5]], [[0.5]])
    with pytest.raises(UserError, match="baseline: found no table"):
        metrics.class_changes([[0.5]], [[0.5], [0.5, 0.5]])


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 10, 100])
def test_groups_partition_the_classes(classes):
    generator = np.random.default_rng(classes)
    counts, scores = generator.integers(0, 20, classes), generator.uniform(size=classes)
    found = metrics.groups(counts, scores)
    parts = [found[f"{name}_classes"] for name in ("head", "middle", "tail")]
    assert plain(found) and sorted(sum(parts, [])) == list(range(classes))
    sizes = [len(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] - sizes[-1] <= 1
    assert sum(parts, []) == sorted(range(classes), key=lambda number: (-counts[number], number))
    for name, part in zip(("head", "middle", "tail"), parts, strict=True):
        assert found[name] == (pytest.approx(scores[part].mean()) if part else None)


def test_a_class_without_test_images_counts_in_no_group():
    found = metrics.groups(np.array([3, 2, 1], "uint8"), [None, 0.5, float("nan")])
    assert (found["head"], found["middle"], found["tail"]) == (None, 0.5, None)


@pytest.mark.parametrize("counts", [[1, 2], [1.0, 2.0, 3.0], [1, -1, 2]])
def test_training_counts_are_one_a_class(counts):
    with pytest.raises(UserError, match="train_counts: found"):
        metrics.groups(counts, [0.5, 0.5, 0.5])


# The weights of examples


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_weights_are_the_ratio_of_numeric_gradients(weight, seed):
    student, teacher, labels = random_case(images=20, seed=seed, scale=1.0)
    target, step = softmax(teacher, 1), 1e-6
    own = (np.arange(len(labels)), labels)

    def gradient(share):
        def losses(logits):
            log_probabilities = logits - logsumexp(logits, axis=1, keepdims=True)
            return -(1 - share) * log_probabilities[own] - share * (target * log_probabilities).sum(1)

        more, less = student.copy(), student.copy()
        more[own] += step
        less[own] -= step
        return (losses(more) - losses(less)) / (2 * step)

    found = metrics.gradient_weights(student, teacher, labels, weight)
    np.testing.assert_allclose(found, gradient(weight) / gradient(0.0), rtol=1e-5, atol=1e-6)


def test_a_teacher_of_the_labels_alone_changes_no_weight():
    student, _, labels = random_case()
    teacher = np.where(np.eye(7)[labels] == 1, 0.0, -np.inf)
    assert metrics.gradient_weights(student, teacher, labels, 0.9) == pytest.approx(np.ones(len(labels)))


def test_a_student_like_its_teacher_has_the_weight_of_the_labels_alone():
    _, teacher, labels = random_case()
    assert metrics.gradient_weights(teacher, teacher, labels, 0.9) == pytest.approx(np.full(len(labels), 0.1))


def test_weights_hold_where_the_students_probability_rounds_to_one():
    """1 - p is exp(-50) and exp(-51): their ratio is e."""
    found = metrics.gradient_weights([[51.0, 0.0]], [[50.0, 0.0]], [0], 0.5)
    assert found[0] == pytest.approx(1 - 0.5 * math.e)
    assert metrics.gradient_weights([[1e4, 0.0]], [[0.0, 0.0]], [0], 0.5)[0] == -np.inf
    assert metrics.gradient_weights([[1e4, 0.0]], [[1e4, 0.0]], [0], 0.5)[0] == pytest.approx(0.5)
    assert metrics.gradient_weights([[1e4, 0.0]], [[0.0, 0.0]], [0], 0.0)[0] == 1


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_weights_of_nan_are_unknown(weight):
    assert np.isnan(metrics.gradient_weights([[np.nan, 0.0]], [[0.0, 0.0]], [0], weight)).all()
    assert np.isnan(metrics.gradient_weights([[0.0, 0.0]], [[np.nan, 0.0]], [0], weight)).all()


@pytest.mark.parametrize("weight", [-0.1, 1.1, math.nan])
def test_the_distillation_weight_is_a_share(weight):
    with pytest.raises(UserError, match="distillation_weight: found"):
        metrics.gradient_weights([[0.0, 0.0]], [[0.0, 0.0]], [0], weight)


def test_weights_by_confidence_are_those_of_a_loop():
    student, teacher, labels = random_case()
    weights = metrics.gradient_weights(student, teacher, labels, 0.9)
    sure = metrics.label_probability(teacher, labels)
    np.testing.assert_allclose(sure, softmax(teacher, 1)[np.arange(len(labels)), labels])
    rows = metrics.weights_by_confidence(weights, sure)
    assert plain(rows) and len(rows) == 10 and sum(row["count"] for row in rows) == len(labels)
    for number, row in enumerate(rows):
        own = weights[(sure > number / 10) & (sure <= (number + 1) / 10)]
        assert row["count"] == len(own)
        if len(own):
            assert row["mean"] == pytest.approx(own.mean())
            assert row["quartiles"] == pytest.approx(np.percentile(own, [25, 50, 75]).tolist())


def test_weights_that_are_not_finite_are_left_out_and_an_empty_bin_is_unknown():
    rows = metrics.weights_by_confidence([-np.inf, np.nan, 1.0, 0.5], [0.9, 0.9, np.nan, 0.0], bins=2)
    assert [row["count"] for row in rows] == [1, 0]
    assert (rows[1]["mean"], rows[1]["quartiles"]) == (None, None)


def test_confidences_are_probabilities_one_a_weight():
    with pytest.raises(UserError, match="teacher_confidence: found"):
        metrics.weights_by_confidence([1.0], [1.5])
    with pytest.raises(UserError, match="weights: found"):
        metrics.weights_by_confidence([1.0], [0.5, 0.5])


def test_log_odds_of_what_is_certain():
    certain = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    assert log_odds(certain, np.array([0, 0])).tolist() == [np.inf, -np.inf]


# The verdict


def runs(*scores):
    return dict(enumerate(scores))


@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_and_p_are_those_of_scipy(n, level):
    generator = np.random.default_rng(n)
    baseline = generator.uniform(0.6, 0.7, size=n)
    distilled = baseline + generator.normal(0.01, 0.02, size=n)
    expected = ttest_rel(distilled, baseline)
    low, high = expected.confidence_interval(level)
    found = metrics.verdict(runs(*distilled), runs(*baseline), level=level, least_seeds=2)
    assert plain(found)
    assert found["interval"] == pytest.approx([low, high]) and found["p"] == pytest.approx(expected.pvalue)
    assert found["difference"] == pytest.approx((distilled - baseline).mean())
    assert found["distilled"] == pytest.approx({"mean": distilled.mean(), "std": distilled.std(ddof=1)})
    assert (found["outcome"] == "undecided") == (expected.pvalue > 1 - level)
    assert paired_interval(distilled - baseline, level) == pytest.approx((low, high, expected.pvalue))


BASELINE = runs(0.70, 0.71, 0.69)


def test_better():
    found = metrics.verdict(runs(0.717, 0.725, 0.706), BASELINE, teacher=0.733)
    assert (found["outcome"], found["why"], found["n"], found["seeds"]) == ("better", None, 3, [0, 1, 2])
    assert found["gap_recovered"] == pytest.approx(0.016 / 0.033)
    assert found["sentence"] == (
        "Distillation is better than the same student on labels alone by 1.60 points (95 % interval 1.35 to 1.85, "
        "n = 3 seeds, paired t test, p = 0.001); it recovers 48 % of the gap to the teacher."
    )


def test_worse_is_better_the_other_way_round():
    there = metrics.verdict(runs(0.717, 0.725, 0.706), BASELINE)
    back = metrics.verdict(BASELINE, runs(0.717, 0.725, 0.706), teacher=0.8, against="label smoothing")
    assert (back["outcome"], back["difference"], back["p"]) == ("worse", -there["difference"], there["p"])
    assert back["interval"] == [-there["interval"][1], -there["interval"][0]]
    assert back["gap_recovered"] < 0
    assert back["sentence"] == (
        "Distillation is worse than the same student with label smoothing by 1.60 points (95 % interval 1.35 to 1.85, "
        "n = 3 seeds, paired t test, p = 0.001)."
    )


def test_an_interval_that_contains_0_decides_nothing():
    found = metrics.verdict(runs(0.70, 0.72, 0.692), BASELINE, teacher=0.73)
    assert (found["outcome"], found["why"]) == ("undecided", "the 95 % interval contains 0")
    assert found["interval"][0] < 0 < found["interval"][1]
    assert found["sentence"] == (
        "Undecided: distilled minus labels alone is +0.40 points (95 % interval -0.91 to 1.71, n = 3 seeds, paired "
        "t test, p = 0.321)."
    )


def test_one_seed_is_too_few():
    found = metrics.verdict({4: 0.704}, {4: 0.70}, teacher=0.71)
    assert (found["outcome"], found["why"]) == ("undecided", "1 seed of the 3 that a verdict needs")
    assert found["interval"] is found["p"] is found["distilled"]["std"] is found["baseline"]["std"] is None
    assert found["gap_recovered"] == pytest.approx(0.4)
    assert found["sentence"] == (
        "Undecided: 1 seed of the 3 that a verdict needs; distilled minus labels alone is +0.40 points."
    )


def test_two_seeds_are_too_few_but_have_an_interval():
    found = metrics.verdict(runs(0.72, 0.73), runs(0.70, 0.7102))
    assert found["outcome"] == "undecided" and found["interval"][0] > 0
    assert found["sentence"].startswith(
        "Undecided: 2 seeds of the 3 that a verdict needs; distilled minus labels alone is +1.99 points (95 % interval "
    )
    assert metrics.verdict(runs(0.72, 0.73), runs(0.70, 0.7102), least_seeds=2)["outcome"] == "better"


@pytest.mark.parametrize(("score", "outcome"), [(0.71, "better"), (0.69, "worse"), (0.70, "undecided")])
def test_one_seed_may_be_judged_by_its_sign_and_the_sentence_says_so(score, outcome):
    found = metrics.verdict({0: score}, {0: 0.70}, least_seeds=1)
    assert (found["outcome"], found["why"]) == (outcome, "one seed, so no spread is known")
    assert found["interval"] is None and found["sentence"].endswith("of one seed, so no spread is known.")


def test_only_seeds_that_both_have_are_paired():
    found = metrics.verdict({3: 0.9, 1: 0.72, 0: 0.71}, {0: 0.70, 1: 0.70, 2: 0.1})
    assert found["seeds"] == [0, 1] and found["differences"] == pytest.approx({0: 0.01, 1: 0.02})
    assert found["baseline"]["mean"] == pytest.approx(0.70)


def test_without_a_seed_in_common_nothing_is_known():
    found = metrics.verdict({0: 0.7}, {1: 0.7}, teacher=0.9, least_seeds=1)
    assert plain(found)
    assert (found["outcome"], found["n"], found["difference"]) == ("undecided", 0, None)
    assert found["gap_recovered"] is None and found["why"] == "no seed in common"
    assert found["sentence"] == "Undecided: the distilled student and labels alone have no seed in common."


def test_equal_differences_have_an_interval_of_no_width():
    same = metrics.verdict(BASELINE, BASELINE)
    assert (same["outcome"], same["interval"], same["p"]) == ("undecided", [0, 0], 1)
    assert "is +0.00 points" in same["sentence"]
    above = metrics.verdict(runs(0.75, 0.75, 0.75), runs(0.5, 0.5, 0.5))
    assert (above["outcome"], above["interval"], above["p"]) == ("better", [0.25, 0.25], 0)
    assert "p < 0.001" in above["sentence"]


@pytest.mark.parametrize("teacher", [None, 0.70, 0.5])
def test_there_is_no_gap_to_a_teacher_that_is_no_better(teacher):
    found = metrics.verdict(runs(0.717, 0.725, 0.706), BASELINE, teacher=teacher)
    assert found["gap_recovered"] is None and "gap" not in found["sentence"]


def test_a_student_may_pass_its_teacher():
    found = metrics.verdict(runs(0.717, 0.725, 0.706), BASELINE, teacher=0.71)
    assert found["gap_recovered"] == pytest.approx(1.6) and "recovers 160 % of the gap" in found["sentence"]


def test_numpy_scores_become_plain():
    assert plain(metrics.verdict(runs(*np.float32([0.7, 0.8, 0.9])), runs(*np.float64([0.5, 0.6, 0.65])), teacher=1))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"distilled": {0: 71.0}}, "distilled: found 71.0 for 0; expected an accuracy in 0..1"),
        ({"baseline": {0: float("nan")}}, "baseline: found nan for 0"),
        ({"baseline": {0: None}}, "baseline: found None for 0"),
        ({"teacher": 74.0}, "teacher: found 74.0"),
        ({"least_seeds": 0}, "least_seeds: found 0"),
        ({"level": 95}, "level: found 95"),
    ],
)
def test_what_no_verdict_can_be_made_of(given, expected):
    with pytest.raises(UserError, match=expected):
        metrics.verdict(**{"distilled": {0: 0.7}, "baseline": {0: 0.7}, **given})


# All metrics at their edges


def test_one_image_of_two_classes():
    student, teacher, labels = [[1.0, 0.0]], [[0.0, 1.0]], [1]
    assert metrics.copied_errors(student, teacher, labels)["images"] == 0
    assert metrics.calibration(student, labels)["adaptive_ece"] == pytest.approx(softmax([1.0, 0.0])[0])
    assert plain(summarize(student, teacher, labels).as_json())


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_a_summary_of_logits_of_any_size_is_finite(scale):
    student, teacher, labels = random_case(scale=scale)
    found = summarize(student, teacher, labels).as_json()
    leaves = [found[part] for part in ("deviation", "calibration", "calibration_scaled", "teacher_calibration_scaled")]
    values = [value for leaf in leaves for value in leaf.values() if not isinstance(value, str)]
    assert np.isfinite(values).all()


def test_what_does_not_fit_is_refused_by_all():
    student, teacher, labels = np.zeros((2, 3)), np.zeros((2, 4)), [0, 1]
    for call in (
        lambda: metrics.copied_errors(student, teacher, labels),
        lambda: metrics.deviation(student, teacher),
        lambda: metrics.confidence_pairs(student, teacher),
        lambda: metrics.gradient_weights(student, teacher, labels, 0.5),
    ):
        with pytest.raises(UserError, match="of the student and"):
            call()
    for call in (
        lambda: metrics.copied_errors(student, student, [0, 3]),
        lambda: metrics.adaptive_calibration_error(student, [0, 3]),
        lambda: metrics.over_confidence(student, [0, 3]),
        lambda: metrics.scaled_calibration(student, [0, 3]),
        lambda: metrics.label_probability(student, [0, 3]),
        lambda: metrics.gradient_weights(student, student, [0, 3], 0.5),
    ):
        with pytest.raises(UserError, match="labels: found 0 to 3"):
            call()
