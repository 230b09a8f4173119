"""ONNX, written by Keras through tf2onnx and run by onnxruntime."""

from keras_kd.export.formats.format import Format, in_batches
from keras_kd.export.formats.saved_model import signature


def write(model, file, request):
    """Writes a model as ONNX; as of `Format`."""
    model.export(str(file), format="onnx", input_signature=signature(model, request), verbose=False)


def run(file, images):
    """The outputs of an ONNX file; as of `Format`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = "uint8" if "uint8" in given.type else "float32"
    found = in_batches(lambda batch: session.run(None, {given.name: batch.astype(kind)})[0], images, 100)
    return found, {"any_batch": not isinstance(given.shape[0], int), "inputs": kind}


NEEDS = (("tf2onnx", "tf2onnx"), ("onnxruntime", "onnxruntime"))
FORMATS = {"onnx": Format("student.onnx", write, run, gates="float32", needs=NEEDS)}
