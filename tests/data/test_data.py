"""What `keras_kd.data.load` promises, source by source."""

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import socket as connection
import subprocess
import sys
import textwrap
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_kd import data
from keras_kd.data import subset as choose
from keras_kd.data.dataset import Split, facts, fingerprint, statistics
from keras_kd.data.describe import describe
from keras_kd.data.known import known
from keras_kd.data.sources import SOURCES, cache, cache_entry, digits
from keras_kd.data.sources.arrays import from_arrays
from keras_kd.utils.errors import UserError

ROOT = Path(__file__).parents[2]
CIFAR100 = Path.home() / "tensorflow_datasets" / "cifar100"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A cache of the test's own, where no other cache is to be touched."""
    monkeypatch.setenv("KERAS_KD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(count=40, classes=4, shape=(4, 4, 3)):
    """Arrays in which no two images are equal, their classes in turn."""
    images = np.random.RandomState(0).randint(0, 256, (count, *shape)).astype("uint8")
    return images, np.arange(count) % classes


@pytest.fixture
def npz(tmp_path):
    """Writes arrays to a file and gives its path."""

    def write(**changed):
        images, labels = made()
        arrays = {"x_train": images, "y_train": labels, "x_test": images[:8], "y_test": labels[:8]} | changed
        path = tmp_path / "pets.npz"
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        return str(path)

    return write


@pytest.fixture
def photos(tmp_path):
    """Writes a folder of pictures: `{"train/cat/1.png": (height, width)}`; gives its path."""

    def write(pictures):
        for position, (path, size) in enumerate(sorted(pictures.items())):
            path = tmp_path / "photos" / path
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((*size, 3), 10 * position, "uint8")).save(path)
        return str(tmp_path / "photos")

    return write


SMALL = {
    f"{split}/{name}/{number}.png": (4, 6)
    for split, numbers in (("train", (1, 2, 3)), ("test", (1,)))
    for name in ("cat", "dog")
    for number in numbers
}


def refusals(*arguments, **settings):
    """The lines of the error."""
    with pytest.raises(UserError) as caught:
        data.load(*arguments, **settings)
    return str(caught.value).splitlines()


def refusal(*arguments, **settings):
    (line,) = refusals(*arguments, **settings)
    return line


def python(program, **environment):
    """A process that runs a program with the repository's keras_kd."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", "digits"),
        ("cifar100", "tfds"),
        ("cifar100:3.0.2", "tfds"),
        ("mnist:3.*.*", "tfds"),
        ("imagenet_resized/32x32", "tfds"),
        ("cmaterdb/bangla", "folder"),
        ("cmaterdb/bangla:1.0.0", "tfds"),
        ("no_such_set", "tfds"),
        ("photos/pets", "folder"),
        ("./cifar100", "folder"),
        ("~/pets", "folder"),
        ("/data/pets", "folder"),
        (r"C:\pets", "folder"),
        ("pets.npz", "npz"),
        ("data/pets.npz", "npz"),
        ("package.module:pets", "function"),
        (Path("photos/pets"), "folder"),
    ],
)
def test_kind_of_a_name(name, expected):
    assert data.kind(name) == expected


def test_a_folder_here_wins_over_an_unknown_word_but_not_over_a_known_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pets").mkdir()
    Path("cifar100").mkdir()
    assert (data.kind("pets"), data.kind("cifar100")) == ("folder", "tfds")


def test_a_source_is_a_module_and_a_line_of_the_table(monkeypatch):
    images, labels = made()
    mine = types.SimpleNamespace(
        means=lambda name: name.startswith("mine="),
        load=lambda name, options: from_arrays(name, {"x_train": images, "y_train": labels}),
        FORM={"mine=NUMBER": "images of one's own"},
    )
    monkeypatch.setattr("keras_kd.data.sources.SOURCES", {"mine": mine, **SOURCES})
    found = data.load("mine=3", image_size=(6, 5), validation=4)
    assert data.kind("mine=3") == "mine" and data.kind("photos/pets") == "folder"
    assert (found.image_shape, len(found.train), len(found.validation), len(found.test)) == ((6, 5, 3), 28, 4, 8)


def test_importing_and_listing_needs_no_heavy_library():
    process = python(
        """
        import sys
        import keras_kd.data
        heavy = {"keras", "tensorflow", "jax", "sklearn", "PIL", "tensorflow_datasets"} & set(sys.modules)
        print(len(keras_kd.data.DATASETS) > 10, sorted(heavy))
        """
    )
    assert process.communicate()[0] == "True []\n"


# The data set


def test_digits():
    digits = data.load("digits")
    assert (digits.classes, digits.image_shape, digits.class_names) == (10, (8, 8, 1), tuple("0123456789"))
    assert (len(digits.train), len(digits.test), digits.validation) == (1442, 355, None)
    assert (digits.train.images.dtype, digits.train.labels.dtype) == (np.uint8, np.int32)
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)
    assert np.bincount(digits.test.labels).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
    assert digits.fingerprint == "94e00271ae215fbc4ddce58d964d0e35c5cbbc8e343675083924010d06e9f809"
    assert digits.seconds > 0


def test_mean_and_std_are_those_of_the_training_images():
    digits = data.load("digits")
    unit = digits.train.images.astype("float64") / 255
    assert digits.mean == pytest.approx((unit.mean(),), abs=1e-12)
    assert digits.std == pytest.approx((unit.std(),), abs=1e-12)


def test_mean_and_std_are_per_channel_and_std_has_a_floor():
    images = np.zeros((2, 3, 5, 2), "uint8")
    images[..., 1] = np.arange(30).reshape(2, 3, 5)
    mean, std = statistics(Split(images, np.zeros(2, "int32")))
    assert mean == pytest.approx((0, 14.5 / 255))
    assert std == pytest.approx((1e-3, np.arange(30).std() / 255))


def test_mean_and_std_that_are_given_are_used():
    digits = data.load("digits", mean=[0.5], std=[0.25])
    assert (digits.mean, digits.std) == ((0.5,), (0.25,))
    assert data.load("digits", mean=[0.5]).std == data.load("digits").std


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": [0.5, 0.5]}, "mean: found [0.5, 0.5]; expected a list of 1, one number a channel; correct it"),
        ({"mean": [127.5]}, "mean: found [127.5]; expected numbers 0..1; divide those of pixels 0..255 by 255"),
        ({"std": [0]}, "std: found [0]; expected numbers above 0 and at most 1; divide those of pixels 0..255 by 255"),
        ({"image_size": 0}, "image_size: found 0; expected a whole number of pixels or (height, width); correct it"),
        ({"test_images": 0}, "test_images: found 0; expected a whole number, 1 or more; correct it"),
        ({"test_images": True}, "test_images: found True; expected a whole number, 1 or more; correct it"),
        (
            {"validation": 1442},
            "validation: found 1442; expected a fraction between 0 and 1, or a whole number 1..1441; correct it",
        ),
        (
            {"validation": -0.1},
            "validation: found -0.1; expected a fraction between 0 and 1, or a whole number 1..1441; correct it",
        ),
        (
            {"test_fraction": 0.2},
            "test_fraction: found 0.2, but digits has a test split; expected nothing; leave it out",
        ),
    ],
)
def test_settings_that_cannot_be(settings, message):
    assert refusal("digits", **settings) == message


def test_fingerprint_follows_the_pixels_and_labels_and_nothing_else(npz):
    images, labels = made()
    first = data.load(npz()).fingerprint
    assert data.load(npz(label_names=list("abcd"))).fingerprint == first
    assert data.load(npz(y_train=labels[:, None].astype("uint8"))).fingerprint == first
    images[0, 0, 0, 0] ^= 1
    assert data.load(npz(x_train=images)).fingerprint != first
    assert data.load(npz(y_train=labels[::-1])).fingerprint != first
    assert data.load(npz(x_test=made()[0][8:16])).fingerprint != first


def test_fingerprint_does_not_depend_on_how_the_arrays_lie_in_memory():
    images, labels = made()
    turned = np.asfortranarray(images)
    assert fingerprint(Split(images, labels), Split(images, labels), None) == fingerprint(
        Split(turned, labels), Split(turned, labels.astype("int32")), None
    )


# Choosing images


def positions(whole, part):
    """Where the images of a part are in the whole."""
    known = {image.tobytes(): position for position, image in enumerate(whole.images)}
    return [known[image.tobytes()] for image in part.images]


def test_the_rule_of_choice_never_changes():
    labels = np.arange(200) % 7
    chosen = [
        rule(labels, 20, seed, purpose).tolist()
        for rule in (choose.balanced, choose.proportional)
        for seed, purpose in ((0, choose.TRAIN_IMAGES), (1, choose.VALIDATION))
    ]
    assert chosen[0][:6] == [6, 12, 16, 19, 45, 51]
    assert (
        hashlib.sha256(repr(chosen).encode()).hexdigest()
        == "da2aa995c5f44bc04b5c9ab4a16185ab7d600d6b9765c99aa76c1c8942bd02ba"
    )


def test_balanced_choice_takes_as_evenly_as_the_classes_allow():
    labels = np.repeat([0, 1, 2], [100, 50, 3])
    for count, expected in ((3, [1, 1, 1]), (9, [3, 3, 3]), (23, [10, 10, 3]), (123, [70, 50, 3]), (153, [100, 50, 3])):
        chosen = choose.balanced(labels, count, seed=5, purpose=choose.TRAIN_IMAGES)
        assert np.bincount(labels[chosen], minlength=3).tolist() == expected


def test_proportional_choice_takes_the_same_share_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    chosen = choose.proportional(labels, 16, seed=5, purpose=choose.VALIDATION)
    assert np.bincount(labels[chosen]).tolist() == [10, 5, 1]


def test_a_larger_choice_holds_the_smaller_one():
    labels = np.arange(200) % 7
    for rule in (choose.balanced, choose.proportional):
        small, large = (set(rule(labels, count, 3, choose.TRAIN_IMAGES).tolist()) for count in (30, 80))
        assert small < large


def test_carved_splits_are_disjoint_and_balanced(npz):
    images, labels = made(400, 10)
    path = npz(x_train=images, y_train=labels, x_test=None, y_test=None)
    whole = Split(images, labels)
    found = data.load(path, test_fraction=0.25, train_images=200, validation=50, test_images=60)
    parts = [positions(whole, part) for part in (found.train, found.validation, found.test)]
    assert [len(part) for part in parts] == [150, 50, 60]
    assert len(set().union(*parts)) == 260
    for part, split in zip(parts, (found.train, found.validation, found.test), strict=True):
        assert part == sorted(part)
        assert set(np.bincount(split.labels)) == {len(part) // 10}
        assert np.array_equal(labels[part], split.labels)


def test_only_the_seed_decides_what_is_chosen(npz):
    path = npz()
    first, again, other = (data.load(path, validation=0.25, seed=seed).fingerprint for seed in (0, 0, 1))
    assert first == again != other
    assert data.load(path, seed=0).fingerprint == data.load(path, seed=1).fingerprint


def test_validation_is_a_fraction_or_a_number(npz):
    path = npz()
    assert len(data.load(path, validation=0.25).validation) == 10
    assert data.load(path, validation=10.0).fingerprint == data.load(path, validation=0.25).fingerprint
    for value, taken in ((0.9999, 39), (1.0, 1), (37, 37)):
        with pytest.raises(UserError, match=f"validation: is {value:g}, and sets aside {taken} of 40 training images"):
            data.load(path, validation=value)
    # As of a recipe of many classes that is made small to be tried.
    many = data.load(npz(y_train=np.arange(40), y_test=np.arange(8)), validation=10)
    assert (len(many.train), many.classes) == (30, 40)


def test_a_fifth_is_tested_on_where_there_is_no_test_split(npz):
    found = data.load(npz(x_test=None, y_test=None))
    assert (len(found.train), len(found.test)) == (32, 8)


# Arrays: .npz files and functions


def test_npz_as_it_is(npz):
    images, labels = made()
    found = data.load(npz(label_names=["ant", "bee", "cat", "dog"]))
    assert np.array_equal(found.train.images, images)
    assert np.array_equal(found.train.labels, labels)
    assert (found.class_names, found.image_shape) == (("ant", "bee", "cat", "dog"), (4, 4, 3))


def test_npz_in_other_forms_that_mean_the_same(npz):
    images, labels = made()
    expected = data.load(npz()).fingerprint
    same = {"x_train": images.astype("float32"), "y_train": labels[:, None].astype("float64")}
    assert data.load(npz(**same)).fingerprint == expected
    gray = data.load(npz(x_train=images[..., 0], x_test=images[:8, ..., 0]))
    assert gray.image_shape == (4, 4, 1)
    assert np.array_equal(gray.train.images[..., 0], images[..., 0])


def test_arrays_are_resized_on_request(npz):
    assert data.load(npz(), image_size=(6, 5)).image_shape == (6, 5, 3)
    assert data.load("digits", image_size=16).image_shape == (16, 16, 1)


X, Y = made()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"x_train": X / 255},
            "x_train: found float64 from 0 to 1; expected uint8 pixels 0..255; undo any scaling and use "
            "np.round(images).astype('uint8')",
        ),
        (
            {"x_train": X.astype("int16") - 1},
            "x_train: found int16 from -1 to 254; expected uint8 pixels 0..255; undo any scaling and use "
            "np.round(images).astype('uint8')",
        ),
        (
            {"x_train": np.where(np.arange(len(X))[:, None, None, None] == 3, np.nan, X)},
            "x_train[3]: found NaN or infinity; expected uint8 pixels 0..255; mend the image, or leave it and its "
            "label out",
        ),
        ({"x_train": X > 9}, "x_train: found bool; expected uint8 pixels 0..255"),
        (
            {"x_train": X.reshape(40, -1)},
            "x_train: found shape (40, 48); expected (images, height, width) or (images, height, width, channels)",
        ),
        (
            {"x_train": np.zeros((40, 3, 32, 32), "uint8")},
            "x_train: found shape (40, 3, 32, 32), which looks like channels first; expected (images, height, width, "
            "channels); use np.moveaxis(images, 1, -1)",
        ),
        ({"x_test": X[:0], "y_test": Y[:0]}, "x_test: found shape (0, 4, 4, 3); expected at least one image"),
        (
            {"x_test": X[:8, :2]},
            "x_test: found images of 2x4x3; expected 4x4x3 as in x_train; make them of one shape",
        ),
        ({"y_train": Y[:39]}, "y_train: found 39 labels; expected 40, one per image"),
        ({"y_train": np.eye(4)[Y]}, "y_train: found shape (40, 4); expected (40,); undo one-hot by labels.argmax(1)"),
        ({"y_train": Y + 0.5}, "y_train: found float64; expected whole numbers 0..classes-1"),
        (
            {"y_train": np.where(np.arange(40) == 17, 10**9, Y)},
            "y_train: found no image of class 4 though labels go up to 1000000000; expected labels 0..classes-1; "
            "renumber them, or give label_names",
        ),
        (
            {"y_train": Y + 1, "y_test": Y[:8] + 1},
            "y_train: found no image of class 0 though labels go up to 4; expected labels 0..classes-1; renumber them, "
            "or give label_names",
        ),
        (
            {"y_train": Y - (np.arange(40) == 17) * 5},
            "y_train[17]: found label -4; expected 0..3, as there are 4 classes; number the classes from 0, or drop "
            "images without a class",
        ),
        (
            {"y_train": np.where(np.arange(40) == 17, 10**9, Y - (np.arange(40) == 3) * 9)},
            "y_train[3]: found label -6; expected 0..1000000000, as there are 1000000001 classes; number the classes "
            "from 0, or drop images without a class",
        ),
        (
            {"y_train": np.where(np.arange(40) == 17, np.inf, Y)},
            "y_train[17]: found label inf; expected whole numbers 0..classes-1; correct it",
        ),
        (
            {"y_test": np.where(np.arange(8) == 5, 2**64 - 3, Y[:8]).astype("uint64")},
            "y_test[5]: found label 18446744073709551613; expected whole numbers 0..classes-1; correct it",
        ),
        (
            {"label_names": ["a", "b", "c"]},
            "y_train[3]: found label 3; expected 0..2, as there are 3 classes; number the classes from 0, or drop "
            "images without a class",
        ),
        (
            {"label_names": np.eye(2)},
            "label_names: found float64 of shape (2, 2); expected a list of texts, one per class",
        ),
        (
            {"x_train": None},
            "found y_train, x_test, y_test; expected also x_train; its keys are x_train, y_train and, if you have "
            "them, x_test, y_test, label_names",
        ),
        (
            {"y_test": None},
            "found x_train, y_train, x_test; expected also y_test; its keys are x_train, y_train and, if you have "
            "them, x_test, y_test, label_names",
        ),
        ({"y_train": Y * 0, "y_test": Y[:8] * 0}, "found 1 class; expected 2 or more; add images of another class"),
        ({"label_names": list("abca")}, "found the class name 'a' twice; expected each once; rename one"),
    ],
)
def test_npz_that_cannot_be_used(npz, changed, message):
    path = npz(**changed)
    assert refusal(path) == f"{path}: {message}"


def test_npz_that_is_none(tmp_path, npz):
    assert refusal("no.npz") == (
        "no.npz: found no such file; expected an .npz file with x_train and y_train; give its path"
    )
    path = tmp_path / "text.npz"
    path.write_text("not an archive")
    assert refusal(path).startswith(f"{path}: found a file that cannot be read (")
    path = npz(y_train=np.array([None] * 40))
    assert refusal(path) == (
        f"{path}: found a file that cannot be read (Object arrays cannot be loaded when allow_pickle=False); expected "
        "what np.savez writes, without Python objects; save it again"
    )


def npz_files_that_are_damaged():
    """Contents of files, each of which NumPy or zipfile meets with another kind of error."""
    images, whole = io.BytesIO(), io.BytesIO()
    np.save(images, X)
    np.savez(whole, x_train=X, y_train=Y)
    method = bytearray(whole.getvalue())
    method[8] = method[method.rindex(b"PK\x01\x02", 0, method.rindex(b"PK\x01\x02")) + 10] = 99
    encrypted = bytearray(whole.getvalue())
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1

    def of_header(header):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        return made.getvalue()

    huge = of_header(b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999, 9, 9), }\n")
    return {
        "one_array": images.getvalue(),
        "method": bytes(method),
        "encrypted": bytes(encrypted),
        "terabytes": huge,
        "no_header": of_header(b"(((("),
        "half": whole.getvalue()[:900],
    }


@pytest.mark.parametrize(("name", "content"), npz_files_that_are_damaged().items())
def test_npz_that_is_damaged(tmp_path, recwarn, name, content):
    path = tmp_path / "pets.npz"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path}: found a file that cannot be read (")
    assert message.endswith("); expected what np.savez writes, without Python objects; save it again")
    assert [str(warning.message) for warning in recwarn] == []


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Functions of the user's, in a module in the folder that the user is in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_pets", raising=False)
    Path("my_pets.py").write_text(
        textwrap.dedent(
            """
            import numpy as np

            def pets(image_size=None, colour=7, **others):
                size = image_size or (4, 4)
                images = np.full((10, *size, 3), colour, "uint8")
                return {"x_train": images, "y_train": np.arange(10) % 2, "label_names": [str(sorted(others)), "b"]}

            def greedy(images_per_class, *more):
                pass

            def broken(seed):
                raise KeyError("colour")

            def pair():
                return 1, 2
            """
        )
    )
    yield
    sys.modules.pop("my_pets", None)


def test_function_is_given_the_arguments_that_it_names(module):
    found = data.load("my_pets:pets", image_size=(3, 2))
    assert (found.image_shape, found.class_names) == ((3, 2, 3), ("[]", "b"))
    assert found.mean == pytest.approx([7 / 255] * 3)
    assert str(Path.cwd()) not in sys.path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_pets:dogs", "found no function 'dogs' in my_pets; expected one; correct the name"),
        (
            "my_pest:pets",
            "no module 'my_pest' can be imported; run from the folder that holds it, or install it",
        ),
        (
            "my_pets:greedy",
            "found a function that needs images_per_class; expected one that takes no more than data_dir, image_size, "
            "seed; give its arguments defaults",
        ),
        (
            "my_pets:broken",
            "calling it fails with KeyError: 'colour'; expected a dict of arrays; correct the function",
        ),
        (
            "my_pets:pair",
            "found tuple returned; expected a dict with x_train, y_train and, as you have them, x_test, y_test, "
            "label_names",
        ),
    ],
)
def test_function_that_cannot_be_used(module, name, message):
    assert refusal(name) == f"{name}: {message}"


# Folders


def test_folder_in_the_order_of_names(photos):
    found = data.load(photos(SMALL))
    assert (found.class_names, found.image_shape) == (("cat", "dog"), (4, 6, 3))
    assert found.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.train.images[:, 0, 0, 0].tolist() == [20, 30, 40, 50, 60, 70]
    assert found.test.images[:, 0, 0, 0].tolist() == [0, 10]
    assert len(found.train.images) == 6 and found.train.images.dtype == np.uint8


def test_folder_of_every_format_without_what_is_no_image(photos):
    names = ("a.JPG", "b.jpeg", "c.png", "d.bmp", "e.gif", "f.webp")
    root = photos({f"{label}/{name}": (4, 4) for label in ("cat", "dog") for name in names})
    for extra in ("cat/.hidden.png", "cat/notes.txt"):
        (Path(root) / extra).write_text("no image")
    (Path(root) / ".git").mkdir()
    Image.new("L", (4, 4), 9).save(Path(root) / "cat" / "g.png")
    found = data.load(root, test_fraction=0.5)
    assert len(found.train) + len(found.test) == 13
    assert found.image_shape == (4, 4, 3)


@pytest.mark.parametrize("test", ["test", "Test", "testing", "eval", "EVALUATION", "seg_test"])
def test_folder_names_of_the_test_split(photos, test):
    found = data.load(photos({path.replace("test", test): size for path, size in SMALL.items()}))
    assert (len(found.train), len(found.test), found.validation) == (6, 2, None)


def test_folder_with_a_class_called_train(photos):
    found = data.load(photos({f"{name}/{number}.png": (4, 4) for name in ("car", "train") for number in range(5)}))
    assert (found.class_names, len(found.train), len(found.test)) == (("car", "train"), 8, 2)


def test_folder_carves_by_position_and_not_by_name(photos, tmp_path):
    first = data.load(photos({f"{name}/{number}.png": (4, 4) for name in ("cat", "dog") for number in range(9)}))
    (tmp_path / "photos" / "cat").rename(tmp_path / "photos" / "ant")
    os.rename(tmp_path / "photos", tmp_path / "moved")
    second = data.load(tmp_path / "moved")
    assert (first.class_names, second.class_names) == (("cat", "dog"), ("ant", "dog"))
    assert first.fingerprint == second.fingerprint


def test_folder_is_resized_with_antialiasing(photos, tmp_path):
    root = photos({"cat/1.png": (8, 8), "cat/2.png": (20, 30), "dog/1.png": (8, 8), "dog/2.png": (9, 8)})
    board = np.indices((8, 8)).sum(0) % 2 * 255
    Image.fromarray(np.stack([board.astype("uint8")] * 3, -1)).save(tmp_path / "photos" / "cat" / "1.png")
    found = data.load(root, image_size=2, test_fraction=0.5)
    assert found.image_shape == (2, 2, 3)
    board = [image for split in (found.train, found.test) for image in split.images if image.min() > 100]
    assert len(board) == 1 and np.abs(board[0].astype(int) - 127).max() <= 1


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (
            SMALL | {"train/dog/2.png": (5, 5)},
            "/train/dog/2.png: found 5x5 pixels; expected 4x6 as in train/cat/1.png; give image_size to resize them "
            "all",
        ),
        (
            SMALL | {"train/cow/1.png": (4, 6), "test/yak/1.png": (4, 6)},
            ": found 2 classes not in both train and test (cow only in train; yak only in test); expected the same "
            "folders in both; add or remove them",
        ),
        (
            {"test/cat/1.png": (4, 4)},
            ": found test without train; expected train/<class>/ next to it; add it, or give the folder of all classes",
        ),
        (
            {"1.png": (4, 4)},
            ": found no folder of a class; expected train/<class>/ and test/<class>/, or <class>/, with images in them",
        ),
        ({"cat/1.png": (4, 4)}, ": found 1 class; expected 2 or more; add images of another class"),
    ],
)
def test_folder_that_cannot_be_used(photos, pictures, message):
    root = photos(pictures)
    assert refusal(root) == root + message


def test_folder_that_is_missing_or_holds_nothing(photos, tmp_path):
    assert refusal("no/such") == (
        "no/such: found no such folder; expected one with a subfolder a class; give its path, or, for a TFDS set with "
        "a config, its version too, as in name/config:1.0.0"
    )
    (tmp_path / "list.txt").write_text("")
    assert refusal(tmp_path / "list.txt").endswith(
        "list.txt: is a file; expected a folder with a subfolder a class, or an .npz file"
    )
    root = photos(SMALL)
    (tmp_path / "photos" / "train" / "cat" / "1.png").rename(tmp_path / "photos" / "train" / "cat" / "1.heic")
    for number in (2, 3):
        (tmp_path / "photos" / "train" / "cat" / f"{number}.png").unlink()
    assert refusal(root) == (
        f"{root}/train/cat: found no image, but 1 .heic (train/cat/1.heic); expected files ending in jpg jpeg jpe jfif "
        "png apng bmp dib gif webp tif tiff; add some or remove the folder"
    )


def test_folder_with_unreadable_images(photos, store):
    root = photos(SMALL)
    (Path(root) / "train" / "cat" / "2.png").write_bytes(b"")
    whole = (Path(root) / "train" / "dog" / "1.png").read_bytes()
    (Path(root) / "train" / "dog" / "1.png").write_bytes(whole[:-30])
    Image.new("I;16", (6, 4)).save(Path(root) / "test" / "dog" / "1.png")
    expected = "; expected a whole jpg, png, bmp, gif, webp or tif of 8 bits a channel; replace or remove it"
    lines = refusals(root)
    assert lines[0] == (
        f"{root}/train/cat/2.png: found no readable image (UnidentifiedImageError: cannot identify image file "
        f"'train/cat/2.png'){expected}"
    )
    assert lines[1].startswith(f"{root}/train/dog/1.png: found no readable image (") and lines[1].endswith(expected)
    assert lines[2:] == [
        f"{root}/test/dog/1.png: found no readable image (ValueError: mode I;16: expected 8 bits a channel){expected}"
    ]
    assert list(store.iterdir()) == []


def test_all_that_is_wrong_with_a_folder_is_told_at_once(photos, store):
    root = Path(photos(SMALL))
    (root / "test" / "dog" / "1.png").rename(root / "test" / "dog" / "1.heic")
    (root / "train" / "yak").mkdir()
    (root / "train" / "zoo").symlink_to("nowhere")
    for number in range(7):
        (root / "train" / "cat" / f"b{number}.jpg").write_bytes(b"x")
    said = [line.removeprefix(f"{root}") for line in refusals(str(root))]
    assert [line.partition(";")[0].partition(" (Uni")[0] for line in said] == [
        "/train/zoo: found a link that leads nowhere",
        ": found 1 class not in both train and test (yak only in train)",
        "/train/yak: found no image",
        "/test/dog: found no image, but 1 .heic (test/dog/1.heic)",
        *(f"/train/cat/b{number}.jpg: found no readable image" for number in range(5)),
        ": found 7 images that cannot be read, of which 5 are named",
    ]


def test_images_that_cannot_be_read_are_told_with_those_of_another_size(photos, store):
    root = Path(photos(SMALL))
    Image.new("RGB", (5, 5)).save(root / "train" / "cat" / "2.png")
    Image.new("RGB", (5, 6)).save(root / "test" / "dog" / "1.png")
    (root / "train" / "dog" / "1.png").write_bytes(b"x")
    broken, other = refusals(str(root))
    assert broken.startswith(f"{root}/train/dog/1.png: found no readable image")
    assert other == (
        f"{root}/train/cat/2.png: found 5x5 pixels, and 1 more of another size; expected 4x6 as in train/cat/1.png; "
        "give image_size to resize them all"
    )


def odd_files():
    """What may lie among images under the name of one, and what is said of it."""

    def pipe(path):
        os.mkfifo(path)

    def socket(path):
        with contextlib.chdir(path.parent), connection.socket(connection.AF_UNIX) as end:
            end.bind(path.name)  # the whole path may be too long for one

    def folder(path):
        path.mkdir()

    def link_to_a_folder(path):
        path.symlink_to("..")

    def link_to_itself(path):
        path.symlink_to(path.name)

    def postscript(path):
        path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\nshowpage\n")

    def another_format(path):
        Image.new("RGB", (6, 4)).save(path, "PPM")

    def bomb(path):
        Image.new("1", (10_000, 10_000)).save(path)

    unknown, special = "UnidentifiedImageError: cannot identify", "ValueError: a pipe, socket or device, not a file)"
    reasons = {
        pipe: special,
        socket: special,
        folder: "ValueError: a folder, not a file)",
        link_to_a_folder: "ValueError: a folder, not a file)",
        link_to_itself: "OSError: [Errno 40] Too many levels of symbolic links: 'train/cat/zz.png')",
        postscript: unknown,
        another_format: unknown,
        bomb: "ValueError: 100000000 pixels: expected at most 89478485)",
    }
    return [pytest.param(make, reason, id=make.__name__) for make, reason in reasons.items()]


@pytest.mark.parametrize(("make", "reason"), odd_files())
def test_folder_with_an_odd_file_of_an_image_s_name(photos, tmp_path, monkeypatch, recwarn, make, reason):
    started = tmp_path / "started"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gs").write_text(f"#!/bin/sh\ntouch {started}\n")
    (tmp_path / "bin" / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    root = photos(SMALL)
    make(Path(root) / "train" / "cat" / "zz.png")
    message = refusal(root)
    assert message.startswith(f"{root}/train/cat/zz.png: found no readable image ({reason}")
    assert message.endswith(
        "expected a whole jpg, png, bmp, gif, webp or tif of 8 bits a channel; replace or remove it"
    )
    assert not started.exists() and [str(warning.message) for warning in recwarn] == []


def test_folder_with_images_that_are_links_or_of_two_pictures(photos, tmp_path, recwarn):
    root = photos(SMALL)
    image = Image.effect_noise((6, 4), 50).convert("RGB")
    image.save(Path(root) / "train" / "dog" / "zy.jpg", "MPO", save_all=True, append_images=[image.rotate(180)])
    assert b"MPF" in (Path(root) / "train" / "dog" / "zy.jpg").read_bytes()
    image.save(tmp_path / "elsewhere.png")
    (Path(root) / "train" / "dog" / "zz.png").symlink_to(tmp_path / "elsewhere.png")
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    palette.save(Path(root) / "test" / "dog" / "zz.png", transparency=bytes([0, 128]))
    found = data.load(root)
    with Image.open(Path(root) / "train" / "dog" / "zy.jpg") as first:
        assert np.array_equal(found.train.images[-2], np.asarray(first))
    assert np.array_equal(found.train.images[-1], np.asarray(image))
    assert [str(warning.message) for warning in recwarn] == []


def test_folder_that_may_not_be_read(photos, monkeypatch):
    root, usual = photos(SMALL), os.scandir

    def denied(path):
        if str(path).endswith(denied.where):
            raise PermissionError(13, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr(os, "scandir", denied)
    for denied.where in ("train/cat", "/train", "test"):
        assert refusal(root) == (
            f"{root}/{denied.where.strip('/')}: found a folder that cannot be read (Permission denied); expected "
            "images or folders of them; correct its permissions or remove it"
        )


@pytest.mark.parametrize("target", ["nowhere", "yak"])
def test_folder_of_a_class_that_is_a_link_to_nothing(photos, target):
    root = photos(SMALL)
    (Path(root) / "train" / "yak").symlink_to(target)
    assert refusal(root) == (
        f"{root}/train/yak: found a link that leads nowhere; expected a folder of images; correct or remove it"
    )


def test_folder_with_a_line_break_or_other_bytes_in_a_name(photos):
    root = photos(SMALL)
    for name in (b"a\nb.png", b"\xff.png"):
        Image.new("RGB", (6, 4)).save(path := os.path.join(os.fsencode(root), b"train", b"dog", name), "PNG")
    assert len(data.load(root).train) == 8
    Path(os.fsdecode(path)).write_text("")
    assert refusal(root).startswith(root + r"/train/dog/\udcff.png: found no readable image (")


@pytest.mark.parametrize(("name", "shown"), [(b"yak\n# x", r"'yak\n# x'"), (b"\xff\xfe", r"'\udcff\udcfe'")])
def test_class_names_that_no_report_can_hold(photos, npz, name, shown):
    root = os.fsencode(photos(SMALL))
    for split in (b"train", b"test"):
        shutil.copytree(os.path.join(root, split, b"cat"), os.path.join(root, split, name))
    message = (
        "{where}: found the class name {shown}; expected UTF-8 text without line breaks or other control characters; "
        "rename the class"
    )
    assert refusal(os.fsdecode(root)) == message.format(where=os.fsdecode(root), shown=shown)
    for one, said in (
        ("yak\t", r"'yak\t'"),
        ("yak\x1b[31m", r"'yak\x1b[31m'"),
        ("yak\u202e", r"'yak\u202e'"),
        ("a\0b", r"'a\x00b'"),
    ):
        path = npz(label_names=["ant", "bee", "cat", one])
        assert refusal(path) == message.format(where=path, shown=said)
    path = npz(label_names=np.array([b"ant", b"bee", b"cat", b"\xff\xfe"]))
    assert refusal(path) == message.format(where=path, shown=r"'\udcff\udcfe'")


def test_class_names_whose_bytes_are_no_characters(npz):
    names = np.array(["ant", "bee", "cat", "yak"])
    names.view("uint32")[-1] = 0x110000
    path = npz(label_names=names)
    assert refusal(path) == (
        f"{path}: label_names: found numbers that are no characters; expected text; save them again"
    )


# The cache


def entries(store):
    return sorted(path.name for path in store.iterdir())


def test_a_folder_is_decoded_once(photos, store, monkeypatch):
    root = photos(SMALL)
    first = data.load(root)
    assert len(entries(store)) == 1
    monkeypatch.setattr("keras_kd.data.sources.images.read", None)
    again = data.load(root)
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.train.images, first.train.images)
    assert (again.mean, again.std, again.class_names) == (first.mean, first.std, first.class_names)


@pytest.mark.parametrize("change", ["content", "time", "name", "size"])
def test_a_changed_folder_is_decoded_anew(photos, store, change):
    root = photos(SMALL)
    first = data.load(root)
    path = Path(root) / "train" / "cat" / "2.png"
    if change == "content":
        Image.new("RGB", (6, 4), (1, 2, 3)).save(path)
    if change == "time":
        os.utime(path, ns=(1, 1))
    if change == "name":
        path.rename(path.with_name("20.png"))
    found = data.load(root, image_size=3 if change == "size" else None)
    assert len(entries(store)) == 2
    assert (found.fingerprint == first.fingerprint) == (change in ("time", "name"))


def test_the_manifest_says_what_the_entry_is(photos, store):
    found = data.load(photos(SMALL))
    [entry] = store.iterdir()
    manifest = json.loads((entry / "manifest.json").read_text())
    assert manifest["format"] == cache.FORMAT
    assert manifest["request"]["name"] == "photos"
    assert manifest["class_names"] == ["cat", "dog"]
    assert manifest["splits"]["train"]["shape"] == [6, 4, 6, 3]
    assert manifest["splits"]["train"]["sha256"] == facts(Split(found.train.images, found.train.labels)).sha256
    assert np.load(entry / "train_images.npy", mmap_mode="r").shape == (6, 4, 6, 3)


def damages():
    def truncated(entry):
        with open(entry / "train_images.npy", "r+b") as file:
            file.truncate(200)

    def other_shape(entry):
        path = entry / "train_images.npy"
        path.write_bytes(path.read_bytes().replace(b"(6, 4, 6, 3)", b"(6, 6, 4, 3)"))

    def missing(entry):
        (entry / "test_labels.npy").unlink()

    def no_manifest(entry):
        (entry / "manifest.json").unlink()

    def no_json(entry):
        (entry / "manifest.json").write_text("{")

    def other_format(entry):
        path = entry / "manifest.json"
        path.write_text(path.read_text().replace(f'"format": {cache.FORMAT}', '"format": 0'))

    def other_request(entry):
        path = entry / "manifest.json"
        path.write_text(path.read_text().replace("photos", "photas"))

    return [truncated, other_shape, missing, no_manifest, no_json, other_format, other_request]


@pytest.mark.parametrize("damage", damages(), ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_replaced(photos, store, damage):
    root = photos(SMALL)
    first = data.load(root)
    [entry] = store.iterdir()
    damage(entry)
    assert data.load(root).fingerprint == first.fingerprint
    assert entries(store) == [entry.name]
    assert cache.find(store, json.loads((entry / "manifest.json").read_text())["request"]) is not None


def test_large_splits_are_mapped_and_chosen_from_through_the_cache(photos, store, monkeypatch):
    root = photos(SMALL)
    settings = {"train_images": 4, "validation": 2}
    small = data.load(root, **settings)
    assert not isinstance(data.load(root).train.images, np.memmap)
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 2 * 4 * 6 * 3)
    whole, large, again = data.load(root), data.load(root, **settings), data.load(root, **settings)
    assert isinstance(whole.train.images, np.memmap) and not isinstance(whole.test.images, np.memmap)
    assert not isinstance(large.train.images, np.memmap)
    assert large.fingerprint == again.fingerprint == small.fingerprint
    assert len([name for name in entries(store) if name.startswith("subset-")]) == 1


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(photos, store, monkeypatch):
    root = photos(SMALL)
    message = (
        f"{store}: found the disk full; expected 1 MiB free for photos; free some, or name another folder by the "
        "environment variable KERAS_KD_CACHE"
    )
    with monkeypatch.context() as patch:
        usage = cache.shutil.disk_usage(ROOT)
        patch.setattr(cache.shutil, "disk_usage", lambda path: usage._replace(free=1000))
        assert refusal(root) == message
    with monkeypatch.context() as patch:

        def full(handle):
            raise OSError(28, "No space left on device")

        patch.setattr(cache.os, "fsync", full)
        assert refusal(root) == message
    assert entries(store) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EDQUOT, "found the quota of the disk used up; expected 1 MiB free for photos; free some, or"),
        (errno.EFBIG, "(the file would be larger than is allowed here); expected a disk that takes 1 MiB for photos;"),
        (errno.EIO, "(the disk fails); expected a disk that takes 1 MiB for photos; correct that, or name"),
        (errno.ENOMEM, "(there is no memory left); expected"),
        (errno.EBUSY, "(Device or resource busy); expected"),
        (errno.EROFS, "cannot be written (Read-only file system); expected a folder for decoded images; name"),
        (errno.ENAMETOOLONG, "cannot be written (File name too long); expected a folder for decoded images; name"),
    ],
)
def test_what_a_disk_may_refuse_is_one_line(photos, store, monkeypatch, number, said):
    def refused(handle):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(cache_entry.os, "fsync", refused)
        message = refusal(photos(SMALL))
    assert message.startswith(str(store)) and said in message and message.endswith("variable KERAS_KD_CACHE")
    assert entries(store) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_disk_that_fills_up_while_an_array_is_written(photos, store, monkeypatch):
    usual = open

    def onto_full(path, mode="r", **settings):
        return usual("/dev/full" if str(path).endswith("train_images.npy") and mode == "wb" else path, mode, **settings)

    monkeypatch.setattr(cache_entry, "open", onto_full, raising=False)
    assert refusal(photos(SMALL)).startswith(f"{store}: found the disk full; expected 1 MiB free for photos")
    assert entries(store) == []


def test_a_cache_that_cannot_be_made(photos, store):
    store.write_text("a file")
    assert refusal(photos(SMALL)) == (
        f"{store}: cannot be written (File exists); expected a folder for decoded images; name another folder by the "
        "environment variable KERAS_KD_CACHE"
    )


def test_cache_dir_comes_before_the_environment(photos, store, tmp_path):
    data.load(photos(SMALL), cache_dir=tmp_path / "mine")
    assert len(entries(tmp_path / "mine")) == 1 and not store.exists()


def test_temporary_folders_go_when_nobody_writes_to_them(photos, store):
    old, new = (cache.TEMPORARY + digit * 32 for digit in "0f")
    for name, touched in ((old, 0), (new, None)):
        (store / name).mkdir(parents=True)
        (store / name / "train_images.npy").write_bytes(b"part")
        if touched is not None:
            for path in (store / name / "train_images.npy", store / name):
                os.utime(path, (touched, touched))
    data.load(photos(SMALL))
    assert [name for name in entries(store) if name.startswith(".")] == [new]


def test_two_processes_fill_one_cache(photos, store):
    root = photos(SMALL)
    program = """
        import sys, time
        from pathlib import Path
        from keras_kd import data
        from keras_kd.data.sources import cache
        publish, store = cache._publish, cache.folder()

        def together(*arguments):
            (store / (".ready-" + sys.argv[0] + str(time.time_ns()))).touch()
            for _ in range(1000):
                if len(list(store.glob(".ready-*"))) == 2:
                    break
                time.sleep(0.01)
            else:
                sys.exit("the other process never came")
            publish(*arguments)

        cache._publish = together
        print(data.load(ROOT).fingerprint)
    """.replace("ROOT", repr(root))
    writers = [python(program) for _ in range(2)]
    told = [writer.communicate() for writer in writers]
    assert [errors for _, errors in told] == ["", ""]
    expected = data.load(root).fingerprint
    assert [output.strip() for output, _ in told] == [expected] * 2
    assert [name for name in entries(store) if not name.startswith(".ready-")] == [
        name for name in entries(store) if name.startswith("folder-photos-")
    ]
    assert len([name for name in entries(store) if name.startswith("folder-photos-")]) == 1


@pytest.mark.parametrize("moment", ["os.fsync", "os.rename", "np.fromfile"])
def test_a_killed_writer_leaves_a_usable_cache(photos, store, moment):
    root = photos(SMALL)
    killed = python(
        f"""
        import os, signal
        import numpy as np
        from keras_kd import data

        def kill(*arguments, **settings):
            os.kill(os.getpid(), signal.SIGKILL)

        {moment} = kill
        data.load({root!r})
        """
    )
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    whole = [name for name in entries(store) if not name.startswith(cache.TEMPORARY)]
    assert len(whole) == (moment == "np.fromfile")
    found = data.load(root)
    assert np.array_equal(found.train.images[:, 0, 0, 0], [20, 30, 40, 50, 60, 70])


# TensorFlow Datasets


def kept(store, version, colour, **request):
    """An entry as `tfds` keeps it, all pixels of one value."""
    images = np.full((4, 2, 2, 1), colour, "uint8")
    parts = {split: cache.Part(images.shape, [(images, [0, 1, 0, 1])]) for split in ("train", "test")}
    request = {"kind": "tfds", "name": "mnist", "config": None, "data_dir": None, "image_size": None} | request
    cache.write(store, request, version, ["zero", "one"], parts)


@pytest.fixture
def no_tfds(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)


def test_tfds_from_the_cache_alone(store, no_tfds):
    kept(store, "3.0.1", 30)
    kept(store, "10.0.0", 100)
    kept(store, "11.0.0", 110, config="other")
    assert data.load("mnist").train.images[0, 0, 0, 0] == 100
    assert data.load("mnist:3.0.1").train.images[0, 0, 0, 0] == 30
    assert data.load("mnist:3.*").train.images[0, 0, 0, 0] == 30
    assert data.load("mnist/other").train.images[0, 0, 0, 0] == 110


def test_tfds_cache_of_a_data_dir_is_the_same_in_another_home(store, no_tfds, monkeypatch):
    kept(store, "3.0.1", 30, data_dir="~/tfds")
    for home in ("/home/ann", "/home/bob"):
        monkeypatch.setenv("HOME", home)
        for data_dir in (f"{home}/tfds", "~/tfds"):
            assert data.load("mnist", data_dir=data_dir).train.images[0, 0, 0, 0] == 30


def test_tfds_that_is_not_installed(no_tfds):
    message = (
        "{name}: found neither it in the cache nor a way to prepare it (import of tensorflow_datasets halted; None in "
        "sys.modules); expected tensorflow_datasets and tensorflow; `pip install tensorflow-datasets tensorflow`, or "
        "copy the cache of a machine that has them{hint}"
    )
    assert refusal("mnist") == message.format(name="mnist", hint="")
    assert refusal("mnits") == message.format(name="mnits", hint="; did you mean 'mnist'?")


def test_tfds_name_that_is_none():
    assert refusal("my pets") == (
        "my pets: found no data set of this name; expected a name of `keras-kd list datasets` or of TensorFlow "
        "Datasets, a folder, an .npz file or package.module:function"
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Small sets made with TensorFlow Datasets itself; gives their data_dir."""
    import tensorflow_datasets as tfds

    def images(count, sizes):
        for number in range(count):
            yield number, {"image": np.full(sizes[number % len(sizes)], number, "uint8"), "label": number % 2}

    class TinySet(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.2.0")
        shape, sizes, splits, labels = (2, 3, 1), [(2, 3, 1)], {"train": 10, "test": 4}, ["no", "yes"]

        def _info(self):
            label = tfds.features.ClassLabel(names=self.labels) if self.labels else np.int64
            features = {"image": tfds.features.Image(shape=self.shape), "label": label}
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, manager):
            return {split: images(count, self.sizes) for split, count in self.splits.items()}

        def _generate_examples(self):
            pass

    class TinyVaried(TinySet):
        shape, sizes, splits = (None, None, 3), [(2, 3, 3), (5, 4, 3)], {"train": 70}

    class TinyUnlabelled(TinySet):
        splits = {"train": 10, "validation": 6, "test": 4}

        def _split_generators(self, manager):
            found = super()._split_generators(manager)
            found["test"] = ((key, example | {"label": -1}) for key, example in found["test"])
            return found

    class TinyNumbers(TinySet):
        labels = None

    class TinyUntrained(TinySet):
        splits = {"test": 4}

    class TinyBroken(TinySet):
        def _split_generators(self, manager):
            raise ConnectionError("no route to host\nat all")

    return str(tmp_path_factory.mktemp("tfds"))


def test_tfds_set(tiny, store):
    found = data.load("tiny_set", data_dir=tiny)
    assert (len(found.train), len(found.test), found.class_names) == (10, 4, ("no", "yes"))
    assert sorted(found.train.images[:, 0, 0, 0].tolist()) == list(range(10))
    assert np.array_equal(found.train.images[:, 1, 2, 0] % 2, found.train.labels)
    [entry] = store.iterdir()
    assert json.loads((entry / "manifest.json").read_text())["version"] == "1.2.0"


def test_tfds_set_is_read_without_tfds_the_second_time(tiny, monkeypatch):
    first = data.load("tiny_set", data_dir=tiny)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    for name in ("tiny_set", "tiny_set:1.2.0", "tiny_set:1.*.*"):
        assert data.load(name, data_dir=tiny).fingerprint == first.fingerprint


def test_tfds_set_with_images_of_several_sizes(tiny):
    assert refusal("tiny_varied", data_dir=tiny) == (
        "tiny_varied: found images of several sizes; expected image_size, the size to resize them to; give it, such as "
        "image_size: 224"
    )
    found = data.load("tiny_varied", data_dir=tiny, image_size=(4, 5))
    assert (len(found.train), len(found.test), found.image_shape) == (56, 14, (4, 5, 3))
    values = np.concatenate([found.train.images, found.test.images])[:, 0, 0, 0]
    assert sorted(values.tolist()) == list(range(70))


def test_tfds_set_whose_test_images_have_no_labels_is_tested_on_validation(tiny):
    assert len(data.load("tiny_unlabelled", data_dir=tiny).test) == 6


def test_tfds_sets_that_cannot_be_used(tiny):
    assert refusal("tiny_numbers", data_dir=tiny) == (
        "tiny_numbers: found image, label in its examples; expected an image and a class label; choose a set for image "
        "classification"
    )
    assert refusal("tiny_untrained", data_dir=tiny) == (
        "tiny_untrained: found splits test; expected train; choose another config or set"
    )
    assert refusal("tiny_broken", data_dir=tiny) == (
        f"tiny_broken: TFDS cannot prepare it in {tiny}/tiny_broken/1.2.0 (ConnectionError: no route to host at all); "
        "expected data that is prepared, or can be downloaded; prepare it where there is a network (`tfds build "
        "tiny_broken --data_dir FOLDER`), and give that data_dir"
    )
    assert refusal("tiny_set:9.9.9", data_dir=tiny) == (
        "tiny_set:9.9.9: TFDS cannot make it (Dataset tiny_set cannot be loaded at version 9.9.9, only: 1.2.0.); "
        "expected a config and a version that it has; correct them or leave them out"
    )
    assert refusal("tiny_sat", data_dir=tiny) == (
        "tiny_sat: found no data set of this name; did you mean 'tiny_set'?; expected a name of `keras-kd list "
        "datasets` or of TensorFlow Datasets, a folder, an .npz file or package.module:function"
    )


@pytest.mark.slow
@pytest.mark.skipif(not any(CIFAR100.glob("*/dataset_info.json")), reason="CIFAR-100 is not prepared on this machine")
def test_cifar100(store):
    first = data.load("cifar100")
    process = python(
        """
        import sys
        from keras_kd import data
        found = data.load("cifar100")
        print(found.fingerprint, sorted({"tensorflow", "tensorflow_datasets"} & set(sys.modules)))
        """
    )
    assert process.communicate()[0] == f"{first.fingerprint} []\n"
    assert (len(first.train), len(first.test), first.image_shape) == (50_000, 10_000, (32, 32, 3))
    assert set(np.bincount(first.train.labels)) == {500}
    assert (first.mean, first.std) == ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))
    mean, std = statistics(first.train)
    assert mean == pytest.approx((0.5071, 0.4865, 0.4409), abs=1e-4)
    assert std == pytest.approx((0.2673, 0.2564, 0.2762), abs=1e-4)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"classes": [3, 1, 2], "train_images": 100, "validation": 0.1},
        {"imbalance": {"profile": "exponential", "ratio": 10}},
        {"folds": 3, "without_fold": 1},
        {"label_noise": {"kind": "pair", "rate": 0.2}, "image_size": 5, "validation": 20},
    ],
)
def test_what_is_known_of_digits_is_what_they_are(asked):
    shape, about = known("digits", **asked)
    found = data.load("digits", **asked)
    assert (shape, about.classes) == (found.image_shape, found.classes)
    for split in ("train", "test", "validation"):
        one, other = getattr(about, split), getattr(found, split)
        assert (one is None) == (other is None) and (one is None or len(one) == len(other))
    assert (digits.TRAIN_COUNTS, digits.TEST_COUNTS) == tuple(
        tuple(np.bincount(split.labels)) for split in digits.load()[:2]
    )


def test_a_name_of_nothing_is_refused_before_it_is_looked_for():
    for name in ("cifar-100", "mnist/no_such_config"):
        with pytest.raises(UserError):
            describe(name)
