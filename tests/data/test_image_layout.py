"""Of a folder of images everything is used, or named: splits of any spelling, classes, files of every ending."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_kd import data
from keras_kd.data.sources import tree
from keras_kd.utils.errors import UserError

COUNT = 3  # images of a class


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_KD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "pets").mkdir()
    return tmp_path / "pets"


def put(folder, count=COUNT, ending="png"):
    """Images of which no two are equal."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng([*str(folder).encode(), number]).integers(0, 256, (4, 6, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{number}.{ending}")


def splits(root, *names, classes=("cat", "dog")):
    for name in names:
        for one in classes:
            put(root / name / one)


def loaded(root, capsys, **settings):
    """(images to train, validate and test on, what was said)."""
    found = data.load(root, **settings)
    counts = [len(split) if split else 0 for split in (found.train, found.validation, found.test)]
    return (*counts, capsys.readouterr().err.replace(str(root), "pets"))


def refusal(root):
    with pytest.raises(UserError) as caught:
        data.load(root)
    return str(caught.value).replace(str(root), "pets")


@pytest.mark.parametrize("train", ["train", "TRAIN", "Training", "seg_train", "train2017"])
@pytest.mark.parametrize("test", ["test", "Test", "testing", "eval", "EVALUATION", "seg_test"])
def test_train_and_test_of_any_spelling(root, capsys, train, test):
    splits(root, train, test)
    assert loaded(root, capsys) == (6, 0, 6, "")


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "DEV", "val2017"])
def test_the_validation_split_is_used_as_such(root, capsys, name):
    splits(root, "train", name, "test")
    note = f"pets: {name} is the validation split, 6 images; none are set aside from the others\n"
    assert loaded(root, capsys) == (6, 6, 6, note)
    found = data.load(root, validation=0.5)
    assert (len(found.train), len(found.validation)) == (6, 6)
    names = [path for one in ("cat", "dog") for path in sorted((root / name / one).iterdir())]
    assert np.array_equal(found.validation.images, [np.asarray(Image.open(path)) for path in names])
    assert found.validation.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_validation_without_test(root, capsys):
    splits(root, "train", "valid")
    *counts, said = loaded(root, capsys)
    assert counts == [5, 6, 1]
    assert said.splitlines()[1] == (
        "pets: no test split next to the validation split: 1 of the training images are tested on (test_fraction); to "
        "test on the validation images, call their folder test"
    )


def test_a_validation_split_of_its_own_is_kept_apart_from_all_that_changes_training_images(root):
    splits(root, "train", "val", "test", classes=("ant", "cat", "dog"))
    found = data.load(root, classes=[2, 0], train_images=2, test_images=2, validation=3)
    assert [len(split) for split in (found.train, found.validation, found.test)] == [2, 2, 2]
    assert found.class_names == ("dog", "ant")
    noisy = data.load(root, label_noise={"kind": "symmetric", "rate": 0.5}, validation=0.5)
    clean = data.load(root, label_noise={"kind": "symmetric", "rate": 0.5, "clean_validation": True}, validation=0.5)
    assert (clean.validation.labels == np.repeat([0, 1, 2], 3)).all()
    assert (noisy.validation.true_labels == clean.validation.labels).all() and clean.validation.true_labels is None


def test_what_archives_put_into_a_folder_of_the_same_name(root, capsys):
    splits(root, "seg_train/seg_train", "seg_test/seg_test")
    assert loaded(root, capsys) == (6, 0, 6, "")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train", "Training"), "found Training and train, both a train split by their names"),
        (("train", "test", "eval"), "found eval and test, both a test split by their names"),
        (("train", "val", "dev"), "found dev and val, both a validation split by their names"),
        (("train", "test", "test_images"), "found test and test_images, both a test split by their names"),
    ],
)
def test_more_than_one_folder_for_a_split(root, names, message):
    splits(root, *names)
    assert refusal(root) == f"pets: {message}; expected one; rename or move the other"


def test_splits_inside_of_classes_and_next_to_them(root):
    for one in ("cat", "dog"):
        put(root / one / "train")
        put(root / one / "test")
    assert refusal(root).splitlines() == [
        f"pets/{one}: found test and train inside; expected classes inside of splits, as in test/{one}; move or rename "
        "them"
        for one in ("cat", "dog")
    ]


@pytest.mark.parametrize(("names", "said"), [(("train", "test"), ""), (("cat", "dog", "test"), " next to cat, dog")])
def test_a_split_without_classes_is_no_class(root, names, said):
    for name in names:
        put(root / name)
    assert f"in test{said}" in refusal(root) or f"in test and train{said}" in refusal(root)
    assert "without a folder of a class in between; expected train/<class>/ and test/<class>/" in refusal(root)


def test_a_class_may_be_called_train(root, capsys):
    put(root / "car")
    put(root / "train")
    assert loaded(root, capsys)[:3] == (5, 0, 1)
    assert data.load(root).class_names == ("car", "train")


def test_classes_with_words_of_splits_in_their_names(root, capsys):
    for name in ("test_tube", "train_station"):
        put(root / name / "day")
    put(root / "beaker")
    assert loaded(root, capsys)[:3] == (7, 0, 2)


def test_images_deeper_in_a_class_are_used(root, capsys):
    put(root / "cat")
    put(root / "cat" / "more" / "still_more", count=4)
    put(root / "dog" / "a.b", count=5)
    assert loaded(root, capsys) == (10, 0, 2, "")


@pytest.mark.parametrize("ending", ["tif", "TIFF", "jfif", "jpe", "JPG", "dib", "apng"])
def test_files_of_every_ending_that_is_read(root, capsys, ending):
    for name in ("cat", "dog"):
        put(root / name, ending="png")
        for number in range(COUNT):
            os.rename(root / name / f"{number}.png", root / name / f"{number}.{ending}")
    assert loaded(root, capsys)[:3] == (5, 0, 1)


@pytest.mark.parametrize("ending", ["heic", "HEIF", "avif", "svg", "jp2", "tga", "dng", "psd", "ico"])
def test_images_that_are_not_read_are_counted(root, capsys, ending):
    splits(root, "train", "test")
    for number in range(2):
        (root / "train" / "cat" / f"a{number}.{ending}").write_bytes(b"x")
    note = (
        f"pets: not used: 2 .{ending.lower()} (train/cat/a0.{ending}, ...), of formats that are not read, or hidden\n"
    )
    assert loaded(root, capsys) == (6, 0, 6, note)


def test_images_by_their_content_that_have_no_ending(root, capsys):
    splits(root, "train", "test")
    os.rename(root / "train" / "cat" / "0.png", root / "train" / "cat" / "photo")
    (root / "train" / "cat" / "notes").write_text("no image")
    (root / "train" / "cat" / "labels.txt").write_bytes(b"\xff\xd8\xff")
    os.mkfifo(root / "train" / "cat" / "pipe")
    note = "pets: not used: 1 without an ending (train/cat/photo), of formats that are not read, or hidden\n"
    assert loaded(root, capsys) == (5, 0, 6, note)


def test_images_outside_of_classes_are_counted(root, capsys):
    splits(root, "train")
    put(root / "test", count=4)
    put(root / "unlabelled" / "all", count=5)
    put(root, count=1)
    (root / "val").mkdir()
    *counts, said = loaded(root, capsys)
    assert counts == [5, 0, 1]
    assert said == (
        "pets: not used: 10 images (0.png, ...; 5 in unlabelled/all, 4 in test, 1 in the folder itself) in no folder "
        "of a class; val, without images\n"
    )


def test_what_systems_leave_is_no_news_and_what_a_person_hides_is(root, capsys):
    splits(root, "train", "test")
    put(root / "__MACOSX" / "cat")
    put(root / ".ipynb_checkpoints")
    for name in ("._0.jpg", "Thumbs.db", ".DS_Store", "desktop.ini", ".gitignore"):
        (root / "train" / "cat" / name).write_bytes(b"\xff\xd8\xff")
    assert loaded(root, capsys) == (6, 0, 6, "")
    put(root / ".old", count=1)
    (root / "train" / "cat" / ".mine.jpg").write_bytes(b"\xff\xd8\xff")
    note = "pets: not used: 1 .png, 1 .jpg (.old/0.png, ...), of formats that are not read, or hidden\n"
    assert loaded(root, capsys) == (6, 0, 6, note)


@pytest.mark.parametrize("split", ["train", "test", "val"])
def test_a_class_that_is_missing_in_a_split(root, split):
    splits(root, "train", "test", "val")
    put(root / split / "yak")
    assert refusal(root).splitlines() == [
        f"pets: found 1 class not in both train and {other} (yak only in {split}); expected the same folders in both; "
        "add or remove them"
        for other in (("val", "test") if split == "train" else (split,))
    ]


def test_an_empty_class(root):
    splits(root, "train", "test")
    for split in ("train", "test"):
        (root / split / "yak").mkdir()
    (root / "train" / "yak" / "a.heic").write_bytes(b"x")
    in_train, in_test = refusal(root).splitlines()
    assert in_train.startswith("pets/train/yak: found no image, but 1 .heic (train/yak/a.heic); expected files")
    assert in_test.startswith("pets/test/yak: found no image; expected files ending in")


def test_the_same_image_in_two_splits_is_said(root, capsys):
    splits(root, "train", "test")
    (root / "test" / "cat" / "9.bmp").write_bytes(b"")
    Image.open(root / "train" / "dog" / "1.png").save(root / "test" / "cat" / "9.bmp")
    note = (
        "pets: 1 images of one split are in another too (test/cat/9.bmp is train/dog/1.png); what is measured on them "
        "is no evidence\n"
    )
    two_classes = "pets: 1 images are in two classes (test/cat/9.bmp is train/dog/1.png); one of the labels is wrong\n"
    assert loaded(root, capsys) == (6, 0, 7, note + two_classes)


def test_the_same_image_in_two_classes_of_a_split_is_said(root, capsys):
    splits(root, "train", "test")
    shutil.copy(root / "train" / "dog" / "1.png", root / "train" / "cat" / "1b.png")
    shutil.copy(root / "train" / "dog" / "1.png", root / "train" / "dog" / "1b.png")
    note = "pets: 2 images are in two classes (train/dog/1.png is train/cat/1b.png); one of the labels is wrong\n"
    assert loaded(root, capsys) == (8, 0, 6, note)


def test_links(root, capsys, tmp_path, monkeypatch):
    splits(root, "train", "test")
    put(tmp_path / "elsewhere")
    for split in ("train", "test"):
        (root / split / "yak").symlink_to(tmp_path / "elsewhere")
    assert loaded(root, capsys)[:3] == (9, 0, 9)
    (root / "train" / "yak").unlink()
    for target, why in (("..", "a link to a folder that it lies in"), ("yak", "a link that leads nowhere")):
        (root / "train" / "yak").symlink_to(target)
        assert refusal(root) == (f"pets/train/yak: found {why}; expected a folder of images; correct or remove it")
        (root / "train" / "yak").unlink()
    monkeypatch.setattr(tree, "MOST", 5)
    assert "found more than 5 folders, or 100 inside each other" in refusal(root)


def test_folders_in_great_depth(root):
    splits(root, "train", "test")
    put(root / "train" / "cat" / Path(*"d" * 150))
    assert "found more than 100,000 folders, or 100 inside each other; expected fewer" in refusal(root)


def test_names_are_harmless_in_what_is_said(root, capsys):
    splits(root, "train", "test")
    (root / "train" / "cat" / "\x1b[31m\n\udcff.heic").write_bytes(b"x")
    assert r"(train/cat/\x1b[31m\n\udcff.heic)" in loaded(root, capsys)[3]
