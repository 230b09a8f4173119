"""TensorFlow's SavedModel: a folder with a serving signature."""

import numpy as np

from keras_kd.export.formats.format import Format, in_batches
from keras_kd.utils.lazy import keras


def write(model, file, request):
    """Writes a model as a SavedModel; as of `Format`."""
    archive = keras.export.ExportArchive()
    archive.track(model)

    def serve(images):
        return {request.outputs: model(images, training=False)}

    archive.add_endpoint("serving_default", serve, input_signature=signature(model, request))
    archive.write_out(str(file), verbose=False)


def signature(model, request):
    """The one input of an exported file: "images", of the model's number, mostly any, and of its dtype."""
    given = keras.tree.flatten(model.inputs)[0]
    return [keras.InputSpec(shape=(given.shape[0], *request.image_shape), dtype=given.dtype, name="images")]


def run(file, images):
    """The outputs of a SavedModel; as of `Format`."""
    serve, shape, dtype = open_saved_model(file)
    return in_batches(serve, images, 100), {"any_batch": shape[0] is None, "inputs": dtype.name}


def open_saved_model(file):
    """(function of a batch of images, shape of the batch, its dtype) of a SavedModel's serving signature.

    Args:
        file: its folder.
    """
    import tensorflow

    loaded = tensorflow.saved_model.load(str(file))
    served = loaded.signatures["serving_default"]
    ((name, spec),) = served.structured_input_signature[1].items()

    def run_batch(batch):
        (logits,) = served(**{name: tensorflow.constant(batch, spec.dtype)}).values()
        return logits.numpy()

    run_batch.loaded = loaded  # a signature alone does not keep its variables alive
    return run_batch, tuple(spec.shape), np.dtype(spec.dtype.as_numpy_dtype)


FORMATS = {"saved_model": Format("saved_model", write, run, gates="float32")}
