"""Accuracy, fidelity and calibration against values computed elsewhere; and the files that show them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, top_k_accuracy_score

from keras_kd.evaluation import metrics
from keras_kd.report.markdown_page import page
from keras_kd.report.summarize import summarize
from keras_kd.report.write import write
from keras_kd.utils.errors import UserError


@pytest.fixture(scope="module")
def golden(request):
    """The cases of a method: [(id, hyper-parameters, inputs, outputs)]."""
    folder = Path(request.config.getoption("--golden"))
    cases = json.loads((folder / "losses.json").read_text())["cases"]
    arrays = np.load(folder / "losses.npz")

    def of(method):
        return [
            (
                case["id"],
                case["hyperparameters"],
                {name: arrays[key] for name, key in case["inputs"].items()},
                {name: arrays[key] for name, key in case["outputs"].items()},
            )
            for case in cases
            if case["method"] == method
        ]

    return of


def random_case(images=200, classes=7, seed=0, scale=3.0):
    generator = np.random.default_rng(seed)
    student, teacher = generator.normal(scale=scale, size=(2, images, classes))
    return student, teacher, np.concatenate([np.arange(classes), generator.integers(0, classes, images - classes)])


def probabilities_of(logits):
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


# Against values computed elsewhere


def test_golden_metrics(golden):
    cases = golden("metrics")
    assert cases
    for name, settings, inputs, expected in cases:
        student, teacher, labels = (inputs[key] for key in ("student_logits", "teacher_logits", "labels"))
        found = {
            "student_accuracy": metrics.accuracy(student, labels),
            "teacher_accuracy": metrics.accuracy(teacher, labels),
            "top1_agreement": metrics.agreement(student, teacher),
            "predictive_kl": metrics.predictive_kl(student, teacher),
        }
        for bins in settings["ece_bins"]:
            calibration = metrics.calibration(student, labels, bins)
            found |= {"nll": calibration["nll"], "brier": calibration["brier"], f"ece_{bins}": calibration["ece"]}
            diagram = metrics.reliability(student, labels, bins)
            for what, values in zip(("count", "accuracy", "confidence"), diagram, strict=True):
                found[f"bin_{what}_{bins}"] = values
        assert set(found) == set(expected)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-9, err_msg=f"{name}: {key}")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 7, 30])
def test_equals_scikit_learn(seed, classes):
    logits, teacher, labels = random_case(classes=classes, seed=seed)
    probabilities, every = probabilities_of(logits), np.arange(classes)
    assert metrics.accuracy(logits, labels) == accuracy_score(labels, logits.argmax(1))
    assert metrics.agreement(logits, teacher) == accuracy_score(teacher.argmax(1), logits.argmax(1))
    for k in (1, 2, 5):
        if k < classes and classes > 2:
            expected = top_k_accuracy_score(labels, logits, k=k, labels=every)
            assert metrics.accuracy(logits, labels, k) == pytest.approx(expected, abs=1e-12)
    found = metrics.calibration(logits, labels)
    assert found["nll"] == pytest.approx(log_loss(labels, probabilities, labels=every), rel=1e-12)
    if classes == 2:  # scikit-learn's sum over one of the two
        assert found["brier"] == pytest.approx(2 * brier_score_loss(labels, probabilities[:, 1]), rel=1e-12)


def test_per_class_accuracy_averages_to_accuracy():
    logits, _, labels = random_case()
    by_class = metrics.per_class_accuracy(logits, labels)
    assert np.average(by_class, weights=np.bincount(labels)) == pytest.approx(metrics.accuracy(logits, labels))
    assert metrics.per_class_accuracy([[1.0, 0, 0], [0, 0, 1]], [0, 0]) == [0.5, None, None]


# What the definitions say


def test_ties_go_to_the_first_class_like_argmax():
    logits = np.array([[1.0, 1.0, 1.0, 0.0]])
    ranks = [[metrics.accuracy(logits, [label], k) for k in (1, 2, 3, 4)] for label in range(4)]
    assert ranks == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    assert metrics.agreement(logits, logits) == 1
    assert metrics.agreement(np.zeros((1, 4)), [[0.0, 0, 5, 5]], k=3) == 1


def test_k_above_the_number_of_classes_means_all():
    logits, teacher, labels = random_case(classes=3)
    assert metrics.accuracy(logits, labels, k=5) == metrics.agreement(logits, teacher, k=5) == 1


def test_agreement_in_the_top_k_asks_for_the_teachers_first_class():
    student, teacher = [[3.0, 2.0, 1.0]], [[0.0, 1.0, 2.0]]
    assert [metrics.agreement(student, teacher, k) for k in (1, 2, 3)] == [0, 0, 1]
    assert [metrics.agreement(student, [[0.0, 2.0, 1.0]], k) for k in (1, 2, 3)] == [0, 1, 1]


def test_kl_is_of_the_teacher_against_the_student():
    teacher, student = np.log([[0.9, 0.1]]), np.log([[0.5, 0.5]])
    expected = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    assert metrics.predictive_kl(student, teacher) == pytest.approx(expected, rel=1e-12)
    assert metrics.predictive_kl(teacher, student) != pytest.approx(expected, rel=1e-2)
    assert metrics.predictive_kl(teacher, teacher) == 0


@pytest.mark.parametrize("bins", [1, 2, 4, 10, 15])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(bins):
    """Equal logits over as many classes as there are bins give a confidence of exactly 1 / bins: the first bin."""
    counts, _, _ = metrics.reliability(np.zeros((3, bins)), [0, 0, 0], bins)
    assert counts.tolist() == [3] + [0] * (bins - 1)


def test_a_confidence_of_one_is_in_the_last_bin():
    counts, accuracies, confidences = metrics.reliability([[1e4, 0.0], [1e4, 0.0]], [0, 1], 15)
    assert (counts[-1], accuracies[-1], confidences[-1]) == (2, 0.5, 1.0)


def test_calibration_by_hand():
    """Nine of ten right at a confidence of 0.8."""
    logits = np.tile(np.log([[0.8, 0.2]]), (10, 1))
    found = metrics.calibration(logits, [0] * 9 + [1])
    assert found["ece"] == pytest.approx(0.1)
    assert found["nll"] == pytest.approx(-(0.9 * np.log(0.8) + 0.1 * np.log(0.2)))
    assert found["brier"] == pytest.approx(0.9 * (0.04 + 0.04) + 0.1 * (0.64 + 0.64))
    assert found["bins"] == 15


# Extreme logits


def test_large_logits_do_not_overflow():
    logits, labels = np.array([[1e4, -1e4, 0.0], [0.0, 1e4, -1e4]]), [0, 2]
    found = metrics.calibration(logits, labels)
    assert found["nll"] == pytest.approx(1e4)
    assert found["brier"] == pytest.approx(1.0)
    assert metrics.predictive_kl(logits, -logits) == pytest.approx(1e4 * (2 + 2) / 2)


def test_float16_is_counted_in_float64():
    student, teacher, labels = random_case(scale=30.0)
    student, teacher = student.astype("float16"), teacher.astype("float16")
    wide = summarize(student.astype("float64"), teacher.astype("float64"), labels)
    assert summarize(student, teacher, labels) == wide


def test_an_excluded_class_is_no_nan():
    """A logit of -inf is a probability of zero."""
    excluded, plain = [[0.0, 0.0, -np.inf]], [[0.0, 0.0, 0.0]]
    assert metrics.predictive_kl(excluded, excluded) == 0
    assert metrics.predictive_kl(plain, excluded) == pytest.approx(np.log(3 / 2))
    assert metrics.predictive_kl(excluded, plain) == np.inf
    assert metrics.calibration(excluded, [0])["brier"] == pytest.approx(0.5)
    assert metrics.calibration(excluded, [2])["nll"] == np.inf


def test_nan_logits_score_nothing():
    nothing, something, labels = np.full((4, 3), np.nan), np.eye(4, 3), [0, 0, 0, 0]
    assert metrics.accuracy(nothing, labels) == metrics.accuracy(nothing, labels, k=5) == 0
    assert metrics.agreement(nothing, something) == metrics.agreement(something, nothing, k=5) == 0
    assert np.isnan(metrics.calibration(nothing, labels)["ece"])
    assert metrics.reliability(nothing, labels)[0].sum() == 0


@pytest.mark.parametrize(
    ("logits", "labels", "expected"),
    [
        (np.zeros((2, 3)), [0, 1, 2], r"labels: found int64 of shape \(3,\); expected integers of shape \(2,\)"),
        (np.zeros((2, 3)), [0.0, 1.0], "labels: found float64"),
        (np.zeros((2, 3)), [0, 3], "labels: found 0 to 3; expected 0 to 2"),
        (np.zeros((2, 3)), [-1, 2], "labels: found -1 to 2"),
        (np.zeros(3), [0, 1, 2], r"logits: found shape \(3,\); expected \(images, classes\)"),
        (np.zeros((0, 3)), [], "at least one of each"),
    ],
)
def test_what_does_not_fit_is_refused(logits, labels, expected):
    for metric in (metrics.accuracy, metrics.calibration, metrics.reliability, metrics.per_class_accuracy):
        with pytest.raises(UserError, match=expected):
            metric(logits, labels)


def test_student_and_teacher_of_other_classes_are_refused():
    with pytest.raises(UserError, match=r"found \(2, 3\) of the student and \(2, 4\) of the teacher"):
        metrics.agreement(np.zeros((2, 3)), np.zeros((2, 4)))


# The summary


def test_summary_with_a_teacher():
    student, teacher, labels = random_case(classes=10)
    found = summarize(student, teacher, labels)
    assert found["student"] == {"top1": metrics.accuracy(student, labels), "top5": metrics.accuracy(student, labels, 5)}
    assert found["teacher"] == {"top1": metrics.accuracy(teacher, labels), "top5": metrics.accuracy(teacher, labels, 5)}
    assert found["fidelity"] == {
        "agreement": metrics.agreement(student, teacher),
        "agreement5": metrics.agreement(student, teacher, 5),
        "kl": metrics.predictive_kl(student, teacher),
        "copied_errors": metrics.copied_errors(student, teacher, labels),
    }
    assert found["calibration"] == metrics.calibration(student, labels)
    assert found["teacher_calibration"] == metrics.calibration(teacher, labels)
    assert found["deviation"] == metrics.deviation(student, teacher)
    assert found["calibration_scaled"] == metrics.scaled_calibration(student, labels)
    assert found["teacher_calibration_scaled"] == metrics.scaled_calibration(teacher, labels)
    assert found["who_pays"] == metrics.who_pays(found["per_class"])
    assert len(found["per_class"]) == 10
    json.dumps(found.as_json(), allow_nan=False)


def test_summary_without_a_teacher():
    student, _, labels = random_case()
    found = summarize(student, None, labels)
    absent = ("teacher", "fidelity", "deviation", "teacher_calibration", "teacher_calibration_scaled")
    assert all(found[name] is None for name in absent)
    assert found["calibration_scaled"] == metrics.scaled_calibration(student, labels)


def test_summary_with_held_out_images():
    student, teacher, labels = random_case(classes=10)
    one, _, held_out_labels = random_case(classes=10, seed=1)
    found = summarize(student, teacher, labels, held_out=(one, held_out_labels))
    assert found["calibration_scaled"] == metrics.scaled_calibration(student, labels, one, held_out_labels)
    assert found["calibration_scaled"]["fitted_on"] == "validation"
    # A teacher may have learned from the images that its student has not.
    assert found["teacher_calibration_scaled"] == metrics.scaled_calibration(teacher, labels)


# The files


def full_report():
    student, teacher, labels = random_case(classes=10)
    found = summarize(student, teacher, labels).as_json()
    found["student"]["name"], found["teacher"]["name"] = "resnet20", "resnet56"
    return found | {
        "recipe": "resnet56_to_resnet20",
        "cost": {"parameters": 278_324, "macs": 40_818_944, "bytes": 1_119_568},
        "teacher_cost": {"parameters": 861_620, "macs": 125_753_600, "bytes": 3_463_504},
        "time": {"seconds": {"teacher": 60.0, "student": 120.0, "data": 20.0, "total": 200.0}},
        "environment": {"device": "CPU", "backend": "tensorflow", "python": "3.11.7", "keras": "3.15.1"},
        "seed": 0,
        "git_commit": "abc1234",
        "epochs": 240,
        "exports": [
            {
                "file": "student_int8.tflite",
                "format": "litert_int8",
                "bytes": 350_000,
                "max_difference": 0.05,
                "mean_difference": 0.01,
                "agreement": 0.99,
                "accuracy": 0.7,
                "keras_accuracy": 0.705,
                "accuracy_drop": 0.005,
                "images": 1000,
                "flex_ops": ["FlexErf"],
                "passed": False,
            }
        ],
        "smoke": True,
        "notes": ["the | and\na line break"],
    }


def test_the_json_holds_the_report(tmp_path):
    paths = write(full_report(), tmp_path / "run")
    assert [path.name for path in paths] == ["report.json", "report.md"]
    assert json.loads(paths[0].read_text()) == full_report()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["report.json", "report.md"]


def test_the_page_shows_what_was_measured():
    text = page(full_report())
    for expected in (
        "# resnet56_to_resnet20",
        "seed 0, 240 epochs, commit abc1234",
        "A shortened run",
        "| teacher resnet56 |",
        "| student resnet20 |",
        "278,324 | 40.82 M | 1.12 MB |",
        "861,620 | 125.75 M | 3.46 MB |",
        "3.1 times fewer parameters and 3.1 times fewer multiply-accumulates",
        "ECE is over 15 equal-width bins",
        "## Fidelity",
        "| data | 20.0 | 10.00 % |",
        "350.0 kB | 0.05 | 0.01 | 99.00 % | 70.00 % | 0.50 % | failed |",
        "FlexErf",
        "on 1000 test images",
        "| keras | 3.15.1 |",
        "- the | and a line break",
    ):
        assert expected in text
    accuracy = 100 * full_report()["student"]["top1"]
    assert f"| student resnet20 | {accuracy:.2f} % |" in text


def test_tables_are_tables():
    """Every row has as many cells as its header, whatever the names hold."""
    found = full_report()
    found["student"]["name"] = "a|b\nc"
    for block in page(found).split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


@pytest.mark.parametrize("missing", [*full_report(), None])
def test_parts_may_be_missing(tmp_path, missing):
    found = {key: value for key, value in full_report().items() if missing is not None and key != missing}
    write(found, tmp_path)
    assert "nan" not in (tmp_path / "report.md").read_text() and "None" not in (tmp_path / "report.md").read_text()


def test_entries_may_be_null(tmp_path):
    def nulled(value):
        return {key: nulled(entry) for key, entry in value.items()} if isinstance(value, dict) else None

    found = full_report()
    exports = [dict.fromkeys(found["exports"][0])]
    write(nulled(found), tmp_path)
    write(found | {"exports": exports, "teacher": None, "fidelity": None}, tmp_path)
    assert "None" not in (tmp_path / "report.md").read_text()


def test_numbers_that_json_lacks_become_null(tmp_path):
    values = {
        "nan": float("nan"),
        "infinite": [np.float32("inf"), 1.0],
        "array": np.array([1.5, np.nan]),
        "integer": np.int64(3),
        "half": np.float16(0.5),
        "true": np.bool_(True),
        "path": Path("a/b"),
        "tuple": (1, 2),
        5: None,
    }
    write(values | {"student": {"top1": float("nan")}}, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text()) == {
        "nan": None,
        "infinite": [None, 1.0],
        "array": [1.5, None],
        "integer": 3,
        "half": 0.5,
        "true": True,
        "path": "a/b",
        "tuple": [1, 2],
        "5": None,
        "student": {"top1": None},
    }


def test_a_report_is_replaced_whole(tmp_path, monkeypatch):
    write({"recipe": "first"}, tmp_path)

    def fails(self, *arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(UserError, match="report.json"):
        write({"recipe": "second"}, tmp_path)
    assert json.loads((tmp_path / "report.json").read_bytes()) == {"recipe": "first"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "report.md"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        write({}, tmp_path / "file" / "run")


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "expected"), [("0", "Eigen"), ("1", "oneDNN")])
def test_a_report_names_the_kernels_that_tensorflow_takes_on_a_cpu(asked, expected):
    show = "from keras_kd.workflows.run.environment import environment; print(environment()['cpu_kernels'])"
    chosen = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_ENABLE_ONEDNN_OPTS": asked}
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, env=chosen, check=True)
    assert done.stdout.strip() == expected
