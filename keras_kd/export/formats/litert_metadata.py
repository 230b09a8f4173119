"""What a `.tflite` file says of itself: labels and metadata inside it, as TensorFlow Lite lays down.

The names of the classes are `labels.txt` in a ZIP archive behind the model (`unzip -l student.tflite`), and a table,
`TFLITE_METADATA`, says what goes in and comes out. The library that wrote them, tflite-support, is made for Python up
to 3.11 and no longer kept, so the few tables are written here.
"""

import zipfile
from pathlib import Path

import numpy as np

from keras_kd.data.sources.decode import RESIZED

LABELS = "labels.txt"
NAME = "TFLITE_METADATA"
# Of metadata_schema.fbs, whose numbers stay: kinds of files, of content, of what is done to it.
AXIS_LABELS, FEATURES, IMAGE, NORMALIZATION, RGB, GREY = 2, 1, 2, 1, 1, 2


def describe(file, request):
    """Puts labels and metadata into a `.tflite` file, in place; without class names only the metadata.

    Args:
        file: its path.
        request: the `keras_kd.export.formats.format.Request` that it was written for.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    file = Path(file)
    model = schema.ModelT.InitFromPackedBuf(file.read_bytes(), 0)
    model.buffers.append(schema.BufferT(data=np.frombuffer(table(request), "uint8")))
    named = schema.MetadataT(name=NAME, buffer=len(model.buffers) - 1)
    model.metadata = [*(model.metadata or []), named]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(bytes(builder.Output()))
    if request.class_names:
        with zipfile.ZipFile(file, "a") as archive:
            # Of no date, so that the same student gives the same file.
            archive.writestr(zipfile.ZipInfo(LABELS), labels_text(request.class_names))


def labels_text(class_names):
    """The text of `labels.txt`: a line a class, in the order of the outputs.

    Example:
        >>> labels_text(["cat", "two\\nlines"])
        'cat\\ntwo lines\\n'
    """
    return "".join(" ".join(str(name).split()) + "\n" for name in class_names)


def table(request):
    """The metadata as bytes, of the schema of TensorFlow Lite, version 1.

    Args:
        request: as of `describe`.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    height, width, channels = request.image_shape
    pixels = _table(builder, offset={1: _table(builder, whole={0: width, 1: height})}, byte={0: _colours(channels)})
    as_given = {0: _numbers(builder, [0.0]), 1: _numbers(builder, [1.0])}  # mean and deviation
    unchanged = _table(builder, byte={0: NORMALIZATION}, offset={1: _table(builder, offset=as_given)})
    limits = _table(builder, offset={0: _numbers(builder, [255.0]), 1: _numbers(builder, [0.0])})
    about = f"pixels 0..255 of {height} x {width}, not normalised by the caller; images resized {_resized(request)}"
    taken = {0: _text(builder, "images"), 1: _text(builder, about), 4: _listed(builder, unchanged), 5: limits}
    image = _table(builder, offset={**taken, 3: _content(builder, IMAGE, pixels)})
    given = {0: _text(builder, request.outputs), 1: _text(builder, f"{request.outputs} of each class")}
    if request.class_names:
        named = {0: _text(builder, LABELS), 1: _text(builder, "a line a class, in the order of the outputs")}
        given[6] = _listed(builder, _table(builder, offset=named, byte={2: AXIS_LABELS}))
    output = _table(builder, offset={**given, 3: _content(builder, FEATURES, _table(builder))})
    graph = _table(builder, offset={2: _listed(builder, image), 3: _listed(builder, output)})
    said = f"classifies images, {len(request.class_names) or 'some'} classes; made by keras_kd"
    whole = {0: _text(builder, "student"), 1: _text(builder, said), 3: _listed(builder, graph)}
    builder.Finish(_table(builder, offset={**whole, 7: _text(builder, "1.0.0")}), b"M001")
    return bytes(builder.Output())


def _resized(request):
    return RESIZED[request.resize]


def _colours(channels):
    return {1: GREY, 3: RGB}.get(channels, 0)


def _content(builder, kind, properties):
    return _table(builder, byte={0: kind}, offset={1: properties})


def _text(builder, text):
    return builder.CreateString(text)


def _numbers(builder, values):
    return builder.CreateNumpyVector(np.array(values, "float32"))


def _listed(builder, *tables):
    builder.StartVector(4, len(tables), 4)
    for one in reversed(tables):
        builder.PrependUOffsetTRelative(one)
    return builder.EndVector()


def _table(builder, offset=None, byte=None, whole=None):
    """A table of fields by their numbers: `offset` of what was written before, `byte` and `whole` numbers."""
    offset, byte, whole = offset or {}, byte or {}, whole or {}
    builder.StartObject(max([*offset, *byte, *whole], default=-1) + 1)
    for number, value in offset.items():
        builder.PrependUOffsetTRelativeSlot(number, value, 0)
    for number, value in whole.items():
        builder.PrependUint32Slot(number, value, 0)
    for number, value in byte.items():
        builder.PrependUint8Slot(number, value, 0)
    return builder.EndObject()
