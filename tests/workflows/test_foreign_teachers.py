"""A teacher from anywhere in a recipe: trained, measured and exported by; or refused before any data are read."""

import json

import keras
import numpy as np
import pytest
import yaml

import keras_kd
from keras_kd.data import load as load_data
from keras_kd.export.export import export
from keras_kd.models import build
from keras_kd.models.foreign.stored import write_answers
from keras_kd.recipe.load import load
from keras_kd.report.tables import networks, networks_in_brief
from keras_kd.utils.errors import UserError
from keras_kd.workflows.doctor import examine
from keras_kd.workflows.run.distill import distill
from keras_kd.workflows.run.dry_run import about_data, dry_run
from keras_kd.workflows.run.plan import in_words, plan

PREDICT = """
import numpy as np
answers = dict(np.load({weights!r}))

def predict(images, factor=1.0):
    return factor * (images.reshape(len(images), -1) / 255 @ answers["kernel"] + answers["bias"])
"""


@pytest.fixture(scope="module")
def teachers(made_once):
    """(folder with one teacher in every form, its accuracy on the test images)."""

    def make(folder):
        digits = load_data("digits")
        image = keras.Input((8, 8, 1))
        flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
        network = keras.Model(image, keras.layers.Dense(10, name="logits")(flat))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
        network.fit(digits.train.images.astype("float32"), digits.train.labels, epochs=8, verbose=0)
        network.save(folder / "teacher.keras")
        network.save(folder / "teacher.h5")
        export(
            folder / "teacher.keras",
            folder,
            formats=("onnx", "litert_float32", "litert_int8", "saved_model"),
            calibration_images=digits.train.images[:100],
            test_images=digits.test.images[:50],
            test_labels=digits.test.labels[:50],
            quiet=True,
        )
        said = {
            one: network.predict(getattr(digits, one).images.astype("float32"), verbose=0) for one in ("train", "test")
        }
        write_answers(folder / "answers.npz", digits, **said)
        np.savez(folder / "training_alone.npz", train=said["train"])
        kernel, bias = network.get_layer("logits").get_weights()
        np.savez(folder / "weights.npz", kernel=kernel, bias=bias)
        return float((said["test"].argmax(1) == digits.test.labels).mean())

    return made_once("teachers_from_anywhere", make)


TEACHERS = {
    "onnx": "student.onnx",
    "litert": "student.tflite",
    "int8": "student_int8.tflite",
    "saved_model": "saved_model",
    "h5": "teacher.h5",
    "function": {"predict": "asked_by_recipe:predict"},
    "stored": {"logits": "answers.npz"},
    "ensemble": ["student.onnx", {"logits": "answers.npz"}, "teacher.keras"],
}


def recipe_file(tmp_path, folder, teacher, **changes):
    """A recipe next to the teachers' files."""

    def placed(one):
        if isinstance(one, list):
            return [placed(each) for each in one]
        if isinstance(one, dict):
            return {
                field: placed(value) if field in ("logits", "model", "ensemble") else value
                for field, value in one.items()
            }
        return str(folder / one) if (folder / one).exists() else one

    data = {
        "data": {"name": "digits", "views": "flip"},
        "teacher": placed(teacher),
        "student": "digits_tiny",
        "label_weight": 0.1,
        "terms": [{"method": "kd", "weight": 0.9, "temperature": 4}],
        "fit": {"epochs": 1, "batch_size": 64, "optimizer": "adam", "learning_rate": 0.01},
        "export": {"formats": []},
        **changes,
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def place(tmp_path, teachers, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asked_by_recipe.py").write_text(PREDICT.format(weights=str(teachers[0] / "weights.npz")))
    return tmp_path


# The others are the same but for how they answer, which tests/models/test_foreign.py looks at.
FAST = ("function", "ensemble")


@pytest.mark.parametrize("one", [one if one in FAST else pytest.param(one, marks=pytest.mark.slow) for one in TEACHERS])
def test_each_kind_teaches_from_a_recipe(place, teachers, one):
    folder, accuracy = teachers
    recipe = load(recipe_file(place, folder, TEACHERS[one]))
    report = distill(recipe, place / "saved_models" / "mine", name="mine", quiet=True)
    assert report.teacher["top1"] == pytest.approx(accuracy, abs=0.02 if one == "int8" else 1e-9)
    assert report.fidelity.agreement is not None and report.bank["computed_by_this_run"] > 0
    known = one == "h5"
    assert (report.teacher_cost.parameters is not None) is known
    assert ("teacher" in report.latency) is known
    assert bool([note for note in report.notes or () if "is no Keras network" in note]) is not known
    plain = json.loads((place / "saved_models" / "mine" / "report.json").read_text())
    for table in (networks, networks_in_brief):
        assert ("not known" in table(plain)[1][0]) is not known


@pytest.mark.slow
def test_the_whole_way_from_python(place, teachers):
    folder, accuracy = teachers
    changes = {"export": {"formats": ["litert_float32"]}, "baseline": True}
    path = recipe_file(place, folder, "student.onnx", **changes)
    report = keras_kd.distill(str(path), out=str(place / "runs" / "mine"), quiet=True).report
    assert report.exports[0].passed and (place / "runs" / "mine" / "student.tflite").exists()
    # What was delivered is a teacher in its turn.
    again = recipe_file(place, folder, str(place / "runs" / "mine" / "student.tflite"))
    second = distill(load(again), place / "runs" / "second", name="second", quiet=True)
    assert second.teacher["top1"] == pytest.approx(report.student.top1, abs=0.01)


def test_answers_of_training_images_alone_teach(place, teachers):
    recipe = load(recipe_file(place, teachers[0], {"logits": "training_alone.npz"}))
    report = distill(recipe, place / "saved_models" / "mine", name="mine", quiet=True)
    assert report.teacher["top1"] is None and report.student.top1 > 0
    assert any("without those of test images" in note for note in report.notes)


def test_a_teacher_that_changed_is_never_read_from_its_old_bank(place, teachers):
    path = recipe_file(place, teachers[0], TEACHERS["function"])
    folder = place / "saved_models" / "mine"
    first = distill(load(path), folder, name="mine", quiet=True)
    file = place / "asked_by_recipe.py"
    file.write_text(file.read_text() + "# another\n")
    with pytest.raises(UserError, match="the code of asked_by_recipe:predict"):
        distill(load(path), folder, name="mine", quiet=True)
    other = path.with_name("other.yaml")
    text = yaml.safe_load(path.read_text())
    text["teacher"]["arguments"] = {"factor": 2.0}
    other.write_text(yaml.safe_dump(text))
    second = distill(load(other), place / "saved_models" / "other", name="other", quiet=True)
    assert first.bank["key"] != second.bank["key"] and second.bank["computed_by_this_run"] > 0


def test_a_saved_model_lies_next_to_its_recipe(place, teachers, monkeypatch):
    (place / "recipes").mkdir()
    (place / "recipes" / "exported").symlink_to(teachers[0] / "saved_model")
    path = recipe_file(place / "recipes", teachers[0], "exported")
    assert load(path).teacher.model.endswith("recipes/exported")


def test_it_is_planned_and_examined(place, teachers):
    recipe = load(recipe_file(place, teachers[0], {"logits": "answers.npz"}))
    assert "not known" in in_words(plan(recipe))
    found = examine(recipe, place / "saved_models" / "mine", name="mine")
    outcomes = {one["check"]: one["outcome"] for one in found["findings"]}
    assert outcomes["teacher accuracy"] == "good" and outcomes["pixels"] == "good"
    assert outcomes["capacity"] == outcomes["size of the student"] == "unknown"
    assert "bad" not in outcomes.values()
    json.dumps(found)


ONNX = "is an ONNX file, of which only its answers are known"


@pytest.mark.parametrize(
    "teacher, changes, message",
    [
        ("student.onnx", {"terms": [{"method": "bss"}]}, f"bss asks its teacher in the step, and .*{ONNX}"),
        ("student.onnx", {"terms": [{"method": "at"}]}, f"at reads layers of its teacher .stage1, .*{ONNX}"),
        ("student.onnx", {"bank": {"mode": "live"}}, "bank.mode: .*asked through a bank; leave bank.mode out"),
        ("student.onnx", {"student": {"prune": {"macs": 0.5}}}, "no student can be made from it; name a student"),
        ("student.onnx", {"student": {"model": "digits_tiny", "start_from_teacher": 1.0}}, "no weights to start from"),
        ("student.onnx", {"evidence": {"attacks": True}}, "it has no gradient; leave attacks out"),
        ("student.onnx", {"evidence": {"attention": True}}, "it has no maps; leave attention out"),
        ("teacher.keras", {"student": "mine.onnx"}, "mine.onnx is an ONNX file, which can teach and cannot be trained"),
        ({"logits": "answers.npz", "pixels": "unit"}, {}, "stored answers are shown no images; leave it out"),
        (
            {"logits": "answers.npz"},
            {"data": {"name": "digits", "views": {"mixup": 1.0}}},
            "leave mixup and cutmix out",
        ),
        ({"model": "teacher.keras", "function": "predicts"}, {}, "is no function; expected package.module:function"),
        ({"model": "teacher.keras", "layout": "channels_first"}, {}, "is a Keras network, which knows it itself"),
        ({"predict": "a:b", "output": "logits"}, {}, "a function has one; leave it out"),
        ({"predict": "a:b", "model": "teacher.keras"}, {}, "predict"),
        ("no_such.onnx", {}, "no file 'no_such.onnx' next to .*; give the path of an ONNX file"),
        ({"logits": "no_such.npz"}, {}, "no file 'no_such.npz' next to .*; give the path of a file of stored answers"),
        (["student.onnx", "teacher.keras"], {"terms": [{"method": "fitnet"}]}, ONNX),
    ],
)
def test_what_needs_more_than_answers_is_refused_as_the_recipe_is_read(place, teachers, teacher, changes, message):
    with pytest.raises(UserError, match=message) as error:
        load(recipe_file(place, teachers[0], teacher, **changes))
    assert all(line.startswith("mine.yaml:") for line in str(error.value).splitlines())


@pytest.mark.parametrize(
    "teacher, message",
    [
        ({"model": "student.onnx", "from_logits": False}, "set from_logits to true for the teacher"),
        ({"logits": "answers.npz", "from_logits": False}, "set from_logits to true for the teacher"),
        ({"model": "student.onnx", "classes": 7}, r"the data has 7 classes"),
        ({"model": "student.tflite", "output": "head"}, "has no output 'head'; its outputs: "),
    ],
)
def test_what_does_not_fit_is_refused_before_data_are_read(place, teachers, teacher, message):
    recipe = load(recipe_file(place, teachers[0], teacher))
    with pytest.raises(UserError, match=message) as error:
        dry_run(recipe, about_data(recipe), quiet=True)
    assert "\n" not in str(error.value)


def test_the_bank_of_a_teacher_without_room_is_no_reason_to_run_it_in_the_step(place, teachers, monkeypatch):
    def no_room(self, epochs=None):
        raise UserError("the disk is full")

    monkeypatch.setattr("keras_kd.bank.bank.Bank.check_room", no_room)
    recipe = load(recipe_file(place, teachers[0], "student.onnx"))
    with pytest.raises(UserError, match="the disk is full"):
        distill(recipe, place / "saved_models" / "mine", name="mine", quiet=True)


def test_what_a_name_means_is_known_to_build(teachers):
    model = build(str(teachers[0] / "student.onnx"), (8, 8, 1), 10)
    assert model.output_shape == (None, 10)
