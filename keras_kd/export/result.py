"""What is told of an exported file: the dict of a result, and its line."""

from keras_kd.export.formats import FILES

MEASURED = (
    "bytes", "max_difference", "mean_difference", "agreement", "accuracy", "keras_accuracy", "accuracy_drop",
    "images", "input_scale", "input_zero_point", "any_batch", "batch", "inputs", "outputs", "made_of", "circumstance",
    "latency",
)  # fmt: skip


def result_of(name, failures=(), flex_ops=(), seconds=0.0, **measured):
    """The result of a format, as of `keras_kd.export.export.export`; what was not measured is None.

    Example:
        >>> result_of("onnx", failures=["no"])["passed"], result_of("onnx")["file"]
        (False, 'student.onnx')
    """
    return {
        "file": FILES[name],
        "format": name,
        **dict.fromkeys(MEASURED),
        **measured,
        "flex_ops": list(flex_ops),
        "passed": not failures,
        "failures": list(failures),
        "seconds": round(seconds, 2),
    }


def line_of(result):
    """A result in one line.

    Example:
        >>> line_of(result_of("onnx", failures=["no tf2onnx"]))
        'student.onnx: kept out: no tf2onnx'
    """
    if result["agreement"] is None:
        return f"{result['file']}: kept out: {'; '.join(result['failures'])}"
    kept_out = "" if result["passed"] else "kept out, "
    return (
        f"{result['file']}: {kept_out}{result['bytes'] / 1e6:.2f} MB, {100 * result['agreement']:.1f} % of "
        f"{result['images']} images as Keras, accuracy {result['accuracy']:.4f} "
        f"(Keras {result['keras_accuracy']:.4f})"
    )


def not_written(folder, reason):
    """What is said where the machine does not let an export be written."""
    return f"{folder}: the export cannot be written: {reason}; fix that and give the same command again"
