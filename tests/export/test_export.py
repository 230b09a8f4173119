"""A saved student becomes files that do what it does, or no files."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import forks
import numpy as np
import pytest

from keras_kd.export import DEFAULTS, FILES, FORMATS, GATES
from keras_kd.export import export as exporting
from keras_kd.export import gates as gates_of_export
from keras_kd.export.export import export
from keras_kd.export.formats import litert
from keras_kd.export.formats.litert import outside_builtins
from keras_kd.export.result import result_of
from keras_kd.utils import account, ownership
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.lazy import keras

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture(scope="module")
def digits():
    """Calibration images that just miss black and white, test images and test labels; pixels 0..255, 8 x 8 x 1."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.rint(found.images[..., None] * (255 / 16)).astype("uint8")
    return images[:300].clip(3, 250), images[300:800], found.target[300:800].astype("int32")


@pytest.fixture(scope="module")
def digits_student(digits, tmp_path_factory):
    """A small network that knows the digits: random convolutions and BatchNorm, then the best linear head."""
    keras.utils.set_random_seed(0)
    student = conv_net((8, 8, 1), 10)
    fit_head(student, *digits[1:])
    file = tmp_path_factory.mktemp("student") / "student.keras"
    student.save(file)
    return file


def conv_net(image_shape, classes, dtype="float32"):
    layers = keras.layers
    channels = image_shape[-1]
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling([1 / 80] * channels, [-1.0] * channels, dtype=dtype),
            layers.Conv2D(32, 3, use_bias=False, dtype=dtype),
            layers.BatchNormalization(moving_variance_initializer=random_variance(), dtype=dtype),
            layers.ReLU(dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(classes, name="head", dtype=dtype),
        ]
    )


def random_variance():
    return keras.initializers.RandomUniform(0.5, 2.0, seed=1)


def fit_head(student, images, labels):
    body = keras.Model(student.inputs, student.layers[-2].output)
    features = np.asarray(body.predict(images.astype("float32"), verbose=0), "float32")
    kernel = np.linalg.lstsq(features, 10 * np.eye(10)[labels] - 1, rcond=1e-3)[0]
    student.get_layer("head").set_weights([kernel, np.zeros(10)])


def run_export(student, folder, digits, **arguments):
    calibration_images, test_images, test_labels = digits
    given = {
        "calibration_images": calibration_images,
        "test_images": test_images,
        "test_labels": test_labels,
        "quiet": True,
    }
    return export(student, folder, **(given | arguments))


def names(folder):
    return sorted(entry.name for entry in folder.iterdir() if entry.name != account.MARK)


def export_before(folder, *files):
    """Leaves files of an export of another student in a folder."""
    with ownership.held(folder, "exports"):
        for file in files:
            with atomic_write(folder / file) as temporary:
                temporary.write_text("of the student before")


# The whole way, through TensorFlow's own process.


@pytest.fixture(scope="module")
def exported(digits_student, digits, made_once):
    """A folder in which an earlier export was killed, and the results of the export that followed."""

    def fill(folder):
        export_before(folder, "student.tflite", "saved_model/of_the_student_before")
        killed = folder / account.MARK / f"{ownership.WORKPLACE}{'0' * 32}"
        killed.mkdir()
        (killed / "student.tflite").write_text("half")
        with pytest.MonkeyPatch.context() as patched:
            # The others begin as forks; this one as an export of a user does.
            patched.setattr(subprocess, "Popen", forks.NEW)
            return {result["format"]: result for result in run_export(digits_student, folder, digits)}

    return made_once("exported", fill)


def test_a_student_becomes_one_file_a_format_and_nothing_else_is_left(exported):
    folder, results = exported
    assert tuple(results) == DEFAULTS
    assert names(folder) == sorted(FILES[name] for name in DEFAULTS)
    assert not (folder / "saved_model" / "of_the_student_before").exists()
    assert {entry.name for entry in (folder / account.MARK).iterdir()} == {"lock", "made.json", "made.lock"}
    assert account.changes(folder) == {}
    assert results["litert_float32"]["bytes"] == (folder / "student.tflite").stat().st_size


def test_what_is_measured_is_told(exported):
    for result in exported[1].values():
        assert result["passed"] and result["failures"] == [] and result["flex_ops"] == []
        assert result["images"] == 500 and result["seconds"] > 0
        assert (result["any_batch"] is True and result["batch"] is None) or result["batch"] == 1
        assert result["keras_accuracy"] > 0.9
        assert result["accuracy_drop"] == pytest.approx(result["keras_accuracy"] - result["accuracy"])
        assert 0 <= result["mean_difference"] <= result["max_difference"]
        json.dumps(result)


def test_float32_files_equal_keras_and_int8_follows_it(exported):
    _, results = exported
    assert results["saved_model"]["max_difference"] < 1e-5
    assert results["litert_float32"]["max_difference"] < 1e-4
    assert results["litert_int8"]["agreement"] > 0.95
    assert results["litert_int8"]["bytes"] < results["litert_float32"]["bytes"] / 2


def test_the_int8_file_takes_pixels_minus_128(exported):
    int8 = exported[1]["litert_int8"]
    assert (int8["input_scale"], int8["input_zero_point"]) == (1.0, -128)


def test_an_exported_file_runs_without_this_package(exported, digits_student, digits):
    folder, _ = exported
    images = digits[1][:3].astype("float32")
    program = """if True:
        import json, sys
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter
        interpreter = Interpreter(sys.argv[1])
        interpreter.allocate_tensors()
        found = []
        for image in np.array(json.loads(sys.stdin.read()), "float32"):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
            interpreter.invoke()
            found += interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist()
        print(json.dumps([found, "keras_kd" in sys.modules]))
    """
    command = [sys.executable, "-I", "-c", program, str(folder / "student.tflite")]
    answer = subprocess.run(command, input=json.dumps(images.tolist()), capture_output=True, text=True, check=True)
    logits, has_this_package = json.loads(answer.stdout)
    expected = keras.saving.load_model(digits_student).predict(images, verbose=0)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-3)
    assert not has_this_package


def test_a_wrong_calibration_range_is_caught_and_the_other_file_still_comes(digits_student, digits, tmp_path):
    export_before(tmp_path, "student_int8.tflite")
    with pytest.raises(GateError) as caught:
        run_export(
            digits_student,
            tmp_path,
            digits,
            formats=("litert_int8", "litert_float32"),
            calibration_images=np.zeros_like(digits[0][:20]),
        )
    assert names(tmp_path) == ["student.tflite"]
    assert [result["passed"] for result in caught.value.exports] == [False, True]
    (line,) = str(caught.value).splitlines()
    assert "student_int8.tflite" in line and "export.gates.int8_accuracy_drop" in line


# What the gates let through.

FINE = {
    "outputs": "logits",
    "flex_ops": [],
    "images": 1000,
    "max_difference": 0.0,
    "agreement": 1.0,
    "accuracy_drop": 0.0,
}


@pytest.mark.parametrize(
    ("name", "measured", "gates", "failing"),
    [
        ("litert_float32", {}, {}, []),
        ("litert_float32", {"max_difference": 0.019}, {}, []),  # 1e-3 of the largest logit, 20
        ("litert_float32", {"max_difference": 0.021}, {}, ["float32_max_difference"]),
        ("saved_model", {"max_difference": 0.021}, {}, ["float32_max_difference"]),
        ("saved_model", {"max_difference": 0.021}, {"float32_max_difference": 1e-2}, []),
        ("saved_model", {"max_difference": float("nan")}, {}, ["float32_max_difference"]),
        ("litert_float32", {"agreement": 0.998}, {}, ["float32_agreement"]),
        ("litert_float32", {"agreement": 0.98, "images": 50}, {}, []),  # one image may differ
        (
            "litert_float32",
            {"agreement": 0.98, "images": 50},
            {"float32_agreement": 1},
            ["float32_agreement"],
        ),
        ("litert_int8", {"max_difference": 5.0, "agreement": 0.90, "accuracy_drop": 0.95 - 0.93}, {}, []),
        (
            "litert_int8",
            {"agreement": 0.89, "accuracy_drop": 0.021},
            {},
            ["int8_accuracy_drop", "int8_agreement"],
        ),
        ("litert_int8", {}, {"int8_agreement": 1.01}, ["int8_agreement"]),
    ],
)
def test_a_gate_fails_by_name(name, measured, gates, failing):
    failures = gates_of_export.failures(name, FINE | measured, 20.0, GATES | gates)
    assert [failure.split()[0] for failure in failures] == failing
    for failure in failures:
        assert f"(recipe field export.gates.{failure.split()[0]})" in failure


def test_operators_that_litert_has_not_built_in_fail_every_gate():
    (failure,) = gates_of_export.failures("litert_int8", {"flex_ops": ["FlexErf", "Mine"]}, 1.0, GATES)
    assert "FlexErf, Mine" in failure


# What is published, whatever the converter does: these runs replace TensorFlow's process.


def stand_in(monkeypatch, steps):
    """Instead of building, each step writes one format's file and says whether it passed its gate."""

    def built(work, student_file, formats):
        for name, passed in steps:
            if isinstance(passed, BaseException):
                raise passed
            if name == "saved_model":
                (work / "saved_model").mkdir()
                (work / "saved_model" / "new").touch()
            else:
                (work / FILES[name]).write_text("new")
            yield result_of(name, failures=[] if passed else ["is not what Keras says"])

    monkeypatch.setattr(exporting, "_built", built)


def test_files_that_fail_stay_out_and_take_the_older_ones_with_them(
    monkeypatch, digits_student, digits, tmp_path, capsys
):
    stand_in(monkeypatch, [("saved_model", False), ("litert_float32", True), ("litert_int8", False)])
    export_before(tmp_path, "saved_model/old", "student.tflite", "student_int8.tflite", "report.json")
    with pytest.raises(GateError) as caught:
        run_export(digits_student, tmp_path, digits)
    assert names(tmp_path) == ["report.json", "student.tflite"]
    assert (tmp_path / "student.tflite").read_text() == "new"
    assert [result["format"] for result in caught.value.exports] == list(DEFAULTS)
    assert str(caught.value).splitlines() == [
        f"{tmp_path / 'saved_model'}: kept out: is not what Keras says",
        f"{tmp_path / 'student_int8.tflite'}: kept out: is not what Keras says",
    ]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OSError("8192 requested and 4096 written"), "disk is full"),  # numpy's way to say it
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (KeyboardInterrupt(), None),
    ],
)
def test_an_export_that_is_stopped_leaves_whole_files_only(monkeypatch, digits_student, digits, tmp_path, stop, told):
    stand_in(monkeypatch, [("litert_float32", True), ("litert_int8", stop)])
    with pytest.raises(UserError if told else KeyboardInterrupt) as caught:
        run_export(digits_student, tmp_path, digits)
    assert names(tmp_path) == ["student.tflite"]
    if told:
        assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["student_int8.tflite", "saved_model/notes.txt", "student.tflite"])
def test_what_somebody_else_put_there_is_refused_before_anything_is_made(
    monkeypatch, digits_student, digits, tmp_path, file
):
    stand_in(monkeypatch, [("saved_model", False), ("litert_float32", True), ("litert_int8", False)])
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("a thesis")
    with pytest.raises(UserError, match="was not made by keras-kd"):
        run_export(digits_student, tmp_path, digits)
    assert names(tmp_path) == [file.split("/")[0]] and (tmp_path / file).read_text() == "a thesis"


def test_what_somebody_put_into_an_exported_folder_stays(monkeypatch, digits_student, digits, tmp_path):
    export_before(tmp_path, "saved_model/old")
    (tmp_path / "saved_model" / "notes.txt").write_text("a thesis")
    stand_in(monkeypatch, [("saved_model", True)])
    with pytest.raises(UserError, match=r"saved_model: holds what keras-kd did not make \(.*notes.txt\)"):
        run_export(digits_student, tmp_path, digits)
    assert (tmp_path / "saved_model" / "notes.txt").read_text() == "a thesis"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("os.kill(os.getpid(), 9)", "ended from outside by SIGKILL, often for want of memory"),
        ("os.kill(os.getpid(), 24)", "ended from outside by SIGXCPU"),
        ("print('terminate: std::bad_alloc', file=sys.stderr, flush=True); os.abort()", "there is no memory left"),
    ],
)
def test_a_process_that_is_ended_from_outside_is_no_result(monkeypatch, digits_student, digits, tmp_path, end, told):
    program = f"import json, os, sys; print(json.dumps({{'loaded': True}}), flush=True); {end}"
    stand_in_process(monkeypatch, program)
    with pytest.raises(GateError, match="the same command tries it again") as caught:
        run_export(digits_student, tmp_path, digits, formats=["litert_float32"])
    assert told in caught.value.exports[0]["circumstance"]


@pytest.mark.parametrize("error", ["No space left on device", "[Errno 27] File too large", "std::bad_alloc"])
def test_a_fault_of_the_machine_while_converting_ends_the_export(monkeypatch, digits_student, digits, tmp_path, error):
    answers = [{"loaded": True}, {"error": f"it cannot be written: {error}", "of_the_machine": True}]
    program = f"for one in {[json.dumps(one) for one in answers]!r}: print(one, flush=True)"
    stand_in_process(monkeypatch, program)
    with pytest.raises(MachineError, match="it cannot be written"):
        run_export(digits_student, tmp_path, digits, formats=["litert_float32"])


def test_a_converter_that_takes_its_process_down_fails_that_format_only(monkeypatch, digits_student, digits, tmp_path):
    program = """if True:
        import json, os, pathlib, sys
        work, *formats = sys.argv[1:]
        print(json.dumps({"loaded": True}), flush=True)
        for name in formats:
            if name == "saved_model":
                print("LLVM ERROR: cannot", file=sys.stderr, flush=True)
                os.abort()
            file = {"litert_float32": "student.tflite", "litert_int8": "student_int8.tflite"}[name]
            pathlib.Path(work, file).touch()
            result = {"file": file, "format": name, "passed": True, "failures": []}
            print(json.dumps({"result": result}), flush=True)
    """
    stand_in_process(monkeypatch, program)
    with pytest.raises(GateError, match=r"exit code -6.*LLVM ERROR: cannot") as caught:
        run_export(digits_student, tmp_path, digits)
    assert [result["passed"] for result in caught.value.exports] == [False, True, True]
    assert names(tmp_path) == ["student.tflite", "student_int8.tflite"]


def test_a_process_that_cannot_even_begin_says_why(monkeypatch, digits_student, digits, tmp_path):
    stand_in_process(monkeypatch, "raise ImportError('libtensorflow.so: wrong ELF class')")
    with pytest.raises(UserError, match=r"ImportError: libtensorflow.so: wrong ELF class") as caught:
        run_export(digits_student, tmp_path, digits)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def stand_in_process(monkeypatch, program):
    start = subprocess.Popen
    monkeypatch.setattr(
        exporting.subprocess, "Popen", lambda c, **k: start([sys.executable, "-c", program, *c[3:]], **k)
    )


# What a user can get wrong.


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"formats": ["tflite"]}, "formats: found 'tflite'; expected some of saved_model, litert_float32"),
        (
            {"gates": {"int8_agrement": 0.9}},
            "export.gates.int8_agrement: no such gate; expected some of images",
        ),
        ({"gates": {"int8_agreement": "0.9"}}, "export.gates.int8_agreement: found '0.9'; expected a number"),
        ({"gates": {"images": 0}}, "export.gates.images: found 0; expected a whole number"),
        ({"test_images": np.zeros((4, 8, 8, 1))}, "test_images: found float64 of shape"),
        (
            {"test_images": np.zeros((0, 8, 8, 1), "uint8"), "test_labels": np.zeros(0, int)},
            "test_images: found",
        ),
        (
            {"test_labels": np.zeros(3, int)},
            "test_labels: found int64 of shape (3,); expected one integer for each",
        ),
        ({"calibration_images": None}, "calibration_images: found object of shape ()"),
        ({"calibration_images": np.zeros((4, 9, 9, 1), "uint8")}, "calibration_images: found uint8 of shape"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(digits_student, digits, tmp_path, wrong, told):
    with pytest.raises(UserError) as caught:
        run_export(digits_student, tmp_path / "new", digits, **wrong)
    assert told in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_no_student_is_named(digits, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        run_export(tmp_path / "student.keras", tmp_path, digits)
    (tmp_path / "student.keras").write_text("weights, honestly")
    with pytest.raises(UserError, match="found no Keras file"):
        run_export(tmp_path / "student.keras", tmp_path, digits)


def test_a_machine_without_tensorflow_names_the_fix(monkeypatch, digits_student, digits, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match=r"tensorflow is not installed here; .*`keras-kd export RUN`"):
        run_export(digits_student, tmp_path, digits)


@pytest.mark.usefixtures("new_processes")
def test_formats_and_gates_are_known_without_heavy_imports():
    program = """if True:
        import sys
        from keras_kd.export import FORMATS, GATES
        print(sorted({"keras", "tensorflow", "jax", "ai_edge_litert"} & sys.modules.keys()))
    """
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# Students of every kind.


def random_images(count, *shape):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype="uint8")


def resnet(image_shape, classes):
    """Two residual blocks in the manner of CIFAR, with padding as a layer and BatchNorm that is not the identity."""
    layers = keras.layers
    inputs = keras.Input(image_shape)
    x = layers.Rescaling([0.017, 0.018, 0.017], [-1.9, -2.0, -1.7])(inputs)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    for width, strides in ((16, 1), (32, 2)):
        shortcut = layers.Conv2D(width, 1, strides=strides, use_bias=False)(x)
        x = layers.Conv2D(width, 3, strides=strides, use_bias=False)(layers.ZeroPadding2D(1)(x))
        x = layers.ReLU()(layers.BatchNormalization(moving_variance_initializer=random_variance())(x))
        x = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
        x = layers.ReLU()(layers.Add()([x, shortcut]))
    return keras.Model(inputs, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.slow
def test_a_residual_network_on_coloured_images(tmp_path):
    keras.utils.set_random_seed(0)
    student = resnet((32, 32, 3), 10)
    student.save(tmp_path / "student.keras")
    images = random_images(40, 32, 32, 3) // np.arange(1, 41, dtype="uint8")[:, None, None, None]
    labels = np.asarray(student.predict(images.astype("float32"), verbose=0)).argmax(-1)
    results = run_export(tmp_path / "student.keras", tmp_path / "run", (images, images, labels))
    assert all(result["any_batch"] for result in results)
    assert results[2]["input_zero_point"] == -128


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_student_in_half_precision_is_exported_in_float32(digits, tmp_path, policy):
    student = conv_net((8, 8, 1), 10, dtype=policy)
    fit_head(student, *digits[1:])
    student.save(tmp_path / "student.keras")
    results = run_export(tmp_path / "student.keras", tmp_path / "run", digits, formats=FORMATS[:2])
    assert all(result["max_difference"] < 1e-4 for result in results)
    assert results[0]["keras_accuracy"] > 0.9
    from ai_edge_litert.interpreter import Interpreter

    tensors = Interpreter(str(tmp_path / "run" / "student.tflite")).get_tensor_details()
    assert {np.dtype(tensor["dtype"]).name for tensor in tensors} <= {"float32", "int32"}


@pytest.mark.slow
def test_a_student_trained_under_jax_runs_on_tensorflow_alone(tmp_path):
    pytest.importorskip("jax")
    program = """if True:
        import os, sys
        os.environ["KERAS_BACKEND"] = "jax"
        import keras, numpy as np
        from keras_kd.export.export import export
        inputs = keras.Input((8, 8, 1))
        x = keras.layers.Conv2D(8, 3)(keras.layers.Rescaling([1 / 255], [-0.5])(inputs))
        student = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
        images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype="uint8")
        student.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        student.fit(images.astype("float32"), np.arange(30) % 3, verbose=0)
        student.save("student.keras")
        np.save("images.npy", images)
        np.save("logits.npy", student.predict(images.astype("float32"), verbose=0))
        export("student.keras", ".", calibration_images=images, test_images=images,
               test_labels=np.arange(30) % 3, gates={"int8_accuracy_drop": 0.2})
    """
    told = run_python(program, cwd=tmp_path).splitlines()
    assert [line.split(":")[0] for line in told] == [FILES[name] for name in DEFAULTS]
    reader = """if True:
        import sys, numpy as np, tensorflow as tf
        images, expected = np.load("images.npy"), np.load("logits.npy")
        serve = tf.saved_model.load("saved_model").signatures["serving_default"]
        for size in (1, 30):
            (logits,) = serve(images=tf.constant(images[:size], "float32")).values()
            np.testing.assert_allclose(logits, expected[:size], atol=1e-4)
        print("keras_kd" in sys.modules)
    """
    assert run_python(reader, "-I", cwd=tmp_path).strip() == "False"


def run_python(program, *options, cwd):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    answer = subprocess.run(
        [sys.executable, *options, "-c", program], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.slow
def test_layers_of_the_users_own_are_found_through_the_module_that_the_caller_imported(monkeypatch, digits, tmp_path):
    (tmp_path / "my_layers.py").write_text(
        "import keras\n\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class Halve(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return x * 0.5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from my_layers import Halve

    student = conv_net((8, 8, 1), 10)
    fit_head(student, *digits[1:])
    keras.Model(student.inputs, Halve()(student.outputs[0])).save(tmp_path / "student.keras")
    (result,) = run_export(tmp_path / "student.keras", tmp_path / "run", digits, formats=["litert_float32"])
    assert result["passed"] and result["keras_accuracy"] > 0.9


@pytest.mark.slow
def test_what_litert_cannot_do_is_a_failed_gate_that_names_the_operator(digits, tmp_path):
    inputs = keras.Input((8, 8, 1))
    logits = keras.layers.Dense(10)(keras.layers.Flatten()(inputs))
    for name, operation in (("flex", keras.ops.erf), ("neither", keras.ops.erfinv)):
        keras.Model(inputs, operation(logits)).save(tmp_path / f"{name}.keras")

    with pytest.raises(GateError) as caught:
        run_export(tmp_path / "flex.keras", tmp_path / "flex", digits)
    saved_model, float32, int8 = caught.value.exports
    assert saved_model["passed"] and names(tmp_path / "flex") == ["saved_model"]
    assert float32["flex_ops"] == ["FlexErf"] and float32["bytes"] and float32["accuracy"] is None
    (why,) = int8["failures"]
    # After it the place in the network, whose numbers depend on what was built before.
    assert why.startswith("cannot be converted: 'tf.Erf' op is neither a custom op nor a flex op ('student")

    with pytest.raises(GateError, match="'tf.Erfinv' op is neither a custom op nor a flex op"):
        run_export(tmp_path / "neither.keras", tmp_path / "neither", digits, formats=["litert_float32"])


@pytest.mark.slow
def test_students_that_do_not_give_logits_for_these_images_are_refused(digits, tmp_path):
    conv_net((9, 9, 1), 10).save(tmp_path / "larger.keras")
    with pytest.raises(UserError, match=r"does not take test images of \(8, 8, 1\)"):
        run_export(tmp_path / "larger.keras", tmp_path / "run", digits)
    keras.Sequential([keras.layers.Dense(10)]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(UserError, match="holds a model without weights"):
        run_export(tmp_path / "unbuilt.keras", tmp_path / "run", digits)
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, keras.layers.Conv2D(10, 3)(inputs)).save(tmp_path / "map.keras")
    with pytest.raises(UserError, match=r"gives \(500, 6, 6, 10\); expected one tensor of logits"):
        run_export(tmp_path / "map.keras", tmp_path / "run", digits)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_export_leaves_whole_files_only_and_no_process(digits_student, digits, tmp_path, new_processes):
    for name, array in zip(("calibration", "images", "labels"), digits, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    program = """if True:
        import sys, numpy as np
        from keras_kd.export.export import export
        calibration, images, labels = (np.load(f"{n}.npy") for n in ("calibration", "images", "labels"))
        export(sys.argv[1], "run", calibration_images=np.tile(calibration, (200, 1, 1, 1)),
               test_images=images, test_labels=labels)
    """
    command = [sys.executable, "-c", program, str(digits_student)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    with contextlib.closing(process.stdout):
        for line in process.stdout:  # "student.tflite: ...": the calibration of the last file has begun
            if line.startswith("student.tflite"):
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
    (work,) = (tmp_path / "run" / account.MARK).glob(f"{ownership.WORKPLACE}*")
    assert names(tmp_path / "run") == ["saved_model", "student.tflite"]
    wait_until(lambda: not processes_that_name(work))
    run_export(digits_student, tmp_path / "run", digits, formats=["litert_float32"])
    assert names(tmp_path / "run") == ["saved_model", "student.tflite"] and not work.exists()


def processes_that_name(path):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end meanwhile
            found += [process] * (str(path).encode() in (process / "cmdline").read_bytes())
    return found


def wait_until(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise TimeoutError


def test_operators_are_read_from_the_file(exported):
    assert outside_builtins(exported[0] / "student_int8.tflite") == []


# Every format, what goes in, what comes out.

OTHERS = ("litert_float16", "litert_dynamic", "litert_int8_float")


@pytest.fixture(scope="module")
def others(digits_student, digits, made_once):
    def fill(folder):
        return {one["format"]: one for one in run_export(digits_student, folder, digits, formats=OTHERS)}

    return made_once("others", fill)


def test_smaller_files_follow_keras(others, exported):
    folder, found = others
    assert names(folder) == sorted(FILES[name] for name in OTHERS)
    whole = exported[1]["litert_float32"]["bytes"]
    assert all(one["passed"] and one["agreement"] > 0.95 and one["bytes"] < whole for one in found.values())
    assert 0 < found["litert_float16"]["max_difference"] < found["litert_int8_float"]["max_difference"]
    assert {one["inputs"] for one in found.values()} == {"float32"}


@pytest.fixture(scope="module")
def deployed(digits_student, digits, made_once):
    def fill(folder):
        results = run_export(
            digits_student, folder, digits,
            formats=("saved_model", "litert_float32", "litert_int8", "litert_int8_float"),
            inputs="uint8", outputs="probabilities", gates={"int8_agreement": 0.9},
        )  # fmt: skip
        return {one["format"]: one for one in results}

    return made_once("deployed", fill)


@pytest.mark.slow
@pytest.mark.usefixtures("new_processes")
def test_files_can_take_pixels_and_give_probabilities(deployed, digits):
    folder, found = deployed
    assert {(one["inputs"], one["outputs"]) for one in found.values()} == {("uint8", "probabilities")}
    assert found["saved_model"]["max_difference"] < 1e-5
    program = """if True:
        import sys
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter
        interpreter = Interpreter(sys.argv[1])
        interpreter.allocate_tensors()
        (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(given["index"], np.load(sys.argv[2])[:1])
        interpreter.invoke()
        scale, zero_point = told["quantization"]
        values = interpreter.get_tensor(told["index"]).astype("float32")
        print(float(((values - zero_point) * scale if scale else values).sum()))
        assert "keras_kd" not in sys.modules
    """
    np.save(folder / "images.npy", digits[1])
    for file in ("student.tflite", "student_int8.tflite", "student_int8_float.tflite"):
        given = [sys.executable, "-c", program, str(folder / file), str(folder / "images.npy")]
        done = subprocess.run(given, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout.splitlines()[-1]) == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_a_student_that_gives_probabilities_gets_no_second_softmax(digits_student, digits, tmp_path):
    student = keras.saving.load_model(digits_student)
    student.add(keras.layers.Softmax())
    student.save(tmp_path / "student.keras")
    for outputs in ("logits", "probabilities"):
        (found,) = run_export(
            tmp_path / "student.keras",
            tmp_path,
            digits,
            formats=("litert_float32",),
            outputs=outputs,
            from_logits=False,
        )
        said, _ = litert.run(tmp_path / "student.tflite", digits[1][:9])
        assert found["outputs"] == "probabilities"
        np.testing.assert_allclose(said, student.predict(digits[1][:9].astype("float32"), verbose=0), atol=1e-5)


def test_an_onnx_file_says_what_keras_says_without_this_package(digits_student, digits, tmp_path):
    for package in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(package)
    (found,) = run_export(digits_student, tmp_path, digits, formats=("onnx",))
    assert found["passed"] and found["max_difference"] < 1e-3 and found["any_batch"]
    program = """if True:
        import sys
        import numpy as np, onnxruntime
        session = onnxruntime.InferenceSession(sys.argv[1])
        images = np.load(sys.argv[2]).astype("float32")
        np.save(sys.argv[3], session.run(None, {session.get_inputs()[0].name: images})[0])
        assert "keras_kd" not in sys.modules
    """
    images, answer = tmp_path / "images.npy", tmp_path / "answer.npy"
    np.save(images, digits[1][:5])
    given = [sys.executable, "-I", "-c", program, str(tmp_path / "student.onnx"), str(images), str(answer)]
    subprocess.run(given, check=True)
    expected = keras.saving.load_model(digits_student).predict(digits[1][:5].astype("float32"), verbose=0)
    np.testing.assert_allclose(np.load(answer), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_a_saved_model_names_what_it_takes_and_gives(deployed):
    program = """if True:
        import json, sys
        import tensorflow as tf
        signature = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
        takes = {name: one.dtype.name for name, one in signature.structured_input_signature[1].items()}
        print(json.dumps([takes, list(signature.structured_outputs)]))
    """
    given = [sys.executable, "-c", program, str(deployed[0] / "saved_model")]
    done = subprocess.run(given, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [{"images": "uint8"}, ["probabilities"]]


@pytest.fixture
def colours(tmp_path):
    """(file of a student that knows which channel is bright, images, labels)."""
    keras.utils.set_random_seed(0)
    labels = np.arange(300) % 3
    images = np.random.default_rng(0).integers(0, 80, (300, 8, 8, 3)).astype("uint8")
    images[np.arange(300), :, :, labels] += 120
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(6, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
    ]
    student = keras.Sequential([*layers, keras.layers.Dense(3, name="head")])
    body = keras.Model(student.inputs, student.layers[-2].output)
    features = np.asarray(body.predict(images.astype("float32"), verbose=0))
    kernel = np.linalg.lstsq(features, 10 * np.eye(3)[labels] - 1, rcond=1e-3)[0]
    student.get_layer("head").set_weights([kernel, np.zeros(3)])
    student.save(tmp_path / "student.keras")
    return tmp_path / "student.keras", images, labels


def test_a_wrong_calibration_range_is_caught_and_the_worst_layer_named(colours, tmp_path):
    file, images, labels = colours
    with pytest.raises(GateError) as caught:
        export(
            file, tmp_path / "out", formats=["litert_int8"], calibration_images=(images[:100] > 100).astype("uint8"),
            test_images=images[100:], test_labels=labels[100:], quiet=True,
        )  # fmt: skip
    assert "int8_agreement is" in str(caught.value) and "the largest error of a layer is in " in str(caught.value)
    assert not (tmp_path / "out" / "student_int8.tflite").exists()


def test_swapped_channels_are_caught(colours, tmp_path):
    """A converter that swaps red and blue, run as the export runs it."""
    file, images, labels = colours
    program = """if True:
        import json, sys
        import numpy as np
        from pathlib import Path
        from keras_kd.export import GATES, worker
        from keras_kd.export.formats import litert
        from keras_kd.export.formats.format import Request
        from keras_kd.export.gates import failures
        from keras_kd.utils.lazy import keras
        file, folder = sys.argv[1:]
        images, labels = np.load(f"{folder}/images.npy"), np.load(f"{folder}/labels.npy")
        student = worker.load(file, [])
        logits = worker._keras_logits(file, student, images)
        image = keras.Input((8, 8, 3))
        swapped = keras.Model(image, student(image[..., ::-1]))
        out = Path(folder) / "swapped.tflite"
        litert.write(swapped, out, Request((8, 8, 3)))
        job = {"outputs": "logits", "softmax": False}
        fields = worker.measured("litert_float32", out, logits, images, labels, job)
        print(json.dumps(failures("litert_float32", fields, np.abs(logits).max(), GATES)))
    """
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    given = [sys.executable, "-c", program, str(file), str(tmp_path)]
    done = subprocess.run(given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    failures = json.loads(done.stdout.splitlines()[-1])
    assert [one.split(" is ")[0] for one in failures] == ["float32_max_difference", "float32_agreement"]


@pytest.mark.parametrize("field, value, message", [
    ("inputs", "int16", "inputs: found 'int16'; expected float32 or uint8"),
    ("outputs", "softmax", "outputs: found 'softmax'; expected logits or probabilities"),
    ("formats", ["tflite"], "formats: found 'tflite'; expected some of saved_model, litert_float32"),
])  # fmt: skip
def test_wrong_requests_are_refused(digits_student, digits, tmp_path, field, value, message):
    with pytest.raises(UserError, match=message):
        run_export(digits_student, tmp_path, digits, **{field: value})
