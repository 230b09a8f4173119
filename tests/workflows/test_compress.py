"""A trained model made smaller by one command: what it finds out, what it proposes, what it refuses."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from keras import layers
from PIL import Image

import keras_kd
from keras_kd.cli.main import commands
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.compress.class_names import order_by_names, read_names
from keras_kd.workflows.compress.compress import Looked, refuse_worse
from keras_kd.workflows.compress.found_out import Given, find_out
from keras_kd.workflows.compress.ladder import climb
from keras_kd.workflows.compress.request import place_of, request
from keras_kd.workflows.compress.targets import Target, ladder_of, target_of

NAMES = ("across", "chequered", "down")


def striped(count, seed):
    """Noisy grey images of a faint pattern each, and which of `NAMES` it is."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    down, across = np.mgrid[:12, :12] // 2 % 2 * 2 - 1
    patterns = np.stack([down, down * across, across])
    images = 110 + 25 * patterns[labels][..., None] + random.normal(0, 30, (count, 12, 12, 3))
    return np.clip(images, 0, 255).round().astype("uint8"), labels


def network(rescaled):
    image = keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 255)(image) if rescaled else image
    x = layers.BatchNormalization(momentum=0.8, name="first_norm")(x)
    for number in (1, 2):
        x = layers.Conv2D(16, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(x))
    x = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(x))


def fill(folder):
    """A folder of images and two trained models of them: one that rescales inside, one that takes 0..1."""
    for split, count, seed in (("train", 300, 0), ("test", 90, 1)):
        for number, (image, label) in enumerate(zip(*striped(count, seed), strict=True)):
            place = folder / "images" / split / NAMES[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number:03d}.png")
    (folder / "flat").mkdir()
    for number, image in enumerate(striped(60, 2)[0]):
        Image.fromarray(image).save(folder / "flat" / f"{number:03d}.png")
    images, labels = striped(300, 0)
    for name, rescaled, order in (("inside", True, (0, 1, 2)), ("outside", False, (2, 0, 1))):
        keras.utils.set_random_seed(0)
        model = network(rescaled)
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(images / (1 if rescaled else 255), np.array(order)[labels], epochs=6, batch_size=50, verbose=0)
        model.save(folder / f"{name}.keras")
    keras.Sequential([keras.Input((12, 12, 3)), layers.Flatten(), layers.Dense(5)]).save(folder / "of_five.keras")
    (folder / "outside_labels.txt").write_text("Chequered\nDown\nAcross\n")
    return True


@pytest.fixture
def here(made_once, tmp_path, monkeypatch):
    folder, _ = made_once("compressed", fill)
    for one in folder.iterdir():
        (tmp_path / one.name).symlink_to(one)
    monkeypatch.setenv("KERAS_KD_CACHE", str(folder / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found_of(model, data="images", tmp="images.npz", **given):
    return find_out(Given(f"{model}.keras", data, **given), Path(tmp))


def test_a_model_that_rescales_inside(here):
    found = found_of("inside")
    assert found.teacher["pixels"] == "pixels" and found.teacher["from_logits"] is False and found.labelled
    assert found.data["image_size"] == [12, 12] and "classes" not in found.data
    assert "gives probabilities of 3 classes" in found.lines[-1]


def test_a_model_that_wants_0_to_1_and_names_its_classes(here):
    found = found_of("outside")
    assert found.teacher["pixels"] == "unit" and found.teacher["from_logits"] is False
    # The model's classes are chequered, down, across; the folders come as across, chequered, down.
    assert found.data["classes"] == [1, 2, 0]
    assert found.case.dataset.class_names == ("chequered", "down", "across")
    assert found.case.teacher_accuracy(found.case.training) > 0.8
    assert any("in the order of outside_labels.txt: Chequered, Down, Across" in one for one in found.lines)


def test_an_order_of_classes_that_no_file_names_is_measured(here):
    Path("outside_labels.txt").unlink()
    found = found_of("outside")
    assert found.data["classes"] == [1, 2, 0] and found.teacher["pixels"] == "unit"
    assert any("come in another order than those of images: chequered, down, across" in one for one in found.lines)


def test_images_without_labels_are_labelled_by_the_model(here):
    found = found_of("outside", "flat")
    assert not found.labelled and found.teacher["pixels"] == "unit"
    assert len(found.case.dataset.train) + len(found.case.dataset.test) == 60
    assert found.case.dataset.class_names == ("Chequered", "Down", "Across")
    assert found.case.teacher_accuracy(found.case.training) == 1.0
    assert any("on the teacher's word alone" in one for one in found.lines)


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        ("inside", {"data": "nowhere/"}, "nowhere/: no such file or folder; give a folder of images, or the name of a"),
        ("nothing", {}, "nothing.keras: no such file; expected a network saved by"),
        ("of_five", {}, "images: has 3 classes, and of_five.keras gives 5; give images of the model's classes"),
        ("inside", {"data": "digits"}, "digits: has 10 classes, and inside.keras gives 3; give images"),
        (
            "inside",
            {"labels": "outside.txt"},
            "outside.txt: cannot be read: No such file or directory; expected a class",
        ),
        ("inside", {"image_size": 32}, "--image-size: found 32, and inside.keras takes 12 x 12; leave it out"),
        ("inside", {"pixels": "float"}, "pixels: found 'float'; expected one of pixels, unit, symmetric, standard"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(here, model, given, said):
    before = sorted(os.listdir())
    given = dict(given)
    with pytest.raises(UserError) as refused:
        asked = request(f"{model}.keras", given.pop("data", "images"), **given)
        find_out(asked.given, here / "x.npz")
    assert str(refused.value).startswith(said)
    assert sorted(os.listdir()) == before


def test_names_that_are_not_those_of_the_folders(here):
    Path("mine.txt").write_text("across\ndown\nviolet\n")
    with pytest.raises(UserError) as refused:
        found_of("inside", labels="mine.txt")
    assert str(refused.value) == (
        "mine.txt: found 3 names, images has 3 classes (only in it: violet; only in images: chequered); expected the "
        "same names; rename the folders, or correct the file"
    )


class OfOnesOwn(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.head = layers.Dense(3)

    def call(self, images):
        return self.head(keras.ops.mean(images, (1, 2)))


def test_a_model_with_a_call_of_its_own(here):
    model = OfOnesOwn()
    model(np.zeros((1, 12, 12, 3)))
    keras.saving.register_keras_serializable("tests")(OfOnesOwn)
    model.save("own.keras")
    with pytest.raises(UserError, match="own.keras: found OfOnesOwn, a model with a call of its own"):
        found_of("own")


def test_a_model_that_is_no_good_here(here):
    keras.utils.set_random_seed(3)
    network(True).save("poor.keras")
    with pytest.raises(UserError) as refused:
        found_of("poor")
    assert "--despite" in str(refused.value)


def test_targets_as_people_write_them():
    assert target_of({"size": "1MB", "macs": None}) == Target("bytes", 1_000_000)
    assert target_of({"speedup": 2, "size": None}, "litert_float32") == Target("speedup", 2.0, "litert_float32")
    assert [one.value for one in ladder_of([0.25, 0.5])] == [0.5, 0.25]
    for given, said in (
        ({"speedup": "1x"}, "speedup: found '1x'; expected how many times faster, above 1, such as 2x"),
        ({"size": "lots"}, "size: found 'lots'; expected bytes, such as 500000 or 1MB"),
        ({"macs": "50"}, "macs: found '50'; expected a share above 0 and below 100%, such as 50%"),
        ({"macs": "150%"}, "macs: found '150%'; expected a share above 0 and below 100%, such as 50%"),
        ({"macs": "50%", "size": 5}, "compress: found macs and size; expected one of --speedup 2x, --size 1MB, "),
        ({}, "compress: found no target; expected one of --speedup 2x"),
    ):
        with pytest.raises(UserError) as refused:
            target_of(given)
        assert str(refused.value).startswith(said)


def test_orders_by_names():
    assert order_by_names(["a", "b"], ["b", "c"]) is None
    Path("names.json").write_text(json.dumps({"0": "cat", "1": "dog"}))
    assert read_names("names.json") == ["cat", "dog"]
    Path("names.json").unlink()


def test_a_student_that_lost_more_than_it_may():
    report = keras_kd.Report(student={"top1": 0.9}, teacher={"top1": 0.93})
    refuse_worse(report, None, "x")
    refuse_worse(report, -3.0, "x")
    with pytest.raises(keras_kd.utils.errors.GateError, match="x: the student is 3.00 points below the model, and at"):
        refuse_worse(report, -2.0, "x")


def test_one_command_and_its_request_is_one_place(here):
    asked = request("inside.keras", "images")
    place = place_of(asked, Target("speedup", 2.0))
    assert place.recipe.as_posix() == "saved_models/inside-2x.yaml" and place.run.as_posix() == "saved_models/inside-2x"
    assert place_of(asked, Target("bytes", 1e6)).images == place.images


def run(*words):
    try:
        commands.main(["compress", *map(str, words)], standalone_mode=True)
    except SystemExit as end:
        return end.code


@pytest.mark.slow
def test_the_whole_command(here, capsys):
    asked = (
        "inside.keras",
        "--data",
        "images/",
        "--macs",
        "60%",
        "--set",
        "fit.epochs=2",
        "--format",
        "litert_float32",
    )
    before = sorted(os.listdir())
    assert run(*asked, "--dry-run") == 0
    text = capsys.readouterr().out
    assert sorted(os.listdir()) == before
    proposed = yaml.safe_load(text)
    assert proposed["student"]["prune"] == {"macs": 0.6, "format": "litert_float32"} and proposed["fit"]["epochs"] == 2
    assert run(*asked, "--least-accuracy", "-100") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "smaller than its teacher" in first and "both as litert_float32 files" in first
    made = Path("saved_models/inside-macs60")
    assert (made / "student_int8.tflite").exists() and (made / "report.html").exists()
    assert load("saved_models/inside-macs60.yaml").student.prune.macs == 0.6
    # The same command answers at once; another one for the same place is refused.
    assert run(*asked) == 0
    assert "was finished before" in capsys.readouterr().err
    assert run(*asked, "--keep", "conv1") == 2
    assert "is there and is of `keras-kd compress inside.keras --data images/" in capsys.readouterr().err
    assert run("inside.keras", "--data", "images/", "--macs", "55%", "--set", "fit.epohcs=2") == 2
    assert "did you mean" in capsys.readouterr().err
    assert not Path("saved_models/inside-macs55.yaml").exists()


@pytest.mark.slow
def test_a_ladder(here):
    asked = request("inside.keras", "images", settings=["fit.epochs=1", "export.formats=[]"])
    rows, page, failed = climb(asked, ladder_of("70,40", "litert_float32"), quiet=True)
    assert failed == [] and [Path(row["run"]).name for row in rows] == [
        "inside.keras",
        "inside-macs70",
        "inside-macs40",
    ]
    sizes, shares = ([row[key] for row in rows] for key in ("bytes", "share"))
    assert sizes == sorted(sizes, reverse=True) and shares[0] == 1 and shares[2] <= 0.4
    assert "top-1 against latency" in page.read_text()
    # One bank for all rungs.
    assert len(list(Path("saved_models/bank").glob("*/about.json"))) == 1


def test_what_was_looked_at_goes(here):
    with Looked(request("inside.keras", "images")) as looked:
        place = looked.images.parent
        assert place.is_dir()
    assert not place.exists()
