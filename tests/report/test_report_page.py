"""The page of a run: whole or in parts, self-contained, in words; and the file of what only the networks know."""

import base64
import copy
import html
import io
import re

import numpy as np
import pytest
from PIL import Image

from keras_kd.evaluation.predictions_file import (
    NAME,
    THUMBNAIL,
    most_apart,
    read_predictions,
    thumbnail,
    total_variation,
    write_predictions,
)
from keras_kd.report import plots
from keras_kd.report.blocks import HTML
from keras_kd.report.html_page import page
from keras_kd.report.markdown_page import page as markdown_page
from keras_kd.report.property_tables import attacks, invariance
from keras_kd.report.sections import sections
from keras_kd.report.sections.disagreement import data_uri, most_frequent_disagreements
from keras_kd.report.sections.training import figures_by_epoch
from keras_kd.report.summarize import summarize
from keras_kd.report.tables import fitted_temperatures
from keras_kd.utils.errors import UserError
from keras_kd.utils.json_safe import json_safe

GENERATOR = np.random.default_rng(0)
NAMES = ("teacher", "student", "baseline")
PLOTTING = ("training", "fidelity", "calibration", "classes", "properties", "disagreement", "cooperation")


def networks(classes=10, images=400):
    """(student's logits, teacher's logits, labels) of networks that are right mostly."""
    labels = GENERATOR.integers(0, classes, images)
    right = 4.0 * np.eye(classes)[labels]
    teacher = right + GENERATOR.normal(size=(images, classes))
    return right + teacher / 2 + 1.5 * GENERATOR.normal(size=(images, classes)), teacher, labels


def kept(classes=10, images=400, channels=3):
    """(student's logits, teacher's logits, labels, evidence as it is read)."""
    student, teacher, labels = networks(classes, images)
    positions = most_apart(student, teacher)
    evidence = {
        "student_logits": student.astype("float16"),
        "teacher_logits": teacher.astype("float16"),
        "labels": labels.astype("int32"),
        "positions": positions.astype("int32"),
        "images": GENERATOR.integers(0, 256, (len(positions), 8, 8, channels)).astype("uint8"),
    }
    return student, teacher, labels, evidence


def report_of(student, teacher, labels, names=None):
    """A report with all that a report can have."""
    classes = student.shape[1]
    found = summarize(student, teacher, labels).as_json()
    run = {"seed": 0, "run": ".", "top1": 0.7, "agreement": 0.8, "ece": 0.05, "nll": 1.0, "worst_tenth": 0.5}
    change = [None, *np.linspace(-0.04, 0.05, classes - 1).tolist()]
    split = {"images": 40, "student_top1": 0.7, "teacher_top1": 0.75, "agreement": 0.8, "agreement5": 0.9, "kl": 0.3}
    accuracies = {"clean": 0.7, "jpeg": [0.6, 0.5, 0.4, 0.3, 0.2], "mean": 0.4}
    attack = {"clean": 0.7, "fgsm": 0.3, "pgd": 0.1}
    transfer = dict.fromkeys(("teacher_to_student", "student_to_teacher"), {"fooled": 0.4, "images": 12})
    found.update(
        recipe="digits",
        class_names=list(names or map(str, range(classes))),
        verdict={
            "sentence": "Better: distilled minus labels alone is +1.60 points.",
            "seeds": [0, 1, 2],
            "top1": {"mean": 0.7, "std": 0.01, "n": 3},
            "runs": [run, {**run, "seed": 1}],
            "against": {
                "labels alone": {
                    "baseline": {"mean": 0.68, "std": None},
                    "n": 3,
                    "difference": 0.016,
                    "interval": [0.01, 0.022],
                    "outcome": "better",
                    "runs": [{**run, "agreement": None}],
                }
            },
            "classes": {
                "runs": 3,
                "change": change,
                "harmed": [1, 2],
                "surely_harmed": [1],
                "worst_change": {"class": 1, "change": -0.04},
                "flagged": [1],
            },
        },
        splits={
            "train": {
                **split,
                "example_weights": {"share": 0.9, "median": 0.9, "correlation": 0.7, "by_confidence": []},
                "student_true_top1": 0.7,
                "student_fits_noise": 0.2,
                "teacher_true_top1": 0.7,
                "teacher_fits_noise": None,
            },
            "test": split,
        },
        statistical_view={
            "images": 40,
            "members": 3,
            "against": "true probabilities",
            "teacher": {"nll": 1.0, "brier": 0.5, "ece": 0.1, "members_brier": 0.6, "mse": 0.3, "bias2": 0.1},
            "student_mse": 0.4,
            "objective": {"bayes_risk": 1.0, "bayes_variance": 0.2, "one_hot_variance": 0.9},
            "difficulty": {"test": {"teacher": 0.71, "student": 0.62, "weights": None}, "train": {"teacher": 0.53}},
            "relations": {"teacher": 0.97, "student": None, "teacher_said": 0.94},
        },
        representation={"stage1": 0.9, "pooled": 0.7},
        properties={
            "images": 40,
            "networks": list(NAMES),
            "corruptions": dict.fromkeys(NAMES, accuracies),
            "attacks": {
                "student": {"epsilon": 2.0, "steps": 10, "student": attack, "teacher": attack, "transfer": transfer},
                "baseline": {"epsilon": 2.0, "steps": 10, "student": attack, "teacher": attack, "transfer": transfer},
            },
            "attention": {"student/teacher": {"iou": 0.3, "cosine": 0.7, "images": 40}},
            "invariance": {
                "networks": {"student": {"rotation": 0.9}},
                "pairs": {"student/teacher": {"images": 0.9, "rotation": {"agreement": 0.9}}},
            },
        },
        selection={
            "policy": "bandit",
            "interval": 1,
            "unit": "epochs",
            "metric": "accuracy",
            "chosen": {"kd": 0.5, "sp": 1.0},
            "probability": {"kd": 0.4, "sp": 0.6},
            "parts": [{"from": 1, "to": 2, "chosen": {"kd": 0.5, "sp": 1.0}, "reward": 0.01}],
        },
        best_validation={"epoch": 2, "val_accuracy": 0.9, "top1": 0.8},
        imbalance={
            "head": 0.9,
            "middle": 0.8,
            "tail": 0.4,
            "head_classes": [0],
            "middle_classes": [1],
            "tail_classes": [],
        },
        cost={"parameters": 1442, "macs": 23200, "bytes": 5960},
        teacher_cost={"parameters": 16794, "macs": 378176, "bytes": 67944},
        cooperation={
            "before": {"student": 0.5},
            "networks": [
                {"name": "student", "model": "tiny", "file": "student.keras", "images": 9, "before": 0.5, "top1": 0.6}
            ],
            "rounds": [
                {"round": 1, "member": "student", "wrong": 3, "by": {"peer_1": 2}, "examples": 2, "before": 0.5}
            ],
            "plane": {
                "low": [0, 0],
                "high": [255, 255],
                "networks": [
                    {
                        "name": "student",
                        "before": [[0, 1], [0, 1]],
                        "after": [[0, 0], [1, 1]],
                        "points": [[9, 9, 0]],
                        "written": [[20, 200, 1]],
                    }
                ],
            },
        },
        generations=[{"generation": 1, "run": ".", "seed": 0, "top1": 0.7, "agreement": 0.8, "ece": 0.1, "seconds": 3}],
        time={
            "seconds": {"teacher": 2.3, "student": 22.7, "data": 0.1, "training": 25.0, "teacher_run": 40, "total": 60},
            "how": "teacher: the seconds in which the bank was filled",
        },
        bank={"views": 1342, "computed_by_this_run": 1342},
        data={
            "name": "digits",
            "train": 100,
            "test": 40,
            "label_noise": {"kind": "symmetric", "rate": 0.5, "images": 30},
            "imbalance": {"profile": "exponential", "ratio": 5.0, "counts": [9, 5]},
        },
        exports=[
            {"file": "a.tflite", "format": "float32", "bytes": 9500, "accuracy": 0.7, "passed": True, "images": 40},
            {"file": None, "format": "int8", "bytes": None, "passed": False, "failures": ["drop"], "flex_ops": ["X"]},
        ],
        int8_fine_tuning={"before": {"int8": {"accuracy": 0.5}}, "epochs": 3, "teacher": "the student"},
        export_note="a package is missing",
        doctor=[
            {"check": "rate", "outcome": "good", "found": "fine", "why": "", "fix": ""},
            {"check": "temperature", "outcome": "bad", "found": "uniform", "why": "no help", "fix": "lower it"},
        ],
        environment={"device": "CPU", "keras": "3.12"},
        notes=["One note."],
        seed=0,
        epochs=2,
        git_commit="abc",
        smoke=True,
        settings={"seed": 0},
    )
    found["teacher"] = {**found["teacher"], "name": "big", "source": {"members": [{"name": "a", "weight": 0.5}]}}
    found["fidelity"]["control"] = {"name": "b", "top1": 0.7, "agreement": 0.6, "beyond_control": 0.1}
    return found


HISTORY = [
    {"epoch": "1", "loss": "300", "kd_loss": "2.0", "val_loss": "3", "accuracy": "0.5", "val_accuracy": ""},
    {"epoch": "2", "loss": "0.5", "kd_loss": "nan", "val_loss": "2", "accuracy": "0.7", "val_accuracy": "0.6"},
]
STUDENT, TEACHER, LABELS, EVIDENCE = kept()
REPORT = json_safe(report_of(STUDENT, TEACHER, LABELS))


def text_of(html_page):
    """What a page says, without its tags."""
    plain_text = html.unescape(re.sub(r"<[^>]*>", " ", html_page)).replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(plain_text.split())


def headings(text):
    return re.findall(r"<h2>(.*?)</h2>", text)


@pytest.fixture(scope="module")
def text():
    """The page of everything."""
    return page(REPORT, HISTORY, EVIDENCE, "teacher: big\n")


@pytest.mark.drawn
def test_the_sections_come_in_their_order_and_each_has_a_link(text):
    assert headings(text) == [
        "Did it help?",
        "Student and teacher",
        "Networks that taught each other",
        "Learning curves",
        "Which terms were chosen",
        "Fidelity to the teacher",
        "Can its probabilities be believed?",
        "How right are the teacher&#39;s probabilities?",
        "What have they of what is known of the data?",
        "By class",
        "Rare classes",
        "Label noise",
        "What else the student took over",
        "Where student and teacher disagree",
        "The images they disagree on most",
        "Exported files",
        "What the time went to",
        "What the doctor found",
        "Data",
        "Environment",
        "Recipe",
        "Notes",
    ]
    assert re.findall(r'<a href="#(.*?)">', text) == re.findall(r'<section id="(.*?)">', text)
    whole = page({**REPORT, "smoke": False})
    assert whole.index("Better: distilled minus") < whole.index("<h2>") and "Better: distilled minus" not in text


@pytest.mark.drawn
def test_the_page_loads_nothing_and_runs_nothing(text):
    bare = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert "http" not in bare and "<script" not in text and "url(http" not in text and "@import" not in text
    assert all(one.startswith(("#", "data:")) for one in re.findall(r'(?:src|href)="(.*?)"', text))
    assert "prefers-color-scheme: dark" in text and "@media print" in text and "width=device-width" in text


@pytest.mark.drawn
def test_every_plot_says_how_it_is_read(text):
    shown = re.findall(r'<svg .*?</svg>\s*<figcaption class="soft">(.*?)</figcaption>', text, flags=re.DOTALL)
    assert len(shown) == text.count("<svg ") > 10 and all(len(one) > 30 for one in shown)


@pytest.mark.drawn
def test_the_same_run_makes_the_same_page(text):
    assert page(REPORT, HISTORY, EVIDENCE, "teacher: big\n") == text


# As the Markdown page has it: a doctor's findings are dicts.
WRITTEN = {**REPORT, "doctor": None}


@pytest.mark.drawn
def test_what_both_networks_have_of_what_is_known_of_the_data_is_told(text):
    said = text_of(text)
    assert "the teacher's probability of it 0.71 0.53" in said
    assert "cosines of the teacher's class vectors 0.97" in said
    # The student's are not there, so nothing is said of them.
    assert "cosines of the student's class vectors" not in said


def test_both_pages_say_the_same_of_attacks_and_invariance_and_temperatures():
    markdown = markdown_page(WRITTEN)
    for header, rows in (attacks(WRITTEN), invariance(WRITTEN)):
        assert rows and f"| {' | '.join(header)} |" in markdown
        assert all(cell in text_of(page(WRITTEN)) for row in rows for cell in row)
    assert "A pixel of 0..255 moves by 2 at most, PGD in 10 steps." in markdown
    scaled = {"temperature": 1.5, "ece": 0.1}
    both = {
        **WRITTEN,
        "calibration_scaled": {**scaled, "fitted_on": "validation"},
        "teacher_calibration_scaled": {**scaled, "fitted_on": "the other half of the test images"},
    }
    said = (
        "The teacher's temperature is fitted on the other half of the test images. "
        "The student's temperature is fitted on validation."
    )
    assert said in markdown_page(both) and said in text_of(page(both))
    both["teacher_calibration_scaled"]["fitted_on"] = "validation"
    assert fitted_temperatures(both) == "Temperatures are fitted on validation."


def test_a_teacher_that_learned_from_what_is_set_aside_is_said_so():
    seen = {"source": {"trained_on_held_out": True}}
    splits = {**WRITTEN["splits"], "validation": WRITTEN["splits"]["test"]}
    for source in (seen["source"], {"members": [{}, seen["source"]]}):
        told = {**WRITTEN, "splits": splits, "teacher": {**WRITTEN["teacher"], "source": source}}
        said = "The teacher was trained on images that are set aside for validation here"
        assert said in markdown_page(told) and said in text_of(page(told))
    assert said not in markdown_page(WRITTEN)


@pytest.mark.slow
@pytest.mark.parametrize("name", REPORT)
def test_any_part_may_be_missing_or_none(name):
    rest = {key: value for key, value in REPORT.items() if key != name}
    assert "Recipe" in headings(page(rest, HISTORY, EVIDENCE, "teacher: big\n"))
    assert "Recipe" in headings(page({**rest, name: None}, recipe_text="teacher: big\n"))


class Undrawn:
    """A plot that takes whatever is drawn into it."""

    def __getattr__(self, name):
        return self

    def __call__(self, *given, **options):
        return self

    def __getitem__(self, key):
        return self

    def __iter__(self):
        return iter(())


def inner_paths(value, path=()):
    """The paths of all that is nested in a report."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield (*path, name)
        yield from inner_paths(one, (*path, name))


def drawn_sections(report, evidence):
    """The sections, after each of their plots was drawn."""
    made = sections(report, HISTORY, evidence, "")
    for section in made:
        for block in section.on(HTML):
            for plot in block.plots if block.kind == "plots" else ():
                plot.draw()
    return made


@pytest.mark.slow
def test_anything_nested_may_be_missing_or_none(monkeypatch):
    # What is plotted is plotted by the test above.
    for module in PLOTTING:
        monkeypatch.setattr(f"keras_kd.report.sections.{module}.axes", lambda *size: (Undrawn(), Undrawn()))
    seen = {tuple("0" if isinstance(part, int) else part for part in path): path for path in inner_paths(REPORT)}
    assert len(seen) > 150
    evidence, failed = {**EVIDENCE, "images": EVIDENCE["images"][:1], "positions": [0]}, []
    for path in seen.values():
        for gone in (True, False):
            report = copy.deepcopy(REPORT)
            place = report
            for part in path[:-1]:
                place = place[part]
            if gone and isinstance(place, dict):
                del place[path[-1]]
            else:
                place[path[-1]] = None
            try:
                assert drawn_sections(report, evidence)
            except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
                failed.append(f"{'without' if gone else 'None at'} {path}: {error!r}")
    assert not failed


# The others are always in the file.
@pytest.mark.parametrize("name", sorted({*EVIDENCE} - {"labels", "student_logits", "positions"}))
def test_evidence_may_be_in_part(name):
    assert headings(page(REPORT, evidence={key: value for key, value in EVIDENCE.items() if key != name}))


def test_a_student_without_a_teacher():
    report = {**summarize(STUDENT, None, LABELS).as_json(), "recipe": "alone", "cost": {"parameters": 3}}
    evidence = {"student_logits": EVIDENCE["student_logits"], "labels": EVIDENCE["labels"]}
    text = page(report, HISTORY, evidence)
    assert "Reliability of the student" in text and "Reliability of the teacher" not in text
    assert "Fidelity to the teacher" not in headings(text) and "Where student and teacher disagree" not in headings(
        text
    )


def test_a_report_of_an_earlier_version():
    old = {
        "recipe": "old",
        "student": {"name": "s", "top1": 0.5, "top5": 0.9},
        "fidelity": {"agreement": 0.5, "agreement5": 0.9, "kl": 1.0},
        "calibration": {"ece": 0.1, "nll": 1.0, "brier": 0.5, "bins": 15},
        "per_class": [0.5, None, 0.7],
        "time": {"seconds": {"training": 3.0}},
    }
    text = page(old)
    assert headings(text) == [
        "Student and teacher",
        "Fidelity to the teacher",
        "Can its probabilities be believed?",
        "By class",
        "What the time went to",
    ]
    assert page({}).count("<section") == 0


def test_numbers_that_are_not_finite_are_dashes():
    report = {**REPORT, "student": {"name": "s", "top1": float("nan"), "top5": np.float32("inf")}}
    report["per_class"] = np.array([np.nan, 0.5])
    logits = EVIDENCE["student_logits"].copy()
    logits[:3] = np.nan
    history = [{"epoch": 1, "loss": float("nan"), "accuracy": float("inf")}]
    text = page(report, history, {**EVIDENCE, "student_logits": logits})
    assert "student\N{NO-BREAK SPACE}s</td><td>–" in text and "Learning curves" not in headings(text)
    text = page(report, HISTORY, {**EVIDENCE, "student_logits": np.full_like(logits, np.nan)})
    assert "Reliability of the student" not in text and "Reliability of the teacher" in text


@pytest.mark.drawn
def test_names_are_escaped_and_dollars_are_dollars():
    names = ["<b>&", r"$\frac", "$5$", "_x", "猫", "a very long name of a class that no plot has room for", *"6789"]
    text = page({**REPORT, "recipe": "<script>", "class_names": names}, HISTORY, EVIDENCE, "<script>&")
    assert "<script" not in text and "<b>" not in text
    assert "&lt;b&gt;&amp;" in text and r"$\frac" in text and "&lt;script&gt;&amp;" in text


@pytest.mark.drawn
@pytest.mark.parametrize("classes", [2, 100])
def test_few_and_many_classes(classes):
    student, teacher, labels, evidence = kept(classes, 900)
    text = page(report_of(student, teacher, labels), HISTORY, evidence)
    assert ("Confusions, student minus teacher" in text) == (classes == 2)
    assert ("The 5 worst and the 5 best" in text) == (classes == 100)
    assert len(text) < 2_000_000


def test_without_a_baseline_the_classes_have_their_accuracy():
    text = page({key: value for key, value in REPORT.items() if key != "verdict"})
    assert "Accuracy on the test images of each class" in text and "against labels alone" not in text


def test_a_class_without_images_and_labels_of_one_class():
    labels = np.zeros(40, "int32")
    student, teacher, _ = networks(images=40)
    evidence = {"student_logits": student, "teacher_logits": student, "labels": labels}
    text = page(report_of(student, teacher, labels), evidence=evidence)
    assert "On 0 of 40 test images" in text and "Confusions, student minus teacher" not in text


@pytest.mark.drawn
def test_one_epoch_has_points():
    text = page({}, HISTORY[:1])
    assert text.count("<svg ") == 3 and "Loss of the term kd" in text


def test_columns_of_a_history_are_numbers():
    columns = figures_by_epoch([{"epoch": 1, "a": "x", "b": "", "c": 2}, {"epoch": 2, "c": None, None: ["rest"]}])
    assert list(columns) == ["epoch", "c"] and columns["c"][0] == 2 and np.isnan(columns["c"][1])
    assert figures_by_epoch([]) == {}


@pytest.mark.parametrize("library", plots.LIBRARIES)
def test_without_a_library_the_page_says_so(monkeypatch, library):
    monkeypatch.setattr(plots, "installed", lambda name: name != library)
    text = page(REPORT, HISTORY, EVIDENCE)
    assert f"needs {plots.LIBRARIES[library]}" in text and "<h2>" not in text


def test_a_shortened_run_says_so():
    assert "A shortened run" in page(REPORT) and "A shortened run" not in page({**REPORT, "smoke": False})


@pytest.mark.parametrize("channels", [1, 3])
def test_the_predictions_come_back(tmp_path, channels):
    student, teacher, labels = networks(images=60)
    pixels = GENERATOR.integers(0, 256, (60, 8, 8, channels)).astype("uint8")
    path = write_predictions(tmp_path / "run" / NAME, student, teacher, labels, pixels)
    found = read_predictions(path)
    np.testing.assert_allclose(found["student_logits"], student, rtol=1e-3)
    assert found["student_logits"].dtype == found["teacher_logits"].dtype == "float16"
    assert (found["labels"] == labels).all() and found["labels"].dtype == "int32"
    assert len(found["images"]) == 24 and (found["images"] == pixels[found["positions"]]).all()
    before = path.read_bytes()
    write_predictions(path, student, teacher, labels, pixels)
    assert path.read_bytes() == before
    text = page(report_of(student, teacher, labels), evidence=found)
    assert text.count("data:image/png;base64,") >= 24


def test_predictions_without_a_teacher_and_of_one_that_says_the_same(tmp_path):
    student, teacher, labels = networks(images=20)
    pixels = np.zeros((20, 8, 8, 1), "uint8")
    found = read_predictions(write_predictions(tmp_path / "a.npz", student, None, labels, pixels))
    assert set(found) == {"student_logits", "labels"}
    found = read_predictions(write_predictions(tmp_path / "b.npz", student, student, labels, pixels))
    assert found["positions"].shape == (0,) and "images" not in found
    assert "The images they disagree on most" not in page(report_of(student, teacher, labels), evidence=found)


def test_logits_beyond_half_precision_stay_in_order(tmp_path):
    student = np.array([[1e6, 1.0], [-1e6, np.nan]])
    found = read_predictions(write_predictions(tmp_path / NAME, student, None, [0, 1], np.zeros((2, 2, 2, 1))))
    assert found["student_logits"][0].tolist() == [65504.0, 1.0] and np.isnan(found["student_logits"][1, 1])


def test_a_missing_file_is_none_and_a_damaged_one_says_where(tmp_path):
    path = tmp_path / NAME
    assert read_predictions(path) is None
    student, teacher, labels = networks(images=200)
    whole = write_predictions(path, student, teacher, labels, np.zeros((200, 8, 8, 1), "uint8")).read_bytes()
    middle = len(whole) // 3
    for damaged in (b"", b"no zip", whole[:middle], whole[:middle] + b"\0" * 60 + whole[middle + 60 :], whole[:-9]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=re.escape(str(path))):
            read_predictions(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(2)}, "has no student_logits"),
        ({"labels": np.zeros(2), "student_logits": np.zeros((3, 2))}, "do not fit"),
        ({"labels": np.zeros(2), "student_logits": np.zeros(2)}, "do not fit"),
        ({"labels": np.zeros(2), "student_logits": np.zeros((2, 2)), "teacher_logits": np.zeros((2, 3))}, "do not fit"),
        ({"labels": np.zeros(2), "student_logits": np.zeros((2, 2)), "images": np.zeros((1, 2, 2, 1))}, "do not fit"),
    ],
)
def test_a_file_of_other_parts_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / NAME, **arrays)
    with pytest.raises(UserError, match=message):
        read_predictions(tmp_path / NAME)


def test_the_order_of_disagreement():
    def sure(share):
        return [np.log(share), np.log(1 - share)]

    student = np.array([sure(0.5), sure(0.9), sure(0.2), sure(0.6), [np.nan, 0.0], sure(0.2)])
    teacher = np.array([sure(0.5), sure(0.6), sure(0.9), sure(0.7), sure(0.5), sure(0.9)])
    np.testing.assert_allclose(total_variation(student, teacher)[[0, 1, 2, 3]], [0, 0.3, 0.7, 0.1], atol=1e-12)
    assert most_apart(student, teacher).tolist() == [2, 5, 1, 3]
    assert most_apart(student, teacher, count=2).tolist() == [2, 5]


def test_partings_are_counted():
    labels, teacher, student = np.array([[0, 0, 1, 2, 2], [0, 0, 1, 0, 0], [1, 1, 1, 1, 2]])
    assert most_frequent_disagreements(labels, teacher, student) == [((0, 0, 1), 2), ((2, 0, 1), 1), ((2, 0, 2), 1)]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA")])
def test_images_stand_in_the_page_as_they_are(channels, mode):
    image = GENERATOR.integers(0, 256, (6, 5, channels)).astype("uint8")
    seen = Image.open(io.BytesIO(base64.b64decode(data_uri(image).partition(",")[2])))
    wanted = image if channels > 2 else image[..., 0]
    assert seen.mode == mode and (np.asarray(seen) == wanted).all()


@pytest.mark.parametrize("shape", [(224, 224, 3), (97, 3, 1), (96, 96, 3), (1, 500, 1)])
def test_thumbnails_are_small_means(shape):
    image = np.full(shape, 9, "uint8")
    small = thumbnail(image)
    assert max(small.shape) <= THUMBNAIL and small.shape[2] == shape[2] and (small == 9).all()
    half = thumbnail(np.tile(np.array([[0, 100]], "uint8"), (100, 50))[..., None])
    assert half.shape == (50, 50, 1) and (half == 50).all()
