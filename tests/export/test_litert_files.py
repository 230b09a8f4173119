"""LiteRT files of one image at a time, and what is inside them: labels and metadata."""

import collections
import zipfile

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_kd.data.sources.decode import RESIZED
from keras_kd.export.formats import litert
from keras_kd.export.formats.format import Request
from keras_kd.export.formats.litert_metadata import LABELS, NAME, table

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 8, 6, 3), dtype="uint8")
NAMES = ("cat", "große Eule", "dog")


@pytest.fixture(scope="module")
def network():
    """One whose shapes are read from its images, as channels are shuffled in ShuffleNet."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 6, 3), name="images")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = keras.layers.Reshape((8, 6, 4))(keras.layers.Permute((1, 2, 4, 3))(keras.layers.Reshape((8, 6, 2, 2))(x)))
    return keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.fixture(scope="module")
def written(network, tmp_path_factory):
    """{(precision, images at once): file}."""
    folder, files = tmp_path_factory.mktemp("litert"), {}
    for precision, batch in (("float32", 1), ("float32", None), ("int8", 1)):
        files[precision, batch] = folder / f"{precision}_{batch}.tflite"
        request = Request((8, 6, 3), "float32", "logits", IMAGES, batch, NAMES, "crop")
        litert.write(network, files[precision, batch], request, precision)
    return files


def operators(file):
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    return collections.Counter(one["op_name"] for one in interpreter._get_ops_details())


def test_files_of_one_image_compute_no_shapes(written):
    free, fixed = (operators(written["float32", batch]) for batch in (None, 1))
    assert free["SHAPE"] and free["STRIDED_SLICE"] and free["PACK"]
    assert not {"SHAPE", "STRIDED_SLICE", "PACK"} & set(fixed) | {"SHAPE"} & set(operators(written["int8", 1]))
    kept = ("CONV_2D", "RESHAPE", "TRANSPOSE", "FULLY_CONNECTED")
    assert [free[name] for name in kept] == [fixed[name] for name in kept]


@pytest.mark.parametrize("batch", [1, None])
def test_files_say_what_keras_says_and_how_many_images_they_take(batch, network, written):
    found, about = litert.run(written["float32", batch], IMAGES)
    np.testing.assert_allclose(found, network.predict(IMAGES.astype("float32"), verbose=0), atol=1e-3)
    assert about["batch"] == batch and (about["any_batch"] or batch == 1)
    interpreter = Interpreter(str(written["float32", batch]))
    assert interpreter.get_input_details()[0]["shape_signature"].tolist() == [batch or -1, 8, 6, 3]


def test_the_names_of_the_classes_are_inside(written):
    for file in written.values():
        with zipfile.ZipFile(file) as archive:
            assert archive.namelist() == [LABELS] and archive.testzip() is None
            assert archive.read(LABELS).decode() == "cat\ngroße Eule\ndog\n"


class Table:
    """A table of a flatbuffer, read by the numbers of its fields."""

    def __init__(self, data, place):
        self.own = flatbuffers.table.Table(data, place)

    @classmethod
    def root(cls, data):
        return cls(data, flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0))

    def _place(self, number):
        return self.own.Pos + self.own.Offset(4 + 2 * number)

    def text(self, number):
        return self.own.String(self._place(number)).decode()

    def table(self, number):
        return Table(self.own.Bytes, self.own.Indirect(self._place(number)))

    def only(self, number):
        offset = self.own.Offset(4 + 2 * number)
        assert self.own.VectorLen(offset) == 1
        return Table(self.own.Bytes, self.own.Indirect(self.own.Vector(offset)))

    def numbers(self, number):
        return self.own.GetVectorAsNumpy(
            flatbuffers.number_types.Float32Flags, self.own.Offset(4 + 2 * number)
        ).tolist()

    def byte(self, number):
        return self.own.Get(flatbuffers.number_types.Uint8Flags, self._place(number))

    def whole(self, number):
        return self.own.Get(flatbuffers.number_types.Uint32Flags, self._place(number))


def test_what_goes_in_and_comes_out_is_said_as_the_schema_lays_down(written):
    """By the numbers of metadata_schema.fbs: of ModelMetadata, SubGraphMetadata, TensorMetadata and what they hold."""
    for file in written.values():
        model = schema.Model.GetRootAs(file.read_bytes(), 0)
        entries = [model.Metadata(number) for number in range(model.MetadataLength())]
        (entry,) = [one for one in entries if one.Name().decode() == NAME]
        data = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
        assert data[4:8] == b"M001" and data == table(Request((8, 6, 3), class_names=NAMES, resize="crop"))
        whole = Table.root(data)
        assert whole.text(0) == "student" and whole.text(7) == "1.0.0" and "3 classes" in whole.text(1)
        graph = whole.only(3)
        taken, given = graph.only(2), graph.only(3)
        assert taken.text(0) == "images" and RESIZED["crop"] in taken.text(1) and "8 x 6" in taken.text(1)
        image = taken.table(3)
        assert image.byte(0) == 2 and image.table(1).byte(0) == 1  # image properties, RGB
        size = image.table(1).table(1)
        assert (size.whole(0), size.whole(1)) == (6, 8)
        unit = taken.only(4)
        assert unit.byte(0) == 1 and (unit.table(1).numbers(0), unit.table(1).numbers(1)) == ([0.0], [1.0])
        assert (taken.table(5).numbers(0), taken.table(5).numbers(1)) == ([255.0], [0.0])
        labels = given.only(6)
        assert given.text(0) == "logits" and labels.text(0) == LABELS and labels.byte(2) == 2


def test_the_same_student_gives_the_same_file(network, written, tmp_path):
    litert.write(
        network, tmp_path / "again.tflite", Request((8, 6, 3), litert_batch=1, class_names=NAMES, resize="crop")
    )
    assert (tmp_path / "again.tflite").read_bytes() == written["float32", 1].read_bytes()


def test_without_names_there_is_no_archive(network, tmp_path):
    litert.write(network, tmp_path / "a.tflite", Request((8, 6, 3)))
    assert (
        not zipfile.is_zipfile(tmp_path / "a.tflite")
        and litert.run(tmp_path / "a.tflite", IMAGES[:2])[1]["batch"] is None
    )
