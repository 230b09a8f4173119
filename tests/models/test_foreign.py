"""Teachers that are no Keras networks: each kind answers as the network that it was made of, or says why not."""

import keras
import numpy as np
import pytest

from keras_kd import KD, VIEWS, Bank, Distiller, Epochs, ViewRenderer
from keras_kd.bank.key import digest_of_network
from keras_kd.data import load
from keras_kd.export.export import export
from keras_kd.models import build, kind
from keras_kd.models.foreign.answering import Answering, layout_of
from keras_kd.models.foreign.build import build_foreign
from keras_kd.models.foreign.stored import Stored, write_answers
from keras_kd.models.load import fitted
from keras_kd.models.wrappers.calibrated import calibrated
from keras_kd.models.wrappers.class_map import class_map
from keras_kd.models.wrappers.ensemble import ensemble
from keras_kd.models.wrappers.resized import resized
from keras_kd.utils.errors import UserError

SHAPE = (8, 8, 1)
FILES = {
    "onnx": "student.onnx",
    "litert": "student.tflite",
    "int8": "student_int8.tflite",
    "saved_model": "saved_model",
}


def pixels(count=7, shape=SHAPE):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("float32")


def said(model, images):
    return keras.ops.convert_to_numpy(model(images))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(folder of the files of one network, the network)."""
    folder = tmp_path_factory.mktemp("exported")
    keras.utils.set_random_seed(0)  # of some first weights int8 is further off than of these
    network = build("digits_tiny", SHAPE, 10, mean=(0.3,), std=(0.4,))
    network.save(folder / "network.keras")
    network.save(folder / "network.h5")
    digits = load("digits")
    export(
        folder / "network.keras",
        folder,
        formats=("onnx", "litert_float32", "litert_int8", "saved_model"),
        calibration_images=digits.train.images[:64],
        test_images=digits.test.images[:8],
        test_labels=digits.test.labels[:8],
        gates={"int8_accuracy_drop": 1.0, "int8_agreement": 0.0, "float32_agreement": 0.0},
        quiet=True,
    )
    return folder, network


@pytest.mark.parametrize("one", FILES)
def test_a_file_answers_as_the_network_that_it_was_made_of(exported, one):
    folder, network = exported
    model = build(str(folder / FILES[one]), SHAPE, 10)
    images = load("digits").test.images.astype("float32")
    # Of int8 a step of the output is about a hundredth of its range.
    allowed = 0.05 * np.ptp(said(network, images)) if one == "int8" else 1e-4
    for count in (1, 7, 60):
        np.testing.assert_allclose(said(model, images[:count]), said(network, images[:count]), atol=allowed)


def test_an_h5_file_is_an_ordinary_network(exported):
    folder, network = exported
    model = build(str(folder / "network.h5"), SHAPE, 10)
    np.testing.assert_allclose(said(model, pixels()), said(network, pixels()), atol=1e-5)
    assert [layer.name for layer in model.layers] == [layer.name for layer in network.layers]
    (folder / "CAPITALS.H5").write_bytes((folder / "network.h5").read_bytes())
    np.testing.assert_allclose(said(build(str(folder / "CAPITALS.H5"), SHAPE, 10), pixels()), said(network, pixels()))


def test_an_h5_file_that_is_none_is_refused(tmp_path):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Lambda(lambda x: x)])
    network.save(tmp_path / "code.h5")
    network.save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "text.h5").write_text("no")
    for name, what in {
        "code.h5": "Lambda layer",
        "w.weights.h5": "weights and no net",
        "text.h5": "no readable",
    }.items():
        with pytest.raises(UserError, match=what):
            build(str(tmp_path / name), (2,), 2)


def test_the_key_of_a_bank_follows_the_file(exported, tmp_path):
    folder, network = exported
    digests = {digest_of_network(build(str(folder / file), SHAPE, 10)) for file in FILES.values()}
    assert len(digests) == len(FILES)
    other = tmp_path / "student.tflite"
    other.write_bytes((folder / "student.tflite").read_bytes())
    same = digest_of_network(build(str(other), SHAPE, 10))
    assert same == digest_of_network(build(str(folder / "student.tflite"), SHAPE, 10))
    other.write_bytes((folder / "student_int8.tflite").read_bytes())
    assert digest_of_network(build(str(other), SHAPE, 10)) != same


def test_it_is_wrapped_as_any_network_is(exported):
    folder, network = exported
    model = build(str(folder / "student.onnx"), SHAPE, 10)
    for wrap in (
        lambda one: ensemble([one, one], mean="logits"),
        lambda one: calibrated(one, 2.0),
        lambda one: class_map(one, [[0, 1], 2, None]),
        lambda one: resized(one, (16, 16, 1)),
        lambda one: fitted("one", one, SHAPE, 10, pixels="unit"),
    ):
        shape = wrap(network).input_shape[1:]
        images = pixels(shape=shape)
        np.testing.assert_allclose(said(wrap(model), images), said(wrap(network), images), rtol=1e-4, atol=1e-4)


def test_it_never_runs_in_a_step(exported):
    folder, _ = exported
    model = build(str(folder / "student.onnx"), SHAPE, 10)
    with pytest.raises(UserError, match="is no Keras network, so it is asked through a bank"):
        Distiller(build("digits_tiny", SHAPE, 10), model, [KD()])


def test_a_bank_of_it_trains_as_that_of_its_network(exported, tmp_path):
    folder, network = exported
    digits = load("digits")
    images, labels = digits.train.images[:96], digits.train.labels[:96]
    histories = []
    for teacher in (network, build(str(folder / "student.onnx"), SHAPE, 10)):
        keras.utils.set_random_seed(0)
        student = build("digits_tiny", SHAPE, 10, mean=digits.mean, std=digits.std)
        renderer = ViewRenderer(VIEWS["crop_flip"])
        bank = Bank(tmp_path / "bank", teacher, images, VIEWS["crop_flip"], format="float32", renderer=renderer)
        epochs = Epochs(images, labels, VIEWS["crop_flip"], 32, 0, bank=bank)
        distiller = Distiller(student, teacher, [KD()], banked=True, views=renderer)
        distiller.compile(optimizer="adam")
        histories.append(distiller.fit(epochs, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)


# Where channels are, which output is meant.


@pytest.mark.parametrize(
    "takes, images, expected",
    [
        ((3, 32, 32), (32, 32, 3), "channels_first"),
        ((32, 32, 3), (32, 32, 3), "channels_last"),
        ((3, 224, 224), (32, 32, 3), "channels_first"),
        ((None, None, 3), (32, 32, 3), "channels_last"),
        ((1, None, None), (8, 8, 1), "channels_first"),
        ((3, 3, 3), (3, 3, 3), None),
        ((None, None, None), (32, 32, 3), None),
    ],
)
def test_where_the_channels_are_is_found_out_or_asked(takes, images, expected):
    if expected is None:
        with pytest.raises(UserError, match="give layout: channels_first or channels_last"):
            layout_of("t.onnx", None, takes, images)
    else:
        assert layout_of("t.onnx", None, takes, images) == expected
    assert layout_of("t.onnx", "channels_first", takes, images) == "channels_first"


def _onnx_of(path, shape, outputs):
    """Writes a small ONNX network: the mean of each channel, times a number for each output."""
    from onnx import TensorProto, helper, save

    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], axes=axes, keepdims=0)]
    values = []
    for name, factor in outputs.items():
        values.append(helper.make_tensor(f"{name}_factor", TensorProto.FLOAT, [], [factor]))
        nodes.append(helper.make_node("Mul", ["mean", f"{name}_factor"], [name]))
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], 3]) for name in outputs]
    graph = helper.make_graph(nodes, "means", [given], told, values)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.mark.parametrize("shape", [["n", 3, 4, 5], ["n", 4, 5, 3], [2, 3, 4, 5], [1, 4, 5, 3]])
def test_an_onnx_file_of_any_layout_and_batch(tmp_path, shape):
    _onnx_of(tmp_path / "means.onnx", shape, {"logits": 2.0})
    images = pixels(5, (4, 5, 3))
    model = build(str(tmp_path / "means.onnx"), (4, 5, 3), 3)
    np.testing.assert_allclose(said(model, images), 2 * images.mean((1, 2)), rtol=1e-5)


def test_of_several_outputs_one_is_named(tmp_path):
    file = tmp_path / "two.onnx"
    _onnx_of(file, ["n", 3, 4, 5], {"logits": 2.0, "features": 5.0})
    images = pixels(2, (4, 5, 3))
    model = build(str(file), (4, 5, 3), 3, output="features")
    np.testing.assert_allclose(said(model, images), 5 * images.mean((1, 2)), rtol=1e-5)
    with pytest.raises(
        UserError, match=r"several outputs, logits \(\?, 3\), features \(\?, 3\); name one: output: log"
    ):
        build(str(file), (4, 5, 3), 3)
    with pytest.raises(UserError, match="has no output 'head'; its outputs: logits"):
        build(str(file), (4, 5, 3), 3, output="head")


def test_of_several_outputs_of_a_keras_network_one_is_named(tmp_path):
    image = keras.Input((4,))
    heads = {name: keras.layers.Dense(size, name=name)(image) for name, size in (("small", 2), ("large", 3))}
    keras.Model(image, list(heads.values())).save(tmp_path / "list.keras")
    keras.Model(image, heads).save(tmp_path / "dict.keras")
    for name in ("list.keras", "dict.keras"):
        assert build(str(tmp_path / name), (4,), 3, output="large").output_shape == (None, 3)
        with pytest.raises(UserError, match="has several outputs, .*name one: output: "):
            build(str(tmp_path / name), (4,), 3)
        with pytest.raises(UserError, match="has no output 'middle'"):
            build(str(tmp_path / name), (4,), 3, output="middle")


def test_one_unit_is_two_classes(tmp_path):
    class Unit(Answering):
        def ask(self, images):
            return images.mean((1, 2, 3))[:, None] / 255

    from keras_kd.models.foreign.layer import model_of

    model = fitted("unit", model_of(Unit("unit", "0", None, 1), SHAPE, 2), SHAPE, 2, from_logits=False)
    share = pixels().mean((1, 2, 3)) / 255
    np.testing.assert_allclose(said(model, pixels()), np.stack([1 - share, share], 1), rtol=1e-5)


def test_files_that_are_none_are_refused_in_one_line(tmp_path):
    (tmp_path / "saved_model.pb").write_text("no")
    for name, what in {"no.onnx": "ONNX", "no.tflite": "LiteRT"}.items():
        (tmp_path / name).write_text("no")
        with pytest.raises(UserError, match=f"no readable {what} network") as error:
            build(str(tmp_path / name), SHAPE, 10)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="no readable SavedModel"):
        build(str(tmp_path), SHAPE, 10)


def test_what_is_missing_is_named_with_its_pip_line(exported, monkeypatch):
    monkeypatch.setattr("keras_kd.models.foreign.onnx.installed", lambda name: False)
    with pytest.raises(UserError, match=r"needs onnxruntime; install it: pip install 'keras-kd\[onnx\]'"):
        build(str(exported[0] / "student.onnx"), SHAPE, 10)


def test_another_size_or_other_classes_are_refused(exported):
    file = str(exported[0] / "student.onnx")
    with pytest.raises(UserError, match=r"takes images of \(8, 8, 1\) and would be shown \(16, 16, 1\).*input_size"):
        build(file, (16, 16, 1), 10)
    with pytest.raises(UserError, match=r"the data has 7 classes, so \(7,\) is expected"):
        build(file, SHAPE, 7)
    with pytest.raises(UserError, match="arguments: found width; an ONNX file takes none"):
        build(file, SHAPE, 10, arguments={"width": 2})


def test_kinds_are_told_by_the_text():
    names = ("a.onnx", "a.TFLITE", "a.npz", "a.h5", "mine:ask", "resnet20", "b/saved_model.pb")
    assert [kind(one) for one in names] == ["onnx", "litert", "stored", "file", "function", "zoo", "saved_model"]


@pytest.mark.parametrize("kind", ["keras", "onnx"])
def test_grey_images_teach_in_colours_and_colours_in_grey(tmp_path, kind, capsys):
    if kind == "onnx":
        _onnx_of(tmp_path / "three.onnx", ["n", 3, 4, 5], {"logits": 1.0})
    else:
        image = keras.Input((4, 5, 3))
        keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)).save(tmp_path / "three.keras")
    grey = pixels(3, (4, 5, 1))
    model = build(str(tmp_path / f"three.{kind}"), (4, 5, 1), 3)
    np.testing.assert_allclose(said(model, grey), np.repeat(grey.mean((1, 2)), 3, 1), rtol=1e-5)
    assert "is shown the grey images in three equal channels" in capsys.readouterr().err
    one = keras.Input((4, 5, 1))
    keras.Model(one, keras.layers.GlobalAveragePooling2D()(one)).save(tmp_path / "one.keras")
    colours = pixels(3, (4, 5, 3))
    model = build(str(tmp_path / "one.keras"), (4, 5, 3), 1)
    np.testing.assert_allclose(said(model, colours)[:, 0], colours.mean((1, 2)) @ [0.299, 0.587, 0.114], rtol=1e-5)
    model.save(tmp_path / "saved.keras")
    np.testing.assert_allclose(said(build(str(tmp_path / "saved.keras"), (4, 5, 3), 1), colours), said(model, colours))


# Functions.


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module into the current folder; gives its name."""
    monkeypatch.chdir(tmp_path)
    count = iter(range(100))

    def write(text):
        name = f"asked_{tmp_path.name.replace('-', '_')}_{next(count)}"
        (tmp_path / f"{name}.py").write_text(f"import numpy as np\n{text}\n")
        return name

    return write


def function(name, **options):
    return build_foreign(name, "function", SHAPE, 3, **options)


def test_a_function_answers(module):
    name = module("def ask(images, factor=1.0):\n    return factor * images.reshape(len(images), -1)[:, :3]")
    images = pixels()
    given = images.reshape(7, -1)[:, :3]
    np.testing.assert_allclose(said(function(f"{name}:ask"), images), given)
    twice = function(f"{name}:ask", arguments={"factor": 2.0})
    np.testing.assert_allclose(said(twice, images), 2 * given)
    assert digest_of_network(twice) != digest_of_network(function(f"{name}:ask"))
    first = module("def ask(images):\n    assert images.shape[1:] == (1, 8, 8)\n    return images[:, 0, 0, :3]")
    np.testing.assert_allclose(said(function(f"{first}:ask", layout="channels_first"), images), images[:, 0, :3, 0])


def test_a_function_is_known_by_its_files(module, tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"1")
    name = module("def ask(images, weights):\n    return np.zeros((len(images), 3))")
    one = digest_of_network(function(f"{name}:ask", arguments={"weights": "weights.bin"}))
    assert one == digest_of_network(function(f"{name}:ask", arguments={"weights": "weights.bin"}))
    (tmp_path / "weights.bin").write_bytes(b"2")
    assert one != digest_of_network(function(f"{name}:ask", arguments={"weights": "weights.bin"}))


@pytest.mark.parametrize(
    "text, message",
    [
        ("ask = 3", "found no function 'ask'"),
        ("def ask():\n    return 1", "expected a batch of images alone"),
        ("def ask(image_shape, classes):\n    return 1", "or write teacher: .*:ask, where it builds a keras.Model"),
        ("def ask(images):\n    raise ValueError('no')", "the call on images of .* fails with ValueError: no"),
        ("def ask(images):\n    return np.zeros((1, 3))", r"answers 7 images with an array \(1, 3\)"),
        ("def ask(images):\n    return np.zeros((len(images), 4))", r"expected numbers \(7, 3\)"),
        ("def ask(images):\n    return ['a'] * len(images)", "expected numbers"),
    ],
)
def test_a_function_that_is_none_is_refused_in_one_line(module, text, message):
    name = module(text)
    with pytest.raises(UserError, match=message) as error:
        said(function(f"{name}:ask"), pixels())
    assert "\n" not in str(error.value)


def test_one_that_builds_and_one_that_predicts_are_told_apart(module):
    name = module("def ask(images):\n    return images")
    with pytest.raises(UserError, match=rf"one that predicts a batch of images write teacher: {{predict: {name}:ask}}"):
        build(f"{name}:ask", SHAPE, 3)


# Stored answers.


@pytest.fixture(scope="module")
def digits():
    return load("digits", validation=100)


def answers_of(split):
    return np.asarray(split.images.reshape(len(split), -1)[:, 20:30], "float32") + np.arange(10) / 100


def stored(path, digits, classes=10):
    return build_foreign(str(path), "stored", SHAPE, classes, data=digits)


def test_stored_answers_are_found_by_image(digits, tmp_path):
    whole = digits.train.whole
    write_answers(tmp_path / "a.npz", digits, train=answers_of(whole), test=answers_of(digits.test))
    model = stored(tmp_path / "a.npz", digits)
    for split in (digits.train, digits.validation, digits.test):
        given = split.images[3:9].astype("float32")
        np.testing.assert_allclose(said(model, given), answers_of(split)[3:9])
    with pytest.raises(UserError, match="has no answers for 7 of 7 images .* training or test images as they are"):
        said(model, pixels())
    # Also through what is put around it.
    np.testing.assert_allclose(said(calibrated(model, 2.0), given), answers_of(digits.test)[3:9] / 2, rtol=1e-5)


def test_a_row_an_image_and_a_row_a_view(digits, tmp_path):
    whole, flip = digits.train.whole, VIEWS["flip"]
    rows = np.stack([answers_of(whole), answers_of(whole) + 1], 1)
    np.savez(tmp_path / "views.npz", train=rows)
    np.save(tmp_path / "images.npy", rows[:, 0])
    index, view = np.array([5, 5, 700]), np.array([0, 1, 1])
    for name, expected in (("views.npz", rows[index, view]), ("images.npy", rows[index, 0])):
        model = stored(tmp_path / name, digits)
        bank = Bank(tmp_path / "bank", model, whole.images, flip, format="float32")
        bank.fill(index, view)
        np.testing.assert_allclose(bank.rows(index, view)["logits"], expected)
    answering = Stored(tmp_path / "views.npz", digits, 10)
    answering.use_views(flip)
    np.testing.assert_allclose(answering(whole.images[:4]), rows[:4, flip.identity])
    with pytest.raises(UserError, match="rows for 2 views of an image, and data.views makes 162"):
        answering.use_views(VIEWS["crop_flip"])


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"train": (1442, 9)}, "train is 1442 x 9, so of 9 classes; the data has 10"),
        ({"train": (1342, 10)}, "a row for 1,342 images; the data has 1,442 training images"),
        ({"train": (1442, 10), "test": (3, 10)}, "the data has 355 test images"),
        ({"train": (1442, 10), "validation": (100, 10)}, "leave validation out"),
        ({"training": (1442, 10)}, "found the arrays training; expected train"),
        ({"train": (1442,)}, r"train is 1442; expected \(images, classes\), or"),
    ],
)
def test_stored_answers_that_do_not_fit_are_refused(digits, tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **{name: np.zeros(shape, "float32") for name, shape in arrays.items()})
    with pytest.raises(UserError, match=message):
        stored(tmp_path / "a.npz", digits)


def test_answers_of_other_images_are_refused_by_their_fingerprint(digits, tmp_path):
    write_answers(tmp_path / "a.npz", digits, train=np.zeros((1442, 10)))
    kept = dict(np.load(tmp_path / "a.npz"))
    np.savez(tmp_path / "b.npz", **{**kept, "fingerprint": "other"})
    stored(tmp_path / "a.npz", digits)
    with pytest.raises(UserError, match="its fingerprint is of other training images"):
        stored(tmp_path / "b.npz", digits)
    with pytest.raises(UserError, match="the data has 1,442 training images"):
        write_answers(tmp_path / "c.npz", digits, train=np.zeros((5, 10)))
    assert not (tmp_path / "c.npz").exists()
    (tmp_path / "d.npz").write_text("no")
    with pytest.raises(UserError, match="no readable NumPy file"):
        stored(tmp_path / "d.npz", digits)
