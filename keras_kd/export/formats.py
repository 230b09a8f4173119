"""The formats that a student is exported to: their files, what each needs, and how Keras writes each."""

import numpy as np

from keras_kd.utils.lazy import installed, keras

FILES = {
    "saved_model": "saved_model",
    "litert_float32": "student.tflite",
    "litert_float16": "student_float16.tflite",
    "litert_dynamic": "student_dynamic.tflite",
    "litert_int8": "student_int8.tflite",
    "litert_int8_float": "student_int8_float.tflite",
    "onnx": "student.onnx",
}
FORMATS = tuple(FILES)
DEFAULTS = ("saved_model", "litert_float32", "litert_int8")
INPUTS, OUTPUTS = ("float32", "uint8"), ("logits", "probabilities")
CALIBRATED = ("litert_int8", "litert_int8_float")
# What a format needs beside TensorFlow: (module, package).
NEEDS = {"onnx": (("tf2onnx", "tf2onnx"), ("onnxruntime", "onnxruntime"))}
_MEASURED = (
    "bytes", "max_difference", "mean_difference", "agreement", "accuracy", "keras_accuracy", "accuracy_drop",
    "images", "input_scale", "input_zero_point", "any_batch", "inputs", "outputs", "made_of", "circumstance",
)  # fmt: skip


def missing_here(formats):
    """What is to be said where a package that some formats need is not installed; None where all are."""
    needed = {"tensorflow": list(formats)} if formats else {}
    litert = [name for name in formats if name.startswith("litert")]
    needed |= {"ai_edge_litert": litert} if litert else {}
    needed |= {package: [name] for name in formats for _, package in NEEDS.get(name, ())}
    modules = {package: module for needs in NEEDS.values() for module, package in needs}
    for package, wanting in needed.items():
        if not installed(modules.get(package, package)):
            return (
                f"{package} is not installed here; {', '.join(wanting)} need{'s' * (len(wanting) == 1)} it; install "
                "it, or run `keras-kd export RUN` on a machine that has it"
            )
    return None


def not_written(folder, reason):
    """What is said where the machine does not let a file be written."""
    return f"{folder}: the export cannot be written: {reason}; cure that and give the same command again"


def result_of(name, failures=(), flex_ops=(), seconds=0.0, **measured):
    """What is told of the file of a format, see `keras_kd.export.export.export`; what was not measured is None."""
    return {
        "file": FILES[name],
        "format": name,
        **dict.fromkeys(_MEASURED),
        **measured,
        "flex_ops": list(flex_ops),
        "passed": not failures,
        "failures": list(failures),
        "seconds": round(seconds, 2),
    }


def deployed(name, student, image_shape, inputs, softmax):
    """The student with what is baked in: pixels as they are stored, a softmax, a named output."""
    # LiteRT's own int8 takes uint8 pixels without a layer of ours.
    as_pixels = inputs == "uint8" and name != "litert_int8"
    image = keras.Input(image_shape, dtype="uint8" if as_pixels else "float32", name="images")
    x = keras.ops.cast(image, "float32") if as_pixels else image
    x = student(x)
    if softmax:
        x = keras.layers.Softmax(name="probabilities")(x)
    return keras.Model(image, x, name="student")


def convert(name, student, file, image_shape, calibration_images, job):
    """Writes the file of a format.

    Args:
        name: the format.
        student: of `deployed`.
        file: where it goes.
        image_shape: (height, width, channels).
        calibration_images: uint8, (n, height, width, channels); None for formats without full int8.
        job: {"inputs", "outputs"}, as of `keras_kd.export.export.export`.
    """
    dtype = keras.tree.flatten(student.inputs)[0].dtype
    signature = [keras.InputSpec(shape=(None, *image_shape), dtype=dtype, name="images")]
    if name == "saved_model":
        archive = keras.export.ExportArchive()
        archive.track(student)

        def serve(images):
            return {job["outputs"]: student(images, training=False)}

        archive.add_endpoint("serving_default", serve, input_signature=signature)
        archive.write_out(str(file), verbose=False)
        return
    if name == "onnx":
        return student.export(str(file), format="onnx", input_signature=signature, verbose=False)
    from tensorflow import float16, int8, lite, uint8

    options = {}
    if name != "litert_float32":
        options["optimizations"] = [lite.Optimize.DEFAULT]
    if name == "litert_float16":
        options["target_spec"] = {"supported_types": [float16]}
    if name in CALIBRATED:
        kind = np.dtype(dtype).type
        options["representative_dataset"] = lambda: _representative(calibration_images, kind)
        options["target_spec"] = {"supported_ops": [lite.OpsSet.TFLITE_BUILTINS_INT8]}
    if name == "litert_int8":
        options["inference_input_type"] = uint8 if job["inputs"] == "uint8" else int8
        options["inference_output_type"] = int8
    # Keras before 3.15 takes no Path there.
    student.export(str(file), format="litert", input_signature=signature, verbose=False, **options)


def _representative(images, kind=np.float32):
    """One image a batch."""
    for image in spanning(images).astype(kind):
        yield [image[None]]


def spanning(images):
    """Images in float32 that reach both ends of 0..255, so that the int8 input is exactly pixel - 128."""
    images = images.astype("float32")
    # Images that are nowhere near are a mistake, such as pixels in 0..1, that must not be hidden from the gate.
    if np.ptp(images) > 200:
        images.flat[images.argmin()], images.flat[images.argmax()] = 0, 255
    return images
